package ext4

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	extentMagic   = 0xf30a
	extentEntry   = 12
	maxExtents    = 5 // depth of the tree, EXT4_MAX_EXTENT_DEPTH
	maxInitLength = 32768
	endOfFile     = 1 << 32 // extents count blocks in 32 bits
)

// run is a stretch of a file: count blocks from block phys on, or zeros.
type run struct {
	phys  uint64
	count uint64
	hole  bool
}

// runAt returns the stretch of in that begins at its block at. count is at least 1.
func (r *reader) runAt(in *inode, at uint64) (run, error) {
	found, err := r.storedRun(in, at)
	if err != nil || in.patches == nil {
		return found, err
	}
	return patched(in.patches, at, found), nil
}

func (r *reader) storedRun(in *inode, at uint64) (run, error) {
	if in.has(flagExtents) {
		return r.extentAt(in, at)
	}
	return r.indirectAt(in, at)
}

// extentAt walks the extent tree down to the leaf for block at.
func (r *reader) extentAt(in *inode, at uint64) (run, error) {
	bad := func(what string, args ...any) (run, error) {
		return run{}, fmt.Errorf("inode %d: extent tree: %s: %w", in.ino, fmt.Sprintf(what, args...), volume.ErrCorrupt)
	}
	if at >= endOfFile {
		return bad("block %d of the file", at)
	}
	node := in.block[:]
	low, high := uint64(0), uint64(endOfFile)
	depth := -1
	for {
		le := binary.LittleEndian
		count, level := int(le.Uint16(node[2:])), int(le.Uint16(node[6:]))
		switch {
		case le.Uint16(node) != extentMagic:
			return bad("no magic number")
		case count > int(le.Uint16(node[4:])) || extentEntry*(count+1) > len(node):
			return bad("%d entries", count)
		case depth < 0 && level > maxExtents || depth >= 0 && level != depth:
			return bad("depth %d", level)
		}
		depth = level
		entries := node[extentEntry : extentEntry*(count+1)]
		if depth == 0 {
			found, what := leafRun(entries, at, low, high)
			if what != "" {
				return bad("%s", what)
			}
			if !found.hole && (!r.super.validBlock(found.phys) || !r.super.validBlock(found.phys+found.count-1)) {
				return bad("blocks %d to %d", found.phys, found.phys+found.count-1)
			}
			return found, nil
		}
		child, from, to, what := indexChild(entries, at, low, high)
		switch {
		case what != "":
			return bad("%s", what)
		case child == 0: // before the first entry
			return run{hole: true, count: to - at}, nil
		case !r.super.validBlock(child):
			return bad("node at block %d", child)
		}
		low, high = from, to
		depth--
		var err error
		if node, err = r.extentNode(in, child); err != nil {
			return run{}, err
		}
	}
}

// extentNode reads a block of the tree and verifies its checksum.
func (r *reader) extentNode(in *inode, block uint64) ([]byte, error) {
	node, err := r.blocks.meta(block)
	if err != nil {
		return nil, fmt.Errorf("inode %d: extent tree: %w", in.ino, err)
	}
	if r.super.checksummed() {
		tail := extentEntry * (1 + int(binary.LittleEndian.Uint16(node[4:])))
		if tail+4 > len(node) || crc32c(in.seed, node[:tail]) != binary.LittleEndian.Uint32(node[tail:]) {
			return nil, fmt.Errorf("inode %d: extent tree: checksum of block %d: %w", in.ino, block, volume.ErrCorrupt)
		}
	}
	return node, nil
}

// leafRun finds block at among the extents of a leaf that covers [low, high).
func leafRun(entries []byte, at, low, high uint64) (found run, bad string) {
	end, set := low, false
	for ; len(entries) > 0; entries = entries[extentEntry:] {
		le := binary.LittleEndian
		first, length := uint64(le.Uint32(entries)), uint64(le.Uint16(entries[4:]))
		unwritten := length > maxInitLength
		if unwritten {
			length -= maxInitLength
		}
		if length == 0 || first < end || first+length > high {
			return run{}, fmt.Sprintf("extent of %d blocks at %d overlaps", length, first)
		}
		switch {
		case set:
		case at < first:
			found, set = run{hole: true, count: first - at}, true
		case at < first+length:
			phys := uint64(le.Uint32(entries[8:])) | uint64(le.Uint16(entries[6:]))<<32
			found, set = run{phys: phys + at - first, count: first + length - at, hole: unwritten}, true
		}
		end = first + length
	}
	if !set {
		found = run{hole: true, count: high - at}
	}
	return found, ""
}

// indexChild finds the child that covers block at, and the range that it may
// cover. child 0 says that nothing is stored between at and to.
func indexChild(entries []byte, at, low, high uint64) (child, from, to uint64, bad string) {
	if len(entries) == 0 {
		return 0, 0, 0, "empty index node"
	}
	previous := low
	to = high
	for i := 0; len(entries) > 0; entries = entries[extentEntry:] {
		le := binary.LittleEndian
		first := uint64(le.Uint32(entries))
		if first < previous || i > 0 && first == previous || first >= high {
			return 0, 0, 0, fmt.Sprintf("index entry for block %d is out of order", first)
		}
		if first <= at {
			from, child, to = first, uint64(le.Uint32(entries[4:]))|uint64(le.Uint16(entries[8:]))<<32, high
			if child == 0 {
				return 0, 0, 0, fmt.Sprintf("index entry for block %d leads nowhere", first)
			}
		} else if to == high {
			to = first
		}
		previous = first
		i++
	}
	return child, from, to, ""
}
