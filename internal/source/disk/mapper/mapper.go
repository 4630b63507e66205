// Package mapper makes devices of pieces of other devices, as the device mapper
// of Linux does: one behind the other, in stripes, or as zeros.
package mapper

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sort"

	"hinomi/internal/source/disk/volume"
)

// Piece is a run of Size bytes of a device.
type Piece struct {
	Dev    volume.Device
	Offset int64
	Size   int64
}

// read fills p from the piece; off and p must lie within it. What the device
// does not have although the piece says so is io.ErrUnexpectedEOF.
func (c Piece) read(p []byte, off int64) (int, error) {
	n, err := c.Dev.ReadAt(p, c.Offset+off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("read byte %d of a device of %d: %w", c.Offset+off+int64(n), c.Dev.Size(), io.ErrUnexpectedEOF)
	}
	return n, err
}

func (c Piece) valid() bool {
	return c.Dev != nil && c.Offset >= 0 && c.Size >= 0 && c.Offset <= math.MaxInt64-c.Size
}

// Join returns a device that is the pieces one behind the other. It returns
// volume.ErrCorrupt if a piece has no possible place or all are too long.
func Join(pieces ...Piece) (volume.Device, error) {
	j := &joined{pieces: pieces, starts: make([]int64, len(pieces))}
	for i, c := range pieces {
		if !c.valid() || j.size > math.MaxInt64-c.Size {
			return nil, fmt.Errorf("piece %d, of %d bytes at %d: %w", i, c.Size, c.Offset, volume.ErrCorrupt)
		}
		j.starts[i] = j.size
		j.size += c.Size
	}
	return j, nil
}

type joined struct {
	pieces []Piece
	starts []int64 // of each piece, in the joined device
	size   int64
}

func (j *joined) Size() int64 { return j.size }

func (j *joined) ReadAt(p []byte, off int64) (int, error) {
	p, end, err := clip(p, off, j.size)
	if err != nil {
		return 0, err
	}
	done := 0
	// The last piece that begins at or before off.
	i := sort.Search(len(j.starts), func(i int) bool { return j.starts[i] > off }) - 1
	for ; done < len(p); i++ {
		inside := off + int64(done) - j.starts[i]
		n := int(min(int64(len(p)-done), j.pieces[i].Size-inside))
		if n <= 0 {
			continue
		}
		got, err := j.pieces[i].read(p[done:done+n], inside)
		done += got
		if err != nil {
			return done, err
		}
	}
	return done, end
}

// Prefetch implements volume.Prefetcher: the pieces are told.
func (j *joined) Prefetch(off, length int64) {
	if off < 0 || off >= j.size {
		return
	}
	length = min(length, j.size-off)
	i := sort.Search(len(j.starts), func(i int) bool { return j.starts[i] > off }) - 1
	for ; length > 0; i++ {
		inside := off - j.starts[i]
		n := min(length, j.pieces[i].Size-inside)
		if n <= 0 {
			continue
		}
		volume.Prefetch(j.pieces[i].Dev, j.pieces[i].Offset+inside, n)
		off, length = off+n, length-n
	}
}

// clip cuts p at the end of a device, and returns io.EOF as end if it had to.
func clip(p []byte, off, size int64) (cut []byte, end, err error) {
	switch {
	case off < 0:
		return nil, nil, fmt.Errorf("read at %d: %w", off, volume.ErrCorrupt)
	case off >= size && len(p) > 0:
		return nil, nil, io.EOF
	case off > size:
		return nil, nil, io.EOF
	case int64(len(p)) > size-off:
		return p[:size-off], io.EOF, nil
	}
	return p, nil, nil
}

// Stripe returns a device whose chunks, of chunk bytes each, lie on the columns
// in turn. The columns must have one size, which is a multiple of chunk. It
// returns volume.ErrCorrupt if they do not.
func Stripe(chunk int64, columns ...Piece) (volume.Device, error) {
	if chunk <= 0 || len(columns) == 0 {
		return nil, fmt.Errorf("%d stripes of %d bytes: %w", len(columns), chunk, volume.ErrCorrupt)
	}
	for i, c := range columns {
		if !c.valid() || c.Size != columns[0].Size || c.Size%chunk != 0 || c.Size > math.MaxInt64/int64(len(columns)) {
			return nil, fmt.Errorf("stripe %d, of %d bytes at %d in chunks of %d: %w", i, c.Size, c.Offset, chunk, volume.ErrCorrupt)
		}
	}
	return &striped{chunk, columns}, nil
}

type striped struct {
	chunk   int64
	columns []Piece
}

func (s *striped) Size() int64 { return s.columns[0].Size * int64(len(s.columns)) }

func (s *striped) ReadAt(p []byte, off int64) (int, error) {
	p, end, err := clip(p, off, s.Size())
	if err != nil {
		return 0, err
	}
	count := int64(len(s.columns))
	done := 0
	for done < len(p) {
		at := off + int64(done)
		chunk, inside := at/s.chunk, at%s.chunk
		n := int(min(int64(len(p)-done), s.chunk-inside))
		got, err := s.columns[chunk%count].read(p[done:done+n], chunk/count*s.chunk+inside)
		done += got
		if err != nil {
			return done, err
		}
	}
	return done, end
}

// Prefetch implements volume.Prefetcher: each column is told of the chunks that it holds.
func (s *striped) Prefetch(off, length int64) {
	if off < 0 || off >= s.Size() || length <= 0 {
		return
	}
	length = min(length, s.Size()-off)
	count := int64(len(s.columns))
	first, last := off/s.chunk/count, (off+length-1)/s.chunk/count // rows
	for i, c := range s.columns {
		from, to := first, last+1
		if first*count+int64(i) < off/s.chunk {
			from++
		}
		if last*count+int64(i) > (off+length-1)/s.chunk {
			to--
		}
		if to > from {
			volume.Prefetch(c.Dev, c.Offset+from*s.chunk, (to-from)*s.chunk)
		}
	}
}

// Zero returns a device of size zero bytes.
func Zero(size int64) volume.Device { return zero(size) }

type zero int64

func (z zero) Size() int64 { return int64(z) }

func (z zero) ReadAt(p []byte, off int64) (int, error) {
	p, end, err := clip(p, off, int64(z))
	if err != nil {
		return 0, err
	}
	clear(p)
	return len(p), end
}
