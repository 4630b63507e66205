package xfs

import (
	"fmt"
	"io"
	"sort"

	"hinomi/internal/source/disk/volume"
)

// content gives the bytes of a file through its block map.
type content struct {
	r       *reader
	ino     uint64
	size    int64
	extents []extent
	ahead   volume.Ahead
}

// Content implements volume.Inodes.
func (r *reader) Content(file *volume.Inode) (io.ReaderAt, error) {
	in, ok := file.Private.(*inode)
	if !ok {
		return nil, fmt.Errorf("inode %d is not of this reader: %w", file.Stat.Ino, volume.ErrCorrupt)
	}
	if in.realtime() && in.extents > 0 {
		return nil, fmt.Errorf("inode %d: data on the xfs realtime device: %w", in.ino, volume.ErrUnsupported)
	}
	if in.form == formLocal {
		return nil, fmt.Errorf("inode %d: a file's data in the inode: %w", in.ino, volume.ErrCorrupt)
	}
	list, err := r.extents(in)
	if err != nil {
		return nil, err
	}
	return &content{r: r, ino: in.ino, size: in.size, extents: list}, nil
}

// piece is a part of a read: where it comes from and where it goes.
type piece struct {
	off int64
	to  []byte
}

// ReadAt implements io.ReaderAt. What no extent maps, and what was never written, reads as zeros.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > c.size-off {
		p, end = p[:c.size-off], io.EOF
	}
	clear(p)
	if from, n := c.ahead.Next(off, int64(len(p))); n > 0 {
		c.prefetch(from, min(n, c.size-from))
	}
	var few [8]piece
	pieces := c.pieces(few[:0], p, off)
	if len(pieces) > 1 {
		for _, x := range pieces {
			volume.Prefetch(c.r.dev.dev, x.off, int64(len(x.to)))
		}
	}
	for _, x := range pieces {
		if _, err := c.r.dev.ReadAt(x.to, x.off); err != nil {
			return 0, fmt.Errorf("inode %d: %w", c.ino, err)
		}
	}
	return len(p), end
}

// pieces appends the parts of a read of p at off, in the order in which they lie on the device.
func (c *content) pieces(pieces []piece, p []byte, off int64) []piece {
	log := c.r.sb.blockLog
	first, last := uint64(off)>>log, (uint64(off)+uint64(len(p))+1<<log-1)>>log
	i := sort.Search(len(c.extents), func(i int) bool { return c.extents[i].offset+c.extents[i].count > first })
	for ; i < len(c.extents) && c.extents[i].offset < last; i++ {
		e := c.extents[i]
		if e.unwritten {
			continue
		}
		at, src := int64(e.offset<<log)-off, c.r.sb.offset(e.start)
		n := int64(e.count << log)
		if at < 0 {
			src, n, at = src-at, n+at, 0
		}
		n = min(n, int64(len(p))-at)
		if n > 0 {
			pieces = append(pieces, piece{off: src, to: p[at : at+n]})
		}
	}
	sort.Slice(pieces, func(a, b int) bool { return pieces[a].off < pieces[b].off })
	return pieces
}

// prefetch tells the device that n bytes of the file, from byte from on, will be read soon.
func (c *content) prefetch(from, n int64) {
	log := c.r.sb.blockLog
	i := sort.Search(len(c.extents), func(i int) bool { return int64((c.extents[i].offset+c.extents[i].count)<<log) > from })
	for ; i < len(c.extents) && int64(c.extents[i].offset<<log) < from+n; i++ {
		e := c.extents[i]
		if e.unwritten {
			continue
		}
		begin := max(from, int64(e.offset<<log))
		end := min(from+n, int64((e.offset+e.count)<<log))
		volume.Prefetch(c.r.dev.dev, c.r.sb.offset(e.start)+begin-int64(e.offset<<log), end-begin)
	}
}
