package xfs

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Flags of a logged buffer, and the kinds of buffer in the upper five bits (kernel, xfs_log_format.h).
const (
	bufferInodes = 1 << 0
	bufferCancel = 1 << 1
	bufferQuota  = 1<<2 | 1<<3 | 1<<4

	kindShift     = 11
	kindTree      = 4
	kindAGF       = 5
	kindAGFL      = 6
	kindAGI       = 7
	kindDirFree   = 12
	kindDirLeaf1  = 13
	kindDirLeafN  = 14
	kindDirNode   = 15
	kindAttrLeaf  = 16
	kindAttrValue = 17
	kindRTBitmap  = 19
	kindRTSummary = 20

	bufferHeader  = 20  // of xfs_buf_log_format, before the bitmap
	bufferChunk   = 128 // bytes that one bit of the map stands for
	maxBufferSize = 1 << 20
	maxBufferMap  = maxBufferSize / bufferChunk / 32 // words
)

// bufferKey is where a buffer lies, in units of 512 bytes.
type bufferKey struct {
	block int64
	count uint16
}

// bufferFormat is the format structure of a logged buffer.
type bufferFormat struct {
	bufferKey
	flags uint16
	dirty []uint32
}

func parseBufferFormat(b []byte) (bufferFormat, error) {
	le := binary.LittleEndian
	if len(b) < bufferHeader {
		return bufferFormat{}, fmt.Errorf("buffer item of %d bytes: %w", len(b), volume.ErrCorrupt)
	}
	f := bufferFormat{
		bufferKey: bufferKey{block: int64(le.Uint64(b[8:])), count: le.Uint16(b[6:])},
		flags:     le.Uint16(b[4:]),
	}
	words := int64(le.Uint32(b[16:]))
	if words > min(maxBufferMap, int64(len(b)-bufferHeader)/4) {
		return bufferFormat{}, fmt.Errorf("buffer item with a map of %d words: %w", words, volume.ErrCorrupt)
	}
	for i := range words {
		f.dirty = append(f.dirty, le.Uint32(b[bufferHeader+4*i:]))
	}
	return f, nil
}

// bit says whether a chunk of the buffer was logged.
func (f *bufferFormat) bit(i int) bool {
	return i/32 < len(f.dirty) && f.dirty[i/32]>>(i%32)&1 != 0
}

// unread are the magic numbers of blocks that reading never needs: the trees of free space, inodes, owners and shares.
var unread = map[string]bool{
	"ABTB": true, "ABTC": true, "IABT": true, "FIBT": true,
	"AB3B": true, "AB3C": true, "IAB3": true, "FIB3": true, "RMB3": true, "R3FC": true,
}

// siftBuffer notes buffers that are given back and passes over those that reading never looks at: a directory is listed
// without its hash index.
func (rec *recovery) siftBuffer(c *change) (bool, error) {
	f, err := parseBufferFormat(c.regions[0])
	if err != nil {
		return false, err
	}
	c.buffer, c.rank = f, 0
	switch {
	case f.flags&bufferCancel != 0:
		c.rank = 3
		c.regions = nil
		rec.cancelled[f.bufferKey]++
		return true, nil
	case f.flags&bufferInodes != 0:
		return false, nil // only the list of unlinked inodes is in it: the rest is logged inode by inode
	case f.flags&bufferQuota != 0:
		return false, nil
	}
	switch f.flags >> kindShift {
	case kindAGF, kindAGFL, kindAGI, kindDirFree, kindDirLeaf1, kindDirLeafN, kindDirNode,
		kindAttrLeaf, kindAttrValue, kindRTBitmap, kindRTSummary:
		return false, nil
	case kindTree:
		if f.bit(0) && len(c.regions) > 1 && len(c.regions[1]) >= 4 && unread[string(c.regions[1][:4])] {
			return false, nil
		}
	}
	return true, nil
}

// applyBuffer replays a buffer unless it is given back later, or the disk has a later state of it.
func (rec *recovery) applyBuffer(c *change) error {
	f := &c.buffer
	if f.flags&bufferCancel != 0 {
		if rec.cancelled[f.bufferKey]--; rec.cancelled[f.bufferKey] <= 0 {
			delete(rec.cancelled, f.bufferKey)
		}
		return nil
	}
	if rec.cancelled[f.bufferKey] > 0 {
		return nil
	}
	size := int64(f.count) * sectorSize
	if f.block < 0 || f.block > rec.r.dev.dev.Size()/sectorSize || size == 0 || size > maxBufferSize {
		return fmt.Errorf("buffer item of %d sectors at %d: %w", f.count, f.block, volume.ErrCorrupt)
	}
	b := make([]byte, size)
	if _, err := rec.r.dev.ReadAt(b, f.block*sectorSize); err != nil {
		return fmt.Errorf("buffer at sector %d: %w", f.block, err)
	}
	if lsn := rec.r.bufferLSN(b); lsn != 0 && lsn != ^uint64(0) && lsn >= c.lsn {
		return nil
	}
	if err := f.merge(b, c.regions[1:]); err != nil {
		return err
	}
	rec.buffers++
	for i := int64(0); i < int64(f.count); i++ {
		if !f.dirtySector(i) {
			continue
		}
		at := i * sectorSize
		if err := rec.r.dev.write((f.block+i)*sectorSize, b[at:at+sectorSize]); err != nil {
			return err
		}
	}
	if f.block == 0 {
		return rec.r.super(false) // the file system may have grown, and what follows may lie in the new part
	}
	return nil
}

// dirtySector says whether any chunk of a sector was logged.
func (f *bufferFormat) dirtySector(i int64) bool {
	for n := range sectorSize / bufferChunk {
		if f.bit(int(i)*sectorSize/bufferChunk + n) {
			return true
		}
	}
	return false
}

// merge copies the logged regions to the chunks that the map names. A run of chunks may stand in several regions.
func (f *bufferFormat) merge(b []byte, regions [][]byte) error {
	for bit := 0; bit < len(f.dirty)*32; {
		if !f.bit(bit) {
			bit++
			continue
		}
		run := 1
		for f.bit(bit + run) {
			run++
		}
		if len(regions) == 0 {
			return fmt.Errorf("buffer item at sector %d: a region is missing: %w", f.block, volume.ErrCorrupt)
		}
		n := min(run*bufferChunk, len(regions[0])/bufferChunk*bufferChunk)
		if n == 0 || bit*bufferChunk+n > len(b) {
			return fmt.Errorf("buffer item at sector %d: region of %d bytes at %d: %w", f.block, len(regions[0]), bit*bufferChunk, volume.ErrCorrupt)
		}
		copy(b[bit*bufferChunk:], regions[0][:n])
		bit += n / bufferChunk
		regions = regions[1:]
	}
	return nil
}

// lsnFields says where blocks of version 5 keep the sequence number of their last write, and their file system's UUID,
// by magic number: the first four bytes, or for the last three kinds two bytes at eight.
var lsnFields = map[string]struct{ lsn, uuid int }{
	"AB3B": {24, 32}, "AB3C": {24, 32}, "IAB3": {24, 32}, "FIB3": {24, 32}, "RMB3": {24, 32}, "R3FC": {24, 32},
	"ABTB": {24, 32}, "ABTC": {24, 32}, "IABT": {24, 32}, "FIBT": {24, 32},
	treeMagicV5: {32, 40}, treeMagicV4: {32, 40},
	linkMagic: {48, 16}, dirBlockV5: {16, 24}, dirDataV5: {16, 24}, "XDF3": {16, 24},
	"\x3d\xf1": {24, 32}, "\x3d\xff": {24, 32}, "\x3e\xbe": {24, 32},
}

// bufferLSN returns the sequence number that a block on the disk carries, or all ones where it has none: it is then
// replayed whatever it holds. A block of another file system is one left from before this was made.
func (r *reader) bufferLSN(b []byte) uint64 {
	const none = ^uint64(0)
	if r.sb.version < 5 {
		return none
	}
	f, ok := lsnFields[string(b[:4])]
	if !ok {
		f, ok = lsnFields[string(b[8:10])]
	}
	uuid := r.sb.metaUUID
	if string(b[:4]) == superMagic {
		f.lsn, f.uuid, ok = 240, 32, true
		uuid = r.sb.uuid
	}
	if !ok || len(b) < sectorSize || [16]byte(b[f.uuid:f.uuid+16]) != uuid {
		return none
	}
	return binary.BigEndian.Uint64(b[f.lsn:])
}
