package erofs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// How a compressed file is laid out (Z_EROFS_ADVISE_*).
const (
	adviseTwoBytes   = 0x01
	adviseBig1       = 0x02
	adviseBig2       = 0x04
	adviseInline     = 0x08
	adviseInterlaced = 0x10
	adviseFragment   = 0x20
	adviseKnown      = 0x3f
)

const (
	// maxExtent bounds what one extent gives, in bytes; mkfs.erofs makes 4 MB at most.
	maxExtent = 16 << 20
	// maxStored bounds what an extent takes: Z_EROFS_PCLUSTER_MAX_SIZE.
	maxStored = 1 << 20
)

// packed is the content of a compressed file.
type packed struct {
	r        *reader
	in       *inode
	head     int64 // byte of the map header
	advise   uint16
	methods  [2]uint8 // of the two kinds of heads
	bits     uint     // of a logical cluster
	clusters uint64

	inlineSize int64 // of the last extent, if it lies behind the index
	inlineAt   int64
	tail       uint64 // cluster where the last extent begins, if hasTail
	hasTail    bool
	fragment   int64       // where the last extent begins in the packed inode
	fragments  io.ReaderAt // the packed inode; nil if not needed

	mu   sync.Mutex // guards the extent that was unpacked last
	from span
	last []byte
}

// openPacked reads the map header of a compressed file.
func (r *reader) openPacked(in *inode) (io.ReaderAt, error) {
	p := &packed{r: r, in: in, head: align(in.tail, 8)}
	if in.size == 0 {
		return bytes.NewReader(nil), nil
	}
	var b [8]byte
	if err := r.read(b[:], p.head); err != nil {
		return nil, fmt.Errorf("map header: %w", err)
	}
	le := binary.LittleEndian
	if b[7]&0x80 != 0 { // the whole file is a fragment
		p.fragment, p.hasTail, p.advise = int64(le.Uint64(b[:])&^(1<<63)), true, adviseFragment
		p.clusters, p.bits = 0, r.blockBits
		return p, p.openFragments()
	}
	p.advise, p.methods, p.bits = le.Uint16(b[4:]), [2]uint8{b[6] & 15, b[6] >> 4}, r.blockBits+uint(b[7]&7)
	switch {
	case p.advise&^adviseKnown != 0 || b[7]&^7 != 0:
		return nil, fmt.Errorf("erofs compression advice %#x, clusters %#x: %w", p.advise, b[7], volume.ErrUnsupported)
	case in.layout == layoutCompressedCompact && p.advise&adviseBig1 != 0 != (p.advise&adviseBig2 != 0):
		return nil, fmt.Errorf("big clusters of one kind only: %w", volume.ErrCorrupt)
	}
	p.clusters = uint64(in.size-1)>>p.bits + 1
	if p.advise&(adviseInline|adviseFragment) == 0 {
		return p, nil
	}
	return p, p.findTail(b)
}

// findTail finds the last extent, which lies elsewhere.
func (p *packed) findTail(header [8]byte) error {
	last, err := p.cluster(p.clusters - 1)
	if err != nil {
		return err
	}
	e, err := p.span(p.in.size - 1)
	if err != nil {
		return err
	}
	p.tail, p.hasTail = e.cluster, true
	le := binary.LittleEndian
	if p.advise&adviseInline != 0 {
		p.inlineSize, p.inlineAt = int64(le.Uint16(header[2:])), last.behind
		if p.inlineSize == 0 || p.inlineAt&(1<<p.r.blockBits-1)+p.inlineSize > 1<<p.r.blockBits {
			return fmt.Errorf("inline extent of %d bytes at byte %d: %w", p.inlineSize, p.inlineAt, volume.ErrCorrupt)
		}
		return nil
	}
	p.fragment = int64(le.Uint32(header[:]))
	if p.in.layout == layoutCompressedFull {
		p.fragment |= e.block << 32
	}
	return p.openFragments()
}

// openFragments opens the inode that holds the fragments of all files. It may itself end inline, but not in a fragment.
func (p *packed) openFragments() error {
	if p.r.incompat&hasFragments == 0 || p.in.nid == p.r.packed || p.fragment < 0 {
		return fmt.Errorf("fragment at byte %d of the packed inode %d: %w", p.fragment, p.r.packed, volume.ErrCorrupt)
	}
	in, err := p.r.Inode(p.r.packed)
	if err != nil {
		return fmt.Errorf("packed inode: %w", err)
	}
	if size := in.Size; p.fragment > size {
		return fmt.Errorf("fragment at byte %d of %d: %w", p.fragment, size, volume.ErrCorrupt)
	}
	if p.fragments, err = p.r.content(in.Private.(*inode)); err != nil {
		return fmt.Errorf("packed inode: %w", err)
	}
	return nil
}

// big says whether extents take several blocks.
func (p *packed) big() bool { return p.advise&adviseBig1 != 0 }

// span is one extent of a compressed file.
type span struct {
	start, end int64  // in the file
	cluster    uint64 // where it begins
	kind       int    // of its head
	block      int64
	size       int64 // bytes that it takes
}

// span finds the extent that holds a byte (z_erofs_do_map_blocks).
func (p *packed) span(at int64) (span, error) {
	n := uint64(at) >> p.bits
	c, err := p.cluster(n)
	if err != nil {
		return span{}, err
	}
	next := n + 1 // where the search for the extent's end goes on
	if c.kind != clusterRest && at&(1<<p.bits-1) < c.offset {
		c.kind, c.back, next = clusterRest, 1, n
	}
	for c.kind == clusterRest {
		if c.back == 0 || c.back > n {
			return span{}, fmt.Errorf("cluster %d: head %d clusters before: %w", n, c.back, volume.ErrCorrupt)
		}
		n -= c.back
		if c, err = p.cluster(n); err != nil {
			return span{}, err
		}
	}
	s := span{start: int64(n<<p.bits) + c.offset, end: p.in.size, cluster: n, kind: c.kind, block: c.block, size: 1 << p.bits}
	if big := p.advise & adviseBig1; c.kind == clusterHead2 && p.advise&adviseBig2 != 0 || c.kind != clusterHead2 && big != 0 {
		s.size = 1 << p.r.blockBits
		if n+1 < p.clusters {
			if c, err = p.cluster(n + 1); err != nil {
				return span{}, err
			}
			if c.kind == clusterRest {
				if c.blocks == 0 && !p.isTail(n) {
					return span{}, fmt.Errorf("cluster %d does not count its extent's blocks: %w", n+1, volume.ErrCorrupt)
				}
				s.size = c.blocks << p.r.blockBits
			}
		}
	}
	for ; next < p.clusters; next++ {
		if c, err = p.cluster(next); err != nil {
			return span{}, err
		}
		if c.kind != clusterRest {
			s.end = min(s.end, int64(next<<p.bits)+c.offset)
			break
		}
		if int64(next<<p.bits)-s.start > maxExtent {
			return span{}, fmt.Errorf("extent at byte %d: more than %d bytes: %w", s.start, maxExtent, volume.ErrLimit)
		}
	}
	if at < s.start || at >= s.end || s.end-s.start > maxExtent || s.size > maxStored {
		return span{}, fmt.Errorf("extent at bytes %d to %d, of %d stored, for byte %d: %w", s.start, s.end, s.size, at, volume.ErrCorrupt)
	}
	return s, nil
}

// isTail says whether a cluster may begin the last extent, which has no blocks of its own.
func (p *packed) isTail(n uint64) bool {
	return p.advise&(adviseInline|adviseFragment) != 0 && (!p.hasTail || p.tail == n)
}

// ReadAt implements io.ReaderAt.
func (p *packed) ReadAt(b []byte, off int64) (int, error) {
	b, end, err := clip(b, off, p.in.size)
	if err != nil {
		return 0, err
	}
	for done := 0; done < len(b); {
		n, err := p.some(b[done:], off+int64(done))
		if err != nil {
			return done, fmt.Errorf("inode %d: %w", p.in.nid, err)
		}
		done += n
	}
	return len(b), end
}

// some reads at least one byte, from one extent.
func (p *packed) some(b []byte, at int64) (int, error) {
	if p.clusters == 0 {
		return p.fromFragment(b, at)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil || at < p.from.start || at >= p.from.end {
		p.last = nil
		s, err := p.span(at)
		if err != nil {
			return 0, err
		}
		if p.hasTail && s.cluster == p.tail && p.advise&adviseFragment != 0 {
			return p.fromFragment(b[:min(int64(len(b)), s.end-at)], at-s.start)
		}
		out := make([]byte, s.end-s.start)
		if err := p.unpack(out, s); err != nil {
			return 0, fmt.Errorf("extent at byte %d: %w", s.start, err)
		}
		p.from, p.last = s, out
	}
	return copy(b, p.last[at-p.from.start:]), nil
}

// fromFragment reads from the last extent, where it lies in the packed inode.
func (p *packed) fromFragment(b []byte, at int64) (int, error) {
	n, err := p.fragments.ReadAt(b, p.fragment+at)
	if n == len(b) {
		return n, nil
	}
	if err == nil || err == io.EOF { //nolint:errorlint // ReadAt's own word for the end
		err = fmt.Errorf("fragment ends behind the packed inode: %w", volume.ErrCorrupt)
	}
	return 0, err
}

// unpack fills out with an extent.
func (p *packed) unpack(out []byte, s span) error {
	at := s.block << p.r.blockBits
	if p.hasTail && s.cluster == p.tail && p.advise&adviseInline != 0 {
		at, s.size = p.inlineAt, p.inlineSize
	}
	in := make([]byte, s.size)
	if err := p.r.read(in, at); err != nil {
		return err
	}
	if s.kind == clusterPlain {
		return p.plain(out, in, s.start)
	}
	method := p.methods[0]
	if s.kind == clusterHead2 {
		method = p.methods[1]
	}
	if p.r.incompat&zeroPadding != 0 {
		in = bytes.TrimLeft(in, "\x00") // what is stored stands at the end
	}
	var n int
	var err error
	switch method {
	case 0:
		n, err = unpack.LZ4(out, in, true)
	case 1:
		return fmt.Errorf("erofs compression lzma: %w", volume.ErrUnsupported)
	case 2:
		n, err = unpack.Deflate(out, in)
	case 3:
		n, err = p.r.zstd.Unpack(out, in)
	default:
		return fmt.Errorf("erofs compression %d: %w", method, volume.ErrUnsupported)
	}
	if err == nil && n < len(out) {
		err = fmt.Errorf("%d bytes unpacked of %d: %w", n, len(out), volume.ErrCorrupt)
	}
	return err
}

// plain copies an extent that is not compressed. An interlaced one stands in its block where it would in the file, and what does not fit
// before the block's end stands at its start.
func (p *packed) plain(out, in []byte, start int64) error {
	if len(out) > len(in) {
		return fmt.Errorf("%d bytes stored for %d: %w", len(in), len(out), volume.ErrCorrupt)
	}
	skip := int64(0)
	if p.advise&adviseInterlaced != 0 {
		if skip = start & (1<<p.r.blockBits - 1); len(in) > 1<<p.r.blockBits || skip > int64(len(in)) {
			return fmt.Errorf("%d bytes stored, interlaced: %w", len(in), volume.ErrCorrupt)
		}
	}
	n := copy(out, in[skip:])
	copy(out[n:], in)
	return nil
}
