package form

import (
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// freeRatio is how much may be unpacked before the ratio counts: a small file of one repeated letter is no danger.
const freeRatio = 16 << 20

// solidRatio is how much better than a zip's entries a file packs that is packed as one.
const solidRatio = 10

// maxWindow bounds what a decoder keeps to look back to: zstd's own bound for files that any decoder reads is 8 MiB, "--long" and its
// highest levels use 128 MiB (zstd(1)); xz -9 uses 64 MiB (xz(1)).
const maxWindow = 128 << 20

// Whole returns all bytes of a file, unpacked, at most Limits.Document.
func (in *Document) Whole() ([]byte, error) {
	r, err := in.Stream()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(r, in.limits.Document+1))
	if err != nil {
		return nil, Format(err)
	}
	if int64(len(b)) > in.limits.Document {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLimit, in.limits.Document)
	}
	return b, nil
}

// Format says that bytes are not in their publisher's format, keeping the error of a limit as it is.
func Format(err error) error {
	if err == nil || errors.Is(err, ErrLimit) || errors.Is(err, ErrFormat) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// Stream returns a file's bytes, unpacked by its suffix (.gz, .bz2, .xz, .zst, else as they are), within the limits. Its errors wrap
// ErrLimit or are the decoder's own: Format makes ErrFormat of those.
func (in *Document) Stream() (io.ReadCloser, error) {
	raw := &position{in: in, r: io.NewSectionReader(in.at, 0, in.size)}
	m := &meter{in: in, packed: in.size, ratio: in.limits.Ratio}
	switch path.Ext(in.File) {
	case ".gz":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, Format(err)
		}
		m.r = z
	case ".bz2":
		m.r, m.ratio = bzip2.NewReader(raw), m.ratio*solidRatio
	case ".xz":
		if err := in.checkXZ(); err != nil {
			return nil, err
		}
		z, err := xz.NewReader(raw)
		if err != nil {
			return nil, Format(err)
		}
		m.r, m.ratio = z, m.ratio*solidRatio
	case ".zst":
		if in.size == 0 { // no frames at all is a file of nothing to the decoder, and a lost one to us
			return nil, fmt.Errorf("%w: an empty file", ErrFormat)
		}
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, Format(err)
		}
		m.r, m.close, m.ratio = z, z.Close, m.ratio*solidRatio
	default:
		m.r = raw
	}
	return m, nil
}

// position counts the packed bytes that were taken.
type position struct {
	in *Document
	r  io.Reader
}

func (p *position) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.in.done += int64(n)
	return n, err
}

// meter counts unpacked bytes against the limits.
type meter struct {
	in     *Document
	r      io.Reader
	close  func() // of a decoder that has one; may be nil
	packed int64
	ratio  int64
	n      int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.in.unpacked += int64(n)
	switch {
	case m.in.unpacked > m.in.limits.Unpacked:
		return n, fmt.Errorf("%w: more than %d bytes unpacked", ErrLimit, m.in.limits.Unpacked)
	case m.n > freeRatio && m.n/m.ratio > m.packed:
		return n, fmt.Errorf("%w: %d bytes unpacked from %d", ErrLimit, m.n, m.packed)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return n, err
}

// Close frees the decoder.
func (m *meter) Close() error {
	if m.close != nil {
		m.close()
	}
	return nil
}

// Part bounds what one element of a long stream may hold: Next begins another.
type Part struct {
	r     io.Reader
	n     int64
	limit int64
}

// NewPart returns a reader of which at most limit bytes may be taken for one element.
func NewPart(r io.Reader, limit int64) *Part { return &Part{r: r, limit: limit} }

// Next begins another element.
func (p *Part) Next() { p.n = 0 }

// readAhead bounds how much of the next element a decoder with a large buffer takes at once, which counts for the one at hand.
const readAhead = 64 << 10

// Read reads on. It returns ErrLimit once the element is too large.
func (p *Part) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(int64(len(b)), readAhead, p.limit/2+1)])
	p.n += int64(n)
	if p.n > p.limit {
		return n, fmt.Errorf("%w: one element of more than %d bytes", ErrLimit, p.limit)
	}
	return n, err
}

// isTar reports whether a file is a tape archive, packed or not.
func isTar(file string) bool {
	for _, s := range []string{".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"} {
		if strings.HasSuffix(file, s) {
			return true
		}
	}
	return false
}
