package btrfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hinomi/internal/source/disk/disktest"
)

// replayed says whether a log was applied.
func replayed(notes []string) bool {
	return strings.Contains(strings.Join(notes, "\n"), "log replayed")
}

// crashed mounts an image, lets a program write, and copies the image while it is still mounted, after what it did was synced file by file.
func crashed(t *testing.T, options string, before, after func(dir string), mkfs ...string) string {
	t.Helper()
	image := newImage(t, mkfs...)
	snapshot := image + ".crashed"
	disktest.Mounted(t, image, "btrfs", "commit=300,"+options, func(dir string) {
		before(dir)
		disktest.Run(t, "btrfs", "filesystem", "sync", dir)
		after(dir)
		disktest.Run(t, "cp", "--sparse=always", image, snapshot)
	})
	return snapshot
}

// sameAsKernel holds the reading of a crashed image against the kernel's, which replays the log of its own copy.
func sameAsKernel(t *testing.T, snapshot string) {
	t.Helper()
	kernels := snapshot + ".kernel"
	disktest.Run(t, "cp", "--sparse=always", snapshot, kernels)
	fsys := openImage(t, snapshot)
	disktest.Mounted(t, kernels, "btrfs", "", func(dir string) {
		files, folders := disktest.SameTree(t, dir, fsys, disktest.Compare{Links: true, Times: true}) // numbers differ in subvolumes
		t.Logf("%d files, %d folders, %q", files, folders, fsys.Info().Notes)
	})
	if !replayed(fsys.Info().Notes) {
		t.Errorf("no log was replayed: the test shows nothing; %q", fsys.Info().Notes)
	}
}

// put writes a file and syncs it.
func put(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

func syncFolder(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// TestUpgradeInTheLog replaces a package database as dpkg does, by fsync and rename, and looks before the transaction is committed: what stands
// in the log alone must be seen.
func TestUpgradeInTheLog(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "mount", "umount", "cp")
	status := func(version string) string {
		var b strings.Builder
		for i := range 600 {
			fmt.Fprintf(&b, "Package: package-%d\nVersion: %s\n\n", i, version)
		}
		return b.String()
	}
	for _, tt := range []struct{ name, options string }{{"plain", ""}, {"zstd", "compress-force=zstd"}} {
		t.Run(tt.name, func(t *testing.T) {
			snapshot := crashed(t, tt.options, func(dir string) {
				disktest.Run(t, "mkdir", "-p", dir+"/var/lib/dpkg/info")
				put(t, dir+"/var/lib/dpkg/status", status("1.0"))
				for i := range 50 {
					put(t, fmt.Sprintf("%s/var/lib/dpkg/info/p%d.list", dir, i), "old")
				}
			}, func(dir string) {
				for i := range 50 {
					path := fmt.Sprintf("%s/var/lib/dpkg/info/p%d.list", dir, i)
					put(t, path+"-new", strings.Repeat("new", i*100))
					if err := os.Rename(path+"-new", path); err != nil {
						t.Fatal(err)
					}
				}
				put(t, dir+"/var/lib/dpkg/status-new", status("2.0"))
				if err := os.Rename(dir+"/var/lib/dpkg/status", dir+"/var/lib/dpkg/status-old"); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(dir+"/var/lib/dpkg/status-new", dir+"/var/lib/dpkg/status"); err != nil {
					t.Fatal(err)
				}
				syncFolder(t, dir+"/var/lib/dpkg")
			})
			sameAsKernel(t, snapshot)
			b, err := openImage(t, snapshot).Open("var/lib/dpkg/status")
			if err != nil {
				t.Fatal(err)
			}
			text := make([]byte, 40)
			if _, err := b.Read(text); err != nil || !strings.Contains(string(text), "2.0") {
				t.Errorf("got %q, %v, want version 2.0", text, err)
			}
		})
	}
}

// TestLogsOfEveryForm holds random changes, of which some were synced, against the kernel's replay.
func TestLogsOfEveryForm(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "mount", "umount", "cp")
	for seed := range uint64(6) {
		options := []string{"", "compress-force=lzo", "nodatasum", "compress-force=zlib", "max_inline=0", ""}[seed]
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			snapshot := crashed(t, options, func(dir string) {
				disktest.Run(t, "btrfs", "subvolume", "create", dir+"/sub")
				for _, d := range []string{"a", "b", "c", "sub/d"} {
					disktest.Run(t, "mkdir", dir+"/"+d)
					for i := range 40 {
						name := fmt.Sprintf("%s/%s/f%d", dir, d, i)
						if err := os.WriteFile(name, []byte(strings.Repeat(fmt.Sprint(d, i, " "), 1+r.IntN(4000))), 0o644); err != nil {
							t.Fatal(err)
						}
					}
				}
			}, func(dir string) { change(t, r, dir) })
			sameAsKernel(t, snapshot)
		})
	}
}

// change changes files, folders and names, and syncs some of them.
func change(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	folders := []string{"a", "b", "c", "sub/d"}
	for i := range 120 {
		d := filepath.Join(dir, folders[r.IntN(len(folders))])
		name := filepath.Join(d, fmt.Sprintf("f%d", r.IntN(60)))
		other := filepath.Join(d, fmt.Sprintf("f%d", r.IntN(60)))
		switch r.IntN(12) {
		case 0:
			_ = os.Remove(name)
		case 1:
			_ = os.Rename(name, other)
		case 2:
			_ = os.Link(name, other+"l")
		case 3:
			_ = os.Symlink(strings.Repeat("t", 1+r.IntN(200)), other+"s")
		case 4:
			_ = os.Mkdir(fmt.Sprintf("%s/dir%d", d, i), 0o750)
			put(t, fmt.Sprintf("%s/dir%d/inner", d, i), "inner")
		case 5:
			syncFolder(t, d)
		case 6:
			_ = os.Rename(name, filepath.Join(dir, folders[r.IntN(3)], fmt.Sprintf("moved%d", i)))
		case 7:
			_ = os.Truncate(name, int64(r.IntN(9000)))
			_ = os.Chmod(name, 0o600)
		default:
			f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
			if err != nil {
				continue
			}
			for range r.IntN(4) {
				_, _ = f.WriteAt([]byte(strings.Repeat("data", r.IntN(3000))), int64(r.IntN(200_000)))
			}
			if r.IntN(3) == 0 {
				_ = syscall.Fallocate(int(f.Fd()), 3, int64(r.IntN(8))*4096, 4096) // a hole
			}
			if r.IntN(3) == 0 {
				_ = syscall.Fallocate(int(f.Fd()), 0, 0, int64(r.IntN(300_000))+1)
			}
			if r.IntN(3) > 0 {
				_ = f.Sync()
			}
			_ = f.Close()
		}
	}
	put(t, filepath.Join(dir, "last"), "so that there is a log")
	put(t, filepath.Join(dir, "sub", "last"), "so that there is a log")
}
