package partition

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	mbrEntries    = 446 // offset of the four entries
	mbrEntrySize  = 16
	mbrSignature  = 0xaa55
	typeProtect   = 0xee // a GPT disk, UEFI 2.10, 5.2.3
	maxLogical    = 256  // Linux numbers no more on one disk (DISK_MAX_PARTS)
	firstLogical  = 5
	diskSignature = 440
)

// mbrEntry is one of the four entries of an MBR or EBR, in sectors.
type mbrEntry struct {
	kind         byte
	start, count uint32
}

// mbrSector is a parsed first sector.
type mbrSector struct {
	valid     bool // it may be believed as a table
	protects  bool // it has an entry of type 0xEE
	others    int  // entries of other types
	signature uint32
	entries   [4]mbrEntry
}

// extended says whether the type holds a chain of logical partitions.
func extended(kind byte) bool { return kind == 0x05 || kind == 0x0f || kind == 0x85 }

// parseMBR reads the first sector. It is not a table if it is the boot sector
// of a file system, which carries the same signature.
func parseMBR(sector []byte) mbrSector {
	var m mbrSector
	if binary.LittleEndian.Uint16(sector[510:]) != mbrSignature {
		return m
	}
	m.signature = binary.LittleEndian.Uint32(sector[diskSignature:])
	m.valid = !bootSector(sector)
	for i := range m.entries {
		raw := sector[mbrEntries+i*mbrEntrySize:][:mbrEntrySize]
		if raw[0]&0x7f != 0 { // the boot flag is 0x00 or 0x80
			m.valid = false
		}
		e := mbrEntry{raw[4], binary.LittleEndian.Uint32(raw[8:]), binary.LittleEndian.Uint32(raw[12:])}
		m.entries[i] = e
		switch {
		case e.kind == 0 || e.count == 0:
		case e.kind == typeProtect:
			m.protects = true
		default:
			m.others++
		}
	}
	if !m.valid {
		m.protects = false
	}
	m.valid = m.valid && (m.others > 0 || m.protects)
	return m
}

// bootSector recognises NTFS, exFAT, FAT and XFS in the first sector by the
// names that they write there.
func bootSector(s []byte) bool {
	name := s[3:11]
	return bytes.Equal(name, []byte("NTFS    ")) || bytes.Equal(name, []byte("EXFAT   ")) ||
		bytes.HasPrefix(s[54:], []byte("FAT")) || bytes.HasPrefix(s[82:], []byte("FAT32")) ||
		bytes.HasPrefix(s, []byte("XFSB"))
}

// readMBR lists primary and logical partitions.
func readMBR(dev volume.Device, m mbrSector, notes []string) (Table, error) {
	t := Table{Scheme: MBR, ID: fmt.Sprintf("%08x", m.signature), Notes: notes}
	logical := firstLogical
	for i, e := range m.entries {
		if e.kind == 0 || e.count == 0 {
			continue
		}
		if !extended(e.kind) {
			t.add(i+1, e.kind, int64(e.start), int64(e.count))
			continue
		}
		var err error
		if logical, err = t.readLogical(dev, int64(e.start), logical); err != nil {
			return t, fmt.Errorf("extended partition %d: %w", i+1, err)
		}
	}
	return t, nil
}

func (t *Table) add(number int, kind byte, start, count int64) {
	t.Partitions = append(t.Partitions, Partition{
		Number: number, Offset: start * sectorSize, Size: count * sectorSize,
		Type: fmt.Sprintf("0x%02x", kind), UUID: fmt.Sprintf("%s-%02x", t.ID, number),
	})
}

// readLogical follows the chain of extended boot records that begins at sector
// base, and returns the next free number. What was found before a fault stays.
func (t *Table) readLogical(dev volume.Device, base int64, number int) (int, error) {
	seen := map[int64]bool{}
	sector := make([]byte, sectorSize)
	for at := base; ; {
		if seen[at] {
			return number, fmt.Errorf("chain of logical partitions comes back to sector %d: %w", at, volume.ErrCorrupt)
		}
		if len(seen) >= maxLogical {
			return number, fmt.Errorf("more than %d logical partitions: %w", maxLogical, volume.ErrLimit)
		}
		seen[at] = true
		if err := readFull(dev, sector, at*sectorSize); err != nil {
			return number, fmt.Errorf("read the boot record at sector %d: %w", at, err)
		}
		if binary.LittleEndian.Uint16(sector[510:]) != mbrSignature {
			return number, fmt.Errorf("boot record at sector %d has no signature: %w", at, volume.ErrCorrupt)
		}
		next := int64(0)
		for i := range 4 {
			raw := sector[mbrEntries+i*mbrEntrySize:][:mbrEntrySize]
			kind, start, count := raw[4], int64(binary.LittleEndian.Uint32(raw[8:])), int64(binary.LittleEndian.Uint32(raw[12:]))
			switch {
			case kind == 0 || count == 0:
			case extended(kind):
				if next == 0 {
					next = base + start
				}
			default:
				t.add(number, kind, at+start, count)
				number++
			}
		}
		if next == 0 {
			return number, nil
		}
		at = next
	}
}
