package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/disktest"
)

// The disks that Linux wrote; the README.md beside them tells how.
var (
	groups = disktest.Archive("lvm/testdata/groups.tar.gz")
	arrays = disktest.Archive("md/testdata/arrays.tar.gz")
)

// openAll opens disks of an archive, each with its own name.
func openAll(t testing.TB, from *disktest.Disks, names string) []*disk.Disk {
	t.Helper()
	var out []*disk.Disk
	for _, name := range strings.Fields(names) {
		d, err := disk.Open(disktest.Memory(from.All(t)[name]), disk.Options{Name: "/dev/" + name})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

// TestMountGroup mounts a root on LVM2 over four disks, and what its fstab names in every way.
func TestMountGroup(t *testing.T) {
	root, err := disk.Mount(openAll(t, groups, "vda vdb vdc vdd")...)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"etc/os-release", "home/name", "srv/name", "opt/name", "var/name"} {
		got[name] = text(root, name)
	}
	want := map[string]string{
		"etc/os-release": "ID=lvm\n", "home/name": "strip-ed\n", "srv/name": "after\n", "opt/name": "mirror\n", "var/name": "no such file",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if root.Volume.Name != "vg-one/root" {
		t.Errorf("root: got %s", root.Volume.Name)
	}
	reasons := map[string]string{}
	for _, u := range root.Unmounted {
		if errors.Is(u.Err, disk.ErrNoFiles) {
			continue
		}
		reasons[u.Path+" "+u.Volume.Name] = u.Err.Error()
	}
	const alone = "nothing on the disk says where it is mounted"
	wantNot := map[string]string{
		"var vg-one/r5":   "logical volume vg-one/r5 (raid5): segment type raid5: not supported",
		" vg-one/r10":     "logical volume vg-one/r10 (raid10): segment type raid10: not supported",
		" vg-one/cached":  "logical volume vg-one/cached (cache): segment type cache: not supported",
		" vg-one/errors":  "logical volume vg-one/errors (error): segment type error: not supported",
		" vg-one/snap":    "logical volume vg-one/snap: snapshot of origin: not supported",
		" vg-one/between": "nothing is recognised, and the first 69632 bytes are zero: not supported",
		" vg-one/zeros":   "nothing is recognised, and the first 69632 bytes are zero: not supported",
		" vg-one/thin3":   "nothing is recognised, and the first 69632 bytes are zero: not supported",
		" vg-one/origin":  alone, " vg-one/r0": alone, " vg-one/r0m": alone, " vg-one/r1": alone, " vg-one/thin2": alone,
		" vg-one/thin4": alone, " vg-one/ext": alone,
	}
	if d := cmp.Diff(wantNot, reasons); d != "" {
		t.Errorf("unmounted: want -, got +:\n%s", d)
	}
	if info := root.Info(); len(info.Gaps) != 0 {
		t.Errorf("gaps %q", info.Gaps)
	}
}

// TestMissingDisk holds that a volume of which a disk is missing is named, with the physical volume.
func TestMissingDisk(t *testing.T) {
	_, err := disk.Mount(openAll(t, groups, "vda vdc vdd")...)
	if !errors.Is(err, disk.ErrNoRoot) || !strings.Contains(err.Error(), "vg-one/root (linear): physical volume pv1 (") ||
		!strings.Contains(err.Error(), "once /dev/vdb) is not among the disks") {
		t.Errorf("got %v", err)
	}
}

// TestAssemble finds file systems, partitions and volume groups on arrays.
func TestAssemble(t *testing.T) {
	cases := []struct{ name, disks, want string }{
		{"v090", "vda vdb", `0 ext4 "md1" read v090`},
		{"v10_stale_first", "vdc vdd", `0 ext4 "md/two" read v10`},
		{"v10_stale_alone", "vdc", `0 ext4 "md/two" read before`},
		{"v12_stale", "vdh vdg", `0 ext4 "md4" read v12`},
		{"partition", "vdi vdj", `1 ext4 "inside" read parted`},
		{"raid0", "vdk vdl", `0 ext4 "md6" read raid0`},
		{"raid0_half", "vdk", `0 md raid0 "md6" unsupported`},
		{"linear", "vdm vdn", `0 ext4 "md7" read linear`},
		{"raid5", "vdo vdp vdq", `0 md raid5 "md8" unsupported`},
		{"group", "vdt vdu", `0 LVM2_member "md10" no files|0 ext4 "onmd/data" read onmd`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			given := openAll(t, arrays, c.disks)
			all := disk.Assemble(given...)
			var got []string
			for _, d := range all[len(given):] {
				for i, line := range summary(d) {
					if v := d.Volumes[i]; v.FS != nil {
						line += " " + strings.TrimSpace(text(v.FS, "name"))
					}
					got = append(got, line)
				}
			}
			if d := cmp.Diff(c.want, strings.Join(got, "|")); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			for _, d := range given {
				if v := d.Volumes[0]; !errors.Is(v.Err, disk.ErrNoFiles) || v.FS != nil {
					t.Errorf("a member is still read by itself: %v", v.Err)
				}
			}
			if again := disk.Assemble(given...); !slices.Equal(again, all) {
				t.Errorf("a second time gives %d disks, not %d", len(again), len(all))
			}
		})
	}
}

// TestArrayNames finds arrays by the names that a line of fstab may give them.
func TestArrayNames(t *testing.T) {
	fstab := strings.Join([]string{
		"/dev/md5p1 /a ext4 defaults 0 0", "/dev/md/parted1 /b ext4 defaults 0 0", "/dev/md127p1 /c ext4 defaults 0 0", "/dev/md5p9 /d ext4 defaults 0 0",
	}, "\n")
	source := files(t, map[string]string{"etc/passwd": "", "etc/fstab": fstab, "a/": "", "b/": "", "c/": "", "d/": ""})
	first := openDisk(t, makeDisk(t, "gpt", 16384, part{2048, 8192, "", ext(rootUUID, "", source)}), disk.Options{Name: "/dev/xvda"})
	root, err := disk.Mount(append(openAll(t, arrays, "vdi vdj"), first)...)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/name": "parted\n", "b/name": "parted\n", "c/name": "parted\n", "d/name": "no such file"} {
		if got := text(root, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// watched counts the reads of a device's last 128 KiB.
type watched struct {
	*bytes.Reader
	end int
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > w.Size()-128<<10 && off > w.Size()/2 {
		w.end++
	}
	return w.Reader.ReadAt(p, off)
}

// TestEndUntouched holds that the end of a volume is not read where a file
// system fills it, as md has no room there.
func TestEndUntouched(t *testing.T) {
	bare := make([]byte, 12<<20)
	for name, c := range map[string]struct {
		content []byte
		most    int
	}{
		"file_system": {partitionOf(t), 0},
		"md_inside":   {arrays.All(t)["vda"], 9},
		"nothing":     {bare, 9},
	} {
		w := &watched{Reader: bytes.NewReader(c.content)}
		if _, err := disk.Open(w, disk.Options{}); err != nil {
			t.Fatal(err)
		}
		if w.end > c.most || c.most > 0 && w.end == 0 {
			t.Errorf("%s: %d reads of the end, want at most %d", name, w.end, c.most)
		}
	}
}

// partitionOf is a bare ext4 that fills its device.
func partitionOf(t testing.TB) []byte {
	t.Helper()
	d := makeDisk(t, "gpt", 30720, part{2048, 24576, "", ext(rootUUID, "", files(t, map[string]string{"f": ""}))})
	dev, err := disk.OpenImage(d)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	b := make([]byte, 24576*512)
	if _, err := dev.ReadAt(b, 2048*512); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSignatures names what holds files and is not read.
func TestSignatures(t *testing.T) {
	cases := map[string][]byte{}
	for kind, at := range map[string]map[int]string{
		"crypto_LUKS": {0: "LUKS\xba\xbe\x00\x02\x00\x00\x00\x00\x00\x00\x40\x00"},
		"zfs_member":  {16384: "\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x24\x00\x00\x00\x20\x00\x00\x00\x07version\x00"},
		"bcache":      {4096 + 24: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
		"refs":        {3: "ReFS\x00\x00\x00\x00"}, "apfs": {32: "NXSB"}, "hfsplus": {1024: "H+\x00\x04"}, "f2fs": {1024: "\x10\x20\xf5\xf2"},
		"jfs": {32768: "JFS1"}, "reiserfs": {65536 + 52: "ReIsEr2Fs"}, "BitLocker": {3: "-FVE-FS-"}, "ufs2": {65536 + 1372: "\x19\x01\x54\x19"},
	} {
		b := make([]byte, 1<<20)
		for off, s := range at {
			copy(b[off:], s)
		}
		cases[kind] = b
	}
	for kind, b := range cases {
		d, err := disk.Open(disktest.Memory(b), disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if v := d.Volumes[0]; v.Type != kind || !errors.Is(v.Err, disk.ErrUnsupported) {
			t.Errorf("%s: got %q, %v", kind, v.Type, v.Err)
		}
	}
}

// TestHeaders reads headers that the real tools wrote.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       []string
	}{
		{"luks1", `cipher "aes-xts-plain64"`, []string{"cryptsetup", "luksFormat", "--type", "luks1", "--batch-mode", "--pbkdf-force-iterations", "1000"}},
		{"luks2", `cipher "aes-xts-plain64"`, []string{"cryptsetup", "luksFormat", "--type", "luks2", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}},
		{"nilfs2", "nilfs2: not supported", []string{"mkfs.nilfs2", "-q"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(image, 256<<20); err != nil {
				t.Fatal(err)
			}
			args := append(c.make[1:], image)
			if c.make[0] == "cryptsetup" {
				args = append(args, "-")
			}
			run(t, "a passphrase", c.make[0], args...)
			v := openDisk(t, image, disk.Options{}).Volumes[0]
			if !errors.Is(v.Err, disk.ErrUnsupported) || !strings.Contains(v.Err.Error(), c.want) {
				t.Errorf("got %v, want %q", v.Err, c.want)
			}
		})
	}
}
