package squashfs_test

import (
	"errors"
	"strings"
	"testing"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/squashfs"
	"hinomi/internal/source/disk/volume"
)

var seeds = []string{"gzip", "lzo", "lz4", "xz", "zstd"}

// TestSeeds reads the images of testdata: all hold the same tree.
func TestSeeds(t *testing.T) {
	var want map[string]string
	for _, name := range seeds {
		image := disktest.Image(t, "testdata/"+name+".img.gz")
		got, faults := disktest.Read(openDevice(t, disktest.Patch(image, int64(len(image)))))
		if len(faults) > 0 || len(got) < 260 {
			t.Errorf("%s: %d names, faults %v", name, len(got), faults)
		}
		if want == nil {
			want = got
		}
		for file, sum := range want {
			if got[file] != sum {
				t.Errorf("%s: %s is %q, want %q", name, file, got[file], sum)
			}
		}
	}
}

// TestHostile damages images. The format has no checksums; those of the compressors are verified.
func TestHostile(t *testing.T) {
	for _, name := range seeds {
		t.Run(name, func(t *testing.T) {
			disktest.Hostile(t, disktest.Image(t, "testdata/"+name+".img.gz"), squashfs.Open, 60, false)
		})
	}
}

// TestSuperblock names what is not known.
func TestSuperblock(t *testing.T) {
	image := disktest.Image(t, "testdata/gzip.img.gz")
	for _, tt := range []struct {
		name   string
		change func(b []byte)
		is     error
		want   string
	}{
		{"version", func(b []byte) { b[28] = 3 }, volume.ErrUnsupported, "version 3.0"},
		{"lzma", func(b []byte) { b[20] = 2 }, volume.ErrUnsupported, "compression lzma"},
		{"compression", func(b []byte) { b[20] = 7 }, volume.ErrUnsupported, "compression 7"},
		{"block_size", func(b []byte) { b[15] = 0x40 }, volume.ErrCorrupt, "blocks of"},
		{"inodes", func(b []byte) { b[71] = 0xff }, volume.ErrCorrupt, "inodes at byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := disktest.Patch(image, int64(len(image)))
			tt.change(d.Page(0))
			if _, err := squashfs.Open(d); !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v: %s", err, tt.is, tt.want)
			}
		})
	}
}

func FuzzImage(f *testing.F) {
	var images [][]byte
	var used [][]int64
	for _, name := range seeds {
		images = append(images, disktest.Image(f, "testdata/"+name+".img.gz"))
		used = append(used, disktest.UsedPages(images[len(images)-1]))
	}
	for i := range seeds {
		f.Add(byte(i), []byte{0, 1, 0, 0x60, 0x40, 1, 2, 3, 0, byte(3 * i), 7, 7, 0x41, 9, 9, 9})
	}
	f.Fuzz(func(_ *testing.T, which byte, data []byte) {
		image, used := images[int(which)%len(images)], used[int(which)%len(images)]
		d := disktest.Patch(image, int64(len(image)))
		d.Apply(data, used)
		if fsys, err := squashfs.Open(d); err == nil {
			disktest.Read(fsys)
		}
	})
}
