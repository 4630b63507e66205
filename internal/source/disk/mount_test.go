package disk_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk"
)

// serverDisk makes a disk with separate /var, /usr and /home, as fstab says.
func serverDisk(t testing.TB, fstab string) *disk.Disk {
	t.Helper()
	root := files(t, map[string]string{
		"etc/fstab": fstab, "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/os-release": "-> ../usr/lib/os-release",
		"var/hidden": "under the mount point", "usr/": "", "home/": "", "run/lock/": "", "srv/data/": "", "my data/": "",
		"lib": "-> usr/lib", "opt": "-> /var/opt", "top": "root",
	})
	v := files(t, map[string]string{
		"lib/dpkg/status": "Package: bash\n", "lock": "-> /run/lock", "opt/app/pkg": "app", "up": "-> ../../../top", "top": "var",
	})
	usr := files(t, map[string]string{"lib/os-release": "ID=debian\n", "lib/libc.so": "libc"})
	home := files(t, map[string]string{"user/package.json": "{}"})
	return openDisk(t, makeDisk(t, "gpt", 40960,
		part{2048, 8192, `, name="home"`, ext(homeUUID, "HOME", home)},
		part{10240, 8192, `, name="var"`, ext(varUUID, "var vol", v)},
		part{18432, 8192, `, name="root"`, ext(rootUUID, "", root)},
		part{26624, 8192, `, name="usr"`, ext("44444444-4444-4444-8444-444444444444", "usr", usr)},
		part{34816, 4096, `, name="raw"`, bytesAt(map[int64]string{0: "LUKS\xba\xbe\x00\x01aes", 40: "xts-plain64", 168: "55555555-5555-4555-8555-555555555555\x00"})},
	), disk.Options{Name: "/dev/xvda"})
}

// text reads a file of the tree, or says why not.
func text(fsys fs.FS, name string) string {
	data, err := fs.ReadFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case err != nil:
		return err.Error()
	}
	return string(data)
}

// TestMount joins the volumes as fstab says.
func TestMount(t *testing.T) {
	d := serverDisk(t, `# a comment
UUID=`+rootUUID+` / ext4 defaults 0 1
LABEL="HOME"  /home ext4 nofail 0 2
/dev/disk/by-label/var\x20vol /var ext4 defaults 0 2
/dev/sda4 /usr ext4 ro 0 0
UUID=55555555-5555-4555-8555-555555555555 /srv/data ext4 defaults 0 2
UUID=66666666-6666-4666-8666-666666666666 /my\040data ext4 nofail 0 2
10.0.0.1:/export /nfs nfs4 _netdev 0 0
/var/opt /srv none bind 0 0
tmpfs /tmp tmpfs defaults 0 0
/dev/sdb1 none swap sw 0 0
`)
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"etc/os-release":         "ID=debian\n", // a link from one volume into another
		"var/lib/dpkg/status":    "Package: bash\n",
		"var/hidden":             "no such file", // hidden by the mount
		"home/user/package.json": "{}", "lib/libc.so": "libc", "opt/app/pkg": "app",
		"var/up":      "root", // relative, out of its volume
		"srv/app/pkg": "app",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = text(root, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if info, err := root.Stat("var/lock"); err != nil || !info.IsDir() || info.Name() != "lock" {
		t.Errorf("var/lock: %v, %v", info, err)
	}
	if info, err := root.Stat("var"); err != nil || info.Name() != "var" {
		t.Errorf("var: %v, %v", info, err)
	}
	var mounts, unmounted []string
	for _, m := range root.Mounts {
		mounts = append(mounts, m.Path+" "+m.Volume.Name+" "+m.Source)
	}
	for _, u := range root.Unmounted {
		unmounted = append(unmounted, u.Path+": "+u.Err.Error())
	}
	if diff := cmp.Diff([]string{"home home ", "var var ", "usr usr ", "srv var var/opt"}, mounts); diff != "" {
		t.Errorf("mounts: want -, got +:\n%s", diff)
	}
	wantNot := []string{
		`my data: "UUID=66666666-6666-4666-8666-666666666666" is on none of the disks: file does not exist`,
		`nfs: lies on another machine: not supported`,
		`srv/data: mount point: file does not exist`,
		`: crypto_LUKS: encrypted with LUKS version 1, cipher "aes-xts-plain64", UUID 55555555-5555-4555-8555-555555555555: not supported`,
	}
	if diff := cmp.Diff(wantNot, unmounted); diff != "" {
		t.Errorf("unmounted: want -, got +:\n%s", diff)
	}
	var walked []string
	err = fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() && !strings.Contains(name, "lost+found") {
			walked = append(walked, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"var/lib/dpkg/status", "home/user/package.json", "usr/lib/libc.so", "srv/app/pkg"} {
		if !slices.Contains(walked, name) {
			t.Errorf("walk: no %s in %q", name, walked)
		}
	}
}

// TestMountGaps holds that a volume that fstab wants and that cannot be read,
// or that nothing names, is listed.
func TestMountGaps(t *testing.T) {
	d := serverDisk(t, "UUID="+rootUUID+` / ext4 defaults 0 1
UUID=55555555-5555-4555-8555-555555555555 /var ext4 defaults 0 2
LABEL=HOME /home ext4 noauto 0 2
/dev/nvme0n1p4 /usr ext4 defaults 0 0
/dev/mapper/vg-lv /srv xfs defaults 0 0
`)
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range root.Unmounted {
		name := u.Path
		if u.Volume != nil {
			name += " " + u.Volume.Name
		}
		got[name] = u.Err.Error()
	}
	want := map[string]string{
		"var raw":   `crypto_LUKS: encrypted with LUKS version 1, cipher "aes-xts-plain64", UUID 55555555-5555-4555-8555-555555555555: not supported`,
		"home home": "fstab says noauto",
		"srv":       `"/dev/mapper/vg-lv" is on none of the disks: file does not exist`,
		" var":      "nothing on the disk says where it is mounted",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s\n%q", diff, slices.Sorted(maps.Keys(got)))
	}
	if got := text(root, "etc/os-release"); got != "ID=debian\n" {
		t.Errorf("usr by its NVMe name: got %q", got)
	}
}

// TestTwoDisks mounts a volume of a second disk, and does not guess between them.
func TestTwoDisks(t *testing.T) {
	source := files(t, map[string]string{"etc/passwd": "", "etc/fstab": "/dev/sdf1 /data ext4 defaults 0 0\n/dev/nvme1n1p1 /more ext4 defaults 0 0\n", "data/": "", "more/": ""})
	first := openDisk(t, makeDisk(t, "gpt", 16384, part{2048, 8192, "", ext(rootUUID, "", source)}), disk.Options{Name: "/dev/xvda"})
	second := openDisk(t, makeDisk(t, "gpt", 16384, part{2048, 8192, "", ext(varUUID, "", files(t, map[string]string{"f": "second"}))}), disk.Options{Name: "/dev/xvdf"})
	root, err := disk.Mount(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(root, "data/f"); got != "second" {
		t.Errorf("data/f: got %q", got)
	}
	if len(root.Unmounted) != 1 || !errors.Is(root.Unmounted[0].Err, disk.ErrUnsupported) || root.Unmounted[0].Path != "more" {
		t.Errorf("unmounted: %+v", root.Unmounted)
	}
}
