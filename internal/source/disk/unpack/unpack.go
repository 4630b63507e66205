// Package unpack holds the decompressors of the file systems that compress: one block in, one buffer of known size out, no state and no
// memory between blocks. Nothing writes past the buffer it was given, whatever the bytes say.
package unpack

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"hinomi/internal/source/disk/volume"
)

// errLong is what a stream is that gives more than its buffer takes.
var errLong = fmt.Errorf("gives more bytes than it should: %w", volume.ErrCorrupt)

// Zlib unpacks a stream of RFC 1950 into dst and returns its length. What follows the stream in src is ignored. The stream must end inside
// dst, and its checksum is verified; otherwise the error wraps volume.ErrCorrupt.
func Zlib(dst, src []byte) (int, error) {
	r, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return 0, fmt.Errorf("zlib: %w: %w", err, volume.ErrCorrupt)
	}
	n, err := whole(r, dst)
	if err != nil {
		return n, fmt.Errorf("zlib: %w", err)
	}
	return n, nil
}

// Deflate unpacks a bare stream of RFC 1951 until dst is full or the stream ends, and returns the length.
func Deflate(dst, src []byte) (int, error) {
	n, err := io.ReadFull(flate.NewReader(bytes.NewReader(src)), dst)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, fmt.Errorf("deflate: %w: %w", err, volume.ErrCorrupt)
	}
	return n, nil
}

// whole reads a stream to its end, which verifies its checksum.
func whole(r io.Reader, dst []byte) (int, error) {
	n := 0
	var more [1]byte
	for {
		to := dst[n:]
		if len(to) == 0 {
			to = more[:]
		}
		got, err := r.Read(to)
		if n == len(dst) && got > 0 {
			return n, errLong
		}
		n += got
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("%w: %w", err, volume.ErrCorrupt)
		}
	}
}

// Zstd unpacks frames of RFC 8878. It is safe for concurrent use.
type Zstd struct{ decoder *zstd.Decoder }

// NewZstd returns a decoder that gives at most most bytes for a frame, and refuses windows that are longer.
func NewZstd(most int) (*Zstd, error) {
	most = max(most, 1<<17)
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uint64(most)+1), zstd.WithDecoderMaxWindow(max(uint64(most), zstd.MinWindowSize)))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return &Zstd{d}, nil
}

// Unpack unpacks the frame at the start of src into dst and returns its length. What follows the frame is ignored.
func (z *Zstd) Unpack(dst, src []byte) (int, error) {
	end, err := frameEnd(src)
	if err != nil {
		return 0, fmt.Errorf("zstd: %w", err)
	}
	out, err := z.decoder.DecodeAll(src[:end], dst[:0:len(dst)])
	if err != nil {
		return 0, fmt.Errorf("zstd: %w: %w", err, volume.ErrCorrupt)
	}
	if len(out) > len(dst) {
		return 0, fmt.Errorf("zstd: %w", errLong)
	}
	if len(out) > 0 && &out[0] != &dst[0] {
		copy(dst, out)
	}
	return len(out), nil
}

// frameEnd finds where a frame ends, by the headers of its blocks (RFC 8878, 3.1.1).
func frameEnd(src []byte) (int, error) {
	cut := fmt.Errorf("frame cut off: %w", volume.ErrCorrupt)
	if len(src) < 6 {
		return 0, cut
	}
	if binary.LittleEndian.Uint32(src) != 0xfd2fb528 {
		return 0, fmt.Errorf("no magic number: %w", volume.ErrCorrupt)
	}
	head := src[4]
	single := head&0x20 != 0
	at := 5 + []int{0, 1, 2, 4}[head&3] + []int{0, 2, 4, 8}[head>>6]
	if single && head>>6 == 0 {
		at++ // one byte of content size
	}
	if !single {
		at++ // the window
	}
	for {
		if at+3 > len(src) {
			return 0, cut
		}
		block := int(src[at]) | int(src[at+1])<<8 | int(src[at+2])<<16
		at += 3
		switch size := block >> 3; block >> 1 & 3 {
		case 1: // one byte, repeated
			at++
		default:
			at += size
		}
		if block&1 != 0 {
			break
		}
	}
	if head&4 != 0 {
		at += 4 // checksum
	}
	if at > len(src) {
		return 0, cut
	}
	return at, nil
}
