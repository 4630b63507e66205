package xfs_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"testing"
	"time"

	"hinomi/internal/source/disk/xfs"
)

// patchedDevice is an image with some bytes changed, whose checksums are made right again: a hostile disk has them.
type patchedDevice struct {
	base  []byte
	pages map[int64][]byte // of 4096 bytes
}

func (d *patchedDevice) Size() int64 { return int64(len(d.base)) }

func (d *patchedDevice) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(d.base)) {
		return 0, io.EOF
	}
	n := copy(p, d.base[off:])
	for page := off &^ 4095; page < off+int64(n); page += 4096 {
		b, ok := d.pages[page]
		switch {
		case !ok:
		case page < off:
			copy(p[:n], b[off-page:])
		default:
			copy(p[page-off:n], b)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *patchedDevice) page(off int64) []byte {
	off &^= 4095
	if d.pages[off] == nil {
		d.pages[off] = append([]byte(nil), d.base[off:off+4096]...)
	}
	return d.pages[off]
}

// patch applies instructions of seven bytes: three of a place, one that says how, three of what. One of the bits of how
// means the superblock instead.
func (d *patchedDevice) patch(data []byte, from, to int64) {
	for n := 0; len(data) >= 7 && n < 32; n, data = n+1, data[7:] {
		at := from + (int64(data[0])<<16|int64(data[1])<<8|int64(data[2]))%(to-from)
		if data[3]&0x20 != 0 {
			at &= 511
		}
		b := d.page(at)[at&4095:]
		for i := range min(len(b), 1+int(data[3]&7)) {
			switch v := data[4+i%3]; data[3] >> 6 {
			case 0:
				b[i] = v
			case 1:
				b[i] ^= v
			default:
				b[i] += v
			}
		}
	}
	for off, b := range d.pages {
		repair(off, b)
	}
}

// repair makes the checksums of a page of metadata right.
func repair(off int64, b []byte) {
	fix := func(b []byte, at int) {
		binary.LittleEndian.PutUint32(b[at:], 0)
		binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b, crc32c))
	}
	switch string(b[:4]) {
	case "XFSB":
		fix(b[:512], 224)
	case "XDB3", "XDD3":
		fix(b, 4)
	case "BMA3":
		fix(b, 64)
	case "XSLM":
		fix(b, 12)
	}
	for i := 0; i < 4096; i += 512 {
		if string(b[i:i+2]) == "IN" {
			fix(b[i:i+512], 100)
		}
	}
}

// metadata returns the part of a seed from its first to behind its last block of metadata, the log left out.
func metadata(b []byte) (from, to int64) {
	s := superOf(b)
	log := s.offset(s.logStart)
	for off := int64(4096); off < int64(len(b)); off += 4096 {
		switch {
		case off >= log && off < log+s.logBlocks*s.blockSize:
			continue
		case string(b[off:off+2]) == "IN":
		default:
			switch string(b[off : off+4]) {
			case "XDB3", "XDD3", "BMA3", "XSLM":
			default:
				continue
			}
		}
		if from == 0 {
			from = off
		}
		to = off + 4096
	}
	return from, to
}

// readAll reads as much as a scan would, within bounds that keep one run short.
func readAll(t *testing.T, fsys fs.FS) {
	t.Helper()
	left := 700
	_ = fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if left--; left < 0 {
			return fs.SkipAll
		}
		if err != nil {
			return nil // an error that the walk reports is as good as an entry
		}
		if _, err := e.Info(); err != nil || !e.Type().IsRegular() {
			return nil
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil
		}
		defer func() { _ = f.Close() }()
		b := make([]byte, 8<<10)
		if n, err := f.Read(b); n == 0 && err == nil {
			t.Errorf("%s: read nothing without an error", name)
		}
		if r, ok := f.(io.ReaderAt); ok {
			if st, err := f.Stat(); err == nil {
				_, _ = r.ReadAt(b, max(st.Size()-100, 0))
			}
		}
		return nil
	})
}

// FuzzImage changes bytes anywhere in an image, and makes the checksums right again.
func FuzzImage(f *testing.F) {
	images := [][]byte{seed(f, "clean"), seed(f, "crashed")}
	for _, s := range [][]byte{
		{}, {0, 0, 4, 1, 0x10, 0, 0}, {0, 0x80, 5, 2, 1, 2, 3}, {1, 0, 0, 3, 0xff, 0xff, 0xff}, {0, 0x40, 0, 0x47, 1, 0, 0},
	} {
		f.Add(false, s)
		f.Add(true, s)
	}
	f.Fuzz(func(t *testing.T, crashed bool, data []byte) {
		base := images[0]
		if crashed {
			base = images[1]
		}
		d := &patchedDevice{base: base, pages: make(map[int64][]byte)}
		from, to := metadata(base)
		d.patch(data, from, to)
		open(t, d)
	})
}

// FuzzLog changes bytes of the log that has to be replayed, and makes the records' checksums right again.
func FuzzLog(f *testing.F) {
	base := seed(f, "crashed")
	s := superOf(base)
	from := s.offset(s.logStart)
	records := recordsOf(base[from : from+s.logBlocks*s.blockSize])
	end := from + records[len(records)-1] + 16<<10
	for _, p := range [][]byte{{}, {0, 2, 0, 1, 1, 0, 0}, {0, 2, 14, 3, 0x40, 0, 0}, {0, 4, 9, 0x41, 1, 1, 1}} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &patchedDevice{base: base, pages: make(map[int64][]byte)}
		d.patch(data, from, end)
		for _, r := range records {
			repairRecord(d, from+r)
		}
		open(t, d)
	})
}

func open(t *testing.T, d *patchedDevice) {
	t.Helper()
	defer func(begun time.Time) {
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
	}(time.Now())
	limits := xfs.Options{MaxEntries: 1 << 16, MaxExtents: 1 << 16, MaxJournalBytes: 64 << 20}
	fsys, err := xfs.Open(d, limits)
	if err != nil {
		limits.IgnoreLog = true
		if fsys, err = xfs.Open(d, limits); err != nil {
			return
		}
		if len(fsys.Info().Gaps) == 0 {
			t.Error("opened without its log, and says nothing of it")
		}
	}
	readAll(t, fsys)
	if err := fsys.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// recordsOf returns where the records of a log begin, in bytes.
func recordsOf(log []byte) (starts []int64) {
	for at := 0; at < len(log); at += 512 {
		if binary.BigEndian.Uint32(log[at:]) == 0xfeedbabe {
			starts = append(starts, int64(at))
		}
	}
	return starts
}

// repairRecord makes the checksum of a record right if it was changed.
func repairRecord(d *patchedDevice, off int64) {
	h := make([]byte, 512)
	if _, err := d.ReadAt(h, off); err != nil {
		return
	}
	length := int64(binary.BigEndian.Uint32(h[12:]))
	touched := false
	for page := off &^ 4095; page < off+512+length && length <= 32<<10; page += 4096 {
		touched = touched || d.pages[page] != nil
	}
	data := make([]byte, min(length, 32<<10))
	if _, err := d.ReadAt(data, off+512); err != nil || !touched {
		return
	}
	binary.LittleEndian.PutUint32(h[32:], 0)
	sum := crc32.Update(crc32.Checksum(h[:328], crc32c), crc32c, data)
	binary.LittleEndian.PutUint32(d.page(off)[off&4095+32:], sum)
}
