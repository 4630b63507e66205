package ntfs

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"hinomi/internal/source/disk/volume"
)

// maxPieces is how many stretches are gathered so that they can be read in the order in which they lie on the disk.
const maxPieces = 128

// stream is the bytes of one attribute. It implements io.ReaderAt inside its size.
type stream struct {
	reader      *reader
	size        int64
	initialized int64 // what lies past it is zero
	isResident  bool
	resident    []byte // the bytes themselves, if isResident
	runs        []run
	unitSize    int64 // bytes of a compression unit, 0 if it is not compressed

	mu   sync.Mutex // guards the unit that was unpacked last
	at   int64
	unit []byte
}

// newStream joins the parts of an attribute.
func (r *reader) newStream(parts []attribute) (*stream, error) {
	first := &parts[0]
	s := &stream{reader: r, size: first.size, initialized: first.initialized, at: -1}
	if first.flags&attrEncrypted != 0 {
		return nil, fmt.Errorf("encrypted file (EFS): %w", volume.ErrUnsupported)
	}
	if !first.nonResident {
		s.isResident, s.resident = true, first.resident
		return s, nil
	}
	if method := first.flags & attrCompressed; method != 0 {
		s.unitSize = r.boot.clusterSize << min(first.unit, 16)
		if method != 1 {
			return nil, fmt.Errorf("compression method %d: %w", method, volume.ErrUnsupported)
		}
		if first.unit == 0 || s.unitSize > maxUnit {
			return nil, fmt.Errorf("compression unit of %d bytes: %w", s.unitSize, volume.ErrCorrupt)
		}
	}
	for i := range parts {
		if !parts[i].nonResident {
			return nil, fmt.Errorf("a resident part among others: %w", volume.ErrCorrupt)
		}
		var err error
		if s.runs, err = appendRuns(s.runs, &parts[i], r.boot.clusters); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ReadAt implements io.ReaderAt.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	var end error
	if left := s.size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	if s.isResident {
		return copy(p, s.resident[off:]), end
	}
	stored := p[:max(0, min(int64(len(p)), s.initialized-off))]
	clear(p[len(stored):])
	for done := 0; done < len(stored); {
		n, err := s.some(stored[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(p), end
}

// some reads at least one byte.
func (s *stream) some(p []byte, off int64) (int, error) {
	if s.unitSize > 0 {
		return s.unpacked(p, off)
	}
	type piece struct {
		from, to int
		place    int64
	}
	var pieces []piece
	done := 0
	cluster := s.reader.boot.clusterSize
	for done < len(p) && len(pieces) < maxPieces {
		at := off + int64(done)
		r, ok := runAt(s.runs, at/cluster)
		if !ok {
			return 0, fmt.Errorf("no run holds cluster %d: %w", at/cluster, volume.ErrCorrupt)
		}
		inside := at - r.vcn*cluster
		n := len(p) - done
		if r.count < (inside+int64(n))/cluster+1 {
			n = int(min(int64(n), r.count*cluster-inside))
		}
		if r.lcn == hole {
			clear(p[done : done+n])
		} else {
			pieces = append(pieces, piece{done, done + n, r.lcn*cluster + inside})
		}
		done += n
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.place, b.place) })
	for _, part := range pieces {
		if err := readFull(s.reader.dev, p[part.from:part.to], part.place); err != nil {
			return 0, err
		}
	}
	return done, nil
}

// unpacked reads from one compression unit, which is kept for the next read.
func (s *stream) unpacked(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := off - off%s.unitSize
	if s.at != start {
		s.at = -1
		if s.unit == nil {
			s.unit = make([]byte, s.unitSize)
		}
		if err := s.unpack(start); err != nil {
			return 0, err
		}
		s.at = start
	}
	return copy(p, s.unit[off-start:]), nil
}

// unpack fills the unit that begins at byte start. A unit without clusters is zero, one with all of them is not compressed, and one with some
// is compressed into these.
func (s *stream) unpack(start int64) error {
	cluster := s.reader.boot.clusterSize
	total := s.unitSize / cluster
	packed := make([]byte, 0, s.unitSize)
	for i := int64(0); i < total; {
		r, ok := runAt(s.runs, start/cluster+i)
		if !ok && i == 0 {
			return fmt.Errorf("no run holds cluster %d: %w", start/cluster, volume.ErrCorrupt)
		}
		if !ok || r.lcn == hole {
			break
		}
		n := min(total-i, r.vcn+r.count-(start/cluster+i))
		from := len(packed)
		packed = packed[:from+int(n*cluster)]
		if err := readFull(s.reader.dev, packed[from:], (r.lcn+start/cluster+i-r.vcn)*cluster); err != nil {
			return err
		}
		i += n
	}
	switch int64(len(packed)) {
	case 0:
		clear(s.unit)
	case s.unitSize:
		copy(s.unit, packed)
	default:
		if err := lznt1(s.unit, packed); err != nil {
			return fmt.Errorf("compression unit at byte %d: %w", start, err)
		}
	}
	return nil
}
