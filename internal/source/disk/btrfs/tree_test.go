package btrfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/source/disk/btrfs"
	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/volume"
)

var whole = disktest.Compare{Inodes: true, Links: true, Times: true}

// newImage makes a sparse image with an empty file system.
func newImage(t *testing.T, mkfs ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "btrfs.img")
	disktest.Run(t, "truncate", "-s", "300M", image)
	disktest.Run(t, "mkfs.btrfs", append(append([]string{"-q"}, mkfs...), image)...)
	return image
}

func openImage(t testing.TB, image string) *btrfs.FS {
	t.Helper()
	return openDevice(t, disktest.File(t, image))
}

func openDevice(t testing.TB, dev volume.Device) *btrfs.FS {
	t.Helper()
	fsys, err := btrfs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys.(*btrfs.FS)
}

// TestTreesOfEveryForm holds what the kernel wrote against what it shows.
func TestTreesOfEveryForm(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "mount", "umount", "truncate")
	for _, tt := range []struct {
		name, options string
		mkfs          []string
	}{
		{"default", "", nil},
		{"zlib", "compress-force=zlib", nil},
		{"lzo", "compress-force=lzo", nil},
		{"zstd", "compress-force=zstd", []string{"-m", "single"}},
		{"zstd_node_65536_xxhash", "compress=zstd", []string{"-n", "65536", "--csum", "xxhash"}},
		{"node_4096_sha256_data_dup", "", []string{"-n", "4096", "--csum", "sha256", "-d", "dup"}},
		{"blake2b_no_holes_off", "", []string{"--csum", "blake2", "-O", "^no-holes"}},
		{"mixed", "compress=lzo", []string{"--mixed"}},
		{"no_inline", "max_inline=0", nil},
		{"no_checksums", "nodatasum", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := newImage(t, tt.mkfs...)
			disktest.Mounted(t, image, "btrfs", tt.options, func(dir string) { disktest.Fill(t, dir) })
			disktest.Mounted(t, image, "btrfs", "ro", func(dir string) {
				fsys := openImage(t, image)
				files, folders := disktest.SameTree(t, dir, fsys, whole)
				if files < 1500 || folders < 9 {
					t.Errorf("got %d files, %d folders: the tree was not read", files, folders)
				}
				t.Logf("%d files, %d folders, %+v", files, folders, fsys.Info())
			})
		})
	}
}

// TestRootdir holds what mkfs.btrfs wrote against the folder it was given.
func TestRootdir(t *testing.T) {
	disktest.Need(t, "", "mkfs.btrfs", "truncate")
	dir := t.TempDir()
	disktest.Fill(t, dir)
	for _, name := range []string{"link3000", "null", "disk"} { // longer than the tool takes; it writes no device numbers
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	fsys := openImage(t, newImage(t, "--rootdir", dir))
	files, _ := disktest.SameTree(t, dir, fsys, disktest.Compare{})
	if files < 1500 || !strings.HasPrefix(fsys.Info().Type, "btrfs") {
		t.Errorf("got %d files, %+v", files, fsys.Info())
	}
}
