// Package zipdir walks the directory of a zip archive without holding it: an archive of a million entries costs no more memory than one of
// ten. It reads what archives of Java and Python hold (stored and deflated entries, zip64), and believes no size that it has not counted.
package zipdir

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// PKWARE, "APPNOTE.TXT - .ZIP File Format Specification" 6.3.10; section numbers below are of that document.
const (
	fileHeader    = 0x04034b50 // 4.3.7
	entryHeader   = 0x02014b50 // 4.3.12
	endHeader     = 0x06054b50 // 4.3.16
	end64Header   = 0x06064b50 // 4.3.14
	end64Locator  = 0x07064b50 // 4.3.15
	endSize       = 22
	end64Size     = 56
	locatorSize   = 20
	entrySize     = 46
	fileSize      = 30
	maxComment    = 1<<16 - 1
	extra64       = 0x0001 // 4.5.3
	flagEncrypted = 0x1    // 4.4.4
)

// The methods (4.4.5).
const (
	Store   = 0
	Deflate = 8
)

var (
	// ErrFormat is wrapped when the bytes are no zip archive, or one that is cut short or damaged.
	ErrFormat = errors.New("not a whole zip archive")
	// ErrMethod is wrapped for entries that are encrypted or packed in a way that is not known here.
	ErrMethod = errors.New("entry cannot be unpacked")
)

var le = binary.LittleEndian

// Entry is one name of the directory.
type Entry struct {
	Name         []byte // only valid until the next entry
	Method       uint16
	Packed, Size int64 // bytes, as the directory says: Size is not to be believed
	crc          uint32
	encrypted    bool
	offset       int64
}

// Archive is an opened archive.
type Archive struct {
	r       io.ReaderAt
	size    int64
	entries uint64
	start   int64 // of the directory
	length  int64 // of the directory, bytes
	base    int64 // bytes that stand before the archive, such as a start script
}

// Open finds the end of the directory (4.3.6). It does not read the directory.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	buf, at, err := findEnd(r, size)
	if err != nil {
		return nil, err
	}
	a := &Archive{r: r, size: size, entries: uint64(le.Uint16(buf[10:])), length: int64(le.Uint32(buf[12:]))}
	offset := int64(le.Uint32(buf[16:]))
	if a.entries == 1<<16-1 || a.length == 1<<32-1 || offset == 1<<32-1 {
		if err := a.end64(&at, &offset); err != nil {
			return nil, err
		}
	}
	if a.length < 0 || offset < 0 || a.length > at || offset > at-a.length {
		return nil, fmt.Errorf("%w: directory of %d bytes at %d, its end at %d", ErrFormat, a.length, offset, at)
	}
	a.start = at - a.length
	a.base = a.start - offset
	return a, nil
}

// findEnd searches the end record backwards: a comment of up to 65,535 bytes may follow it.
func findEnd(r io.ReaderAt, size int64) (rec []byte, at int64, err error) {
	for _, n := range []int64{1024, endSize + maxComment} {
		n = min(n, size)
		buf := make([]byte, n)
		if k, err := r.ReadAt(buf, size-n); int64(k) < n {
			return nil, 0, fmt.Errorf("read the last %d bytes: %w", n, err)
		}
		for i := len(buf) - endSize; i >= 0; i-- {
			if le.Uint32(buf[i:]) == endHeader && i+endSize+int(le.Uint16(buf[i+20:])) <= len(buf) {
				return buf[i : i+endSize], size - n + int64(i), nil
			}
		}
	}
	return nil, 0, fmt.Errorf("%w: no end of a directory", ErrFormat)
}

// end64 takes the numbers that did not fit from the zip64 records, which stand before the end record.
func (a *Archive) end64(at, offset *int64) error {
	var loc [locatorSize]byte
	if *at < locatorSize {
		return nil
	}
	if _, err := a.r.ReadAt(loc[:], *at-locatorSize); err != nil {
		return err
	}
	if le.Uint32(loc[:]) != end64Locator {
		return nil // an archive of exactly that many
	}
	var end [end64Size]byte
	pos := int64(le.Uint64(loc[8:])) //nolint:gosec // what became negative is refused below
	if pos < 0 || pos > *at-locatorSize-end64Size {
		return fmt.Errorf("%w: zip64 end at %d", ErrFormat, pos)
	}
	if _, err := a.r.ReadAt(end[:], pos); err != nil || le.Uint32(end[:]) != end64Header {
		// Bytes were put before the archive: the record stands directly before its locator.
		if pos = *at - locatorSize - end64Size; pos < 0 {
			return fmt.Errorf("%w: zip64 end", ErrFormat)
		}
		if _, err := a.r.ReadAt(end[:], pos); err != nil || le.Uint32(end[:]) != end64Header {
			return fmt.Errorf("%w: zip64 end", ErrFormat)
		}
	}
	a.entries, a.length, *offset, *at = le.Uint64(end[32:]), int64(le.Uint64(end[40:])), int64(le.Uint64(end[48:])), pos //nolint:gosec // refused by Open
	return nil
}

// Len returns how many entries the archive says it has.
func (a *Archive) Len() uint64 { return a.entries }

// Entries calls fn with each entry of the directory until fn fails.
func (a *Archive) Entries(fn func(Entry) error) error {
	dir := bufio.NewReaderSize(io.NewSectionReader(a.r, a.start, a.length), 64<<10)
	var head [entrySize]byte
	var buf []byte
	for i := uint64(0); ; i++ {
		if _, err := io.ReadFull(dir, head[:]); err != nil {
			if errors.Is(err, io.EOF) && i == a.entries {
				return nil
			}
			return fmt.Errorf("%w: directory ends after %d of %d entries", ErrFormat, i, a.entries)
		}
		if le.Uint32(head[:]) != entryHeader {
			return fmt.Errorf("%w: directory is damaged after %d of %d entries", ErrFormat, i, a.entries)
		}
		name, extra, comment := int(le.Uint16(head[28:])), int(le.Uint16(head[30:])), int(le.Uint16(head[32:]))
		if n := name + extra + comment; cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = buf[:name+extra+comment]
		if _, err := io.ReadFull(dir, buf); err != nil {
			return fmt.Errorf("%w: directory ends in entry %d of %d", ErrFormat, i, a.entries)
		}
		e := Entry{
			Name: buf[:name], Method: le.Uint16(head[10:]), encrypted: le.Uint16(head[8:])&flagEncrypted != 0,
			Packed: int64(le.Uint32(head[20:])), Size: int64(le.Uint32(head[24:])), offset: int64(le.Uint32(head[42:])), crc: le.Uint32(head[16:]),
		}
		e.wide(buf[name : name+extra])
		if err := fn(e); err != nil {
			return err
		}
	}
}

// wide takes sizes that did not fit from the zip64 extra field (4.5.3): those that are at their highest, in this order.
func (e *Entry) wide(extra []byte) {
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return
		}
		field := extra[:n]
		if extra = extra[n:]; id != extra64 {
			continue
		}
		for _, v := range []*int64{&e.Size, &e.Packed, &e.offset} {
			if *v == 1<<32-1 && len(field) >= 8 {
				*v, field = int64(le.Uint64(field)), field[8:] //nolint:gosec // refused by Raw
			}
		}
	}
}

// Raw returns the packed bytes of an entry: those of a stored entry are its content, and can be read in any order.
func (a *Archive) Raw(e Entry) (*io.SectionReader, error) {
	if e.encrypted {
		return nil, fmt.Errorf("%w: it is encrypted", ErrMethod)
	}
	var head [fileSize]byte
	at := a.base + e.offset
	if e.offset < 0 || at < 0 || at > a.size-fileSize {
		return nil, fmt.Errorf("%w: an entry lies at %d", ErrFormat, at)
	}
	if _, err := a.r.ReadAt(head[:], at); err != nil {
		return nil, err
	}
	if le.Uint32(head[:]) != fileHeader {
		return nil, fmt.Errorf("%w: no entry at %d", ErrFormat, at)
	}
	at += fileSize + int64(le.Uint16(head[26:])) + int64(le.Uint16(head[28:]))
	if e.Packed < 0 || e.Packed > a.size-at {
		return nil, fmt.Errorf("%w: an entry of %d bytes at %d leaves the archive", ErrFormat, e.Packed, at)
	}
	return io.NewSectionReader(a.r, at, e.Packed), nil
}

// Reader returns the content of an entry, whose checksum is compared at its end. The caller bounds what it reads.
func (a *Archive) Reader(e Entry) (io.Reader, error) {
	raw, err := a.Raw(e)
	if err != nil {
		return nil, err
	}
	switch e.Method {
	case Store:
		return &summed{r: raw, want: e.crc}, nil
	case Deflate:
		return &summed{want: e.crc, r: flate.NewReader(bufio.NewReaderSize(raw, int(min(max(raw.Size(), 16), 32<<10))))}, nil
	}
	return nil, fmt.Errorf("%w: method %d", ErrMethod, e.Method)
}

// summed compares the checksum (4.4.7) of what was read when it ends.
type summed struct {
	r         io.Reader
	sum, want uint32
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	if errors.Is(err, io.EOF) && s.sum != s.want {
		err = fmt.Errorf("%w: checksum %08x, the directory says %08x", ErrFormat, s.sum, s.want)
	}
	return n, err
}
