package erofs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/erofs"
	"hinomi/internal/source/disk/volume"
)

func openDevice(t testing.TB, dev volume.Device) volume.FS {
	t.Helper()
	fsys, err := erofs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys
}

// TestTreesOfEveryForm holds what mkfs.erofs wrote against the folder it was given.
func TestTreesOfEveryForm(t *testing.T) {
	disktest.Need(t, "", "mkfs.erofs")
	dir := t.TempDir()
	disktest.Fill(t, dir)
	if err := os.Remove(filepath.Join(dir, strings.Repeat("n", 255))); err != nil { // a path of this length is too long for the tool
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		flags []string
		times bool
	}{
		{"plain", nil, true},
		{"extended_no_inline", []string{"-Eforce-inode-extended,noinline_data"}, true},
		{"lz4", []string{"-zlz4"}, true},
		{"lz4hc", []string{"-zlz4hc,3"}, true},
		{"lz4_legacy", []string{"-zlz4", "-Elegacy-compress"}, true},
		{"cluster_65536", []string{"-zlz4", "-C65536"}, true},
		{"tail_packing", []string{"-zlz4", "-Eztailpacking"}, true},
		{"tail_packing_65536", []string{"-zlz4", "-C65536", "-Eztailpacking"}, true},
		{"tail_packing_legacy", []string{"-zlz4", "-Elegacy-compress,ztailpacking"}, true},
		{"fragments", []string{"-zlz4", "-Efragments"}, true},
		{"fragments_65536", []string{"-zlz4", "-C65536", "-Efragments=16384"}, true},
		{"chunks_4096", []string{"--chunksize=4096"}, true},
		{"compact", []string{"-Eforce-inode-compact"}, false},
		{"compact_lz4", []string{"-Eforce-inode-compact", "-zlz4"}, false},
		{"chunks_65536", []string{"--chunksize=65536"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.times { // compact inodes have no time and 16 bits for an owner
				if err := os.Chown(filepath.Join(dir, "empty"), 60000, 50000); err != nil {
					t.Fatal(err)
				}
			}
			image := filepath.Join(t.TempDir(), "erofs.img")
			disktest.Run(t, "mkfs.erofs", append(append([]string{"--quiet"}, tt.flags...), image, dir)...)
			fsys := openDevice(t, disktest.File(t, image))
			files, folders := disktest.SameTree(t, dir, fsys, disktest.Compare{Links: true, Seconds: tt.times})
			if files < 1500 || folders < 9 {
				t.Errorf("got %d files, %d folders: the tree was not read", files, folders)
			}
		})
	}
}
