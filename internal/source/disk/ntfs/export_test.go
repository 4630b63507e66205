package ntfs

// Decompressors are the methods of compression, for fuzzing without an image around them.
func Decompressors() map[string]func(dst, src []byte) error {
	return map[string]func(dst, src []byte) error{"LZNT1": lznt1, "XPRESS": xpress, "LZX": lzx}
}
