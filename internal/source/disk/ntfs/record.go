package ntfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// The types of attributes that are read ($AttrDef).
const (
	typeStandard   = 0x10
	typeList       = 0x20
	typeName       = 0x30
	typeVolumeName = 0x60
	typeVolumeInfo = 0x70
	typeData       = 0x80
	typeIndexRoot  = 0x90
	typeIndexAlloc = 0xa0
	typeBitmap     = 0xb0
	typeReparse    = 0xc0
	typeEnd        = 0xffffffff
)

const (
	recordInUse  = 1
	recordFolder = 2

	attrCompressed = 0x00ff
	attrEncrypted  = 0x4000

	fixupStride = 512 // an update sequence guards 512 bytes, whatever the sector
)

// reference names a record of the MFT: its number in 48 bits, and how often it was used before in 16.
type reference uint64

func (r reference) record() int64    { return int64(r & (1<<48 - 1)) }
func (r reference) sequence() uint16 { return uint16(r >> 48) }

// record is one record of the MFT, with its fixups undone.
type record struct {
	ref   reference
	base  reference // of the first record of the file, 0 if this is it
	flags uint16
	links uint16
	attrs []attribute
}

// attribute is one attribute, or a part of one, as it stands in a record.
type attribute struct {
	kind        uint32
	name        string // of a stream or an index
	id          uint16
	flags       uint16
	resident    []byte // its value, if it is resident
	nonResident bool
	firstVCN    int64
	lastVCN     int64
	pairs       []byte // mapping pairs
	unit        uint8  // log2 of the clusters of a compression unit
	size        int64  // bytes, only where firstVCN is 0
	initialized int64
}

// fixup puts back the last two bytes of each 512 that the update sequence has replaced (a torn write shows as a mismatch).
func fixup(raw []byte, magic string) error {
	le := binary.LittleEndian
	if string(raw[:4]) != magic {
		return fmt.Errorf("signature %q, want %q: %w", raw[:4], magic, volume.ErrCorrupt)
	}
	at, count := int(le.Uint16(raw[4:])), int(le.Uint16(raw[6:]))
	if count != len(raw)/fixupStride+1 || at < 8 || at+2*count > len(raw) {
		return fmt.Errorf("update sequence of %d at %d: %w", count, at, volume.ErrCorrupt)
	}
	sequence := le.Uint16(raw[at:])
	for i := 1; i < count; i++ {
		end := raw[i*fixupStride-2:]
		if le.Uint16(end) != sequence {
			return fmt.Errorf("torn write, sector %d of %d: %w", i, count-1, volume.ErrCorrupt)
		}
		copy(end[:2], raw[at+2*i:at+2*i+2])
	}
	return nil
}

// parseRecord reads a record, which it keeps and changes.
func parseRecord(raw []byte, number int64) (*record, error) {
	le := binary.LittleEndian
	if err := fixup(raw, "FILE"); err != nil {
		return nil, err
	}
	r := &record{
		ref: reference(number) | reference(le.Uint16(raw[16:]))<<48, links: le.Uint16(raw[18:]), flags: le.Uint16(raw[22:]),
		base: reference(le.Uint64(raw[32:])),
	}
	used := int(le.Uint32(raw[24:]))
	if used > len(raw) {
		return nil, fmt.Errorf("%d bytes in use of %d: %w", used, len(raw), volume.ErrCorrupt)
	}
	for at := int(le.Uint16(raw[20:])); ; {
		if at < 40 || at+8 > used {
			return nil, fmt.Errorf("attributes without an end: %w", volume.ErrCorrupt)
		}
		kind, length := le.Uint32(raw[at:]), int(le.Uint32(raw[at+4:]))
		if kind == typeEnd {
			return r, nil
		}
		if length < 24 || length%8 != 0 || length > used-at {
			return nil, fmt.Errorf("attribute %#x of %d bytes: %w", kind, length, volume.ErrCorrupt)
		}
		a, err := parseAttribute(raw[at:at+length], kind)
		if err != nil {
			return nil, fmt.Errorf("attribute %#x: %w", kind, err)
		}
		r.attrs = append(r.attrs, a)
		at += length
	}
}

func parseAttribute(raw []byte, kind uint32) (attribute, error) {
	le := binary.LittleEndian
	a := attribute{kind: kind, nonResident: raw[8] != 0, flags: le.Uint16(raw[12:]), id: le.Uint16(raw[14:])}
	if n, at := int(raw[9]), int(le.Uint16(raw[10:])); n > 0 {
		if at+2*n > len(raw) {
			return a, fmt.Errorf("name past its end: %w", volume.ErrCorrupt)
		}
		a.name = utf16Text(raw[at : at+2*n])
	}
	if !a.nonResident {
		n, at := int64(le.Uint32(raw[16:])), int64(le.Uint16(raw[20:]))
		if at+n > int64(len(raw)) {
			return a, fmt.Errorf("value past its end: %w", volume.ErrCorrupt)
		}
		a.resident = raw[at : at+n : at+n]
		a.size, a.initialized = n, n
		return a, nil
	}
	if len(raw) < 64 {
		return a, fmt.Errorf("cut short: %w", volume.ErrCorrupt)
	}
	a.firstVCN, a.lastVCN = int64(le.Uint64(raw[16:])), int64(le.Uint64(raw[24:]))
	at := int(le.Uint16(raw[32:]))
	a.unit = raw[34]
	if a.firstVCN < 0 || a.lastVCN < a.firstVCN-1 || at < 64 || at > len(raw) {
		return a, fmt.Errorf("clusters %d to %d: %w", a.firstVCN, a.lastVCN, volume.ErrCorrupt)
	}
	a.pairs = raw[at:]
	if a.firstVCN == 0 {
		a.size, a.initialized = int64(le.Uint64(raw[48:])), int64(le.Uint64(raw[56:]))
		if a.size < 0 || a.initialized < 0 || a.initialized > a.size {
			return a, fmt.Errorf("%d bytes, %d of them initialized: %w", a.size, a.initialized, volume.ErrCorrupt)
		}
	}
	return a, nil
}
