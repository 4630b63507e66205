package ntfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	xpressSymbols = 512
	xpressTable   = xpressSymbols / 2 // bytes of the code lengths, four bits each
)

// xpress unpacks one chunk of at most 64 KiB of LZ77+Huffman (MS-XCA 2.2).
func xpress(dst, src []byte) error {
	if len(src) < xpressTable {
		return fmt.Errorf("XPRESS chunk of %d bytes: %w", len(src), volume.ErrCorrupt)
	}
	var lengths [xpressSymbols]byte
	for i := range lengths {
		lengths[i] = src[i/2] >> (4 * (i % 2)) & 15
	}
	code, err := newHuffman(lengths[:])
	if err != nil {
		return err
	}
	b := &bitReader{src: src, pos: xpressTable}
	for done := 0; done < len(dst); {
		symbol, err := code.next(b)
		if err != nil {
			return err
		}
		if b.over() {
			return fmt.Errorf("XPRESS chunk ends early: %w", volume.ErrCorrupt)
		}
		if symbol < 256 {
			dst[done] = byte(symbol)
			done++
			continue
		}
		length, bits := symbol&15, symbol>>4&15
		b.ensure(16) // the bytes of a long length lie behind the words that are loaded here
		distance := 1<<bits | b.take(bits)
		if length == 15 {
			if length, err = longLength(b); err != nil {
				return err
			}
		}
		if done, err = repeat(dst, done, distance, length+3); err != nil {
			return err
		}
	}
	return nil
}

// longLength reads a length that does not fit four bits: a byte to be added to 15, or where that is 255 the whole in 16 or 32 bits.
func longLength(b *bitReader) (int, error) {
	raw, err := b.raw(1)
	if err != nil {
		return 0, err
	}
	if raw[0] < 255 {
		return 15 + int(raw[0]), nil
	}
	if raw, err = b.raw(2); err != nil {
		return 0, err
	}
	if n := int(binary.LittleEndian.Uint16(raw)); n > 0 {
		return n, nil
	}
	if raw, err = b.raw(4); err != nil {
		return 0, err
	}
	return int(binary.LittleEndian.Uint32(raw)), nil
}
