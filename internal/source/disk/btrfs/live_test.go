package btrfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"hinomi/internal/source/disk/disktest"
)

// TestSnapshotInTheMiddleOfWrites clones the image, at one instant, while programs write to its file system and sync: transactions and logs are
// half written. The image lies on an XFS that can share blocks, which makes the clone what an EBS snapshot is.
func TestSnapshotInTheMiddleOfWrites(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "mkfs.xfs", "mount", "umount", "cp", "truncate", "sleep")
	outer := filepath.Join(t.TempDir(), "xfs.img")
	disktest.Run(t, "truncate", "-s", "4G", outer)
	disktest.Run(t, "mkfs.xfs", "-q", outer)
	disktest.Mounted(t, outer, "xfs", "", func(host string) {
		image := filepath.Join(host, "volume.img")
		disktest.Run(t, "truncate", "-s", "400M", image)
		disktest.Run(t, "mkfs.btrfs", "-q", image)
		var clones []string
		disktest.Mounted(t, image, "btrfs", "commit=2,compress=zstd", func(dir string) {
			var stop atomic.Bool
			var all sync.WaitGroup
			for w := range 3 {
				all.Go(func() { scribble(filepath.Join(dir, fmt.Sprint(w)), uint64(w), &stop) })
			}
			for i := range 5 {
				disktest.Run(t, "sleep", "0.5")
				clone := filepath.Join(host, fmt.Sprintf("clone%d.img", i))
				disktest.Run(t, "cp", "--reflink=always", image, clone)
				clones = append(clones, clone)
			}
			stop.Store(true)
			all.Wait()
		})
		logs := 0
		for i, c := range clones {
			t.Run(fmt.Sprint(i), func(t *testing.T) { // closes the clone before the host is unmounted
				kernels := c + ".kernel"
				disktest.Run(t, "cp", "--reflink=always", c, kernels)
				fsys := openImage(t, c)
				disktest.Mounted(t, kernels, "btrfs", "", func(dir string) {
					files, _ := disktest.SameTree(t, dir, fsys, disktest.Compare{Inodes: true, Links: true, Times: true})
					t.Logf("%d files, notes %q", files, fsys.Info().Notes)
				})
				if replayed(fsys.Info().Notes) {
					logs++
				}
			})
		}
		if logs == 0 {
			t.Error("no clone has a log: the test shows nothing of it")
		}
	})
}

// scribble makes, changes, moves and removes files until it is told to stop.
func scribble(dir string, seed uint64, stop *atomic.Bool) {
	r := rand.New(rand.NewPCG(seed, 7))
	_ = os.Mkdir(dir, 0o755)
	for i := 0; !stop.Load(); i++ {
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i%11))
		_ = os.Mkdir(sub, 0o755)
		name := filepath.Join(sub, fmt.Sprintf("%d-%s", r.IntN(200), strings.Repeat("n", r.IntN(80))))
		switch r.IntN(10) {
		case 0:
			_ = os.RemoveAll(filepath.Join(dir, fmt.Sprintf("d%d", r.IntN(40))))
		case 1:
			_ = os.Symlink(strings.Repeat("t", 1+r.IntN(900)), name)
		case 2:
			_ = os.Rename(name, name+"r")
		case 3:
			_ = os.Link(name, name+"l")
		default:
			f, err := os.Create(name)
			if err != nil {
				continue
			}
			for range r.IntN(6) {
				_, _ = f.WriteAt([]byte(strings.Repeat("data", r.IntN(3000))), int64(r.IntN(400000)))
			}
			if r.IntN(3) > 0 {
				_ = f.Sync()
			}
			_ = f.Close()
			if r.IntN(3) == 0 {
				_ = os.Rename(name, filepath.Join(sub, "renamed"))
			}
		}
	}
}
