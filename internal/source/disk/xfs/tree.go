package xfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Block map trees (XFS Filesystem Structure, "Data Extents", "B+tree Extent List").
const (
	treeMagicV4  = "BMAP"
	treeMagicV5  = "BMA3"
	treeHeaderV4 = 24
	treeHeaderV5 = 72
	treeCRC      = 64
	rootHeader   = 4
)

// treeExtents walks the block map whose root stands in the inode.
func (r *reader) treeExtents(in *inode, l *extentList) error {
	root := in.dataFork
	if len(root) < rootHeader+16 {
		return fmt.Errorf("root of %d bytes: %w", len(root), volume.ErrCorrupt)
	}
	level, n := int(binary.BigEndian.Uint16(root)), int(binary.BigEndian.Uint16(root[2:]))
	most := (len(root) - rootHeader) / 16
	if level == 0 || level >= maxTreeLevels || n == 0 || n > most {
		return fmt.Errorf("root of level %d with %d pointers: %w", level, n, volume.ErrCorrupt)
	}
	pointers := root[rootHeader+8*most:]
	for i := range n {
		if err := r.treeBlock(in, l, binary.BigEndian.Uint64(pointers[8*i:]), level-1); err != nil {
			return err
		}
	}
	return nil
}

// treeBlock takes one block of the map. Levels fall by one with every step down, so no loop is endless; every leaf adds
// at least one extent behind the last, so no leaf is visited twice.
func (r *reader) treeBlock(in *inode, l *extentList, block uint64, level int) error {
	if !r.sb.inside(block, 1) {
		return fmt.Errorf("block %#x lies outside of the file system: %w", block, volume.ErrCorrupt)
	}
	off := r.sb.offset(block)
	b := make([]byte, r.sb.blockSize)
	if _, err := r.dev.ReadAt(b, off); err != nil {
		return fmt.Errorf("block %#x: %w", block, err)
	}
	be := binary.BigEndian
	header, magic := treeHeaderV4, treeMagicV4
	if r.sb.version == 5 {
		header, magic = treeHeaderV5, treeMagicV5
	}
	n := int(be.Uint16(b[6:]))
	most := (len(b) - header) / 16
	bad := ""
	switch {
	case string(b[:4]) != magic:
		bad = "no magic number"
	case int(be.Uint16(b[4:])) != level:
		bad = fmt.Sprintf("level %d instead of %d", be.Uint16(b[4:]), level)
	case n == 0 || n > most:
		bad = fmt.Sprintf("%d records", n)
	case r.sb.version == 5 && !r.dev.covers(off, int64(len(b))) && !crcMatches(b, treeCRC):
		bad = "checksum mismatch"
	case r.sb.version == 5 && be.Uint64(b[24:]) != uint64(off/sectorSize):
		bad = "belongs to another place"
	case r.sb.version == 5 && [16]byte(b[40:56]) != r.sb.metaUUID:
		bad = "belongs to another file system"
	case r.sb.version == 5 && be.Uint64(b[56:]) != in.ino && !r.reparented[in.ino]:
		bad = fmt.Sprintf("belongs to inode %d", be.Uint64(b[56:]))
	}
	if bad != "" {
		return fmt.Errorf("block %#x: %s: %w", block, bad, volume.ErrCorrupt)
	}
	for i := range n {
		var err error
		if level == 0 {
			err = l.add(parseExtent(b[header+extentSize*i:]), in.realtime())
		} else {
			err = r.treeBlock(in, l, be.Uint64(b[header+8*most+8*i:]), level-1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
