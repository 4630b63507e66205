package ext4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"hinomi/internal/source/disk/volume"
)

const (
	superOffset = 1024 // bytes, of the primary superblock
	superSize   = 1024
	superMagic  = 0xef53

	stateClean  = 0x1
	stateErrors = 0x2
)

// super is the superblock (struct ext4_super_block).
type super struct {
	blocks         uint64 // in the file system
	firstData      uint64
	blockSize      int
	blockBits      uint
	blocksPerGroup uint64
	inodesPerGroup uint32
	inodes         uint32
	inodeSize      int
	descSize       int
	firstMetaBG    uint64
	groups         uint64
	state          uint16
	rev            uint32
	compat         uint32
	incompat       uint32
	ro             uint32
	uuid           [16]byte
	label          string
	journalInode   uint32
	journalUUID    [16]byte
	backups        [2]uint32 // groups, with sparse_super2
	seed           uint32    // of metadata checksums
	clusterBlocks  uint64    // blocks of a cluster
	fromBackup     uint64    // block of the backup that was read, or 0
}

func (s *super) has(incompat uint32) bool  { return s.incompat&incompat != 0 }
func (s *super) checksummed() bool         { return s.ro&roMetadataCsum != 0 }
func (s *super) validBlock(b uint64) bool  { return b > 0 && b >= s.firstData && b < s.blocks }
func (s *super) groupStart(g uint64) int64 { return int64(s.firstData + g*s.blocksPerGroup) }

// kind names the file system as blkid(8) does: by the features it uses.
func (s *super) kind() string {
	const ext4Incompat = incompatExtents | incompat64bit | 0x100 | incompatFlexBG | incompatEAInode |
		incompatCsumSeed | incompatLargedir | incompatInlineData | 0x10000 | 0x20000
	const ext4RO = 0x8 | roGDTCsum | 0x20 | 0x40 | roBigalloc | roMetadataCsum | 0x100 | 0x2000 | 0x8000
	switch {
	case s.incompat&ext4Incompat != 0 || s.ro&ext4RO != 0:
		return "ext4"
	case s.compat&compatHasJournal != 0:
		return "ext3"
	}
	return "ext2"
}

// Probe says whether head, the first 2,048 bytes of a volume or more, is an
// ext2, ext3 or ext4 file system.
func Probe(head []byte) bool {
	return len(head) >= superOffset+superSize && binary.LittleEndian.Uint16(head[superOffset+0x38:]) == superMagic
}

// readSuper reads the primary superblock, or a backup if the primary cannot be
// believed. An unsupported feature is not a reason to look further.
func readSuper(dev volume.Device) (super, error) {
	s, err := superAt(dev, superOffset)
	if err == nil || errors.Is(err, volume.ErrUnsupported) {
		return s, err
	}
	for _, size := range []int64{1024, 2048, 4096, 8192, 16384, 32768, 65536} {
		first := int64(0)
		if size == 1024 {
			first = 1
		}
		for _, group := range []int64{1, 3, 5, 7, 9} {
			at := (first + group*8*size) * size
			backup, backupErr := superAt(dev, at)
			if backupErr != nil || int64(backup.blockSize) != size {
				continue
			}
			backup.fromBackup = uint64(at / size)
			return backup, nil
		}
	}
	return s, err
}

// superAt reads and checks the superblock at a byte offset.
func superAt(dev volume.Device, off int64) (super, error) {
	raw := make([]byte, superSize)
	if n, err := dev.ReadAt(raw, off); n < len(raw) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return super{}, fmt.Errorf("read the superblock at byte %d: %w", off, err)
	}
	return parseSuper(raw)
}

func parseSuper(raw []byte) (super, error) {
	var s super
	le := binary.LittleEndian
	if le.Uint16(raw[0x38:]) != superMagic {
		return s, fmt.Errorf("superblock: no magic number: %w", volume.ErrCorrupt)
	}
	s.rev = le.Uint32(raw[0x4c:])
	s.inodeSize = 128
	if s.rev > 0 {
		s.inodeSize = int(le.Uint16(raw[0x58:]))
		s.compat, s.incompat, s.ro = le.Uint32(raw[0x5c:]), le.Uint32(raw[0x60:]), le.Uint32(raw[0x64:])
	}
	if err := checkIncompat(s.incompat); err != nil {
		return s, err
	}
	copy(s.uuid[:], raw[0x68:])
	s.seed = crc32c(^uint32(0), s.uuid[:])
	if s.has(incompatCsumSeed) {
		s.seed = le.Uint32(raw[0x270:])
	}
	if s.checksummed() {
		if kind := raw[0x175]; kind != 1 {
			return s, fmt.Errorf("ext4 with checksum type %d: %w", kind, volume.ErrUnsupported)
		}
		if crc32c(^uint32(0), raw[:0x3fc]) != le.Uint32(raw[0x3fc:]) {
			return s, fmt.Errorf("superblock checksum: %w", volume.ErrCorrupt)
		}
	}
	s.inodes, s.blocks = le.Uint32(raw), uint64(le.Uint32(raw[4:]))
	s.firstData = uint64(le.Uint32(raw[0x14:]))
	s.blocksPerGroup, s.inodesPerGroup = uint64(le.Uint32(raw[0x20:])), le.Uint32(raw[0x28:])
	s.state = le.Uint16(raw[0x3a:])
	s.label = string(bytes.TrimRight(raw[0x78:0x88], "\x00"))
	s.journalInode = le.Uint32(raw[0xe0:])
	copy(s.journalUUID[:], raw[0xd0:])
	s.backups = [2]uint32{le.Uint32(raw[0x24c:]), le.Uint32(raw[0x250:])}
	s.firstMetaBG = uint64(le.Uint32(raw[0x104:]))
	s.descSize = 32
	if s.has(incompat64bit) {
		s.blocks |= uint64(le.Uint32(raw[0x150:])) << 32
		s.descSize = int(le.Uint16(raw[0xfe:]))
	}
	logSize, logCluster := le.Uint32(raw[0x18:]), le.Uint32(raw[0x1c:])
	return s, s.checkGeometry(logSize, logCluster)
}

// checkGeometry refuses numbers that no mke2fs writes and the kernel refuses.
func (s *super) checkGeometry(logSize, logCluster uint32) error {
	bad := func(what string, n any) error {
		return fmt.Errorf("superblock: %s %v: %w", what, n, volume.ErrCorrupt)
	}
	if logSize > 6 {
		return bad("block size exponent", logSize)
	}
	s.blockBits = uint(10 + logSize)
	s.blockSize = 1 << s.blockBits
	s.clusterBlocks = 1
	if s.ro&roBigalloc != 0 {
		if logCluster < logSize || logCluster > 20 {
			return bad("cluster size exponent", logCluster)
		}
		s.clusterBlocks = 1 << (logCluster - logSize)
	}
	switch {
	case s.inodeSize < 128 || s.inodeSize > s.blockSize || bits.OnesCount(uint(s.inodeSize)) != 1:
		return bad("inode size", s.inodeSize)
	case s.descSize < 32 || s.descSize > 1024 || bits.OnesCount(uint(s.descSize)) != 1 || s.has(incompat64bit) && s.descSize < 64:
		return bad("group descriptor size", s.descSize)
	case s.blocksPerGroup == 0 || s.blocksPerGroup > 8*uint64(s.blockSize)*s.clusterBlocks:
		return bad("blocks in a group", s.blocksPerGroup)
	case s.inodesPerGroup == 0 || uint64(s.inodesPerGroup) > 8*uint64(s.blockSize):
		return bad("inodes in a group", s.inodesPerGroup)
	case s.firstData >= s.blocks || s.blocks > 1<<48:
		return bad("block count", s.blocks)
	case s.blocks > uint64(1)<<62>>s.blockBits:
		return bad("block count", s.blocks)
	}
	s.groups = (s.blocks - s.firstData + s.blocksPerGroup - 1) / s.blocksPerGroup
	if s.groups*uint64(s.inodesPerGroup) < uint64(s.inodes) {
		return bad("inode count", s.inodes)
	}
	return nil
}

// hasSuper says whether group g holds a copy of the superblock (ext4_bg_has_super).
func (s *super) hasSuper(g uint64) bool {
	switch {
	case g == 0:
		return true
	case s.compat&compatSparseSuper2 != 0:
		return slices.Contains(s.backups[:], uint32(g))
	case g == 1 || s.ro&roSparseSuper == 0:
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		n := g
		for n%base == 0 {
			n /= base
		}
		if n == 1 {
			return true
		}
	}
	return false
}

// formatUUID writes 16 bytes as blkid(8) does, or "" for none.
func formatUUID(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
