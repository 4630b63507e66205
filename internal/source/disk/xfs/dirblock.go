package xfs

import (
	"encoding/binary"
	"fmt"
	"sort"

	"hinomi/internal/source/disk/volume"
)

// dirChunk is how much of a directory is read at once, in bytes.
const dirChunk = 1 << 20

// blocks reads a directory of blocks. A block that cannot be read leaves the others to be listed, together with an
// error about the first such.
func (d *dirReader) blocks() error {
	list, err := d.r.extents(d.in)
	if err != nil {
		return err
	}
	sb := d.r.sb
	end := uint64(dirLeafAt) >> sb.blockLog
	total, used := uint64(0), 0
	most := uint64(d.r.opts.MaxEntries)*64 + dirChunk
	for _, e := range list {
		if e.offset >= end {
			break
		}
		if e.unwritten || e.offset+e.count > end {
			return fmt.Errorf("extent at file block %d: %w", e.offset, volume.ErrCorrupt)
		}
		if total += e.count << sb.blockLog; total > most {
			return fmt.Errorf("more than %d bytes of entries: %w", most, volume.ErrLimit)
		}
		used++
	}
	list = list[:used]
	var first error
	for len(list) > 0 {
		n := 1 // extents that follow each other in the file, so that a block in two of them is read whole
		for n < len(list) && list[n].offset == list[n-1].offset+list[n-1].count {
			n++
		}
		if err := d.run(list[:n]); err != nil && first == nil {
			first = err
		}
		list = list[n:]
	}
	return first
}

// run reads the directory blocks of extents without a hole between them.
func (d *dirReader) run(list []extent) error {
	sb := d.r.sb
	perBlock := uint64(sb.dirBlockSize / sb.blockSize)
	last := list[len(list)-1]
	start, end := list[0].offset, last.offset+last.count
	if start%perBlock != 0 || end%perBlock != 0 {
		return fmt.Errorf("directory block in pieces at file block %d: %w", start, volume.ErrCorrupt)
	}
	c := &content{r: d.r, ino: d.in.ino, size: dirLeafAt, extents: list}
	buf := make([]byte, min(dirChunk, int64(end-start)<<sb.blockLog))
	var first error
	for at := start; at < end; at += uint64(len(buf)) >> sb.blockLog {
		b := buf[:min(int64(len(buf)), int64(end-at)<<sb.blockLog)]
		if _, err := c.ReadAt(b, int64(at)<<sb.blockLog); err != nil {
			return err
		}
		for i := uint64(0); int64(i)<<sb.blockLog < int64(len(b)); i += perBlock {
			block := b[int64(i)<<sb.blockLog:][:sb.dirBlockSize]
			if err := d.block(block, list, at+i); err != nil && first == nil {
				first = fmt.Errorf("block at file block %d: %w", at+i, err)
			}
		}
	}
	return first
}

// block takes the entries of one directory block.
func (d *dirReader) block(b []byte, list []extent, at uint64) error {
	header, single := dirHeaderV4, false
	switch magic := string(b[:4]); {
	case d.r.sb.version == 5 && (magic == dirBlockV5 || magic == dirDataV5):
		header, single = dirHeaderV5, magic == dirBlockV5
		if err := d.verify(b, list, at); err != nil {
			return err
		}
	case d.r.sb.version < 5 && (magic == dirBlockV4 || magic == dirDataV4):
		single = magic == dirBlockV4
	default:
		return fmt.Errorf("no magic number: %w", volume.ErrCorrupt)
	}
	end := len(b)
	if single {
		leaves := int64(binary.BigEndian.Uint32(b[len(b)-dirTail:]))
		if leaves > int64(len(b)-dirTail-header)/8 {
			return fmt.Errorf("%d leaf entries: %w", leaves, volume.ErrCorrupt)
		}
		end -= dirTail + int(leaves)*8
	}
	return d.data(b[:end], header)
}

// verify checks what a block of version 5 says of itself.
func (d *dirReader) verify(b []byte, list []extent, at uint64) error {
	sb := d.r.sb
	replayed := false
	address := int64(0)
	for i := uint64(0); int64(i)<<sb.blockLog < int64(len(b)); i++ {
		n := sort.Search(len(list), func(n int) bool { return list[n].offset+list[n].count > at+i })
		off := sb.offset(list[n].start + at + i - list[n].offset)
		if i == 0 {
			address = off
		}
		replayed = replayed || d.r.dev.covers(off, sb.blockSize)
	}
	be := binary.BigEndian
	switch {
	case !replayed && !crcMatches(b, dirCRC):
		return fmt.Errorf("checksum mismatch: %w", volume.ErrCorrupt)
	case be.Uint64(b[8:]) != uint64(address/sectorSize):
		return fmt.Errorf("belongs to another place: %w", volume.ErrCorrupt)
	case [16]byte(b[24:40]) != sb.metaUUID:
		return fmt.Errorf("belongs to another file system: %w", volume.ErrCorrupt)
	case be.Uint64(b[40:]) != d.in.ino:
		return fmt.Errorf("belongs to inode %d: %w", be.Uint64(b[40:]), volume.ErrCorrupt)
	}
	return nil
}

// data takes the entries between the header and the end of a block's data. Each ends with its own offset.
func (d *dirReader) data(b []byte, at int) error {
	be := binary.BigEndian
	kind := 0
	if d.r.sb.fileTypes {
		kind = 1
	}
	for at < len(b) {
		if len(b)-at < 8 {
			return fmt.Errorf("entry at %d cut off: %w", at, volume.ErrCorrupt)
		}
		if be.Uint16(b[at:]) == dirFreeTag {
			n := int(be.Uint16(b[at+2:]))
			if n < 8 || n%8 != 0 || n > len(b)-at {
				return fmt.Errorf("unused entry of %d bytes at %d: %w", n, at, volume.ErrCorrupt)
			}
			at += n
			continue
		}
		if len(b)-at < 16 {
			return fmt.Errorf("entry at %d cut off: %w", at, volume.ErrCorrupt)
		}
		n := int(b[at+8])
		size := (8 + 1 + n + kind + 2 + 7) &^ 7
		if n == 0 || size > len(b)-at {
			return fmt.Errorf("entry of %d bytes at %d: %w", size, at, volume.ErrCorrupt)
		}
		if int(be.Uint16(b[at+size-2:])) != at {
			return fmt.Errorf("entry at %d has tag %d: %w", at, be.Uint16(b[at+size-2:]), volume.ErrCorrupt)
		}
		name := b[at+9 : at+9+n]
		var t byte
		if kind == 1 {
			t = b[at+9+n]
		}
		if err := d.entry(name, be.Uint64(b[at:]), t); err != nil {
			return err
		}
		at += size
	}
	return nil
}
