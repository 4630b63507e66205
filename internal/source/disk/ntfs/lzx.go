package ntfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	lzxChunk   = 32 << 10 // bytes, the window
	lzxSlots   = 30       // of offsets in such a window
	lzxMain    = 256 + 8*lzxSlots
	lzxLengths = 249
	lzxCallEnd = 12_000_000 // the file size that the translation of x86 calls assumes in WIM and CompactOS
)

// lzxReader unpacks one chunk of LZX as WIM files have it (MS-PATCH describes the format; a chunk stands for itself, a block's size is one bit for
// the whole chunk or 16 bits, and x86 calls are always translated).
type lzxReader struct {
	bits    bitReader
	main    [lzxMain]byte // code lengths, which each block changes
	lengths [lzxLengths]byte
	recent  [3]int
}

// lzx unpacks a chunk.
func lzx(dst, src []byte) error {
	r := &lzxReader{bits: bitReader{src: src}, recent: [3]int{1, 1, 1}}
	for done := 0; done < len(dst); {
		kind := r.bits.take(3)
		size := lzxChunk
		if r.bits.take(1) == 0 {
			size = r.bits.take(16)
		}
		if size == 0 || size > len(dst)-done || r.bits.over() {
			return fmt.Errorf("LZX block of %d bytes at %d of %d: %w", size, done, len(dst), volume.ErrCorrupt)
		}
		var err error
		switch kind {
		case 1, 2:
			err = r.packed(dst, done, done+size, kind == 2)
		case 3:
			err = r.plain(dst[done : done+size])
		default:
			err = fmt.Errorf("LZX block of type %d: %w", kind, volume.ErrCorrupt)
		}
		if err != nil {
			return err
		}
		done += size
	}
	translateCalls(dst)
	return nil
}

// plain reads a block that is not compressed.
func (r *lzxReader) plain(dst []byte) error {
	r.bits.ensure(1) // what is left of the word is padding, of 1 to 16 bits
	r.bits.pos -= (r.bits.have - 1) / 16 * 2
	r.bits.bits, r.bits.have = 0, 0
	raw, err := r.bits.raw(12)
	if err != nil {
		return err
	}
	for i := range r.recent {
		r.recent[i] = int(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	if raw, err = r.bits.raw(len(dst)); err != nil {
		return err
	}
	copy(dst, raw)
	if len(dst)%2 != 0 {
		r.bits.pos++
	}
	return nil
}

// packed reads a block of literals and copies into dst[done:end].
func (r *lzxReader) packed(dst []byte, done, end int, isAligned bool) error {
	var aligned huffman
	var err error
	if isAligned {
		var lengths [8]byte
		for i := range lengths {
			lengths[i] = byte(r.bits.take(3))
		}
		if aligned, err = newHuffman(lengths[:]); err != nil {
			return err
		}
	}
	for _, part := range [][]byte{r.main[:256], r.main[256:], r.lengths[:]} {
		if err := r.codeLengths(part); err != nil {
			return err
		}
	}
	mainCode, err := newHuffman(r.main[:])
	if err != nil {
		return err
	}
	lengthCode, err := newHuffman(r.lengths[:])
	if err != nil {
		return err
	}
	for done < end {
		symbol, err := mainCode.next(&r.bits)
		if err != nil {
			return err
		}
		if r.bits.over() {
			return fmt.Errorf("LZX block ends early: %w", volume.ErrCorrupt)
		}
		if symbol < 256 {
			dst[done] = byte(symbol)
			done++
			continue
		}
		length := symbol&7 + 2
		if symbol&7 == 7 {
			more, err := lengthCode.next(&r.bits)
			if err != nil {
				return err
			}
			length += more
		}
		distance, err := r.distance((symbol-256)>>3, isAligned, &aligned)
		if err != nil {
			return err
		}
		if done, err = repeat(dst[:end], done, distance, length); err != nil {
			return err
		}
	}
	return nil
}

// distance reads how far back a copy lies: one of the last three, or a new one.
func (r *lzxReader) distance(slot int, isAligned bool, aligned *huffman) (int, error) {
	if slot < 3 {
		d := r.recent[slot]
		r.recent[slot], r.recent[0] = r.recent[0], d
		return d, nil
	}
	extra, base := 0, slot
	if slot >= 4 {
		extra = slot/2 - 1
		base = (2 + slot%2) << extra
	}
	d := base - 2
	if isAligned && extra >= 3 {
		d += r.bits.take(extra-3) << 3
		low, err := aligned.next(&r.bits)
		if err != nil {
			return 0, err
		}
		d += low
	} else {
		d += r.bits.take(extra)
	}
	r.recent = [3]int{d, r.recent[0], r.recent[1]}
	return d, nil
}

// codeLengths reads the lengths of a code as differences from those before, themselves coded.
func (r *lzxReader) codeLengths(lengths []byte) error {
	var pre [20]byte
	for i := range pre {
		pre[i] = byte(r.bits.take(4))
	}
	code, err := newHuffman(pre[:])
	if err != nil {
		return err
	}
	differ := func(old byte, symbol int) byte { return byte((int(old) - symbol + 17) % 17) }
	for i := 0; i < len(lengths); {
		symbol, err := code.next(&r.bits)
		if err != nil {
			return err
		}
		count, value := 1, byte(0)
		switch symbol {
		case 17:
			count = 4 + r.bits.take(4)
		case 18:
			count = 20 + r.bits.take(5)
		case 19:
			count = 4 + r.bits.take(1)
			if symbol, err = code.next(&r.bits); err != nil {
				return err
			}
			if symbol > 16 {
				return fmt.Errorf("LZX code length %d: %w", symbol, volume.ErrCorrupt)
			}
			value = differ(lengths[i], symbol)
		default:
			value = differ(lengths[i], symbol)
		}
		for ; count > 0 && i < len(lengths); count-- {
			lengths[i] = value
			i++
		}
	}
	return nil
}

// translateCalls undoes what the packer did to the targets of x86 call instructions.
func translateCalls(data []byte) {
	for i := 0; i < len(data)-10; i++ {
		if data[i] != 0xe8 {
			continue
		}
		to := int32(binary.LittleEndian.Uint32(data[i+1:]))
		switch at := int32(i); {
		case to >= 0 && to < lzxCallEnd:
			to -= at
		case to < 0 && to >= -at:
			to += lzxCallEnd
		}
		binary.LittleEndian.PutUint32(data[i+1:], uint32(to))
		i += 4
	}
}
