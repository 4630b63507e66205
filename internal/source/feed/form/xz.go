package form

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// checkXZ walks over a file's blocks and chunks without unpacking them (The .xz File Format 1.2.1, sections 2 to 4; the chunks are those of
// LZMA2) and bounds what unpacking it takes: a block's header alone makes a decoder reserve up to 4 GiB to look back to.
func (in *Document) checkXZ() error {
	w := xzWalk{r: bufio.NewReaderSize(io.NewSectionReader(in.at, 0, in.size), 1<<16)}
	err := w.streams()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: xz: cut off", ErrFormat)
	case err != nil:
		return Format(err)
	case w.unpacked > in.limits.Unpacked:
		return fmt.Errorf("%w: %d bytes unpacked", ErrLimit, w.unpacked)
	case w.unpacked > freeRatio && w.unpacked/(in.limits.Ratio*solidRatio) > in.size:
		return fmt.Errorf("%w: %d bytes unpacked from %d", ErrLimit, w.unpacked, in.size)
	}
	return nil
}

// xzWalk is a walk over an xz file. at counts the bytes of the stream at hand.
type xzWalk struct {
	r        *bufio.Reader
	at       int64
	unpacked int64
}

func xzError(what string) error { return fmt.Errorf("%w: xz: %s", ErrFormat, what) }

// take reads n bytes, at most 64.
func (w *xzWalk) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(w.r, b)
	w.at += int64(n)
	return b, err
}

func (w *xzWalk) skip(n int) error {
	_, err := w.r.Discard(n)
	w.at += int64(n)
	return err
}

// align skips to a multiple of four.
func (w *xzWalk) align() error { return w.skip(int(-w.at & 3)) }

// number reads a multibyte integer (section 1.2).
func (w *xzWalk) number() (uint64, error) {
	var v uint64
	for i := range 9 {
		b, err := w.r.ReadByte()
		if err != nil {
			return 0, err
		}
		w.at++
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, xzError("a number of more than nine bytes")
}

// streams walks over all streams of the file and the padding between them.
func (w *xzWalk) streams() error {
	for n := 0; ; n++ {
		head, err := w.r.Peek(12)
		if len(head) == 0 && n > 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if n > 0 && len(head) >= 4 && binary.LittleEndian.Uint32(head) == 0 {
			if err := w.skip(4); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if string(head[:6]) != "\xfd7zXZ\x00" {
			return xzError("no magic number")
		}
		w.at = 0
		if err := w.skip(12); err != nil {
			return err
		}
		if err := w.stream(head[7] & 0x0f); err != nil {
			return err
		}
	}
}

// stream walks over one stream's blocks, index and footer. check is the kind of checksum behind each block.
func (w *xzWalk) stream(check byte) error {
	sizes := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64} // section 2.1.1.2
	for {
		size, err := w.r.ReadByte()
		w.at++
		if err != nil {
			return err
		}
		if size == 0 {
			return w.index()
		}
		head, err := w.take(4*int(size) + 3)
		if err != nil {
			return err
		}
		if err := window(head); err != nil {
			return err
		}
		if err := w.chunks(); err != nil {
			return err
		}
		if err := w.align(); err != nil {
			return err
		}
		if err := w.skip(sizes[check]); err != nil {
			return err
		}
	}
}

// window bounds the dictionary that a block's header asks for. head begins with the block's flags (section 3.1).
func window(head []byte) error {
	flags, rest := head[0], head[1:]
	if flags&0x03 != 0 {
		return xzError("more than one filter")
	}
	for _, present := range []byte{0x40, 0x80} { // the sizes, packed and unpacked
		if flags&present != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return xzError("block header")
			}
			rest = rest[n:]
		}
	}
	if len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 40 {
		return xzError("a filter other than LZMA2")
	}
	bits := rest[2]
	if size := uint64(2|bits&1) << (bits/2 + 11); size > maxWindow { // section 5.3.1
		return fmt.Errorf("%w: xz: a dictionary of %d bytes", ErrLimit, size)
	}
	return nil
}

// chunks walks over one block's chunks.
func (w *xzWalk) chunks() error {
	for {
		control, err := w.r.ReadByte()
		w.at++
		if err != nil {
			return err
		}
		if control == 0 {
			return nil
		}
		n := 2
		switch {
		case control >= 0xc0:
			n = 5
		case control >= 0x80:
			n = 4
		case control > 2:
			return xzError("chunk")
		}
		head, err := w.take(n)
		if err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint16(head)) + 1
		if control < 0x80 {
			w.unpacked += int64(size)
		} else {
			w.unpacked += int64(control&0x1f)<<16 + int64(size)
			size = int(binary.BigEndian.Uint16(head[2:])) + 1
		}
		if err := w.skip(size); err != nil {
			return err
		}
	}
}

// index walks over the index and the footer (sections 4 and 2.1.2); its first byte is read already.
func (w *xzWalk) index() error {
	n, err := w.number()
	if err != nil {
		return err
	}
	if w.at < 0 || n > uint64(w.at) { // a block has more than one byte
		return xzError("index")
	}
	for range 2 * n {
		if _, err := w.number(); err != nil {
			return err
		}
	}
	if err := w.align(); err != nil {
		return err
	}
	foot, err := w.take(4 + 12)
	if err == nil && string(foot[14:]) != "YZ" {
		return xzError("no footer")
	}
	return err
}
