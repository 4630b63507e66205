package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"hinomi/internal/source/disk/volume"
)

const (
	maxEntries   = 2 << 20   // names in one folder
	maxNameBytes = 128 << 20 // of all names in one folder
	maxDirBytes  = 1 << 30   // of the folder itself
	maxDirFaults = 16        // blocks that may be wrong before a folder is given up
	dirChunk     = 128 << 10 // bytes of a folder that are read at once

	direntHead = 8
	tailSize   = 12
	tailType   = 0xde // EXT4_FT_DIR_CSUM
)

// dirReader gathers the entries of one folder.
type dirReader struct {
	reader  *reader
	dir     *inode
	entries []volume.Entry
	ends    []int // of each name in names
	names   []byte
	faults  []error
}

// entries lists a folder, without "." and "..".
func (r *reader) entries(in *inode) ([]volume.Entry, error) {
	if in.has(flagEncrypt) {
		return nil, fmt.Errorf("encrypted folder (fscrypt): %w", volume.ErrUnsupported)
	}
	if in.has(flagFold) {
		r.notes.fact("a folder ignores case (casefold); its names are matched exactly")
	}
	d := &dirReader{reader: r, dir: in}
	if !r.fast.created[in.ino] {
		if err := d.stored(); err != nil {
			d.faults = append(d.faults, err)
		}
	}
	names := string(d.names)
	start := 0
	for i, end := range d.ends {
		d.entries[i].Name = names[start:end]
		start = end
	}
	return r.fast.apply(in.ino, d.entries), errors.Join(d.faults...)
}

// stored reads what the folder holds.
func (d *dirReader) stored() error {
	if d.dir.has(flagInline) {
		return d.inline()
	}
	size := int64(d.reader.super.blockSize)
	if d.dir.size%size != 0 || d.dir.size == 0 {
		d.faults = append(d.faults, fmt.Errorf("folder inode %d is %d bytes long: %w", d.dir.ino, d.dir.size, volume.ErrCorrupt))
	}
	if d.dir.size > maxDirBytes {
		return fmt.Errorf("folder inode %d of %d bytes: %w", d.dir.ino, d.dir.size, volume.ErrLimit)
	}
	want := min(max(dirChunk, size), d.dir.size-d.dir.size%size)
	held := d.reader.chunks.Get().(*[]byte)
	defer d.reader.chunks.Put(held)
	if int64(cap(*held)) < want {
		*held = make([]byte, want)
	}
	chunk := (*held)[:want]
	data := &content{reader: d.reader, inode: d.dir}
	for off := int64(0); off+size <= d.dir.size; {
		found, err := d.reader.runAt(d.dir, uint64(off/size))
		if err != nil {
			return fmt.Errorf("folder inode %d: %w", d.dir.ino, err)
		}
		if found.hole {
			d.faults = append(d.faults, fmt.Errorf("folder inode %d has a hole at byte %d: %w", d.dir.ino, off, volume.ErrCorrupt))
			if len(d.faults) > maxDirFaults || found.count > uint64(d.dir.size/size) {
				return nil
			}
			off += int64(found.count) * size
			continue
		}
		n := min(int64(len(chunk)), d.dir.size-off)
		if found.count < uint64(n/size) {
			n = int64(found.count) * size
		}
		n -= n % size
		if _, err := data.ReadAt(chunk[:n], off); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
		for at := int64(0); at < n; at += size {
			if err := d.block(chunk[at:at+size], off+at == 0); err != nil {
				d.faults = append(d.faults, fmt.Errorf("folder inode %d, byte %d: %w", d.dir.ino, off+at, err))
				if len(d.faults) > maxDirFaults || errors.Is(err, volume.ErrLimit) {
					return nil
				}
			}
		}
		off += n
	}
	return nil
}

// inline reads a folder that is kept in its inode: the number of its parent,
// then entries as in a block.
func (d *dirReader) inline() error {
	data, err := d.reader.open(d.dir)
	if err != nil {
		return err
	}
	inside := int64(len(data.(*inlineContent).data))
	if d.dir.size > inside || d.dir.size < 4 {
		return fmt.Errorf("folder inode %d: %d bytes of inline data, %d there: %w", d.dir.ino, d.dir.size, inside, volume.ErrCorrupt)
	}
	raw := make([]byte, d.dir.size)
	if _, err := data.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := d.parse(raw[4:]); err != nil {
		return fmt.Errorf("folder inode %d: %w", d.dir.ino, err)
	}
	return nil
}

// block verifies and parses one block of a folder.
func (d *dirReader) block(raw []byte, first bool) error {
	if d.reader.super.checksummed() && !d.blockSum(raw, first) {
		return fmt.Errorf("folder block checksum: %w", volume.ErrCorrupt)
	}
	return d.parse(raw)
}

// blockSum verifies the checksum of a leaf or of an index block. Which of them
// it is says its place (__ext4_read_dirblock of fs/ext4/namei.c): an index block
// looks like a block that is empty but for "." and "..", and its entries hide in
// the last record.
func (d *dirReader) blockSum(raw []byte, first bool) bool {
	le := binary.LittleEndian
	at := 0
	if d.dir.has(flagIndex) && first {
		at = 32 // after ".", ".." and struct dx_root_info
	} else if d.dir.has(flagIndex) && d.recordLen(raw) == len(raw) {
		at = direntHead
	}
	if at == 0 {
		tail := raw[len(raw)-tailSize:]
		return le.Uint16(tail[4:]) == tailSize && tail[7] == tailType &&
			crc32c(d.dir.seed, raw[:len(raw)-tailSize]) == le.Uint32(tail[8:])
	}
	limit, count := int(le.Uint16(raw[at:])), int(le.Uint16(raw[at+2:]))
	end := at + 8*limit
	if count > limit || end+8 > len(raw) {
		return false
	}
	sum := crc32c(d.dir.seed, raw[:at+8*count])
	return crc32cWithout(sum, raw[end:end+8], 4, 4) == le.Uint32(raw[end+4:])
}

// recordLen decodes rec_len (ext4_rec_len_from_disk): in blocks of 64 KiB a
// record may be longer than 16 bits say.
func (d *dirReader) recordLen(raw []byte) int {
	n, size := int(binary.LittleEndian.Uint16(raw[4:])), d.reader.super.blockSize
	if size < 65536 {
		return n
	}
	if n == 65535 || n == 0 {
		return size
	}
	return n&65532 | n&3<<16
}

// parse reads the entries of one block.
func (d *dirReader) parse(raw []byte) error {
	le := binary.LittleEndian
	for off := 0; off < len(raw); {
		rest := raw[off:]
		if len(rest) < direntHead {
			return fmt.Errorf("folder entry at the end of its block: %w", volume.ErrCorrupt)
		}
		ino, length, nameLen := le.Uint32(rest), d.recordLen(rest), int(rest[6])
		if length < direntHead || length%4 != 0 || length > len(rest) || ino != 0 && direntHead+nameLen > length {
			return fmt.Errorf("folder entry of %d bytes with a name of %d: %w", length, nameLen, volume.ErrCorrupt)
		}
		off += length
		if ino == 0 {
			continue
		}
		name := rest[direntHead : direntHead+nameLen]
		if string(name) == "." || string(name) == ".." {
			continue
		}
		if len(d.entries) >= maxEntries || len(d.names) > maxNameBytes {
			return fmt.Errorf("folder inode %d has more than %d entries: %w", d.dir.ino, len(d.entries), volume.ErrLimit)
		}
		d.names = append(d.names, name...)
		d.ends = append(d.ends, len(d.names))
		kind, typed := fs.FileMode(0), false
		if d.reader.super.has(incompatFiletype) {
			kind, typed = entryType(rest[7])
		}
		d.entries = append(d.entries, volume.Entry{Ino: uint64(ino), Type: kind, Typed: typed})
	}
	return nil
}

// entryType turns the file_type of an entry into a mode. False means that the
// inode must be asked.
func entryType(kind byte) (fs.FileMode, bool) {
	switch kind {
	case 1:
		return 0, true
	case 2:
		return fs.ModeDir, true
	case 3:
		return fs.ModeDevice | fs.ModeCharDevice, true
	case 4:
		return fs.ModeDevice, true
	case 5:
		return fs.ModeNamedPipe, true
	case 6:
		return fs.ModeSocket, true
	case 7:
		return fs.ModeSymlink, true
	}
	return 0, false
}
