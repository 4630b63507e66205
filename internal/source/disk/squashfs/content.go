package squashfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"hinomi/internal/source/disk/volume"
)

const (
	// maxBlocks bounds the blocks of one file, of 12 bytes each: 512 GiB in blocks of 128 KiB.
	maxBlocks = 4 << 20
	// stored marks the size of a block that is not compressed.
	stored = 1 << 24
)

// content is the bytes of a file. It implements io.ReaderAt.
type content struct {
	r      *reader
	in     *inode
	sizes  []uint32 // of the blocks, as stored
	starts []int64
	ahead  volume.Ahead

	mu   sync.Mutex // guards the block that was unpacked last
	from int64
	last []byte
}

// Content implements volume.Inodes.
func (r *reader) Content(file *volume.Inode) (io.ReaderAt, error) {
	in := file.Private.(*inode)
	count := in.size / int64(r.blockSize)
	if in.fragment == noFragment && in.size%int64(r.blockSize) > 0 {
		count++
	}
	if count > maxBlocks {
		return nil, fmt.Errorf("file of %d blocks: %w", count, volume.ErrLimit)
	}
	c := &content{r: r, in: in, from: -1}
	s := in.blocks
	at := int64(in.start)
	var b [metaSize]byte
	for left := int(count) * 4; left > 0; {
		some := b[:min(left, len(b))]
		if err := s.fill(some); err != nil {
			return nil, fmt.Errorf("sizes of blocks: %w", err)
		}
		left -= len(some)
		for ; len(some) > 0; some = some[4:] {
			size := binary.LittleEndian.Uint32(some)
			if n := size &^ stored; n > uint32(r.blockSize) {
				return nil, fmt.Errorf("block %d has %d bytes: %w", len(c.sizes), n, volume.ErrCorrupt)
			}
			c.sizes, c.starts = append(c.sizes, size), append(c.starts, at)
			at += int64(size &^ stored)
		}
	}
	return c, nil
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.in.size {
		return 0, io.EOF
	}
	var end error
	if left := c.in.size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	if from, n := c.ahead.Next(off, int64(len(p))); n > 0 {
		c.prefetch(from, n)
	}
	for done := 0; done < len(p); {
		n, err := c.some(p[done:], off+int64(done))
		if err != nil {
			return done, fmt.Errorf("block at byte %d of the file: %w", off+int64(done), err)
		}
		done += n
	}
	return len(p), end
}

// some reads at least one byte, from one block.
func (c *content) some(p []byte, at int64) (int, error) {
	size := int64(c.r.blockSize)
	i := at / size
	length := int(min(size, c.in.size-i*size)) // of the block, unpacked
	inside := int(at - i*size)
	if i >= int64(len(c.sizes)) {
		b, err := c.r.tail(c.in, length)
		return copy(p, b[min(inside, len(b)):]), err
	}
	if c.sizes[i] == 0 { // a hole
		n := min(len(p), length-inside)
		clear(p[:n])
		return n, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from != i {
		c.from = -1
		if cap(c.last) < length {
			c.last = make([]byte, length)
		}
		c.last = c.last[:length]
		n, err := c.r.block(c.last, c.starts[i], c.sizes[i])
		if err != nil {
			return 0, err
		}
		if n != length {
			return 0, fmt.Errorf("%d bytes unpacked of %d: %w", n, length, volume.ErrCorrupt)
		}
		c.from = i
	}
	return copy(p, c.last[inside:]), nil
}

// block reads a block of data into dst and returns its length.
func (r *reader) block(dst []byte, at int64, size uint32) (int, error) {
	n := int(size &^ stored)
	if size&stored != 0 {
		if n > len(dst) {
			return 0, fmt.Errorf("%d bytes stored for %d: %w", n, len(dst), volume.ErrCorrupt)
		}
		return n, r.read(dst[:n], at)
	}
	if n > r.blockSize {
		return 0, fmt.Errorf("%d bytes stored: %w", n, volume.ErrCorrupt)
	}
	b := make([]byte, n)
	if err := r.read(b, at); err != nil {
		return 0, err
	}
	return r.unpack(dst, b)
}

// tail returns the last bytes of a file, which it shares a block with others for.
func (r *reader) tail(in *inode, length int) ([]byte, error) {
	b, err := r.entry(r.fragments, int64(in.fragment))
	if err != nil {
		return nil, fmt.Errorf("fragment %d: %w", in.fragment, err)
	}
	le := binary.LittleEndian
	at, size := le.Uint64(b), le.Uint32(b[8:])
	if at > 1<<62 {
		return nil, fmt.Errorf("fragment %d at byte %d: %w", in.fragment, at, volume.ErrCorrupt)
	}
	all, ok := r.tails.Get(int64(at))
	if !ok {
		all = make([]byte, r.blockSize)
		n, err := r.block(all, int64(at), size)
		if err != nil {
			return nil, fmt.Errorf("fragment %d: %w", in.fragment, err)
		}
		all = all[:n]
		r.tails.Put(int64(at), all, cap(all))
	}
	if from := int64(in.offset); from+int64(length) <= int64(len(all)) {
		return all[from : from+int64(length)], nil
	}
	return nil, fmt.Errorf("fragment %d: %d bytes at byte %d of %d: %w", in.fragment, length, in.offset, len(all), volume.ErrCorrupt)
}

// prefetch tells the device that n bytes of the file, from a byte on, will be read soon. The blocks of a file lie one behind the other.
func (c *content) prefetch(from, n int64) {
	first, last := from/int64(c.r.blockSize), (from+n-1)/int64(c.r.blockSize)
	if last = min(last, int64(len(c.sizes))-1); first <= last {
		volume.Prefetch(c.r.dev, c.starts[first], c.starts[last]+int64(c.sizes[last]&^stored)-c.starts[first])
	}
}
