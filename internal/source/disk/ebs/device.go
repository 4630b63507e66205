// Package ebs reads an EBS snapshot through the EBS direct APIs as a run of bytes: only the blocks that are asked for are fetched,
// each is verified, and a bounded number is kept. Nothing is written and no volume is made.
package ebs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

// BlockSize is the size of a snapshot's blocks in bytes (EBS direct API reference, ListSnapshotBlocks: always 524,288).
const BlockSize = 512 << 10

// API is the part of the EBS direct APIs that reading needs; *ebs.Client is one.
type API interface {
	ListSnapshotBlocks(context.Context, *ebs.ListSnapshotBlocksInput, ...func(*ebs.Options)) (*ebs.ListSnapshotBlocksOutput, error)
	GetSnapshotBlock(context.Context, *ebs.GetSnapshotBlockInput, ...func(*ebs.Options)) (*ebs.GetSnapshotBlockOutput, error)
}

// Options bound the work.
type Options struct {
	CacheBytes int64                // kept blocks; 64 MiB if 0
	Parallel   int                  // requests in flight for one read; 16 if 0
	Now        func() time.Time     // for the expiry of tokens
	Call       []func(*ebs.Options) // region and credentials of each call
}

// Counters say what reading cost.
type Counters struct {
	Lists  int64 // ListSnapshotBlocks requests
	Blocks int64 // GetSnapshotBlock requests
	Bytes  int64 // received in blocks
}

// Device is one snapshot. It is safe for concurrent use.
type Device struct {
	fetch    func(index int64) ([]byte, error)
	size     int64
	parallel int
	cache    *blockCache
	flight   singleflight.Group
	lists    atomic.Int64
	blocks   atomic.Int64
	bytes    atomic.Int64
}

// ErrBlock marks a block that did not arrive as it was stored: wrong length or wrong checksum.
var ErrBlock = errors.New("snapshot block damaged in transit")

// Open asks for the first page of a snapshot's blocks, which also tells its size. ctx bounds the whole life of the device.
func Open(ctx context.Context, api API, snapshotID string, opts Options) (*Device, error) {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 64 << 20
	}
	if opts.Parallel == 0 {
		opts.Parallel = 16
	}
	if opts.Now == nil {
		return nil, errors.New("open snapshot: no clock given")
	}
	d := &Device{parallel: opts.Parallel, cache: newBlockCache(int(max(opts.CacheBytes/BlockSize, 4)))}
	src := &source{api: api, snapshot: snapshotID, opts: opts, device: d}
	gib, err := src.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %s: %w", snapshotID, err)
	}
	d.size = gib << 30
	d.fetch = func(index int64) ([]byte, error) { return src.block(ctx, index) }
	return d, nil
}

// Size returns the volume's size in bytes.
func (d *Device) Size() int64 { return d.size }

// Counters returns what reading has cost so far.
func (d *Device) Counters() Counters {
	return Counters{Lists: d.lists.Load(), Blocks: d.blocks.Load(), Bytes: d.bytes.Load()}
}

// ReadAt reads len(p) bytes at off. Blocks that the snapshot does not hold were never written and read as zeros.
// It returns io.EOF past the volume's end.
func (d *Device) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at offset %d", off)
	}
	if off >= d.size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > d.size-off {
		p, end = p[:d.size-off], io.EOF
	}
	if len(p) == 0 {
		return 0, end
	}
	first, last := off/BlockSize, (off+int64(len(p))-1)/BlockSize
	if first == last {
		b, err := d.block(first)
		if err != nil {
			return 0, err
		}
		copyBlock(p, b, off-first*BlockSize)
		return len(p), end
	}
	var g errgroup.Group
	g.SetLimit(d.parallel)
	for i := first; i <= last; i++ {
		g.Go(func() error {
			b, err := d.block(i)
			if err != nil {
				return err
			}
			from := max(off, i*BlockSize)
			to := min(off+int64(len(p)), (i+1)*BlockSize)
			copyBlock(p[from-off:to-off], b, from-i*BlockSize)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return len(p), end
}

// copyBlock copies from a block; nil stands for a block of zeros.
func copyBlock(p, block []byte, from int64) {
	if block == nil {
		clear(p)
		return
	}
	copy(p, block[from:])
}

// block returns one block, from the cache or by one request however many wait for it.
func (d *Device) block(index int64) ([]byte, error) {
	if b, ok := d.cache.get(index); ok {
		return b, nil
	}
	v, err, _ := d.flight.Do(fmt.Sprint(index), func() (any, error) {
		if b, ok := d.cache.get(index); ok {
			return b, nil
		}
		b, err := d.fetch(index)
		if err == nil {
			d.cache.put(index, b)
		}
		return b, err
	})
	if err != nil {
		return nil, err
	}
	b, _ := v.([]byte)
	return b, nil
}

// blockCache keeps the blocks used last. Blocks of zeros are kept as nil and weigh nothing, but count.
type blockCache struct {
	mu    sync.Mutex
	limit int
	clock int64
	rows  map[int64]*cachedBlock
}

type cachedBlock struct {
	data []byte
	used int64
}

func newBlockCache(limit int) *blockCache {
	return &blockCache{limit: limit, rows: map[int64]*cachedBlock{}}
}

func (c *blockCache) get(index int64) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.rows[index]
	if !ok {
		return nil, false
	}
	c.clock++
	r.used = c.clock
	return r.data, true
}

func (c *blockCache) put(index int64, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) >= c.limit {
		oldest, at := int64(-1), int64(0)
		for i, r := range c.rows { // a few hundred rows at most: a scan costs far less than the request that led here
			if oldest < 0 || r.used < at {
				oldest, at = i, r.used
			}
		}
		delete(c.rows, oldest)
	}
	c.clock++
	c.rows[index] = &cachedBlock{data, c.clock}
}
