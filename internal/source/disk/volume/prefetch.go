package volume

import "sync"

// Prefetcher is a Device that can be told what will be read, because asking for it takes long: a snapshot far away.
type Prefetcher interface {
	// Prefetch says that length bytes at off will be read soon. It returns at once, and it may do nothing.
	Prefetch(off, length int64)
}

// Prefetch tells dev what will be read soon, if it wants to know.
func Prefetch(dev Device, off, length int64) {
	if p, ok := dev.(Prefetcher); ok && length > 0 {
		p.Prefetch(off, length)
	}
}

// Prefetch implements Prefetcher: a section hands the word on.
func (s *section) Prefetch(off, length int64) {
	if off < 0 || off >= s.size {
		return
	}
	Prefetch(s.dev, s.offset+off, min(length, s.size-off))
}

const (
	// aheadAfter is how many bytes of a file must have been read in their order before anything is fetched ahead. What looks at the head
	// of a program or of an archive reads less.
	aheadAfter = 256 << 10
	// aheadMost bounds how far ahead of its reader a file is fetched, in bytes.
	aheadMost = 4 << 20
)

// Ahead watches the reads of one file and says what to fetch ahead of them. The zero value is ready, and safe for concurrent use.
type Ahead struct {
	mu   sync.Mutex
	next int64 // where the next read in order begins
	run  int64 // bytes that were read in order
	told int64 // end of what was said
}

// Next notes a read of n bytes at off, and returns the part of the file behind it that should be fetched by now; length 0 is nothing.
// It grows with what was read in order, so that little is fetched in vain.
func (a *Ahead) Next(off, n int64) (from, length int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if off != a.next {
		a.run, a.told = 0, 0
	}
	a.run += n
	a.next = off + n
	if a.run < aheadAfter {
		return 0, 0
	}
	from = max(a.told, a.next)
	a.told = max(from, a.next+min(a.run, aheadMost))
	return from, a.told - from
}
