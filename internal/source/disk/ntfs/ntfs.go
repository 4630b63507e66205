// Package ntfs reads NTFS 3.x without mounting it: the MFT with fixups and attribute lists, resident, sparse and compressed data, folder indexes,
// reparse points and the compression of CompactOS. Names are found in any case. $LogFile is not replayed: a volume that was in use says so in its
// gaps. The format is that which the Linux kernel's fs/ntfs3 and ntfs-3g's layout.h describe, and Microsoft's MS-FSCC and MS-XCA.
package ntfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"

	"hinomi/internal/source/disk/volume"
)

// The records of the MFT that are known ($MFT itself is 0).
const (
	recordMFT    = 0
	recordLog    = 2
	recordVolume = 3
	recordRoot   = 5
	recordUpCase = 10
	firstUser    = 16 // what is below are the system's own files, which Windows does not list
)

// reader is an open volume. It implements volume.Inodes and volume.Folding.
type reader struct {
	dev     volume.Device
	boot    boot
	mft     *stream
	records recordCache
	root    reference
	label   string
	notes   []string
	gaps    []string
	upcase  func() []uint16
}

// Open reads the boot sector, the MFT's place and the state of the volume. The error wraps volume.ErrUnsupported, with the feature's name, or
// volume.ErrCorrupt.
func Open(dev volume.Device) (volume.FS, error) {
	b, err := readBoot(dev)
	if err != nil {
		return nil, err
	}
	r := &reader{dev: dev, boot: b}
	if b.fromBackup {
		r.notes = append(r.notes, "boot sector unusable: its copy at the volume's end was used")
	}
	if b.size > dev.Size() {
		r.gaps = append(r.gaps, fmt.Sprintf("the volume has %d bytes, the device %d: what lies past its end cannot be read", b.size, dev.Size()))
	}
	if err := r.openMFT(); err != nil {
		return nil, fmt.Errorf("$MFT: %w", err)
	}
	root, err := r.record(recordRoot)
	if err != nil {
		return nil, fmt.Errorf("root folder: %w", err)
	}
	if root.flags&recordFolder == 0 {
		return nil, fmt.Errorf("root record is not a folder: %w", volume.ErrCorrupt)
	}
	r.root = root.ref
	r.upcase = sync.OnceValue(r.readUpCase)
	r.readVolume()
	r.readLog()
	return volume.NewTree(r), nil
}

// Root implements volume.Inodes.
func (r *reader) Root() uint64 { return uint64(r.root) }

// Close implements volume.Inodes.
func (r *reader) Close() error { return nil }

// Info implements volume.Inodes.
func (r *reader) Info() volume.Info {
	return volume.Info{
		Type: "ntfs", Label: r.label, UUID: r.boot.serialNumber(), BlockSize: int(r.boot.clusterSize), Size: r.boot.size,
		Notes: r.notes, Gaps: r.gaps,
	}
}

// Inode implements volume.Inodes. The number is a whole file reference, so that an entry of a file that is gone finds no other file.
func (r *reader) Inode(ino uint64) (*volume.Inode, error) {
	f, err := r.file(reference(ino))
	if err != nil {
		return nil, err
	}
	in, err := r.inode(f)
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", f.base.ref.record(), err)
	}
	return in, nil
}

// Entries implements volume.Inodes.
func (r *reader) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	f := dir.Private.(*file)
	entries, err := r.entries(f)
	if err != nil {
		err = fmt.Errorf("folder, MFT record %d: %w", f.base.ref.record(), err)
	}
	return entries, err
}

// Content implements volume.Inodes.
func (r *reader) Content(in *volume.Inode) (io.ReaderAt, error) {
	f := in.Private.(*file)
	switch {
	case f.refuse != "":
		return nil, fmt.Errorf("%s: %w", f.refuse, volume.ErrUnsupported)
	case f.packed != nil:
		return r.openPacked(f, in.Size)
	}
	s, err := r.stream(f, typeData, "")
	if errors.Is(err, fs.ErrNotExist) {
		return strings.NewReader(""), nil
	}
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", f.base.ref.record(), err)
	}
	return s, nil
}

// Target implements volume.Inodes.
func (r *reader) Target(link *volume.Inode) (string, error) {
	f := link.Private.(*file)
	if link.Mode.Type() != fs.ModeSymlink {
		return "", fs.ErrInvalid
	}
	return target(f.reparse)
}

// Fold implements volume.Folding with the volume's own table of upper case.
func (r *reader) Fold(name string) string {
	table := r.upcase()
	units := utf16.Encode([]rune(name))
	for i, u := range units {
		if int(u) < len(table) {
			units[i] = table[u]
		}
	}
	return string(utf16.Decode(units))
}

// readUpCase reads $UpCase, or makes a table where that cannot be read.
func (r *reader) readUpCase() []uint16 {
	table := make([]uint16, 1<<16)
	f, err := r.known(recordUpCase)
	if err == nil {
		raw := make([]byte, 2*len(table))
		var s *stream
		if s, err = r.stream(f, typeData, ""); err == nil {
			err = readFull(s, raw, 0)
		}
		if err == nil && (raw[2*'a'] == 'A' && raw[2*'z'] == 'Z') {
			for i := range table {
				table[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
			}
			return table
		}
	}
	for i := range table {
		if up := unicode.ToUpper(rune(i)); up < 1<<16 {
			table[i] = uint16(up)
		} else {
			table[i] = uint16(i)
		}
	}
	return table
}

// utf16Text decodes little-endian UTF-16. A surrogate without its other half, which Windows allows in names, becomes the three bytes that UTF-8
// would have for it, so that different names stay different.
func utf16Text(raw []byte) string {
	var out []byte
	for i := 0; i+1 < len(raw); i += 2 {
		u := rune(raw[i]) | rune(raw[i+1])<<8
		if !utf16.IsSurrogate(u) {
			out = append(out, string(u)...)
			continue
		}
		if i+3 < len(raw) {
			if both := utf16.DecodeRune(u, rune(raw[i+2])|rune(raw[i+3])<<8); both != unicode.ReplacementChar {
				out = append(out, string(both)...)
				i += 2
				continue
			}
		}
		out = append(out, 0xe0|byte(u>>12), 0x80|byte(u>>6&0x3f), 0x80|byte(u&0x3f))
	}
	return string(out)
}
