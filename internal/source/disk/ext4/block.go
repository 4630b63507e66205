package ext4

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"hinomi/internal/source/disk/ext4/jbd2"
	"hinomi/internal/source/disk/volume"
)

// cacheBytes bounds the blocks of metadata that one file system keeps.
const cacheBytes = 8 << 20

// logged is a block of the journal that stands for one of the file system.
type logged struct {
	block uint64 // where the log holds it
	copy  jbd2.Copy
}

// blocks reads the blocks of a file system as they are after the journal's
// replay. It is safe for concurrent use once overlay is set.
type blocks struct {
	dev     volume.Device
	size    int // bytes of a block
	bits    uint
	overlay map[uint64]logged
	replay  *jbd2.Replay

	mu     sync.Mutex
	cached map[uint64]*list.Element
	order  list.List
}

type cachedBlock struct {
	block uint64
	data  []byte
}

func newBlocks(dev volume.Device, bits uint) *blocks {
	return &blocks{dev: dev, size: 1 << bits, bits: bits, cached: map[uint64]*list.Element{}}
}

// setOverlay puts the journal's copies before the blocks.
func (b *blocks) setOverlay(replay *jbd2.Replay, overlay map[uint64]logged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replay, b.overlay = replay, overlay
	clear(b.cached)
	b.order.Init()
}

// meta returns a block of metadata, which the caller must not change.
func (b *blocks) meta(block uint64) ([]byte, error) {
	b.mu.Lock()
	if e, ok := b.cached[block]; ok {
		b.order.MoveToFront(e)
		b.mu.Unlock()
		return e.Value.(*cachedBlock).data, nil
	}
	b.mu.Unlock()
	data := make([]byte, b.size)
	if err := b.readAt(data, block, 0); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.cached[block]; ok {
		return e.Value.(*cachedBlock).data, nil
	}
	b.cached[block] = b.order.PushFront(&cachedBlock{block, data})
	for b.order.Len() > max(cacheBytes/b.size, 8) {
		old := b.order.Remove(b.order.Back()).(*cachedBlock)
		delete(b.cached, old.block)
	}
	return data, nil
}

// readAt fills p with the bytes at off of block and of what follows it.
func (b *blocks) readAt(p []byte, block uint64, off int) error {
	if len(b.overlay) == 0 {
		return b.raw(p, block, off)
	}
	count := uint64(off+len(p)+b.size-1) >> b.bits
	// The device is not asked for what the journal replaces whole.
	for done := uint64(0); done < count; {
		n := uint64(0)
		for done+n < count {
			if _, ok := b.overlay[block+done+n]; ok {
				break
			}
			n++
		}
		if n > 0 {
			part, at := b.cut(p, off, done, n)
			if err := b.raw(part, block+done, at); err != nil {
				return err
			}
			done += n
			continue
		}
		data, err := b.fromLog(block + done)
		if err != nil {
			return err
		}
		part, at := b.cut(p, off, done, 1)
		copy(part, data[at:])
		done++
	}
	return nil
}

// prefetch tells the device that n bytes at off of block, and of what follows it, will be read soon. What the journal replaces is not asked for.
func (b *blocks) prefetch(block uint64, off, n int) {
	if len(b.overlay) == 0 {
		volume.Prefetch(b.dev, int64(block<<b.bits)+int64(off), int64(n))
		return
	}
	count := uint64(off+n+b.size-1) >> b.bits
	for done := uint64(0); done < count; {
		clear := uint64(0)
		for done+clear < count {
			if _, ok := b.overlay[block+done+clear]; ok {
				break
			}
			clear++
		}
		volume.Prefetch(b.dev, int64((block+done)<<b.bits), int64(clear<<b.bits))
		done += clear + 1
	}
}

// cut returns the part of p that the n blocks from done on fill, where p begins
// at byte off of block 0, and the offset in the first of them.
func (b *blocks) cut(p []byte, off int, done, n uint64) (part []byte, at int) {
	start := int(done)<<b.bits - off
	end := min(start+int(n)<<b.bits, len(p))
	if start < 0 {
		return p[:end], -start
	}
	return p[start:end], 0
}

func (b *blocks) fromLog(block uint64) ([]byte, error) {
	l := b.overlay[block]
	data := make([]byte, b.size)
	if err := b.raw(data, l.block, 0); err != nil {
		return nil, err
	}
	data, err := b.replay.Verify(l.copy, data)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", block, err)
	}
	return data, nil
}

// raw reads the device.
func (b *blocks) raw(p []byte, block uint64, off int) error {
	at := int64(block<<b.bits) + int64(off)
	n, err := b.dev.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("the device ends before it, at byte %d: %w", b.dev.Size(), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read block %d: %w", block, err)
}

// notes collects what must be known about a read, without repeating itself.
type notes struct {
	mu          sync.Mutex
	facts, gaps []string
}

// maxNotes bounds each list.
const maxNotes = 64

func (n *notes) fact(format string, args ...any) { n.add(&n.facts, fmt.Sprintf(format, args...)) }
func (n *notes) gap(format string, args ...any)  { n.add(&n.gaps, fmt.Sprintf(format, args...)) }

func (n *notes) add(to *[]string, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(*to) < maxNotes && !slices.Contains(*to, text) {
		*to = append(*to, text)
	}
}

func (n *notes) lists() (facts, gaps []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.facts), slices.Clone(n.gaps)
}
