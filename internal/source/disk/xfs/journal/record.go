package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"hinomi/internal/source/disk/volume"
)

// Fields of a record's header (xlog_rec_header), in bytes.
const (
	recordMagic  = 0xfeedbabe
	offCycle     = 4
	offVersion   = 8
	offLength    = 12
	offLSN       = 16
	offTailLSN   = 24
	offCRC       = 32
	offOps       = 40
	offCycleData = 44
	offFormat    = 300
	offUUID      = 304
	offSize      = 320

	formatLinuxLE = 1

	// The checksum covers the header as the writing machine lays the structure out: 328 bytes, on i386 324.
	headerSize     = 328
	headerSizeI386 = 324
	// extSize is what it covers of each further header block: the cycle and its words.
	extSize = 4 + 4*cycleSlots
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is the header of one log record.
type record struct {
	block   int64
	cycle   uint32
	version uint32
	length  int64
	lsn     uint64
	tailLSN uint64
	crc     uint32
	ops     uint32
	size    int64
}

// headerBlocks is how many blocks the header takes: more than one if the writer's buffer was greater than 32 KiB.
func (r record) headerBlocks() int64 {
	if r.version&2 == 0 || r.size <= cycleSpan {
		return 1
	}
	return (r.size + cycleSpan - 1) / cycleSpan
}

// blocks is how many blocks the record takes in all.
func (r record) blocks() int64 {
	return r.headerBlocks() + (r.length+SectorSize-1)/SectorSize
}

// header reads and checks the header at a block.
func (l *Log) header(block int64) (record, error) {
	b, err := l.read(block, 1)
	if err != nil {
		return record{}, err
	}
	be := binary.BigEndian
	if be.Uint32(b) != recordMagic {
		return record{}, fmt.Errorf("log block %d holds no record header: %w", block, volume.ErrCorrupt)
	}
	r := record{
		block: block, cycle: be.Uint32(b[offCycle:]), version: be.Uint32(b[offVersion:]),
		length: int64(be.Uint32(b[offLength:])), lsn: be.Uint64(b[offLSN:]), tailLSN: be.Uint64(b[offTailLSN:]),
		crc: binary.LittleEndian.Uint32(b[offCRC:]), ops: be.Uint32(b[offOps:]), size: int64(be.Uint32(b[offSize:])),
	}
	if err := l.foreign(r, b); err != nil {
		return record{}, err
	}
	bad := ""
	switch {
	case r.length <= 0 || r.length > maxRecord:
		bad = fmt.Sprintf("length %d", r.length)
	case r.version == 2 && r.size > maxRecord:
		bad = fmt.Sprintf("buffer size %d", r.size)
	case r.headerBlocks()*cycleSpan < r.length && r.ops != 1:
		bad = fmt.Sprintf("length %d over buffer size %d", r.length, r.size)
	case r.blocks() >= l.p.Blocks:
		bad = fmt.Sprintf("length %d in a log of %d blocks", r.length, l.p.Blocks)
	case int64(uint32(r.lsn)) != block || uint32(r.lsn>>32) != r.cycle:
		bad = fmt.Sprintf("sequence number %#x", r.lsn)
	}
	if bad != "" {
		return record{}, fmt.Errorf("log record at block %d: %s: %w", block, bad, volume.ErrCorrupt)
	}
	return r, nil
}

// errForeign is wrapped where a record is whole but not one that can be read here. It was never torn: a sector is
// written as one, so such a record must not pass for the end of the log.
var errForeign = errors.New("not a log record that is known here")

// foreign returns an error for a record of another version, another kind of host or another file system.
func (l *Log) foreign(r record, b []byte) error {
	what := ""
	switch f := binary.BigEndian.Uint32(b[offFormat:]); {
	case r.version != 1 && r.version != 2:
		what = fmt.Sprintf("version %d", r.version)
	case f != formatLinuxLE:
		what = fmt.Sprintf("format %d, not that of a little-endian Linux", f)
	case [16]byte(b[offUUID:offUUID+16]) != l.p.UUID:
		what = "UUID of another file system"
	default:
		return nil
	}
	return fmt.Errorf("log record at block %d: %s: %w: %w", r.block, what, errForeign, volume.ErrUnsupported)
}

// payload reads a record's data, verifies its checksum and puts back the words that the cycle numbers stand on.
func (l *Log) payload(r record) ([]byte, error) {
	return l.unpack(r, r.crc != 0 || l.p.Checksums)
}

// unpack reads a record's data and puts back the words that the cycle numbers stand on.
func (l *Log) unpack(r record, verify bool) ([]byte, error) {
	hb := r.headerBlocks()
	all, err := l.read(r.block, r.blocks())
	if err != nil {
		return nil, err
	}
	head, data := all[:hb*SectorSize], all[hb*SectorSize:]
	if verify && !crcMatches(r, head, data) {
		return nil, fmt.Errorf("log record at block %d: checksum mismatch: %w", r.block, volume.ErrCorrupt)
	}
	for i := range len(data) / SectorSize {
		slot := head[(i/cycleSlots)*SectorSize:]
		at := 4 // a further header block: its cycle, then the words
		if i < cycleSlots {
			at = offCycleData
		} else if int64(i/cycleSlots) >= hb {
			return nil, fmt.Errorf("log record at block %d: no cycle word for sector %d: %w", r.block, i, volume.ErrCorrupt)
		}
		copy(data[i*SectorSize:i*SectorSize+4], slot[at+4*(i%cycleSlots):])
	}
	return data[:r.length], nil
}

// crcMatches computes the record's checksum both ways that kernels write it.
func crcMatches(r record, head, data []byte) bool {
	for _, size := range []int{headerSize, headerSizeI386} {
		sum := crc32.Update(0, castagnoli, head[:offCRC])
		sum = crc32.Update(sum, castagnoli, make([]byte, 4))
		sum = crc32.Update(sum, castagnoli, head[offCRC+4:size])
		if r.version&2 != 0 {
			for i := int64(1); i < (r.length+cycleSpan-1)/cycleSpan && i < r.headerBlocks(); i++ {
				sum = crc32.Update(sum, castagnoli, head[i*SectorSize:i*SectorSize+extSize])
			}
		}
		if crc32.Update(sum, castagnoli, data[:r.length]) == r.crc {
			return true
		}
	}
	return false
}

// cycle returns the cycle number that a block is stamped with.
func cycle(sector []byte) uint32 {
	if c := binary.BigEndian.Uint32(sector); c != recordMagic {
		return c
	}
	return binary.BigEndian.Uint32(sector[offCycle:])
}
