package btrfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"

	"hinomi/internal/source/disk/volume"
)

// checksum is one of the four that a file system can have for all its blocks.
type checksum struct {
	name string
	size int // bytes of it that are kept
	sum  func(b []byte) []byte
}

// newChecksum returns a checksum by its number, BTRFS_CSUM_TYPE_*.
func newChecksum(number uint16) (checksum, error) {
	switch number {
	case 0:
		return checksum{"crc32c", 4, func(b []byte) []byte {
			return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
		}}, nil
	case 1:
		return checksum{"xxhash64", 8, func(b []byte) []byte { return binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(b)) }}, nil
	case 2:
		return checksum{"sha256", 32, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }}, nil
	case 3:
		return checksum{"blake2b", 32, func(b []byte) []byte { s := blake2b.Sum256(b); return s[:] }}, nil
	}
	return checksum{}, fmt.Errorf("btrfs checksum type %d: %w", number, volume.ErrUnsupported)
}

// matches says whether want begins with the checksum of b.
func (c checksum) matches(want, b []byte) bool { return bytes.Equal(want[:c.size], c.sum(b)) }

// nameHash is under which key a name stands in a folder: crc32c that begins with ~1 and is not inverted at the end.
func nameHash(name string) uint64 {
	return uint64(^crc32.Update(1, crc32.MakeTable(crc32.Castagnoli), []byte(name)))
}
