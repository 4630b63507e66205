package xfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"hinomi/internal/source/disk/volume"
)

// TestManyFiles reads a tree of the size of a real root, and a folder of 60,000 entries. Linking makes them fast.
func TestManyFiles(t *testing.T) {
	need(t)
	for _, tt := range []struct {
		name string
		mkfs []string
	}{{"block_4096", nil}, {"block_1024", []string{"-b", "size=1024"}}} {
		t.Run(tt.name, func(t *testing.T) {
			image := newImage(t, "2G", tt.mkfs...)
			mounted(t, image, func(dir string) {
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				large := filepath.Join(dir, "large")
				must(os.Mkdir(large, 0o755))
				for i := range 60000 {
					if i%1000 == 0 {
						must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("source%d", i)), []byte("x"), 0o644))
					}
					must(os.Link(filepath.Join(dir, fmt.Sprintf("source%d", i/1000*1000)), filepath.Join(large, fmt.Sprintf("entry-number-%d", i))))
				}
				for i := range 2000 {
					sub := filepath.Join(dir, fmt.Sprintf("d%d/e%d", i%50, i))
					must(os.MkdirAll(sub, 0o755))
					for j := range 10 {
						must(os.WriteFile(filepath.Join(sub, fmt.Sprintf("file%d", j)), []byte("content"), 0o644))
					}
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			fsys := openImage(t, image)
			begun := time.Now()
			entries, err := fsys.ReadDir("large")
			listed := time.Since(begun)
			if err != nil || len(entries) != 60000 {
				t.Fatalf("got %d entries, %v", len(entries), err)
			}
			files := walk(t, fsys)
			walked := time.Since(begun) - listed
			if files != 80060 {
				t.Errorf("got %d files, want 80060", files)
			}
			begun = time.Now()
			for i := 0; i < 60000; i += 7 {
				if _, err := fsys.Stat(fmt.Sprintf("large/entry-number-%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("60,000 entries listed in %v, 80,060 files walked in %v, 8,572 looked up in %v, %d KiB held",
				listed, walked, time.Since(begun), (int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024)
			if listed > time.Second || walked > 3*time.Second {
				t.Errorf("listing took %v, walking %v", listed, walked)
			}
			concurrently(t, fsys)
		})
	}
}

func walk(t *testing.T, fsys volume.FS) (files int) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// concurrently reads from several goroutines; go test -race watches.
func concurrently(t *testing.T, fsys volume.FS) {
	t.Helper()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 300 {
				name := fmt.Sprintf("d%d/e%d/file%d", (i+g)%50, (i+g)%50, i%10)
				b, err := fs.ReadFile(fsys, name)
				if err != nil || string(b) != "content" {
					t.Errorf("%s: %q, %v", name, b, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestReadsInPieces reads a fragmented file in odd pieces, around its end, and by seeking.
func TestReadsInPieces(t *testing.T) {
	fsys := openBytes(t, seed(t, "clean"))
	whole, err := fs.ReadFile(fsys, "fragmented")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := fsys.Open("fragmented")
	if err != nil {
		t.Fatal(err)
	}
	f := opened.(volume.File)
	for off := 0; off < len(whole); off += 12345 {
		for _, n := range []int{1, 4095, 4097, 40000} {
			b := make([]byte, n)
			got, err := f.ReadAt(b, int64(off))
			want := whole[off:min(off+n, len(whole))]
			if string(b[:got]) != string(want) || (got < n) != errors.Is(err, io.EOF) {
				t.Fatalf("%d bytes at %d: got %d, %v", n, off, got, err)
			}
		}
	}
	if at, err := f.Seek(-10, io.SeekEnd); err != nil || at != int64(len(whole)-10) {
		t.Errorf("seek: %d, %v", at, err)
	}
	if b, err := io.ReadAll(f); err != nil || len(b) != 10 {
		t.Errorf("the last 10 bytes: %d, %v", len(b), err)
	}
}

// TestGrownInLog replays the growth of a file system that the superblock on the disk does not know of.
func TestGrownInLog(t *testing.T) {
	need(t, "xfs_growfs")
	image := newImage(t, "800M", "-d", "size=400m,agcount=4")
	var snapshot string
	mounted(t, image, func(dir string) {
		run(t, "sync", "-f", dir)
		run(t, "xfs_growfs", "-d", dir)
		for i := range 300 {
			sub := filepath.Join(dir, fmt.Sprintf("d%d", i)) // folders are spread over all allocation groups
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			replaceAtomically(t, filepath.Join(sub, "file"), fmt.Sprint(i))
		}
		snapshot = crash(t, image)
	})
	fsys, files := sameAsKernel(t, snapshot)
	if files != 300 || fsys.Info().Size != 800<<20 {
		t.Errorf("%d files, %+v", files, fsys.Info())
	}
}
