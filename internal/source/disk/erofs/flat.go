package erofs

import (
	"encoding/binary"
	"fmt"
	"io"

	"hinomi/internal/source/disk/volume"
)

// flat is data that is not compressed and lies in one piece, with the tail behind the inode if the layout says so.
type flat struct {
	r     *reader
	in    *inode
	ahead volume.Ahead
}

// ReadAt implements io.ReaderAt.
func (f *flat) ReadAt(p []byte, off int64) (int, error) {
	p, end, err := clip(p, off, f.in.size)
	if err != nil {
		return 0, err
	}
	block := int64(1) << f.r.blockBits
	split := f.in.size
	if f.in.layout == layoutInline {
		split = (f.in.size - 1) / block * block
	}
	start := int64(f.in.place) << f.r.blockBits
	if from, n := f.ahead.Next(off, int64(len(p))); n > 0 && from < split {
		volume.Prefetch(f.r.dev, start+from, min(n, split-from))
	}
	done := 0
	if off < split {
		done = int(min(int64(len(p)), split-off))
		if err := f.r.read(p[:done], start+off); err != nil {
			return 0, fmt.Errorf("inode %d: %w", f.in.nid, err)
		}
	}
	if done < len(p) {
		if f.in.tail%block+f.in.size-split > block {
			return done, fmt.Errorf("inode %d: tail of %d bytes at byte %d lies on two blocks: %w", f.in.nid, f.in.size-split, f.in.tail, volume.ErrCorrupt)
		}
		if err := f.r.read(p[done:], f.in.tail+off+int64(done)-split); err != nil {
			return done, fmt.Errorf("inode %d: %w", f.in.nid, err)
		}
	}
	return len(p), end
}

// clip cuts a read short where the file ends; end is what to return with it.
func clip(p []byte, off, size int64) (cut []byte, end, err error) {
	if off < 0 || off >= size {
		return nil, nil, io.EOF
	}
	if left := size - off; int64(len(p)) > left {
		return p[:left], io.EOF, nil
	}
	return p, nil, nil
}

// Forms of chunks (EROFS_CHUNK_FORMAT_*).
const (
	chunkBits    = 0x1f
	chunkIndexes = 0x20
)

// chunks is data in pieces of one size that lie anywhere; some may be holes.
type chunks struct {
	r     *reader
	in    *inode
	bits  uint
	table int64
	width int64 // bytes of an entry
}

func (r *reader) openChunks(in *inode) (io.ReaderAt, error) {
	format := in.place & 0xffff
	if format&^(chunkBits|chunkIndexes) != 0 {
		return nil, fmt.Errorf("erofs chunk format %#x: %w", format, volume.ErrUnsupported)
	}
	c := &chunks{r: r, in: in, bits: r.blockBits + uint(format&chunkBits), width: 4}
	if format&chunkIndexes != 0 {
		c.width = 8
	}
	c.table = align(in.tail, c.width)
	return c, nil
}

func align(n, to int64) int64 { return (n + to - 1) / to * to }

// ReadAt implements io.ReaderAt.
func (c *chunks) ReadAt(p []byte, off int64) (int, error) {
	p, end, err := clip(p, off, c.in.size)
	if err != nil {
		return 0, err
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		n := len(p) - done
		if left := int64(1)<<c.bits - at&(1<<c.bits-1); int64(n) > left {
			n = int(left)
		}
		if err := c.chunk(p[done:done+n], at); err != nil {
			return done, fmt.Errorf("inode %d: chunk at byte %d: %w", c.in.nid, at, err)
		}
		done += n
	}
	return len(p), end
}

// chunk reads inside of one chunk.
func (c *chunks) chunk(p []byte, at int64) error {
	var b [8]byte
	if err := c.r.read(b[:c.width], c.table+at>>c.bits*c.width); err != nil {
		return err
	}
	block := binary.LittleEndian.Uint32(b[c.width-4:])
	if c.width == 8 {
		if high, device := binary.LittleEndian.Uint16(b[:]), binary.LittleEndian.Uint16(b[2:]); block != nullBlock && (high != 0 || device != 0) {
			return fmt.Errorf("lies on device %d of the image, which is not at hand: %w", device, volume.ErrUnsupported)
		}
	}
	if block == nullBlock {
		clear(p)
		return nil
	}
	return c.r.read(p, int64(block)<<c.r.blockBits+at&(1<<c.bits-1))
}
