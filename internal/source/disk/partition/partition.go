// Package partition reads partition tables: GPT (UEFI 2.10, section 5.3) with
// its backup, and MBR with extended and logical partitions. It trusts nothing:
// checksums are verified, chains end, and what had to be passed over is said.
package partition

import (
	"errors"
	"fmt"
	"io"

	"hinomi/internal/source/disk/volume"
)

// The schemes of a Table.
const (
	GPT = "gpt"
	MBR = "mbr"
	// None means that the device has no partition table.
	None = ""
)

// sectorSize is the unit of an MBR and of nearly every GPT, in bytes.
const sectorSize = 512

// Table is what a device's partition table says.
type Table struct {
	Scheme     string // GPT, MBR or None
	ID         string // disk GUID, or the MBR's disk signature as 8 hex digits
	Partitions []Partition
	// Notes are facts about the read, such as the use of the backup GPT.
	Notes []string
}

// Partition is one entry of a table.
type Partition struct {
	Number int    // as Linux numbers it: logical partitions of an MBR begin at 5
	Offset int64  // bytes from the start of the device
	Size   int64  // bytes
	Name   string // GPT only
	// Type is the type GUID in lower case, or an MBR type as "0x83".
	Type string
	// UUID is what Linux calls PARTUUID: the unique GUID in lower case, or for
	// an MBR the disk signature, a hyphen and the number as two hex digits.
	UUID string
	// Attributes are the flags of a GPT entry (UEFI 2.10, table 5.8); 0 in an MBR.
	Attributes uint64
	// Fault says why the entry cannot be believed; "" if it can.
	Fault string
}

// Read reads the table of dev. A device without one is a Table with the scheme
// None and no error. An error that wraps volume.ErrCorrupt means that there is
// a table that cannot be believed.
func Read(dev volume.Device) (Table, error) {
	sector := make([]byte, sectorSize)
	if dev.Size() < sectorSize {
		return Table{}, nil
	}
	if err := readFull(dev, sector, 0); err != nil {
		return Table{}, fmt.Errorf("read the first sector: %w", err)
	}
	mbr := parseMBR(sector)
	table, err := readGPT(dev, mbr)
	if err != nil || table.Scheme != None {
		return table, err
	}
	if !mbr.valid {
		return table, nil
	}
	return readMBR(dev, mbr, table.Notes)
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
