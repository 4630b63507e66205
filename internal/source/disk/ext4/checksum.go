package ext4

import "hash/crc32"

// crc32c is the kernel's crc32c(): neither seed nor result is inverted.
func crc32c(seed uint32, p []byte) uint32 {
	return ^crc32.Update(^seed, crc32.MakeTable(crc32.Castagnoli), p)
}

// crc32cWithout is crc32c of p with the n bytes at off taken as zero.
func crc32cWithout(seed uint32, p []byte, off, n int) uint32 {
	var zero [4]byte
	seed = crc32c(seed, p[:off])
	seed = crc32c(seed, zero[:n])
	return crc32c(seed, p[off+n:])
}

// crc16 is the kernel's crc16(): polynomial 0x8005, least significant bit
// first, as the feature uninit_bg uses it for group descriptors.
func crc16(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}
