package erofs_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/erofs"
	"hinomi/internal/source/disk/volume"
)

var seeds = []string{"plain", "compact", "legacy", "fragments", "chunks"}

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

// TestHostile damages images. The format has a checksum for its superblock only.
func TestHostile(t *testing.T) {
	for _, name := range seeds {
		t.Run(name, func(t *testing.T) {
			disktest.Hostile(t, disktest.Image(t, "testdata/"+name+".img.gz"), erofs.Open, 60, false)
		})
	}
}

// repair makes the checksum of the superblock right.
func repair(d *disktest.Patched) {
	b := d.Page(0)[1024:]
	binary.LittleEndian.PutUint32(b[4:], 0)
	binary.LittleEndian.PutUint32(b[4:], ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// TestSuperblock names what is not known.
func TestSuperblock(t *testing.T) {
	image := disktest.Image(t, "testdata/plain.img.gz")
	for _, tt := range []struct {
		name   string
		change func(b []byte)
		is     error
		want   string
	}{
		{"48bit", func(b []byte) { b[80] |= 0x80 }, volume.ErrUnsupported, "feature 48bit"},
		{"metabox", func(b []byte) { b[81] |= 1 }, volume.ErrUnsupported, "feature metabox"},
		{"unknown", func(b []byte) { b[83] = 0x40 }, volume.ErrUnsupported, "incompat bits 0x40000000"},
		{"folder_blocks", func(b []byte) { b[90] = 1 }, volume.ErrUnsupported, "folder blocks"},
		{"block_size", func(b []byte) { b[12] = 40 }, volume.ErrCorrupt, "2^40"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := disktest.Patch(image, int64(len(image)))
			tt.change(d.Page(0)[1024:])
			repair(d)
			if _, err := erofs.Open(d); !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
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
	f.Add(byte(0), []byte{0, 1, 0, 0x60, 0x40, 1, 2, 3})
	f.Add(byte(1), []byte{0, 0, 4, 0x50, 0x01, 7, 0, 0, 0, 2, 1, 0x10, 0x81, 1, 1, 1})
	f.Add(byte(3), []byte{0, 1, 0, 8, 0x41, 0xff, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, which byte, data []byte) {
		image, used := images[int(which)%len(images)], used[int(which)%len(images)]
		d := disktest.Patch(image, int64(len(image)))
		d.Apply(data, used)
		repair(d)
		if fsys, err := erofs.Open(d); err == nil {
			disktest.Read(fsys)
		}
	})
}
