package xfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	extentSize = 16
	// maxOffset bounds a file's block offsets: 54 bits of the record.
	maxOffset = 1 << 54
	// maxTreeLevels is how high a block map can be (kernel, XFS_BTREE_MAXLEVELS).
	maxTreeLevels = 9
)

// extent maps count blocks of a file from the block offset on to the file system block start.
type extent struct {
	offset, start, count uint64
	unwritten            bool // allocated only: reads as zeros
}

// parseExtent takes the four fields of a 128-bit record: 1, 54, 52 and 21 bits.
func parseExtent(b []byte) extent {
	hi, lo := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	return extent{
		unwritten: hi>>63 != 0,
		offset:    hi >> 9 & (1<<54 - 1),
		start:     hi&(1<<9-1)<<43 | lo>>21,
		count:     lo & (1<<21 - 1),
	}
}

// extentList collects the extents of one fork in order, joined where they continue each other.
type extentList struct {
	sb    *superblock
	list  []extent
	found uint64 // records, before joining
	limit uint64
}

// add takes one record. Records must ascend without overlap, which also ends every walk over a tree that loops.
func (l *extentList) add(e extent, realtime bool) error {
	if l.found++; l.found > l.limit {
		return fmt.Errorf("more than %d extents: %w", l.limit, volume.ErrLimit)
	}
	if e.count == 0 || e.offset+e.count > maxOffset {
		return fmt.Errorf("extent of %d blocks at %d: %w", e.count, e.offset, volume.ErrCorrupt)
	}
	if !realtime && !l.sb.inside(e.start, e.count) {
		return fmt.Errorf("extent of %d blocks at file system block %#x: %w", e.count, e.start, volume.ErrCorrupt)
	}
	if n := len(l.list); n > 0 {
		last := &l.list[n-1]
		end := last.offset + last.count
		if e.offset < end {
			return fmt.Errorf("extents out of order at file block %d: %w", e.offset, volume.ErrCorrupt)
		}
		if e.offset == end && e.start == last.start+last.count && e.unwritten == last.unwritten {
			last.count += e.count
			return nil
		}
	}
	l.list = append(l.list, e)
	return nil
}

// realtime says whether a file's data lies on the realtime device, whose blocks are counted differently.
func (in *inode) realtime() bool {
	return in.flags&flagRealtime != 0 && in.mode>>12 == modeRegular
}

// extents returns the block map of an inode's data fork.
func (r *reader) extents(in *inode) ([]extent, error) {
	if p, ok := r.patches[in.ino]; ok {
		return p.extents, nil
	}
	return r.storedExtents(in)
}

// storedExtents reads the block map as the disk and the journal's buffers have it, before intents are finished.
func (r *reader) storedExtents(in *inode) ([]extent, error) {
	l := &extentList{sb: r.sb, limit: uint64(r.opts.MaxExtents)}
	realtime := in.realtime()
	switch in.form {
	case formExtents:
		if in.extents > uint64(len(in.dataFork)/extentSize) {
			return nil, fmt.Errorf("inode %d: %d extents do not fit into it: %w", in.ino, in.extents, volume.ErrCorrupt)
		}
		for i := range in.extents {
			if err := l.add(parseExtent(in.dataFork[i*extentSize:]), realtime); err != nil {
				return nil, fmt.Errorf("inode %d: %w", in.ino, err)
			}
		}
	case formTree:
		if err := r.treeExtents(in, l); err != nil {
			return nil, fmt.Errorf("inode %d: block map: %w", in.ino, err)
		}
		if l.found != in.extents {
			return nil, fmt.Errorf("inode %d: block map holds %d extents instead of %d: %w", in.ino, l.found, in.extents, volume.ErrCorrupt)
		}
	default:
		return nil, fmt.Errorf("inode %d: fork of form %d has no extents: %w", in.ino, in.form, volume.ErrCorrupt)
	}
	return l.list, nil
}
