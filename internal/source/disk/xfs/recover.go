package xfs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs/journal"
)

// Log items (XFS Filesystem Structure, "Log Items"; later ones as the kernel's xfs_log_format.h numbers them).
const (
	itemEFI      = 0x1236
	itemEFD      = 0x1237
	itemInode    = 0x123b
	itemBuffer   = 0x123c
	itemDquot    = 0x123d
	itemQuotaOff = 0x123e
	itemICreate  = 0x123f
	itemRUI      = 0x1240
	itemRUD      = 0x1241
	itemCUI      = 0x1242
	itemCUD      = 0x1243
	itemBUI      = 0x1244
	itemBUD      = 0x1245
	itemAttrI    = 0x1246
	itemAttrD    = 0x1247
	itemXMI      = 0x1248
	itemXMD      = 0x1249
	itemEFIRT    = 0x124a
	itemCUDRT    = 0x124f
)

// change is one item of the log that concerns reading.
type change struct {
	lsn     uint64
	kind    uint16
	rank    int // place within its transaction
	buffer  bufferFormat
	regions [][]byte
}

// recovery is what the log says, on the way into the overlay.
type recovery struct {
	r         *reader
	changes   []change
	held      int64
	cancelled map[bufferKey]int
	intents   map[uint64]intent
	next      int // how many intents came before

	transactions, buffers, inodes int
}

// recover replays the log. First every committed transaction is read and what matters of it kept, for a buffer that is
// given back later must not be replayed from before; then the changes are put over the device in order.
func (r *reader) recover() error {
	sb := r.sb
	if sb.logStart == 0 {
		return fmt.Errorf("the log lies on a device of its own: %w", volume.ErrUnsupported)
	}
	log, err := journal.Open(r.dev.dev, journal.Params{
		Offset: sb.offset(sb.logStart), Blocks: int64(sb.logBlocks) << sb.blockLog / journal.SectorSize,
		UUID: sb.uuid, Checksums: sb.version == 5, MaxBytes: r.opts.MaxJournalBytes,
	})
	if err != nil {
		return err
	}
	r.info.Notes = append(r.info.Notes, log.Notes()...)
	if log.Clean() {
		return nil
	}
	if unknown := sb.logIncompat &^ logIncompatXattrs; unknown != 0 {
		return fmt.Errorf("log features %#x: %w", unknown, volume.ErrUnsupported)
	}
	rec := &recovery{r: r, cancelled: make(map[bufferKey]int), intents: make(map[uint64]intent)}
	if err := log.Transactions(rec.collect); err != nil {
		return err
	}
	for i := range rec.changes {
		if err := rec.apply(&rec.changes[i]); err != nil {
			return err
		}
		rec.changes[i].regions = nil
	}
	if err := r.super(!r.dev.covers(0, superSize)); err != nil { // it may have grown
		return err
	}
	if err := rec.finish(); err != nil {
		return err
	}
	r.note("journal replayed: %d transactions, %d buffers, %d inodes", rec.transactions, rec.buffers, rec.inodes)
	return nil
}

// collect keeps what matters of one transaction, in the order in which it has to be replayed: buffers, then what stands
// on them, then what is given back.
func (rec *recovery) collect(t journal.Transaction) error {
	rec.transactions++
	first := len(rec.changes)
	for _, item := range t.Items {
		c := change{lsn: t.LSN, kind: item.Type, regions: item.Regions, rank: 1}
		keep, err := rec.sift(&c)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		for i, region := range c.regions {
			c.regions[i] = bytes.Clone(region) // lets the record go that it stands in
			rec.held += int64(len(region)) + 24
		}
		if rec.held += 96; rec.held > rec.r.opts.MaxJournalBytes {
			return fmt.Errorf("journal holds more than %d bytes of changes: %w", rec.r.opts.MaxJournalBytes, volume.ErrLimit)
		}
		rec.changes = append(rec.changes, c)
	}
	slices.SortStableFunc(rec.changes[first:], func(a, b change) int { return cmp.Compare(a.rank, b.rank) })
	return nil
}

// sift says whether an item concerns reading. Free space, owners of blocks, quotas and extended attributes do not.
func (rec *recovery) sift(c *change) (bool, error) {
	switch c.kind {
	case itemBuffer:
		return rec.siftBuffer(c)
	case itemInode:
		return true, nil
	case itemICreate:
		c.rank = 0
		return true, nil
	case itemBUI, itemXMI:
		return false, rec.begin(c)
	case itemBUD, itemXMD:
		return false, rec.done(c)
	case itemEFI, itemEFD, itemDquot, itemQuotaOff, itemRUI, itemRUD, itemCUI, itemCUD, itemAttrI, itemAttrD:
		return false, nil
	}
	if c.kind >= itemEFIRT && c.kind <= itemCUDRT { // of the realtime section
		return false, nil
	}
	return false, fmt.Errorf("log item of unknown type %#x: %w", c.kind, volume.ErrUnsupported)
}

// apply puts one change over the device.
func (rec *recovery) apply(c *change) error {
	switch c.kind {
	case itemBuffer:
		return rec.applyBuffer(c)
	case itemInode:
		return rec.applyInode(c)
	default:
		return rec.applyICreate(c)
	}
}
