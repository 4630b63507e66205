package bench_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"hinomi/internal/source/disk"
)

// BenchmarkFiles reads every file of both disks through our file systems and holds it against the tree that they were made from: the same
// names, types, permissions, link targets, and of each regular file the same SHA-256.
func BenchmarkFiles(b *testing.B) {
	dir := corpus(b)
	source, err := os.OpenRoot(filepath.Join(dir, "root"))
	if err != nil {
		b.Fatal(err)
	}
	defer source.Close() //nolint:errcheck // only read
	for _, name := range []string{"ext4", "xfs"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				img, err := disk.OpenImage(filepath.Join(dir, name+".img"))
				if err != nil {
					b.Fatal(err)
				}
				d, err := disk.Open(disk.NewCache(img, 64<<10, 64<<20), disk.Options{})
				if err != nil {
					b.Fatal(err)
				}
				root, err := disk.Mount(d)
				if err != nil {
					b.Fatal(err)
				}
				c := &comparison{want: source.FS(), got: root, files: make(chan string, 64)}
				c.run()
				b.ReportMetric(float64(c.count.Load()), "files")
				b.SetBytes(c.bytes.Load())
				for _, fault := range c.faults[:min(len(c.faults), 20)] {
					b.Error(fault)
				}
				if c.count.Load() == 0 || len(c.faults) > 0 {
					b.Fatalf("%d files compared, %d differ", c.count.Load(), len(c.faults))
				}
				if err := errors.Join(root.Close(), d.Close(), img.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// comparison holds a tree against another.
type comparison struct {
	want, got    fs.FS
	files        chan string // regular, with the same type on both sides
	count, bytes atomic.Int64

	mu     sync.Mutex
	faults []error
}

func (c *comparison) fault(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Errorf("%s: %w", name, err))
}

func (c *comparison) run() {
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for name := range c.files {
				if err := c.content(name); err != nil {
					c.fault(name, err)
				}
			}
		})
	}
	err := fs.WalkDir(c.want, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := c.entry(name, d); err != nil {
			c.fault(name, err)
		}
		return nil
	})
	close(c.files)
	readers.Wait()
	if err != nil {
		c.fault(".", err)
	}
}

var errDiffers = errors.New("differs")

// entry compares what a folder says of a name, and hands regular files on.
func (c *comparison) entry(name string, d fs.DirEntry) error {
	want, err := d.Info()
	if err != nil {
		return err
	}
	got, err := fs.Lstat(c.got, name)
	if err != nil {
		return err
	}
	if got.Mode() != want.Mode() {
		return fmt.Errorf("mode %v, want %v: %w", got.Mode(), want.Mode(), errDiffers)
	}
	switch {
	case want.IsDir():
		return c.folder(name)
	case want.Mode().IsRegular():
		if got.Size() != want.Size() {
			return fmt.Errorf("%d bytes, want %d: %w", got.Size(), want.Size(), errDiffers)
		}
		c.files <- name
	case want.Mode().Type() == fs.ModeSymlink:
		to, err := fs.ReadLink(c.want, name)
		if err != nil {
			return err
		}
		at, err := fs.ReadLink(c.got, name)
		if err == nil && at != to {
			err = fmt.Errorf("link to %q, want %q: %w", at, to, errDiffers)
		}
		return err
	}
	return nil
}

// folder compares the names in a folder: nothing may be missing, and nothing more be there.
func (c *comparison) folder(name string) error {
	want, err := fs.ReadDir(c.want, name)
	if err != nil {
		return err
	}
	got, err := fs.ReadDir(c.got, name)
	if err != nil {
		return err
	}
	if name == "." { // mke2fs makes it
		got = slices.DeleteFunc(got, func(d fs.DirEntry) bool { return d.Name() == "lost+found" })
	}
	if !slices.EqualFunc(want, got, func(a, b fs.DirEntry) bool { return a.Name() == b.Name() }) {
		return fmt.Errorf("%d names, want %d, or others: %w", len(got), len(want), errDiffers)
	}
	return nil
}

// content compares the SHA-256 of a file.
func (c *comparison) content(name string) error {
	want, _, err := sum(c.want, name)
	if err != nil {
		return err
	}
	got, n, err := sum(c.got, name)
	if err != nil {
		return err
	}
	c.count.Add(1)
	c.bytes.Add(n)
	if got != want {
		return fmt.Errorf("SHA-256 %x, want %x: %w", got, want, errDiffers)
	}
	return nil
}

func sum(fsys fs.FS, name string) (out [sha256.Size]byte, n int64, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return out, 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	n, err = io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return [sha256.Size]byte(h.Sum(nil)), n, err
}
