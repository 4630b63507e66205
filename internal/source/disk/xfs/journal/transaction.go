package journal

import (
	"encoding/binary"
	"fmt"

	"hinomi/internal/source/disk/volume"
)

// Parts of an operation and of a transaction's header (xlog_op_header, xfs_trans_header).
const (
	opHeaderSize    = 12
	clientXFS       = 0x69
	clientLog       = 0xaa
	transHeaderSize = 16
	transMagic      = 0x5452414e
)

// assembler puts transactions together from operations that may be split over records and mixed with others'.
type assembler struct {
	open  map[uint32]*pending
	held  int64
	limit int64
	yield func(Transaction) error
}

// pending is a transaction without its commit.
type pending struct {
	lsn    uint64
	header []byte // of transHeaderSize once complete
	items  []Item
	want   int // regions that the last item announces
	bytes  int64
}

// record takes the operations of one record.
func (a *assembler) record(r record, data []byte) error {
	for range r.ops {
		if len(data) < opHeaderSize {
			return fmt.Errorf("operation header cut off: %w", volume.ErrCorrupt)
		}
		tid := binary.BigEndian.Uint32(data)
		n := int64(binary.BigEndian.Uint32(data[4:]))
		client, flags := data[8], data[9]
		data = data[opHeaderSize:]
		if client != clientXFS && client != clientLog {
			return fmt.Errorf("operation of client %#x: %w", client, volume.ErrCorrupt)
		}
		if n > int64(len(data)) {
			return fmt.Errorf("operation of %d bytes where %d are left: %w", n, len(data), volume.ErrCorrupt)
		}
		if err := a.operation(r.lsn, tid, flags, data[:n:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// operation takes one operation. Those of a transaction whose start lies before the tail are passed over: everything
// that it changed is on the disk already.
func (a *assembler) operation(lsn uint64, tid uint32, flags byte, data []byte) error {
	t := a.open[tid]
	if flags&opStart != 0 {
		if t != nil {
			return fmt.Errorf("transaction %#x starts twice: %w", tid, volume.ErrCorrupt)
		}
		t = &pending{lsn: lsn}
		a.open[tid] = t
		return a.hold(t, 128)
	}
	if t == nil {
		return nil
	}
	switch flags &^ opEnd {
	case opCommit:
		delete(a.open, tid)
		a.held -= t.bytes
		if n := len(t.items); n > 0 && len(t.items[n-1].Regions) != t.want {
			return fmt.Errorf("transaction %#x: last item has %d of %d regions: %w", tid, len(t.items[n-1].Regions), t.want, volume.ErrCorrupt)
		}
		return a.yield(Transaction{LSN: t.lsn, Items: t.items})
	case 0, opContinue:
		return a.region(t, tid, data)
	case opWasCont, opWasCont | opContinue:
		return a.more(t, tid, data)
	case opUnmount:
		delete(a.open, tid)
		a.held -= t.bytes
		return nil
	}
	return fmt.Errorf("transaction %#x: operation with flags %#x: %w", tid, flags, volume.ErrCorrupt)
}

// region takes the beginning of a region: of the transaction's header, of a new item, or a further one of the last.
func (a *assembler) region(t *pending, tid uint32, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if len(t.header) < transHeaderSize {
		return t.startHeader(tid, data)
	}
	if err := a.hold(t, int64(len(data))+64); err != nil {
		return err
	}
	n := len(t.items)
	if n > 0 && len(t.items[n-1].Regions) < t.want {
		t.items[n-1].Regions = append(t.items[n-1].Regions, data)
		return nil
	}
	if len(data) < 4 {
		return fmt.Errorf("transaction %#x: item of %d bytes: %w", tid, len(data), volume.ErrCorrupt)
	}
	t.want = int(binary.LittleEndian.Uint16(data[2:]))
	if t.want == 0 {
		return fmt.Errorf("transaction %#x: item without regions: %w", tid, volume.ErrCorrupt)
	}
	t.items = append(t.items, Item{Type: binary.LittleEndian.Uint16(data), Regions: [][]byte{data}})
	return nil
}

// startHeader takes the transaction's header, which can be split at any byte.
func (t *pending) startHeader(tid uint32, data []byte) error {
	if len(t.header) > 0 || len(data) > transHeaderSize ||
		len(data) >= 4 && binary.LittleEndian.Uint32(data) != transMagic {
		return fmt.Errorf("transaction %#x has no header: %w", tid, volume.ErrCorrupt)
	}
	t.header = append(make([]byte, 0, transHeaderSize), data...)
	return nil
}

// more takes the continuation of what the last record broke off.
func (a *assembler) more(t *pending, tid uint32, data []byte) error {
	if len(t.header) < transHeaderSize {
		if len(t.header)+len(data) > transHeaderSize {
			return fmt.Errorf("transaction %#x: header too long: %w", tid, volume.ErrCorrupt)
		}
		t.header = append(t.header, data...)
		return nil
	}
	n := len(t.items)
	if n == 0 {
		return fmt.Errorf("transaction %#x continues nothing: %w", tid, volume.ErrCorrupt)
	}
	if err := a.hold(t, int64(len(data))); err != nil {
		return err
	}
	regions := t.items[n-1].Regions
	last := regions[len(regions)-1]
	regions[len(regions)-1] = append(last, data...) // operation clipped its capacity, so the record is not written over
	return nil
}

// hold counts memory against the limit.
func (a *assembler) hold(t *pending, n int64) error {
	t.bytes += n
	if a.held += n; a.held > a.limit {
		return fmt.Errorf("open transactions hold %d bytes: %w", a.held, volume.ErrLimit)
	}
	return nil
}
