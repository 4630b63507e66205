package ext4

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const directBlocks = 12 // EXT4_NDIR_BLOCKS

// indirectAt finds block at of a file that is mapped as in ext2: twelve direct
// pointers, then one, two and three levels of blocks of pointers.
func (r *reader) indirectAt(in *inode, at uint64) (run, error) {
	pointers := uint(r.super.blockBits - 2) // binary logarithm of those in a block
	if at < directBlocks {
		return r.pointerRun(in, in.block[:4*directBlocks], at, 0)
	}
	rest := at - directBlocks
	for level := uint(1); level <= 3; level++ {
		if rest >= 1<<(pointers*level) {
			rest -= 1 << (pointers * level)
			continue
		}
		table := in.block[4*(directBlocks+level-1):][:4]
		index := uint64(0)
		for below := level; ; below-- {
			covers := pointers * below // of each pointer in table
			if below == 0 {
				return r.pointerRun(in, table, index, 0)
			}
			block := uint64(binary.LittleEndian.Uint32(table[4*index:]))
			if block == 0 {
				return r.pointerRun(in, table, index, rest&(1<<covers-1), covers)
			}
			if !r.super.validBlock(block) {
				return run{}, fmt.Errorf("inode %d: indirect block %d: %w", in.ino, block, volume.ErrCorrupt)
			}
			var err error
			if table, err = r.blocks.meta(block); err != nil {
				return run{}, fmt.Errorf("inode %d: indirect block: %w", in.ino, err)
			}
			rest &= 1<<covers - 1
			index = rest >> (pointers * (below - 1))
		}
	}
	return run{}, fmt.Errorf("inode %d: block %d of the file: %w", in.ino, at, volume.ErrCorrupt)
}

// pointerRun gathers the pointers from index on that go on where the one before
// ends, or that are all zero. Each covers 1<<covers blocks of the file, of which
// the first inside are already behind.
func (r *reader) pointerRun(in *inode, table []byte, index, inside uint64, covers ...uint) (run, error) {
	at := func(i uint64) uint64 { return uint64(binary.LittleEndian.Uint32(table[4*i:])) }
	each := uint64(1)
	if len(covers) > 0 {
		each <<= covers[0]
	}
	first := at(index)
	n := uint64(1)
	for index+n < uint64(len(table)/4) {
		next := at(index + n)
		if first == 0 && next != 0 || first != 0 && next != first+n {
			break
		}
		n++
	}
	if first == 0 {
		return run{hole: true, count: n*each - inside}, nil
	}
	if !r.super.validBlock(first) || !r.super.validBlock(first+n-1) {
		return run{}, fmt.Errorf("inode %d: blocks %d to %d: %w", in.ino, first, first+n-1, volume.ErrCorrupt)
	}
	return run{phys: first, count: n}, nil
}
