package kept

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// File is an open file of kept pages. It is safe for concurrent use.
type File struct {
	header   Header
	at       io.ReaderAt
	close    func() error
	unpacker *zstd.Decoder

	mu      sync.Mutex
	records map[int64][]record // by block; a block's pages may have come in parts
}

// record is where some pages of a block lie.
type record struct {
	known, zero Pages
	sum         [sumSize]byte
	offset      int64
	length      int
}

// Open opens a volume's file. It reads it whole once and holds it against its checksum. The error wraps ErrDamaged for one that is not what
// was written, and os.ErrNotExist if there is none.
func Open(dir, volume string) (*File, error) {
	place, err := Name(dir, volume)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(place) //nolint:gosec // of a checked name
	if err != nil {
		return nil, fmt.Errorf("kept pages of %s: %w", volume, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kept pages of %s: %w", volume, err), f.Close())
	}
	k, err := Read(f, info.Size())
	if err == nil && k.header.Volume != volume {
		err = fmt.Errorf("they are of %s: %w", k.header.Volume, errors.Join(ErrDamaged, k.Close()))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kept pages of %s: %w", volume, err), f.Close())
	}
	k.close = f.Close
	return k, nil
}

// Read takes size bytes as a file of kept pages. r is read until Close.
func Read(r io.ReaderAt, size int64) (*File, error) {
	p := &parser{in: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 256<<10), size: size}
	f := &File{at: r, records: map[int64][]record{}}
	if err := p.file(f); err != nil {
		return nil, err
	}
	var err error
	f.unpacker, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*BlockSize), zstd.WithDecoderMaxWindow(2*BlockSize), zstd.WithDecoderLowmem(true))
	return f, err
}

// parser reads the file once, from its beginning to its end.
type parser struct {
	in   *bufio.Reader
	size int64
	at   int64
	sum  interface {
		io.Writer
		Sum(b []byte) []byte
	}
}

func damaged(what string) error { return fmt.Errorf("%s: %w", what, ErrDamaged) }

// take reads into b and counts it into the checksum.
func (p *parser) take(b []byte) error {
	n, err := io.ReadFull(p.in, b)
	p.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("the file is cut short")
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	_, err = p.sum.Write(b)
	return err
}

func (p *parser) file(f *File) error {
	p.sum = sha256.New()
	head := make([]byte, len(magic)+4)
	if err := p.take(head); err != nil {
		return err
	}
	if string(head[:len(magic)]) != magic {
		return damaged("not a file of kept pages of a known version")
	}
	n := binary.LittleEndian.Uint32(head[len(magic):])
	if n > maxHeader {
		return damaged("header too long")
	}
	text := make([]byte, n)
	if err := p.take(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &f.header); err != nil {
		return fmt.Errorf("header: %w: %w", err, ErrDamaged)
	}
	if err := f.header.check(); err != nil {
		return fmt.Errorf("header: %w: %w", err, ErrDamaged)
	}
	for {
		more, err := p.record(f)
		if err != nil || !more {
			return err
		}
	}
}

// record reads one record, or the file's end.
func (p *parser) record(f *File) (more bool, err error) {
	le := binary.LittleEndian
	var head [headSize]byte
	if err := p.take(head[:4]); err != nil {
		return false, err
	}
	index := le.Uint32(head[:])
	if index == endIndex {
		return false, p.end()
	}
	if err := p.take(head[4:]); err != nil {
		return false, err
	}
	var r record
	r.known = Pages{le.Uint64(head[4:]), le.Uint64(head[12:])}
	r.zero = Pages{le.Uint64(head[20:]), le.Uint64(head[28:])}
	copy(r.sum[:], head[36:])
	r.offset, r.length = p.at, int(le.Uint32(head[68:]))
	switch {
	case int64(index) >= f.header.SizeGiB<<30/BlockSize:
		return false, damaged("a block beyond the volume's end")
	case r.known.Len() == 0 || !r.known.Holds(r.zero):
		return false, damaged("a block without pages")
	case int64(r.length) > p.size-p.at || r.length > 2*BlockSize:
		return false, damaged("pages longer than the file")
	case (r.length == 0) != (r.known == r.zero):
		return false, damaged("pages without bytes")
	}
	packed := make([]byte, r.length)
	if err := p.take(packed); err != nil {
		return false, err
	}
	f.records[int64(index)] = append(f.records[int64(index)], r)
	return true, nil
}

func (p *parser) end() error {
	want := p.sum.Sum(nil)
	got := make([]byte, sumSize)
	if err := p.take(got); err != nil {
		return err
	}
	if string(got) != string(want) {
		return damaged("checksum of the file")
	}
	if p.at != p.size {
		return damaged("something follows the file's end")
	}
	return nil
}

// Header says what the pages are of.
func (f *File) Header() Header { return f.header }

// Blocks is how many blocks have pages in the file.
func (f *File) Blocks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.records)
}

// Known returns which pages of a block are in the file.
func (f *File) Known(index int64) (known Pages) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.records[index] {
		known = known.With(r.known)
	}
	return known
}

// Load puts the kept pages of a block at their places in block, which is of zeros and BlockSize long, and returns which they are. The error
// wraps ErrDamaged if the file is not any more what it was when it was opened; the block must then not be used.
func (f *File) Load(index int64, block []byte) (known Pages, err error) {
	f.mu.Lock()
	records := f.records[index]
	f.mu.Unlock()
	for _, r := range records {
		full := r.known.Without(r.zero)
		if full.Len() > 0 {
			plain, err := f.unpack(r)
			if err != nil {
				return known, fmt.Errorf("kept pages of block %d: %w", index, err)
			}
			if !Scatter(block, plain, full) {
				return known, fmt.Errorf("kept pages of block %d: %w", index, ErrDamaged)
			}
		}
		known = known.With(r.known)
	}
	return known, nil
}

func (f *File) unpack(r record) ([]byte, error) {
	packed := make([]byte, r.length)
	if _, err := f.at.ReadAt(packed, r.offset); err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	f.mu.Lock()
	plain, err := f.unpacker.DecodeAll(packed, nil)
	f.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	if sha256.Sum256(plain) != r.sum {
		return nil, damaged("checksum of the pages")
	}
	return plain, nil
}

// Close closes the file. It is not used afterwards.
func (f *File) Close() error {
	f.unpacker.Close()
	if f.close == nil {
		return nil
	}
	return f.close()
}
