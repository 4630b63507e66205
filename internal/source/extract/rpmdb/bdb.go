package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// Berkeley DB, hash access method (db 4.x and 5.3, src/dbinc/db_page.h).
const (
	bdbHashMagic    = 0x061561
	bdbPageHash     = 13
	bdbPageOldHash  = 2 // unsorted, of older releases
	bdbPageOverflow = 7
	bdbItemInline   = 1
	bdbItemOffPage  = 3
	bdbPageHeader   = 26
)

type bdb struct {
	r        io.ReaderAt
	order    binary.ByteOrder
	pageSize int
	lastPage uint32
	buckets  uint32 // highest bucket number
	spares   [32]uint32
	seen     uint32 // pages followed, at most lastPage+1 in all: a chain that loops ends there
}

func bdbOrder(head []byte) binary.ByteOrder {
	switch {
	case len(head) < 224:
	case binary.LittleEndian.Uint32(head[12:]) == bdbHashMagic:
		return binary.LittleEndian
	case be.Uint32(head[12:]) == bdbHashMagic:
		return be
	}
	return nil
}

func isBDB(head []byte) bool { return bdbOrder(head) != nil }

func openBDB(r *io.SectionReader, head []byte) (*DB, error) {
	b := &bdb{r: r, order: bdbOrder(head)}
	b.pageSize = int(b.order.Uint32(head[20:]))
	if b.pageSize < 512 || b.pageSize > 65536 || b.pageSize&(b.pageSize-1) != 0 {
		return nil, fmt.Errorf("%w: Berkeley DB page size %d", ErrCorrupt, b.pageSize)
	}
	if head[24] != 0 {
		return nil, fmt.Errorf("%w: the Berkeley DB is encrypted", ErrFormat)
	}
	b.lastPage = b.order.Uint32(head[32:])
	b.buckets = b.order.Uint32(head[72:])
	if int64(b.lastPage) >= (r.Size()+int64(b.pageSize)-1)/int64(b.pageSize) {
		return nil, fmt.Errorf("%w: last page %d lies behind the end, %d bytes", ErrCorrupt, b.lastPage, r.Size())
	}
	if b.buckets > b.lastPage {
		return nil, fmt.Errorf("%w: %d buckets on %d pages", ErrCorrupt, b.buckets, b.lastPage)
	}
	for i := range b.spares {
		b.spares[i] = b.order.Uint32(head[96+4*i:])
	}
	return &DB{Format: BerkeleyDB, headers: b.headers}, nil
}

// headers walks every bucket's chain of pages, as a cursor of the library does; pages that were freed are not met.
func (b *bdb) headers(yield func([]byte, error) bool) {
	page, blob := make([]byte, b.pageSize), []byte(nil)
	for bucket := uint32(0); ; bucket++ {
		// BUCKET_TO_PAGE: the spare of the doubling that made the bucket (db_page.h).
		pgno := bucket + b.spares[bits.Len32(bucket)%32]
		for pgno != 0 {
			next, err := b.load(pgno, page)
			if err != nil {
				if !yield(nil, fmt.Errorf("bucket %d: %w", bucket, err)) {
					return
				}
				break
			}
			if !b.items(pgno, page, &blob, yield) {
				return
			}
			pgno = next
		}
		if bucket >= b.buckets {
			return
		}
	}
}

// load reads a hash page and returns the next one of its chain.
func (b *bdb) load(pgno uint32, page []byte) (next uint32, err error) {
	if b.seen++; b.seen > 2*(b.lastPage+1) {
		return 0, fmt.Errorf("%w: the pages form a loop", ErrCorrupt)
	}
	if pgno > b.lastPage {
		return 0, fmt.Errorf("%w: page %d of %d", ErrCorrupt, pgno, b.lastPage)
	}
	if err := readFull(b.r, page, int64(pgno)*int64(b.pageSize)); err != nil {
		return 0, err
	}
	switch page[25] {
	case bdbPageHash, bdbPageOldHash:
		return b.order.Uint32(page[16:]), nil
	case 0: // a bucket that was allotted but never written
		return 0, nil
	}
	return 0, fmt.Errorf("%w: page %d has type %d, want a hash page", ErrCorrupt, pgno, page[25])
}

// items yields the data items of a hash page. Items are pairs of key and data; their places stand after the page header and
// items fill the page from its end, so that one ends where the one before it begins.
func (b *bdb) items(pgno uint32, page []byte, blob *[]byte, yield func([]byte, error) bool) bool {
	n := int(b.order.Uint16(page[20:]))
	if bdbPageHeader+2*n > b.pageSize {
		return yield(nil, fmt.Errorf("%w: page %d holds %d items", ErrCorrupt, pgno, n))
	}
	// item is the bytes of item i, nil if its place cannot be.
	item := func(i int) []byte {
		start, end := int(b.order.Uint16(page[bdbPageHeader+2*i:])), b.pageSize
		if i > 0 {
			end = int(b.order.Uint16(page[bdbPageHeader+2*(i-1):]))
		}
		if start < bdbPageHeader || start >= end || end > b.pageSize {
			return nil
		}
		return page[start:end]
	}
	for i := 1; i < n; i += 2 {
		key, data := item(i-1), item(i)
		if key == nil || data == nil {
			if !yield(nil, fmt.Errorf("%w: page %d, place of item %d", ErrCorrupt, pgno, i)) {
				return false
			}
			continue
		}
		if len(key) == 5 && key[0] == bdbItemInline && b.order.Uint32(key[1:]) == 0 {
			continue // record 0 holds the next free number, not a header
		}
		if !b.item(pgno, data, blob, yield) {
			return false
		}
	}
	return true
}

func (b *bdb) item(pgno uint32, item []byte, blob *[]byte, yield func([]byte, error) bool) bool {
	switch {
	case item[0] == bdbItemInline:
		return yield(item[1:], nil)
	case item[0] == bdbItemOffPage && len(item) >= 12:
		err := b.overflow(b.order.Uint32(item[4:]), b.order.Uint32(item[8:]), blob)
		return yield(*blob, err)
	}
	return yield(nil, fmt.Errorf("%w: page %d holds an item of type %d", ErrCorrupt, pgno, item[0]))
}

// overflow reads a chain of overflow pages, size bytes in all.
func (b *bdb) overflow(pgno, size uint32, blob *[]byte) error {
	if size > MaxHeader || int64(size) > int64(b.lastPage)*int64(b.pageSize) {
		*blob = (*blob)[:0]
		return fmt.Errorf("%w: header of %d bytes", ErrCorrupt, size)
	}
	out := grow(*blob, int(size))
	*blob = out
	head := make([]byte, bdbPageHeader)
	for len(out) > 0 {
		if pgno == 0 || pgno > b.lastPage {
			return fmt.Errorf("%w: header of %d bytes continues on page %d", ErrCorrupt, size, pgno)
		}
		off := int64(pgno) * int64(b.pageSize)
		if err := readFull(b.r, head, off); err != nil {
			return err
		}
		n := int(b.order.Uint16(head[22:])) // bytes used on this page
		if head[25] != bdbPageOverflow || n == 0 || n > b.pageSize-bdbPageHeader {
			return fmt.Errorf("%w: page %d has type %d and %d bytes, want an overflow page", ErrCorrupt, pgno, head[25], n)
		}
		n = min(n, len(out))
		if err := readFull(b.r, out[:n], off+bdbPageHeader); err != nil {
			return err
		}
		out, pgno = out[n:], b.order.Uint32(head[16:])
	}
	return nil
}
