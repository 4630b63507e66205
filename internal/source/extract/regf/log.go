package regf

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The types of a file that begins with a base block.
const (
	kindLog1    = 1 // a log with a bitmap of changed pages, to Windows 8
	kindLog2    = 2
	kindEntries = 6 // a log of entries, since Windows 8.1
)

const (
	maxEntry   = 256 << 20 // bytes of one entry of a log
	maxPages   = 1 << 20   // pages that the logs of one hive may change: 512 MiB
	entryHead  = 40
	entryAlign = 512
)

// page is where a page stands in a log.
type page struct {
	log    io.ReaderAt
	offset int64
}

// parsedLog is a log whose head is whole.
type parsedLog struct {
	Log
	base baseBlock
}

// recover replays the logs: pages that they hold hide those of the hive.
func (h *Hive) recover(logs []Log) {
	h.overlay = map[int64]page{}
	var entries, bitmaps []parsedLog
	var why []string
	for _, l := range logs {
		raw := make([]byte, pageSize)
		if l.Size < 2*pageSize {
			continue // a log that was never written to is empty
		}
		err := readFull(l.Reader, raw, 0)
		var b baseBlock
		if err == nil {
			b, err = parseBase(raw)
		}
		switch {
		case err != nil:
			why = append(why, fmt.Sprintf("%s: %v", l.Name, err))
		case !b.valid || b.primary != b.secondary:
			why = append(why, l.Name+": its base block is not whole")
		case b.kind == kindEntries:
			entries = append(entries, parsedLog{l, b})
		case b.kind == kindLog1 || b.kind == kindLog2:
			bitmaps = append(bitmaps, parsedLog{l, b})
		default:
			why = append(why, fmt.Sprintf("%s: type %d", l.Name, b.kind))
		}
	}
	used, pages := 0, 0
	switch {
	case len(entries) > 0:
		used, pages = h.replayEntries(entries, &why)
	case len(bitmaps) > 0:
		used, pages = h.replayBitmap(bitmaps, &why)
	}
	if used > 0 {
		h.notes = append(h.notes, fmt.Sprintf("registry log replayed: %d entries, %d pages", used, pages))
		return
	}
	if len(why) == 0 {
		why = append(why, "no log has an entry for it")
	}
	h.gaps = append(h.gaps, "the hive was being written and its logs could not be replayed, what was written last may be missing: "+strings.Join(why, "; "))
}

// replayEntries applies logs of entries, the older first. A log counts if it begins where the hive, or the log before, ends. If the hive's own
// head is not whole, only the newer one counts, as in Windows.
func (h *Hive) replayEntries(logs []parsedLog, why *[]string) (used, pages int) {
	slices.SortFunc(logs, func(a, b parsedLog) int { return after(a.base.primary, b.base.primary) })
	if !h.base.valid {
		logs = logs[len(logs)-1:]
	}
	next, chained := h.base.secondary, false
	for _, l := range logs {
		if h.base.valid && !chained && after(l.base.primary, next) < 0 {
			*why = append(*why, l.Name+": older than the hive")
			continue
		}
		if chained && l.base.primary != next {
			*why = append(*why, fmt.Sprintf("%s: begins with entry %d, want %d", l.Name, l.base.primary, next))
			continue
		}
		n, changed := h.replayLog(l, why)
		if n > 0 {
			used, pages, chained = used+n, pages+changed, true
			next = h.base.secondary + 1
		}
	}
	return used, pages
}

// after says how far sequence number a is behind b. They go round at 2^32.
func after(a, b uint32) int { return int(int32(a - b)) } //nolint:gosec // G115: the difference in two's complement

// replayLog applies the entries of one log, to the first that is not whole or not next.
func (h *Hive) replayLog(l parsedLog, why *[]string) (used, pages int) {
	le := binary.LittleEndian
	sequence := l.base.primary // of the next entry
	head := make([]byte, entryHead)
	base := l.base
	for at := int64(pageSize); at+entryAlign <= l.Size; {
		if readFull(l.Reader, head, at) != nil || string(head[:4]) != "HvLE" {
			break
		}
		size := int64(le.Uint32(head[4:]))
		if size < entryAlign || size%entryAlign != 0 || size > l.Size-at || le.Uint32(head[12:]) != sequence {
			break
		}
		if size > maxEntry {
			*why = append(*why, fmt.Sprintf("%s: entry of %d bytes", l.Name, size))
			break
		}
		raw := make([]byte, size)
		if err := readFull(l.Reader, raw, at); err != nil {
			*why = append(*why, fmt.Sprintf("%s: %v", l.Name, err))
			break
		}
		if marvin32(raw[:32]) != le.Uint64(raw[32:]) || marvin32(raw[entryHead:]) != le.Uint64(raw[24:]) {
			break // not finished
		}
		n, ok := h.entryPages(l, raw, at)
		if !ok {
			*why = append(*why, fmt.Sprintf("%s: entry %d does not hold what it says", l.Name, used))
			break
		}
		base.cells = le.Uint32(raw[16:])
		used, pages, sequence = used+1, pages+n, sequence+1
		at += size
	}
	if used > 0 {
		valid := base
		valid.secondary = sequence - 1
		valid.primary = valid.secondary
		h.base = valid
	}
	return used, pages
}

// entryPages puts the pages of one entry over the hive.
func (h *Hive) entryPages(l parsedLog, raw []byte, at int64) (pages int, ok bool) {
	le := binary.LittleEndian
	count, cells := int64(le.Uint32(raw[20:])), int64(le.Uint32(raw[16:]))
	data := entryHead + 8*count
	if data > int64(len(raw)) || cells > maxHive {
		return 0, false
	}
	from := data
	for i := range count { // all or nothing
		off, size := int64(le.Uint32(raw[entryHead+8*i:])), int64(le.Uint32(raw[entryHead+8*i+4:]))
		if off%pageSize != 0 || size%pageSize != 0 || off+size > cells || size > int64(len(raw))-from {
			return 0, false
		}
		from += size
		pages += int(size / pageSize)
	}
	if len(h.overlay)+pages > maxPages {
		return 0, false
	}
	from = at + data
	for i := range count {
		off, size := int64(le.Uint32(raw[entryHead+8*i:])), int64(le.Uint32(raw[entryHead+8*i+4:]))
		for end := off + size; off < end; off += pageSize {
			h.overlay[off/pageSize] = page{l.Reader, from}
			from += pageSize
		}
	}
	return pages, true
}

// replayBitmap applies the newest log of changed pages: a bit for each page of the cells, then the pages.
func (h *Hive) replayBitmap(logs []parsedLog, why *[]string) (used, pages int) {
	slices.SortStableFunc(logs, func(a, b parsedLog) int { return -compare(a.base.written, b.base.written) })
	l := logs[0]
	if h.base.valid && l.base.written < h.base.written {
		*why = append(*why, l.Name+": older than the hive")
		return 0, 0
	}
	if l.base.cells%pageSize != 0 || l.base.cells > maxHive {
		*why = append(*why, fmt.Sprintf("%s: %d bytes of cells", l.Name, l.base.cells))
		return 0, 0
	}
	bitmap := make([]byte, 4+(l.base.cells/pageSize+7)/8)
	if err := readFull(l.Reader, bitmap, pageSize); err != nil || string(bitmap[:4]) != "DIRT" {
		*why = append(*why, l.Name+": no list of changed pages")
		return 0, 0
	}
	from := (int64(pageSize+len(bitmap)) + pageSize - 1) / pageSize * pageSize
	for i := range int64(l.base.cells / pageSize) {
		if bitmap[4+i/8]>>(i%8)&1 == 0 {
			continue
		}
		if from+pageSize > l.Size || len(h.overlay) >= maxPages {
			*why = append(*why, l.Name+": it ends before its changed pages do")
			clear(h.overlay)
			return 0, 0
		}
		h.overlay[i] = page{l.Reader, from}
		from += pageSize
	}
	h.base = l.base
	return 1, len(h.overlay)
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
