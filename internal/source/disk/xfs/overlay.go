package xfs

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"hinomi/internal/source/disk/volume"
)

const (
	sectorSize   = 512
	groupSectors = 64
	groupSize    = sectorSize * groupSectors
)

// overlay is the device with the sectors that the journal changes put over it. It is written while the journal is
// replayed, and then only read.
type overlay struct {
	dev    volume.Device
	groups map[int64]*[groupSectors][]byte // by byte offset / groupSize
	bytes  int64
	limit  int64
}

// ReadAt implements io.ReaderAt. A read that the device ends before is an error.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > o.dev.Size() || int64(len(p)) > o.dev.Size()-off {
		return 0, fmt.Errorf("read %d bytes at %d of a device of %d: %w", len(p), off, o.dev.Size(), io.ErrUnexpectedEOF)
	}
	n, err := o.dev.ReadAt(p, off)
	if n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, fmt.Errorf("read %d bytes at %d: %w", len(p), off, err)
	}
	if len(o.groups) == 0 || len(p) == 0 {
		return n, nil
	}
	end := off + int64(len(p))
	for g := off / groupSize; g <= (end-1)/groupSize; g++ {
		sectors := o.groups[g]
		if sectors == nil {
			continue
		}
		for i, s := range sectors {
			at := g*groupSize + int64(i)*sectorSize
			if s == nil || at+sectorSize <= off || at >= end {
				continue
			}
			if at < off {
				copy(p, s[off-at:])
			} else {
				copy(p[at-off:], s)
			}
		}
	}
	return n, nil
}

// covers says whether any byte of a range comes from the journal.
func (o *overlay) covers(off, n int64) bool {
	if len(o.groups) == 0 {
		return false
	}
	for s := off / sectorSize; s <= (off+n-1)/sectorSize; s++ {
		if g := o.groups[s/groupSectors]; g == nil {
			s |= groupSectors - 1
		} else if g[s%groupSectors] != nil {
			return true
		}
	}
	return false
}

// write puts whole sectors over the device.
func (o *overlay) write(off int64, data []byte) error {
	if off%sectorSize != 0 || len(data)%sectorSize != 0 || off < 0 || off+int64(len(data)) > o.dev.Size() {
		return fmt.Errorf("journal writes %d bytes at %d: %w", len(data), off, volume.ErrCorrupt)
	}
	if o.groups == nil {
		o.groups = make(map[int64]*[groupSectors][]byte)
	}
	for ; len(data) > 0; off, data = off+sectorSize, data[sectorSize:] {
		g := o.groups[off/groupSize]
		if g == nil {
			g = new([groupSectors][]byte)
			o.groups[off/groupSize] = g
			o.bytes += groupSectors * 24
		}
		i := off / sectorSize % groupSectors
		if g[i] == nil {
			g[i] = make([]byte, sectorSize)
			o.bytes += sectorSize
		}
		copy(g[i], data[:sectorSize])
	}
	if o.bytes > o.limit {
		return fmt.Errorf("journal changes more than %d bytes: %w", o.limit, volume.ErrLimit)
	}
	return nil
}

// pageCache keeps the parts of the device that inodes were read from: 64 of them lie together.
type pageCache struct {
	mu    sync.Mutex
	pages map[int64][]byte
	order []int64
}

const (
	pageSize = 32 << 10
	maxPages = 256 // 8 MiB
)

// page returns the page at a multiple of pageSize, which the caller must not write to. The last page of a device may
// be shorter.
func (c *pageCache) page(o *overlay, off int64) ([]byte, error) {
	c.mu.Lock()
	p, ok := c.pages[off]
	c.mu.Unlock()
	if ok {
		return p, nil
	}
	p = make([]byte, max(min(pageSize, o.dev.Size()-off), 0))
	if _, err := o.ReadAt(p, off); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = make(map[int64][]byte)
	}
	if _, ok := c.pages[off]; !ok {
		if len(c.order) >= maxPages {
			delete(c.pages, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, off)
	}
	c.pages[off] = p
	return p, nil
}

func (c *pageCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages, c.order = nil, nil
}
