package xfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Blocks of symbolic links (XFS Filesystem Structure, "Symbolic Links").
const (
	linkMagic  = "XSLM"
	linkHeader = 56
	linkCRC    = 12
	maxLink    = 1024 // XFS_SYMLINK_MAXLEN
)

// Target implements volume.Inodes.
func (r *reader) Target(link *volume.Inode) (string, error) {
	in, ok := link.Private.(*inode)
	if !ok {
		return "", fmt.Errorf("inode %d is not of this reader: %w", link.Stat.Ino, volume.ErrCorrupt)
	}
	if in.size == 0 || in.size > maxLink {
		return "", fmt.Errorf("inode %d: symbolic link of %d bytes: %w", in.ino, in.size, volume.ErrCorrupt)
	}
	if in.form == formLocal {
		if in.size > int64(len(in.dataFork)) {
			return "", fmt.Errorf("inode %d: symbolic link of %d bytes in the inode: %w", in.ino, in.size, volume.ErrCorrupt)
		}
		return string(in.dataFork[:in.size]), nil
	}
	extents, err := r.extents(in)
	if err != nil {
		return "", err
	}
	target := make([]byte, 0, in.size)
	for _, e := range extents {
		left := in.size - int64(len(target))
		if left <= 0 {
			break
		}
		// Every extent is one buffer; a link needs three blocks at most, of 512 bytes.
		if e.count > 3 || int64(e.offset) > maxLink {
			return "", fmt.Errorf("inode %d: symbolic link over %d blocks: %w", in.ino, e.count, volume.ErrCorrupt)
		}
		part, err := r.linkPart(in, e, len(target))
		if err != nil {
			return "", fmt.Errorf("inode %d: symbolic link: %w", in.ino, err)
		}
		target = append(target, part[:min(left, int64(len(part)))]...)
	}
	if int64(len(target)) != in.size {
		return "", fmt.Errorf("inode %d: symbolic link has %d of %d bytes: %w", in.ino, len(target), in.size, volume.ErrCorrupt)
	}
	return string(target), nil
}

// linkPart reads what one extent holds of a link, from done bytes on.
func (r *reader) linkPart(in *inode, e extent, done int) ([]byte, error) {
	off := r.sb.offset(e.start)
	b := make([]byte, int64(e.count)<<r.sb.blockLog)
	if _, err := r.dev.ReadAt(b, off); err != nil {
		return nil, err
	}
	if r.sb.version < 5 {
		return b, nil
	}
	be := binary.BigEndian
	bad := ""
	n := be.Uint32(b[8:])
	switch {
	case string(b[:4]) != linkMagic:
		bad = "no magic number"
	case !r.dev.covers(off, int64(len(b))) && !crcMatches(b, linkCRC):
		bad = "checksum mismatch"
	case int64(be.Uint32(b[4:])) != int64(done):
		bad = fmt.Sprintf("part at %d instead of %d", be.Uint32(b[4:]), done)
	case n == 0 || int64(n) > int64(len(b))-linkHeader:
		bad = fmt.Sprintf("part of %d bytes", n)
	case [16]byte(b[16:32]) != r.sb.metaUUID:
		bad = "belongs to another file system"
	case be.Uint64(b[32:]) != in.ino:
		bad = fmt.Sprintf("belongs to inode %d", be.Uint64(b[32:]))
	case be.Uint64(b[40:]) != uint64(off/sectorSize):
		bad = "belongs to another place"
	}
	if bad != "" {
		return nil, fmt.Errorf("block %#x: %s: %w", e.start, bad, volume.ErrCorrupt)
	}
	return b[linkHeader : linkHeader+n], nil
}
