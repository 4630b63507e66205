package xfs_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var update = flag.Bool("update", false, "make testdata again (needs root, loop devices and xfsprogs)")

// TestSeeds reads the committed images, which needs no tools. With -update it makes them first.
func TestSeeds(t *testing.T) {
	if *update {
		makeSeeds(t)
	}
	for _, tt := range []struct{ name, journal string }{
		{"clean", ""},
		{"crashed", "journal replayed: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := openBytes(t, seed(t, tt.name))
			got := contents(t, fsys)
			if n := len(got); n != 1242 {
				t.Errorf("got %d files and folders, want 1242", n)
			}
			state := "state 39\n"
			if tt.name == "clean" {
				state = "state 0\n"
			}
			if got["status"] != state {
				t.Errorf("status: got %q, want %q", got["status"], state)
			}
			for i := range 300 {
				if want := fmt.Sprintf("block %d", i); !strings.HasPrefix(got["fragmented"][i*8192:], want) {
					t.Fatalf("fragmented: got %.20q at %d, want %q", got["fragmented"][i*8192:], i*8192, want)
				}
			}
			if got["link500"] != "-> "+strings.Repeat("s", 500) {
				t.Errorf("link500: got %q", got["link500"])
			}
			if notes := fmt.Sprint(fsys.Info().Notes); !strings.Contains(notes, tt.journal) || tt.journal == "" && notes != "[]" {
				t.Errorf("notes %s", notes)
			}
		})
	}
}

// seed returns a committed image.
func seed(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".img.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// makeSeeds makes two images of 16 MiB: one after an orderly unmount, one as it was copied while mounted.
func makeSeeds(t *testing.T) {
	t.Helper()
	need(t)
	image := newImage(t, "16M", "--unsupported", "-l", "size=1368b", "-d", "agcount=1", "-m", "uuid=c0ffee00-1234-4000-8000-000000000001")
	mounted(t, image, func(dir string) { fillSmall(t, dir) })
	save(t, image, "clean")
	mounted(t, image, func(dir string) {
		for i := range 40 {
			replaceAtomically(t, filepath.Join(dir, "status"), fmt.Sprintf("state %d\n", i))
		}
		for i := range 40 {
			name := filepath.Join(dir, "dir1000", fmt.Sprintf("entry-%d", i))
			if err := os.Rename(name, name+"-new"); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(dir, "dir1", "entry-0")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(strings.Repeat("n", 700), filepath.Join(dir, "link700")); err != nil {
			t.Fatal(err)
		}
		syncFile(t, filepath.Join(dir, "status"))
		save(t, image, "crashed")
	})
}

func fillSmall(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "status"), []byte("state 0\n"), 0o644))
	for _, n := range []int{0, 1, 20, 200, 1000} {
		sub := filepath.Join(dir, fmt.Sprintf("dir%d", n))
		must(os.Mkdir(sub, 0o755))
		for i := range n {
			must(os.Link(filepath.Join(dir, "status"), filepath.Join(sub, fmt.Sprintf("entry-%d", i))))
		}
	}
	for i := range 10 {
		must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d", i)), []byte(strings.Repeat("x", i*700)), 0o644))
	}
	for _, n := range []int{1, 300, 500} {
		must(os.Symlink(strings.Repeat("s", n), filepath.Join(dir, fmt.Sprintf("link%d", n))))
	}
	f, err := os.Create(filepath.Join(dir, "fragmented"))
	must(err)
	for i := range int64(300) {
		_, err = f.WriteAt([]byte(fmt.Sprintf("block %d", i)), i*8192)
		must(err)
	}
	must(syscall.Fallocate(int(f.Fd()), 0, 300*8192, 1<<16))
	must(f.Close())
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
}

func save(t *testing.T, image, name string) {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".img.gz"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
