package ntfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"hinomi/internal/source/disk/volume"
)

// packedStream is where CompactOS puts the bytes of a file; the unnamed stream is a hole of the file's size.
const packedStream = "WofCompressedData"

// packing says how a file is packed (FILE_PROVIDER_EXTERNAL_INFO_V1, MS-FSCC and winioctl.h).
type packing struct {
	chunk  int64 // bytes
	unpack func(dst, src []byte) error
}

// wofPacking reads a reparse point of the Windows Overlay Filter.
func wofPacking(f *file, data []byte) error {
	le := binary.LittleEndian
	if len(data) < 16 {
		return fmt.Errorf("overlay of %d bytes: %w", len(data), volume.ErrCorrupt)
	}
	if version, provider := le.Uint32(data), le.Uint32(data[4:]); version != 1 || provider != 2 {
		f.refuse = fmt.Sprintf("content of overlay provider %d, version %d", provider, version)
		return nil
	}
	if version := le.Uint32(data[8:]); version != 1 {
		f.refuse = fmt.Sprintf("compressed content of version %d", version)
		return nil
	}
	switch algorithm := le.Uint32(data[12:]); algorithm {
	case 0:
		f.packed = &packing{4 << 10, xpress}
	case 1:
		f.packed = &packing{lzxChunk, lzx}
	case 2:
		f.packed = &packing{8 << 10, xpress}
	case 3:
		f.packed = &packing{16 << 10, xpress}
	default:
		f.refuse = fmt.Sprintf("compressed content of algorithm %d", algorithm)
	}
	return nil
}

// packedFile is the content of a file that CompactOS has packed: a table of where each chunk but the first begins, then the chunks. One that
// did not become smaller is stored as it is.
type packedFile struct {
	*packing
	data  *stream
	size  int64
	table int64 // bytes
	width int64 // bytes of an entry of the table

	mu   sync.Mutex
	at   int64 // the chunk that buf holds, or -1
	buf  []byte
	from []byte
}

func (r *reader) openPacked(f *file, size int64) (io.ReaderAt, error) {
	s, err := r.stream(f, typeData, packedStream)
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: stream %s: %w", f.base.ref.record(), packedStream, notThere(err))
	}
	p := &packedFile{packing: f.packed, data: s, size: size, width: 4, at: -1}
	if size > 1<<32-1 {
		p.width = 8
	}
	p.table = max(0, (size+p.chunk-1)/p.chunk-1) * p.width
	if size > 0 && p.table >= s.size {
		return nil, fmt.Errorf("MFT record %d: %d bytes packed into %d: %w", f.base.ref.record(), size, s.size, volume.ErrCorrupt)
	}
	return p, nil
}

// ReadAt implements io.ReaderAt inside the file's size, which the caller keeps.
func (p *packedFile) ReadAt(dst []byte, off int64) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for done < len(dst) {
		at := off + int64(done)
		if at >= p.size {
			return done, io.EOF
		}
		if index := at / p.chunk; p.at != index {
			p.at = -1
			if err := p.load(index); err != nil {
				return done, fmt.Errorf("compressed chunk %d: %w", index, err)
			}
			p.at = index
		}
		done += copy(dst[done:], p.buf[at%p.chunk:])
	}
	return done, nil
}

// load unpacks a chunk into buf.
func (p *packedFile) load(index int64) error {
	start, err := p.offset(index)
	if err != nil {
		return err
	}
	end, err := p.offset(index + 1)
	if err != nil {
		return err
	}
	size := min(p.chunk, p.size-index*p.chunk)
	if start < 0 || end <= start || end > p.data.size || end-start > size {
		return fmt.Errorf("bytes %d to %d of %d for %d: %w", start, end, p.data.size, size, volume.ErrCorrupt)
	}
	if p.buf == nil {
		p.buf, p.from = make([]byte, p.chunk), make([]byte, p.chunk)
	}
	p.buf = p.buf[:size]
	if end-start == size {
		return readFull(p.data, p.buf, start)
	}
	from := p.from[:end-start]
	if err := readFull(p.data, from, start); err != nil {
		return err
	}
	return p.unpack(p.buf, from)
}

// offset returns where a chunk begins in the stream; that of the chunk after the last is the stream's end.
func (p *packedFile) offset(index int64) (int64, error) {
	switch {
	case index == 0:
		return p.table, nil
	case index*p.chunk >= p.size:
		return p.data.size, nil
	}
	raw := make([]byte, 8)
	if err := readFull(p.data, raw[:p.width], (index-1)*p.width); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(raw)
	if n > uint64(p.data.size) {
		return 0, fmt.Errorf("chunk at byte %d of %d: %w", n, p.data.size, volume.ErrCorrupt)
	}
	return p.table + int64(n), nil
}
