package squashfs_test

import (
	"path/filepath"
	"testing"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/squashfs"
	"hinomi/internal/source/disk/volume"
)

func openDevice(t testing.TB, dev volume.Device) volume.FS {
	t.Helper()
	fsys, err := squashfs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys
}

// TestTreesOfEveryForm holds what mksquashfs wrote against the folder it was given.
func TestTreesOfEveryForm(t *testing.T) {
	disktest.Need(t, "", "mksquashfs")
	dir := t.TempDir()
	disktest.Fill(t, dir)
	for _, tt := range []struct {
		name  string
		flags []string
	}{
		{"gzip", []string{"-comp", "gzip", "-Xcompression-level", "1"}},
		{"gzip_block_4096", []string{"-comp", "gzip", "-Xcompression-level", "1", "-b", "4096"}},
		{"lzo", []string{"-comp", "lzo", "-Xalgorithm", "lzo1x_1"}},
		{"lzo_999", []string{"-comp", "lzo", "-Xcompression-level", "3"}},
		{"lz4", []string{"-comp", "lz4"}},
		{"xz", []string{"-comp", "xz"}},
		{"zstd", []string{"-comp", "zstd", "-Xcompression-level", "3"}},
		{"zstd_block_1048576", []string{"-comp", "zstd", "-Xcompression-level", "1", "-b", "1048576"}},
		{"always_fragments", []string{"-comp", "lz4", "-always-use-fragments"}},
		{"no_fragments", []string{"-comp", "lz4", "-no-fragments", "-no-exports"}},
		{"stored", []string{"-noI", "-noD", "-noF", "-noId"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "squashfs.img")
			disktest.Run(t, "mksquashfs", append([]string{dir, image, "-quiet", "-no-progress"}, tt.flags...)...)
			fsys := openDevice(t, disktest.File(t, image))
			files, folders := disktest.SameTree(t, dir, fsys, disktest.Compare{Links: true, Seconds: true})
			if files < 1500 || folders < 9 {
				t.Errorf("got %d files, %d folders: the tree was not read", files, folders)
			}
		})
	}
}
