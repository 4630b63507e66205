package target_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/app/target"
)

// maxHeap is what reading a bad target may add to the heap: the largest caches are 64 MiB.
const maxHeap = 256 << 20

// read reads a target, and fails the test if that takes long or much memory.
func read(t *testing.T, name string) (*target.Scanned, error) {
	t.Helper()
	type outcome struct {
		s   *target.Scanned
		err error
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan outcome, 1)
	go func() {
		s, err := target.Read(ctx, core.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}, name, target.Options{})
		done <- outcome{s, err}
	}()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case o := <-done:
			if most > before+maxHeap {
				t.Errorf("%s: the heap grew by %d MiB, want %d at most", name, (most-before)>>20, maxHeap>>20)
			}
			return o.s, o.err
		case <-look.C:
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		case <-ctx.Done():
			t.Fatalf("%s: not read within a minute", name)
		}
	}
}

// wantGap wants an inventory that says what of it was not read.
func wantGap(t *testing.T, s *target.Scanned, err error, path, words string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Inventory.Gaps {
		if strings.Contains(g.Path, path) && strings.Contains(g.Reason, words) {
			return
		}
	}
	t.Errorf("got gaps %+v, want one of %s about %q", s.Inventory.Gaps, path, words)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// huge makes a file of 5 GB that takes no place on the disk.
func huge(t *testing.T, name string) string {
	t.Helper()
	write(t, name, nil)
	if err := os.Truncate(name, 5_000_000_000); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBadTarget gives one clear error for each thing that is no target.
func TestBadTarget(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ target, words string }{
		"missing":    {filepath.Join(dir, "none"), "no such file"},
		"empty":      {write(t, filepath.Join(dir, "empty"), nil), "empty"},
		"text":       {write(t, filepath.Join(dir, "notes.txt"), []byte("milk, eggs\n")), "SBOM"},
		"json":       {write(t, filepath.Join(dir, "a.json"), []byte(`{"a": 1}`)), "SBOM"},
		"noise":      {write(t, filepath.Join(dir, "noise.img"), bytes.Repeat([]byte{0, 7, 13}, 1<<18)), "not recognised"},
		"unreadable": {"/proc/self/mem", "input/output error"}, // its first page is never mapped; root may read all else
		"pipe":       {pipe, "named pipe"},
		"device":     {"/dev/zero", "character device"},
		"null":       {"/dev/null", "character device"},
		"huge_image": {huge(t, filepath.Join(dir, "x.img")), "not recognised"},
		"huge_jar":   {huge(t, filepath.Join(dir, "x.jar")), "not recognised"},
		"cut_gzip":   {cutGzip(t, filepath.Join(dir, "x.img.gz")), "unexpected EOF"},
		"not_gzip":   {write(t, filepath.Join(dir, "y.img.gz"), []byte("milk, eggs\n")), "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := read(t, tt.target)
			if err == nil {
				t.Fatalf("got %+v, want an error", s.Inventory)
			}
			if !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), filepath.Base(tt.target)) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %s and words about %q", err, filepath.Base(tt.target), tt.words)
			}
		})
	}
}

func cutGzip(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(bytes.Repeat([]byte("disk"), 1<<16)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, name, b.Bytes()[:b.Len()/2])
}

// exampleImage unpacks the example's disk.
func exampleImage(t *testing.T) string {
	t.Helper()
	in, err := os.Open(filepath.Join("..", "..", "..", "examples", "disk", "shop-web-01.img.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "disk.img")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestCutImage reads a disk of which the end is missing: whatever of it is still found is never taken for the whole.
func TestCutImage(t *testing.T) {
	image := exampleImage(t)
	whole, err := read(t, image)
	if err != nil || len(whole.Inventory.Gaps) != 0 {
		t.Fatalf("the whole image: %v, gaps %+v", err, whole.Inventory.Gaps)
	}
	info, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, tenths := range []int64{9, 5, 2, 0} {
		if err := os.Truncate(image, max(info.Size()*tenths/10, 4096)); err != nil {
			t.Fatal(err)
		}
		s, err := read(t, image)
		switch {
		case err != nil:
			t.Logf("%d0 %%: %v", tenths, err)
		case len(s.Inventory.Gaps) == 0:
			t.Errorf("%d0 %%: got %d of %d packages and no gap", tenths, len(s.Inventory.Packages), len(whole.Inventory.Packages))
		default:
			t.Logf("%d0 %%: %d of %d packages, %d gaps, first %+v", tenths, len(s.Inventory.Packages), len(whole.Inventory.Packages), len(s.Inventory.Gaps), s.Inventory.Gaps[0])
		}
	}
}

// TestLoopedImage reads a disk on which a folder holds the root.
func TestLoopedImage(t *testing.T) {
	for _, tool := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("SKIPPED: %s is missing (e2fsprogs)", tool)
		}
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for name, text := range map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\n", "opt/a/b/c": "c",
		"var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n",
	} {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, name), []byte(text))
	}
	image := write(t, filepath.Join(dir, "loop.img"), make([]byte, 8<<20))
	for _, args := range [][]string{
		{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-d", tree, image},
		{"debugfs", "-w", "-R", "ln / /opt/a/root", image},
		{"debugfs", "-w", "-R", "ln /opt/a /opt/a/b/up", image},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	s, err := read(t, image)
	wantGap(t, s, err, "opt/a", "two places")
	if len(s.Inventory.Packages) != 1 || s.Inventory.Packages[0].Name != "bash" {
		t.Errorf("got packages %+v, want bash, once", s.Inventory.Packages)
	}
}

// bomb is a jar whose nested jar unpacks to 1 GiB of zeros.
func bomb(t *testing.T) []byte {
	t.Helper()
	var inner bytes.Buffer
	pack := func(to io.Writer, name string, from io.Reader) {
		t.Helper()
		z := zip.NewWriter(to)
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, from); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	pack(&inner, "lib/inner.jar", io.LimitReader(zeros{}, 1<<30))
	return inner.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBadFolder reads a folder with all that can be wrong in one; the good package beside it is found.
func TestBadFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bomb.jar"), bomb(t))
	huge(t, filepath.Join(dir, "x.jar"))
	huge(t, filepath.Join(dir, "x.img"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.jar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "self")); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "node_modules", "good")
	if err := os.MkdirAll(good, 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(good, "package.json"), []byte(`{"name":"good","version":"1.2.3"}`))
	s, err := read(t, dir)
	wantGap(t, s, err, "bomb.jar", "1073741824 bytes unpacked")
	wantGap(t, s, err, "x.jar", "")
	if len(s.Inventory.Packages) != 1 || s.Inventory.Packages[0].Name != "good" {
		t.Errorf("got packages %+v, want good", s.Inventory.Packages)
	}
	for _, g := range s.Inventory.Gaps {
		t.Logf("%s: %s", g.Path, g.Reason)
	}
}
