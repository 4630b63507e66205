package jbd2

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

const (
	tagEscaped  = 1 // the first four bytes were the magic number
	tagSameUUID = 2
	tagLast     = 8

	// maxEntries bounds the block copies, and the revoked blocks, that are
	// remembered: 4 GiB of blocks of 4 KiB, the most that mke2fs makes.
	maxEntries = 1 << 20
)

// Copy is a block of the log that replaces a block of the file system.
type Copy struct {
	Log      uint32 // block of the log
	sequence uint32
	checksum uint32
	escaped  bool
}

// Replay is what the journal changes.
type Replay struct {
	// Blocks maps a block of the file system to its newest copy.
	Blocks       map[uint64]Copy
	Transactions int
	// Gaps are committed changes that could not be believed, and why.
	Gaps []string
	// Fast are the blocks of the fast-commit area, if the journal has one and
	// holds commits at all, and NextID the transaction that they continue.
	Fast   [][]byte
	NextID uint32

	super super
}

// Load reads the journal. A journal without commits gives a Replay without
// blocks. An error means that nothing of it can be used.
func Load(log Log) (*Replay, error) {
	s, err := readSuper(log)
	if err != nil {
		return nil, err
	}
	r := &Replay{Blocks: map[uint64]Copy{}, NextID: s.sequence, super: s}
	if s.start == 0 {
		return r, nil
	}
	sc := &scan{log: log, super: s, replay: r, revoked: map[uint64]uint32{}}
	if s.compat&compatChecksum != 0 {
		sc.be = newCRCBE()
	}
	if err := sc.run(); err != nil {
		return nil, err
	}
	for block, c := range r.Blocks {
		if seq, ok := sc.revoked[block]; ok && !after(c.sequence, seq) {
			delete(r.Blocks, block)
		}
	}
	if s.has(incompatFastCommit) {
		err = r.readFast(log)
	}
	return r, err
}

// Verify checks a block of the log against c's checksum and returns its bytes
// as they stand in the file system. raw is not changed.
func (r *Replay) Verify(c Copy, raw []byte) ([]byte, error) {
	if r.super.checksummed() {
		var seq [4]byte
		binary.BigEndian.PutUint32(seq[:], c.sequence)
		sum := crc32c(crc32c(r.super.seed, seq[:]), raw)
		if r.super.has(incompatCsumV2) {
			sum &= 0xffff
		}
		if sum != c.checksum {
			return nil, fmt.Errorf("journal block %d of transaction %d: checksum: %w", c.Log, c.sequence, volume.ErrCorrupt)
		}
	}
	if !c.escaped {
		return raw, nil
	}
	out := append([]byte(nil), raw...)
	binary.BigEndian.PutUint32(out, magic)
	return out, nil
}

// readFast reads the fast-commit area up to its first block without content.
func (r *Replay) readFast(log Log) error {
	if int64(r.super.fastEnd-r.super.fastFirst)*int64(log.BlockSize) > maxFastBytes {
		return fmt.Errorf("fast-commit area of %d blocks: %w", r.super.fastEnd-r.super.fastFirst, volume.ErrLimit)
	}
	for i := r.super.fastFirst; i < r.super.fastEnd; i++ {
		raw, err := log.Read(i)
		if err != nil {
			return fmt.Errorf("read block %d of the fast-commit area: %w", i, err)
		}
		if binary.LittleEndian.Uint16(raw) == 0 { // no tag has this number
			return nil
		}
		r.Fast = append(r.Fast, raw)
	}
	return nil
}

// after compares two sequence numbers that wrap around (tid_gt of jbd2.h).
func after(a, b uint32) bool { return int32(a-b) > 0 }

// scan walks the log once, from its start to the end of what was committed.
type scan struct {
	log     Log
	super   super
	replay  *Replay
	revoked map[uint64]uint32 // block → last transaction that revoked it

	next     uint32 // block of the log
	seq      uint32 // transaction expected there
	walked   uint32 // blocks passed, which ends a log that bites its tail
	lastTime uint64 // commit time of the transaction before, ns

	// the transaction that is being read
	blocks  []pending
	revokes []uint64
	bad     string // why it cannot be believed if it was committed
	sum     uint32

	be *crcBE // not nil: the first kind of checksums
}

type pending struct {
	block uint64
	copy  Copy
}

func (sc *scan) run() error {
	sc.next, sc.seq = sc.super.start, sc.super.sequence
	sc.begin()
	for sc.walked <= sc.super.last-sc.super.first { // until every block has been seen
		at := sc.next
		raw, err := sc.log.Read(at)
		if err != nil {
			return fmt.Errorf("read journal block %d: %w", at, err)
		}
		sc.advance(1)
		be := binary.BigEndian
		if be.Uint32(raw) != magic || be.Uint32(raw[8:]) != sc.seq {
			break // the end of the log, or what an older round left
		}
		ended := false
		switch be.Uint32(raw[4:]) {
		case blockDescriptor:
			err = sc.descriptor(raw)
		case blockRevoke:
			sc.revoke(raw)
		case blockCommit:
			ended = sc.commit(raw)
		default:
			ended = true
		}
		if err != nil {
			return err
		}
		if len(sc.blocks)+len(sc.replay.Blocks) > maxEntries || len(sc.revokes)+len(sc.revoked) > maxEntries {
			return fmt.Errorf("journal with more than %d entries: %w", maxEntries, volume.ErrLimit)
		}
		if ended {
			break
		}
	}
	if sc.bad != "" && len(sc.replay.Gaps) == 0 {
		sc.replay.Gaps = append(sc.replay.Gaps, fmt.Sprintf("journal ends in transaction %d: %s; if it was committed, it is missing", sc.seq, sc.bad))
	}
	sc.replay.NextID = sc.seq
	return nil
}

// begin starts a transaction.
func (sc *scan) begin() {
	sc.blocks, sc.revokes, sc.bad, sc.sum = sc.blocks[:0], sc.revokes[:0], "", ^uint32(0)
}

// advance goes on by n blocks, around the end of the log.
func (sc *scan) advance(n uint32) {
	sc.walked += n
	length := sc.super.last - sc.super.first
	sc.next = sc.super.first + (sc.next-sc.super.first+n%length)%length
}

// tailed verifies the checksum at the end of a descriptor or revoke block and
// returns what stands before it.
func (sc *scan) tailed(raw []byte, what string) []byte {
	if !sc.super.checksummed() {
		return raw
	}
	end := len(raw) - 4
	if crc32cWithout(sc.super.seed, raw, end) != binary.BigEndian.Uint32(raw[end:]) {
		sc.bad = what + " block has a wrong checksum"
	}
	return raw[:end]
}

// tagSize is journal_tag_bytes().
func (s *super) tagSize() int {
	if s.has(incompatCsumV3) {
		return 16
	}
	n := 8
	if s.has(incompatCsumV2) {
		n += 2
	}
	if s.has(incompat64bit) {
		n += 4
	}
	return n
}

// descriptor reads the tags of the blocks that follow it.
func (sc *scan) descriptor(raw []byte) error {
	be := binary.BigEndian
	body := sc.tailed(raw, "descriptor")
	size := sc.super.tagSize()
	first := len(sc.blocks)
	for p := headerSize; p+size <= len(body); {
		tag := body[p : p+size]
		block := uint64(be.Uint32(tag))
		c := Copy{sequence: sc.seq}
		var flags uint32
		if sc.super.has(incompatCsumV3) {
			flags, c.checksum = be.Uint32(tag[4:]), be.Uint32(tag[12:])
		} else {
			flags, c.checksum = uint32(be.Uint16(tag[6:])), uint32(be.Uint16(tag[4:]))
		}
		if sc.super.has(incompat64bit) {
			block |= uint64(be.Uint32(tag[8:])) << 32
		}
		c.escaped = flags&tagEscaped != 0
		c.Log = sc.super.first + (sc.next-sc.super.first+uint32(len(sc.blocks)-first))%(sc.super.last-sc.super.first)
		sc.blocks = append(sc.blocks, pending{block, c})
		p += size
		if flags&tagSameUUID == 0 {
			p += 16
		}
		if flags&tagLast != 0 {
			break
		}
	}
	n := len(sc.blocks) - first
	if sc.walked+uint32(n) > sc.super.last-sc.super.first {
		sc.blocks = sc.blocks[:first]
		sc.bad = "a descriptor names more blocks than the log has"
		return nil
	}
	if sc.be != nil {
		sc.sum = sc.be.update(sc.sum, raw)
		for _, b := range sc.blocks[first:] {
			data, err := sc.log.Read(b.copy.Log)
			if err != nil {
				return fmt.Errorf("read journal block %d: %w", b.copy.Log, err)
			}
			sc.sum = sc.be.update(sc.sum, data)
		}
	}
	sc.advance(uint32(n))
	return nil
}

// revoke reads the blocks that older copies may no longer replace.
func (sc *scan) revoke(raw []byte) {
	be := binary.BigEndian
	body := sc.tailed(raw, "revoke")
	end, size := int64(be.Uint32(raw[12:])), 4
	if sc.super.has(incompat64bit) {
		size = 8
	}
	if end > int64(len(body)) || end < 16 {
		sc.bad = "revoke block has a wrong length"
		return
	}
	for p := 16; p+size <= int(end); p += size {
		if size == 8 {
			sc.revokes = append(sc.revokes, be.Uint64(raw[p:]))
		} else {
			sc.revokes = append(sc.revokes, uint64(be.Uint32(raw[p:])))
		}
	}
}

// commit ends a transaction: it counts from here on, unless its checksums say
// otherwise. It returns true at the end of what can be believed.
func (sc *scan) commit(raw []byte) bool {
	be := binary.BigEndian
	// A commit that is older than the one before it was left by an earlier
	// round through the log (need_check_commit_time in fs/jbd2/recovery.c).
	when := be.Uint64(raw[48:])*1e9 + uint64(be.Uint32(raw[56:]))
	if bad := sc.badCommit(raw); bad != "" {
		if when >= sc.lastTime && !sc.super.has(incompatAsyncCommit) {
			sc.replay.Gaps = append(sc.replay.Gaps, fmt.Sprintf("journal transaction %d not replayed, nor what follows it: %s", sc.seq, bad))
		}
		return true
	}
	sc.lastTime = when
	for _, b := range sc.blocks {
		sc.replay.Blocks[b.block] = b.copy
	}
	for _, block := range sc.revokes {
		sc.revoked[block] = sc.seq
	}
	sc.replay.Transactions++
	sc.seq++
	sc.begin()
	return false
}

// badCommit says why a commit cannot be believed, or "".
func (sc *scan) badCommit(raw []byte) string {
	be := binary.BigEndian
	if sc.super.checksummed() {
		want := be.Uint32(raw[16:])
		if crc32cWithout(sc.super.seed, raw, 16) != want {
			// Kernels before 2012 sealed only the header.
			head := make([]byte, len(raw))
			copy(head, raw[:60])
			if crc32cWithout(sc.super.seed, head, 16) != want {
				return "commit block has a wrong checksum"
			}
		}
	}
	if sc.be != nil {
		const crc32Type, crc32Size = 1, 4
		if raw[12] != crc32Type || raw[13] != crc32Size || be.Uint32(raw[16:]) != sc.sum {
			return "its checksum is wrong"
		}
	}
	return sc.bad
}
