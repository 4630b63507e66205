package unpack

import "encoding/binary"

// lzma decodes LZMA2 (Linux, Documentation/staging/xz.rst; the LZMA specification of the LZMA SDK). What was written is its dictionary.
type lzma struct {
	dst, src []byte
	op, ip   int
	start    int // of the dictionary, in dst

	rng, code uint32 // of the range coder
	end       int    // of the chunk, in src
	broken    bool   // the chunk was not long enough

	lc, lp, pb uint
	state      int
	rep        [4]int // distances that were used last, less one
	p          lzmaProbs
}

// lzmaProbs are the probabilities of single bits.
type lzmaProbs struct {
	isMatch, isRep0Long          [12][16]uint16
	isRep, isRepG0, isRepG1, rg2 [12]uint16
	slot                         [4][64]uint16
	special                      [128]uint16
	align                        [16]uint16
	matchLen, repLen             lzmaLength
	literal                      [16][0x300]uint16 // lc + lp is at most 4
}

type lzmaLength struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

const lzmaHalf = 1 << 10 // even chances

func fill(p []uint16) {
	for i := range p {
		p[i] = lzmaHalf
	}
}

// reset sets all chances even.
func (d *lzma) reset() {
	d.state, d.rep = 0, [4]int{}
	p := &d.p
	for i := range 12 {
		fill(p.isMatch[i][:])
		fill(p.isRep0Long[i][:])
	}
	for _, s := range [][]uint16{p.isRep[:], p.isRepG0[:], p.isRepG1[:], p.rg2[:], p.special[:], p.align[:], p.matchLen.high[:], p.repLen.high[:]} {
		fill(s)
	}
	for i := range p.slot {
		fill(p.slot[i][:])
	}
	for _, l := range []*lzmaLength{&p.matchLen, &p.repLen} {
		l.choice, l.choice2 = lzmaHalf, lzmaHalf
		for i := range 16 {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
	}
	for i := range p.literal {
		fill(p.literal[i][:])
	}
}

// lzma2 decodes chunks until their end mark.
func (d *lzma) lzma2() bool {
	needDict, needProps, needState := true, true, true
	for d.ip < len(d.src) {
		control := d.src[d.ip]
		d.ip++
		switch {
		case control == 0:
			return true
		case control < 0x80:
			if control > 2 || control == 2 && needDict || len(d.src)-d.ip < 2 {
				return false
			}
			if control == 1 {
				d.start, needDict = d.op, false
			}
			n := int(binary.BigEndian.Uint16(d.src[d.ip:])) + 1
			d.ip += 2
			if n > len(d.src)-d.ip || n > len(d.dst)-d.op {
				return false
			}
			d.op += copy(d.dst[d.op:], d.src[d.ip:d.ip+n])
			d.ip += n
			continue
		}
		reset := control >> 5 & 3
		if reset == 3 {
			d.start, needDict = d.op, false
		}
		if needDict || len(d.src)-d.ip < 5 {
			return false
		}
		size := int(control&0x1f)<<16 + int(binary.BigEndian.Uint16(d.src[d.ip:])) + 1
		packed := int(binary.BigEndian.Uint16(d.src[d.ip+2:])) + 1
		d.ip += 4
		if reset >= 2 {
			if !d.properties(d.src[d.ip]) {
				return false
			}
			d.ip++
			needProps = false
		}
		if reset >= 1 {
			d.reset()
			needState = false
		}
		if needProps || needState || packed > len(d.src)-d.ip || size > len(d.dst)-d.op || !d.chunk(size, packed) {
			return false
		}
	}
	return false
}

func (d *lzma) properties(b byte) bool {
	if b >= 9*5*5 {
		return false
	}
	d.lc, d.lp, d.pb = uint(b%9), uint(b/9%5), uint(b/45)
	return d.lc+d.lp <= 4
}

// chunk decodes size bytes out of packed ones.
func (d *lzma) chunk(size, packed int) bool {
	if packed < 5 || d.src[d.ip] != 0 {
		return false
	}
	d.rng, d.code = 0xffffffff, binary.BigEndian.Uint32(d.src[d.ip+1:])
	d.end, d.broken = d.ip+packed, false
	d.ip += 5
	for limit := d.op + size; d.op < limit; {
		if !d.symbol(limit) || d.broken {
			return false
		}
	}
	if d.rng < 1<<24 { // the encoder flushed
		d.more()
	}
	ok := !d.broken && d.ip == d.end && d.code == 0
	d.ip = d.end
	return ok
}

// symbol decodes a literal or a match, which ends before limit.
func (d *lzma) symbol(limit int) bool {
	p, pos := &d.p, (d.op-d.start)&(1<<d.pb-1)
	if d.bit(&p.isMatch[d.state][pos]) == 0 {
		d.literal()
		return true
	}
	var n int
	if d.bit(&p.isRep[d.state]) == 0 {
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		n = d.length(&p.matchLen, pos)
		d.rep[0] = d.distance(n)
		d.state = choose(d.state < 7, 7, 10)
	} else {
		if d.bit(&p.isRepG0[d.state]) == 0 {
			if d.bit(&p.isRep0Long[d.state][pos]) == 0 {
				d.state = choose(d.state < 7, 9, 11)
				return d.match(1, limit)
			}
		} else {
			i := 1
			if d.bit(&p.isRepG1[d.state]) != 0 {
				i = 2 + int(d.bit(&p.rg2[d.state]))
			}
			far := d.rep[i]
			copy(d.rep[1:i+1], d.rep[:i])
			d.rep[0] = far
		}
		n = d.length(&p.repLen, pos)
		d.state = choose(d.state < 7, 8, 11)
	}
	return d.match(n, limit)
}

func choose(first bool, a, b int) int {
	if first {
		return a
	}
	return b
}

func (d *lzma) match(n, limit int) bool {
	distance := d.rep[0] + 1
	if distance <= 0 || distance > d.op-d.start || n > limit-d.op {
		return false
	}
	repeat(d.dst, d.op, n, distance)
	d.op += n
	return true
}

// literal decodes one byte; after a match, with the help of the byte that the match would have given next.
func (d *lzma) literal() {
	at := d.op - d.start
	before := 0
	if at > 0 {
		before = int(d.dst[d.op-1])
	}
	p := &d.p.literal[at&(1<<d.lp-1)<<d.lc+before>>(8-d.lc)]
	symbol := uint32(1)
	if d.state >= 7 && d.rep[0] < at {
		match := uint32(d.dst[d.op-d.rep[0]-1])
		for symbol < 0x100 {
			match <<= 1
			side := match & 0x100
			bit := d.bit(&p[0x100+side+symbol])
			symbol = symbol<<1 | bit
			if side>>8 != bit {
				break
			}
		}
	}
	for symbol < 0x100 {
		symbol = symbol<<1 | d.bit(&p[symbol])
	}
	d.dst[d.op] = byte(symbol)
	d.op++
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

func (d *lzma) length(l *lzmaLength, pos int) int {
	if d.bit(&l.choice) == 0 {
		return 2 + int(d.tree(l.low[pos][:], 3))
	}
	if d.bit(&l.choice2) == 0 {
		return 10 + int(d.tree(l.mid[pos][:], 3))
	}
	return 18 + int(d.tree(l.high[:], 8))
}

// distance decodes a distance, less one; it is negative if it means nothing here.
func (d *lzma) distance(n int) int {
	slot := d.tree(d.p.slot[min(n-2, 3)][:], 6)
	if slot < 4 {
		return int(slot)
	}
	bits := uint(slot>>1 - 1)
	base := (2 | slot&1) << bits
	if slot < 14 {
		return int(base + d.reverse(d.p.special[base-slot:], bits))
	}
	var direct uint32
	for range bits - 4 {
		direct = direct<<1 | d.even()
	}
	out := int64(base) + int64(direct)<<4 + int64(d.reverse(d.p.align[:], 4))
	if out >= 1<<31-1 {
		return -2
	}
	return int(out)
}

// tree decodes a number of bits, the highest first.
func (d *lzma) tree(p []uint16, bits uint) uint32 {
	m := uint32(1)
	for range bits {
		m = m<<1 | d.bit(&p[m])
	}
	return m - 1<<bits
}

// reverse decodes a number of bits, the lowest first.
func (d *lzma) reverse(p []uint16, bits uint) uint32 {
	m, out := uint32(1), uint32(0)
	for i := range bits {
		b := d.bit(&p[m])
		m = m<<1 | b
		out |= b << i
	}
	return out
}

// more takes a byte into the range coder.
func (d *lzma) more() {
	d.rng <<= 8
	d.code <<= 8
	if d.ip < d.end {
		d.code |= uint32(d.src[d.ip])
		d.ip++
	} else {
		d.broken = true
	}
}

// bit decodes one bit by its probability, which it moves.
func (d *lzma) bit(p *uint16) uint32 {
	if d.rng < 1<<24 {
		d.more()
	}
	bound := d.rng >> 11 * uint32(*p)
	if d.code < bound {
		d.rng = bound
		*p += (1<<11 - *p) >> 5
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*p -= *p >> 5
	return 1
}

// even decodes one bit of even chances.
func (d *lzma) even() uint32 {
	if d.rng < 1<<24 {
		d.more()
	}
	d.rng >>= 1
	if d.code >= d.rng {
		d.code -= d.rng
		return 1
	}
	return 0
}
