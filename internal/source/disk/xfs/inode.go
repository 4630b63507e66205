package xfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"time"

	"hinomi/internal/source/disk/volume"
)

// Fields of an inode's core, in bytes (XFS Filesystem Structure, "On-disk Inode").
const (
	inodeMagic = 0x494e // "IN"
	inodeCRC   = 100
	coreSizeV2 = 100 // versions 1 and 2
	coreSizeV3 = 176
)

// Forms of a fork (di_format).
const (
	formDevice = iota
	formLocal
	formExtents
	formTree
)

// modeRegular is the file type of a regular file, in the upper four bits of the mode.
const modeRegular = 8

const (
	flagRealtime = 1 << 0 // di_flags
	flag2Bigtime = 1 << 3 // di_flags2
	flag2NRExt64 = 1 << 4
)

// inode is an inode as it lies on the disk, checked.
type inode struct {
	ino      uint64
	version  uint8
	mode     uint16
	form     uint8
	size     int64
	blocks   uint64
	extents  uint64 // that the data fork holds
	flags    uint16
	flags2   uint64
	gen      uint32
	dataFork []byte
	raw      []byte
}

// inode reads an inode by its number.
func (r *reader) inode(ino uint64) (*inode, error) {
	off, err := r.sb.inodeOffset(ino)
	if err != nil {
		return nil, err
	}
	page, err := r.pages.page(r.dev, off/pageSize*pageSize)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	at := off % pageSize
	if at+r.sb.inodeSize > int64(len(page)) {
		return nil, fmt.Errorf("inode %d lies past the end of the device: %w", ino, volume.ErrCorrupt)
	}
	b := page[at : at+r.sb.inodeSize : at+r.sb.inodeSize]
	in, err := r.parseInode(ino, b, !r.dev.covers(off, r.sb.inodeSize))
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	return in, nil
}

// parseInode checks the core of an inode. verify says whether its checksum counts: the journal writes none.
func (r *reader) parseInode(ino uint64, b []byte, verify bool) (*inode, error) {
	be := binary.BigEndian
	if be.Uint16(b) != inodeMagic {
		return nil, fmt.Errorf("no inode magic number: %w", volume.ErrCorrupt)
	}
	in := &inode{
		ino: ino, version: b[4], mode: be.Uint16(b[2:]), form: b[5], size: int64(be.Uint64(b[56:])),
		blocks: be.Uint64(b[64:]), extents: uint64(be.Uint32(b[76:])), flags: be.Uint16(b[90:]), gen: be.Uint32(b[92:]), raw: b,
	}
	core := coreSizeV2
	if in.version >= 3 {
		core = coreSizeV3
	}
	switch {
	case in.version == 0 || in.version > 3 || (in.version == 3) != (r.sb.version == 5):
		return nil, fmt.Errorf("inode version %d: %w", in.version, volume.ErrCorrupt)
	case in.version == 3 && verify && !crcMatches(b, inodeCRC):
		return nil, fmt.Errorf("checksum mismatch: %w", volume.ErrCorrupt)
	case in.version == 3 && be.Uint64(b[152:]) != ino:
		return nil, fmt.Errorf("says that it is inode %d: %w", be.Uint64(b[152:]), volume.ErrCorrupt)
	case in.version == 3 && [16]byte(b[160:176]) != r.sb.metaUUID:
		return nil, fmt.Errorf("belongs to another file system: %w", volume.ErrCorrupt)
	case in.mode == 0:
		return nil, fmt.Errorf("is free: %w", volume.ErrCorrupt)
	case in.size < 0:
		return nil, fmt.Errorf("size %d: %w", in.size, volume.ErrCorrupt)
	}
	if in.version == 3 {
		in.flags2 = be.Uint64(b[120:])
	}
	if in.flags2&flag2NRExt64 != 0 {
		in.extents = be.Uint64(b[24:])
	}
	end := len(b)
	if fork := int(b[82]) * 8; fork != 0 {
		if core+fork > end {
			return nil, fmt.Errorf("attribute fork at %d: %w", fork, volume.ErrCorrupt)
		}
		end = core + fork
	}
	in.dataFork = b[core:end:end]
	return in, nil
}

// Inode implements volume.Inodes.
func (r *reader) Inode(ino uint64) (*volume.Inode, error) {
	in, err := r.inode(ino)
	if err != nil {
		return nil, err
	}
	mode, err := fileMode(in.mode)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	if p, ok := r.patches[ino]; ok && p.resized {
		in.size = p.size
	}
	be, b := binary.BigEndian, in.raw
	out := &volume.Inode{
		Mode: mode, Size: in.size, MTime: in.time(40), Private: in,
		Stat: volume.Stat{
			Ino: ino, Nlink: be.Uint32(b[16:]), UID: be.Uint32(b[8:]), GID: be.Uint32(b[12:]),
			ATime: in.time(32), CTime: in.time(48),
		},
	}
	if in.version == 1 {
		out.Stat.Nlink = uint32(be.Uint16(b[6:]))
	}
	if in.version == 3 {
		out.Stat.BTime = in.time(144)
	}
	if mode&fs.ModeDevice != 0 && in.form == formDevice && len(in.dataFork) >= 4 {
		dev := be.Uint32(in.dataFork) // 14 bits of major, 18 of minor number
		out.Stat.Major, out.Stat.Minor = dev>>18, dev&(1<<18-1)
	}
	in.detach()
	return out, nil
}

// detach copies what is still needed of the page that the inode was read from: a folder's inode is kept for long, and would keep 32 KiB.
func (in *inode) detach() {
	used := len(in.dataFork)
	switch in.form {
	case formLocal:
		used = int(min(int64(used), in.size))
	case formExtents:
		used = int(min(uint64(used), in.extents*extentSize))
	}
	if in.extents > uint64(len(in.dataFork)) { // a lie that is told where the extents are read
		used = len(in.dataFork)
	}
	in.dataFork, in.raw = bytes.Clone(in.dataFork[:used]), nil
}

// time reads a time stamp: seconds and nanoseconds, or with bigtime nanoseconds since 2^31 seconds before 1970.
func (in *inode) time(at int) time.Time {
	v := binary.BigEndian.Uint64(in.raw[at:])
	if in.flags2&flag2Bigtime != 0 {
		return time.Unix(int64(v/1e9)-1<<31, int64(v%1e9)).UTC()
	}
	return time.Unix(int64(int32(v>>32)), int64(int32(v))).UTC()
}

// fileModes are the types of inode(7) by the upper four bits of the mode.
var fileModes = [16]fs.FileMode{
	1: fs.ModeNamedPipe, 2: fs.ModeDevice | fs.ModeCharDevice, 4: fs.ModeDir, 6: fs.ModeDevice,
	modeRegular: 0, 10: fs.ModeSymlink, 12: fs.ModeSocket,
}

// fileMode turns a mode of inode(7) into Go's.
func fileMode(m uint16) (fs.FileMode, error) {
	kind := m >> 12
	mode := fileModes[kind]
	if mode == 0 && kind != modeRegular {
		return 0, fmt.Errorf("mode %#o has no file type: %w", m, volume.ErrCorrupt)
	}
	mode |= fs.FileMode(m & 0o777)
	for _, bit := range []struct {
		m  uint16
		fm fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if m&bit.m != 0 {
			mode |= bit.fm
		}
	}
	return mode, nil
}
