package disk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk"
)

const otherUUID = "77777777-7777-4777-8777-777777777777"

// TestRunningRoot chooses between two disks that both hold a system.
func TestRunningRoot(t *testing.T) {
	system := func(name, uuid string, more map[string]string) disk.Device {
		content := map[string]string{"etc/os-release": "ID=" + name + "\n", "etc/passwd": "", "bin": "-> usr/bin", "etc/debian_version": "12"}
		for k, v := range more {
			content[k] = v
		}
		dev, err := disk.OpenImage(makeDisk(t, "gpt", 16384, part{2048, 8192, "", ext(uuid, "", files(t, content))}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = dev.Close() })
		return dev
	}
	names := func(uuid string) string { return "UUID=" + uuid + " / ext4 defaults 0 1\n" }
	cases := []struct {
		name                string
		first, second       map[string]string
		bootFirst, bootLast bool
		want, note          string
	}{
		{name: "first", want: "first", note: "(it comes first)"},
		{name: "fstab", second: map[string]string{"etc/fstab": names(otherUUID)}, want: "second", note: "its own etc/fstab names it"},
		{name: "fstab_of_another", second: map[string]string{"etc/fstab": names(varUUID)}, first: map[string]string{"etc/fstab": names(rootUUID)}, want: "first"},
		{
			name: "grub", first: map[string]string{
				"etc/fstab": names(rootUUID), "boot/grub/grub.cfg": "set root='hd0'\nlinux /vmlinuz root=UUID=" + otherUUID + " ro\nlinux /old root=UUID=" + rootUUID + "\n",
			},
			second: map[string]string{"etc/fstab": names(otherUUID)}, want: "second", note: "a boot loader's root= names it",
		},
		{
			name: "entries", second: map[string]string{"boot/loader/entries/a.conf": "title x\noptions root=UUID=" + otherUUID + " ro\n"},
			want: "second", note: "root= names it",
		},
		{name: "grubenv", second: map[string]string{"boot/grub2/grubenv": "kernelopts=root=UUID=" + otherUUID + " ro\n"}, want: "second", note: "root= names it"},
		{
			name: "boots", first: map[string]string{"etc/fstab": names(rootUUID), "boot/grub/grub.cfg": "linux /vmlinuz root=UUID=" + rootUUID + "\n"},
			bootLast: true, want: "second", note: "the machine boots from its disk",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			open := func(dev disk.Device, name string, boots bool) *disk.Disk {
				d, err := disk.Open(dev, disk.Options{Name: name, Boots: boots})
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			root, err := disk.Mount(open(system("first", rootUUID, c.first), "/dev/sda", c.bootFirst), open(system("second", otherUUID, c.second), "/dev/sdf", c.bootLast))
			if err != nil {
				t.Fatal(err)
			}
			if got := text(root, "etc/os-release"); got != "ID="+c.want+"\n" {
				t.Errorf("got %q, want %s", got, c.want)
			}
			if notes := strings.Join(root.Info().Notes, "; "); !strings.Contains(notes, c.note) || !strings.Contains(notes, "several volumes hold an operating system") {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			if len(root.Unmounted) != 1 || root.Unmounted[0].Err.Error() != "another root file system is used" {
				t.Errorf("unmounted %+v", root.Unmounted)
			}
		})
	}
}

// TestUnits mounts by systemd's mount units and by crypttab's names.
func TestUnits(t *testing.T) {
	unit := func(what, where, more string) string {
		return "[Unit]\nWhat=/no\n[Mount]\n# What=/dev/none\nWhat=" + what + "\nWhere=" + where + "\n" + more
	}
	root, err := disk.Mount(unitDisk(t, map[string]string{
		"etc/passwd": "", "etc/os-release": "", "home/": "", "var/": "", "secret/": "", "usr/": "", "twice/": "",
		"etc/fstab":                                            "LABEL=usr /twice ext4 defaults 0 0\n/dev/mapper/vault /secret ext4 defaults 0 0\n",
		"etc/crypttab":                                         "# name device\nvault UUID=55555555-5555-4555-8555-555555555555 none luks\n",
		"etc/systemd/system/home.mount":                        unit("/dev/disk/by-label/HOME", "/home", "Type=ext4\n"),
		"etc/systemd/system/var.mount":                         unit("UUID="+varUUID, "/var", "Options=ro,noatime\n"),
		"etc/systemd/system/twice.mount":                       unit("UUID="+varUUID, "/twice", ""),
		"etc/systemd/system/tmp.mount":                         unit("tmpfs", "/tmp", "Type=tmpfs\n"),
		"etc/systemd/system/broken.mount":                      "[Mount]\nWhere=/usr\n",
		"etc/systemd/system/local-fs.target.wants/home.mount":  "-> ../home.mount",
		"etc/systemd/system/local-fs.target.wants/twice.mount": "-> ../twice.mount",
	}, ""))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range root.Mounts {
		got[m.Path] = m.Volume.Name
	}
	for _, u := range root.Unmounted {
		got[u.Path+"!"] = u.Err.Error()
	}
	want := map[string]string{
		"home": "home", "twice": "usr", "var!": "var.mount says noauto", "!": "nothing on the disk says where it is mounted", // the partition whose flag forbids it
		"secret!": `crypto_LUKS: encrypted with LUKS version 1, cipher "-", UUID 55555555-5555-4555-8555-555555555555: not supported`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// unitDisk makes a disk with a root, three more volumes and an encrypted one.
// varPart is the PARTUUID of the partition for /var.
func unitDisk(t testing.TB, root map[string]string, varPart string) *disk.Disk {
	t.Helper()
	one := func(text string) string { return files(t, map[string]string{"here": text}) }
	if varPart != "" {
		varPart = ", uuid=" + varPart
	}
	return openDisk(t, makeDisk(t, "gpt", 49152,
		part{2048, 8192, `, name="home", type=933AC7E1-2EB4-4F13-B844-0E14E2AEF915`, ext(homeUUID, "HOME", one("home"))},
		part{10240, 8192, `, name="var", type=4D21B016-B534-45C2-A9FB-5C16E091FD2D` + varPart, ext(varUUID, "var", one("var"))},
		part{18432, 8192, `, name="root"`, ext(rootUUID, "", files(t, root))},
		part{26624, 8192, `, name="usr", type=3B8F8425-20E0-4F3B-907F-1A25A76F98E8`, ext(otherUUID, "usr", one("srv"))},
		part{34816, 4096, `, name="raw"`, bytesAt(map[int64]string{0: "LUKS\xba\xbe\x00\x01", 168: "55555555-5555-4555-8555-555555555555\x00"})},
		part{38912, 8192, `, name="not", type=7EC6F557-3BC5-4ACA-B293-16EF5DF639D1, attrs="GUID:63"`, ext("88888888-8888-4888-8888-888888888888", "not", one("not"))},
	), disk.Options{Name: "/dev/xvda"})
}

// TestDiscoverable mounts partitions by their types where nothing else is said.
func TestDiscoverable(t *testing.T) {
	const machine = "0123456789abcdef0123456789abcdef"
	// From systemd 252: systemd-id128 machine-id --app-specific=4d21b016-… with this ID in etc/machine-id.
	const varPart = "c0c46eff-e386-4746-a2bd-0962cd326ea2"
	base := map[string]string{"etc/passwd": "", "etc/os-release": "", "home/": "", "var/": "", "srv/": "", "etc/machine-id": machine + "\n"}
	with := func(more map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range base {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, c := range []struct {
		name, varPart string
		root          map[string]string
		want          string
	}{
		{"all", varPart, base, "home srv var"},
		{"var_of_another_machine", "", base, "home srv"},
		{"folder_in_use", varPart, with(map[string]string{"srv/file": "x"}), "home var"},
		{"fstab_first", varPart, with(map[string]string{"etc/fstab": "UUID=" + varUUID + " /home ext4 defaults 0 0\n"}), "home srv"},
		{"no_folder", varPart, map[string]string{"etc/passwd": "", "etc/os-release": ""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, err := disk.Mount(unitDisk(t, c.root, c.varPart))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range root.Mounts {
				got = append(got, m.Path)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
			for _, u := range root.Unmounted {
				if u.Volume != nil && u.Volume.FS != nil && errors.Is(u.Err, disk.ErrNoFiles) {
					t.Errorf("%s is left out silently", u.Volume.Name)
				}
			}
		})
	}
}
