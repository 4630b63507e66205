package rpmdb_test

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the independent writer of databases, journals and logs

	"hinomi/internal/source/extract/rpmdb"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../testdata/rpmdb", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func section(b []byte) *io.SectionReader {
	if b == nil {
		return nil
	}
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// names reads all that can be read.
func names(f rpmdb.Files) (out []string, db *rpmdb.DB, errs []error) {
	db, err := rpmdb.Open(f)
	if err != nil {
		return nil, nil, []error{err}
	}
	for blob, err := range db.Headers() {
		if err == nil {
			var h *rpmdb.Header
			if h, err = rpmdb.ParseHeader(blob); err == nil {
				if err = h.Files(func(_, _ []byte) {}); err == nil {
					out = append(out, h.Name+"-"+h.EVR())
					continue
				}
			}
		}
		errs = append(errs, err)
	}
	slices.Sort(out)
	return out, db, errs
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name   string
		format rpmdb.Format
		want   int
		one    string
	}{
		{"centos5-plain", rpmdb.BerkeleyDB, 110, "bash-3.2-33.el5_11.4"},
		{"libuuid", rpmdb.BerkeleyDB, 1, "libuuid-2.32.1-42.el8_8"},
		{"cbl-mariner-2.0", rpmdb.SQLite, 129, "bash-5.1.8-1.cm2"},
		{"sle15-bci", rpmdb.NDB, 35, "bash-4.4-19.6.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, db, errs := names(rpmdb.Files{Main: section(fixture(t, c.name))})
			if len(errs) != 0 || db.Format != c.format || len(got) != c.want || !slices.Contains(got, c.one) || len(db.Notes) != 0 {
				t.Errorf("got %d packages, %v, %+v; want %d with %s: %q", len(got), errs, db, c.want, c.one, got[:min(5, len(got))])
			}
		})
	}
}

// TestOneDamagedPage: what lies on it is an error, the rest is read.
func TestOneDamagedPage(t *testing.T) {
	for _, name := range []string{"centos5-plain", "cbl-mariner-2.0", "sle15-bci"} {
		t.Run(name, func(t *testing.T) {
			data := fixture(t, name)
			whole, _, _ := names(rpmdb.Files{Main: section(data)})
			at := len(data) / 2 &^ 4095
			clear(data[at : at+4096])
			got, _, errs := names(rpmdb.Files{Main: section(data)})
			if len(errs) == 0 || len(got) == 0 || len(got) >= len(whole) {
				t.Errorf("got %d of %d packages and errors %v", len(got), len(whole), errs)
			}
			for _, err := range errs {
				if !errors.Is(err, rpmdb.ErrCorrupt) {
					t.Errorf("got %v, want ErrCorrupt", err)
				}
			}
		})
	}
}

// headers are real ones, to be put into databases that SQLite itself writes.
func headers(t *testing.T) [][]byte {
	t.Helper()
	db, err := rpmdb.Open(rpmdb.Files{Main: section(fixture(t, "cbl-mariner-2.0"))})
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for blob, err := range db.Headers() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(blob))
	}
	return out
}

func open(t *testing.T, path string, pragmas ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, p := range append(pragmas, "CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)") {
		if _, err := db.ExecContext(t.Context(), p); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
	}
	return db
}

type execer interface {
	Exec(query string, args ...any) (sql.Result, error)
}

func insert(t *testing.T, db execer, blobs [][]byte) {
	t.Helper()
	for _, b := range blobs {
		if _, err := db.Exec("INSERT INTO Packages(blob) VALUES (?)", b); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWriteAheadLog reads a database as a snapshot of a running host finds it: half of it in the log only.
func TestWriteAheadLog(t *testing.T) {
	blobs := headers(t)
	for _, size := range []int{512, 4096, 65536} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
			db := open(t, path, fmt.Sprintf("PRAGMA page_size=%d", size), "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0")
			insert(t, db, blobs[:40])
			if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			insert(t, db, blobs[40:80])
			if _, err := db.ExecContext(t.Context(), "DELETE FROM Packages WHERE hnum <= 10"); err != nil {
				t.Fatal(err)
			}
			main, wal := read(t, path), read(t, path+"-wal")
			got, d, errs := names(rpmdb.Files{Main: section(main), WAL: section(wal)})
			if len(errs) != 0 || len(got) != 70 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "write-ahead log") {
				t.Fatalf("got %d packages, %v, %+v, want 70", len(got), errs, d)
			}
			if got, _, errs := names(rpmdb.Files{Main: section(main)}); len(got) != 40 || len(errs) != 0 {
				t.Errorf("without the log: got %d packages, %v, want 40: the test does not test the log", len(got), errs)
			}
			// The end of the log never reached the disk: the last whole transaction counts.
			got, _, errs = names(rpmdb.Files{Main: section(main), WAL: section(wal[:len(wal)-size/2])})
			if len(errs) != 0 || len(got) != 80 {
				t.Errorf("with a torn log: got %d packages, %v, want 80", len(got), errs)
			}
			wal[len(wal)/2] ^= 1
			got, _, errs = names(rpmdb.Files{Main: section(main), WAL: section(wal)})
			if len(errs) != 0 || len(got) <= 40 || len(got) >= 80 {
				t.Errorf("with a flipped bit: got %d packages, %v, want what was committed before it", len(got), errs)
			}
		})
	}
	t.Run("all_in_the_log", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
		db := open(t, path, "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0")
		insert(t, db, blobs[:20])
		if got, _, errs := names(rpmdb.Files{Main: section(read(t, path)), WAL: section(read(t, path+"-wal"))}); len(got) != 20 || len(errs) != 0 {
			t.Errorf("got %d packages, %v, want 20", len(got), errs)
		}
		if got, _, errs := names(rpmdb.Files{Main: section([]byte{}), WAL: section(read(t, path+"-wal"))}); len(got) != 20 || len(errs) != 0 {
			t.Errorf("with an empty database: got %d packages, %v, want 20", len(got), errs)
		}
	})
}

// TestHotJournal reads a database whose writer died in mid-transaction: what it had changed is taken back.
func TestHotJournal(t *testing.T) {
	blobs := headers(t)
	path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	db := open(t, path, "PRAGMA journal_mode=DELETE", "PRAGMA cache_size=4", "PRAGMA synchronous=FULL")
	insert(t, db, blobs[:60])
	want, _, errs := names(rpmdb.Files{Main: section(read(t, path))})
	if len(want) != 60 || len(errs) != 0 {
		t.Fatalf("got %d packages, %v", len(want), errs)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "DELETE FROM Packages WHERE hnum % 2 = 0"); err != nil {
		t.Fatal(err)
	}
	insert(t, tx, blobs[60:120]) // more than the cache holds, so that changed pages reach the file
	main, journal := read(t, path), read(t, path+"-journal")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	got, d, errs := names(rpmdb.Files{Main: section(main), Journal: section(journal)})
	if diff := cmp.Diff(want, got); diff != "" || len(errs) != 0 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "hot rollback journal") {
		t.Errorf("got %d packages, %v, %+v: %s", len(got), errs, d, diff)
	}
	if got, _, _ := names(rpmdb.Files{Main: section(main)}); slices.Equal(got, want) {
		t.Error("the file is unchanged without its journal: the test does not test the journal")
	}
	clear(journal[:28]) // a transaction that was committed leaves a journal with a zeroed header
	if _, d, errs := names(rpmdb.Files{Main: section(main), Journal: section(journal)}); d != nil && len(d.Notes) != 0 {
		t.Errorf("got %+v, %v, want no journal taken", d, errs)
	}
}

// TestInlineHeader: a header that fits on a hash page is not an overflow item. Berkeley DB keeps those of small packages so on large pages.
func TestInlineHeader(t *testing.T) {
	header := tinyHeader("tiny", "1", "2")
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		data := hashDatabase(order, header)
		got, _, errs := names(rpmdb.Files{Main: section(data)})
		if diff := cmp.Diff([]string{"tiny-1-2"}, got); diff != "" || len(errs) != 0 {
			t.Errorf("%v: %v %s", order, errs, diff)
		}
	}
}

func tinyHeader(name, version, release string) []byte {
	be, data := binary.BigEndian, []byte(name+"\x00"+version+"\x00"+release+"\x00")
	out := be.AppendUint32(be.AppendUint32(nil, 3), uint32(len(data)))
	at := 0
	for i, s := range []string{name, version, release} {
		out = be.AppendUint32(be.AppendUint32(be.AppendUint32(be.AppendUint32(out, uint32(1000+i)), 6), uint32(at)), 1)
		at += len(s) + 1
	}
	return append(out, data...)
}

// hashDatabase lays one record on the one page of one bucket, after db_page.h.
func hashDatabase(order binary.AppendByteOrder, header []byte) []byte {
	u32 := func(b []byte, at int, v uint32) { copy(b[at:], order.AppendUint32(nil, v)) }
	u16 := func(b []byte, at int, v uint16) { copy(b[at:], order.AppendUint16(nil, v)) }
	data := make([]byte, 8192)
	u32(data, 12, 0x061561)
	u32(data, 16, 9)
	u32(data, 20, 4096)
	data[25] = 8
	u32(data, 32, 1)
	for i := range 32 {
		u32(data, 96+4*i, 1)
	}
	page := data[4096:]
	u32(page, 8, 1)
	page[25] = 13
	u16(page, 20, 2)
	key, value := append([]byte{1}, order.AppendUint32(nil, 5)...), append([]byte{1}, header...)
	at := 4096 - len(key)
	u16(page, 26, uint16(at))
	copy(page[at:], key)
	at -= len(value)
	u16(page, 28, uint16(at))
	copy(page[at:], value)
	return data
}

func FuzzDatabase(f *testing.F) {
	f.Add(fixture(f, "libuuid"), []byte{}, []byte{})
	f.Add(fixture(f, "sle15-bci")[:64<<10], []byte{}, []byte{})
	f.Add(fixture(f, "cbl-mariner-2.0")[:64<<10], []byte{}, []byte{})
	f.Add(hashDatabase(binary.LittleEndian, tinyHeader("a", "1", "1")), []byte{}, []byte{})
	f.Add([]byte("SQLite format 3\x00\x02\x00\x02\x02\x00\x40\x20\x20"), []byte("7\x7f\x06\x82"), []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"))
	f.Fuzz(func(t *testing.T, main, wal, journal []byte) {
		n := 0
		db, err := rpmdb.Open(rpmdb.Files{Main: section(append([]byte{}, main...)), WAL: section(append([]byte{}, wal...)), Journal: section(append([]byte{}, journal...))})
		if err != nil {
			return
		}
		for blob, err := range db.Headers() {
			if n++; n > 16*(len(main)+len(wal)+len(journal))+1000 {
				t.Fatal("does not end")
			}
			if err == nil {
				if h, err := rpmdb.ParseHeader(blob); err == nil {
					_ = h.Files(func(_, _ []byte) {})
				}
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(tinyHeader("a", "1", "1"))
	db, err := rpmdb.Open(rpmdb.Files{Main: section(fixture(f, "libuuid"))})
	if err != nil {
		f.Fatal(err)
	}
	for blob, err := range db.Headers() {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(blob))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, err := rpmdb.ParseHeader(blob)
		if err != nil {
			return
		}
		if h.Name == "" || h.Version == "" {
			t.Errorf("got %+v without an error", h)
		}
		_ = h.Files(func(_, _ []byte) {})
		h.Source()
	})
}
