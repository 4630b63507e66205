// Package erofs reads EROFS images without mounting them: compact and extended inodes, plain and inline data, chunks, and data compressed with
// LZ4, DEFLATE or zstd in clusters of any size, with packed tails and fragments. The format is that of the Linux kernel's fs/erofs/erofs_fs.h
// and Documentation/filesystems/erofs.rst; where these are silent, what fs/erofs/zmap.c makes of it counts.
package erofs

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// Type is what Info.Type says of this file system.
const Type = "erofs"

// The superblock, struct erofs_super_block.
const (
	superAt    = 1024
	superSize  = 128
	superMagic = "\xe2\xe1\xf5\xe0"

	compatChecksum = 1 // EROFS_FEATURE_COMPAT_SB_CHKSUM
	zeroPadding    = 1 // EROFS_FEATURE_INCOMPAT_ZERO_PADDING
	hasFragments   = 0x20
)

// features are the incompatible features; what is not known would be read wrongly. Bits 1, 3 and 5 have two meanings each, which the inodes tell apart.
var features = []struct {
	name  string
	known bool
}{
	{"zero-padding", true},
	{"compr-cfgs, big-pcluster", true},
	{"chunked-file", true},
	{"device-table, compr-head2", true},
	{"ztailpacking", true},
	{"fragments, dedupe", true},
	{"xattr-prefixes", true},
	{"48bit", false},
	{"metabox", false},
}

// reader is an open image. It implements volume.Inodes.
type reader struct {
	dev       volume.Device
	blockBits uint
	metaAt    int64 // byte where inode 0 would be
	root      uint64
	packed    uint64 // inode that holds fragments
	incompat  uint32
	built     time.Time
	info      volume.Info
	zstd      *unpack.Zstd
}

// Probe says whether head, the start of a device, looks like EROFS.
func Probe(head []byte) bool {
	return len(head) >= superAt+superSize && string(head[superAt:superAt+4]) == superMagic
}

// Open opens the image on a device. An error wraps volume.ErrUnsupported, with the feature's name, for what would be read wrongly, and
// volume.ErrCorrupt for what contradicts itself.
func Open(dev volume.Device) (volume.FS, error) {
	b := make([]byte, superSize)
	r := &reader{dev: dev}
	if err := r.read(b, superAt); err != nil {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	le := binary.LittleEndian
	if string(b[:4]) != superMagic {
		return nil, fmt.Errorf("superblock: no magic number: %w", volume.ErrCorrupt)
	}
	r.blockBits, r.incompat = uint(b[12]), le.Uint32(b[80:])
	if r.blockBits < 9 || r.blockBits > 16 {
		return nil, fmt.Errorf("superblock: blocks of 2^%d bytes: %w", b[12], volume.ErrCorrupt)
	}
	if le.Uint32(b[8:])&compatChecksum != 0 {
		if err := r.verify(le.Uint32(b[4:])); err != nil {
			return nil, err
		}
	}
	if err := unknown(r.incompat); err != nil {
		return nil, err
	}
	if b[90] != 0 {
		return nil, fmt.Errorf("erofs folder blocks of 2^%d blocks: %w", b[90], volume.ErrUnsupported)
	}
	r.root, r.packed = uint64(le.Uint16(b[14:])), le.Uint64(b[96:])
	r.metaAt = int64(le.Uint32(b[40:])) << r.blockBits
	r.built = time.Unix(int64(le.Uint64(b[24:])), int64(le.Uint32(b[32:])%1e9)).UTC()
	label, _, _ := bytes.Cut(b[64:80], []byte{0})
	r.info = volume.Info{
		Type: Type, Label: strings.ToValidUTF8(string(label), "?"), UUID: uuid(b[48:64]), BlockSize: 1 << r.blockBits,
		Size: int64(le.Uint32(b[36:])) << r.blockBits,
	}
	if r.info.Size > dev.Size() {
		r.info.Gaps = append(r.info.Gaps, fmt.Sprintf("the image has %d bytes, the device %d", r.info.Size, dev.Size()))
	}
	if n := le.Uint16(b[86:]); n > 0 {
		r.info.Notes = append(r.info.Notes, fmt.Sprintf("%d more devices belong to the image, which are not read: a file that lies there is an error", n))
	}
	var err error
	if r.zstd, err = unpack.NewZstd(maxExtent); err != nil {
		return nil, err
	}
	return volume.NewTree(r), nil
}

// verify holds the superblock's block against its checksum: crc32c, not inverted, of all
// with zeros for the checksum; the constant is what it is behind these zeros.
func (r *reader) verify(want uint32) error {
	n := 1 << r.blockBits
	if n > superAt {
		n -= superAt
	}
	if n < superSize {
		n = superSize
	}
	b := make([]byte, n)
	if err := r.read(b, superAt); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	if seed := uint32(0x5045b54a); ^crc32.Update(^seed, crc32.MakeTable(crc32.Castagnoli), b[8:]) != want {
		return fmt.Errorf("superblock: checksum mismatch: %w", volume.ErrCorrupt)
	}
	return nil
}

func unknown(incompat uint32) error {
	var names []string
	rest := incompat
	for i, f := range features {
		if rest&(1<<i) != 0 && !f.known {
			names = append(names, f.name)
		}
		rest &^= 1 << i
	}
	if rest != 0 {
		names = append(names, fmt.Sprintf("incompat bits %#x", rest))
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("erofs feature %s: %w", strings.Join(names, ", "), volume.ErrUnsupported)
}

// uuid writes a UUID as the tools do, or "" for none.
func uuid(b []byte) string {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return ""
	}
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
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
func (r *reader) Info() volume.Info { return r.info }

// Close implements volume.Inodes.
func (r *reader) Close() error { return nil }
