// Package rpmdb reads the headers of installed packages out of an RPM database without a copy on disk and without a database library:
// Berkeley DB hash ("Packages"), NDB ("Packages.db") and SQLite ("rpmdb.sqlite", with its write-ahead log or hot rollback journal laid over it in memory).
package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Format is how a database keeps its headers.
type Format string

// The formats, by the names of rpm's _db_backend macro.
const (
	BerkeleyDB Format = "bdb"
	NDB        Format = "ndb"
	SQLite     Format = "sqlite"
)

// MaxHeader is the longest header that is read, in bytes. rpm itself refuses 256 MiB (lib/header.c, hdrchkData);
// the largest header of a current distribution is below 20 MiB.
const MaxHeader = 64 << 20

var (
	// ErrFormat is wrapped when the bytes are no RPM database of a known format.
	ErrFormat = errors.New("not an RPM database")
	// ErrCorrupt is wrapped, with what was wrong, when a structure of the database cannot be believed.
	ErrCorrupt = errors.New("corrupt")
)

// Files are the database and the journals that may stand beside it.
type Files struct {
	Main    *io.SectionReader
	WAL     *io.SectionReader // rpmdb.sqlite-wal; nil if there is none
	Journal *io.SectionReader // rpmdb.sqlite-journal; nil if there is none
}

// DB is an opened database. It is for one goroutine.
type DB struct {
	Format Format
	// Notes say what had to be done to read the database as its owner would see it, such as frames taken from a write-ahead log.
	Notes []string

	headers func(yield func([]byte, error) bool)
}

// Open finds the format by the magic numbers of the database and checks its first page.
func Open(f Files) (*DB, error) {
	head := make([]byte, 512)
	n, err := f.Main.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the first page: %w", err)
	}
	head = head[:n]
	switch {
	case hasSQLiteMagic(head), n == 0 && f.WAL != nil && f.WAL.Size() > 0:
		return openSQLite(f)
	case isNDB(head):
		return openNDB(f.Main, head)
	case isBDB(head):
		return openBDB(f.Main, head)
	case n == 0:
		return nil, fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	return nil, fmt.Errorf("%w: unknown magic numbers", ErrFormat)
}

// Headers yields each header blob, in the order of the database. A blob is only valid until the next one.
// An error belongs to one header and the rest follows; after an error that hides the rest the sequence ends.
func (db *DB) Headers() iter.Seq2[[]byte, error] { return db.headers }

// grow returns a slice of n bytes, in buf if it has room.
func grow(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	return buf[:n]
}

// readFull reads len(p) bytes at off and takes a short read for damage.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %d bytes at %d end after %d", ErrCorrupt, len(p), off, n)
	}
	return err
}

var be = binary.BigEndian
