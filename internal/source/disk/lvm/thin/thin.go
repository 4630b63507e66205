// Package thin reads the metadata of a pool of dm-thin, the thin provisioning
// of Linux, and its volumes. Structures are those of drivers/md/dm-thin-metadata.c
// and drivers/md/persistent-data.
package thin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"hinomi/internal/source/disk/volume"
)

const (
	blockSize     = 4096     // of metadata, bytes
	superMagic    = 27022010 // THIN_SUPERBLOCK_MAGIC
	superSalt     = 160774   // SUPERBLOCK_CSUM_XOR
	nodeSalt      = 121107   // BTREE_CSUM_XOR
	needsCheck    = 1        // THIN_METADATA_NEEDS_CHECK_FLAG
	minChunk      = 64 << 10 // bytes (dm-thin.c, DATA_DEV_BLOCK_SIZE_MIN_SECTORS)
	maxChunk      = 1 << 30  // bytes (DATA_DEV_BLOCK_SIZE_MAX_SECTORS)
	maxAhead      = 256      // chunks that one Prefetch looks up
	maxDepth      = 16       // levels of one tree; 2^64 keys need eight
	cachedNodes   = 1024     // of 4 KiB
	timeBits      = 24       // of a mapping: when it was made; above it the chunk
	leafValue     = 8        // bytes of a mapping
	detailsLength = 24       // bytes of a device's details
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of dm_bm_checksum: CRC-32C without the last inversion.
func checksum(b []byte, salt uint32) uint32 { return ^crc32.Checksum(b, castagnoli) ^ salt }

// Pool is a pool of thin volumes. It is safe for concurrent use.
type Pool struct {
	meta, data volume.Device
	chunk      int64 // bytes
	blocks     int64 // of the metadata device
	mappings   uint64
	details    uint64
	notes      []string

	mu    sync.Mutex
	nodes map[uint64]*node // checked ones
}

// Open reads the superblock of a pool: its metadata device and its data device.
func Open(meta, data volume.Device) (*Pool, error) {
	raw := make([]byte, blockSize)
	if err := readFull(meta, raw, 0); err != nil {
		return nil, fmt.Errorf("read the superblock of the thin pool: %w", err)
	}
	le := binary.LittleEndian
	switch {
	case le.Uint64(raw[32:]) != superMagic:
		return nil, fmt.Errorf("magic of the thin pool's superblock: %w", volume.ErrCorrupt)
	case checksum(raw[4:], superSalt) != le.Uint32(raw) || le.Uint64(raw[8:]) != 0:
		return nil, fmt.Errorf("checksum of the thin pool's superblock: %w", volume.ErrCorrupt)
	}
	if v := le.Uint32(raw[40:]); v < 1 || v > 2 {
		return nil, fmt.Errorf("thin pool of version %d: %w", v, volume.ErrUnsupported)
	}
	if flags := le.Uint32(raw[360:]); flags != 0 {
		return nil, fmt.Errorf("thin pool with the unknown feature %#x: %w", flags, volume.ErrUnsupported)
	}
	p := &Pool{
		meta: meta, data: data, chunk: int64(le.Uint32(raw[336:])) * 512, blocks: meta.Size() / blockSize,
		mappings: le.Uint64(raw[320:]), details: le.Uint64(raw[328:]), nodes: map[uint64]*node{},
	}
	if p.chunk < minChunk || p.chunk > maxChunk || p.chunk%minChunk != 0 {
		return nil, fmt.Errorf("thin pool with chunks of %d bytes: %w", p.chunk, volume.ErrCorrupt)
	}
	if size := le.Uint32(raw[340:]); size != blockSize/512 {
		return nil, fmt.Errorf("thin pool with metadata blocks of %d sectors: %w", size, volume.ErrCorrupt)
	}
	if le.Uint32(raw[4:])&needsCheck != 0 {
		p.notes = append(p.notes, "its metadata is marked as in need of a check")
	}
	return p, nil
}

// ChunkSize returns the size of a chunk in bytes.
func (p *Pool) ChunkSize() int64 { return p.chunk }

// Notes says what must be known about the read.
func (p *Pool) Notes() []string { return p.notes }

// Volume returns the thin volume of a number, of size bytes. What was never
// written reads from below, or as zeros if that is nil. It returns
// volume.ErrCorrupt if the pool does not know the number.
func (p *Pool) Volume(id uint64, size int64, below volume.Device) (volume.Device, error) {
	if _, ok, err := p.find(p.details, id, detailsLength); err != nil || !ok {
		return nil, fmt.Errorf("details of thin volume %d: %w", id, orMissing(err))
	}
	value, ok, err := p.find(p.mappings, id, leafValue)
	if err != nil || !ok {
		return nil, fmt.Errorf("mappings of thin volume %d: %w", id, orMissing(err))
	}
	v := &thinVolume{pool: p, root: binary.LittleEndian.Uint64(value), size: size, below: below}
	if _, err := p.node(v.root); err != nil {
		return nil, fmt.Errorf("mappings of thin volume %d: %w", id, err)
	}
	return v, nil
}

func orMissing(err error) error {
	if err == nil {
		return fmt.Errorf("not in the pool: %w", volume.ErrCorrupt)
	}
	return err
}

// thinVolume is a thin volume as a device.
type thinVolume struct {
	pool  *Pool
	root  uint64
	size  int64
	below volume.Device
}

func (v *thinVolume) Size() int64 { return v.size }

func (v *thinVolume) ReadAt(b []byte, off int64) (int, error) {
	var end error
	switch left := v.size - off; {
	case off < 0:
		return 0, fmt.Errorf("read at %d: %w", off, volume.ErrCorrupt)
	case left <= 0:
		return 0, io.EOF
	case left < int64(len(b)):
		b, end = b[:left], io.EOF
	}
	done := 0
	for done < len(b) {
		at := off + int64(done)
		inside := at % v.pool.chunk
		part := b[done : done+int(min(int64(len(b)-done), v.pool.chunk-inside))]
		n, err := v.readChunk(part, at/v.pool.chunk, inside)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, end
}

// Prefetch implements volume.Prefetcher. What is wrong with a mapping, the read says.
func (v *thinVolume) Prefetch(off, length int64) {
	if _, ok := v.pool.data.(volume.Prefetcher); !ok || off < 0 {
		return
	}
	for end := off + min(length, max(v.size-off, 0), maxAhead*v.pool.chunk); off < end; {
		inside := off % v.pool.chunk
		n := min(end-off, v.pool.chunk-inside)
		value, ok, err := v.pool.find(v.root, uint64(off/v.pool.chunk), leafValue)
		if err != nil {
			return
		}
		switch {
		case ok:
			if at := int64(binary.LittleEndian.Uint64(value) >> timeBits); at < v.pool.data.Size()/v.pool.chunk {
				volume.Prefetch(v.pool.data, at*v.pool.chunk+inside, n)
			}
		case v.below != nil:
			volume.Prefetch(v.below, off, n)
		}
		off += n
	}
}

// readChunk fills b from a chunk of the volume.
func (v *thinVolume) readChunk(b []byte, chunk, inside int64) (int, error) {
	value, ok, err := v.pool.find(v.root, uint64(chunk), leafValue)
	if err != nil {
		return 0, fmt.Errorf("mapping of chunk %d: %w", chunk, err)
	}
	if !ok {
		return v.readBelow(b, chunk*v.pool.chunk+inside)
	}
	at := int64(binary.LittleEndian.Uint64(value) >> timeBits)
	if at >= v.pool.data.Size()/v.pool.chunk {
		return 0, fmt.Errorf("chunk %d lies at chunk %d of the pool: %w", chunk, at, volume.ErrCorrupt)
	}
	if err := readFull(v.pool.data, b, at*v.pool.chunk+inside); err != nil {
		return 0, fmt.Errorf("read chunk %d of the pool: %w", at, err)
	}
	return len(b), nil
}

// readBelow fills b from the external origin, as far as it goes, and with zeros.
func (v *thinVolume) readBelow(b []byte, off int64) (int, error) {
	clear(b)
	if v.below == nil || off >= v.below.Size() {
		return len(b), nil
	}
	part := b[:min(int64(len(b)), v.below.Size()-off)]
	if err := readFull(v.below, part, off); err != nil {
		return 0, fmt.Errorf("read the external origin: %w", err)
	}
	return len(b), nil
}

// readFull reads all of p or fails.
func readFull(dev volume.Device, p []byte, off int64) error {
	n, err := dev.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
