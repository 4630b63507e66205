package unpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/crc64"

	"hinomi/internal/source/disk/volume"
)

const (
	xzMagic     = "\xfd7zXZ\x00"
	filterLZMA2 = 0x21
)

// xzChecks are the sizes of the checksums of a block, by their number (The .xz File Format 1.2.1, 2.1.1.2).
var xzChecks = map[byte]int{0: 0, 1: 4, 4: 8, 10: 32}

// XZ unpacks the first stream of src into dst and returns its length (The .xz File Format 1.2.1). Only LZMA2 is known; another filter wraps
// volume.ErrUnsupported. The checksum of every block is verified; the index that follows them is not looked at.
func XZ(dst, src []byte) (int, error) {
	cut := fmt.Errorf("xz: cut off: %w", volume.ErrCorrupt)
	if len(src) < 12 || string(src[:6]) != xzMagic {
		return 0, fmt.Errorf("xz: no magic number: %w", volume.ErrCorrupt)
	}
	check, known := xzChecks[src[7]]
	if crc32.ChecksumIEEE(src[6:8]) != binary.LittleEndian.Uint32(src[8:]) || src[6] != 0 {
		return 0, fmt.Errorf("xz: stream header: %w", volume.ErrCorrupt)
	}
	if !known {
		return 0, fmt.Errorf("xz checksum %d: %w", src[7], volume.ErrUnsupported)
	}
	op, at := 0, 12
	for {
		if at >= len(src) {
			return op, cut
		}
		if src[at] == 0 { // the index
			return op, nil
		}
		head := (int(src[at]) + 1) * 4
		if at+head > len(src) {
			return op, cut
		}
		if err := xzHeader(src[at : at+head]); err != nil {
			return op, err
		}
		at += head
		d := lzma{dst: dst, op: op, start: op, src: src[at:]}
		if !d.lzma2() {
			return op, fmt.Errorf("xz: bad data at byte %d: %w", at+d.ip, volume.ErrCorrupt)
		}
		at += (d.ip + 3) &^ 3
		if at+check > len(src) {
			return op, cut
		}
		if !xzMatches(src[at:at+check], dst[op:d.op]) {
			return op, fmt.Errorf("xz: checksum mismatch: %w", volume.ErrCorrupt)
		}
		at += check
		op = d.op
	}
}

// xzHeader checks that a block has the one filter that is known.
func xzHeader(b []byte) error {
	bad := fmt.Errorf("xz: block header: %w", volume.ErrCorrupt)
	body := b[:len(b)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(b[len(body):]) {
		return bad
	}
	flags := body[1]
	rest := body[2:]
	for _, present := range []byte{0x40, 0x80} { // the sizes
		if flags&present != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return bad
			}
			rest = rest[n:]
		}
	}
	id, n := binary.Uvarint(rest)
	switch {
	case n <= 0 || flags&0x3c != 0:
		return bad
	case id != filterLZMA2 || flags&3 != 0:
		return fmt.Errorf("xz filter %#x before LZMA2: %w", id, volume.ErrUnsupported)
	}
	return nil
}

func xzMatches(want, b []byte) bool {
	switch len(want) {
	case 4:
		return crc32.ChecksumIEEE(b) == binary.LittleEndian.Uint32(want)
	case 8:
		return crc64.Checksum(b, crc64.MakeTable(crc64.ECMA)) == binary.LittleEndian.Uint64(want)
	case sha256.Size:
		sum := sha256.Sum256(b)
		return bytes.Equal(sum[:], want)
	}
	return true
}
