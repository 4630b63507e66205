package reading_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hinomi/internal/app/reading"
	"hinomi/internal/sandbox"
	"hinomi/internal/source/disk"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == reading.Argument {
		if err := reading.InChild(context.Background(), os.Stdin, os.Stdout, time.Now); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "__here" {
		if err := here(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "__liar" {
		if err := liar(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// here is a process that reads a disk by itself, as one without a child would.
func here(path string) error {
	img, err := disk.OpenImage(path)
	if err != nil {
		return err
	}
	defer img.Close() //nolint:errcheck // only read
	_, _, err = reading.Read(context.Background(), job, []reading.Device{img}, time.Now, nil)
	return err
}

// liar is a child that gives a result which no reader gives.
func liar(result string) error {
	return sandbox.Child(context.Background(), os.Stdin, os.Stdout, func(context.Context, *sandbox.Session) ([]byte, error) {
		return []byte(result), nil
	})
}

// job reads one disk that nothing is known of.
var job = reading.Job{Method: "agentless", Source: "test", Disks: []reading.Disk{{}}}

func reader() reading.Reader {
	return reading.Reader{Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

func open(t testing.TB, path string) *disk.Image {
	t.Helper()
	img, err := disk.OpenImage(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = img.Close() })
	return img
}

// example unpacks the example's disk.
func example(t testing.TB) string {
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
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// debian is an ext4 image of the real Debian that the tests of package app make and keep.
func debian(t testing.TB) string {
	t.Helper()
	cache := os.Getenv("HINOMI_TEST_CACHE")
	if cache == "" {
		cache = filepath.Join(os.TempDir(), "hinomi-test-cache")
	}
	root := filepath.Join(cache, "extract-debian12")
	if _, err := os.Stat(filepath.Join(root, ".complete")); err != nil {
		missing(t, "no Debian root; go test ./internal/app -run TestImageDebian makes it: "+err.Error())
	}
	return ext4(t, root, 600<<20)
}

// missing skips a test, loudly, or fails it where everything is required.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT RUN, but HINOMI_TEST_REQUIRE=all: %s", why)
	}
	t.Skipf("SKIPPED, NOTHING TESTED: %s", why)
}

// ext4 is an image of a tree.
func ext4(t testing.TB, root string, size int64) string {
	t.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil {
		missing(t, err.Error())
	}
	path := filepath.Join(t.TempDir(), "ext4.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, path).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	return path
}
