package erofs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Kinds of logical clusters (Z_EROFS_LCLUSTER_TYPE_*).
const (
	clusterPlain = iota
	clusterHead1
	clusterRest // not the head of an extent
	clusterHead2
)

// countFlag marks a distance that is a count of blocks instead (Z_EROFS_LI_D0_CBLKCNT).
const countFlag = 1 << 11

// cluster is what the index says of one logical cluster.
type cluster struct {
	kind   int
	offset int64  // of a head: where in the cluster its extent begins
	back   uint64 // of the others: how far before the head is
	blocks int64  // how many blocks the extent takes, 0 if it is not said here
	block  int64  // of a head: where its data begins
	behind int64  // byte behind the part of the index where this stands
}

// cluster reads the index of one logical cluster.
func (p *packed) cluster(n uint64) (cluster, error) {
	if n >= p.clusters {
		return cluster{}, fmt.Errorf("cluster %d of %d: %w", n, p.clusters, volume.ErrCorrupt)
	}
	if p.in.layout == layoutCompressedFull {
		return p.full(n)
	}
	return p.compact(n)
}

// full reads from an index of eight bytes a cluster.
func (p *packed) full(n uint64) (cluster, error) {
	const header, width = 16, 8
	at := p.head + header + int64(n)*width
	var b [width]byte
	if err := p.r.read(b[:], at); err != nil {
		return cluster{}, err
	}
	le := binary.LittleEndian
	c := cluster{kind: int(le.Uint16(b[:]) & 3), behind: at + width}
	if c.kind == clusterRest {
		d := le.Uint16(b[4:])
		if c.back = uint64(d); d&countFlag != 0 {
			c.back, c.blocks = 1, int64(d&^countFlag)
		}
		return c, nil
	}
	c.offset, c.block = int64(le.Uint16(b[2:])), int64(le.Uint32(b[4:]))
	if c.offset >= 1<<p.bits {
		return c, fmt.Errorf("cluster %d begins at byte %d of itself: %w", n, c.offset, volume.ErrCorrupt)
	}
	return c, nil
}

// pack is a part of a compact index: some clusters, and one block number for all of them.
type pack struct {
	b     []byte
	count int  // clusters
	width uint // bits of one
	low   uint // bits of its number
}

// decode returns the number and the kind of one cluster of a pack.
func (k pack) decode(i int) (number uint32, kind int) {
	bit := uint(i) * k.width
	v := binary.LittleEndian.Uint32(k.b[bit/8:]) >> (bit % 8)
	return v & (1<<k.low - 1), int(v >> k.low & 3)
}

// compact reads from an index of four bytes a cluster, or two in the middle (z_erofs_load_compact_lcluster).
func (p *packed) compact(n uint64) (cluster, error) {
	const header = 8
	at := p.head + header
	first := min(uint64((32-at%32)/4)&7, p.clusters) // these have four bytes, so that the others are aligned
	middle := uint64(0)
	if p.advise&adviseTwoBytes != 0 && first < p.clusters {
		middle = (p.clusters - first) &^ 15
	}
	k, shift := pack{count: 2, width: 16}, uint(2)
	rest := n
	switch {
	case n < first:
	case n < first+middle:
		at, rest = at+int64(first)*4, n-first
		k, shift = pack{count: 16, width: 14}, 1
	default:
		at, rest = at+int64(first)*4+int64(middle)*2, n-first-middle
	}
	if shift == 1 && p.bits > 12 || p.bits > 14 {
		return cluster{}, fmt.Errorf("erofs compact index for clusters of 2^%d bytes: %w", p.bits, volume.ErrUnsupported)
	}
	k.low = max(p.bits, 12)
	at += int64(rest) << shift
	size := int64(k.count) << shift
	inside := at & (size - 1)
	at -= inside
	k.b = make([]byte, size)
	if err := p.r.read(k.b, at); err != nil {
		return cluster{}, err
	}
	c, err := k.cluster(int(inside>>shift), p.big())
	c.behind = at + size
	if err == nil && c.offset > 1<<p.bits {
		err = fmt.Errorf("begins at byte %d of itself: %w", c.offset, volume.ErrCorrupt)
	}
	if err != nil {
		return c, fmt.Errorf("cluster %d: %w", n, err)
	}
	return c, nil
}

// cluster decodes one cluster of a pack (unpack_compacted_index).
func (k pack) cluster(i int, big bool) (cluster, error) {
	number, kind := k.decode(i)
	c := cluster{kind: kind}
	if kind == clusterRest {
		switch {
		case number&countFlag != 0:
			c.back, c.blocks = 1, int64(number&^countFlag)
		case i+1 != k.count:
			c.back = uint64(number)
		case i == 0:
			return c, fmt.Errorf("pack of one: %w", volume.ErrCorrupt)
		default: // the last of a pack says how far the next head is
			before, kind := k.decode(i - 1)
			switch {
			case kind != clusterRest:
				before = 0
			case before&countFlag != 0:
				before = 1
			}
			c.back = uint64(before) + 1
		}
		return c, nil
	}
	c.offset = int64(number)
	blocks, err := k.blocksBefore(i, big)
	if err != nil {
		return c, err
	}
	c.block = int64(binary.LittleEndian.Uint32(k.b[len(k.b)-4:])) + blocks
	return c, nil
}

// blocksBefore counts the blocks of the extents that begin in a pack before a cluster of it.
func (k pack) blocksBefore(i int, big bool) (int64, error) {
	blocks := int64(1)
	if big {
		blocks = 0
	}
	for i > 0 {
		i--
		number, kind := k.decode(i)
		switch {
		case kind != clusterRest:
			blocks++
		case !big:
			if i -= int(number); i >= 0 {
				blocks++
			}
		case number&countFlag != 0:
			i--
			blocks += int64(number &^ countFlag)
		case number <= 1:
			return 0, fmt.Errorf("a cluster that does not count its extent's blocks: %w", volume.ErrCorrupt)
		default:
			i -= int(number) - 2
		}
	}
	return blocks, nil
}
