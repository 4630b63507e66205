// Package regf reads hives of the Windows registry: lazily, through an io.ReaderAt, with the transaction logs of a hive that was in use replayed in
// memory over it. The format is that of the "Windows registry file format specification" (M. Suhanov).
package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
)

var (
	// ErrCorrupt is wrapped by every refusal to believe what a hive says.
	ErrCorrupt = errors.New("corrupt hive")
	// ErrLimit is wrapped when a bound on memory or count is reached.
	ErrLimit = errors.New("over the limit")
	// ErrUnsupported is wrapped, with its name, by what is well formed but not known here.
	ErrUnsupported = errors.New("not supported")
)

const (
	baseSize  = 4096 // bytes of the base block in a hive; the cells begin behind it
	pageSize  = 512  // bytes of a page in the logs
	noCell    = 0xffffffff
	maxHive   = 2 << 30 // bytes of cells: an offset has 31 bits
	maxCell   = 1 << 20 // bytes of a cell; larger data is cut into segments of 16 KiB
	cacheSize = 4096    // bytes that are read at once
	cacheMost = 2048    // of them are kept
)

// Log is one of a hive's transaction logs: NAME.LOG, NAME.LOG1, NAME.LOG2.
type Log struct {
	Name   string
	Reader io.ReaderAt
	Size   int64 // bytes
}

// Hive is an open hive. It is safe for concurrent use.
type Hive struct {
	file     io.ReaderAt
	size     int64 // of the file
	base     baseBlock
	overlay  map[int64]page // pages that the logs have changed, by their offset among the cells / pageSize
	notes    []string
	gaps     []string
	mu       sync.Mutex
	blocks   map[int64][]byte
	inOrder  []int64
	maxBytes int64 // of the cells
}

// baseBlock is the head of a hive or of a log.
type baseBlock struct {
	valid              bool // signature and checksum
	primary, secondary uint32
	written            uint64
	major, minor       uint32
	kind               uint32
	root               uint32
	cells              uint32 // bytes of all cells
}

// dirty says that the last write was not finished.
func (b *baseBlock) dirty() bool { return !b.valid || b.primary != b.secondary }

// parseBase reads the first 512 bytes of a hive or a log. The error says that they cannot be such.
func parseBase(raw []byte) (baseBlock, error) {
	le := binary.LittleEndian
	if string(raw[:4]) != "regf" {
		return baseBlock{}, fmt.Errorf("signature %q: %w", raw[:4], ErrCorrupt)
	}
	b := baseBlock{
		primary: le.Uint32(raw[4:]), secondary: le.Uint32(raw[8:]), written: le.Uint64(raw[12:]), major: le.Uint32(raw[20:]), minor: le.Uint32(raw[24:]),
		kind: le.Uint32(raw[28:]), root: le.Uint32(raw[36:]), cells: le.Uint32(raw[40:]),
	}
	sum := uint32(0)
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(raw[i:])
	}
	switch sum {
	case 0:
		sum = 1
	case 0xffffffff:
		sum = 0xfffffffe
	}
	b.valid = sum == le.Uint32(raw[508:])
	return b, nil
}

// Open reads the head of a hive of size bytes, and replays its logs in memory if its last write was not finished. What the logs do not give back
// is in Gaps. The readers must stay open.
func Open(r io.ReaderAt, size int64, logs ...Log) (*Hive, error) {
	raw := make([]byte, pageSize)
	if err := readFull(r, raw, 0); err != nil {
		return nil, fmt.Errorf("base block: %w", err)
	}
	b, err := parseBase(raw)
	if err != nil {
		return nil, fmt.Errorf("base block: %w", err)
	}
	h := &Hive{file: r, size: size, base: b, blocks: map[int64][]byte{}}
	if b.dirty() {
		h.recover(logs)
	}
	switch b = h.base; {
	case !b.valid && len(h.overlay) == 0:
		return nil, fmt.Errorf("base block: checksum, and no log that replaces it: %w", ErrCorrupt)
	case b.major != 1 || b.minor < 2 || b.minor > 6:
		return nil, fmt.Errorf("hive version %d.%d: %w", b.major, b.minor, ErrUnsupported)
	case b.cells > maxHive:
		return nil, fmt.Errorf("%d bytes of cells: %w", b.cells, ErrCorrupt)
	}
	h.maxBytes = int64(b.cells)
	if end := size - baseSize; end < h.maxBytes && len(h.overlay) == 0 {
		h.gaps = append(h.gaps, fmt.Sprintf("the hive says that it has %d bytes and has %d: keys in the rest cannot be read", h.maxBytes+baseSize, size))
	}
	return h, nil
}

// Notes are facts about the read that leave nothing unseen.
func (h *Hive) Notes() []string { return h.notes }

// Gaps are what may be stale or unseen, and why.
func (h *Hive) Gaps() []string { return h.gaps }

// cell returns the content of a cell that is in use: at least least bytes, at most most.
func (h *Hive) cell(offset uint32, least, most int) ([]byte, error) {
	if int64(offset)+4 > h.maxBytes {
		return nil, fmt.Errorf("cell at %d of %d bytes: %w", offset, h.maxBytes, ErrCorrupt)
	}
	var head [4]byte
	if err := h.read(head[:], int64(offset)); err != nil {
		return nil, err
	}
	size := -int64(int32(binary.LittleEndian.Uint32(head[:]))) //nolint:gosec // G115: negative while the cell is in use
	switch {
	case size < 4+int64(least) || size > h.maxBytes-int64(offset):
		return nil, fmt.Errorf("cell at %d has %d bytes, want %d: %w", offset, size, 4+least, ErrCorrupt)
	case least > maxCell:
		return nil, fmt.Errorf("%d bytes in the cell at %d: %w", least, offset, ErrLimit)
	}
	out := make([]byte, min(size-4, int64(most)))
	return out, h.read(out, int64(offset)+4)
}

// read fills p with what stands at off among the cells, as the logs have changed it.
func (h *Hive) read(p []byte, off int64) error {
	for len(p) > 0 {
		block, err := h.block(off / cacheSize)
		if err != nil {
			return err
		}
		if off%cacheSize >= int64(len(block)) {
			return fmt.Errorf("the file ends before byte %d of its cells: %w", off, ErrCorrupt)
		}
		n := copy(p, block[off%cacheSize:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

func (h *Hive) block(index int64) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, ok := h.blocks[index]; ok {
		return b, nil
	}
	b := make([]byte, cacheSize)
	have, err := h.file.ReadAt(b, baseSize+index*cacheSize)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	for at := 0; at < cacheSize; at += pageSize {
		p, ok := h.overlay[(index*cacheSize+int64(at))/pageSize]
		if !ok {
			continue
		}
		if err := readFull(p.log, b[at:at+pageSize], p.offset); err != nil {
			return nil, err
		}
		have = max(have, at+pageSize)
	}
	b = b[:have]
	if len(h.inOrder) >= cacheMost {
		delete(h.blocks, h.inOrder[0])
		h.inOrder = h.inOrder[1:]
	}
	h.blocks[index] = b
	h.inOrder = append(h.inOrder, index)
	return b, nil
}

// readFull reads len(p) bytes, or fails.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// marvin32 hashes words with the seed that the logs use.
func marvin32(words []byte) uint64 {
	lo, hi := uint32(0x7a4e55c5), uint32(0x82ef4d88)
	mix := func(v uint32) {
		lo += v
		hi ^= lo
		lo = bits.RotateLeft32(lo, 20) + hi
		hi = bits.RotateLeft32(hi, 9) ^ lo
		lo = bits.RotateLeft32(lo, 27) + hi
		hi = bits.RotateLeft32(hi, 19)
	}
	for ; len(words) >= 4; words = words[4:] {
		mix(binary.LittleEndian.Uint32(words))
	}
	mix(0x80)
	mix(0)
	return uint64(hi)<<32 | uint64(lo)
}
