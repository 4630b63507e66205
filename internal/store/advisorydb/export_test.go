package advisorydb

import (
	"bytes"
	"encoding/binary"
)

// Resealed gives bytes a header whose checksum and size are right, so that fuzzing gets behind them.
func Resealed(b []byte) []byte {
	if len(b) < headerSize {
		return b
	}
	b = bytes.Clone(b)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], uint64(len(b)))
	binary.LittleEndian.PutUint32(b[headerSize-4:], crcOf(b[:headerSize-4]))
	return b
}
