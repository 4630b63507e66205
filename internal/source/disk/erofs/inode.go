package erofs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"time"

	"hinomi/internal/source/disk/volume"
)

// Layouts of an inode's data (EROFS_INODE_*).
const (
	layoutPlain = iota
	layoutCompressedFull
	layoutInline
	layoutCompressedCompact
	layoutChunks
)

const (
	inodeSlot    = 32 // bytes that numbers of inodes count
	compactSize  = 32
	extendedSize = 64
	direntSize   = 12
	// maxFolder bounds a folder: 4 million entries with names of 16 bytes.
	maxFolder = 128 << 20
	nullBlock = math.MaxUint32
)

// inode is what the reader knows of one.
type inode struct {
	nid    uint64
	layout uint16
	size   int64
	place  uint32 // i_u: a block, a device, or how chunks are
	tail   int64  // byte behind the inode and its attributes
}

// Inode implements volume.Inodes.
func (r *reader) Inode(nid uint64) (*volume.Inode, error) {
	in, err := r.inode(nid)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", nid, err)
	}
	return in, nil
}

func (r *reader) inode(nid uint64) (*volume.Inode, error) {
	if nid > uint64(math.MaxInt64-r.metaAt)/inodeSlot-extendedSize {
		return nil, fmt.Errorf("lies outside of the image: %w", volume.ErrCorrupt)
	}
	at := r.metaAt + int64(nid)*inodeSlot
	b := make([]byte, extendedSize)
	if err := r.read(b[:compactSize], at); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	format := le.Uint16(b)
	in := &inode{nid: nid, layout: format >> 1 & 7, place: le.Uint32(b[16:])}
	if format>>4 != 0 || in.layout > layoutChunks {
		return nil, fmt.Errorf("erofs inode format %#x: %w", format, volume.ErrUnsupported)
	}
	out := &volume.Inode{MTime: r.built, Private: in, Stat: volume.Stat{Ino: nid}}
	size := uint64(le.Uint32(b[8:]))
	if format&1 == 0 {
		in.tail = at + compactSize
		out.Stat.Nlink, out.Stat.UID, out.Stat.GID = uint32(le.Uint16(b[6:])), uint32(le.Uint16(b[24:])), uint32(le.Uint16(b[26:]))
	} else {
		if err := r.read(b[compactSize:], at+compactSize); err != nil {
			return nil, err
		}
		in.tail = at + extendedSize
		size = le.Uint64(b[8:])
		out.Stat.UID, out.Stat.GID, out.Stat.Nlink = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[44:])
		out.MTime = time.Unix(int64(le.Uint64(b[32:])), int64(le.Uint32(b[40:])%1e9)).UTC()
	}
	if n := int64(le.Uint16(b[2:])); n > 0 {
		in.tail += 12 + 4*(n-1) // the attributes: a header, then words
	}
	if size > math.MaxInt64 {
		return nil, fmt.Errorf("size %d: %w", size, volume.ErrCorrupt)
	}
	out.Stat.CTime = out.MTime
	var err error
	if out.Mode, err = volume.Mode(uint32(le.Uint16(b[4:]))); err != nil {
		return nil, err
	}
	if out.Mode.IsRegular() || out.Mode.IsDir() || out.Mode.Type() == fs.ModeSymlink {
		in.size, out.Size = int64(size), int64(size)
	}
	if out.Mode&fs.ModeDevice != 0 {
		out.Stat.Major, out.Stat.Minor = in.place>>8&0xfff, in.place&0xff|in.place>>12&0xfff00
	}
	return out, nil
}

// Content implements volume.Inodes.
func (r *reader) Content(file *volume.Inode) (io.ReaderAt, error) {
	in := file.Private.(*inode)
	c, err := r.content(in)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", in.nid, err)
	}
	return c, nil
}

func (r *reader) content(in *inode) (io.ReaderAt, error) {
	switch in.layout {
	case layoutPlain, layoutInline:
		return &flat{r: r, in: in}, nil
	case layoutChunks:
		return r.openChunks(in)
	}
	return r.openPacked(in)
}

// Target implements volume.Inodes.
func (r *reader) Target(link *volume.Inode) (string, error) {
	if link.Size == 0 || link.Size > 1<<r.blockBits && link.Size > 4096 { // PATH_MAX
		return "", fmt.Errorf("symbolic link of %d bytes: %w", link.Size, volume.ErrCorrupt)
	}
	b := make([]byte, link.Size)
	return string(b), r.all(b, link)
}

// all reads all of a small file.
func (r *reader) all(b []byte, in *volume.Inode) error {
	c, err := r.Content(in)
	if err != nil {
		return err
	}
	if n, err := c.ReadAt(b, 0); n < len(b) {
		return err
	}
	return nil
}

// entryTypes are the types of a folder's entries, EROFS_FT_*.
var entryTypes = []fs.FileMode{
	0, 0, fs.ModeDir, fs.ModeDevice | fs.ModeCharDevice, fs.ModeDevice, fs.ModeNamedPipe, fs.ModeSocket, fs.ModeSymlink,
}

// Entries implements volume.Inodes.
func (r *reader) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	if dir.Size > maxFolder {
		return nil, fmt.Errorf("folder inode %d of %d bytes: %w", dir.Stat.Ino, dir.Size, volume.ErrLimit)
	}
	c, err := r.Content(dir)
	if err != nil {
		return nil, err
	}
	var out []volume.Entry
	b := make([]byte, 1<<r.blockBits)
	for at := int64(0); at < dir.Size; at += int64(len(b)) {
		b = b[:min(int64(len(b)), dir.Size-at)]
		if n, err := c.ReadAt(b, at); n < len(b) {
			return out, fmt.Errorf("folder inode %d: %w", dir.Stat.Ino, err)
		}
		if out, err = parseBlock(out, b); err != nil {
			return out, fmt.Errorf("folder inode %d, block at byte %d: %w", dir.Stat.Ino, at, err)
		}
	}
	return out, nil
}

// parseBlock appends the entries of one block of a folder: the entries first, then their names.
func parseBlock(out []volume.Entry, b []byte) ([]volume.Entry, error) {
	le := binary.LittleEndian
	if len(b) < direntSize {
		return out, fmt.Errorf("%d bytes: %w", len(b), volume.ErrCorrupt)
	}
	names := int(le.Uint16(b[8:]))
	if names == 0 || names%direntSize != 0 || names >= len(b) {
		return out, fmt.Errorf("names begin at byte %d of %d: %w", names, len(b), volume.ErrCorrupt)
	}
	for at := 0; at < names; at += direntSize {
		from, to := int(le.Uint16(b[at+8:])), len(b)
		last := at+direntSize == names
		if !last {
			to = int(le.Uint16(b[at+direntSize+8:]))
		}
		if from < names || from >= to || to > len(b) {
			return out, fmt.Errorf("name in bytes %d to %d: %w", from, to, volume.ErrCorrupt)
		}
		name := b[from:to]
		if last {
			name, _, _ = bytes.Cut(name, []byte{0})
		}
		if s := string(name); s != "." && s != ".." {
			e := volume.Entry{Name: s, Ino: le.Uint64(b[at:])}
			if kind := int(b[at+10]); kind > 0 && kind < len(entryTypes) {
				e.Type, e.Typed = entryTypes[kind], true
			}
			out = append(out, e)
		}
	}
	return out, nil
}
