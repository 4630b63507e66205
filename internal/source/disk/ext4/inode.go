package ext4

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"time"

	"hinomi/internal/source/disk/volume"
)

const (
	rootInode = 2

	flagEncrypt = 0x800
	flagIndex   = 0x1000
	flagExtents = 0x80000
	flagInline  = 0x10000000
	flagFold    = 0x40000000

	oldInodeSize = 128 // EXT4_GOOD_OLD_INODE_SIZE
	blockArea    = 60  // bytes of i_block
)

// inode is the reader's own form of an inode (struct ext4_inode).
type inode struct {
	ino       uint32
	mode      uint16
	flags     uint32
	size      int64
	sectors   uint64 // i_blocks
	acl       uint64 // block of extended attributes
	block     [blockArea]byte
	seed      uint32 // of the checksums of what belongs to it
	inline    []byte // the end of its inline data, after block
	hasInline bool   // the attribute that holds that end exists
	patches   []patch
}

func (in *inode) has(flag uint32) bool { return in.flags&flag != 0 }

// rawInode returns the stored bytes of an inode and whether they carry a
// checksum that must be right.
func (r *reader) rawInode(ino uint32) (raw []byte, sealed bool, err error) {
	s := &r.super
	if ino == 0 || ino > s.inodes {
		return nil, false, fmt.Errorf("inode %d of %d: %w", ino, s.inodes, volume.ErrCorrupt)
	}
	if fast, ok := r.fast.inodes[ino]; ok && fast.raw != nil {
		return fast.raw, false, nil
	}
	g, n := uint64((ino-1)/s.inodesPerGroup), uint64((ino-1)%s.inodesPerGroup)
	table, err := r.inodeTable(g)
	if err != nil {
		return nil, false, fmt.Errorf("inode %d: %w", ino, err)
	}
	at := n * uint64(s.inodeSize)
	data, err := r.blocks.meta(table + at>>s.blockBits)
	if err != nil {
		return nil, false, fmt.Errorf("inode %d: %w", ino, err)
	}
	return data[at&uint64(s.blockSize-1):][:s.inodeSize], s.checksummed(), nil
}

// inode reads one inode.
func (r *reader) inode(ino uint32) (*inode, *volume.Inode, error) {
	raw, sealed, err := r.rawInode(ino)
	if err != nil {
		return nil, nil, err
	}
	le := binary.LittleEndian
	in := &inode{ino: ino, mode: le.Uint16(raw), flags: le.Uint32(raw[0x20:])}
	var number [8]byte
	le.PutUint32(number[:], ino)
	copy(number[4:], raw[0x64:0x68])
	in.seed = crc32c(r.super.seed, number[:])
	extra := 0
	if len(raw) > oldInodeSize+2 {
		extra = int(le.Uint16(raw[0x80:]))
		if extra > len(raw)-oldInodeSize || extra%4 != 0 {
			return nil, nil, fmt.Errorf("inode %d: extra size %d: %w", ino, extra, volume.ErrCorrupt)
		}
	}
	if sealed && !inodeSum(in.seed, raw, extra) {
		return nil, nil, fmt.Errorf("inode %d: checksum: %w", ino, volume.ErrCorrupt)
	}
	links := le.Uint16(raw[0x1a:])
	if in.mode == 0 || links == 0 {
		return nil, nil, fmt.Errorf("inode %d is in use and free: %w", ino, volume.ErrCorrupt)
	}
	size := uint64(le.Uint32(raw[4:]))
	if in.mode&0xf000 == 0x8000 || r.super.has(incompatLargedir) && in.mode&0xf000 == 0x4000 {
		size |= uint64(le.Uint32(raw[0x6c:])) << 32
	}
	if in.size = int64(size); in.size < 0 {
		return nil, nil, fmt.Errorf("inode %d: %d bytes long: %w", ino, size, volume.ErrCorrupt)
	}
	in.sectors = uint64(le.Uint32(raw[0x1c:])) | uint64(le.Uint16(raw[0x74:]))<<32
	in.acl = uint64(le.Uint32(raw[0x68:])) | uint64(le.Uint16(raw[0x76:]))<<32
	copy(in.block[:], raw[0x28:])
	if fast, ok := r.fast.inodes[ino]; ok {
		in.patches = fast.patches
	}
	if in.has(flagInline) {
		if in.inline, in.hasInline, err = inlineRest(raw, extra); err != nil {
			return nil, nil, fmt.Errorf("inode %d: %w", ino, err)
		}
	}
	out, err := r.publicInode(in, raw, extra, uint32(links))
	return in, out, err
}

// inodeSum verifies the checksum of an inode (ext4_inode_csum).
func inodeSum(seed uint32, raw []byte, extra int) bool {
	le := binary.LittleEndian
	want := uint32(le.Uint16(raw[0x7c:]))
	sum := crc32cWithout(seed, raw[:oldInodeSize], 0x7c, 2)
	if len(raw) <= oldInodeSize {
		return sum&0xffff == want
	}
	rest := raw[oldInodeSize:]
	if extra < 4 {
		return crc32c(sum, rest)&0xffff == want
	}
	return crc32cWithout(sum, rest, 2, 2) == want|uint32(le.Uint16(rest[2:]))<<16
}

// publicInode makes the form that every reader shares.
func (r *reader) publicInode(in *inode, raw []byte, extra int, links uint32) (*volume.Inode, error) {
	le := binary.LittleEndian
	mode, ok := fileMode(in.mode)
	if !ok {
		return nil, fmt.Errorf("inode %d: mode %#o: %w", in.ino, in.mode, volume.ErrCorrupt)
	}
	// stamp reads a time: seconds at lo, and the extra bits at hi if they fit.
	stamp := func(lo, hi int) time.Time {
		sec, more := int64(int32(le.Uint32(raw[lo:]))), uint32(0)
		if oldInodeSize+extra >= hi+4 {
			more = le.Uint32(raw[hi:])
		}
		return time.Unix(sec+int64(more&3)<<32, int64(more>>2)).UTC()
	}
	out := &volume.Inode{
		Mode: mode, Size: in.size, MTime: stamp(0x10, 0x88), Private: in,
		Stat: volume.Stat{
			Ino: uint64(in.ino), Nlink: links,
			UID:   uint32(le.Uint16(raw[2:])) | uint32(le.Uint16(raw[0x78:]))<<16,
			GID:   uint32(le.Uint16(raw[0x18:])) | uint32(le.Uint16(raw[0x7a:]))<<16,
			ATime: stamp(8, 0x8c), CTime: stamp(0xc, 0x84),
		},
	}
	if oldInodeSize+extra >= 0x98 {
		out.Stat.BTime = stamp(0x90, 0x94)
	}
	if mode&fs.ModeDevice != 0 {
		if old := le.Uint32(in.block[:]); old != 0 {
			out.Stat.Major, out.Stat.Minor = old>>8&0xff, old&0xff
		} else {
			n := le.Uint32(in.block[4:])
			out.Stat.Major, out.Stat.Minor = n>>8&0xfff, n&0xff|n>>12&0xfff00
		}
	}
	return out, nil
}

// fileMode turns i_mode into a mode of io/fs.
func fileMode(mode uint16) (fs.FileMode, bool) {
	m := fs.FileMode(mode & 0o777)
	for i, to := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if mode&(0o1000<<i) != 0 {
			m |= to
		}
	}
	kind, ok := modeType(mode >> 12)
	return m | kind, ok
}

// modeType turns the type bits of i_mode into those of io/fs.
func modeType(kind uint16) (fs.FileMode, bool) {
	switch kind {
	case 0x1:
		return fs.ModeNamedPipe, true
	case 0x2:
		return fs.ModeDevice | fs.ModeCharDevice, true
	case 0x4:
		return fs.ModeDir, true
	case 0x6:
		return fs.ModeDevice, true
	case 0x8:
		return 0, true
	case 0xa:
		return fs.ModeSymlink, true
	case 0xc:
		return fs.ModeSocket, true
	}
	return 0, false
}
