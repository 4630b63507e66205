// Package ebs reads an EBS snapshot through the EBS direct APIs as a run of bytes: only the blocks that are asked for are fetched, many at a
// time, each is verified, and a bounded number is kept so that none is fetched twice. With the pages that an earlier scan kept and the list of
// the blocks that changed since, only changed blocks are fetched. Nothing is written to the account and no volume is made.
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

	"hinomi/internal/source/disk/ebs/kept"
)

// BlockSize is the size of a snapshot's blocks in bytes (EBS direct API reference, ListSnapshotBlocks: always 524,288).
const BlockSize = kept.BlockSize

// API is the part of the EBS direct APIs that reading needs; *ebs.Client is one.
type API interface {
	ListSnapshotBlocks(context.Context, *ebs.ListSnapshotBlocksInput, ...func(*ebs.Options)) (*ebs.ListSnapshotBlocksOutput, error)
	GetSnapshotBlock(context.Context, *ebs.GetSnapshotBlockInput, ...func(*ebs.Options)) (*ebs.GetSnapshotBlockOutput, error)
}

// The defaults of Options.
const (
	DefaultCacheBytes = 192 << 20
	DefaultParallel   = 32
)

// Options bound the work.
type Options struct {
	CacheBytes int64                // memory for blocks, compressed or not; DefaultCacheBytes if 0
	Parallel   int                  // requests in flight, each of which takes memory for a block; DefaultParallel if 0
	Now        func() time.Time     // for the expiry of tokens
	Call       []func(*ebs.Options) // region and credentials of each call
	// Baseline is what an earlier scan of the same volume kept; nil: everything comes from the snapshot.
	Baseline *Baseline
	// Record is given the pages that are read, for the next scan; Device.Record ends that. nil: nothing is recorded.
	Record *kept.Writer
}

// Baseline is an earlier scan's pages and what has changed since. Where a page was kept and its block has not changed, it is not fetched.
type Baseline struct {
	Kept    *kept.File
	Changes *Changes // from Kept's snapshot to the one that is opened
}

// Counters say what reading cost.
type Counters struct {
	Lists     int64 // ListSnapshotBlocks requests
	Blocks    int64 // GetSnapshotBlock requests
	Bytes     int64 // received in blocks
	Again     int64 // blocks among them that had been fetched before, and were given up for lack of memory
	FromKept  int64 // blocks of which pages came from the baseline instead
	HeldBytes int64 // of blocks, at most at any time
}

// Device is one snapshot. It is safe for concurrent use.
type Device struct {
	source   *source
	size     int64
	parallel int
	baseline *Baseline
	record   *kept.Writer
	hold     *hold
	fetch    func(index int64) ([]byte, error)
	inFlight chan struct{} // one for each request that may run
	hints    chan struct{} // one for each block that may be fetched on a hint
	ahead    sync.WaitGroup

	lists, blocks, bytes, again, fromKept atomic.Int64

	mu      sync.Mutex
	fetched map[int64]struct{}
	note    string // why the baseline is of no use any more
}

// ErrBlock marks a block that did not arrive as it was stored: wrong length or wrong checksum.
var ErrBlock = errors.New("snapshot block damaged in transit")

// Open opens a snapshot for reading. Without a baseline it asks for the first page of the snapshot's blocks, which also tells its size. ctx
// bounds the whole life of the device. A baseline that is of another volume, snapshot or size is ErrBaseline.
func Open(ctx context.Context, api API, snapshotID string, opts Options) (*Device, error) {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = DefaultCacheBytes
	}
	if opts.Parallel <= 0 {
		opts.Parallel = DefaultParallel
	}
	if opts.Now == nil {
		return nil, errors.New("open snapshot: no clock given")
	}
	held, err := newHold(opts.CacheBytes)
	if err != nil {
		return nil, err
	}
	d := &Device{
		parallel: opts.Parallel, hold: held, baseline: opts.Baseline, record: opts.Record, fetched: map[int64]struct{}{},
		inFlight: make(chan struct{}, opts.Parallel), hints: make(chan struct{}, opts.Parallel),
	}
	if d.record != nil {
		held.record = d.record.Put
	}
	d.source = &source{api: api, snapshot: snapshotID, opts: opts, device: d}
	if d.size, err = d.source.open(ctx, opts.Baseline); err != nil {
		return nil, fmt.Errorf("open snapshot %s: %w", snapshotID, err)
	}
	d.fetch = func(index int64) ([]byte, error) {
		select {
		case d.inFlight <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("get block %d of %s: %w", index, snapshotID, context.Cause(ctx))
		}
		defer func() { <-d.inFlight }()
		return d.source.block(ctx, index)
	}
	return d, nil
}

// Size returns the volume's size in bytes.
func (d *Device) Size() int64 { return d.size }

// Counters returns what reading has cost so far.
func (d *Device) Counters() Counters {
	d.hold.mu.Lock()
	most := int64(d.hold.most)
	d.hold.mu.Unlock()
	return Counters{
		Lists: d.lists.Load(), Blocks: d.blocks.Load(), Bytes: d.bytes.Load(), Again: d.again.Load(), FromKept: d.fromKept.Load(), HeldBytes: most,
	}
}

// Notes say what of the baseline could not be used, and why; nothing is missing by it but speed.
func (d *Device) Notes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.note == "" {
		return nil
	}
	return []string{d.note}
}

// Close waits for what is being fetched on a hint. End the context of Open before, or it takes as long as that takes.
func (d *Device) Close() error {
	d.ahead.Wait()
	return nil
}

// Record gives the pages that were read, and are still held, to the writer of Options. Nothing may be read meanwhile or afterwards.
func (d *Device) Record() {
	d.ahead.Wait()
	if d.record != nil {
		d.hold.each(d.record.Put)
	}
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
		if err := d.copy(p, first, int(off-first*BlockSize)); err != nil {
			return 0, err
		}
		return len(p), end
	}
	var g errgroup.Group
	g.SetLimit(d.parallel)
	for i := first; i <= last; i++ {
		g.Go(func() error {
			from := max(off, i*BlockSize)
			to := min(off+int64(len(p)), (i+1)*BlockSize)
			return d.copy(p[from-off:to-off], i, int(from-i*BlockSize))
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return len(p), end
}

// Prefetch implements volume.Prefetcher. As many blocks as may be in flight are fetched on such a hint at a time; what is above is forgotten.
func (d *Device) Prefetch(off, length int64) {
	if off < 0 || length <= 0 || off >= d.size {
		return
	}
	end := off + min(length, d.size-off)
	for i := off / BlockSize; i <= (end-1)/BlockSize; i++ {
		from, to := max(off, i*BlockSize), min(end, (i+1)*BlockSize)
		pages := kept.Span(int(from-i*BlockSize), int(to-from))
		if d.hold.has(i, pages) {
			continue
		}
		select {
		case d.hints <- struct{}{}:
		default:
			return
		}
		d.ahead.Go(func() {
			defer func() { <-d.hints }()
			_, _ = d.block(i, pages, false) // whoever reads it is told what is wrong
		})
	}
}

// copy copies from a block.
func (d *Device) copy(p []byte, index int64, from int) error {
	data, err := d.block(index, kept.Span(from, len(p)), true)
	if err != nil {
		return err
	}
	if data == nil {
		clear(p)
		return nil
	}
	copy(p, data[from:])
	return nil
}

// block returns a block in which the pages asked for are right: from memory, from the baseline, or by one request however many wait for it.
// nil is a block of zeros.
func (d *Device) block(index int64, pages kept.Pages, look bool) ([]byte, error) {
	for {
		f := d.hold.want(index, pages, look)
		if f.wait != nil {
			<-f.wait
			continue
		}
		if f.slot == nil {
			return f.data, nil
		}
		data, valid, err := d.get(f.slot, pages)
		if err != nil {
			d.hold.fail(f.slot)
			return nil, err
		}
		touched := kept.Pages{}
		if look {
			touched = pages
		}
		d.hold.fill(f.slot, data, valid, touched)
		return data, nil
	}
}

// get finds pages of a block outside of what is held as it is.
func (d *Device) get(s *slot, pages kept.Pages) (data []byte, valid kept.Pages, err error) {
	if tier, packed, valid := d.hold.stored(s, pages); packed != nil {
		if data := d.hold.unpack(tier, packed, valid); data != nil {
			return data, valid, nil
		}
	}
	if data, valid := d.fromBaseline(s.index, pages); data != nil {
		return data, valid, nil
	}
	d.mu.Lock()
	if _, had := d.fetched[s.index]; had {
		d.again.Add(1)
	}
	d.mu.Unlock()
	data, err = d.fetch(s.index)
	if err != nil {
		return nil, valid, err
	}
	if data != nil {
		d.mu.Lock()
		d.fetched[s.index] = struct{}{}
		d.mu.Unlock()
	}
	return data, kept.All(), nil
}

// fromBaseline returns a block of which the pages asked for were kept and have not changed; nil if they were not.
func (d *Device) fromBaseline(index int64, pages kept.Pages) ([]byte, kept.Pages) {
	b := d.baseline
	if b == nil || b.Changes.Has(index) || !b.Kept.Known(index).Holds(pages) {
		return nil, kept.Pages{}
	}
	data := make([]byte, BlockSize)
	valid, err := b.Kept.Load(index, data)
	if err != nil || !valid.Holds(pages) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.note == "" && err != nil {
			d.note = fmt.Sprintf("the pages kept of the last scan are not all used: %v", err)
		}
		return nil, kept.Pages{}
	}
	d.fromKept.Add(1)
	return data, valid
}
