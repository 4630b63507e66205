package form

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Entries calls do with each document of an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst) that has one of the suffixes, one at
// a time, in the archive's order. b is valid until do returns. An error of do ends it.
func (in *Document) Entries(ctx context.Context, do func(name string, b []byte) error, suffixes ...string) error {
	var buf bytes.Buffer
	return in.Readers(ctx, func(name string, r io.Reader) error {
		if err := in.fill(&buf, r); err != nil {
			return err
		}
		return do(name, buf.Bytes())
	}, suffixes...)
}

// Readers is Entries for documents that are too large to hold: do gets a reader, whose errors wrap ErrLimit or are the decoder's own.
func (in *Document) Readers(ctx context.Context, do func(name string, r io.Reader) error, suffixes ...string) error {
	if isTar(in.File) {
		return in.tarReaders(ctx, do, suffixes)
	}
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
	for i, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		in.done += int64(min(f.CompressedSize64, uint64(in.size))) //nolint:gosec // at most in.size
		if f.FileInfo().IsDir() || !hasSuffix(f.Name, suffixes) {
			continue
		}
		if err := in.unzip(f, do); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if i%256 == 0 {
			in.Progress()
		}
	}
	return nil
}

// tarReaders is Readers of a tape archive, read once from its beginning to its end.
func (in *Document) tarReaders(ctx context.Context, do func(name string, r io.Reader) error, suffixes []string) error {
	s, err := in.Stream()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	t := tar.NewReader(s)
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, s) // what follows is padding; a checksum stands at the end
			return Format(err)
		}
		if err != nil {
			return Format(err)
		}
		if i >= in.limits.Entries {
			return fmt.Errorf("%w: more than %d documents", ErrLimit, in.limits.Entries)
		}
		if h.Typeflag != tar.TypeReg || !hasSuffix(h.Name, suffixes) {
			continue
		}
		if err := do(h.Name, t); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if i%256 == 0 {
			in.Progress()
		}
	}
}

func hasSuffix(name string, suffixes []string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// unzip calls do with one entry of a zip archive.
func (in *Document) unzip(f *zip.File, do func(name string, r io.Reader) error) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	defer func() { _ = r.Close() }()                          // only read
	packed := int64(min(f.CompressedSize64, uint64(in.size))) //nolint:gosec // at most in.size
	return do(f.Name, &meter{in: in, r: r, packed: packed, ratio: in.limits.Ratio})
}

// fill reads one document into buf.
func (in *Document) fill(buf *bytes.Buffer, r io.Reader) error {
	buf.Reset()
	n, err := buf.ReadFrom(io.LimitReader(r, in.limits.Document+1))
	if err != nil {
		return Format(err)
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
