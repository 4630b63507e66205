// Package journal reads the log of an XFS file system: it finds where the log begins and ends, checks every record and
// puts the committed transactions together again. It changes nothing and knows nothing of what the items mean.
//
// The format is that of "XFS Filesystem Structure" (kernel.org, xfs-documentation), chapter "Journaling Log".
package journal

import (
	"fmt"
	"io"

	"hinomi/internal/source/disk/volume"
)

// Sizes of the log's format (XFS Filesystem Structure, "Log Records").
const (
	// SectorSize is the unit in which the log counts its blocks, in bytes, whatever the file system's own sector is.
	SectorSize = 512
	// maxRecord is the largest payload of one record, in bytes ("somewhere between 16 and 256KiB").
	maxRecord = 256 << 10
	// cycleSpan is how many payload bytes the cycle words of one header block cover.
	cycleSpan = 32 << 10
	// cycleSlots is how many cycle words one header block holds: one for each sector of cycleSpan.
	cycleSlots = cycleSpan / SectorSize
	// inFlight is how many records a kernel writes at the same time, so how many of the last may be torn.
	inFlight = 8
	// scanBack is how many blocks before the head can belong to records that were in flight.
	scanBack = inFlight * maxRecord / SectorSize
	// recordSpan is how many blocks one record takes at most, with its header blocks.
	recordSpan = (maxRecord + maxRecord/cycleSpan*SectorSize) / SectorSize
)

// Params say where a log lies and to which file system it belongs.
type Params struct {
	// Offset is the first byte of the log within the reader.
	Offset int64
	// Blocks is the size of the log in units of SectorSize.
	Blocks int64
	// UUID is the file system's user-visible UUID (sb_uuid), which every record repeats.
	UUID [16]byte
	// Checksums says that the file system has metadata checksums (version 5): then every record must carry a right one.
	Checksums bool
	// MaxBytes bounds what open transactions may hold in memory, in bytes.
	MaxBytes int64
}

// Log is the log of one file system, its head and tail found. It is not safe for concurrent use.
type Log struct {
	r      io.ReaderAt
	p      Params
	head   int64 // the block after the last complete record
	tail   int64 // the block of the first record to replay
	clean  bool
	notes  []string
	chunks chunkCache
}

// Open finds the ends of the log. It returns an error wrapping volume.ErrCorrupt where they cannot be told.
func Open(r io.ReaderAt, p Params) (*Log, error) {
	if p.Blocks < 2*recordSpan/8 || p.Blocks > 1<<32 {
		return nil, fmt.Errorf("log of %d blocks: %w", p.Blocks, volume.ErrCorrupt)
	}
	if p.MaxBytes <= 0 {
		p.MaxBytes = 256 << 20
	}
	l := &Log{r: r, p: p}
	if err := l.locate(); err != nil {
		return nil, err
	}
	return l, nil
}

// Clean says that nothing has to be replayed: the log is empty or ends with the record of an orderly unmount.
func (l *Log) Clean() bool { return l.clean }

// Bounds returns the block at which replay begins and the one before which it ends. Both are less than Params.Blocks;
// the range wraps where tail is greater than head.
func (l *Log) Bounds() (tail, head int64) { return l.tail, l.head }

// Notes returns, in sentences, what was unusual in finding the ends: torn records, a tail that was overwritten.
func (l *Log) Notes() []string { return l.notes }

// Item is one change that a transaction logged: a format structure, and the regions that it announces.
type Item struct {
	// Type is the item's magic number (XFS_LI_*), for example 0x123c for a buffer.
	Type uint16
	// Regions are the item's parts in order; the first is its format structure, in the byte order of the host.
	Regions [][]byte
}

// Transaction is one committed transaction (with delayed logging: one checkpoint).
type Transaction struct {
	// LSN is that of the record in which the transaction starts: cycle in the upper, block in the lower 32 bits.
	LSN uint64
	// Items are the changes, in the order in which they were logged.
	Items []Item
}

// Transactions calls yield for every committed transaction from tail to head in the order of their commits. The
// transaction's memory is the callee's to keep. It ends at the first error, its own or yield's. A transaction without
// commit at the head is none: it never happened.
func (l *Log) Transactions(yield func(Transaction) error) error {
	if l.clean {
		return nil
	}
	a := assembler{open: make(map[uint32]*pending), limit: l.p.MaxBytes, yield: yield}
	for block, done := l.tail, int64(0); block != l.head; {
		rec, err := l.header(block)
		if err != nil {
			return err
		}
		data, err := l.payload(rec)
		if err != nil {
			return err
		}
		if err := a.record(rec, data); err != nil {
			return fmt.Errorf("log record at block %d: %w", block, err)
		}
		done += rec.blocks()
		if done > l.p.Blocks || done > l.distance(l.tail, l.head) {
			return fmt.Errorf("log record at block %d runs over the head at block %d: %w", block, l.head, volume.ErrCorrupt)
		}
		block = (block + rec.blocks()) % l.p.Blocks
	}
	return nil
}

// distance is how many blocks lie from one block forward to another, around the end of the log.
func (l *Log) distance(from, to int64) int64 {
	d := (to - from) % l.p.Blocks
	if d < 0 {
		d += l.p.Blocks
	}
	return d
}
