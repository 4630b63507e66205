package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Flags of an operation (xlog_op_header.oh_flags).
const (
	opStart    = 0x01
	opCommit   = 0x02
	opContinue = 0x04
	opWasCont  = 0x08
	opEnd      = 0x10
	opUnmount  = 0x20
)

// locate finds head and tail. The head is where cycle numbers fall back; records that were being written there when
// the machine stopped are left out. The tail is what the last whole record says.
func (l *Log) locate() error {
	head, empty, err := l.findHead()
	if err != nil {
		return err
	}
	if empty {
		l.clean = true
		l.notes = append(l.notes, "journal is empty")
		return nil
	}
	for range 2 * inFlight {
		last, err := l.before(head, recordSpan+1)
		if err != nil {
			return fmt.Errorf("find the last log record: %w", err)
		}
		if clean, err := l.unmounted(last, head); err != nil || clean {
			l.clean, l.head, l.tail = clean, head, head
			return err
		}
		tail, err := l.tailOf(last, head)
		if err != nil {
			return err
		}
		bad, err := l.firstTorn(head, tail)
		if err != nil {
			return err
		}
		if bad < 0 {
			l.head = head
			l.tail, err = l.soundTail(tail, head)
			return err
		}
		l.notes = append(l.notes, fmt.Sprintf("journal record at block %d was torn: the log ends before it", bad))
		head = bad
	}
	return fmt.Errorf("more torn log records than can be in flight: %w", volume.ErrCorrupt)
}

// findHead returns the block after the last complete record, judged by cycle numbers alone.
func (l *Log) findHead() (head int64, empty bool, err error) {
	n := l.p.Blocks
	first, err := l.cycleAt(0)
	if err != nil {
		return 0, false, err
	}
	last, err := l.cycleAt(n - 1)
	if err != nil {
		return 0, false, err
	}
	if first == 0 {
		return 0, true, nil
	}
	stop := last
	if first == last {
		head, stop = n, last-1 // all of one cycle: the head is at the very end, or in a hole before it
	} else if head, err = l.firstOfCycle(last); err != nil {
		return 0, false, err
	}
	if head, err = l.closeHoles(head, stop, last != 0); err != nil {
		return 0, false, err
	}
	return l.endOfRecord(head, last != 0)
}

// firstOfCycle searches, by halves, the first block that carries the cycle number of the log's last block.
func (l *Log) firstOfCycle(c uint32) (int64, error) {
	lo, hi := int64(0), l.p.Blocks-1
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		got, err := l.cycleAt(mid)
		if err != nil {
			return 0, err
		}
		if got == c {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, nil
}

// closeHoles moves the head back to the first block before it that still carries an older cycle number: a write that
// did not arrive although a later one did.
func (l *Log) closeHoles(head int64, stop uint32, wraps bool) (int64, error) {
	from := head - scanBack
	if from < 0 && wraps {
		start := max(l.p.Blocks+from, head)
		hole, err := l.findCycle(start, l.p.Blocks, stop-1)
		if err != nil || hole >= 0 {
			return max(hole, 0), err
		}
	}
	hole, err := l.findCycle(max(from, 0), head, stop)
	if err != nil {
		return 0, err
	}
	if hole >= 0 {
		return hole, nil
	}
	return head, nil
}

// findCycle returns the first block in [from, to) with a cycle number, or -1.
func (l *Log) findCycle(from, to int64, c uint32) (int64, error) {
	for b := from; b < to; {
		n := min(to-b, chunkBlocks-b%chunkBlocks)
		data, err := l.read(b, n)
		if err != nil {
			return 0, err
		}
		for i := range n {
			if cycle(data[i*SectorSize:]) == c {
				return b + i, nil
			}
		}
		b += n
	}
	return -1, nil
}

// endOfRecord moves the head to the start of the last record if that is not complete.
func (l *Log) endOfRecord(head int64, wraps bool) (int64, bool, error) {
	start, err := l.seekBack(head, recordSpan+1, wraps)
	if err != nil {
		return 0, false, err
	}
	if start < 0 {
		return 0, false, fmt.Errorf("no record header before log block %d: %w", head, volume.ErrCorrupt)
	}
	rec, err := l.header(start)
	switch {
	case errors.Is(err, volume.ErrCorrupt) || err == nil && rec.blocks() != l.distance(start, head):
		return start, false, nil // torn: whatever the header says, the record is not there
	case err != nil:
		return 0, false, err
	}
	return head % l.p.Blocks, false, nil
}

// seekBack returns the nearest block before a place that begins with a record's magic number, or -1.
func (l *Log) seekBack(before, span int64, wraps bool) (int64, error) {
	for i := int64(1); i <= min(span, l.p.Blocks-1); i++ {
		b := before - i
		if b < 0 {
			if !wraps {
				return -1, nil
			}
			b += l.p.Blocks
		}
		data, err := l.read(b, 1)
		if err != nil {
			return 0, err
		}
		if binary.BigEndian.Uint32(data) == recordMagic {
			return b, nil
		}
	}
	return -1, nil
}

// before returns the record that ends at a block.
func (l *Log) before(end, span int64) (record, error) {
	b, err := l.seekBack(end, span, true)
	if err != nil {
		return record{}, err
	}
	if b < 0 {
		return record{}, fmt.Errorf("no record header before log block %d: %w", end, volume.ErrCorrupt)
	}
	return l.header(b)
}

// unmounted says whether the last record is the one that an orderly unmount leaves.
func (l *Log) unmounted(last record, head int64) (bool, error) {
	if last.ops != 1 || (last.block+last.blocks())%l.p.Blocks != head%l.p.Blocks {
		return false, nil
	}
	data, err := l.unpack(last, last.crc != 0) // mkfs writes its record without a checksum
	if errors.Is(err, volume.ErrCorrupt) {
		return false, nil // a torn record is no unmount; firstTorn says what it is
	}
	return len(data) >= opHeaderSize && data[9]&opUnmount != 0, err
}

// tailOf returns the block at which replay has to begin, as the last record says.
func (l *Log) tailOf(last record, head int64) (int64, error) {
	tail, c := int64(uint32(last.tailLSN)), uint32(last.tailLSN>>32)
	ok := tail < l.p.Blocks
	switch {
	case c == last.cycle:
		ok = ok && tail <= last.block
	case c+1 == last.cycle:
		ok = ok && tail >= head%l.p.Blocks
	default:
		ok = false
	}
	if !ok {
		return 0, fmt.Errorf("log record at block %d: tail %#x: %w", last.block, last.tailLSN, volume.ErrCorrupt)
	}
	return tail, nil
}

// firstTorn checks the records that may have been in flight at the head and returns the block of the first that did
// not arrive whole, or -1.
func (l *Log) firstTorn(head, tail int64) (int64, error) {
	starts := make([]int64, 0, inFlight+1)
	for end := head; len(starts) <= inFlight; {
		b, err := l.seekBack(end, min(recordSpan+1, l.distance(tail, end)), true)
		if err != nil {
			return 0, err
		}
		if b < 0 {
			break
		}
		starts = append(starts, b)
		if b == tail {
			break
		}
		end = b
	}
	for i := len(starts) - 1; i >= 0; i-- {
		err := l.whole(starts[i])
		switch {
		case err == nil:
			continue
		case !errors.Is(err, volume.ErrCorrupt):
			return 0, err
		case starts[i] == tail:
			return -1, nil // soundTail judges it
		}
		return starts[i], nil
	}
	return -1, nil
}

// whole returns an error unless the record at a block is there with a right checksum.
func (l *Log) whole(block int64) error {
	rec, err := l.header(block)
	if err != nil {
		return err
	}
	_, err = l.payload(rec)
	return err
}

// soundTail returns the tail, or the next whole record if the first one was overwritten by writes at the head that did
// not all arrive. Further from the head than such writes reach, a broken record is an error.
func (l *Log) soundTail(tail, head int64) (int64, error) {
	for b := tail; ; {
		err := l.whole(b)
		if err == nil {
			if b != tail {
				l.notes = append(l.notes, fmt.Sprintf("journal tail at block %d was overwritten: replay begins at block %d", tail, b))
			}
			return b, nil
		}
		if !errors.Is(err, volume.ErrCorrupt) || l.distance(head, b) > scanBack {
			return 0, err
		}
		next := (b + 1) % l.p.Blocks
		for ; next != head%l.p.Blocks; next = (next + 1) % l.p.Blocks {
			if l.distance(head, next) > scanBack {
				return 0, err
			}
			data, rerr := l.read(next, 1)
			if rerr != nil {
				return 0, rerr
			}
			if binary.BigEndian.Uint32(data) == recordMagic {
				break
			}
		}
		if next == head%l.p.Blocks {
			return 0, err
		}
		b = next
	}
}
