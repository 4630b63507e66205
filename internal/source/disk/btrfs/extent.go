package btrfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"hinomi/internal/source/disk/volume"
)

const (
	// maxUnpacked is the most that one compressed extent gives, and takes (BTRFS_MAX_UNCOMPRESSED, BTRFS_MAX_COMPRESSED).
	maxUnpacked = 128 << 10

	extentInline   = 0
	extentRegular  = 1
	extentPrealloc = 2
	inlineHead     = 21
	regularSize    = 53
)

// The compressions of an extent.
const (
	packedNot = iota
	packedZlib
	packedLZO
	packedZstd
)

// extent is a stretch of a file.
type extent struct {
	start, end uint64 // in the file
	packing    uint8
	inline     []byte // the bytes, as stored; nil if they lie elsewhere
	hole       bool   // zeros
	unpacked   uint64 // bytes of all that lies at address, unpacked
	address    uint64 // logical
	length     uint64 // bytes at address
	offset     uint64 // in these, unpacked, where the stretch begins
}

func parseExtent(k key, b []byte) (extent, error) {
	le := binary.LittleEndian
	bad := func(format string, args ...any) (extent, error) {
		return extent{}, fmt.Errorf("extent at byte %d: %s: %w", k.offset, fmt.Sprintf(format, args...), volume.ErrCorrupt)
	}
	if len(b) < inlineHead {
		return bad("item of %d bytes", len(b))
	}
	e := extent{start: k.offset, packing: b[16], unpacked: le.Uint64(b[8:])}
	switch {
	case b[17] != 0 || le.Uint16(b[18:]) != 0:
		return extent{}, fmt.Errorf("extent at byte %d: encryption %d, encoding %d: %w", k.offset, b[17], le.Uint16(b[18:]), volume.ErrUnsupported)
	case e.packing > packedZstd:
		return extent{}, fmt.Errorf("extent at byte %d: compression %d: %w", k.offset, e.packing, volume.ErrUnsupported)
	}
	if b[20] == extentInline {
		e.inline = b[inlineHead:]
		switch {
		case e.start != 0:
			return bad("inline, not at the start of its file")
		case e.packing == packedNot && e.unpacked != uint64(len(e.inline)) || e.unpacked > maxNode:
			return bad("%d bytes inline for %d", len(e.inline), e.unpacked)
		}
		e.end = e.unpacked
		return e, nil
	}
	if b[20] > extentPrealloc || len(b) < regularSize {
		return bad("type %d, item of %d bytes", b[20], len(b))
	}
	e.address, e.length, e.offset = le.Uint64(b[21:]), le.Uint64(b[29:]), le.Uint64(b[37:])
	n := le.Uint64(b[45:])
	if n == 0 || e.start > math.MaxInt64 || n > math.MaxInt64-e.start {
		return bad("%d bytes", n)
	}
	e.end = e.start + n
	if e.hole = e.address == 0 || b[20] == extentPrealloc; e.hole {
		return e, nil
	}
	most := e.length
	if e.packing != packedNot {
		if most = e.unpacked; most > maxUnpacked || e.length > maxUnpacked {
			return bad("%d bytes packed into %d", most, e.length)
		}
	}
	if e.length == 0 || e.offset > most || n > most-e.offset {
		return bad("%d bytes from byte %d on of %d", n, e.offset, most)
	}
	return e, nil
}

// extentAt returns what is at a byte of a file, or the hole there. It ends behind that byte.
func (f *filesystem) extentAt(s *subvolume, object, at uint64) (extent, error) {
	e, err := f.extentIn(s.tree, object, at)
	if err != nil || s.log == nil {
		return e, err
	}
	// What the log has of a file stands before what the tree has.
	l, err := f.extentIn(s.log.tree, object, at)
	if err != nil || !l.absent() {
		return l, err
	}
	return e.until(l.end), nil
}

// absent says that no item stands for the stretch.
func (e extent) absent() bool { return e.hole && e.unpacked == math.MaxUint64 }

// until cuts an extent short.
func (e extent) until(end uint64) extent {
	e.end = min(e.end, end)
	return e
}

// extentIn is extentAt for one tree.
func (f *filesystem) extentIn(t tree, object, at uint64) (extent, error) {
	here := key{object, itemExtent, at}
	k, b, ok, err := f.floor(t, here)
	if err != nil {
		return extent{}, err
	}
	if ok && k.object == object && k.kind == itemExtent {
		e, err := parseExtent(k, b)
		if err != nil {
			return extent{}, err
		}
		if at < e.end { // an inline extent has its sector for itself: what follows its bytes there is zero
			return e, nil
		}
	}
	return f.gapFrom(t, object, at)
}

// gapFrom returns the hole from a byte to where the next extent of a file begins.
func (f *filesystem) gapFrom(t tree, object, at uint64) (extent, error) {
	gap := extent{start: at, end: math.MaxInt64, hole: true, unpacked: math.MaxUint64}
	err := f.walk(t, key{object, itemExtent, at}, key{object, itemExtent, math.MaxUint64}, func(k key, _ []byte) error {
		gap.end = k.offset
		return errStop
	})
	if err != nil && !errors.Is(err, errStop) {
		return extent{}, err
	}
	if gap.end <= at {
		return extent{}, fmt.Errorf("no extent at byte %d: %w", at, volume.ErrCorrupt)
	}
	return gap, nil
}
