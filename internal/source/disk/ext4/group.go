package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const groupInodesUnused = 0x1 // EXT4_BG_INODE_UNINIT

// errNoInodes says that no inode of a group was ever used.
var errNoInodes = errors.New("the group holds no inode")

// inodeTable returns the first block of group g's inode table, from its
// descriptor, or from the backup of it if that cannot be believed.
func (r *reader) inodeTable(g uint64) (uint64, error) {
	table, err := r.descriptor(g, r.descriptorBlock(g))
	if err == nil || errors.Is(err, errNoInodes) {
		return table, err
	}
	backup, ok := r.backupBlock(g)
	if !ok {
		return 0, err
	}
	table, backupErr := r.descriptor(g, backup)
	if backupErr != nil {
		return 0, err
	}
	r.notes.fact("group descriptor block of group %d: its backup was used (%v)", g, err)
	return table, nil
}

// descriptorBlock is the block that holds the descriptor of group g
// (descriptor_loc of fs/ext4/super.c).
func (r *reader) descriptorBlock(g uint64) uint64 {
	s := &r.super
	each := uint64(s.blockSize / s.descSize)
	n := g / each
	superBlock := uint64(superOffset >> s.blockBits)
	if !s.has(incompatMetaBG) || n < s.firstMetaBG {
		if s.fromBackup != 0 {
			superBlock = s.fromBackup
		}
		return superBlock + 1 + n
	}
	group := n * each
	block := uint64(s.groupStart(group))
	if s.hasSuper(group) {
		block++
	}
	if s.blockSize == 1024 && n == 0 && s.firstData == 0 {
		block++
	}
	return block
}

// backupBlock is where a copy of the descriptor block of group g stands.
func (r *reader) backupBlock(g uint64) (uint64, bool) {
	s := &r.super
	each := uint64(s.blockSize / s.descSize)
	n := g / each
	if s.has(incompatMetaBG) && n >= s.firstMetaBG {
		group := n*each + 1 // the second group of the meta group
		if group >= s.groups {
			return 0, false
		}
		block := uint64(s.groupStart(group))
		if s.hasSuper(group) {
			block++
		}
		return block, true
	}
	group := uint64(1)
	if s.compat&compatSparseSuper2 != 0 {
		group = uint64(s.backups[0])
	}
	if group == 0 || group >= s.groups {
		return 0, false
	}
	return uint64(s.groupStart(group)) + 1 + n, true
}

// descriptor reads the descriptor of group g out of the given block.
func (r *reader) descriptor(g, block uint64) (uint64, error) {
	s := &r.super
	if !s.validBlock(block) {
		return 0, fmt.Errorf("descriptor of group %d in block %d: %w", g, block, volume.ErrCorrupt)
	}
	data, err := r.blocks.meta(block)
	if err != nil {
		return 0, fmt.Errorf("descriptor of group %d: %w", g, err)
	}
	d := data[int(g%uint64(s.blockSize/s.descSize))*s.descSize:][:s.descSize]
	le := binary.LittleEndian
	if want := le.Uint16(d[0x1e:]); !s.descriptorSum(g, d, want) {
		return 0, fmt.Errorf("descriptor of group %d: checksum: %w", g, volume.ErrCorrupt)
	}
	table := uint64(le.Uint32(d[8:]))
	if s.descSize >= 64 {
		table |= uint64(le.Uint32(d[0x28:])) << 32
	}
	if s.ro&(roGDTCsum|roMetadataCsum) != 0 && le.Uint16(d[0x12:])&groupInodesUnused != 0 {
		return 0, fmt.Errorf("inode table of group %d: %w: %w", g, errNoInodes, volume.ErrCorrupt)
	}
	size := (uint64(s.inodesPerGroup)*uint64(s.inodeSize) + uint64(s.blockSize) - 1) >> s.blockBits
	if !s.validBlock(table) || !s.validBlock(table+size-1) {
		return 0, fmt.Errorf("descriptor of group %d: inode table at block %d: %w", g, table, volume.ErrCorrupt)
	}
	return table, nil
}

// descriptorSum verifies the checksum of a descriptor (ext4_group_desc_csum).
func (s *super) descriptorSum(g uint64, d []byte, want uint16) bool {
	var number [4]byte
	binary.LittleEndian.PutUint32(number[:], uint32(g))
	switch {
	case s.checksummed():
		return uint16(crc32cWithout(crc32c(s.seed, number[:]), d, 0x1e, 2)) == want
	case s.ro&roGDTCsum != 0:
		sum := crc16(crc16(^uint16(0), s.uuid[:]), number[:])
		sum = crc16(sum, d[:0x1e])
		if s.has(incompat64bit) {
			sum = crc16(sum, d[0x20:])
		}
		return sum == want
	}
	return true
}
