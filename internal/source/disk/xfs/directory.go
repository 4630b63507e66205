package xfs

import (
	"encoding/binary"
	"fmt"
	"io/fs"

	"hinomi/internal/source/disk/volume"
)

// Directories (XFS Filesystem Structure, "Directories").
const (
	dirBlockV4 = "XD2B" // one block with everything
	dirDataV4  = "XD2D" // data block of a directory with leaves
	dirBlockV5 = "XDB3"
	dirDataV5  = "XDD3"

	dirHeaderV4 = 16
	dirHeaderV5 = 64
	dirCRC      = 4
	dirTail     = 8       // of a dirBlock: how many leaf entries stand before it
	dirFreeTag  = 0xffff  // begins an unused entry
	dirLeafAt   = 1 << 35 // byte offset where the data blocks end and the hash index begins
)

// dirTypes are the types of an entry by its number, where the file system keeps them (kernel, XFS_DIR3_FT_*).
var dirTypes = [...]struct {
	mode  fs.FileMode
	typed bool
}{
	1: {0, true}, 2: {fs.ModeDir, true}, 3: {fs.ModeDevice | fs.ModeCharDevice, true}, 4: {fs.ModeDevice, true},
	5: {fs.ModeNamedPipe, true}, 6: {fs.ModeSocket, true}, 7: {fs.ModeSymlink, true}, 8: {},
}

// dirReader collects the entries of one directory.
type dirReader struct {
	r       *reader
	in      *inode
	entries []volume.Entry
	names   []byte // of all entries, so that they are one allocation
	ends    []int
}

// Entries implements volume.Inodes. The hash index of large directories is not needed to list them.
func (r *reader) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	in, ok := dir.Private.(*inode)
	if !ok {
		return nil, fmt.Errorf("inode %d is not of this reader: %w", dir.Stat.Ino, volume.ErrCorrupt)
	}
	d := &dirReader{r: r, in: in}
	var err error
	if in.form == formLocal {
		err = d.short()
	} else {
		err = d.blocks()
	}
	names := string(d.names)
	at := 0
	for i, end := range d.ends {
		d.entries[i].Name = names[at:end]
		at = end
	}
	if err != nil {
		err = fmt.Errorf("directory inode %d: %w", in.ino, err)
	}
	return d.entries, err
}

// entry takes one entry but the two that every directory has.
func (d *dirReader) entry(name []byte, ino uint64, kind byte) error {
	if string(name) == "." || string(name) == ".." {
		return nil
	}
	if len(d.entries) >= d.r.opts.MaxEntries {
		return fmt.Errorf("more than %d entries: %w", d.r.opts.MaxEntries, volume.ErrLimit)
	}
	e := volume.Entry{Ino: ino}
	if d.r.sb.fileTypes && int(kind) < len(dirTypes) {
		e.Type, e.Typed = dirTypes[kind].mode, dirTypes[kind].typed
	}
	d.entries = append(d.entries, e)
	d.names = append(d.names, name...)
	d.ends = append(d.ends, len(d.names))
	return nil
}

// short reads a directory that stands in its inode.
func (d *dirReader) short() error {
	b := d.in.dataFork
	if d.in.size > int64(len(b)) || d.in.size < 6 {
		return fmt.Errorf("short form of %d bytes: %w", d.in.size, volume.ErrCorrupt)
	}
	b = b[:d.in.size]
	count, width := int(b[0]), 4
	if b[1] != 0 {
		width = 8 // one inode number needs 64 bits, so all have them
	}
	kind := 0
	if d.r.sb.fileTypes {
		kind = 1
	}
	if 2+width > len(b) {
		return fmt.Errorf("short form cut off: %w", volume.ErrCorrupt)
	}
	b = b[2+width:] // the parent
	for range count {
		if len(b) < 3 || len(b) < 3+int(b[0])+kind+width {
			return fmt.Errorf("short form entry cut off: %w", volume.ErrCorrupt)
		}
		n := int(b[0])
		name := b[3 : 3+n]
		var t byte
		if kind == 1 {
			t = b[3+n]
		}
		tail := b[3+n+kind:]
		ino := uint64(binary.BigEndian.Uint32(tail))
		if width == 8 {
			ino = binary.BigEndian.Uint64(tail)
		}
		if err := d.entry(name, ino, t); err != nil {
			return err
		}
		b = tail[width:]
	}
	return nil
}
