package reach

import (
	"cmp"
	"net/netip"
	"slices"
)

// box is the packets of one protocol whose source lies between two addresses of one family and whose destination port lies between two ports.
type box struct {
	lo, hi         netip.Addr
	portLo, portHi uint16
}

// space is a set of packets: boxes that do not overlap.
type space []box

// boxOf returns the box of a source prefix and a range of ports.
func boxOf(p netip.Prefix, lo, hi uint16) box {
	return box{p.Masked().Addr(), lastAddr(p), lo, hi}
}

// lastAddr returns the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (b box) intersect(o box) (box, bool) {
	if b.lo.Is4() != o.lo.Is4() {
		return box{}, false
	}
	r := box{maxAddr(b.lo, o.lo), minAddr(b.hi, o.hi), max(b.portLo, o.portLo), min(b.portHi, o.portHi)}
	return r, r.lo.Compare(r.hi) <= 0 && r.portLo <= r.portHi
}

// subtract returns what of b lies outside o: at most four boxes.
func (b box) subtract(o box) []box {
	in, ok := b.intersect(o)
	if !ok {
		return []box{b}
	}
	var out []box
	if b.lo.Less(in.lo) {
		out = append(out, box{b.lo, in.lo.Prev(), b.portLo, b.portHi})
	}
	if in.hi.Less(b.hi) {
		out = append(out, box{in.hi.Next(), b.hi, b.portLo, b.portHi})
	}
	if b.portLo < in.portLo {
		out = append(out, box{in.lo, in.hi, b.portLo, in.portLo - 1})
	}
	if in.portHi < b.portHi {
		out = append(out, box{in.lo, in.hi, in.portHi + 1, b.portHi})
	}
	return out
}

func (s space) intersectBox(o box) space {
	var out space
	for _, b := range s {
		if r, ok := b.intersect(o); ok {
			out = append(out, r)
		}
	}
	return out
}

func (s space) subtractBox(o box) space {
	var out space
	for _, b := range s {
		out = append(out, b.subtract(o)...)
	}
	return out
}

func (s space) intersect(o space) space {
	var out space
	for _, b := range o {
		out = append(out, s.intersectBox(b)...)
	}
	return out
}

// union adds a box, keeping the boxes apart.
func (s space) union(o box) space {
	rest := space{o}
	for _, b := range s {
		rest = rest.subtractBox(b)
	}
	return append(s, rest...)
}

func (s space) unionAll(o space) space {
	for _, b := range o {
		s = s.union(b)
	}
	return s
}

// ports returns the destination ports that some source of the space reaches, as sorted ranges that do not touch.
func (s space) ports() []Ports {
	all := make([]Ports, 0, len(s))
	for _, b := range s {
		all = append(all, Ports{b.portLo, b.portHi})
	}
	slices.SortFunc(all, func(a, b Ports) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var out []Ports
	for _, p := range all {
		if n := len(out); n > 0 && int(p.From) <= int(out[n-1].To)+1 {
			out[n-1].To = max(out[n-1].To, p.To)
			continue
		}
		out = append(out, p)
	}
	return out
}

func maxAddr(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func minAddr(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}
