package disk

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"sync"
)

// NewCache keeps blocks of dev, of blockSize bytes each and at most maxBytes in
// all (at least one), and drops the least recently used. A block is asked for
// once even if many want it at a time; blocks that lie side by side and are
// missing are asked for in one read. An error is not kept.
func NewCache(dev Device, blockSize int, maxBytes int64) Device {
	blockSize = max(blockSize, 512)
	return &cache{
		dev: dev, size: int64(blockSize), bound: int(max(maxBytes/int64(blockSize), 1)),
		blocks: map[int64]*cached{},
	}
}

type cache struct {
	dev   Device
	size  int64 // of a block, bytes
	bound int   // blocks

	mu     sync.Mutex
	blocks map[int64]*cached
	order  list.List // of the blocks that are there; front: most recent
}

// cached is a block that is there or being read; ready is closed when it is.
type cached struct {
	block int64
	ready chan struct{}
	data  []byte
	err   error
	place *list.Element
}

// maxReadBlocks bounds one read of the device, and so the memory that reads in
// flight take beyond the bound.
const maxReadBlocks = 16

func (c *cache) Size() int64 { return c.dev.Size() }

func (c *cache) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, ErrCorrupt)
	}
	var end error
	switch left := c.dev.Size() - off; {
	case left <= 0:
		return 0, io.EOF
	case left < int64(len(p)):
		p, end = p[:left], io.EOF
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		first := at / c.size
		last := min((off+int64(len(p))-1)/c.size, first+maxReadBlocks-1)
		for _, b := range c.want(first, last) {
			<-b.ready
			if b.err != nil {
				return done, b.err
			}
			inside := off + int64(done) - b.block*c.size
			if inside >= int64(len(b.data)) {
				return done, io.ErrUnexpectedEOF
			}
			done += copy(p[done:], b.data[inside:])
		}
	}
	return done, end
}

// want returns the blocks from first to last; those that nobody reads yet are
// read before it returns.
func (c *cache) want(first, last int64) []*cached {
	out := make([]*cached, 0, last-first+1)
	var missing []*cached
	c.mu.Lock()
	for block := first; block <= last; block++ {
		b, ok := c.blocks[block]
		switch {
		case !ok:
			b = &cached{block: block, ready: make(chan struct{})}
			c.blocks[block] = b
			missing = append(missing, b)
		case b.place != nil:
			c.order.MoveToFront(b.place)
		}
		out = append(out, b)
	}
	c.mu.Unlock()
	for len(missing) > 0 {
		n := 1
		for n < len(missing) && missing[n].block == missing[n-1].block+1 {
			n++
		}
		c.load(missing[:n])
		missing = missing[n:]
	}
	return out
}

// load reads blocks that lie side by side.
func (c *cache) load(run []*cached) {
	start := run[0].block * c.size
	length := min(int64(len(run))*c.size, c.dev.Size()-start)
	data := make([]byte, length)
	n, err := c.dev.ReadAt(data, start)
	if int64(n) == length {
		err = nil
	} else if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range run {
		if err != nil {
			b.err = err
			delete(c.blocks, b.block)
			close(b.ready)
			continue
		}
		part := data[int64(i)*c.size : min(int64(i+1)*c.size, length)]
		if len(run) > 1 { // so that each can be dropped by itself
			part = append([]byte(nil), part...)
		}
		b.data = part
		b.place = c.order.PushFront(b)
		close(b.ready)
	}
	for c.order.Len() > c.bound {
		old := c.order.Remove(c.order.Back()).(*cached)
		delete(c.blocks, old.block)
	}
}
