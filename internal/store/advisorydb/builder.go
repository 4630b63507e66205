package advisorydb

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"hinomi/internal/advisory"
)

// Options bound a build.
type Options struct {
	Memory int       // bytes of records kept before they are sorted on disk; 0 means 64 MiB
	Now    time.Time // the time the database says it was made
}

// Meta is what a database says of itself.
type Meta struct {
	Built      time.Time       `json:"built"`
	Feeds      []advisory.Feed `json:"feeds"`
	Documents  int             `json:"documents"`
	Keys       int             `json:"keys"`
	Rows       int             `json:"rows"`
	CVEs       int             `json:"cves"`
	Lifecycles int             `json:"lifecycles"`
}

// Builder writes a database beside its final place, out of the readers' sight. Its memory is bounded by Options.Memory, plus 32 bytes
// per document and 24 per key. A Builder is for one goroutine. Whoever makes one calls Close, which removes what Finish did not install.
type Builder struct {
	path   string
	f      *os.File
	w      *bufio.Writer
	sum    hash.Hash
	pos    uint64
	sort   sorter
	meta   Meta
	docs   []uint64
	says   []uint64 // of each document, the hash of its content
	prints []uint64 // of each key, in the order of the entries
	blocks []uint64
	text   []byte // the block being filled
	inText uint64 // texts in it
	zip    *zstd.Encoder
	e      encoder
	key    []byte
	done   bool
}

// textBlock is how much text is compressed together: more compresses better, less is read faster.
const textBlock = 64 << 10

// NewBuilder begins a database that Finish will put at path. It fails if the folder cannot be written.
func NewBuilder(path string, o Options) (*Builder, error) {
	if o.Memory <= 0 {
		o.Memory = 64 << 20
	}
	sweep(filepath.Dir(path), o.Now)
	f, err := os.CreateTemp(filepath.Dir(path), ".advisories-new-*")
	if err != nil {
		return nil, fmt.Errorf("build the advisory database: %w", err)
	}
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build the advisory database: %w", err), f.Close(), os.Remove(f.Name()))
	}
	b := &Builder{
		path: path, f: f, w: bufio.NewWriterSize(f, 1<<18), sum: sha256.New(), pos: headerSize, zip: zip,
		sort: sorter{dir: filepath.Dir(path), limit: o.Memory}, meta: Meta{Built: o.Now},
	}
	if _, err := b.w.Write(make([]byte, headerSize)); err != nil {
		return nil, errors.Join(fmt.Errorf("build the advisory database: %w", err), b.Close())
	}
	return b, nil
}

// sweep removes what builds that were killed left behind: files of ours that nobody has written to for a day.
func sweep(dir string, now time.Time) {
	names, err := filepath.Glob(filepath.Join(dir, ".advisories-*"))
	if err != nil || now.IsZero() {
		return
	}
	for _, n := range names {
		if st, err := os.Stat(n); err == nil && now.Sub(st.ModTime()) > 24*time.Hour {
			_ = os.Remove(n) // the next build tries again
		}
	}
}

// write appends to the file and to its checksum.
func (b *Builder) write(p []byte) error {
	if _, err := b.w.Write(p); err != nil {
		return fmt.Errorf("write the advisory database: %w", err)
	}
	b.sum.Write(p)
	b.pos += uint64(len(p))
	return nil
}

// Advisory adds one document. Rows that say the same of the same package (one per architecture, in some feeds) are kept once.
func (b *Builder) Advisory(a *advisory.Advisory) error {
	if a.ID == "" {
		return errors.New("add an advisory: it has no id")
	}
	doc := advisory.Doc(len(b.docs)) //nolint:gosec // each of 2^32 documents would hold 8 bytes here
	if err := b.document(a); err != nil {
		return err
	}
	for i := range a.Affected {
		f := &a.Affected[i]
		b.e.b = b.e.b[:0]
		b.e.row(&advisory.Row{Affected: *f, Doc: doc, Withdrawn: !a.Withdrawn.IsZero()})
		b.key = packageKey(b.key[:0], f.Ecosystem, f.Release, advisory.CanonicalName(f.Ecosystem, f.Package))
		if err := b.sort.add(b.key, b.e.b); err != nil {
			return err
		}
	}
	ids := a.CVEs()
	if !slices.Contains(ids, a.ID) {
		ids = append(ids, a.ID)
	}
	for _, id := range ids {
		b.e.b = b.e.b[:0]
		b.e.uint(uint64(doc))
		if err := b.sort.add(idKey(keyID, id), b.e.b); err != nil {
			return err
		}
	}
	return nil
}

// document writes a document and keeps its text for the next block.
func (b *Builder) document(a *advisory.Advisory) error {
	block, place := uint64(len(b.blocks)), b.inText
	e := encoder{b: b.text}
	e.string(a.Details)
	b.text = e.b
	b.inText++
	b.docs = append(b.docs, b.pos)
	b.e.b = b.e.b[:0]
	b.e.document(a, 0, 0) // without where its text lies
	b.e.string(a.Details)
	b.says = append(b.says, xxhash.Sum64(b.e.b))
	b.e.b = b.e.b[:0]
	b.e.document(a, block, place)
	if err := b.blob(b.e.b); err != nil {
		return err
	}
	if len(b.text) < textBlock {
		return nil
	}
	return b.flushText()
}

func (b *Builder) flushText() error {
	if b.inText == 0 {
		return nil
	}
	b.blocks = append(b.blocks, b.pos)
	err := b.blob(b.zip.EncodeAll(b.text, nil))
	b.text, b.inText = b.text[:0], 0
	return err
}

// blob writes length, bytes and checksum.
func (b *Builder) blob(p []byte) error {
	var head [binary.MaxVarintLen64]byte
	if err := b.write(head[:binary.PutUvarint(head[:], uint64(len(p)))]); err != nil {
		return err
	}
	if err := b.write(p); err != nil {
		return err
	}
	return b.write(binary.LittleEndian.AppendUint32(nil, crcOf(p)))
}

// CVE adds what one feed knows of a CVE; several feeds' words are joined.
func (b *Builder) CVE(c *advisory.CVE) error {
	if c.ID == "" {
		return errors.New("add a CVE: it has no id")
	}
	b.e.b = b.e.b[:0]
	b.e.cve(c)
	return b.sort.add(idKey(keyCVE, c.ID), b.e.b)
}

// Lifecycle adds the support dates of one release.
func (b *Builder) Lifecycle(l advisory.Lifecycle) error {
	b.meta.Lifecycles++
	b.e.b = b.e.b[:0]
	b.e.lifecycle(l)
	return b.sort.add(idKey(keyLifecycle, l.Product), b.e.b)
}

// Feed records that a feed was loaded.
func (b *Builder) Feed(f advisory.Feed) error {
	b.meta.Feeds = append(b.meta.Feeds, f)
	return nil
}

// Finish completes the database, flushes it to the disk and puts it in its place in one step; readers of the old one keep it.
// If it fails, or the process dies, the old one stays.
func (b *Builder) Finish() (Meta, error) {
	h, err := b.finishBody()
	if err != nil {
		return Meta{}, err
	}
	if err := b.w.Flush(); err != nil {
		return Meta{}, fmt.Errorf("write the advisory database: %w", err)
	}
	b.sum.Sum(h.sha256[:0])
	if _, err := b.f.WriteAt(h.marshal(), 0); err != nil {
		return Meta{}, fmt.Errorf("write the advisory database: %w", err)
	}
	if err := errors.Join(b.f.Chmod(0o644), b.f.Sync(), b.f.Close()); err != nil {
		return Meta{}, fmt.Errorf("write the advisory database: %w", err)
	}
	if err := os.Rename(b.f.Name(), b.path); err != nil {
		return Meta{}, fmt.Errorf("put the advisory database in its place: %w", err)
	}
	b.done = true
	return b.meta, syncDir(filepath.Dir(b.path))
}

// finishBody writes everything after the blobs and returns the header.
func (b *Builder) finishBody() (*header, error) {
	if err := b.flushText(); err != nil {
		return nil, err
	}
	h := &header{}
	at := uint64(headerSize)
	mark := func(i int) { h.sects[i] = section{at, b.pos - at}; at = b.pos }
	mark(sectBlobs)
	entries, err := b.values()
	if err != nil {
		return nil, err
	}
	mark(sectValues)
	for i, l := range [][]uint64{b.docs, b.blocks} {
		if err := b.uints(l); err != nil {
			return nil, err
		}
		mark(sectDocs + i)
	}
	if err := b.uints(entries); err != nil {
		return nil, err
	}
	mark(sectEntries)
	h.bits = bucketBits(len(entries) / 2)
	if err := b.buckets(entries, h.bits); err != nil {
		return nil, err
	}
	mark(sectBuckets)
	if err := b.uints(b.prints); err != nil {
		return nil, err
	}
	mark(sectPrints)
	b.meta.Documents, b.meta.Keys = len(b.docs), len(entries)/2
	meta, err := json.Marshal(b.meta)
	if err != nil {
		return nil, fmt.Errorf("describe the advisory database: %w", err)
	}
	if err := b.blob(meta); err != nil {
		return nil, err
	}
	mark(sectMeta)
	h.size = b.pos
	return h, nil
}

// values merges the sorted records and writes one value per key. It returns hash and offset by turns.
func (b *Builder) values() ([]uint64, error) {
	var entries []uint64
	var rec encoder
	err := b.sort.groups(func(hash uint64, key []byte, values [][]byte) error {
		print, ofDocuments := b.printOf(key, values) // before join, which takes what is double out of values
		payload, err := b.join(key, values)
		if err != nil {
			return err
		}
		if !ofDocuments {
			print = xxhash.Sum64(payload)
		}
		entries = append(entries, hash, b.pos)
		b.prints = append(b.prints, print)
		rec.b = rec.b[:0]
		rec.uint(uint64(len(key)))
		rec.b = append(rec.b, key...)
		rec.b = append(rec.b, payload...)
		return b.blob(rec.b)
	})
	return entries, err
}

// uints writes a table of 8-byte integers.
func (b *Builder) uints(l []uint64) error {
	var buf []byte
	for len(l) > 0 {
		n := min(len(l), 4096)
		buf = buf[:0]
		for _, v := range l[:n] {
			buf = binary.LittleEndian.AppendUint64(buf, v)
		}
		if err := b.write(buf); err != nil {
			return err
		}
		l = l[n:]
	}
	return nil
}

// bucketBits returns how many leading bits of the hash tell the bucket, for about four entries in each.
func bucketBits(keys int) uint32 {
	return uint32(min(max(bits.Len(uint(keys/4)), 1), 28))
}

// buckets writes, for every prefix of the hash, the index of the first entry that has it or a greater one.
func (b *Builder) buckets(entries []uint64, nbits uint32) error {
	buf := make([]byte, 0, 4*(1<<nbits+1))
	i := 0
	for p := uint64(0); p <= 1<<nbits; p++ {
		for 2*i < len(entries) && entries[2*i]>>(64-nbits) < p {
			i++
		}
		buf = binary.LittleEndian.AppendUint32(buf, uint32(i))
	}
	return b.write(buf)
}

// Close removes what was not finished. It is safe to call after Finish.
func (b *Builder) Close() error {
	err := b.sort.close()
	if b.zip != nil {
		err = errors.Join(err, b.zip.Close())
		b.zip = nil
	}
	if b.done || b.f == nil {
		return err
	}
	cerr := b.f.Close()
	if errors.Is(cerr, os.ErrClosed) {
		cerr = nil
	}
	err = errors.Join(err, cerr, os.Remove(b.f.Name()))
	b.f = nil
	return err
}

// syncDir makes a rename in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder is the caller's choice
	if err != nil {
		return fmt.Errorf("make the new advisory database last: %w", err)
	}
	defer func() { _ = d.Close() }() // only read
	if err := d.Sync(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("make the new advisory database last: %w", err)
	}
	return nil
}
