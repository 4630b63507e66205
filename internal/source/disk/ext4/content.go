package ext4

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"hinomi/internal/source/disk/volume"
)

// maxRuns is how many stretches of a file are gathered, so that they can be
// read in the order in which they lie on the disk.
const maxRuns = 128

// content gives the bytes of a file, and zeros where it has none.
type content struct {
	reader *reader
	inode  *inode
	ahead  volume.Ahead
}

// piece is the part [from, to) of a read, which begins at byte off of block.
type piece struct {
	from, to int
	block    uint64
	off      int
}

// ReadAt implements io.ReaderAt inside the file's size, which the caller keeps.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if from, n := c.ahead.Next(off, int64(len(p))); n > 0 {
		c.prefetch(from, n)
	}
	done := 0
	for done < len(p) {
		n, err := c.readSome(p[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// readSome reads at least one byte: the first maxRuns stretches of p.
func (c *content) readSome(p []byte, off int64) (int, error) {
	s := &c.reader.super
	var pieces []piece
	done := 0
	for done < len(p) && len(pieces) < maxRuns {
		at := uint64(off + int64(done))
		block, inside := at>>s.blockBits, int(at&uint64(s.blockSize-1))
		found, err := c.reader.runAt(c.inode, block)
		if err != nil {
			return 0, err
		}
		n := len(p) - done
		if found.count < uint64(n)>>s.blockBits+2 {
			n = min(n, int(found.count<<s.blockBits)-inside)
		}
		from := done
		done += n
		if found.hole {
			clear(p[from:done])
			continue
		}
		if last := len(pieces) - 1; last >= 0 {
			before := &pieces[last]
			end := before.block<<s.blockBits + uint64(before.off+before.to-before.from)
			if before.to == from && end == found.phys<<s.blockBits && inside == 0 {
				before.to = done
				continue
			}
		}
		pieces = append(pieces, piece{from, done, found.phys, inside})
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.block, b.block) })
	if len(pieces) > 1 {
		for _, part := range pieces {
			c.reader.blocks.prefetch(part.block, part.off, part.to-part.from)
		}
	}
	for _, part := range pieces {
		if err := c.reader.blocks.readAt(p[part.from:part.to], part.block, part.off); err != nil {
			return 0, fmt.Errorf("inode %d: %w", c.inode.ino, err)
		}
	}
	return done, nil
}

// prefetch says that n bytes from byte from on will be read soon. What is wrong with them, the read says.
func (c *content) prefetch(from, n int64) {
	if _, ok := c.reader.blocks.dev.(volume.Prefetcher); !ok {
		return
	}
	s := &c.reader.super
	end := min(from+n, c.inode.size)
	for range maxRuns {
		if from >= end {
			return
		}
		found, err := c.reader.runAt(c.inode, uint64(from)>>s.blockBits)
		if err != nil {
			return
		}
		inside := from & int64(s.blockSize-1)
		part := end - from
		if found.count < uint64(part)>>s.blockBits+2 {
			part = min(part, int64(found.count<<s.blockBits)-inside)
		}
		if !found.hole {
			c.reader.blocks.prefetch(found.phys, int(inside), int(part))
		}
		from += part
	}
}

// open gives the bytes of anything that has some: files, links and folders.
func (r *reader) open(in *inode) (io.ReaderAt, error) {
	if in.has(flagEncrypt) {
		return nil, fmt.Errorf("encrypted file (fscrypt): %w", volume.ErrUnsupported)
	}
	if in.has(flagInline) {
		return &inlineContent{append(in.block[:], in.inline...)}, nil
	}
	return &content{reader: r, inode: in}, nil
}

// inlineContent is data that is kept in the inode; what lies past it is zero.
type inlineContent struct{ data []byte }

func (c *inlineContent) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(c.data)) {
		n = copy(p, c.data[off:])
	}
	clear(p[n:])
	return len(p), nil
}
