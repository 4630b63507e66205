package xfs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// Fields of the superblock, in bytes (XFS Filesystem Structure, "Superblocks").
const (
	superMagic   = "XFSB"
	superSize    = 512
	superCRC     = 224
	nullInode    = ^uint64(0)
	minBlockSize = 512
	maxBlockSize = 64 << 10
	minInodeSize = 256
	maxInodeSize = 2048
	maxAGs       = 1 << 24
)

// superblock is what reading needs of the superblock.
type superblock struct {
	version      int // 4, or 5 with checksums
	blockSize    int64
	blockLog     uint
	blocks       uint64
	rtBlocks     uint64
	uuid         [16]byte // user-visible
	metaUUID     [16]byte // what metadata blocks carry
	logStart     uint64   // 0: on a device of its own
	logBlocks    uint64
	root         uint64
	agBlocks     uint64
	agCount      uint64
	inodeSize    int64
	inodesPerLog uint
	agBlockLog   uint
	dirBlockSize int64
	label        string
	fileTypes    bool // directory entries hold the type
	foldCase     bool // ASCII names match without case
	roCompat     uint32
	logIncompat  uint32
	unknownRO    uint32
}

// parseSuper checks the superblock at the start of a device and takes what is needed of it. verify says whether its
// checksum is to be believed; it is not after the journal wrote over it.
func parseSuper(b []byte, verify bool) (*superblock, error) {
	if string(b[:4]) != superMagic {
		return nil, fmt.Errorf("superblock: no XFS magic number: %w", volume.ErrCorrupt)
	}
	be := binary.BigEndian
	s := &superblock{
		version: int(be.Uint16(b[100:]) & 0xf), blockSize: int64(be.Uint32(b[4:])), blockLog: uint(b[120]),
		blocks: be.Uint64(b[8:]), rtBlocks: be.Uint64(b[16:]), uuid: [16]byte(b[32:48]), metaUUID: [16]byte(b[32:48]),
		logStart: be.Uint64(b[48:]), logBlocks: uint64(be.Uint32(b[96:])), root: be.Uint64(b[56:]),
		agBlocks: uint64(be.Uint32(b[84:])), agCount: uint64(be.Uint32(b[88:])),
		inodeSize: int64(be.Uint16(b[104:])), inodesPerLog: uint(b[123]), agBlockLog: uint(b[124]),
		label: strings.TrimRight(string(b[108:120]), "\x00"),
	}
	if err := s.features(b, verify); err != nil {
		return nil, err
	}
	return s, s.geometry(b)
}

// geometry checks the sizes against each other, so that no later computation can overflow.
func (s *superblock) geometry(b []byte) error {
	bad := ""
	dirLog := uint(b[192])
	switch {
	case s.blockSize < minBlockSize || s.blockSize > maxBlockSize || s.blockLog > 16 || s.blockSize != 1<<s.blockLog:
		bad = fmt.Sprintf("block size %d", s.blockSize)
	case s.inodeSize < minInodeSize || s.inodeSize > maxInodeSize || s.inodeSize&(s.inodeSize-1) != 0 || s.inodeSize > s.blockSize:
		bad = fmt.Sprintf("inode size %d", s.inodeSize)
	case s.version == 5 && s.inodeSize < 512:
		bad = fmt.Sprintf("inode size %d with checksums", s.inodeSize)
	case s.inodesPerLog > 8 || s.inodeSize<<s.inodesPerLog != s.blockSize:
		bad = fmt.Sprintf("%d inodes in a block", 1<<s.inodesPerLog)
	case s.agBlocks == 0 || s.agBlockLog > 31 || uint(bits.Len64(s.agBlocks-1)) != s.agBlockLog:
		bad = fmt.Sprintf("%d blocks in an allocation group", s.agBlocks)
	case s.agCount == 0 || s.agCount > maxAGs:
		bad = fmt.Sprintf("%d allocation groups", s.agCount)
	case s.blocks > s.agBlocks*s.agCount || s.blocks <= s.agBlocks*(s.agCount-1) || s.blocks > 1<<46:
		bad = fmt.Sprintf("%d blocks in %d allocation groups of %d", s.blocks, s.agCount, s.agBlocks)
	case dirLog > 16-s.blockLog:
		bad = fmt.Sprintf("directory blocks of %d blocks", uint64(1)<<dirLog)
	case b[126] != 0:
		bad = "mkfs did not finish"
	}
	if bad != "" {
		return fmt.Errorf("superblock: %s: %w", bad, volume.ErrCorrupt)
	}
	s.dirBlockSize = s.blockSize << dirLog
	if s.logStart != 0 && !s.inside(s.logStart, s.logBlocks) {
		return fmt.Errorf("superblock: log of %d blocks at %#x: %w", s.logBlocks, s.logStart, volume.ErrCorrupt)
	}
	return nil
}

// inside says whether n blocks from a file system block on lie in one allocation group and in the file system.
func (s *superblock) inside(block, n uint64) bool {
	ag, at := block>>s.agBlockLog, block&(1<<s.agBlockLog-1)
	return ag < s.agCount && n > 0 && at < s.agBlocks && n <= s.agBlocks-at && ag*s.agBlocks+at+n <= s.blocks
}

// offset returns where a file system block lies, in bytes: its upper bits are the allocation group, the lower the
// block in it.
func (s *superblock) offset(block uint64) int64 {
	ag, at := block>>s.agBlockLog, block&(1<<s.agBlockLog-1)
	return int64(ag*s.agBlocks+at) << s.blockLog
}

// inodeOffset returns where an inode lies, in bytes. An inode number is its block's number and its place in the block.
func (s *superblock) inodeOffset(ino uint64) (int64, error) {
	block := ino >> s.inodesPerLog
	if ino == 0 || ino == nullInode || !s.inside(block, 1) {
		return 0, fmt.Errorf("inode %d lies outside of the file system: %w", ino, volume.ErrCorrupt)
	}
	return s.offset(block) + int64(ino&(1<<s.inodesPerLog-1))*s.inodeSize, nil
}

// formatUUID writes a UUID in the usual way (RFC 9562, section 4).
func formatUUID(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
