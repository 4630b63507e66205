package extract_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

func TestKernel(t *testing.T) {
	root := t.TempDir()
	for _, r := range []string{"6.1.0-9-amd64", "6.1.0-10-amd64", "5.10.0-8-amd64"} {
		write(t, root, "boot/vmlinuz-"+r, "x")
		write(t, root, "usr/lib/modules/"+r+"/modules.dep", "")
	}
	write(t, root, "usr/lib/modules/6.9.9-removed/modules.dep", "")
	link(t, root, "lib", "usr/lib")
	all := []string{"5.10.0-8-amd64", "6.1.0-10-amd64", "6.1.0-9-amd64"}
	for _, c := range []struct {
		name, make, text string
		opts             extract.Options
		want             inventory.Kernel
	}{
		{"highest", "", "", extract.Options{}, inventory.Kernel{Release: "6.1.0-10-amd64", Installed: all}},
		{"debian_link", "vmlinuz", "boot/vmlinuz-6.1.0-9-amd64", extract.Options{}, inventory.Kernel{Release: "6.1.0-9-amd64", Installed: all}},
		{
			"grub", "boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=ec2f0c-5.10.0-8-amd64\n####",
			extract.Options{},
			inventory.Kernel{Release: "5.10.0-8-amd64", Installed: all},
		},
		{"running", "", "", extract.Options{RunningKernel: "4.19.0-1"}, inventory.Kernel{Release: "4.19.0-1", Running: true, Installed: all}},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch {
			case c.make == "vmlinuz":
				link(t, root, c.make, c.text)
			case c.make != "":
				write(t, root, c.make, c.text)
			}
			if diff := cmp.Diff(c.want, run(t, os.DirFS(root), c.opts).Kernel); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if diff := cmp.Diff(inventory.Kernel{}, run(t, os.DirFS(t.TempDir()), extract.Options{}).Kernel); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("live_patches", func(t *testing.T) {
		inv := run(t, files(map[string]string{"var/lib/kpatch/5.14.0-70.el9.x86_64/kpatch-5_14_0-70-1-1.ko": ""}), extract.Options{})
		if !slices.ContainsFunc(inv.Notes, func(n string) bool { return strings.Contains(n, "live patches for the kernel 5.14.0-70.el9.x86_64") }) {
			t.Errorf("got notes %q", inv.Notes)
		}
	})
	t.Run("boot_elsewhere", func(t *testing.T) {
		inv := run(t, files(map[string]string{"usr/lib/modules/6.1.7-1.amzn2023/modules.dep": ""}), extract.Options{})
		if inv.Kernel.Release != "6.1.7-1.amzn2023" {
			t.Errorf("got %+v", inv.Kernel)
		}
	})
}

func TestRepositories(t *testing.T) {
	inv := run(t, files(map[string]string{
		"etc/yum.repos.d/amzn2-extras.repo": "[amzn2extra-docker]\nenabled = 1\nname=Extras\n[amzn2extra-docker-source]\nenabled = 0\n[main]\ngpgcheck=1\n",
		"etc/yum.repos.d/base.repo":         "; comment\n[base]\nbaseurl=https://x\n",
		"etc/yum.repos.d/base.repo.rpmsave": "[no]\n",
		"usr/share/dnf5/repos.d/five.repo":  "[five]\nenabled=false\n",
		"etc/apk/repositories.d/a.list":     "https://x:y@apk.example/main\n",
		"etc/dnf/modules.d/nodejs.module":   "[nodejs]\nname=nodejs\nstream=18\nprofiles=\nstate=enabled\n[ruby]\nstream=\n",
		"etc/apt/sources.list":              "# deb http://no/ x main\ndeb [arch=amd64 signed-by=/k] https://user:secret@repo.example/ubuntu jammy main universe # c\ndeb-src http://x/ y main\n",
		"etc/apt/sources.list.d/a.sources":  "Types: deb deb-src\nURIs: http://deb.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n contrib\n\nTypes: deb\nEnabled: no\nURIs: http://off.example/?token=secret\nSuites: x/\n",
	}), extract.Options{})
	want := []inventory.Repo{
		{ID: "amzn2extra-docker", Enabled: true, Topic: "docker"},
		{ID: "amzn2extra-docker-source", Topic: "docker-source"},
		{ID: "base", Enabled: true},
		{ID: "five"},
		{ID: "http://deb.example/debian bookworm main contrib", Enabled: true},
		{ID: "http://deb.example/debian bookworm-updates main contrib", Enabled: true},
		{ID: "http://off.example/ x/"},
		{ID: "https://apk.example/main", Enabled: true},
		{ID: "https://repo.example/ubuntu jammy main universe", Enabled: true},
		{ID: "nodejs", Enabled: true, Topic: "nodejs:18"},
	}
	if diff := cmp.Diff(want, inv.Repos); diff != "" {
		t.Error(diff)
	}
}
