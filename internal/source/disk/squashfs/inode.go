package squashfs

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"time"

	"hinomi/internal/source/disk/volume"
)

// Kinds of inodes; the long forms are seven more (SQUASHFS_DIR_TYPE, …).
const (
	kindFolder = 1 + iota
	kindFile
	kindLink
	kindBlock
	kindChar
	kindFIFO
	kindSocket
	longForm
)

const (
	inodeHeader = 16
	// maxTarget is the longest target of a symbolic link: PATH_MAX.
	maxTarget  = 4096
	noFragment = math.MaxUint32
	// maxFolder bounds a folder: 4 million entries with names of 24 bytes.
	maxFolder = 128 << 20
)

// kinds are the types of inodes, and of a folder's entries.
var kinds = []fs.FileMode{
	0, fs.ModeDir, 0, fs.ModeSymlink, fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice, fs.ModeNamedPipe, fs.ModeSocket,
}

// inode is what the reader knows of one.
type inode struct {
	start    uint64 // of a file's blocks, or of a folder's metadata
	offset   uint32 // in the fragment, or in the folder's metadata
	fragment uint32
	size     int64
	target   string
	blocks   stream // where the sizes of the blocks stand
}

// Inode implements volume.Inodes. The number is where the inode lies, which is the same for all names of a file.
func (r *reader) Inode(ref uint64) (*volume.Inode, error) {
	in, err := r.inode(ref)
	if err != nil {
		return nil, fmt.Errorf("inode at block %d, byte %d: %w", ref>>16, ref&0xffff, err)
	}
	return in, nil
}

func (r *reader) inode(ref uint64) (*volume.Inode, error) {
	if ref>>16 > 1<<40 {
		return nil, fmt.Errorf("lies outside of the image: %w", volume.ErrCorrupt)
	}
	s := &stream{r: r, at: r.inodes + int64(ref>>16), in: int(ref & 0xffff)}
	var head [inodeHeader]byte
	if err := s.fill(head[:]); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	kind := int(le.Uint16(head[:]))
	long := kind >= longForm
	if long {
		kind -= longForm - 1
	}
	if kind < kindFolder || kind > kindSocket {
		return nil, fmt.Errorf("squashfs inode type %d: %w", le.Uint16(head[:]), volume.ErrCorrupt)
	}
	in := &inode{fragment: noFragment}
	out := &volume.Inode{MTime: time.Unix(int64(le.Uint32(head[8:])), 0).UTC(), Private: in}
	mode, err := volume.Mode(0o100000 | uint32(le.Uint16(head[2:]))&0o7777)
	if err != nil {
		return nil, err
	}
	out.Mode = mode | kinds[kind]
	out.Stat = volume.Stat{Ino: ref, Nlink: 1, CTime: out.MTime}
	for i, to := range []*uint32{&out.Stat.UID, &out.Stat.GID} {
		b, err := r.entry(r.ids, int64(le.Uint16(head[4+2*i:])))
		if err != nil {
			return nil, fmt.Errorf("owner: %w", err)
		}
		*to = le.Uint32(b)
	}
	switch kind {
	case kindFolder:
		err = folder(s, long, in, out)
	case kindFile:
		err = file(s, long, in, out)
	case kindLink:
		err = link(s, in, out)
	default:
		err = special(s, kind, out)
	}
	if err != nil {
		return nil, err
	}
	out.Size = in.size
	return out, nil
}

func folder(s *stream, long bool, in *inode, out *volume.Inode) error {
	le := binary.LittleEndian
	b := make([]byte, 24)
	if !long {
		b = b[:16]
	}
	if err := s.fill(b); err != nil {
		return err
	}
	if long {
		out.Stat.Nlink, in.size, in.start, in.offset = le.Uint32(b), int64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:])), uint32(le.Uint16(b[18:]))
	} else {
		in.start, out.Stat.Nlink, in.size, in.offset = uint64(le.Uint32(b)), le.Uint32(b[4:]), int64(le.Uint16(b[8:])), uint32(le.Uint16(b[10:]))
	}
	return nil
}

func file(s *stream, long bool, in *inode, out *volume.Inode) error {
	le := binary.LittleEndian
	b := make([]byte, 40)
	if !long {
		b = b[:16]
	}
	if err := s.fill(b); err != nil {
		return err
	}
	size := uint64(le.Uint32(b[12:]))
	if long {
		in.start, size = le.Uint64(b), le.Uint64(b[8:])
		out.Stat.Nlink, in.fragment, in.offset = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:])
	} else {
		in.start, in.fragment, in.offset = uint64(le.Uint32(b)), le.Uint32(b[4:]), le.Uint32(b[8:])
	}
	if size > math.MaxInt64 || in.start > 1<<62 {
		return fmt.Errorf("file of %d bytes at byte %d: %w", size, in.start, volume.ErrCorrupt)
	}
	in.size, in.blocks = int64(size), *s
	return nil
}

func link(s *stream, in *inode, out *volume.Inode) error {
	le := binary.LittleEndian
	var b [8]byte
	if err := s.fill(b[:]); err != nil {
		return err
	}
	n := le.Uint32(b[4:])
	if n == 0 || n > maxTarget {
		return fmt.Errorf("symbolic link of %d bytes: %w", n, volume.ErrCorrupt)
	}
	target := make([]byte, n)
	if err := s.fill(target); err != nil {
		return err
	}
	out.Stat.Nlink, in.size, in.target = le.Uint32(b[:]), int64(n), string(target)
	return nil
}

func special(s *stream, kind int, out *volume.Inode) error {
	le := binary.LittleEndian
	b := make([]byte, 8)
	if kind > kindChar {
		b = b[:4]
	}
	if err := s.fill(b); err != nil {
		return err
	}
	out.Stat.Nlink = le.Uint32(b)
	if kind <= kindChar {
		dev := le.Uint32(b[4:])
		out.Stat.Major, out.Stat.Minor = dev>>8&0xfff, dev&0xff|dev>>12&0xfff00
	}
	return nil
}

// Target implements volume.Inodes.
func (r *reader) Target(link *volume.Inode) (string, error) { return link.Private.(*inode).target, nil }

// Entries implements volume.Inodes.
func (r *reader) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	in := dir.Private.(*inode)
	out, err := r.entries(in)
	if err != nil {
		err = fmt.Errorf("folder, inode at block %d, byte %d: %w", dir.Stat.Ino>>16, dir.Stat.Ino&0xffff, err)
	}
	return out, err
}

func (r *reader) entries(in *inode) ([]volume.Entry, error) {
	const (
		extra     = 3 // the size of a folder counts "." and ".."
		header    = 12
		entrySize = 8
		most      = 256 // entries behind one header
	)
	if in.size > maxFolder {
		return nil, fmt.Errorf("%d bytes: %w", in.size, volume.ErrLimit)
	}
	le := binary.LittleEndian
	s := &stream{r: r, at: r.folders + int64(in.start), in: int(in.offset)}
	var out []volume.Entry
	var name [256]byte
	for left := in.size - extra; left > 0; {
		var b [header]byte
		if err := s.fill(b[:]); err != nil {
			return out, err
		}
		left -= header
		count, start := le.Uint32(b[:]), le.Uint32(b[4:])
		if count >= most {
			return out, fmt.Errorf("%d entries behind one header: %w", count, volume.ErrCorrupt)
		}
		for range count + 1 {
			if err := s.fill(b[:entrySize]); err != nil {
				return out, err
			}
			n := int64(le.Uint16(b[6:])) + 1
			if left -= entrySize + n; left < 0 || n > int64(len(name)) {
				return out, fmt.Errorf("name of %d bytes: %w", n, volume.ErrCorrupt)
			}
			if err := s.fill(name[:n]); err != nil {
				return out, err
			}
			e := volume.Entry{Name: string(name[:n]), Ino: uint64(start)<<16 | uint64(le.Uint16(b[:]))}
			if kind := int(le.Uint16(b[4:])); kind > 0 && kind < len(kinds) {
				e.Type, e.Typed = kinds[kind], true
			}
			out = append(out, e)
		}
	}
	return out, nil
}
