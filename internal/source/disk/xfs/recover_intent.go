package xfs

import (
	"encoding/binary"
	"fmt"
	"slices"

	"hinomi/internal/source/disk/volume"
)

// Intents are operations of several transactions, noted before the first and done with the last. Recovery finishes
// those that were under way. Two kinds change what a file holds: BUI (map or unmap blocks) and XMI (exchange ranges of
// two files); kernel, xfs_log_format.h.
const (
	bmapMap       = 1
	bmapUnmap     = 2
	bmapAttrFork  = 1 << 31
	bmapUnwritten = 1 << 30
	bmapRealtime  = 1 << 29

	exchangeAttrFork = 1 << 0
	exchangeSizes    = 1 << 1
	exchangeWritten  = 1 << 2 // only where the first file's blocks are written

	intentHeader = 16
	mapExtent    = 32
	exchangeSize = 88

	// No kernel leaves more: a thread has one such operation under way, of one or two extents.
	maxIntents       = 4096
	maxIntentExtents = 16
	maxExchangeParts = 4096
)

// intent is an operation that was begun.
type intent struct {
	order int
	kind  uint16
	body  []byte
}

// patch is a file as an unfinished operation leaves it.
type patch struct {
	extents []extent
	size    int64
	resized bool
}

// begin notes an intent.
func (rec *recovery) begin(c *change) error {
	b := c.regions[0]
	if len(b) >= intentHeader && c.kind == itemBUI && binary.LittleEndian.Uint32(b[4:]) > maxIntentExtents {
		return fmt.Errorf("intent item %#x with %d extents: %w", c.kind, binary.LittleEndian.Uint32(b[4:]), volume.ErrLimit)
	}
	if len(b) < intentHeader || c.kind == itemXMI && len(b) < exchangeSize ||
		c.kind == itemBUI && int64(binary.LittleEndian.Uint32(b[4:])) > int64(len(b)-intentHeader)/mapExtent {
		return fmt.Errorf("intent item %#x of %d bytes: %w", c.kind, len(b), volume.ErrCorrupt)
	}
	if rec.held += int64(len(b)) + 64; rec.held > rec.r.opts.MaxJournalBytes {
		return fmt.Errorf("journal holds more than %d bytes of changes: %w", rec.r.opts.MaxJournalBytes, volume.ErrLimit)
	}
	rec.next++
	rec.intents[binary.LittleEndian.Uint64(b[8:])] = intent{order: rec.next, kind: c.kind, body: slices.Clone(b)}
	return nil
}

// done strikes an intent out.
func (rec *recovery) done(c *change) error {
	if len(c.regions[0]) < intentHeader {
		return fmt.Errorf("intent done item of %d bytes: %w", len(c.regions[0]), volume.ErrCorrupt)
	}
	delete(rec.intents, binary.LittleEndian.Uint64(c.regions[0][8:]))
	return nil
}

// finish does in memory what the unfinished intents still have to do to the files' block maps. One that cannot be done
// is a gap: that file may be stale.
func (rec *recovery) finish() error {
	if len(rec.intents) > maxIntents {
		return fmt.Errorf("%d unfinished operations: %w", len(rec.intents), volume.ErrLimit)
	}
	left := make([]intent, 0, len(rec.intents))
	for _, in := range rec.intents {
		left = append(left, in)
	}
	slices.SortFunc(left, func(a, b intent) int { return a.order - b.order })
	for _, in := range left {
		var err error
		if in.kind == itemXMI {
			err = rec.r.exchange(in.body)
		} else {
			err = rec.r.remap(in.body)
		}
		if err != nil {
			rec.r.gap("an operation that the journal left unfinished could not be done: %v", err)
		}
	}
	if len(left) > 0 {
		rec.r.note("journal left %d block map operations unfinished: done in memory", len(left))
	}
	return nil
}

// patched returns a file's state so far.
func (r *reader) patched(ino uint64) (patch, *inode, error) {
	in, err := r.inode(ino)
	if err != nil {
		return patch{}, nil, err
	}
	if p, ok := r.patches[ino]; ok {
		return p, in, nil
	}
	list, err := r.storedExtents(in)
	return patch{extents: list, size: in.size}, in, err
}

// remap does the operations of a BUI.
func (r *reader) remap(b []byte) error {
	le := binary.LittleEndian
	for i := range int64(le.Uint32(b[4:])) {
		m := b[intentHeader+i*mapExtent:]
		ino, flags := le.Uint64(m), le.Uint32(m[28:])
		e := extent{start: le.Uint64(m[8:]), offset: le.Uint64(m[16:]), count: uint64(le.Uint32(m[24:])), unwritten: flags&bmapUnwritten != 0}
		if flags&bmapAttrFork != 0 {
			continue
		}
		p, _, err := r.patched(ino)
		if err != nil {
			return err
		}
		switch {
		case flags&bmapRealtime != 0:
			return fmt.Errorf("inode %d: map of realtime blocks: %w", ino, volume.ErrUnsupported)
		case e.count == 0 || e.offset > maxOffset || !r.sb.inside(e.start, e.count):
			return fmt.Errorf("inode %d: map of %d blocks at %d: %w", ino, e.count, e.offset, volume.ErrCorrupt)
		case flags&0xff == bmapUnmap:
			p.extents, _ = cut(p.extents, e.offset, e.count)
		case flags&0xff == bmapMap:
			rest, there := cut(p.extents, e.offset, e.count)
			if len(there) > 0 {
				return fmt.Errorf("inode %d: map over blocks at %d: %w", ino, e.offset, volume.ErrCorrupt)
			}
			p.extents = insert(rest, []extent{e})
		default:
			return fmt.Errorf("inode %d: map operation %d: %w", ino, flags&0xff, volume.ErrUnsupported)
		}
		r.patches[ino] = p
	}
	return nil
}

// exchange does what is left of an XMI.
func (r *reader) exchange(b []byte) error {
	le := binary.LittleEndian
	ino1, ino2, flags := le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[64:])
	off1, off2, n := le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:])
	if flags&exchangeAttrFork != 0 {
		return nil
	}
	if off1 > maxOffset || off2 > maxOffset || n > maxOffset || ino1 == ino2 {
		return fmt.Errorf("exchange of %d blocks of inodes %d and %d: %w", n, ino1, ino2, volume.ErrCorrupt)
	}
	p1, in1, err := r.patched(ino1)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	p2, in2, err := r.patched(ino2)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	if in1.gen != le.Uint32(b[32:]) || in2.gen != le.Uint32(b[36:]) {
		return fmt.Errorf("exchange of inodes %d and %d: generations differ: %w", ino1, ino2, volume.ErrCorrupt)
	}
	parts := []extent{{offset: off1, count: n}}
	if flags&exchangeWritten != 0 {
		if _, parts = cut(p1.extents, off1, n); len(parts) > maxExchangeParts {
			return fmt.Errorf("exchange of %d extents of inodes %d and %d: %w", len(parts), ino1, ino2, volume.ErrLimit)
		}
	}
	for _, part := range parts {
		if part.unwritten {
			continue
		}
		at2 := part.offset - off1 + off2
		rest1, mid1 := cut(p1.extents, part.offset, part.count)
		rest2, mid2 := cut(p2.extents, at2, part.count)
		p1.extents = insert(rest1, shift(mid2, part.offset-at2))
		p2.extents = insert(rest2, shift(mid1, at2-part.offset))
	}
	if flags&exchangeSizes != 0 {
		p1.size, p1.resized = int64(le.Uint64(b[72:])), true
		p2.size, p2.resized = int64(le.Uint64(b[80:])), true
		if p1.size < 0 || p2.size < 0 {
			return fmt.Errorf("exchange of inodes %d and %d: sizes: %w", ino1, ino2, volume.ErrCorrupt)
		}
	}
	r.patches[ino1], r.patches[ino2] = p1, p2
	return nil
}

// cut takes a range of blocks out of a map, and returns the rest and what was there.
func cut(list []extent, offset, count uint64) (rest, taken []extent) {
	end := offset + count
	for _, e := range list {
		last := e.offset + e.count
		if last <= offset || e.offset >= end {
			rest = append(rest, e)
			continue
		}
		if e.offset < offset {
			rest = append(rest, extent{offset: e.offset, start: e.start, count: offset - e.offset, unwritten: e.unwritten})
		}
		from, to := max(e.offset, offset), min(last, end)
		taken = append(taken, extent{offset: from, start: e.start + from - e.offset, count: to - from, unwritten: e.unwritten})
		if last > end {
			rest = append(rest, extent{offset: end, start: e.start + end - e.offset, count: last - end, unwritten: e.unwritten})
		}
	}
	return rest, taken
}

// insert puts extents into a map that has a hole for them.
func insert(list, more []extent) []extent {
	list = append(list, more...)
	slices.SortFunc(list, func(a, b extent) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	return list
}

// shift moves extents by a number of blocks, which may be negative modulo 2^64.
func shift(list []extent, by uint64) []extent {
	out := slices.Clone(list)
	for i := range out {
		out[i].offset += by
	}
	return out
}
