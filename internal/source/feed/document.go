package feed

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hinomi/internal/advisory"
)

// Limits bound what a feed may make us hold or unpack. They are several times what the largest known feed needs (npm and Ubuntu: about
// 250,000 documents, the largest document 20 MB).
type Limits struct {
	Entries   int   // documents in one archive; default 4 million
	Directory int64 // bytes of an archive's directory, which is read as a whole; default 256 MiB
	Document  int64 // bytes of one document; default 64 MiB
	Unpacked  int64 // bytes of one file, unpacked; default 64 GiB
	Ratio     int64 // unpacked against packed, beyond 16 MiB; default 200 (JSON of advisories packs to a twentieth)
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.Entries <= 0 {
		l.Entries = 4 << 20
	}
	set(&l.Directory, 256<<20)
	set(&l.Document, 64<<20)
	set(&l.Unpacked, 64<<30)
	set(&l.Ratio, 200)
	return l
}

// freeRatio is how much may be unpacked before the ratio counts: a small file of one repeated letter is no danger.
const freeRatio = 16 << 20

// Document is one feed file being read: the bytes, where its contents go, and what was learnt on the way.
type Document struct {
	File string // path inside the folder
	Feed string // name of the loaded feed
	at   io.ReaderAt
	size int64
	sink Sink

	limits    Limits
	progress  func(done int64, rows int)
	rows      int
	documents int
	newest    time.Time       // of the documents
	dated     time.Time       // the publisher's own date of the whole, if it gives one
	speaksFor map[string]bool // ecosystems with release
	problems  []Problem
	unpacked  int64
}

func newDocument(file, feed string, at io.ReaderAt, size int64, sink Sink) *Document {
	return &Document{
		File: file, Feed: feed, at: at, size: size, sink: sink, limits: Limits{}.withDefaults(),
		progress: func(int64, int) {}, speaksFor: map[string]bool{},
	}
}

// advisory hands an advisory on and counts it.
func (in *Document) advisory(a *advisory.Advisory) error {
	in.documents++
	in.rows += len(a.Affected)
	if a.Modified.After(in.newest) {
		in.newest = a.Modified
	}
	return in.sink.Advisory(a)
}

// cve hands on what is known of a CVE and counts it.
func (in *Document) cve(c *advisory.CVE) error {
	in.documents++
	in.rows++
	return in.sink.CVE(c)
}

// maxProblems is how many unreadable documents are named one by one.
const maxProblems = 1000

// problem notes a document that was not understood. The import goes on: one bad document must not keep all others out, and the feed
// counts as incomplete, so that nobody takes its silence for an answer.
func (in *Document) problem(document string, err error) {
	if len(in.problems) < maxProblems {
		in.problems = append(in.problems, Problem{in.File, document, err.Error()})
	}
}

// tooManyProblems says when a file is no longer that feed at all: more than one document in a hundred could not be read.
func (in *Document) tooManyProblems() error {
	if n := len(in.problems); n > 0 && 100*n > in.documents+n {
		return fmt.Errorf("%w: %d of %d documents could not be read, the first is %s: %s",
			ErrFormat, n, in.documents+n, in.problems[0].Document, in.problems[0].Reason)
	}
	return nil
}

// whole returns all bytes of a plain or gzipped file.
func (in *Document) whole() ([]byte, error) {
	r, err := in.stream()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, in.limits.Document+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if int64(len(b)) > in.limits.Document {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLimit, in.limits.Document)
	}
	return b, nil
}

// stream returns a plain or gzipped file's bytes, within the limits.
func (in *Document) stream() (io.Reader, error) {
	raw := io.NewSectionReader(in.at, 0, in.size)
	if !strings.HasSuffix(in.File, ".gz") {
		return &meter{in: in, r: raw, packed: in.size}, nil
	}
	z, err := gzip.NewReader(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &meter{in: in, r: z, packed: in.size}, nil
}

// meter counts unpacked bytes against the limits.
type meter struct {
	in     *Document
	r      io.Reader
	packed int64
	n      int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.in.unpacked += int64(n)
	l := m.in.limits
	switch {
	case m.in.unpacked > l.Unpacked:
		return n, fmt.Errorf("%w: more than %d bytes unpacked", ErrLimit, l.Unpacked)
	case m.n > freeRatio && m.n/l.Ratio > m.packed:
		return n, fmt.Errorf("%w: %d bytes unpacked from %d", ErrLimit, m.n, m.packed)
	}
	return n, err
}

// entries calls do with each document of a zip archive that has one of the suffixes, one at a time.
func (in *Document) entries(ctx context.Context, do func(name string, b []byte) error, suffixes ...string) error {
	if err := in.checkDirectory(); err != nil {
		return err
	}
	z, err := zip.NewReader(in.at, in.size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(z.File) > in.limits.Entries {
		return fmt.Errorf("%w: %d documents", ErrLimit, len(z.File))
	}
	var buf bytes.Buffer
	var done int64
	for i, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		done += int64(min(f.CompressedSize64, uint64(in.size))) //nolint:gosec // at most in.size
		if f.FileInfo().IsDir() || !hasSuffix(f.Name, suffixes) {
			continue
		}
		if err := in.unpack(f, &buf); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := do(f.Name, buf.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if i%256 == 0 {
			in.progress(done, in.rows)
		}
	}
	return nil
}

func hasSuffix(name string, suffixes []string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// unpack reads one entry into buf.
func (in *Document) unpack(f *zip.File, buf *bytes.Buffer) error {
	buf.Reset()
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	defer func() { _ = r.Close() }()                                                   // only read
	m := &meter{in: in, r: r, packed: int64(min(f.CompressedSize64, uint64(in.size)))} //nolint:gosec // at most in.size
	n, err := buf.ReadFrom(io.LimitReader(m, in.limits.Document+1))
	if err != nil {
		if errors.Is(err, ErrLimit) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if n > in.limits.Document {
		return fmt.Errorf("%w: more than %d bytes", ErrLimit, in.limits.Document)
	}
	return nil
}

// checkDirectory bounds an archive's directory before archive/zip reads it as a whole: the end record gives its size (PKWARE APPNOTE
// 4.3.16, and 4.3.14 for the 64-bit form). An archive without an end record is left to archive/zip to refuse.
func (in *Document) checkDirectory() error {
	const end, locator, end64 = 22, 20, 56
	n := min(in.size, end+65535)
	tail := make([]byte, n)
	if _, err := in.at.ReadAt(tail, in.size-n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < end {
		return nil
	}
	size := uint64(binary.LittleEndian.Uint32(tail[i+12:]))
	if i >= locator && bytes.HasPrefix(tail[i-locator:], []byte("PK\x06\x07")) {
		rec := make([]byte, end64)
		off := binary.LittleEndian.Uint64(tail[i-locator+8:])
		if off > uint64(in.size) { //nolint:gosec // a size is not negative
			return fmt.Errorf("%w: 64-bit directory lies outside the archive", ErrFormat)
		}
		if _, err := in.at.ReadAt(rec, int64(off)); err != nil { //nolint:gosec // at most in.size
			return fmt.Errorf("%w: 64-bit directory: %w", ErrFormat, err)
		}
		size = max(size&^0xffffffff, binary.LittleEndian.Uint64(rec[40:]))
	}
	if size > uint64(in.limits.Directory) { //nolint:gosec // a limit is not negative
		return fmt.Errorf("%w: directory of %d bytes", ErrLimit, size)
	}
	return nil
}
