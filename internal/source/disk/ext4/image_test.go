package ext4_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/ext4"
	"hinomi/internal/source/disk/volume"
)

// missing skips a test that cannot run here, loudly, or fails it where
// everything must run.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT TESTED: %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}

func tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/sbin", "/usr/sbin") {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return filepath.Join(dir, name)
		}
	}
	missing(t, name+" is not installed")
	return ""
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mke2fs makes an image of size bytes; source may be "".
func mke2fs(t testing.TB, size int64, source string, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-q", "-F", "-U", "6e0cd42e-8d2b-4f2c-9a3e-1b9a50b4c111", "-L", "a label"}, args...)
	if source != "" {
		args = append(args, "-d", source)
	}
	run(t, "mke2fs", append(args, image)...)
	return image
}

// fileDevice is an image file.
type fileDevice struct {
	*os.File
	size int64
}

func (d *fileDevice) Size() int64 { return d.size }

func device(t testing.TB, image string) volume.Device {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return &fileDevice{f, info.Size()}
}

func open(t testing.TB, image string) volume.FS {
	t.Helper()
	fsys, err := ext4.Open(device(t, image))
	if err != nil {
		t.Fatalf("open %s: %v", image, err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys
}

// node is what is compared of one name.
type node struct {
	Mode   string
	Size   int64
	Sum    string
	Target string
	Nlink  uint64
	UID    uint32
	MTime  time.Time
}

// tree writes a source tree with every kind of file, and returns its folder.
func tree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	write := func(name string, data []byte) {
		t.Helper()
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	for _, n := range []int{0, 1, 59, 60, 61, 100, 140, 255, 1023, 1024, 1025, 4096, 5000, 65536, 300_000, 5_000_000} {
		write(fmt.Sprintf("sizes/%07d", n), noise(n))
	}
	for i := range 400 {
		write(fmt.Sprintf("many/file-with-a-rather-long-name-%04d-%s", i, strings.Repeat("x", i%100)), noise(i%70))
	}
	write("etc/os-release", []byte("ID=test\n"))
	write("odd/new\nline", []byte("newline"))
	write("odd/\xff\xfe not utf-8", []byte("bytes"))
	write("odd/"+strings.Repeat("n", 255), []byte("long"))
	write("a/b/c/d/e/f/g/h/deep", []byte("deep"))
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	// mke2fs 1.47 with inline_data loses a hole at the end, so there is none.
	for _, at := range []int64{0, 70_000, 900_000, 3_000_000, 8_995_000} {
		if _, err := sparse.WriteAt(noise(5000), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := sparse.Close(); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"link-fast": "etc/os-release", "link-abs": "/etc/os-release", "link-dir": "a/b",
		"link-up": "../../../etc/os-release", "link-self": "link-self",
		"link-59": strings.Repeat("./", 22) + "etc/os-release./", "link-slow": strings.Repeat("./", 200) + "etc/os-release",
		"a/b/back": "../../etc", "link-none": "nothing/here",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "etc/os-release"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "hard"), time.Time{}, time.Date(2050, 1, 2, 3, 4, 5, 123456789, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ofOS reads a folder of this machine.
func ofOS(t testing.TB, dir string) map[string]node {
	t.Helper()
	nodes := map[string]node{}
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, full)
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		n := node{Mode: info.Mode().String(), Nlink: uint64(st.Nlink), UID: st.Uid, MTime: info.ModTime().UTC()}
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			n.Size, n.Sum = info.Size(), fmt.Sprintf("%x", sha256.Sum256(data))
		case info.Mode().Type() == fs.ModeSymlink:
			if n.Target, err = os.Readlink(full); err != nil {
				return err
			}
		case info.IsDir():
			n.Nlink = 0
		}
		nodes[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// ofFS reads a file system through our reader.
func ofFS(t testing.TB, fsys volume.FS) map[string]node {
	t.Helper()
	nodes := map[string]node{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %q: %w", name, err)
		}
		if name == "lost+found" {
			return fs.SkipDir
		}
		info, err := fsys.Lstat(name)
		if err != nil {
			return err
		}
		if d.Type() != info.Mode().Type() {
			t.Errorf("%q: entry says %v, inode %v", name, d.Type(), info.Mode().Type())
		}
		st := info.Sys().(*volume.Stat)
		n := node{Mode: info.Mode().String(), Nlink: uint64(st.Nlink), UID: st.UID, MTime: info.ModTime()}
		switch {
		case info.Mode().IsRegular():
			n.Size, n.Sum = info.Size(), sum(t, fsys, name)
		case info.Mode().Type() == fs.ModeSymlink:
			if n.Target, err = fsys.ReadLink(name); err != nil {
				return err
			}
		case info.IsDir():
			n.Nlink = 0
		}
		nodes[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// sum reads a file three ways, which must agree: whole, in odd pieces through
// Read, and from its end through ReadAt.
func sum(t testing.TB, fsys fs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, info.Size())
	if n, err := f.(io.ReaderAt).ReadAt(whole, 0); n != len(whole) || err != nil && err != io.EOF {
		t.Fatalf("%q: ReadAt: %d of %d, %v", name, n, len(whole), err)
	}
	var read bytes.Buffer
	if _, err := io.CopyBuffer(&read, struct{ io.Reader }{f}, make([]byte, 3333)); err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	if !bytes.Equal(read.Bytes(), whole) {
		t.Errorf("%q: Read and ReadAt differ", name)
	}
	back := make([]byte, len(whole))
	for end := len(back); end > 0; {
		start := max(0, end-7777)
		if n, err := f.(io.ReaderAt).ReadAt(back[start:end], int64(start)); n != end-start {
			t.Fatalf("%q: ReadAt %d: %d, %v", name, start, n, err)
		}
		end = start
	}
	if !bytes.Equal(back, whole) {
		t.Errorf("%q: ReadAt in pieces differs", name)
	}
	return fmt.Sprintf("%x", sha256.Sum256(whole))
}

func diff(t testing.TB, want, got map[string]node) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%.4000s", d)
	}
}
