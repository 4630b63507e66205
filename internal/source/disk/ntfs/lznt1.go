package ntfs

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"hinomi/internal/source/disk/volume"
)

const (
	maxUnit  = 1 << 20 // bytes of a compression unit; 16 clusters of 4 KiB is what Windows makes
	lzntPart = 4096    // bytes that one chunk unpacks to
)

// lznt1 unpacks src into dst (MS-XCA 2.5); what src does not fill is zero.
func lznt1(dst, src []byte) error {
	done := 0
	for done < len(dst) && len(src) >= 2 {
		head := binary.LittleEndian.Uint16(src)
		if head == 0 {
			break
		}
		size := int(head&0xfff) + 1
		if src = src[2:]; size > len(src) {
			return fmt.Errorf("LZNT1 chunk of %d bytes, %d there: %w", size, len(src), volume.ErrCorrupt)
		}
		part := dst[done:min(done+lzntPart, len(dst))]
		n := 0
		if head&0x8000 == 0 {
			n = copy(part, src[:size])
		} else {
			var err error
			if n, err = lznt1Chunk(part, src[:size]); err != nil {
				return err
			}
		}
		clear(part[n:])
		done += len(part)
		src = src[size:]
	}
	clear(dst[done:])
	return nil
}

// lznt1Chunk unpacks one chunk: groups of eight tokens behind a byte that says which of them are copies. How many of a copy's 16 bits are its
// distance grows with what is unpacked already.
func lznt1Chunk(dst, src []byte) (int, error) {
	n := 0
	for len(src) > 0 {
		flags := src[0]
		src = src[1:]
		for bit := 0; bit < 8 && len(src) > 0; bit++ {
			if flags>>bit&1 == 0 {
				if n >= len(dst) {
					return 0, fmt.Errorf("LZNT1 chunk unpacks to more than %d bytes: %w", len(dst), volume.ErrCorrupt)
				}
				dst[n] = src[0]
				n++
				src = src[1:]
				continue
			}
			if len(src) < 2 || n == 0 {
				return 0, fmt.Errorf("LZNT1 copy without a source: %w", volume.ErrCorrupt)
			}
			token := int(binary.LittleEndian.Uint16(src))
			src = src[2:]
			shift := 16 - max(4, bits.Len(uint(n-1)))
			distance, length := token>>shift+1, token&(1<<shift-1)+3
			if distance > n || length > len(dst)-n {
				return 0, fmt.Errorf("LZNT1 copy of %d bytes from %d back at %d: %w", length, distance, n, volume.ErrCorrupt)
			}
			for range length {
				dst[n] = dst[n-distance]
				n++
			}
		}
	}
	return n, nil
}
