package ext4

import (
	"fmt"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// The features that change how a file system is read, and all that are known
// by name. The bits are those of fs/ext4/ext4.h.
const (
	compatHasJournal   = 0x4
	compatSparseSuper2 = 0x200

	incompatCompression = 0x1
	incompatFiletype    = 0x2
	incompatRecover     = 0x4
	incompatJournalDev  = 0x8
	incompatMetaBG      = 0x10
	incompatExtents     = 0x40
	incompat64bit       = 0x80
	incompatFlexBG      = 0x200
	incompatEAInode     = 0x400
	incompatCsumSeed    = 0x2000
	incompatLargedir    = 0x4000
	incompatInlineData  = 0x8000

	roSparseSuper  = 0x1
	roGDTCsum      = 0x10
	roBigalloc     = 0x200
	roMetadataCsum = 0x400
)

// incompatFeatures lists every incompatible feature that has a name.
var incompatFeatures = []struct {
	bit  uint32
	name string
	read bool // whether it is read here
}{
	{incompatCompression, "compression", false},
	{incompatFiletype, "filetype", true},
	{incompatRecover, "needs_recovery", true},
	{incompatJournalDev, "journal_dev", false},
	{incompatMetaBG, "meta_bg", true},
	{incompatExtents, "extents", true},
	{incompat64bit, "64bit", true},
	{0x100, "mmp", true},
	{incompatFlexBG, "flex_bg", true},
	{incompatEAInode, "ea_inode", true},
	{0x1000, "dirdata", false},
	{incompatCsumSeed, "metadata_csum_seed", true},
	{incompatLargedir, "large_dir", true},
	{incompatInlineData, "inline_data", true},
	{0x10000, "encrypt", true},  // an encrypted file is an error of its own
	{0x20000, "casefold", true}, // names are matched exactly, which is noted
}

// checkIncompat refuses what is not read here, by name.
func checkIncompat(bits uint32) error {
	var refused []string
	for _, f := range incompatFeatures {
		if bits&f.bit != 0 && !f.read {
			refused = append(refused, f.name)
		}
		bits &^= f.bit
	}
	if bits != 0 {
		refused = append(refused, fmt.Sprintf("unknown feature %#x", bits))
	}
	if refused == nil {
		return nil
	}
	return fmt.Errorf("ext4 with %s: %w", strings.Join(refused, ", "), volume.ErrUnsupported)
}
