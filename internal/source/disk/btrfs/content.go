package btrfs

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// errStop ends a walk.
var errStop = errors.New("stop")

// maxPiece is how much is read at a time so that its checksums can be compared, in bytes.
const maxPiece = 512 << 10

// content is the bytes of a file. It implements io.ReaderAt.
type content struct {
	f        *filesystem
	sub      *subvolume
	object   uint64
	size     int64
	unsummed bool
	ahead    volume.Ahead

	mu   sync.Mutex // guards what was unpacked last
	from extent
	last []byte
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	var end error
	if left := c.size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	if from, n := c.ahead.Next(off, int64(len(p))); n > 0 {
		c.prefetch(uint64(from), uint64(min(n, c.size-from)))
	}
	for done := 0; done < len(p); {
		n, err := c.some(p[done:], uint64(off)+uint64(done))
		if err != nil {
			return done, fmt.Errorf("inode %d of subvolume %d: %w", c.object, c.sub.id, err)
		}
		done += n
	}
	return len(p), end
}

// some reads at least one byte.
func (c *content) some(p []byte, at uint64) (int, error) {
	e, err := c.f.extentAt(c.sub, c.object, at)
	if err != nil {
		return 0, err
	}
	p = p[:min(uint64(len(p)), e.end-at)]
	inside := at - e.start + e.offset
	switch {
	case e.hole:
		clear(p)
	case e.packing != packedNot:
		return c.unpacked(p, e, inside)
	case e.inline != nil:
		return copy(p, e.inline[inside:]), nil
	default:
		return c.plain(p, e.address+inside)
	}
	return len(p), nil
}

// plain reads bytes that are not compressed, whole sectors at a time.
func (c *content) plain(p []byte, at uint64) (int, error) {
	sector := uint64(c.f.super.sectorSize)
	skip := at % sector
	p = p[:min(uint64(len(p)), maxPiece-skip)]
	n := (skip + uint64(len(p)) + sector - 1) / sector * sector
	if skip == 0 && n == uint64(len(p)) {
		return len(p), c.f.readData(c.sub, p, at, c.unsummed)
	}
	b := make([]byte, n)
	if err := c.f.readData(c.sub, b, at-skip, c.unsummed); err != nil {
		return 0, err
	}
	return copy(p, b[skip:]), nil
}

// unpacked reads from a compressed extent, whose bytes are kept for the next read.
func (c *content) unpacked(p []byte, e extent, inside uint64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || c.from.address != e.address || c.from.start != e.start && e.inline != nil {
		c.last = nil
		src := e.inline
		if src == nil {
			src = make([]byte, e.length)
			if err := c.f.readData(c.sub, src, e.address, c.unsummed); err != nil {
				return 0, err
			}
		}
		b := make([]byte, e.unpacked)
		if err := c.f.unpack(b, src, e.packing, e.inline != nil); err != nil {
			return 0, fmt.Errorf("extent at byte %d: %w", e.start, err)
		}
		c.from, c.last = e, b
	}
	if inside >= uint64(len(c.last)) {
		return 0, fmt.Errorf("extent at byte %d: %d bytes unpacked: %w", e.start, len(c.last), volume.ErrCorrupt)
	}
	return copy(p, c.last[inside:]), nil
}

// unpack unpacks a compressed extent. What ends a file is packed without the rest of its last sector, which is zero.
func (f *filesystem) unpack(dst, src []byte, packing uint8, inline bool) error {
	var n int
	var err error
	switch packing {
	case packedZlib:
		n, err = unpack.Zlib(dst, src)
	case packedLZO:
		n, err = f.lzo(dst, src)
	case packedZstd:
		n, err = f.zstd.Unpack(dst, src)
	default:
		return fmt.Errorf("compression %d: %w", packing, volume.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	if short := len(dst) - n; short > 0 && (inline || short >= f.super.sectorSize) {
		return fmt.Errorf("%d bytes unpacked of %d: %w", n, len(dst), volume.ErrCorrupt)
	}
	clear(dst[n:])
	return nil
}

// lzo unpacks the form that lzo has here: the length of all, then segments of at most a sector, each behind its length; a length never lies on
// two sectors (fs/btrfs/lzo.c).
func (f *filesystem) lzo(dst, src []byte) (int, error) {
	const length = 4
	bad := func(format string, args ...any) (int, error) {
		return 0, fmt.Errorf("lzo: %s: %w", fmt.Sprintf(format, args...), volume.ErrCorrupt)
	}
	le := func(at int) int { return int(src[at]) | int(src[at+1])<<8 | int(src[at+2])<<16 | int(src[at+3])<<24 }
	if len(src) < length {
		return bad("%d bytes", len(src))
	}
	total, sector := le(0), f.super.sectorSize
	if total < length || total > len(src) {
		return bad("%d bytes of %d", total, len(src))
	}
	done := 0
	for at := length; at < total && done < len(dst); {
		if left := sector - at%sector; left < length {
			at += left
		}
		if at+length > total {
			return bad("segment cut off")
		}
		n := le(at)
		at += length
		if n < 0 || n > total-at {
			return bad("segment of %d bytes", n)
		}
		got, err := unpack.LZO(dst[done:done+min(sector, len(dst)-done)], src[at:at+n])
		if err != nil {
			return 0, err
		}
		done += got
		at += n
	}
	return done, nil
}

// prefetch tells the device that n bytes of the file, from a byte on, will be read soon.
func (c *content) prefetch(from, n uint64) {
	const most = 64 // extents
	for end, i := from+n, 0; from < end && i < most; i++ {
		e, err := c.f.extentAt(c.sub, c.object, from)
		if err != nil {
			return // the read says it
		}
		if !e.hole && e.inline == nil {
			at, length := e.address, e.length
			if e.packing == packedNot {
				at, length = e.address+e.offset+from-e.start, min(end, e.end)-from
			}
			if places, err := c.f.places(at, int(length)); err == nil {
				volume.Prefetch(c.f.dev, places[0], int64(length))
			}
		}
		from = e.end
	}
}
