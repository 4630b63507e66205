package rpmdb

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
)

// NDB, rpm's own format (rpm, lib/backend/ndb/rpmpkg.c); numbers are little endian.
const (
	ndbMagic     = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	ndbSlotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	ndbBlobHead  = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	ndbBlobTail  = 'B' | 'l'<<8 | 'b'<<16 | 'E'<<24
	ndbPage      = 4096
	ndbSlot      = 16
	ndbBlock     = 16
	ndbHeader    = 32
	ndbHeadSize  = 16
	ndbTailSize  = 12
)

var le = binary.LittleEndian

func isNDB(head []byte) bool { return len(head) >= ndbHeader && le.Uint32(head) == ndbMagic }

func openNDB(r *io.SectionReader, head []byte) (*DB, error) {
	if v := le.Uint32(head[4:]); v != 0 {
		return nil, fmt.Errorf("%w: NDB version %d", ErrFormat, v)
	}
	pages := int64(le.Uint32(head[12:]))
	if pages == 0 || pages*ndbPage > r.Size() {
		return nil, fmt.Errorf("%w: NDB with %d slot pages in %d bytes", ErrCorrupt, pages, r.Size())
	}
	n := &ndb{r: r, pages: pages}
	return &DB{Format: NDB, headers: n.headers}, nil
}

type ndb struct {
	r     *io.SectionReader
	pages int64
}

func (n *ndb) headers(yield func([]byte, error) bool) {
	page, blob := make([]byte, ndbPage), []byte(nil)
	for p := range n.pages {
		if err := readFull(n.r, page, p*ndbPage); err != nil {
			yield(nil, fmt.Errorf("slot page %d: %w", p, err))
			return
		}
		slots := page
		if p == 0 {
			slots = page[ndbHeader:]
		}
		for ; len(slots) > 0; slots = slots[ndbSlot:] {
			if le.Uint32(slots) != ndbSlotMagic {
				if !yield(nil, fmt.Errorf("%w: slot page %d without its magic number", ErrCorrupt, p)) {
					return
				}
				break
			}
			if le.Uint32(slots[8:]) == 0 {
				continue // a free slot
			}
			if err := n.blob(slots, &blob); !yield(blob, err) {
				return
			}
		}
	}
}

func (n *ndb) blob(slot []byte, blob *[]byte) error {
	index, start, blocks := le.Uint32(slot[4:]), int64(le.Uint32(slot[8:]))*ndbBlock, int64(le.Uint32(slot[12:]))*ndbBlock
	var head [ndbHeadSize]byte
	if err := readFull(n.r, head[:], start); err != nil {
		return fmt.Errorf("package %d: %w", index, err)
	}
	size := int64(le.Uint32(head[12:]))
	switch {
	case le.Uint32(head[:]) != ndbBlobHead || le.Uint32(head[4:]) != index:
		return fmt.Errorf("%w: package %d has no blob at %d", ErrCorrupt, index, start)
	case size > MaxHeader || size > n.r.Size() || ndbHeadSize+size+ndbTailSize > blocks:
		return fmt.Errorf("%w: package %d has %d bytes in %d", ErrCorrupt, index, size, blocks)
	}
	padded := blocks - ndbHeadSize - ndbTailSize // the checksum is also over the zeros that fill the last block
	if padded-size >= ndbBlock {
		return fmt.Errorf("%w: package %d has %d bytes in %d", ErrCorrupt, index, size, blocks)
	}
	*blob = grow(*blob, int(padded))
	if err := readFull(n.r, *blob, start+ndbHeadSize); err != nil {
		return fmt.Errorf("package %d: %w", index, err)
	}
	var tail [ndbTailSize]byte
	if err := readFull(n.r, tail[:], start+blocks-ndbTailSize); err != nil {
		return fmt.Errorf("package %d: %w", index, err)
	}
	if le.Uint32(tail[8:]) != ndbBlobTail || int64(le.Uint32(tail[4:])) != size {
		return fmt.Errorf("%w: package %d has no end", ErrCorrupt, index)
	}
	sum := adler32.New()
	_, _ = sum.Write(head[:]) // a hash never fails
	_, _ = sum.Write(*blob)
	*blob = (*blob)[:size]
	if sum.Sum32() != le.Uint32(tail[:]) {
		return fmt.Errorf("%w: package %d does not have its checksum", ErrCorrupt, index)
	}
	return nil
}
