package ext4

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	xattrMagic  = 0xea020000
	xattrSystem = 7      // the name index of "system."
	xattrData   = "data" // system.data holds the end of inline data
)

// inlineRest finds the end of inline data: the value of the extended attribute
// system.data in the inode itself.
func inlineRest(raw []byte, extra int) (value []byte, found bool, err error) {
	if len(raw) <= oldInodeSize || oldInodeSize+extra+4 > len(raw) {
		return nil, false, nil
	}
	le := binary.LittleEndian
	area := raw[oldInodeSize+extra:]
	if le.Uint32(area) != xattrMagic {
		return nil, false, nil
	}
	area = area[4:]
	for p := 0; p+4 <= len(area) && le.Uint32(area[p:]) != 0; {
		if p+16 > len(area) {
			return nil, false, fmt.Errorf("extended attributes end in an entry: %w", volume.ErrCorrupt)
		}
		nameLen, index := int(area[p]), area[p+1]
		next := p + 16 + (nameLen+3)&^3
		if next > len(area) {
			return nil, false, fmt.Errorf("extended attribute with a name of %d bytes: %w", nameLen, volume.ErrCorrupt)
		}
		if index == xattrSystem && string(area[p+16:p+16+nameLen]) == xattrData {
			start, size := int64(le.Uint16(area[p+2:])), int64(le.Uint32(area[p+8:]))
			if le.Uint32(area[p+4:]) != 0 {
				return nil, false, fmt.Errorf("inline data in another inode: %w", volume.ErrUnsupported)
			}
			if start+size > int64(len(area)) {
				return nil, false, fmt.Errorf("inline data of %d bytes: %w", size, volume.ErrCorrupt)
			}
			return append([]byte(nil), area[start:start+size]...), true, nil
		}
		p = next
	}
	return nil, false, nil
}
