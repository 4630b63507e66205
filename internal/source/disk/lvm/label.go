// Package lvm reads LVM2: the labels of physical volumes, the metadata of
// volume groups, and the logical volumes as devices. Places, sizes and
// checksums are those of lib/format_text of LVM2 2.03.
package lvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"hinomi/internal/source/disk/volume"
)

const (
	sectorSize   = 512
	labelScan    = 4 // sectors in which a label may stand
	labelID      = "LABELONE"
	labelType    = "LVM2 001"
	areaHeader   = 512 // bytes, at the start of a metadata area
	areaMagic    = " LVM2 x[5A%r0N*>"
	areaIgnored  = 1       // flag of a place of text: not in use
	maxAreas     = 16      // LVM makes two at most
	maxText      = 8 << 20 // bytes of one metadata text; an area has 1 MiB unless it was asked for more
	maxLocations = 32      // data and metadata areas that one label lists
)

// checksum is LVM's own use of CRC-32: another start, and no inversion at the end.
func checksum(b []byte) uint32 {
	const start = 0xf597a6cf
	return ^crc32.Update(^uint32(start), crc32.IEEETable, b)
}

// Probe says whether the start of a device holds the label of a physical volume.
func Probe(head []byte) bool {
	_, err := findLabel(head)
	return !errors.Is(err, errNoLabel)
}

var errNoLabel = errors.New("no label of LVM2")

// findLabel returns the sector that holds the label, from the header of the
// physical volume on.
func findLabel(head []byte) ([]byte, error) {
	le := binary.LittleEndian
	for i := range labelScan {
		if len(head) < (i+1)*sectorSize {
			break
		}
		sector := head[i*sectorSize:][:sectorSize]
		if string(sector[:8]) != labelID || string(sector[24:32]) != labelType {
			continue
		}
		if le.Uint64(sector[8:]) != uint64(i) || checksum(sector[20:]) != le.Uint32(sector[16:]) {
			return nil, fmt.Errorf("label in sector %d: checksum: %w", i, volume.ErrCorrupt)
		}
		at := le.Uint32(sector[20:])
		if at < 32 || at > sectorSize-40 {
			return nil, fmt.Errorf("label in sector %d: contents at byte %d: %w", i, at, volume.ErrCorrupt)
		}
		return sector[at:], nil
	}
	return nil, errNoLabel
}

// Member is a physical volume.
type Member struct {
	UUID string // of the physical volume, 32 characters without hyphens
	Size int64  // bytes that the device had when the label was written
	// Notes are facts about the read, such as a metadata area that is damaged
	// while another is whole.
	Notes []string

	dev  volume.Device
	text *metadata // the newest that it holds; nil if it keeps none
	err  error     // why it has none, if it should
}

// metadata is the description of a volume group.
type metadata struct {
	name   string
	group  *section
	uuid   string
	serial int64 // seqno: it grows with each change
}

// Read reads the label and the metadata of a physical volume. A damaged label
// is an error; damaged metadata is said by Assemble, as another member of the
// group may hold it whole.
func Read(dev volume.Device) (*Member, error) {
	head := make([]byte, min(labelScan*sectorSize, max(dev.Size(), 0)))
	if err := readFull(dev, head, 0); err != nil {
		return nil, fmt.Errorf("read the label of LVM2: %w", err)
	}
	header, err := findLabel(head)
	if err != nil {
		return nil, err
	}
	m := &Member{UUID: string(header[:32]), Size: int64(binary.LittleEndian.Uint64(header[32:]) & (1<<62 - 1)), dev: dev}
	areas, err := areasOf(header[40:])
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, a := range areas {
		text, err := readArea(dev, a)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("metadata area at byte %d: %w", a.offset, err))
		case text != nil && (m.text == nil || text.serial > m.text.serial):
			m.text = text
		}
	}
	if m.text == nil {
		m.err = errors.Join(faults...)
		return m, nil
	}
	for _, f := range faults {
		m.Notes = append(m.Notes, fmt.Sprintf("physical volume %s: %v: another area was used", hyphened(m.UUID), f))
	}
	return m, nil
}

// Group returns the name of the volume group, or "" if the member does not know it.
func (m *Member) Group() string {
	if m.text == nil {
		return ""
	}
	return m.text.name
}

// location is a run of bytes on the device.
type location struct{ offset, size int64 }

// areasOf lists the metadata areas: they come after the data areas, and a zero
// ends either list.
func areasOf(list []byte) ([]location, error) {
	le := binary.LittleEndian
	var areas []location
	zeros := 0
	for i := 0; zeros < 2; i++ {
		if len(list) < 16 || i > maxLocations {
			return nil, fmt.Errorf("label: list of areas does not end: %w", volume.ErrCorrupt)
		}
		offset, size := le.Uint64(list), le.Uint64(list[8:])
		list = list[16:]
		switch {
		case offset == 0:
			zeros++
		case zeros == 1:
			if offset > 1<<62 || size > 1<<62 || size <= areaHeader || len(areas) >= maxAreas {
				return nil, fmt.Errorf("label: metadata area of %d bytes at %d: %w", size, offset, volume.ErrCorrupt)
			}
			areas = append(areas, location{int64(offset), int64(size)})
		}
	}
	return areas, nil
}

// readArea reads the text that a metadata area holds; nil if it holds none.
func readArea(dev volume.Device, a location) (*metadata, error) {
	header := make([]byte, areaHeader)
	if err := readFull(dev, header, a.offset); err != nil {
		return nil, fmt.Errorf("read its header: %w", err)
	}
	le := binary.LittleEndian
	switch {
	case string(header[4:20]) != areaMagic:
		return nil, fmt.Errorf("magic of its header: %w", volume.ErrCorrupt)
	case checksum(header[4:]) != le.Uint32(header):
		return nil, fmt.Errorf("checksum of its header: %w", volume.ErrCorrupt)
	case le.Uint32(header[20:]) != 1:
		return nil, fmt.Errorf("version %d of the format: %w", le.Uint32(header[20:]), volume.ErrUnsupported)
	case le.Uint64(header[24:]) != uint64(a.offset):
		return nil, fmt.Errorf("its header belongs at byte %d: %w", le.Uint64(header[24:]), volume.ErrCorrupt)
	}
	total := int64(min(le.Uint64(header[32:]), uint64(a.size)))
	place := header[40:]
	offset, size, sum, flags := le.Uint64(place), le.Uint64(place[8:]), le.Uint32(place[16:]), le.Uint32(place[20:])
	if offset == 0 || size == 0 || flags&areaIgnored != 0 {
		return nil, nil
	}
	if offset < areaHeader || offset >= uint64(total) || size > uint64(total-areaHeader) || size > maxText {
		return nil, fmt.Errorf("text of %d bytes at %d in an area of %d: %w", size, offset, total, volume.ErrCorrupt)
	}
	text := make([]byte, size)
	first := min(int64(size), total-int64(offset)) // the area is a ring: the rest stands after its header
	if err := readFull(dev, text[:first], a.offset+int64(offset)); err != nil {
		return nil, fmt.Errorf("read its text: %w", err)
	}
	if err := readFull(dev, text[first:], a.offset+areaHeader); err != nil {
		return nil, fmt.Errorf("read its text: %w", err)
	}
	if checksum(text) != sum {
		return nil, fmt.Errorf("checksum of its text: %w", volume.ErrCorrupt)
	}
	return parseMetadata(text)
}

// parseMetadata finds the volume group in a text.
func parseMetadata(text []byte) (*metadata, error) {
	root, err := parseConfig(string(bytes.TrimRight(text, "\x00")))
	if err != nil {
		return nil, err
	}
	if root.text("contents") != "Text Format Volume Group" {
		return nil, fmt.Errorf("contents %q: %w", root.text("contents"), volume.ErrUnsupported)
	}
	if v, err := root.number("version", 1<<30); err != nil || v != 1 {
		return nil, fmt.Errorf("version %d of the text: %w", v, volume.ErrUnsupported)
	}
	if len(root.order) != 1 {
		return nil, fmt.Errorf("%d volume groups in one text: %w", len(root.order), volume.ErrCorrupt)
	}
	m := &metadata{name: root.order[0], group: root.sections[root.order[0]]}
	m.uuid = strings.ReplaceAll(m.group.text("id"), "-", "")
	if m.serial, err = m.group.number("seqno", 1<<62); err != nil {
		return nil, fmt.Errorf("volume group %s: %w", m.name, err)
	}
	return m, nil
}

// readFull reads all of p or fails.
func readFull(dev volume.Device, p []byte, off int64) error {
	n, err := dev.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hyphened writes a UUID of LVM as its tools do, in groups of 6, 4, 4, 4, 4, 4, 6.
func hyphened(id string) string {
	if len(id) != 32 {
		return id
	}
	return id[:6] + "-" + id[6:10] + "-" + id[10:14] + "-" + id[14:18] + "-" + id[18:22] + "-" + id[22:26] + "-" + id[26:]
}
