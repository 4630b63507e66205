package ntfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const maxCode = 16 // bits of the longest Huffman code of XPRESS and LZX

// bitReader reads bits from words of 16 bits, the highest bit first. Past the end are zeros: a code may reach there without being used.
type bitReader struct {
	src  []byte
	pos  int
	bits uint32
	have int // bits that are valid, from the top of bits
}

// ensure loads words until n bits (at most 16) are there.
func (b *bitReader) ensure(n int) {
	for b.have < n {
		var word uint32
		if b.pos+2 <= len(b.src) {
			word = uint32(binary.LittleEndian.Uint16(b.src[b.pos:]))
		}
		b.pos += 2
		b.bits |= word << (16 - b.have)
		b.have += 16
	}
}

// take removes n bits, at most 16.
func (b *bitReader) take(n int) int {
	if n == 0 {
		return 0
	}
	b.ensure(n)
	v := b.bits >> (32 - n)
	b.bits <<= n
	b.have -= n
	return int(v)
}

// over says that more was read than there is.
func (b *bitReader) over() bool { return b.pos > len(b.src)+4 }

// raw takes n whole bytes from behind the words that are loaded.
func (b *bitReader) raw(n int) ([]byte, error) {
	if n < 0 || b.pos+n > len(b.src) {
		return nil, fmt.Errorf("compressed data ends early: %w", volume.ErrCorrupt)
	}
	b.pos += n
	return b.src[b.pos-n : b.pos], nil
}

// huffman is a canonical code.
type huffman struct {
	count   [maxCode + 1]uint16 // codes of each length
	symbols []uint16            // in the order of their codes
}

// newHuffman makes a code of the lengths of its symbols; 0 is a symbol that does not occur.
func newHuffman(lengths []byte) (huffman, error) {
	var h huffman
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	left := 1
	var next [maxCode + 2]uint16
	for n := 1; n <= maxCode; n++ {
		if left = left<<1 - int(h.count[n]); left < 0 {
			return h, fmt.Errorf("more Huffman codes than fit: %w", volume.ErrCorrupt)
		}
		next[n+1] = next[n] + h.count[n]
	}
	h.symbols = make([]uint16, next[maxCode+1])
	for symbol, n := range lengths {
		if n > 0 {
			h.symbols[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	return h, nil
}

// next reads one symbol.
func (h *huffman) next(b *bitReader) (int, error) {
	b.ensure(maxCode)
	code, first, index := 0, 0, 0
	for n := 1; n <= maxCode; n++ {
		code |= int(b.bits >> (32 - n) & 1)
		count := int(h.count[n])
		if code-first < count {
			b.bits <<= n
			b.have -= n
			return int(h.symbols[index+code-first]), nil
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, fmt.Errorf("unknown Huffman code: %w", volume.ErrCorrupt)
}

// repeat copies length bytes from distance back to dst[at:].
func repeat(dst []byte, at, distance, length int) (int, error) {
	if distance <= 0 || distance > at || length > len(dst)-at {
		return 0, fmt.Errorf("copy of %d bytes from %d back at %d of %d: %w", length, distance, at, len(dst), volume.ErrCorrupt)
	}
	for range length {
		dst[at] = dst[at-distance]
		at++
	}
	return at, nil
}
