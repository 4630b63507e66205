// Package regftest writes hives and transaction logs for tests.
package regftest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
)

// Key is a key to be written, with its values and subkeys in the order that they are given.
type Key struct {
	Name   string
	Values []Value
	Keys   []Key
}

// Value is a value to be written.
type Value struct {
	Name string
	Type uint32
	Data []byte
}

// String makes a value of type REG_SZ.
func String(name, text string) Value { return Value{name, 1, UTF16(text + "\x00")} }

// Uint32 makes a value of type REG_DWORD.
func Uint32(name string, n uint32) Value {
	return Value{name, 4, binary.LittleEndian.AppendUint32(nil, n)}
}

// UTF16 encodes text without a byte order mark.
func UTF16(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

const (
	binSize  = 4096
	perList  = 500   // keys of one list; more make a list of lists
	segment  = 16344 // bytes of big data in one cell
	noCell   = 0xffffffff
	pageSize = 512
)

// u32 and u16 take numbers of a hive in a test, which are small.
func u32(n int) uint32 { return uint32(n) } //nolint:gosec // G115: see above
func u16(n int) uint16 { return uint16(n) } //nolint:gosec // G115: see above

type writer struct{ cells []byte }

// Hive writes a hive of version 1.5 whose sequence numbers are sequence.
func Hive(root Key, sequence uint32) []byte {
	w := &writer{}
	w.bin(0)
	at := w.key(root, noCell, 0x2c)
	w.close()
	return append(Base(0, at, u32(len(w.cells)), sequence, sequence), w.cells...)
}

// Base writes a base block of 4 KiB; logs have its first 512 bytes. kind is 0 for a hive, 1 and 6 for logs.
func Base(kind, root, cells, primary, secondary uint32) []byte {
	le := binary.LittleEndian
	b := make([]byte, 4096)
	copy(b, "regf")
	for i, v := range []uint32{primary, secondary, 0, 0, 1, 5, kind, 1, root, cells, 1} {
		le.PutUint32(b[4+4*i:], v)
	}
	le.PutUint64(b[12:], 132000000000000000+uint64(primary)) // FILETIME: in April 2019
	Seal(b)
	return b
}

// Seal writes the checksum of a base block.
func Seal(b []byte) {
	sum := uint32(0)
	for i := 0; i < 508; i += 4 {
		sum ^= binary.LittleEndian.Uint32(b[i:])
	}
	binary.LittleEndian.PutUint32(b[508:], sum)
}

// bin begins a hive bin with room for a cell of size bytes.
func (w *writer) bin(size int) {
	n := (max(size, 8) + 32 + binSize - 1) / binSize * binSize
	at := len(w.cells)
	head := make([]byte, 32)
	copy(head, "hbin")
	binary.LittleEndian.PutUint32(head[4:], u32(at))
	binary.LittleEndian.PutUint32(head[8:], u32(n))
	w.cells = append(w.cells, head...)
	w.cells = append(w.cells, make([]byte, n-32)...)
	w.cells = w.cells[:at+32]
}

// close makes a free cell of what is left of the last bin.
func (w *writer) close() {
	if left := (binSize - len(w.cells)%binSize) % binSize; left > 0 {
		w.cells = append(w.cells, make([]byte, left)...)
		binary.LittleEndian.PutUint32(w.cells[len(w.cells)-left:], uint32(left))
	}
}

// cell writes a cell and returns its offset.
func (w *writer) cell(data []byte) uint32 {
	size := (4 + len(data) + 7) &^ 7
	if room := (binSize - len(w.cells)%binSize) % binSize; room < size {
		w.close()
		w.bin(size)
	}
	at := len(w.cells)
	w.cells = append(w.cells, make([]byte, size)...)
	binary.LittleEndian.PutUint32(w.cells[at:], u32(-size))
	copy(w.cells[at+4:], data)
	return u32(at)
}

func latin(name string) (raw []byte, ok bool) {
	for _, r := range name {
		if r > 0xff {
			return UTF16(name), false
		}
		raw = append(raw, byte(r&0xff))
	}
	return raw, true
}

func (w *writer) key(k Key, parent uint32, flags uint16) uint32 {
	le := binary.LittleEndian
	name, isLatin := latin(k.Name)
	if isLatin {
		flags |= 0x20
	} else {
		flags &^= 0x20
	}
	raw := make([]byte, 76+len(name))
	copy(raw, "nk")
	le.PutUint16(raw[2:], flags)
	le.PutUint64(raw[4:], 132000000000000000)
	le.PutUint32(raw[16:], parent)
	le.PutUint32(raw[20:], u32(len(k.Keys)))
	for _, at := range []int{28, 32, 40, 44, 48} {
		le.PutUint32(raw[at:], noCell)
	}
	le.PutUint16(raw[72:], u16(len(name)))
	copy(raw[76:], name)
	at := w.cell(raw)
	node := func(field int, v uint32) { le.PutUint32(w.cells[int(at)+4+field:], v) }
	if len(k.Values) > 0 {
		var list []byte
		for _, v := range k.Values {
			list = le.AppendUint32(list, w.value(v))
		}
		node(36, u32(len(k.Values)))
		node(40, w.cell(list))
	}
	if len(k.Keys) > 0 {
		node(28, w.list(k.Keys, at))
	}
	return at
}

// list writes subkeys as lists of type lh, or one of type ri of such.
func (w *writer) list(keys []Key, parent uint32) uint32 {
	le := binary.LittleEndian
	var lists []uint32
	for from := 0; from < len(keys); from += perList {
		part := keys[from:min(from+perList, len(keys))]
		raw := le.AppendUint16([]byte("lh"), u16(len(part)))
		for _, k := range part {
			hash := uint32(0)
			for _, c := range bytes.ToUpper([]byte(k.Name)) {
				hash = hash*37 + uint32(c)
			}
			raw = le.AppendUint32(le.AppendUint32(raw, w.key(k, parent, 0)), hash)
		}
		lists = append(lists, w.cell(raw))
	}
	if len(lists) == 1 {
		return lists[0]
	}
	raw := le.AppendUint16([]byte("ri"), u16(len(lists)))
	for _, at := range lists {
		raw = le.AppendUint32(raw, at)
	}
	return w.cell(raw)
}

func (w *writer) value(v Value) uint32 {
	le := binary.LittleEndian
	name, isLatin := latin(v.Name)
	raw := make([]byte, 20+len(name))
	copy(raw, "vk")
	le.PutUint16(raw[2:], u16(len(name)))
	size, data := u32(len(v.Data)), uint32(0)
	switch {
	case size <= 4:
		var inside [4]byte
		copy(inside[:], v.Data)
		size, data = size|1<<31, le.Uint32(inside[:])
	case size > segment:
		data = w.big(v.Data)
	default:
		data = w.cell(v.Data)
	}
	le.PutUint32(raw[4:], size)
	le.PutUint32(raw[8:], data)
	le.PutUint32(raw[12:], v.Type)
	if isLatin {
		le.PutUint16(raw[16:], 1)
	}
	copy(raw[20:], name)
	return w.cell(raw)
}

func (w *writer) big(data []byte) uint32 {
	le := binary.LittleEndian
	var list []byte
	count := uint16(0)
	for ; len(data) > 0; count++ {
		n := min(segment, len(data))
		list = le.AppendUint32(list, w.cell(data[:n]))
		data = data[n:]
	}
	raw := le.AppendUint16([]byte("db"), count)
	return w.cell(le.AppendUint32(raw, w.cell(list)))
}

// changed lists the pages, by their offset among the cells, in which two hives differ.
func changed(before, after []byte) []int {
	var out []int
	for at := 4096; at < len(after); at += pageSize {
		if at >= len(before) || !bytes.Equal(before[at:at+pageSize], after[at:at+pageSize]) {
			out = append(out, at-4096)
		}
	}
	return out
}

// EntryLog writes a log of entries, each of which makes the next of the hives of the one before. The first entry has the number sequence.
func EntryLog(sequence uint32, hives ...[]byte) []byte {
	le := binary.LittleEndian
	last := hives[len(hives)-1]
	out := Base(6, le.Uint32(last[36:]), le.Uint32(last[40:]), sequence, sequence)[:pageSize]
	for i := 1; i < len(hives); i++ {
		pages := changed(hives[i-1], hives[i])
		raw := make([]byte, 40)
		copy(raw, "HvLE")
		le.PutUint32(raw[12:], sequence+uint32(i)-1)
		le.PutUint32(raw[16:], le.Uint32(hives[i][40:]))
		le.PutUint32(raw[20:], u32(len(pages)))
		for _, at := range pages {
			raw = le.AppendUint32(le.AppendUint32(raw, u32(at)), pageSize)
		}
		for _, at := range pages {
			raw = append(raw, hives[i][4096+at:4096+at+pageSize]...)
		}
		raw = append(raw, make([]byte, (pageSize-len(raw)%pageSize)%pageSize)...)
		le.PutUint32(raw[4:], u32(len(raw)))
		le.PutUint64(raw[24:], marvin32(raw[40:]))
		le.PutUint64(raw[32:], marvin32(raw[:32]))
		out = append(out, raw...)
	}
	return out
}

// BitmapLog writes a log of changed pages, as Windows did before 8.1.
func BitmapLog(sequence uint32, before, after []byte) []byte {
	le := binary.LittleEndian
	cells := le.Uint32(after[40:])
	out := Base(1, le.Uint32(after[36:]), cells, sequence, sequence)[:pageSize]
	bitmap := make([]byte, (cells/pageSize+7)/8)
	var data []byte
	for _, at := range changed(before, after) {
		bitmap[at/pageSize/8] |= 1 << (at / pageSize % 8)
		data = append(data, after[4096+at:4096+at+pageSize]...)
	}
	out = append(append(out, "DIRT"...), bitmap...)
	out = append(out, make([]byte, (pageSize-len(out)%pageSize)%pageSize)...)
	return append(out, data...)
}

// marvin32 is the hash of entries, Marvin with 32 bit words and the seed 0x82ef4d887a4e55c5.
func marvin32(raw []byte) uint64 {
	a, b := uint32(0x7a4e55c5), uint32(0x82ef4d88)
	words := []uint32{}
	for i := 0; i+4 <= len(raw); i += 4 {
		words = append(words, binary.LittleEndian.Uint32(raw[i:]))
	}
	for _, word := range append(words, 0x80, 0) {
		a += word
		b ^= a
		a = bits.RotateLeft32(a, 20) + b
		b = bits.RotateLeft32(b, 9) ^ a
		a = bits.RotateLeft32(a, 27) + b
		b = bits.RotateLeft32(b, 19)
	}
	return uint64(a) | uint64(b)<<32
}
