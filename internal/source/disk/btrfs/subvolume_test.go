package btrfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/volume"
)

// subvolumes makes a file system with subvolumes in each other, snapshots of them and one that is deleted.
func subvolumes(t *testing.T) string {
	t.Helper()
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "mount", "umount", "sh")
	image := newImage(t)
	disktest.Mounted(t, image, "btrfs", "", func(dir string) {
		disktest.Run(t, "sh", "-ec", "cd "+dir+`
			btrfs subvolume create a; mkdir a/dir; btrfs subvolume create a/dir/b; btrfs subvolume create gone
			echo top >file; echo a >a/file; echo b >a/dir/b/file
			btrfs subvolume snapshot a snap; btrfs subvolume snapshot -r a/dir/b a/ro
			btrfs subvolume delete gone
			echo changed >a/file
			for i in 1 2 3; do cp --reflink=always a/file a/dir/copy$i; done
			btrfs subvolume set-default a/dir/b`)
	})
	return image
}

// TestSubvolumes holds every subvolume against the kernel's mount of it.
func TestSubvolumes(t *testing.T) {
	image := subvolumes(t)
	fsys := openImage(t, image)
	paths, err := fsys.Subvolumes()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a/dir/b", "snap", "a/ro"}, paths); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	how := disktest.Compare{Links: true}
	for _, option := range append([]string{"subvolid=5", "subvolid=0", "subvol=/", "noatime"}, paths...) {
		if !strings.Contains(option, "=") && option != "noatime" {
			option = "subvol=" + option
		}
		got, err := fsys.Subvolume([]string{"rw", option})
		if err != nil {
			t.Errorf("%s: %v", option, err)
			continue
		}
		disktest.Mounted(t, image, "btrfs", option+",ro", func(dir string) {
			if files, _ := disktest.SameTree(t, dir, got, how); files == 0 {
				t.Errorf("%s: no files", option)
			}
		})
	}
	for _, options := range [][]string{{"subvol=nothing"}, {"subvol=gone"}, {"subvol=a/dir"}, {"subvolid=258"}, {"subvolid=7"}, {"subvol=a", "subvolid=5"}, {"subvol=a/../a"}} {
		if _, err := fsys.Subvolume(options); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, want that it is not there", options, err)
		}
	}
	if _, err := fsys.Subvolume([]string{"subvolid=x"}); !errors.Is(err, volume.ErrUnsupported) {
		t.Errorf("subvolid=x: got %v", err)
	}
}

// TestDevices reads a mirror from each of its devices, and says of stripes that they are not read.
func TestDevices(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "truncate", "losetup", "mount", "umount")
	want := disktest.Noise(1 << 20)
	for _, tt := range []struct{ name, profile, want string }{
		{"mirror", "raid1", ""}, {"stripes", "raid0", "RAID0"}, {"mirrored_stripes", "raid10", "RAID10"}, {"parity", "raid5", "RAID5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			images := twoDevices(t, tt.profile, func(dir string) {
				put(t, filepath.Join(dir, "small"), "small")
				put(t, filepath.Join(dir, "large"), string(want))
			})
			for _, image := range images {
				fsys := openImage(t, image)
				if small, err := fs.ReadFile(fsys, "small"); string(small) != "small" {
					t.Errorf("small: %q, %v", small, err)
				}
				got, err := fs.ReadFile(fsys, "large")
				switch {
				case tt.want == "" && (err != nil || !bytes.Equal(got, want)):
					t.Errorf("large: %d bytes, %v", len(got), err)
				case tt.want != "" && (!errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("large: got %v, want that %s is not supported", err, tt.want)
				}
				if notes := strings.Join(fsys.Info().Notes, ""); !strings.Contains(notes, "2 devices") {
					t.Errorf("notes %q", notes)
				}
			}
		})
	}
}

// twoDevices makes a file system on two devices, with mirrored metadata.
func twoDevices(t *testing.T, profile string, fill func(dir string)) []string {
	t.Helper()
	var images, loops []string
	for range 2 {
		image := filepath.Join(t.TempDir(), "device")
		disktest.Run(t, "truncate", "-s", "200M", image)
		loop := strings.TrimSpace(disktest.Run(t, "losetup", "-f", "--show", image))
		defer func() { _ = exec.Command("losetup", "-d", loop).Run() }()
		images, loops = append(images, image), append(loops, loop)
	}
	disktest.Run(t, "mkfs.btrfs", append([]string{"-q", "-m", "raid1", "-d", profile}, loops...)...)
	dir := t.TempDir()
	disktest.Run(t, "mount", "-o", "device="+loops[1], loops[0], dir)
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	}()
	fill(dir)
	return images
}
