// Package squashfs reads Squashfs 4.0 images without mounting them, compressed with gzip, LZO, XZ, LZ4 or zstd. The format is that of the Linux
// kernel's fs/squashfs/squashfs_fs.h and Documentation/filesystems/squashfs.rst. It has no checksums of its own: what zlib and XZ keep is
// verified, the rest is held against sizes.
package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// Type is what Info.Type says of this file system.
const Type = "squashfs"

// The superblock, struct squashfs_super_block.
const (
	superSize  = 96
	superMagic = "hsqs"
	// metaSize is what a block of metadata holds, unpacked.
	metaSize = 8 << 10
	// maxBlock is the largest block of data.
	maxBlock = 1 << 20
	absent   = ^uint64(0)
)

const (
	// cachedMeta bounds the blocks of metadata that are kept unpacked, in bytes.
	cachedMeta = 8 << 20
	// cachedTails bounds the blocks of fragments that are kept unpacked, in bytes.
	cachedTails = 8 << 20
)

// compressor unpacks one block.
type compressor struct {
	name   string
	unpack func(dst, src []byte) (int, error)
}

// reader is an open image. It implements volume.Inodes.
type reader struct {
	dev       volume.Device
	blockSize int
	compressor
	root      uint64
	used      int64
	inodes    int64
	folders   int64
	ids       table
	fragments table
	built     time.Time
	meta      *volume.Cache[int64, metaBlock]
	tails     *volume.Cache[int64, []byte]
}

// Probe says whether head, the start of a device, looks like Squashfs.
func Probe(head []byte) bool {
	return len(head) >= superSize && string(head[:4]) == superMagic
}

// Open opens the image on a device. An error wraps volume.ErrUnsupported for another version or an unknown compression, and volume.ErrCorrupt for
// what contradicts itself.
func Open(dev volume.Device) (volume.FS, error) {
	r := &reader{
		dev:  dev,
		meta: volume.NewCache[int64, metaBlock](cachedMeta), tails: volume.NewCache[int64, []byte](cachedTails),
	}
	b := make([]byte, superSize)
	if err := r.read(b, 0); err != nil {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	le := binary.LittleEndian
	if string(b[:4]) != superMagic {
		return nil, fmt.Errorf("superblock: no magic number: %w", volume.ErrCorrupt)
	}
	if major, minor := le.Uint16(b[28:]), le.Uint16(b[30:]); major != 4 || minor != 0 {
		return nil, fmt.Errorf("squashfs version %d.%d: %w", major, minor, volume.ErrUnsupported)
	}
	size, log := le.Uint32(b[12:]), le.Uint16(b[22:])
	if size < 4096 || size > maxBlock || log > 20 || size != 1<<log {
		return nil, fmt.Errorf("superblock: blocks of %d and 2^%d bytes: %w", size, log, volume.ErrCorrupt)
	}
	r.blockSize = int(size)
	for what, at := range map[string]int{"image": 40, "table of owners": 48, "inodes": 64, "folders": 72} {
		if v := le.Uint64(b[at:]); v < superSize || v > 1<<62 {
			return nil, fmt.Errorf("superblock: %s at byte %d: %w", what, v, volume.ErrCorrupt)
		}
	}
	r.root, r.used = le.Uint64(b[32:]), int64(le.Uint64(b[40:]))
	r.inodes, r.folders = int64(le.Uint64(b[64:])), int64(le.Uint64(b[72:]))
	r.ids = table{at: int64(le.Uint64(b[48:])), count: int64(le.Uint16(b[26:])), width: 4}
	if at := le.Uint64(b[80:]); at != absent {
		if at > 1<<62 {
			return nil, fmt.Errorf("superblock: fragments at byte %d: %w", at, volume.ErrCorrupt)
		}
		r.fragments = table{at: int64(at), count: int64(le.Uint32(b[16:])), width: 16}
	}
	r.built = time.Unix(int64(le.Uint32(b[8:])), 0).UTC()
	var err error
	if r.compressor, err = newCompressor(le.Uint16(b[20:])); err != nil {
		return nil, err
	}
	return volume.NewTree(r), nil
}

// newCompressor returns a compressor by its number.
func newCompressor(number uint16) (compressor, error) {
	switch number {
	case 1:
		return compressor{"gzip", unpack.Zlib}, nil
	case 2:
		return compressor{}, fmt.Errorf("squashfs compression lzma: %w", volume.ErrUnsupported)
	case 3:
		return compressor{"lzo", unpack.LZO}, nil
	case 4:
		return compressor{"xz", unpack.XZ}, nil
	case 5:
		return compressor{"lz4", func(dst, src []byte) (int, error) { return unpack.LZ4(dst, src, false) }}, nil
	case 6:
		z, err := unpack.NewZstd(maxBlock)
		if err != nil {
			return compressor{}, err
		}
		return compressor{"zstd", z.Unpack}, nil
	}
	return compressor{}, fmt.Errorf("squashfs compression %d: %w", number, volume.ErrUnsupported)
}

// read fills b from the device.
func (r *reader) read(b []byte, at int64) error {
	if at < 0 {
		return fmt.Errorf("byte %d: %w", at, volume.ErrCorrupt)
	}
	n, err := r.dev.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%d bytes at byte %d lie past the end of the device: %w", len(b), at, volume.ErrCorrupt)
	}
	return err
}

// Root implements volume.Inodes.
func (r *reader) Root() uint64 { return r.root }

// Info implements volume.Inodes.
func (r *reader) Info() volume.Info {
	info := volume.Info{Type: Type, BlockSize: r.blockSize, Size: r.used, Notes: []string{"compressed with " + r.name}}
	if r.used > r.dev.Size() {
		info.Gaps = []string{fmt.Sprintf("the image has %d bytes, the device %d", r.used, r.dev.Size())}
	}
	return info
}

// Close implements volume.Inodes.
func (r *reader) Close() error {
	r.meta.Clear()
	r.tails.Clear()
	return nil
}
