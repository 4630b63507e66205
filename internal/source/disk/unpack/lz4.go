package unpack

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// LZ4 unpacks one block into dst and returns its length (LZ4 Block Format Description). If partial, dst may be shorter than what the block
// gives: it is filled and the rest is left. Otherwise the block must give no more than dst takes.
func LZ4(dst, src []byte, partial bool) (int, error) {
	op, ip := 0, 0
	bad := func() (int, error) {
		return op, fmt.Errorf("lz4: bad sequence at byte %d: %w", ip, volume.ErrCorrupt)
	}
	for ip < len(src) {
		token := int(src[ip])
		ip++
		n, ok := lz4Length(src, &ip, token>>4)
		if !ok || n > len(src)-ip {
			return bad()
		}
		if n > len(dst)-op {
			if !partial {
				return bad()
			}
			return op + copy(dst[op:], src[ip:ip+n]), nil
		}
		copy(dst[op:], src[ip:ip+n])
		op += n
		ip += n
		if ip == len(src) || partial && op == len(dst) {
			return op, nil
		}
		if len(src)-ip < 2 {
			return bad()
		}
		distance := int(binary.LittleEndian.Uint16(src[ip:]))
		ip += 2
		if n, ok = lz4Length(src, &ip, token&15); !ok || distance == 0 || distance > op {
			return bad()
		}
		n += 4
		if n > len(dst)-op {
			if !partial {
				return bad()
			}
			n = len(dst) - op
		}
		repeat(dst, op, n, distance)
		if op += n; partial && op == len(dst) {
			return op, nil
		}
	}
	return bad() // a block ends with literals
}

// lz4Length reads a length whose first part is t: 15 means that bytes follow, until one is not 255.
func lz4Length(src []byte, ip *int, t int) (int, bool) {
	if t != 15 {
		return t, true
	}
	for *ip < len(src) {
		b := int(src[*ip])
		*ip++
		t += b
		if b != 255 {
			return t, true
		}
	}
	return 0, false
}
