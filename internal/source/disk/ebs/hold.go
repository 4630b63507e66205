package ebs

import (
	"container/list"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"hinomi/internal/source/disk/ebs/kept"
)

// hold keeps blocks within a bound: those used last as they are, older ones compressed, and of the oldest only the pages that were looked at,
// because what was looked at once is what is looked at again: folders, inodes, databases. It is safe for concurrent use.
type hold struct {
	// record is given the pages that were looked at of a block before it is dropped; nil if nobody wants them.
	record func(index int64, block []byte, pages kept.Pages)

	packer   *zstd.Encoder // of pages: they stay for the whole scan, so they are made as small as can be
	unpacker *zstd.Decoder

	mu    sync.Mutex
	slots map[int64]*slot
	tiers [tiers]tier
	most  int // bytes held at any time
}

// The tiers of what is kept.
const (
	raw   = iota // as it is
	whole        // compressed
	part         // only the pages that were looked at, compressed
	tiers
)

type tier struct {
	order list.List // of *slot; front: used last
	bytes int
	limit int
}

// slot is one block, or what is left of it.
type slot struct {
	index   int64
	tier    int
	data    []byte     // BlockSize bytes where tier is raw, else compressed; nil for a block of zeros
	valid   kept.Pages // the pages that data holds
	touched kept.Pages // the pages that somebody looked at
	place   *list.Element
	busy    chan struct{} // closed when what is being done to it is done; nil if nothing is
}

// slotBytes is what a slot weighs beside its data.
const slotBytes = 256

func newHold(limit int64) (*hold, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(BlockSize), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("compress blocks: %w", err)
	}
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*BlockSize), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("compress blocks: %w", err)
	}
	h := &hold{packer: packer, unpacker: unpacker, slots: map[int64]*slot{}}
	blocks := int(max(limit/BlockSize, 4))
	h.tiers[raw].limit = max(blocks/8, 2) * BlockSize            // few blocks are in use at a time: more room for compressed ones saves more requests
	h.tiers[whole].limit = blocks*BlockSize - h.tiers[raw].limit // together with part
	return h, nil
}

// found is what want says about a block.
type found struct {
	data []byte // the block; nil and no slot: zeros
	wait <-chan struct{}
	slot *slot // to be filled by the caller, who ends it by fill or fail
}

// want looks for some pages of a block. If they are not there and nobody is getting them, the caller must. look says that somebody reads them.
func (h *hold) want(index int64, pages kept.Pages, look bool) found {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.slots[index]
	if s == nil {
		s = &slot{index: index, busy: make(chan struct{})}
		h.slots[index] = s
		return found{slot: s}
	}
	if s.place != nil && s.valid.Holds(pages) && (s.tier == raw || s.data == nil) {
		if look {
			s.touched = s.touched.With(pages)
		}
		h.tiers[s.tier].order.MoveToFront(s.place)
		return found{data: s.data}
	}
	if s.busy != nil {
		return found{wait: s.busy}
	}
	s.busy = make(chan struct{})
	return found{slot: s}
}

// has says whether pages of a block are there or on their way.
func (h *hold) has(index int64, pages kept.Pages) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.slots[index]
	return s != nil && (s.busy != nil || s.valid.Holds(pages))
}

// fail ends what the caller was to do with a slot, in vain.
func (h *hold) fail(s *slot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.place == nil {
		delete(h.slots, s.index)
	}
	h.done(s)
}

func (h *hold) done(s *slot) {
	close(s.busy)
	s.busy = nil
}

// fill puts data into a slot; nil is a block of zeros. What then is too much is compressed or dropped.
func (h *hold) fill(s *slot, data []byte, valid, touched kept.Pages) {
	h.mu.Lock()
	s.touched = s.touched.With(touched)
	to := raw
	if data == nil {
		to = part // it weighs next to nothing
	}
	h.move(s, to, data, valid)
	h.done(s)
	h.mu.Unlock()
	h.settle()
}

// move puts a slot into a tier. The lock is held.
func (h *hold) move(s *slot, to int, data []byte, valid kept.Pages) {
	h.take(s)
	s.tier, s.data, s.valid = to, data, valid
	t := &h.tiers[to]
	s.place = t.order.PushFront(s)
	t.bytes += len(data) + slotBytes
	h.most = max(h.most, h.tiers[raw].bytes+h.tiers[whole].bytes+h.tiers[part].bytes)
}

// take takes a slot out of its tier. The lock is held.
func (h *hold) take(s *slot) {
	if s.place == nil {
		return
	}
	t := &h.tiers[s.tier]
	t.order.Remove(s.place)
	t.bytes -= len(s.data) + slotBytes
	s.place = nil
}

// settle makes room: one step at a time, the compressing outside of the lock.
func (h *hold) settle() {
	for {
		h.mu.Lock()
		s, to := h.victim()
		if s == nil {
			h.mu.Unlock()
			return
		}
		s.busy = make(chan struct{})
		from, data, valid, touched := s.tier, s.data, s.valid, s.touched
		h.mu.Unlock()
		if from == whole {
			if data = h.unpack(from, data, valid); data == nil {
				touched = kept.Pages{}
			}
			valid = touched
		}
		drop := to == tiers || data == nil || valid.Len() == 0
		var packed []byte
		switch {
		case drop && h.record != nil && touched.Len() > 0: // of the last tier: others are not dropped while they are of use
			h.record(s.index, h.blockOf(from, data, valid), touched)
		case !drop && to == part:
			packed = h.packer.EncodeAll(kept.Gather(make([]byte, 0, valid.Len()*kept.PageSize), data, valid), nil)
		case !drop:
			packed = pack(data)
		}
		h.mu.Lock()
		if drop {
			h.take(s)
			delete(h.slots, s.index)
		} else {
			h.move(s, to, packed, valid)
		}
		h.done(s)
		h.mu.Unlock()
	}
}

// victim picks what must make room and the tier it goes to; tiers is nowhere. The lock is held.
func (h *hold) victim() (*slot, int) {
	if h.tiers[raw].bytes+h.tiers[whole].bytes+h.tiers[part].bytes <= h.tiers[raw].limit+h.tiers[whole].limit {
		return nil, 0 // compressing costs more than getting a block here does: not before there is need
	}
	if t := &h.tiers[raw]; t.bytes > t.limit {
		if s := t.oldest(); s != nil {
			if s.valid == kept.All() {
				return s, whole
			}
			return s, part
		}
	}
	if h.tiers[whole].bytes+h.tiers[part].bytes <= h.tiers[whole].limit {
		return nil, 0
	}
	if s := h.tiers[whole].oldest(); s != nil {
		return s, part
	}
	return h.tiers[part].oldest(), tiers
}

// oldest is the slot used longest ago with which nothing is being done; nil if there is none.
func (t *tier) oldest() *slot {
	for e := t.order.Back(); e != nil; e = e.Prev() {
		if s := e.Value.(*slot); s.busy == nil { //nolint:forcetypeassert // nothing else is put there
			return s
		}
	}
	return nil
}

// pack compresses. S2 makes less of a block than zstd does, in a third of the time: it is done and undone once or twice for each block.
func pack(plain []byte) []byte {
	packed := s2.Encode(nil, plain)
	return append(make([]byte, 0, len(packed)), packed...) // without the room that the worst case would need
}

// unpack gives back a block that a tier holds compressed, but for pages that were not kept; nil if it cannot be had: it is fetched again.
func (h *hold) unpack(tier int, packed []byte, valid kept.Pages) []byte {
	if tier == whole {
		plain, err := s2.Decode(nil, packed)
		if err != nil || len(plain) != BlockSize {
			return nil
		}
		return plain
	}
	plain, err := h.unpacker.DecodeAll(packed, make([]byte, 0, valid.Len()*kept.PageSize))
	block := make([]byte, BlockSize)
	if err != nil || !kept.Scatter(block, plain, valid) {
		return nil
	}
	return block
}

// blockOf is a block that a tier holds, but for pages that were not kept; nil if it cannot be had.
func (h *hold) blockOf(tier int, data []byte, valid kept.Pages) []byte {
	switch {
	case data == nil:
		return make([]byte, BlockSize)
	case tier == raw:
		return data
	}
	return h.unpack(tier, data, valid)
}

// stored takes a slot's compressed data, for the caller to unpack; nil if there is none. The slot is busy by the caller.
func (h *hold) stored(s *slot, pages kept.Pages) (tier int, packed []byte, valid kept.Pages) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.place == nil || s.tier == raw || s.data == nil || !s.valid.Holds(pages) {
		return 0, nil, kept.Pages{}
	}
	return s.tier, s.data, s.valid
}

// each gives every block that is held, with the pages that were looked at. Nothing may be read meanwhile.
func (h *hold) each(do func(index int64, block []byte, pages kept.Pages)) {
	h.mu.Lock()
	all := make([]*slot, 0, len(h.slots))
	for _, s := range h.slots {
		if s.place != nil && s.touched.Len() > 0 {
			all = append(all, s)
		}
	}
	h.mu.Unlock()
	for _, s := range all {
		do(s.index, h.blockOf(s.tier, s.data, s.valid), s.touched)
	}
}
