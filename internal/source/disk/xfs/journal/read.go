package journal

import (
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	chunkBlocks = 256 << 10 / SectorSize
	maxChunks   = 128 // 32 MiB
)

// chunkCache holds the pieces of the log read last, oldest first out.
type chunkCache struct {
	data  map[int64][]byte
	order []int64
}

// read returns n blocks from a block on, around the end of the log. The result is the caller's own memory.
func (l *Log) read(block, n int64) ([]byte, error) {
	if block < 0 || block >= l.p.Blocks || n <= 0 || n > l.p.Blocks {
		return nil, fmt.Errorf("log block %d outside of %d: %w", block, l.p.Blocks, volume.ErrCorrupt)
	}
	out := make([]byte, 0, n*SectorSize)
	for n > 0 {
		c, err := l.chunk(block / chunkBlocks)
		if err != nil {
			return nil, err
		}
		at := block % chunkBlocks
		take := min(n, int64(len(c))/SectorSize-at)
		out = append(out, c[at*SectorSize:(at+take)*SectorSize]...)
		n -= take
		block = (block + take) % l.p.Blocks
	}
	return out, nil
}

func (l *Log) chunk(i int64) ([]byte, error) {
	if c, ok := l.chunks.data[i]; ok {
		return c, nil
	}
	blocks := min(chunkBlocks, l.p.Blocks-i*chunkBlocks)
	c := make([]byte, blocks*SectorSize)
	if _, err := l.r.ReadAt(c, l.p.Offset+i*chunkBlocks*SectorSize); err != nil {
		return nil, fmt.Errorf("read log block %d: %w", i*chunkBlocks, err)
	}
	if l.chunks.data == nil {
		l.chunks.data = make(map[int64][]byte)
	}
	if len(l.chunks.order) >= maxChunks {
		delete(l.chunks.data, l.chunks.order[0])
		l.chunks.order = l.chunks.order[1:]
	}
	l.chunks.data[i] = c
	l.chunks.order = append(l.chunks.order, i)
	return c, nil
}

// cycleAt reads the cycle number of one block without the cache: the binary search hits far-off places once.
func (l *Log) cycleAt(block int64) (uint32, error) {
	if c, ok := l.chunks.data[block/chunkBlocks]; ok {
		return cycle(c[block%chunkBlocks*SectorSize:]), nil
	}
	b := make([]byte, SectorSize)
	if _, err := l.r.ReadAt(b, l.p.Offset+block*SectorSize); err != nil {
		return 0, fmt.Errorf("read log block %d: %w", block, err)
	}
	return cycle(b), nil
}
