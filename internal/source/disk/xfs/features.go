package xfs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"hinomi/internal/source/disk/volume"
)

// Bits of sb_versionnum and sb_features2 that matter to reading (XFS Filesystem Structure, "Superblocks").
const (
	versionShared   = 0x0200
	versionDirV2    = 0x2000
	versionFoldCase = 0x4000
	versionMoreBits = 0x8000
	versionKnown    = 0xfdff &^ 0xf // all but the shared bit, which nobody knows

	features2FileTypes = 0x200
	features2Known     = 0x002 | 0x008 | 0x080 | 0x100 | features2FileTypes

	incompatFileTypes = 1 << 0
	incompatMetaUUID  = 1 << 2
	logIncompatXattrs = 1 << 0
	compatROKnown     = 1<<0 | 1<<1 | 1<<2 | 1<<3
)

// incompatNames are the incompatible features of version 5 by bit. Those that reading does not know are refused by
// name, those that nobody here has heard of by number.
var incompatNames = [32]string{
	0: "ftype", 1: "sparse inodes", 2: "meta_uuid", 3: "bigtime", 4: "needsrepair", 5: "nrext64",
	6: "exchange-range", 7: "parent pointers", 8: "metadir", 9: "zoned", 10: "zone gaps",
}

// incompatKnown are the bits of them that do not stand in the way: realtime data, which metadir and zoned concern, is
// refused file by file.
const incompatKnown = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10

// features takes the feature bits and refuses what would be read wrongly.
func (s *superblock) features(b []byte, verify bool) error {
	be := binary.BigEndian
	bitsV4, features2 := be.Uint16(b[100:]), be.Uint32(b[200:])
	s.foldCase = bitsV4&versionFoldCase != 0
	switch s.version {
	case 4:
		s.fileTypes = bitsV4&versionMoreBits != 0 && features2&features2FileTypes != 0
		switch {
		case bitsV4&versionDirV2 == 0:
			return fmt.Errorf("xfs directory version 1: %w", volume.ErrUnsupported)
		case bitsV4&versionShared != 0:
			return fmt.Errorf("xfs feature shared superblock: %w", volume.ErrUnsupported)
		case bitsV4&versionMoreBits != 0 && features2&^uint32(features2Known) != 0:
			return fmt.Errorf("xfs features2 %#x: %w", features2&^uint32(features2Known), volume.ErrUnsupported)
		}
		return nil
	case 5:
	default:
		return fmt.Errorf("xfs version %d: %w", s.version, volume.ErrUnsupported)
	}
	if verify && !crcMatches(b, superCRC) {
		return fmt.Errorf("superblock: checksum mismatch: %w", volume.ErrCorrupt)
	}
	incompat := be.Uint32(b[216:])
	var refused []string
	for i, name := range incompatNames {
		bit := uint32(1) << i
		if incompat&bit == 0 || incompatKnown&bit != 0 {
			continue
		}
		if name == "" {
			name = fmt.Sprintf("incompatible feature bit %d", i)
		}
		refused = append(refused, name)
	}
	if len(refused) > 0 {
		return fmt.Errorf("xfs feature %s: %w", strings.Join(refused, ", "), volume.ErrUnsupported)
	}
	s.fileTypes = incompat&incompatFileTypes != 0
	s.roCompat = be.Uint32(b[212:])
	s.unknownRO = s.roCompat &^ compatROKnown
	s.logIncompat = be.Uint32(b[220:])
	if incompat&incompatMetaUUID != 0 {
		s.metaUUID = [16]byte(b[248:264])
	}
	return nil
}
