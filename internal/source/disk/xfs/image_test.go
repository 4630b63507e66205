package xfs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs"
)

// need skips the test loudly, or fails it where everything is required, unless root may loop-mount XFS here.
func need(t *testing.T, tools ...string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatalf("required: "+format, args...)
		}
		t.Skipf("SKIPPED, NOTHING TESTED: "+format, args...)
	}
	if os.Getuid() != 0 {
		missing("not root, so no loop mount")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		missing("no loop devices: %v", err)
	}
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\txfs\n") {
		missing("the kernel has no XFS (%v)", err)
	}
	for _, tool := range append(tools, "mkfs.xfs", "mount", "umount", "cp") {
		if _, err := exec.LookPath(tool); err != nil {
			missing("%s (Debian: xfsprogs) is missing", tool)
		}
	}
}

// run runs a program and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newImage makes a sparse image with an empty file system.
func newImage(t *testing.T, size string, mkfs ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "xfs.img")
	run(t, "truncate", "-s", size, image)
	run(t, "mkfs.xfs", append(append([]string{"-q"}, mkfs...), image)...)
	return image
}

// mounted mounts an image, calls fill with the folder and unmounts it.
func mounted(t *testing.T, image string, fill func(dir string)) {
	t.Helper()
	mountedWith(t, image, "loop", fill)
}

func mountedWith(t *testing.T, image, options string, fill func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	run(t, "mount", "-t", "xfs", "-o", options, image, dir)
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

func openDevice(t testing.TB, image string) volume.Device {
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

func openImage(t testing.TB, image string) volume.FS {
	t.Helper()
	fsys, err := xfs.Open(openDevice(t, image), xfs.Options{})
	if err != nil {
		t.Fatalf("open %s: %v", image, err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys
}

// bytesDevice is an image in memory.
type bytesDevice struct{ *bytes.Reader }

func inMemory(b []byte) volume.Device { return bytesDevice{bytes.NewReader(b)} }

func (d bytesDevice) Size() int64 { return d.Reader.Size() }

// sameTree compares a folder, as the kernel shows it, with a file system as hinomi reads it: names, types, modes,
// owners, times, links and every byte. It returns how many files and folders there were.
func sameTree(t *testing.T, want string, got volume.FS) (files, folders int) {
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
		for _, d := range compareFile(filepath.Join(want, name), got, name, entry) {
			differ("%s: %s", name, d)
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
			differ("%s: not seen", name)
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

// compareFile returns how one file differs.
func compareFile(path string, fsys volume.FS, name string, entry fs.DirEntry) (diffs []string) {
	add := func(s string) { diffs = append(diffs, s) }
	want, err := os.Lstat(path)
	if err != nil {
		return []string{"the kernel: " + err.Error()}
	}
	got, err := fsys.Lstat(name)
	if err != nil {
		return []string{err.Error()}
	}
	st, sys := got.Sys().(*volume.Stat), want.Sys().(*syscall.Stat_t)
	if got.Mode() != want.Mode() || entry.Type() != want.Mode().Type() {
		add("mode " + got.Mode().String() + ", want " + want.Mode().String())
	}
	if !want.IsDir() && got.Size() != want.Size() {
		add("size differs")
	}
	if !got.ModTime().Equal(want.ModTime()) {
		add("modified " + got.ModTime().String() + ", want " + want.ModTime().String())
	}
	if st.Ino != sys.Ino || st.UID != sys.Uid || st.GID != sys.Gid || uint64(st.Nlink) != uint64(sys.Nlink) {
		add("inode, owner or link count differs")
	}
	switch {
	case want.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		link, err2 := fsys.ReadLink(name)
		if err != nil || err2 != nil || target != link {
			add("target " + link + ", want " + target)
		}
	case want.Mode().IsRegular():
		if err := sameBytes(path, fsys, name); err != nil {
			add(err.Error())
		}
	case want.Mode()&fs.ModeDevice != 0:
		major, minor := sys.Rdev>>8&0xfff|sys.Rdev>>32&^0xfff, sys.Rdev&0xff|sys.Rdev>>12&^0xff
		if uint64(st.Major) != major || uint64(st.Minor) != minor {
			add("device number differs")
		}
	}
	return diffs
}

var errContent = errors.New("content differs")

func sameBytes(path string, fsys volume.FS, name string) error {
	w, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	g, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
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

func inodeNumber(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func openBytes(t testing.TB, b []byte) volume.FS {
	t.Helper()
	fsys, err := xfs.Open(inMemory(b), xfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}
