package ext4_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/source/disk/ext4"
	"hinomi/internal/source/disk/volume"
)

// counted counts what is asked of a device, and the different blocks of 512 KiB
// that an EBS snapshot would be asked for.
type counted struct {
	volume.Device
	reads, bytes int64
	blocks       map[int64]bool
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += int64(len(p))
	for b := off >> 19; b <= (off+int64(len(p))-1)>>19; b++ {
		c.blocks[b] = true
	}
	return c.Device.ReadAt(p, off)
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestManyEntries reads a folder of 60,000 entries, made by the kernel so that
// it is an indexed one. The time is told, not judged.
func TestManyEntries(t *testing.T) {
	const entries = 60_000
	image := mke2fs(t, 192<<20, "", "-t", "ext4", "-b", "4096", "-N", "70000")
	dir, umount := mount(t, image, "commit=300")
	many := filepath.Join(dir, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		f, err := os.Create(filepath.Join(many, fmt.Sprintf("an-entry-of-a-large-folder-%06d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	umount()
	start := time.Now()
	fsys := open(t, image)
	list, err := fsys.ReadDir("many")
	if err != nil || len(list) != entries {
		t.Fatalf("got %d, %v", len(list), err)
	}
	listed := time.Since(start)
	for i := 0; i < entries; i += 7 {
		name := fmt.Sprintf("many/an-entry-of-a-large-folder-%06d", i)
		if info, err := fsys.Stat(name); err != nil || info.Size() != 0 {
			t.Fatalf("%s: %v", name, err)
		}
	}
	names, errs := walkAll(t, fsys)
	if names < entries || len(errs) > 0 {
		t.Errorf("walk: %d names, %v", names, errs)
	}
	t.Logf("%d entries listed in %v; with a Stat of every seventh and a walk %v", entries, listed, time.Since(start))
}

// BenchmarkTree walks an image that HINOMI_BENCH_EXT4 names, reads every inode,
// and the content of every file of at most 64 KiB.
func BenchmarkTree(b *testing.B) {
	image := os.Getenv("HINOMI_BENCH_EXT4")
	if image == "" {
		b.Skip("HINOMI_BENCH_EXT4 names no image")
	}
	buf := make([]byte, 1<<20)
	stages := []struct {
		name string
		do   func(volume.FS, string, fs.DirEntry) (int64, error)
	}{
		{"walk", func(volume.FS, string, fs.DirEntry) (int64, error) { return 0, nil }},
		{"inodes", func(_ volume.FS, _ string, d fs.DirEntry) (int64, error) { _, err := d.Info(); return 0, err }},
		{"small_files", func(fsys volume.FS, name string, d fs.DirEntry) (int64, error) {
			info, err := d.Info()
			if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 {
				return 0, err
			}
			data, err := fs.ReadFile(fsys, name)
			return int64(len(data)), err
		}},
		{"all_files", func(fsys volume.FS, name string, d fs.DirEntry) (int64, error) {
			if !d.Type().IsRegular() {
				return 0, nil
			}
			f, err := fsys.Open(name)
			if err != nil {
				return 0, err
			}
			defer func() { _ = f.Close() }()
			size := int64(0)
			for {
				n, err := f.Read(buf)
				size += int64(n)
				if errors.Is(err, io.EOF) {
					return size, nil
				}
				if err != nil {
					return size, err
				}
			}
		}},
	}
	for _, stage := range stages {
		b.Run(stage.name, func(b *testing.B) {
			for b.Loop() {
				dev := &counted{Device: device(b, image), blocks: map[int64]bool{}}
				before := cpu()
				fsys, err := ext4.Open(dev)
				if err != nil {
					b.Fatal(err)
				}
				names, size := 0, int64(0)
				err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
					if err != nil {
						return err
					}
					names++
					n, err := stage.do(fsys, name, d)
					size += n
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(names), "names")
				b.ReportMetric(float64(size)/1e6, "MB")
				b.ReportMetric(float64(dev.reads), "reads")
				b.ReportMetric(float64(len(dev.blocks)), "512K-blocks")
				b.ReportMetric(float64((cpu() - before).Milliseconds()), "cpu-ms")
				b.ReportMetric(float64(m.Sys)/1e6, "sys-MB")
			}
		})
	}
}
