package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk"
)

func tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/sbin", "/usr/sbin", "/bin", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT TESTED: %s is not installed", name)
	}
	t.Skipf("NOT TESTED: %s is not installed", name)
	return ""
}

func run(t testing.TB, input, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// files writes files under a new folder; a value "-> x" is a symbolic link, a
// name that ends in a slash a folder.
func files(t testing.TB, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(target, full)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(full, 0o755)
		} else {
			err = os.WriteFile(full, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// part is one partition of a made disk: sectors, and what fills it.
type part struct {
	start, count int64
	line         string // what sfdisk is told besides
	make         func(t testing.TB, image string)
}

func ext(uuid, label, source string, args ...string) func(testing.TB, string) {
	return func(t testing.TB, image string) {
		t.Helper()
		args := append([]string{"-q", "-F", "-t", "ext4", "-U", uuid, "-L", label, "-d", source}, args...)
		run(t, "", "mke2fs", append(args, image)...)
	}
}

func bytesAt(pairs map[int64]string) func(testing.TB, string) {
	return func(t testing.TB, image string) {
		t.Helper()
		f, err := os.OpenFile(image, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		for at, text := range pairs {
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// makeDisk writes a disk with the partitions and returns the image's name.
func makeDisk(t testing.TB, label string, sectors int64, parts ...part) string {
	t.Helper()
	dir := t.TempDir()
	image := filepath.Join(dir, "disk")
	empty := func(name string, size int64) {
		t.Helper()
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
	}
	empty(image, sectors*512)
	script := "label: " + label + "\nlabel-id: 0xcafe0123\nunit: sectors\n"
	if label == "gpt" {
		script = "label: gpt\nunit: sectors\n"
	}
	for _, p := range parts {
		script += fmt.Sprintf("start=%d, size=%d%s\n", p.start, p.count, p.line)
	}
	run(t, script, "sfdisk", "-q", image)
	for i, p := range parts {
		if p.make == nil {
			continue
		}
		one := filepath.Join(dir, fmt.Sprintf("part%d", i))
		empty(one, p.count*512)
		p.make(t, one)
		run(t, "", "dd", "if="+one, "of="+image, "bs=512", fmt.Sprintf("seek=%d", p.start), "conv=notrunc,sparse", "status=none")
	}
	return image
}

func openDisk(t testing.TB, image string, opts disk.Options) *disk.Disk {
	t.Helper()
	dev, err := disk.OpenImage(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Close() })
	d, err := disk.Open(disk.NewCache(dev, 64<<10, 16<<20), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

const (
	rootUUID = "11111111-1111-4111-8111-111111111111"
	varUUID  = "22222222-2222-4222-8222-222222222222"
	homeUUID = "33333333-3333-4333-8333-333333333333"
)

// summary is what a volume says of itself.
func summary(d *disk.Disk) []string {
	var out []string
	for _, v := range d.Volumes {
		state := "read"
		switch {
		case errors.Is(v.Err, disk.ErrNoFiles):
			state = "no files"
		case errors.Is(v.Err, disk.ErrUnsupported):
			state = "unsupported"
		case errors.Is(v.Err, disk.ErrCorrupt):
			state = "corrupt"
		case v.Err != nil:
			state = v.Err.Error()
		case v.FS == nil:
			state = "neither file system nor reason"
		}
		out = append(out, fmt.Sprintf("%d %s %q %s", v.Number, v.Type, v.Name, state))
	}
	return out
}

// TestVolumes finds every kind of volume by its content.
func TestVolumes(t *testing.T) {
	source := files(t, map[string]string{"hello": "world"})
	xfs := func(t testing.TB, image string) {
		if err := os.Truncate(image, 300<<20); err != nil { // the least that mkfs.xfs makes
			t.Fatal(err)
		}
		run(t, "", "mkfs.xfs", "-q", "-f", image)
	}
	type kind struct {
		name, want string
		make       func(testing.TB, string)
	}
	kinds := []kind{
		{"root", `1 ext4 "root" read`, ext(rootUUID, "r", source)},
		{"swap", `2 swap "swap" no files`, func(t testing.TB, i string) { run(t, "", "mkswap", i) }},
		{"pv", `3 LVM2_member "pv" corrupt`, bytesAt(map[int64]string{512: "LABELONE", 512 + 24: "LVM2 001"})},
		{"md12", `4 linux_raid_member "md12" corrupt`, bytesAt(map[int64]string{4096: "\xfc\x4e\x2b\xa9\x01", 4096 + 144: "\x08"})},
		{"magic", `5  "magic" unsupported`, bytesAt(map[int64]string{(8192 - 16) * 512: "\xfc\x4e\x2b\xa9"})},
		{"luks", `6 crypto_LUKS "luks" unsupported`, bytesAt(map[int64]string{0: "LUKS\xba\xbe\x00\x02"})},
		{"btrfs", `7 btrfs "btrfs" corrupt`, bytesAt(map[int64]string{0x10040: "_BHRfS_M"})},
		{"ntfs", `8 ntfs "ntfs" corrupt`, bytesAt(map[int64]string{3: "NTFS    "})},
		{"efi", `9 vfat "efi" unsupported`, bytesAt(map[int64]string{82: "FAT32   ", 510: "\x55\xaa"})},
		{"squash", `10 squashfs "squash" unsupported`, bytesAt(map[int64]string{0: "hsqs"})},
		{"erofs", `11 erofs "erofs" corrupt`, bytesAt(map[int64]string{1024: "\xe2\xe1\xf5\xe0"})},
		{"zero", `12  "zero" unsupported`, nil},
		{"noise", `13  "noise" unsupported`, bytesAt(map[int64]string{100: "noise"})},
		{"broken", `14 ext4 "broken" corrupt`, bytesAt(map[int64]string{1024 + 0x38: "\x53\xef"})},
		{"feature", `15 ext4 "feature" unsupported`, bytesAt(map[int64]string{1024 + 0x38: "\x53\xef", 1024 + 0x4c: "\x01", 1024 + 0x62: "\x80"})},
	}
	var parts []part
	var want []string
	at := int64(2048)
	for _, k := range kinds {
		parts = append(parts, part{at, 8192, fmt.Sprintf(`, name="%s"`, k.name), k.make})
		want = append(want, k.want)
		at += 8192
	}
	parts = append(parts, part{at, 300 << 11, `, name="data"`, xfs})
	want = append(want, `16 xfs "data" read`)
	d := openDisk(t, makeDisk(t, "gpt", at+300<<11+4096, parts...), disk.Options{})
	if diff := cmp.Diff(want, summary(d)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if text := d.Volumes[14].Err.Error(); !strings.Contains(text, "unknown feature 0x800000") {
		t.Errorf("got %q: want the feature's name", text)
	}
	if len(d.Gaps) != 0 {
		t.Errorf("gaps %q", d.Gaps)
	}
}

// TestLogical reads a file system on a logical partition of an MBR.
func TestLogical(t *testing.T) {
	source := files(t, map[string]string{"etc/os-release": "ID=logical\n", "etc/passwd": ""})
	image := makeDisk(t, "dos", 65536,
		part{2048, 2048, ", type=83", nil},
		part{8192, 49152, ", type=5", nil},
		part{10240, 32768, ", type=83", ext(rootUUID, "", source)})
	d := openDisk(t, image, disk.Options{})
	if diff := cmp.Diff([]string{`1  "" unsupported`, `5 ext4 "" read`}, summary(d)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if got := d.Volumes[1].PartUUID; got != "cafe0123-05" {
		t.Errorf("PARTUUID: got %s", got)
	}
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(root, "etc/os-release"); string(text) != "ID=logical\n" {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestBare reads a file system without a partition table.
func TestBare(t *testing.T) {
	image := filepath.Join(t.TempDir(), "bare")
	if err := os.WriteFile(image, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ext(rootUUID, "bare", files(t, map[string]string{"a": "b"}))(t, image)
	d := openDisk(t, image, disk.Options{})
	if diff := cmp.Diff([]string{`0 ext4 "" read`}, summary(d)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if _, err := disk.Mount(d); !errors.Is(err, disk.ErrNoRoot) {
		t.Errorf("mount: got %v, want ErrNoRoot", err)
	}
	if err := fstest.TestFS(d.Volumes[0].FS, "a"); err != nil {
		t.Error(err)
	}
}

// counting counts the reads of a device.
type counting struct {
	data  *bytes.Reader
	reads atomic.Int64
	fail  atomic.Bool
}

func (c *counting) Size() int64 { return c.data.Size() }

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads.Add(1)
	if c.fail.Load() {
		return 0, errors.New("lost")
	}
	return c.data.ReadAt(p, off)
}

// TestCache holds that the cache gives the device's bytes, each block read once.
func TestCache(t *testing.T) {
	raw := make([]byte, 1_000_003)
	for i := range raw {
		raw[i] = byte(i * 7 >> 3)
	}
	dev := &counting{data: bytes.NewReader(raw)}
	cache := disk.NewCache(dev, 4096, 2<<20)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				off := int64(i*3331+g*17) % int64(len(raw))
				p := make([]byte, (i*977)%50_000)
				n, err := cache.ReadAt(p, off)
				want := min(len(p), len(raw)-int(off))
				if n != want || (n < len(p)) != errors.Is(err, io.EOF) || !bytes.Equal(p[:n], raw[off:int(off)+n]) {
					t.Errorf("ReadAt(%d at %d): %d, %v", len(p), off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if reads := dev.reads.Load(); reads > 245 {
		t.Errorf("%d reads for 245 blocks", reads)
	}
	dev.fail.Store(true)
	small := disk.NewCache(dev, 4096, 1)
	if _, err := small.ReadAt(make([]byte, 10), 0); err == nil {
		t.Error("a lost block was read")
	}
	dev.fail.Store(false)
	if n, err := small.ReadAt(make([]byte, 9000), 5); n != 9000 || err != nil {
		t.Errorf("after a lost block: %d, %v", n, err)
	}
	if _, err := small.ReadAt(make([]byte, 1), int64(len(raw))); !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %v", err)
	}
}
