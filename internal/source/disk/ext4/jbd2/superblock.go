// Package jbd2 reads the journal of ext3 and ext4 and says, for every block of
// the file system, which copy in the log replaces it: what Linux would write
// back at the next mount. Nothing is written. The format is that of the kernel's
// Documentation/filesystems/ext4/journal.rst and include/linux/jbd2.h.
package jbd2

import (
	"encoding/binary"
	"fmt"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// Log gives the blocks of a journal.
type Log struct {
	BlockSize int    // bytes; that of the file system
	Len       uint32 // blocks that the journal's inode holds
	// Read returns block i of the log, which is not changed afterwards.
	Read func(i uint32) ([]byte, error)
}

const (
	magic = 0xc03b3998

	blockDescriptor = 1
	blockCommit     = 2
	blockSuperV1    = 3
	blockSuperV2    = 4
	blockRevoke     = 5

	headerSize = 12 // magic, type, sequence

	compatChecksum = 0x1

	incompatRevoke      = 0x1
	incompat64bit       = 0x2
	incompatAsyncCommit = 0x4
	incompatCsumV2      = 0x8
	incompatCsumV3      = 0x10
	incompatFastCommit  = 0x20

	checksumCRC32C = 4 // JBD2_CRC32C_CHKSUM

	// defaultFastBlocks is JBD2_DEFAULT_FAST_COMMIT_BLOCKS.
	defaultFastBlocks = 256
	// maxBlocks bounds the length of a log, so that block numbers can be added.
	maxBlocks = 1 << 28
	// maxFastBytes bounds the fast-commit area that is read: 64 times what
	// mke2fs makes with blocks of 4 KiB.
	maxFastBytes = 64 << 20
)

// incompatNames names the features by their bits; one that is not here is not
// supported.
var incompatNames = []struct {
	bit  uint32
	name string
}{
	{incompatRevoke, "revoke"},
	{incompat64bit, "64bit"},
	{incompatAsyncCommit, "async_commit"},
	{incompatCsumV2, "csum_v2"},
	{incompatCsumV3, "csum_v3"},
	{incompatFastCommit, "fast_commit"},
}

// super is the journal's superblock (journal_superblock_t).
type super struct {
	first, last      uint32 // the log is [first, last)
	fastFirst        uint32 // the fast-commit area is [fastFirst, fastEnd)
	fastEnd          uint32
	sequence, start  uint32
	compat, incompat uint32
	seed             uint32 // of csum_v2 and csum_v3
}

func (s *super) has(bit uint32) bool { return s.incompat&bit != 0 }

// checksummed says whether blocks carry CRC-32C checksums.
func (s *super) checksummed() bool { return s.has(incompatCsumV2 | incompatCsumV3) }

func readSuper(log Log) (super, error) {
	var s super
	raw, err := log.Read(0)
	if err != nil {
		return s, fmt.Errorf("read the journal's superblock: %w", err)
	}
	be := binary.BigEndian
	if len(raw) != log.BlockSize || len(raw) < 1024 || be.Uint32(raw) != magic {
		return s, fmt.Errorf("journal superblock: no magic number: %w", volume.ErrCorrupt)
	}
	kind := be.Uint32(raw[4:])
	if kind != blockSuperV1 && kind != blockSuperV2 {
		return s, fmt.Errorf("journal superblock of type %d: %w", kind, volume.ErrUnsupported)
	}
	if size := be.Uint32(raw[0xc:]); int64(size) != int64(log.BlockSize) {
		return s, fmt.Errorf("journal blocks of %d bytes on blocks of %d: %w", size, log.BlockSize, volume.ErrCorrupt)
	}
	s.last, s.first = be.Uint32(raw[0x10:]), be.Uint32(raw[0x14:])
	s.sequence, s.start = be.Uint32(raw[0x18:]), be.Uint32(raw[0x1c:])
	if kind == blockSuperV2 {
		s.compat, s.incompat = be.Uint32(raw[0x24:]), be.Uint32(raw[0x28:])
	}
	if err := s.checkFeatures(raw); err != nil {
		return s, err
	}
	if s.last > maxBlocks {
		return s, fmt.Errorf("journal of %d blocks: %w", s.last, volume.ErrLimit)
	}
	if s.last > log.Len || s.first < 1 || s.first >= s.last {
		return s, fmt.Errorf("journal from block %d to %d of %d: %w", s.first, s.last, log.Len, volume.ErrCorrupt)
	}
	if s.has(incompatFastCommit) {
		n := be.Uint32(raw[0x54:])
		if n == 0 {
			n = defaultFastBlocks
		}
		if n >= s.last-s.first {
			return s, fmt.Errorf("fast-commit area of %d blocks: %w", n, volume.ErrCorrupt)
		}
		s.fastEnd = s.last
		s.last -= n
		s.fastFirst = s.last + 1 // jbd2_journal_initialize_fast_commit
	}
	if s.start != 0 && (s.start < s.first || s.start >= s.last) {
		return s, fmt.Errorf("journal starts at block %d of %d: %w", s.start, s.last, volume.ErrCorrupt)
	}
	return s, nil
}

// checkFeatures refuses unknown features and a wrong checksum.
func (s *super) checkFeatures(raw []byte) error {
	unknown := s.incompat
	var names []string
	for _, f := range incompatNames {
		unknown &^= f.bit
		if s.has(f.bit) {
			names = append(names, f.name)
		}
	}
	if unknown != 0 {
		return fmt.Errorf("journal feature %#x (besides %s): %w", unknown, strings.Join(names, ", "), volume.ErrUnsupported)
	}
	if s.has(incompatCsumV2) && s.has(incompatCsumV3) {
		return fmt.Errorf("journal has csum_v2 and csum_v3: %w", volume.ErrCorrupt)
	}
	if !s.checksummed() {
		return nil
	}
	if kind := raw[0x50]; kind != checksumCRC32C {
		return fmt.Errorf("journal checksum type %d: %w", kind, volume.ErrUnsupported)
	}
	s.seed = crc32c(^uint32(0), raw[0x30:0x40])
	if want := binary.BigEndian.Uint32(raw[0xfc:]); crc32cWithout(^uint32(0), raw[:1024], 0xfc) != want {
		return fmt.Errorf("journal superblock checksum: %w", volume.ErrCorrupt)
	}
	return nil
}
