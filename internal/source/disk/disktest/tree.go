package disktest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/source/disk/volume"
)

// Need skips the test loudly, or fails it where HINOMI_TEST_REQUIRE=all, unless the tools are there and, if kernel names a file system, root may
// loop-mount it.
func Need(t testing.TB, kernel string, tools ...string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatalf("required: "+format, args...)
		}
		t.Skipf("SKIPPED, NOTHING TESTED: "+format, args...)
	}
	if os.Getuid() != 0 {
		missing("not root, so no loop mount and no device nodes")
	}
	if kernel != "" {
		if _, err := os.Stat("/dev/loop-control"); err != nil {
			missing("no loop devices: %v", err)
		}
		if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\t"+kernel+"\n") {
			missing("the kernel has no %s (%v)", kernel, err)
		}
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing("%s is missing", tool)
		}
	}
}

// Run runs a program and returns what it prints.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Mounted mounts an image with options besides "loop", calls fill with the folder, and unmounts it.
func Mounted(t testing.TB, image, kernel, options string, fill func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	Run(t, "mount", "-t", kernel, "-o", strings.TrimSuffix("loop,"+options, ","), image, dir)
	defer func() {
		// The test's context may have ended already; the mount must not outlive it.
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v\n%s", dir, err, out)
		}
	}()
	fill(dir)
}

// fileDevice is an image file as a device.
type fileDevice struct {
	*os.File
	size int64
}

func (d fileDevice) Size() int64 { return d.size }

// File opens an image as a device.
func File(t testing.TB, image string) volume.Device {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return fileDevice{f, st.Size()}
}

// Fill makes a tree with every kind of file: many entries, long and odd names, links of both kinds, devices, sparse, large, compressible and
// incompressible files.
func Fill(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	write := func(b []byte, elem ...string) { t.Helper(); must(os.WriteFile(path(elem...), b, 0o644)) }
	for _, n := range []int{0, 1, 1500} {
		sub := fmt.Sprintf("dir%d", n)
		must(os.Mkdir(path(sub), 0o755))
		for i := range n {
			write([]byte(fmt.Sprint("content ", i)), sub, fmt.Sprintf("entry-%d-%s", i, strings.Repeat("x", i%60)))
		}
	}
	must(os.MkdirAll(path("a", "deep", "path", "of", "some", "folders"), 0o711))
	write([]byte("deep"), "a", "deep", "path", "of", "some", "folders", "file")
	write([]byte("long"), strings.Repeat("n", 255))
	write([]byte("odd"), "odd \xff\xfe\n name")
	for _, n := range []int{1, 60, 1000, 3000} {
		must(os.Symlink(strings.Repeat("s", n), path(fmt.Sprintf("link%d", n))))
	}
	must(os.Symlink("dir1/../a/deep", path("link")))
	must(os.WriteFile(path("hard1"), []byte("hard"), 0o755))
	must(os.Chmod(path("hard1"), 0o4711|os.ModeSetuid))
	must(os.Link(path("hard1"), path("dir1", "hard2")))
	write(nil, "empty")
	must(syscall.Mkfifo(path("fifo"), 0o644))
	must(syscall.Mknod(path("null"), syscall.S_IFCHR|0o666, 1<<8|3))
	must(syscall.Mknod(path("disk"), syscall.S_IFBLK|0o660, 259<<8|7))
	must(os.Chown(path("empty"), 70000, 80000))
	must(os.Chmod(path("dir0"), 0o1777|os.ModeSticky))
	text := strings.Repeat("the quick brown fox jumps over the lazy dog; ", 20)
	for _, n := range []int{1, 100, 2000, 4095, 4096, 4097, 131072, 131073, 1 << 20, 2<<20 + 12345} {
		var b bytes.Buffer
		for i := 0; b.Len() < n; i++ {
			fmt.Fprint(&b, i, text[:i%len(text)])
		}
		write(b.Bytes()[:n], fmt.Sprintf("text%d", n))
		write(Noise(n), fmt.Sprintf("noise%d", n))
	}
	mixed := append(append(Noise(200_000), []byte(strings.Repeat(text, 500))...), Noise(70_001)...)
	write(append(mixed, make([]byte, 300_000)...), "mixed")
	sparse, err := os.Create(path("sparse"))
	must(err)
	must(sparse.Truncate(64 << 20))
	_, err = sparse.WriteAt([]byte("middle"), 5<<20+77)
	must(err)
	_, err = sparse.WriteAt([]byte("late"), 40<<20)
	must(err)
	must(sparse.Close())
	must(os.Chtimes(path("empty"), time.Unix(1, 0), time.Unix(1234567890, 123456789)))
}

// Noise returns n bytes that cannot be compressed, always the same ones.
func Noise(n int) []byte {
	out := make([]byte, 0, n+32)
	for i := uint64(0); len(out) < n; i++ {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(n)})
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// Compare says what of two trees is compared besides names, types, modes, owners, targets and every byte.
type Compare struct {
	Inodes  bool // the numbers of inodes
	Links   bool // the counts of links of what is no folder
	Seconds bool // times, of which only the seconds are kept
	Times   bool // times in full
}

// SameTree compares a folder with a file system and returns how many files and folders there were.
func SameTree(t testing.TB, want string, got volume.FS, how Compare) (files, folders int) {
	t.Helper()
	seen := make(map[string]bool)
	differences := 0
	differ := func(format string, args ...any) {
		t.Helper()
		if differences++; differences <= 20 {
			t.Errorf(format, args...)
		}
	}
	err := fs.WalkDir(got, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			differ("walk %s: %v", name, err)
			return nil
		}
		seen[name] = true
		if entry.IsDir() {
			folders++
		} else {
			files++
		}
		for _, d := range how.file(filepath.Join(want, name), got, name, entry) {
			differ("%.80q: %s", name, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(want, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(want, path)
		if err == nil && !seen[name] {
			differ("%.80q: not seen", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if differences > 20 {
		t.Errorf("%d differences in all", differences)
	}
	return files, folders
}

// file returns how one file differs.
func (how Compare) file(path string, fsys volume.FS, name string, entry fs.DirEntry) (diffs []string) {
	add := func(format string, args ...any) { diffs = append(diffs, fmt.Sprintf(format, args...)) }
	want, err := os.Lstat(path)
	if err != nil {
		return []string{"wanted tree: " + err.Error()}
	}
	got, err := fsys.Lstat(name)
	if err != nil {
		return []string{err.Error()}
	}
	st, sys := got.Sys().(*volume.Stat), want.Sys().(*syscall.Stat_t)
	if got.Mode() != want.Mode() || entry.Type() != want.Mode().Type() {
		add("mode %v (entry %v), want %v", got.Mode(), entry.Type(), want.Mode())
	}
	if !want.IsDir() && got.Size() != want.Size() {
		add("size %d, want %d", got.Size(), want.Size())
	}
	if how.Times && !got.ModTime().Equal(want.ModTime()) || how.Seconds && got.ModTime().Unix() != want.ModTime().Unix() {
		add("modified %v, want %v", got.ModTime(), want.ModTime())
	}
	if st.UID != sys.Uid || st.GID != sys.Gid {
		add("owner %d:%d, want %d:%d", st.UID, st.GID, sys.Uid, sys.Gid)
	}
	if how.Inodes && st.Ino != sys.Ino {
		add("inode %d, want %d", st.Ino, sys.Ino)
	}
	if how.Links && !want.IsDir() && uint64(st.Nlink) != uint64(sys.Nlink) {
		add("%d links, want %d", st.Nlink, sys.Nlink)
	}
	switch {
	case want.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		link, err2 := fsys.ReadLink(name)
		if err != nil || err2 != nil || target != link {
			add("target %.80q (%v), want %.80q (%v)", link, err2, target, err)
		}
	case want.Mode().IsRegular():
		if err := sameBytes(path, fsys, name); err != nil {
			add("%v", err)
		}
	case want.Mode()&fs.ModeDevice != 0:
		major, minor := sys.Rdev>>8&0xfff|sys.Rdev>>32&^0xfff, sys.Rdev&0xff|sys.Rdev>>12&^0xff
		if uint64(st.Major) != major || uint64(st.Minor) != minor {
			add("device %d:%d, want %d:%d", st.Major, st.Minor, major, minor)
		}
	}
	return diffs
}

var errContent = errors.New("content differs")

func sameBytes(path string, fsys volume.FS, name string) (err error) {
	w, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	g, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	hw, hg := sha256.New(), sha256.New()
	if _, err := io.Copy(hw, w); err != nil {
		return err
	}
	if _, err := io.Copy(hg, g); err != nil {
		return err
	}
	if !bytes.Equal(hw.Sum(nil), hg.Sum(nil)) {
		return errContent
	}
	return nil
}
