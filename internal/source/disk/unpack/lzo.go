package unpack

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// LZO unpacks one block of LZO1X into dst and returns its length (Linux, Documentation/staging/lzo.rst). The block must end with its end mark
// inside src and give no more than dst takes.
func LZO(dst, src []byte) (int, error) {
	d := lzo{dst: dst, src: src}
	if !d.run() {
		return d.op, fmt.Errorf("lzo: bad instruction at byte %d: %w", d.ip, volume.ErrCorrupt)
	}
	return d.op, nil
}

// lzo is the state of one block.
type lzo struct {
	dst, src []byte
	op, ip   int
	// state is how many literals the last instruction copied besides its match, or 4 after a long run of literals.
	state int
}

func (d *lzo) run() bool {
	if len(d.src) < 3 {
		return false
	}
	if first := int(d.src[0]); first > 17 {
		d.ip++
		d.state = min(first-17, 4)
		if !d.literals(first - 17) {
			return false
		}
	} else if first == 17 {
		return false // the variant with run lengths, or a match of nothing
	}
	for d.ip < len(d.src) {
		t := int(d.src[d.ip])
		d.ip++
		if t < 16 && d.state == 0 {
			n, ok := d.length(t, 15)
			if !ok || !d.literals(n+3) {
				return false
			}
			d.state = 4
			continue
		}
		length, distance, next, ok := d.match(t)
		switch {
		case !ok:
			return false
		case distance == 0:
			return true // end mark
		case !d.copy(length, distance) || !d.literals(next):
			return false
		}
		d.state = next
	}
	return false
}

// match reads the rest of an instruction that copies what was written before. A distance of 0 is the end mark.
func (d *lzo) match(t int) (length, distance, next int, ok bool) {
	if t < 16 || t >= 64 {
		if d.ip >= len(d.src) {
			return 0, 0, 0, false
		}
		b := int(d.src[d.ip])
		d.ip++
		switch {
		case t >= 64:
			return t>>5 + 1, 1 + t>>2&7 + b<<3, t & 3, true
		case d.state == 4:
			return 3, 0x801 + t>>2 + b<<2, t & 3, true
		default:
			return 2, 1 + t>>2 + b<<2, t & 3, true
		}
	}
	mask := 7
	if t >= 32 {
		mask = 31
	}
	length, ok = d.length(t&mask, mask)
	if !ok || d.ip+2 > len(d.src) {
		return 0, 0, 0, false
	}
	b := int(binary.LittleEndian.Uint16(d.src[d.ip:]))
	d.ip += 2
	if t >= 32 {
		return length + 2, 1 + b>>2, b & 3, true
	}
	distance = t&8<<11 + b>>2
	if distance == 0 {
		return 0, 0, 0, length == 1
	}
	return length + 2, distance + 0x4000, b & 3, true
}

// length reads a length whose first part is t: zero means that bytes follow, of which each zero adds 255.
func (d *lzo) length(t, base int) (int, bool) {
	if t != 0 {
		return t, true
	}
	t = base
	for ; d.ip < len(d.src); d.ip++ {
		if b := int(d.src[d.ip]); b != 0 {
			d.ip++
			return t + b, true
		}
		t += 255
	}
	return 0, false
}

func (d *lzo) literals(n int) bool {
	if n > len(d.src)-d.ip || n > len(d.dst)-d.op {
		return false
	}
	copy(d.dst[d.op:], d.src[d.ip:d.ip+n])
	d.op += n
	d.ip += n
	return true
}

func (d *lzo) copy(n, distance int) bool {
	if distance > d.op || n > len(d.dst)-d.op {
		return false
	}
	repeat(d.dst, d.op, n, distance)
	d.op += n
	return true
}

// repeat writes n bytes at dst[at:] that were written distance bytes before; both may overlap.
func repeat(dst []byte, at, n, distance int) {
	for n > 0 {
		some := copy(dst[at:at+min(n, distance)], dst[at-distance:at])
		at += some
		n -= some
	}
}
