package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"hinomi/internal/source/disk/volume"
)

const (
	gptMagic      = "EFI PART"
	gptHeaderSize = 92      // UEFI 2.10, table 5.5: the least
	gptEntrySize  = 128     // table 5.6: the least
	maxGPTArray   = 4 << 20 // bytes; 32,768 entries, where 128 are usual
)

// errNoGPT says that there is no GPT header at a place.
var errNoGPT = errors.New("no GPT header")

// gptHeader holds the fields that are used here (UEFI 2.10, table 5.5).
type gptHeader struct {
	alternate, entriesLBA int64
	count, size           int
	entriesCRC            uint32
	diskID                string
}

// readGPT reads the primary table, or its backup if the primary cannot be
// believed. A device without GPT gives a table with the scheme None.
func readGPT(dev volume.Device, mbr mbrSector) (Table, error) {
	var faults []string
	for _, sector := range []int64{sectorSize, 4096} {
		header, err := readHeader(dev, sector, 1)
		if errors.Is(err, errNoGPT) {
			continue
		}
		if err == nil {
			if mbr.valid && !mbr.protects {
				return Table{Notes: []string{"a GPT that no protective MBR announces is passed over for the MBR, as Linux does"}}, nil
			}
			var t Table
			if t, err = readEntries(dev, sector, header); err == nil {
				return withNotes(t, mbr), nil
			}
		}
		faults = append(faults, fmt.Sprintf("primary GPT: %v", err))
		at := []int64{dev.Size()/sector - 1}
		if header.alternate > 0 {
			at = append(at, header.alternate)
		}
		if t, ok := readBackup(dev, sector, at, &faults); ok {
			return withNotes(t, mbr), nil
		}
	}
	if len(faults) == 0 && !mbr.protects {
		return Table{}, nil
	}
	// Announced, and the primary is gone or wrong.
	for _, sector := range []int64{sectorSize, 4096} {
		if t, ok := readBackup(dev, sector, []int64{dev.Size()/sector - 1}, &faults); ok {
			if len(t.Notes) == 0 {
				t.Notes = []string{"primary GPT missing: its backup was used"}
			}
			return withNotes(t, mbr), nil
		}
	}
	if mbr.protects || !mbr.valid {
		return Table{}, fmt.Errorf("GPT (%s): %w", strings.Join(append(faults, "no usable backup"), "; "), volume.ErrCorrupt)
	}
	return Table{Notes: faults}, nil
}

// readBackup tries the places where the backup may stand.
func readBackup(dev volume.Device, sector int64, places []int64, faults *[]string) (Table, bool) {
	for _, at := range places {
		header, err := readHeader(dev, sector, at)
		if errors.Is(err, errNoGPT) {
			continue
		}
		var t Table
		if err == nil {
			t, err = readEntries(dev, sector, header)
		}
		if err == nil {
			for _, f := range *faults {
				t.Notes = append(t.Notes, f+": the backup was used")
			}
			return t, true
		}
		*faults = append(*faults, fmt.Sprintf("backup GPT at sector %d: %v", at, err))
	}
	return Table{}, false
}

func withNotes(t Table, mbr mbrSector) Table {
	switch {
	case !mbr.protects:
		t.Notes = append(t.Notes, "no protective MBR announces the GPT")
	case mbr.others > 0:
		t.Notes = append(t.Notes, fmt.Sprintf("hybrid MBR: its %d other entries are passed over for the GPT", mbr.others))
	}
	return t
}

// readHeader reads and verifies the header at sector lba.
func readHeader(dev volume.Device, sector, lba int64) (gptHeader, error) {
	var h gptHeader
	if lba < 1 || lba >= dev.Size()/sector {
		return h, errNoGPT
	}
	raw := make([]byte, sector)
	if err := readFull(dev, raw, lba*sector); err != nil {
		return h, fmt.Errorf("read the header: %w", err)
	}
	if string(raw[:8]) != gptMagic {
		return h, errNoGPT
	}
	le := binary.LittleEndian
	size := int64(le.Uint32(raw[12:]))
	if size < gptHeaderSize || size > sector {
		return h, fmt.Errorf("header of %d bytes: %w", size, volume.ErrCorrupt)
	}
	want := le.Uint32(raw[16:])
	clear(raw[16:20])
	if crc32.ChecksumIEEE(raw[:size]) != want {
		return h, fmt.Errorf("header checksum: %w", volume.ErrCorrupt)
	}
	if at := le.Uint64(raw[24:]); at != uint64(lba) {
		return h, fmt.Errorf("header of sector %d stands at %d: %w", at, lba, volume.ErrCorrupt)
	}
	h.alternate = int64(le.Uint64(raw[32:]) & (1<<62 - 1))
	h.entriesLBA = int64(le.Uint64(raw[72:]) & (1<<62 - 1))
	h.diskID = guid(raw[56:72])
	count, each := uint64(le.Uint32(raw[80:])), uint64(le.Uint32(raw[84:]))
	h.entriesCRC = le.Uint32(raw[88:])
	if each < gptEntrySize || each%8 != 0 || count*each > maxGPTArray {
		return h, fmt.Errorf("%d entries of %d bytes: %w", count, each, volume.ErrCorrupt)
	}
	h.count, h.size = int(count), int(each)
	return h, nil
}

// readEntries reads and verifies the array of entries.
func readEntries(dev volume.Device, sector int64, h gptHeader) (Table, error) {
	if h.entriesLBA > dev.Size()/sector {
		return Table{}, fmt.Errorf("entries at sector %d: %w", h.entriesLBA, volume.ErrCorrupt)
	}
	raw := make([]byte, h.count*h.size)
	if err := readFull(dev, raw, h.entriesLBA*sector); err != nil {
		return Table{}, fmt.Errorf("read the entries: %w", err)
	}
	if crc32.ChecksumIEEE(raw) != h.entriesCRC {
		return Table{}, fmt.Errorf("entries checksum: %w", volume.ErrCorrupt)
	}
	t := Table{Scheme: GPT, ID: h.diskID}
	le := binary.LittleEndian
	limit := uint64(1<<62) / uint64(sector)
	for i := range h.count {
		e := raw[i*h.size:][:gptEntrySize]
		kind := guid(e[:16])
		if kind == "00000000-0000-0000-0000-000000000000" {
			continue
		}
		p := Partition{Number: i + 1, Name: utf16Name(e[56:128]), Type: kind, UUID: guid(e[16:32]), Attributes: le.Uint64(e[48:])}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if last < first || last >= limit {
			p.Fault = fmt.Sprintf("runs from sector %d to %d", first, last)
		} else {
			p.Offset, p.Size = int64(first)*sector, int64(last-first+1)*sector
		}
		t.Partitions = append(t.Partitions, p)
	}
	return t, nil
}

// guid writes the mixed-endian 16 bytes of UEFI 2.10, appendix A.
func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// utf16Name reads a name that ends at the first zero or at the end.
func utf16Name(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
