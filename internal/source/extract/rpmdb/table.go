package rpmdb

import (
	"fmt"
	"strings"
)

// maxRow bounds one row of a table that is read whole, in bytes.
const maxRow = 1 << 20

// Value is a column of a row: an integer, or the bytes of a text.
type Value struct {
	Int  int64
	Text string
}

// Tables are those of an SQLite database that package managers keep beside the headers. They are for one goroutine.
type Tables struct {
	db    *sqlite
	roots map[string]uint32
}

// OpenTables reads the schema of an SQLite database, with its journals laid over it.
func OpenTables(f Files) (*Tables, error) {
	head := make([]byte, sqliteFileHeader)
	if err := readFull(f.Main, head, 0); (err != nil || !hasSQLiteMagic(head)) && (f.WAL == nil || f.Main.Size() > 0) {
		return nil, fmt.Errorf("%w: no SQLite database", ErrFormat)
	}
	p, _, err := newPager(f)
	if err != nil {
		return nil, err
	}
	t := &Tables{&sqlite{pager: p}, map[string]uint32{}}
	err = t.db.table(1, sqliteMaxSchema, func(_ int64, record []byte, err error) error {
		if err != nil {
			return err
		}
		cols, err := columns(record, 4)
		if err != nil {
			return err
		}
		if string(cols[0].bytes) == "table" {
			t.roots[strings.ToLower(string(cols[1].bytes))] = uint32(cols[3].number) //nolint:gosec // a page that is not there is refused when it is read
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the SQLite schema: %w", err)
	}
	return t, nil
}

// Rows calls fn with the number and the first n columns of each row of a table, until it fails. A column that is an alias of the row's number is 0
// (SQLite, "ROWIDs and the INTEGER PRIMARY KEY"). Rows that cannot be read are passed by, and counted in the error.
func (t *Tables) Rows(table string, n int, fn func(row int64, values []Value) error) error {
	root, ok := t.roots[table]
	if !ok {
		return fmt.Errorf("%w: the SQLite database has no table %s", ErrFormat, table)
	}
	t.db.pages = 0
	bad, values := 0, make([]Value, n)
	err := t.db.table(root, maxRow, func(row int64, record []byte, err error) error {
		var cols []column
		if err == nil {
			cols, err = columns(record, n)
		}
		if err != nil {
			bad++

			if bad > 1000 {
				return fmt.Errorf("more than %d rows cannot be read: %w", bad, err)
			}
			return nil
		}
		for i, c := range cols {
			values[i] = Value{c.number, string(c.bytes)}
		}
		return fn(row, values)
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d rows of %s cannot be read", bad, table)
	}
	return err
}
