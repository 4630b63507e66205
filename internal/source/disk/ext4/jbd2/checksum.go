package jbd2

import "hash/crc32"

// crc32c is the kernel's crc32c(): neither seed nor result is inverted.
func crc32c(seed uint32, p []byte) uint32 {
	return ^crc32.Update(^seed, crc32.MakeTable(crc32.Castagnoli), p)
}

// crc32cWithout is crc32c of p with the four bytes at off taken as zero.
func crc32cWithout(seed uint32, p []byte, off int) uint32 {
	var zero [4]byte
	seed = crc32c(seed, p[:off])
	seed = crc32c(seed, zero[:])
	return crc32c(seed, p[off+4:])
}

// crcBE is the kernel's crc32_be(), the checksum of the first journals that had
// one: CRC-32 with the polynomial 0x04c11db7, most significant bit first.
type crcBE [256]uint32

func newCRCBE() *crcBE {
	var t crcBE
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&0x80000000 != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return &t
}

func (t *crcBE) update(crc uint32, p []byte) uint32 {
	for _, b := range p {
		crc = crc<<8 ^ t[byte(crc>>24)^b]
	}
	return crc
}
