package squashfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// metaBlock is a block of metadata, unpacked.
type metaBlock struct {
	b    []byte
	next int64 // byte of the image where the next one begins
}

// metaAt reads the block of metadata at a byte of the image.
func (r *reader) metaAt(at int64) (metaBlock, error) {
	if m, ok := r.meta.Get(at); ok {
		return m, nil
	}
	var head [2]byte
	if err := r.read(head[:], at); err != nil {
		return metaBlock{}, fmt.Errorf("metadata: %w", err)
	}
	v := binary.LittleEndian.Uint16(head[:])
	size := int(v &^ 0x8000)
	if size == 0 || size > metaSize {
		return metaBlock{}, fmt.Errorf("metadata at byte %d: block of %d bytes: %w", at, size, volume.ErrCorrupt)
	}
	b := make([]byte, size)
	if err := r.read(b, at+2); err != nil {
		return metaBlock{}, fmt.Errorf("metadata: %w", err)
	}
	if v&0x8000 == 0 {
		out := make([]byte, metaSize)
		n, err := r.unpack(out, b)
		if err != nil {
			return metaBlock{}, fmt.Errorf("metadata at byte %d: %w", at, err)
		}
		b = out[:n]
	}
	if len(b) == 0 {
		return metaBlock{}, fmt.Errorf("metadata at byte %d is empty: %w", at, volume.ErrCorrupt)
	}
	m := metaBlock{b: b, next: at + 2 + int64(size)}
	r.meta.Put(at, m, metaSize)
	return m, nil
}

// stream reads metadata on from a place.
type stream struct {
	r  *reader
	at int64 // of the block
	in int   // the block
}

// fill fills b and goes on behind it.
func (s *stream) fill(b []byte) error {
	for len(b) > 0 {
		m, err := s.r.metaAt(s.at)
		if err != nil {
			return err
		}
		if s.in > len(m.b) {
			return fmt.Errorf("metadata at byte %d has %d bytes, no %d: %w", s.at, len(m.b), s.in, volume.ErrCorrupt)
		}
		n := copy(b, m.b[s.in:])
		b = b[n:]
		if s.in += n; s.in == len(m.b) {
			s.at, s.in = m.next, 0
		}
	}
	return nil
}

// table is an array in blocks of metadata, whose places stand in a list.
type table struct {
	at    int64
	count int64
	width int64 // bytes of an entry
}

// entry reads an entry of a table.
func (r *reader) entry(t table, i int64) ([]byte, error) {
	if i < 0 || i >= t.count {
		return nil, fmt.Errorf("entry %d of %d: %w", i, t.count, volume.ErrCorrupt)
	}
	const pointer = 8
	each := metaSize / t.width
	var b [pointer]byte
	if err := r.read(b[:], t.at+i/each*pointer); err != nil {
		return nil, err
	}
	at := binary.LittleEndian.Uint64(b[:])
	if at > 1<<62 {
		return nil, fmt.Errorf("block at byte %d: %w", at, volume.ErrCorrupt)
	}
	out := make([]byte, t.width)
	s := stream{r: r, at: int64(at), in: int(i % each * t.width)}
	return out, s.fill(out)
}
