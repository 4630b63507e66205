package btrfs

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"hinomi/internal/source/disk/volume"
)

// maxChunks bounds the chunks of a file system, of about 80 bytes each: 64 TiB of chunks of 64 MiB.
const maxChunks = 1 << 20

// Profiles of a chunk, BTRFS_BLOCK_GROUP_*.
const (
	profileRAID0  = 1 << 3
	profileRAID1  = 1 << 4
	profileDup    = 1 << 5
	profileRAID10 = 1 << 6
	profileRAID5  = 1 << 7
	profileRAID6  = 1 << 8
	profileRAID13 = 1 << 9
	profileRAID14 = 1 << 10

	kindsOfChunk = 0b111 // data, system, metadata
	// mirrored profiles hold everything on each of their stripes.
	mirrored = profileRAID1 | profileDup | profileRAID13 | profileRAID14
)

// striped names the profiles that need several devices to be read.
var striped = []struct {
	bit  uint64
	name string
}{{profileRAID0, "RAID0"}, {profileRAID10, "RAID10"}, {profileRAID5, "RAID5"}, {profileRAID6, "RAID6"}}

// chunk is a stretch of logical addresses and where it lies on the device at hand.
type chunk struct {
	start, length uint64
	places        []int64 // where copies begin on the device
	err           error   // why there is none
}

func (c chunk) end() uint64 { return c.start + c.length }

// parseChunk reads a chunk item and returns how long it is.
func (f *filesystem) parseChunk(start uint64, b []byte) (chunk, int, error) {
	const head, stripe = 48, 32
	le := binary.LittleEndian
	c := chunk{start: start}
	if len(b) < head {
		return c, 0, fmt.Errorf("chunk %#x: item of %d bytes: %w", start, len(b), volume.ErrCorrupt)
	}
	c.length = le.Uint64(b)
	kind, n := le.Uint64(b[24:]), int(le.Uint16(b[44:]))
	size := head + n*stripe
	if c.length == 0 || start+c.length < start || n == 0 || size > len(b) {
		return c, 0, fmt.Errorf("chunk %#x: %d bytes in %d stripes: %w", start, c.length, n, volume.ErrCorrupt)
	}
	for _, s := range striped {
		if kind&s.bit != 0 && (s.bit != profileRAID0 || n > 1) { // stripes of one device are in order
			c.err = fmt.Errorf("chunk %#x: btrfs profile %s: %w", start, s.name, volume.ErrUnsupported)
			return c, size, nil
		}
	}
	if rest := kind &^ (kindsOfChunk | mirrored | profileRAID0); rest != 0 {
		c.err = fmt.Errorf("chunk %#x: btrfs profile %#x: %w", start, rest, volume.ErrUnsupported)
		return c, size, nil
	}
	if kind&mirrored == 0 && n != 1 {
		return c, 0, fmt.Errorf("chunk %#x: %d stripes of one copy: %w", start, n, volume.ErrCorrupt)
	}
	var elsewhere uint64
	for i := range n {
		s := b[head+i*stripe:]
		id, at := le.Uint64(s), le.Uint64(s[8:])
		if id != f.super.devID {
			elsewhere = id
			continue
		}
		if at > 1<<62 || c.length > 1<<62 {
			return c, 0, fmt.Errorf("chunk %#x lies at byte %d of the device: %w", start, at, volume.ErrCorrupt)
		}
		c.places = append(c.places, int64(at))
	}
	if len(c.places) == 0 {
		c.err = fmt.Errorf("chunk %#x lies on device %d of the file system, which is not at hand: %w", start, elsewhere, volume.ErrUnsupported)
	}
	return c, size, nil
}

// readChunks finds where logical addresses lie: first those of the chunk tree, from the superblock, then all from that tree.
func (f *filesystem) readChunks() error {
	for b := f.super.sysChunks; len(b) > 0; {
		if len(b) < keySize {
			return fmt.Errorf("array of system chunks cut off: %w", volume.ErrCorrupt)
		}
		k := parseKey(b)
		if k.kind != itemChunk {
			return fmt.Errorf("array of system chunks: item of type %d: %w", k.kind, volume.ErrCorrupt)
		}
		c, n, err := f.parseChunk(k.offset, b[keySize:])
		if err != nil {
			return fmt.Errorf("array of system chunks: %w", err)
		}
		f.chunks = append(f.chunks, c)
		b = b[keySize+n:]
	}
	if err := f.sortChunks(); err != nil {
		return err
	}
	var all []chunk
	err := f.walk(f.super.chunkRoot, key{kind: itemChunk}, maxKey, func(k key, b []byte) error {
		if k.kind != itemChunk {
			return nil
		}
		if len(all) >= maxChunks {
			return fmt.Errorf("more than %d chunks: %w", maxChunks, volume.ErrLimit)
		}
		c, _, err := f.parseChunk(k.offset, b)
		all = append(all, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("chunk tree: %w", err)
	}
	f.chunks = all
	return f.sortChunks()
}

func (f *filesystem) sortChunks() error {
	slices.SortFunc(f.chunks, func(a, b chunk) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(f.chunks); i++ {
		if f.chunks[i-1].end() > f.chunks[i].start {
			return fmt.Errorf("chunks %#x and %#x overlap: %w", f.chunks[i-1].start, f.chunks[i].start, volume.ErrCorrupt)
		}
	}
	return nil
}

// places returns where the copies of n bytes at a logical address lie on the device.
func (f *filesystem) places(at uint64, n int) ([]int64, error) {
	i, ok := slices.BinarySearchFunc(f.chunks, at, func(c chunk, at uint64) int { return cmp.Compare(c.start, at) })
	if !ok {
		i--
	}
	if i < 0 || at-f.chunks[i].start >= f.chunks[i].length || f.chunks[i].length-(at-f.chunks[i].start) < uint64(n) {
		return nil, fmt.Errorf("no chunk holds %d bytes at address %#x: %w", n, at, volume.ErrCorrupt)
	}
	c := f.chunks[i]
	if c.err != nil {
		return nil, c.err
	}
	out := make([]int64, len(c.places))
	for j, p := range c.places {
		out[j] = p + int64(at-c.start)
	}
	return out, nil
}

// read reads the first copy of len(b) bytes at a logical address that good accepts; good says what is wrong with one, or "".
func (f *filesystem) read(b []byte, at uint64, good func(b []byte) string) error {
	places, err := f.places(at, len(b))
	if err != nil {
		return err
	}
	var first error
	for _, place := range places {
		n, err := f.dev.ReadAt(b, place)
		switch {
		case n == len(b):
			why := good(b)
			if why == "" {
				return nil
			}
			err = fmt.Errorf("address %#x, byte %d of the device: %s: %w", at, place, why, volume.ErrCorrupt)
		case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("address %#x lies at byte %d of the device, which ends before: %w", at, place, volume.ErrCorrupt)
		default:
			err = fmt.Errorf("address %#x: %w", at, err)
		}
		if first == nil {
			first = err
		}
	}
	return first
}
