package btrfs

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// The superblock (Linux, include/uapi/linux/btrfs_tree.h, struct btrfs_super_block).
const (
	superMagic = "_BHRfS_M"
	superSize  = 4096
	superAt    = 64 << 10
	// maxNode is the largest tree block, BTRFS_MAX_METADATA_BLOCKSIZE.
	maxNode = 64 << 10
	// sysArraySize is the room for the chunks that hold the chunk tree.
	sysArraySize = 2048
	levels       = 8 // BTRFS_MAX_LEVEL
)

// superCopies are where the superblock and its copies lie.
var superCopies = []int64{superAt, 64 << 20, 256 << 30}

// Incompatible features that concern how the file system is read.
const (
	featureNoHoles      = 1 << 9
	featureMetadataUUID = 1 << 10
)

// feature is an incompatible feature (include/uapi/linux/btrfs.h).
type feature struct {
	bit   int
	name  string
	known bool
}

var features = []feature{
	{0, "mixed-backref", true},
	{1, "default-subvol", true},
	{2, "mixed-groups", true},
	{3, "compress-lzo", true},
	{4, "compress-zstd", true},
	{5, "big-metadata", true},
	{6, "extref", true},
	{7, "raid56", true}, // what lies on such chunks is refused
	{8, "skinny-metadata", true},
	{9, "no-holes", true},
	{10, "metadata-uuid", true},
	{11, "raid1c34", true},
	{12, "zoned", false},
	{13, "extent-tree-v2", false},
	{14, "raid-stripe-tree", false},
	{15, "fscrypt", false},
	{16, "simple-quota", true}, // owners of extents, which reading does not need
	{17, "remap-tree", false},
}

// super is the superblock, checked.
type super struct {
	raw        []byte
	fsid       [16]byte
	metaID     [16]byte // in the tree blocks
	generation uint64
	root       tree
	chunkRoot  tree
	logRoot    tree // address 0 if there is none
	sectorSize int
	nodeSize   int
	incompat   uint64
	csum       checksum
	sysChunks  []byte
	devices    uint64
	devID      uint64
	devSize    int64
	label      string
	copyAt     int64 // where it was read
}

// Probe says whether head, the first 68 KiB of a device, looks like btrfs.
func Probe(head []byte) bool {
	return len(head) >= superAt+0x48 && string(head[superAt+0x40:superAt+0x48]) == superMagic
}

// readSuper reads the superblock, or the newest of its copies where it is damaged.
func readSuper(dev volume.Device) (*super, error) {
	var best *super
	var first error
	for i, at := range superCopies {
		if at+superSize > dev.Size() {
			break
		}
		b := make([]byte, superSize)
		if n, err := dev.ReadAt(b, at); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = volume.ErrCorrupt
			}
			return nil, fmt.Errorf("superblock at byte %d: %w", at, err)
		}
		s, err := parseSuper(b, at)
		if err == nil && i == 0 {
			return s, nil
		}
		if i == 0 {
			if first = err; errors.Is(err, volume.ErrUnsupported) {
				return nil, err
			}
		}
		if err == nil && (best == nil || s.generation > best.generation) {
			best = s
		}
	}
	switch {
	case best != nil:
		return best, nil
	case first == nil:
		first = fmt.Errorf("superblock: a device of %d bytes: %w", dev.Size(), volume.ErrCorrupt)
	}
	return nil, first
}

func parseSuper(b []byte, at int64) (*super, error) {
	le := binary.LittleEndian
	corrupt := func(format string, args ...any) error {
		return fmt.Errorf("superblock at byte %d: %s: %w", at, fmt.Sprintf(format, args...), volume.ErrCorrupt)
	}
	if string(b[0x40:0x48]) != superMagic {
		return nil, corrupt("no magic number")
	}
	sum, err := newChecksum(le.Uint16(b[0xc4:]))
	if err != nil {
		return nil, err
	}
	if !sum.matches(b[:32], b[32:]) {
		return nil, corrupt("checksum mismatch")
	}
	if own := le.Uint64(b[0x30:]); own != uint64(at) {
		return nil, corrupt("belongs to byte %d", own)
	}
	s := &super{
		raw: b, generation: le.Uint64(b[0x48:]), sectorSize: int(le.Uint32(b[0x90:])), nodeSize: int(le.Uint32(b[0x94:])),
		incompat: le.Uint64(b[0xbc:]), csum: sum, devices: le.Uint64(b[0x88:]), devID: le.Uint64(b[0xc9:]), copyAt: at,
	}
	for what, size := range map[string]int{"sector": s.sectorSize, "node": s.nodeSize} {
		if size < 512 || size > maxNode || size&(size-1) != 0 {
			return nil, corrupt("%s size %d", what, size)
		}
	}
	if s.nodeSize < s.sectorSize {
		return nil, corrupt("nodes of %d bytes in sectors of %d", s.nodeSize, s.sectorSize)
	}
	copy(s.fsid[:], b[0x20:])
	s.metaID = s.fsid
	if s.incompat&featureMetadataUUID != 0 {
		copy(s.metaID[:], b[0x23b:])
	}
	n := int(le.Uint32(b[0xa0:]))
	if n > sysArraySize {
		return nil, corrupt("array of system chunks of %d bytes", n)
	}
	s.sysChunks = b[0x32b : 0x32b+n]
	size := le.Uint64(b[0xc9+8:])
	if size == 0 || size > 1<<62 {
		return nil, corrupt("device of %d bytes", size)
	}
	s.devSize = int64(size)
	label, _, _ := bytes.Cut(b[0x12b:0x22b], []byte{0})
	s.label = string(label)
	s.root = tree{id: rootTree, at: le.Uint64(b[0x50:]), level: b[0xc6], generation: s.generation}
	s.chunkRoot = tree{id: chunkTree, at: le.Uint64(b[0x58:]), level: b[0xc7], generation: le.Uint64(b[0xa4:])}
	// The log is written in the transaction that follows the superblock's.
	s.logRoot = tree{id: logTree, at: le.Uint64(b[0x60:]), level: b[0xc8], generation: s.generation + 1}
	return s, s.unknown()
}

// unknown names the features without which the file system would be read wrongly.
func (s *super) unknown() error {
	var names []string
	rest := s.incompat
	for _, f := range features {
		if rest&(1<<f.bit) != 0 && !f.known {
			names = append(names, f.name)
		}
		rest &^= 1 << f.bit
	}
	if rest != 0 {
		names = append(names, fmt.Sprintf("incompat bits %#x", rest))
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("btrfs feature %s: %w", strings.Join(names, ", "), volume.ErrUnsupported)
}

// formatUUID writes a UUID as the tools do.
func formatUUID(id [16]byte) string {
	s := hex.EncodeToString(id[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
