package advisorydb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/edsrzf/mmap-go"
	"github.com/klauspost/compress/zstd"

	"hinomi/internal/advisory"
)

// DB is an open database. Its methods are safe for concurrent use; none may be running or follow when Close is called.
// A database that is swapped for a newer one stays readable here until then.
type DB struct {
	path  string
	file  *os.File
	data  mmap.MMap
	h     header
	meta  Meta
	unzip *zstd.Decoder
	rows  sync.Pool // of *advisory.Row: a lookup's scratch, with the ranges and events of earlier ones

	mu    sync.Mutex
	block int // the text block that is held, -1 for none
	text  [][]byte
}

// maxText is the most that one text block may unpack to: a block is closed at 64 KiB, but one text alone may be longer.
const maxText = 64 << 20

// Open maps the database at path. It reads the header and the list of feeds only. It returns an error that wraps os.ErrNotExist,
// ErrFormat or ErrCorrupt, and in each case names the file and what to do.
func Open(path string) (*DB, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the caller's choice
	if err != nil {
		return nil, fmt.Errorf("open the advisory database: %w: import or update the feeds first", err)
	}
	db, err := open(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the advisory database %s: %w", path, err), f.Close())
	}
	db.path = path
	return db, nil
}

func open(f *os.File) (*DB, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	db := &DB{file: f, block: -1}
	head := make([]byte, headerSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, ErrFormat
		}
		return nil, err
	}
	if err := db.h.unmarshal(head, st.Size()); err != nil {
		return nil, err
	}
	if db.data, err = mmap.Map(f, mmap.RDONLY, 0); err != nil {
		return nil, fmt.Errorf("map into memory: %w", err)
	}
	err = db.start()
	if err != nil {
		return nil, errors.Join(err, db.data.Unmap())
	}
	return db, nil
}

// start reads the feeds and makes the decompressor.
func (db *DB) start() error {
	meta, err := db.blob(db.h.sects[sectMeta].off)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(meta, &db.meta); err != nil {
		return fmt.Errorf("%w: list of feeds", ErrCorrupt)
	}
	db.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxText))
	return err
}

// Close lets the file go.
func (db *DB) Close() error {
	db.unzip.Close()
	if err := errors.Join(db.data.Unmap(), db.file.Close()); err != nil {
		return fmt.Errorf("close the advisory database: %w", err)
	}
	return nil
}

// Meta says what the database holds and when it was made. The caller must not change its feeds.
func (db *DB) Meta() Meta { return db.meta }

// Feeds returns the feeds that were loaded.
func (db *DB) Feeds() []advisory.Feed { return db.meta.Feeds }

// Size returns the file's size in bytes.
func (db *DB) Size() int64 { return int64(len(db.data)) }

// Verify reads the whole file and compares its SHA-256 with the header's.
func (db *DB) Verify(ctx context.Context) error {
	sum := sha256.New()
	for rest := []byte(db.data)[headerSize:]; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(rest), 4<<20)
		sum.Write(rest[:n])
		rest = rest[n:]
	}
	if !bytes.Equal(sum.Sum(nil), db.h.sha256[:]) {
		return fmt.Errorf("verify %s: %w: SHA-256 is %x, want %x", db.path, ErrCorrupt, sum.Sum(nil), db.h.sha256)
	}
	return nil
}

// blob returns the checked bytes at off.
func (db *DB) blob(off uint64) ([]byte, error) {
	if off < headerSize || off >= uint64(len(db.data)) {
		return nil, fmt.Errorf("%w: a record lies outside the file", ErrCorrupt)
	}
	n, w := binary.Uvarint(db.data[off:])
	rest := db.data[off:]
	if w <= 0 || n > uint64(len(rest)) || uint64(len(rest))-n < uint64(w)+4 {
		return nil, fmt.Errorf("%w: a record is cut short", ErrCorrupt)
	}
	body := rest[w : uint64(w)+n]
	if crcOf(body) != binary.LittleEndian.Uint32(rest[uint64(w)+n:]) {
		return nil, fmt.Errorf("%w: checksum of the record at %d", ErrCorrupt, off)
	}
	return body, nil
}

// find returns the payload of a key, nil if there is none.
func (db *DB) find(key []byte) ([]byte, error) {
	h := xxhash.Sum64(key)
	buckets, entries := db.section(sectBuckets), db.section(sectEntries)
	p := h >> (64 - db.h.bits)
	i := uint64(binary.LittleEndian.Uint32(buckets[4*p:]))
	end := uint64(binary.LittleEndian.Uint32(buckets[4*p+4:]))
	if end*16 > uint64(len(entries)) {
		return nil, fmt.Errorf("%w: bucket %d", ErrCorrupt, p)
	}
	for ; i < end; i++ {
		e := entries[16*i:]
		if binary.LittleEndian.Uint64(e) != h {
			continue
		}
		body, err := db.blob(binary.LittleEndian.Uint64(e[8:]))
		if err != nil {
			return nil, err
		}
		d := decoder{b: body}
		if k := d.bytes(); d.err != nil {
			return nil, d.err
		} else if bytes.Equal(k, key) {
			return d.b, nil
		}
	}
	return nil, nil
}

func (db *DB) section(i int) []byte {
	s := db.h.sects[i]
	return db.data[s.off : s.off+s.len]
}

// Affected calls visit with each row of one package, in the order of import. Their Ecosystem, Release and Package are those asked for.
// The row is used again for the next one: visit may keep its texts, severities, versions and architectures, but not the row or its ranges.
func (db *DB) Affected(at advisory.Coordinate, visit func(*advisory.Row)) error {
	var buf [160]byte
	payload, err := db.find(packageKey(buf[:0], at.Ecosystem, at.Release, at.Package))
	if err != nil || payload == nil {
		return db.fault(err, "look up "+at.Package)
	}
	d := decoder{b: payload}
	row, ok := db.rows.Get().(*advisory.Row)
	if !ok {
		row = new(advisory.Row)
	}
	defer db.rows.Put(row)
	for n := d.count(); n > 0 && d.err == nil; n-- {
		d.row(row)
		if d.err == nil {
			row.Ecosystem, row.Release, row.Package = at.Ecosystem, at.Release, at.Package
			visit(row)
		}
	}
	return db.fault(d.err, "look up "+at.Package)
}

// fault says in which file and while doing what an error arose.
func (db *DB) fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s in %s: %w", doing, db.path, err)
}

// doc returns a document and where its text lies.
func (db *DB) doc(n advisory.Doc) (a *advisory.Advisory, block, place int, err error) {
	docs := db.section(sectDocs)
	if uint64(n)*8 >= uint64(len(docs)) {
		return nil, 0, 0, fmt.Errorf("%w: no document %d", ErrCorrupt, n)
	}
	body, err := db.blob(binary.LittleEndian.Uint64(docs[8*uint64(n):]))
	if err != nil {
		return nil, 0, 0, err
	}
	d := decoder{b: body}
	a, block, place = d.document()
	return a, block, place, d.err
}

// Advisory returns a document without its affected packages and details, and with the first of its URLs.
func (db *DB) Advisory(n advisory.Doc) (*advisory.Advisory, error) {
	a, _, _, err := db.doc(n)
	if err != nil {
		return nil, db.fault(err, fmt.Sprintf("read advisory %d", n))
	}
	return a, nil
}

// Text returns a document's details.
func (db *DB) Text(n advisory.Doc) (string, error) {
	_, block, place, err := db.doc(n)
	if err != nil {
		return "", db.fault(err, fmt.Sprintf("read advisory %d", n))
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if block != db.block {
		if err := db.load(block); err != nil {
			return "", db.fault(err, fmt.Sprintf("read the text of advisory %d", n))
		}
	}
	if place >= len(db.text) {
		return "", db.fault(fmt.Errorf("%w: no text %d in block %d", ErrCorrupt, place, block), "read a text")
	}
	return string(db.text[place]), nil
}

// load unpacks a text block. The caller holds mu.
func (db *DB) load(block int) error {
	blocks := db.section(sectBlocks)
	if block < 0 || block >= len(blocks)/8 {
		return fmt.Errorf("%w: no text block %d", ErrCorrupt, block)
	}
	body, err := db.blob(binary.LittleEndian.Uint64(blocks[8*block:]))
	if err != nil {
		return err
	}
	plain, err := db.unzip.DecodeAll(body, nil)
	if err != nil {
		return fmt.Errorf("%w: text block %d: %w", ErrCorrupt, block, err)
	}
	d := decoder{b: plain}
	var text [][]byte
	for len(d.b) > 0 {
		text = append(text, d.bytes())
	}
	if d.err != nil {
		return d.err
	}
	db.block, db.text = block, text
	return nil
}

// CVE returns what is known of a CVE beside the advisories.
func (db *DB) CVE(id string) (advisory.CVE, bool, error) {
	payload, err := db.find(idKey(keyCVE, id))
	if err != nil || payload == nil {
		return advisory.CVE{}, false, db.fault(err, "look up "+id)
	}
	d := decoder{b: payload}
	c := d.cve(id)
	return c, d.err == nil, db.fault(d.err, "look up "+id)
}

// Lifecycles returns the support dates of a product's releases.
func (db *DB) Lifecycles(product string) ([]advisory.Lifecycle, error) {
	payload, err := db.find(idKey(keyLifecycle, product))
	if err != nil || payload == nil {
		return nil, db.fault(err, "look up the lifecycle of "+product)
	}
	d := decoder{b: payload}
	l := make([]advisory.Lifecycle, d.count())
	for i := range l {
		l[i] = d.lifecycle()
	}
	return l, db.fault(d.err, "look up the lifecycle of "+product)
}

// Documents returns the documents that an advisory id or a CVE id names, in the order of import.
func (db *DB) Documents(id string) ([]advisory.Doc, error) {
	payload, err := db.find(idKey(keyID, id))
	if err != nil || payload == nil {
		return nil, db.fault(err, "look up "+id)
	}
	d := decoder{b: payload}
	l := make([]advisory.Doc, d.count())
	for i := range l {
		l[i] = advisory.Doc(d.uint()) //nolint:gosec // the builder wrote a Doc
	}
	return l, db.fault(d.err, "look up "+id)
}

// ID names the file's content: the SHA-256 of all but its header, in hex.
func (db *DB) ID() string { return hex.EncodeToString(db.h.sha256[:]) }
