package rpmdb

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// SQLite, "Database File Format" (https://www.sqlite.org/fileformat2.html); section numbers below are of that document.
const (
	sqliteMagic      = "SQLite format 3\x00"
	sqliteLeaf       = 0x0d // table b-tree, 1.6
	sqliteInterior   = 0x05
	sqliteTable      = "Packages" // rpm, lib/backend/sqlite.c
	sqliteMaxDepth   = 20         // SQLite's BTCURSOR_MAX_DEPTH
	sqliteMaxSchema  = 1 << 20    // bytes of one row of sqlite_schema
	sqliteFileHeader = 100
)

var errStop = errors.New("stop")

func hasSQLiteMagic(head []byte) bool {
	return len(head) >= sqliteFileHeader && string(head[:16]) == sqliteMagic
}

func openSQLite(f Files) (*DB, error) {
	p, notes, err := newPager(f)
	if err != nil {
		return nil, err
	}
	s := &sqlite{pager: p}
	var root uint32
	err = s.table(1, sqliteMaxSchema, func(_ int64, record []byte, err error) error {
		if err != nil {
			return err
		}
		// sqlite_schema(type, name, tbl_name, rootpage, sql), 2.6
		cols, err := columns(record, 4)
		if err != nil {
			return err
		}
		if string(cols[0].bytes) == "table" && strings.EqualFold(string(cols[1].bytes), sqliteTable) {
			root = uint32(cols[3].number) //nolint:gosec // a page that is not there is refused when it is read
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, fmt.Errorf("read the SQLite schema: %w", err)
	}
	if root == 0 {
		return nil, fmt.Errorf("%w: the SQLite database has no table %s", ErrFormat, sqliteTable)
	}
	return &DB{Format: SQLite, Notes: notes, headers: func(yield func([]byte, error) bool) { s.headers(root, yield) }}, nil
}

type sqlite struct {
	pager *pager
	pages uint32 // tree pages visited, at most the pages of the file: a tree that loops ends there
	buf   []byte
}

// headers yields the blobs of Packages(hnum INTEGER PRIMARY KEY, blob BLOB).
func (s *sqlite) headers(root uint32, yield func([]byte, error) bool) {
	s.pages = 0
	err := s.table(root, MaxHeader, func(row int64, record []byte, err error) error {
		var blob []byte
		if err == nil {
			var cols []column
			if cols, err = columns(record, 2); err == nil {
				blob = cols[1].bytes
			}
		}
		if err != nil {
			err = fmt.Errorf("row %d: %w", row, err)
		}
		if !yield(blob, err) {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		yield(nil, err)
	}
}

// table calls fn with every row of a table b-tree, or with the reason why a row cannot be read, until fn fails.
func (s *sqlite) table(root uint32, limit int, fn func(row int64, record []byte, err error) error) error {
	return s.tree(root, 0, limit, fn)
}

func (s *sqlite) tree(pgno uint32, depth, limit int, fn func(int64, []byte, error) error) error {
	if s.pages++; s.pages > s.pager.pages || depth > sqliteMaxDepth {
		return fmt.Errorf("%w: the b-tree forms a loop", ErrCorrupt)
	}
	page := make([]byte, s.pager.size)
	if err := s.pager.read(pgno, page); err != nil {
		return err
	}
	head := page
	if pgno == 1 {
		head = page[sqliteFileHeader:]
	}
	kind, cells, size := head[0], int(be.Uint16(head[3:])), 8
	switch kind {
	case sqliteLeaf:
	case sqliteInterior:
		size = 12
	default:
		return fmt.Errorf("%w: page %d has type %#x, want a table b-tree", ErrCorrupt, pgno, kind)
	}
	if size+2*cells > len(head) {
		return fmt.Errorf("%w: page %d holds %d cells", ErrCorrupt, pgno, cells)
	}
	for i := range cells {
		at := int(be.Uint16(head[size+2*i:]))
		if at+4 > s.pager.usable {
			return fmt.Errorf("%w: page %d, cell %d lies at %d", ErrCorrupt, pgno, i, at)
		}
		var err error
		if kind == sqliteInterior {
			err = s.tree(be.Uint32(page[at:]), depth+1, limit, fn)
		} else {
			err = s.leaf(page[at:s.pager.usable], limit, fn)
		}
		if err != nil {
			return err
		}
	}
	if kind == sqliteInterior {
		return s.tree(be.Uint32(head[8:]), depth+1, limit, fn)
	}
	return nil
}

// leaf reads one cell of a leaf page: payload length, row number, payload, first overflow page (1.6).
func (s *sqlite) leaf(cell []byte, limit int, fn func(int64, []byte, error) error) error {
	size, n := varint(cell)
	id, m := varint(cell[n:])
	row := int64(id) //nolint:gosec // row numbers are signed
	cell = cell[n+m:]
	if n == 0 || m == 0 || size > uint64(limit) { //nolint:gosec // limit is a constant
		return fn(row, nil, fmt.Errorf("%w: row of %d bytes", ErrCorrupt, size))
	}
	usable, total := s.pager.usable, int(size) //nolint:gosec // at most limit
	local := total
	if most := usable - 35; total > most {
		least := (usable-12)*32/255 - 23
		if local = least + (total-least)%(usable-4); local > most {
			local = least
		}
	}
	if local > len(cell) || local < total && local+4 > len(cell) {
		return fn(row, nil, fmt.Errorf("%w: row of %d bytes leaves its page", ErrCorrupt, size))
	}
	if local == total {
		return fn(row, cell[:local], nil)
	}
	if int64(total) > int64(s.pager.pages)*int64(s.pager.size) {
		return fn(row, nil, fmt.Errorf("%w: row of %d bytes in a database of %d pages", ErrCorrupt, size, s.pager.pages))
	}
	s.buf = grow(s.buf, total)
	copy(s.buf, cell[:local])
	return fn(row, s.buf, s.overflow(be.Uint32(cell[local:]), s.buf[local:]))
}

func (s *sqlite) overflow(pgno uint32, out []byte) error {
	var next [4]byte
	for len(out) > 0 {
		if err := s.pager.readAt(pgno, 0, next[:]); err != nil {
			return fmt.Errorf("overflow: %w", err)
		}
		n := min(len(out), s.pager.usable-4)
		if err := s.pager.readAt(pgno, 4, out[:n]); err != nil {
			return fmt.Errorf("overflow: %w", err)
		}
		out, pgno = out[n:], be.Uint32(next[:])
	}
	return nil
}

type column struct {
	bytes  []byte
	number int64
}

// columns reads the first n values of a record (2.1).
func columns(record []byte, n int) ([]column, error) {
	size, m := varint(record)
	if m == 0 || size > uint64(len(record)) || size < uint64(m) { //nolint:gosec // lengths are not negative
		return nil, fmt.Errorf("%w: record of %d bytes with a header of %d", ErrCorrupt, len(record), size)
	}
	head, body := record[m:size], record[size:]
	out := make([]column, 0, n)
	for len(out) < n {
		kind, m := varint(head)
		if m == 0 {
			return nil, fmt.Errorf("%w: record of %d columns, want %d", ErrCorrupt, len(out), n)
		}
		head = head[m:]
		length, numeric := serialSize(kind)
		if length > uint64(len(body)) {
			return nil, fmt.Errorf("%w: column %d of %d bytes", ErrCorrupt, len(out), length)
		}
		c := column{bytes: body[:length]}
		if numeric {
			c.number = serialNumber(kind, c.bytes)
		}
		out, body = append(out, c), body[length:]
	}
	return out, nil
}

func serialSize(kind uint64) (size uint64, numeric bool) {
	switch {
	case kind >= 12:
		return (kind - 12) / 2, false
	case kind <= 7:
		return [8]uint64{0, 1, 2, 3, 4, 6, 8, 8}[kind], kind != 7 && kind != 0
	}
	return 0, true // 8 and 9 are the numbers 0 and 1; 10 and 11 are reserved
}

func serialNumber(kind uint64, b []byte) int64 {
	if kind == 9 {
		return 1
	}
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	if n := len(b); n > 0 && n < 8 && b[0]&0x80 != 0 {
		v |= ^uint64(0) << (8 * n)
	}
	return int64(v)
}

// varint reads a variable-length integer (1.6) and its length, 0 if the bytes end before it does.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
