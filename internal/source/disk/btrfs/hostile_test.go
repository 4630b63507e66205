package btrfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"hinomi/internal/source/disk/btrfs"
	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/disk/volume"
)

const superAt = 64 << 10

// TestSeeds reads the images of testdata.
func TestSeeds(t *testing.T) {
	for _, tt := range []struct{ name, file, want, note string }{
		{"zlib", "a/hard", "1\n", ""},
		{"lzo", "sub/file", "sub\n", ""},
		{"crashed", "many/file-2-nn", "new 2\n", "log replayed: 2 subvolumes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := disktest.Image(t, "testdata/"+tt.name+".img.gz")
			fsys := openDevice(t, disktest.Patch(image, int64(len(image))))
			got, faults := disktest.Read(fsys)
			if len(faults) > 0 || len(got) < 260 {
				t.Errorf("%d names, faults %v", len(got), faults)
			}
			b := make([]byte, 100)
			f, err := fsys.Open(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := f.Read(b); string(b[:n]) != tt.want {
				t.Errorf("%s: %q, %v, want %q", tt.file, b[:n], err, tt.want)
			}
			if notes := strings.Join(fsys.Info().Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

// TestHostile damages images: what is read without an error is right, since everything has a checksum.
func TestHostile(t *testing.T) {
	for _, name := range []string{"zlib", "lzo", "crashed"} {
		t.Run(name, func(t *testing.T) {
			disktest.Hostile(t, disktest.Image(t, "testdata/"+name+".img.gz"), btrfs.Open, 100, true)
		})
	}
}

// repair makes the checksums of changed tree blocks and of the superblock right: a hostile disk has them.
func repair(d *disktest.Patched, image []byte) {
	id := image[superAt+0x20 : superAt+0x30]
	d.Pages(func(off int64, b []byte) {
		if off == superAt || bytes.Equal(b[0x20:0x30], id) {
			binary.LittleEndian.PutUint32(b, crc32.Checksum(b[32:], crc32.MakeTable(crc32.Castagnoli)))
		}
	})
}

// super changes the superblock of a good image.
func super(t *testing.T, change func(b []byte)) volume.Device {
	t.Helper()
	image := disktest.Image(t, "testdata/zlib.img.gz")
	d := disktest.Patch(image, int64(len(image)))
	change(d.Page(superAt))
	repair(d, image)
	return d
}

// TestSuperblock names what is not known, and believes nothing that cannot be.
func TestSuperblock(t *testing.T) {
	le := binary.LittleEndian
	for _, tt := range []struct {
		name   string
		change func(b []byte)
		is     error
		want   string
	}{
		{"zoned", func(b []byte) { b[0xbc+1] |= 1 << 4 }, volume.ErrUnsupported, "feature zoned"},
		{"extent_tree_v2", func(b []byte) { b[0xbc+1] |= 1 << 5 }, volume.ErrUnsupported, "feature extent-tree-v2"},
		{"raid_stripe_tree", func(b []byte) { b[0xbc+1] |= 1 << 6 }, volume.ErrUnsupported, "feature raid-stripe-tree"},
		{"unknown", func(b []byte) { b[0xbc+7] = 0x80 }, volume.ErrUnsupported, "incompat bits 0x8000000000000000"},
		{"checksum_type", func(b []byte) { b[0xc4] = 9 }, volume.ErrUnsupported, "checksum type 9"},
		{"node_size", func(b []byte) { le.PutUint32(b[0x94:], 12345) }, volume.ErrCorrupt, "node size 12345"},
		{"huge_node", func(b []byte) { le.PutUint32(b[0x94:], 1<<30) }, volume.ErrCorrupt, "node size"},
		{"no_chunks", func(b []byte) { le.PutUint32(b[0xa0:], 0) }, volume.ErrCorrupt, "no chunk"},
		{"chunks_too_long", func(b []byte) { le.PutUint32(b[0xa0:], 4000) }, volume.ErrCorrupt, "4000 bytes"},
		{"root_elsewhere", func(b []byte) { le.PutUint64(b[0x50:], 4096*5) }, volume.ErrCorrupt, "address 0x5000"},
		{"root_level", func(b []byte) { b[0xc6] = 3 }, volume.ErrCorrupt, "level"},
		{"generation", func(b []byte) { le.PutUint64(b[0x48:], 99) }, volume.ErrCorrupt, "generation"},
		{"other_device", func(b []byte) { le.PutUint64(b[0xc9:], 2) }, volume.ErrUnsupported, "lies on device 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := btrfs.Open(super(t, tt.change))
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v: %s", err, tt.is, tt.want)
			}
		})
	}
}

// TestSuperblockCopy reads the copy where the first superblock is damaged.
func TestSuperblockCopy(t *testing.T) {
	disktest.Need(t, "", "mkfs.btrfs", "truncate", "dd")
	image := newImage(t)
	disktest.Run(t, "dd", "if=/dev/zero", "of="+image, "bs=1", "count=8", "seek=65600", "conv=notrunc")
	info := openImage(t, image).Info()
	if !strings.Contains(strings.Join(info.Notes, ""), "copy at byte 67108864") {
		t.Errorf("notes %q", info.Notes)
	}
}

func FuzzImage(f *testing.F) {
	var images [][]byte
	var used [][]int64
	for _, name := range []string{"zlib", "crashed"} {
		images = append(images, disktest.Image(f, "testdata/"+name+".img.gz"))
		used = append(used, disktest.UsedPages(images[len(images)-1]))
	}
	f.Add(byte(0), []byte{0, 1, 0, 0x60, 0x40, 1, 2, 3})
	f.Add(byte(1), []byte{0, 9, 0, 0x75, 0x01, 7, 0, 0, 0, 20, 1, 0x10, 0x81, 1, 1, 1})
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		image, used := images[int(which)%len(images)], used[int(which)%len(images)]
		d := disktest.Patch(image, int64(len(image)))
		d.Apply(data, used)
		repair(d, image)
		fsys, err := btrfs.Open(d)
		if err != nil {
			return
		}
		disktest.Read(fsys)
		_, _ = fsys.(*btrfs.FS).Subvolumes()
	})
}
