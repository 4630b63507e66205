package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	walMagic      = 0x377f0682 // 4.1; the lowest bit says that checksums are of big-endian words
	walVersion    = 3007000
	walHeader     = 32
	walFrame      = 24
	journalMagic  = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" // 3
	journalHeader = 28
	maxOverlay    = 1 << 20 // pages that a journal may hold: 4 GiB of pages of 4 KiB
)

// pager reads the pages of an SQLite database as SQLite would see them, with what a journal holds laid over the file.
type pager struct {
	main         io.ReaderAt
	size, usable int    // of a page, bytes
	pages        uint32 // of the database
	over         io.ReaderAt
	place        map[uint32]int64 // page number → where over has it
}

// newPager lays the committed part of a write-ahead log, or a hot rollback journal, over the database.
// SQLite does the same when it opens a database whose writer died; here nothing is written.
func newPager(f Files) (*pager, []string, error) {
	p := &pager{main: f.Main}
	var head [sqliteFileHeader]byte
	if n, err := f.Main.ReadAt(head[:], 0); n < len(head) && err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	empty := f.Main.Size() == 0
	if !empty {
		p.setSize(int(be.Uint16(head[16:])), int(head[20]))
		p.pages = uint32(min(f.Main.Size()/int64(max(p.size, 512)), 1<<32-2)) //nolint:gosec // bounded just here
	}
	var notes []string
	switch {
	case f.WAL != nil && f.WAL.Size() > walHeader && (empty || head[19] == 2): // 1.3.3: the read version of WAL is 2
		n, err := p.layWAL(f.WAL)
		if err != nil {
			return nil, nil, fmt.Errorf("read the write-ahead log: %w", err)
		}
		if n > 0 {
			notes = append(notes, fmt.Sprintf("write-ahead log: %d committed pages laid over the database", n))
		}
	case f.Journal != nil && f.Journal.Size() > journalHeader && !empty:
		n, err := p.layJournal(f.Journal)
		if err != nil {
			return nil, nil, fmt.Errorf("read the rollback journal: %w", err)
		}
		if n > 0 {
			notes = append(notes, fmt.Sprintf("hot rollback journal: %d pages of an unfinished transaction taken back", n))
		}
	}
	if p.size == 0 {
		return nil, nil, fmt.Errorf("%w: no committed page", ErrFormat)
	}
	if p.usable < 480 || p.size < 512 || p.size > 65536 || p.size&(p.size-1) != 0 {
		return nil, nil, fmt.Errorf("%w: page size %d, usable %d", ErrCorrupt, p.size, p.usable)
	}
	return p, notes, nil
}

func (p *pager) setSize(size, reserved int) {
	if size == 1 {
		size = 65536
	}
	p.size, p.usable = size, size-reserved
}

func (p *pager) read(pgno uint32, page []byte) error { return p.readAt(pgno, 0, page) }

// readAt reads part of a page.
func (p *pager) readAt(pgno uint32, off int64, b []byte) error {
	if pgno == 0 || pgno > p.pages {
		return fmt.Errorf("%w: page %d of %d", ErrCorrupt, pgno, p.pages)
	}
	if at, ok := p.place[pgno]; ok {
		return readFull(p.over, b, at+off)
	}
	return readFull(p.main, b, int64(pgno-1)*int64(p.size)+off)
}

// layWAL finds the last committed frame of each page (4.3: a frame counts if the salts are the header's and the running checksum fits).
func (p *pager) layWAL(wal *io.SectionReader) (int, error) {
	var head [walHeader]byte
	if err := readFull(wal, head[:], 0); err != nil {
		return 0, err
	}
	magic := be.Uint32(head[:])
	if magic&^1 != walMagic || be.Uint32(head[4:]) != walVersion {
		if allZero(head[:]) {
			return 0, nil // allotted, never written
		}
		return 0, fmt.Errorf("%w: magic number %#x, version %d", ErrFormat, magic, be.Uint32(head[4:]))
	}
	var order binary.ByteOrder = le
	if magic&1 == 1 {
		order = be
	}
	var sum walSum
	sum.add(order, head[:24])
	if sum[0] != be.Uint32(head[24:]) || sum[1] != be.Uint32(head[28:]) {
		return 0, nil // 4.4: an invalid header means an empty log
	}
	size := int(be.Uint32(head[8:]))
	if size < 512 || size > 65536 || size&(size-1) != 0 || p.size != 0 && size != p.size {
		return 0, fmt.Errorf("%w: page size %d, the database has %d", ErrCorrupt, size, p.size)
	}
	frame := make([]byte, walFrame+size)
	pending, committed, pages := map[uint32]int64{}, map[uint32]int64{}, p.pages
	for at := int64(walHeader); at+int64(len(frame)) <= wal.Size(); at += int64(len(frame)) {
		if err := readFull(wal, frame, at); err != nil {
			return 0, err
		}
		sum.add(order, frame[:8])
		sum.add(order, frame[walFrame:])
		if string(frame[8:16]) != string(head[16:24]) || sum[0] != be.Uint32(frame[16:]) || sum[1] != be.Uint32(frame[20:]) {
			break
		}
		if pending[be.Uint32(frame)] = at + walFrame; len(pending)+len(committed) > maxOverlay {
			return 0, fmt.Errorf("more than %d pages", maxOverlay)
		}
		if total := be.Uint32(frame[4:]); total != 0 {
			for pgno, place := range pending {
				committed[pgno] = place
			}
			clear(pending)
			pages = total
		}
	}
	if len(committed) == 0 {
		return 0, nil
	}
	p.over, p.place, p.pages = wal, committed, pages
	if place, ok := committed[1]; ok {
		var first [sqliteFileHeader]byte
		if err := readFull(wal, first[:], place); err != nil {
			return 0, err
		}
		p.setSize(int(be.Uint16(first[16:])), int(first[20]))
	} else if p.size == 0 {
		return 0, fmt.Errorf("%w: the log of an empty database lacks page 1", ErrCorrupt)
	}
	return len(committed), nil
}

// walSum is the running checksum of 4.2.
type walSum [2]uint32

func (s *walSum) add(order binary.ByteOrder, b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
}

// layJournal takes back the pages of a transaction that did not end (3): the first record of a page is what it held before.
func (p *pager) layJournal(j *io.SectionReader) (int, error) {
	place := map[uint32]int64{}
	pages := p.pages
	for at := int64(0); at+journalHeader <= j.Size(); {
		var head [journalHeader]byte
		if err := readFull(j, head[:], at); err != nil {
			return 0, err
		}
		if string(head[:8]) != journalMagic {
			break // 3: a zeroed header ends the journal; at its start it says that the transaction was committed
		}
		count, nonce, sector := be.Uint32(head[8:]), be.Uint32(head[12:]), int64(be.Uint32(head[20:]))
		if sector < 32 || sector > 65536 || int(be.Uint32(head[24:])) != p.size {
			return 0, fmt.Errorf("%w: sector size %d, page size %d", ErrCorrupt, sector, be.Uint32(head[24:]))
		}
		if at == 0 {
			pages = be.Uint32(head[16:])
		}
		record := make([]byte, p.size+8)
		if at += sector; count == 1<<32-1 {
			count = uint32(max(0, min((j.Size()-at)/int64(len(record)), maxOverlay)))
		}
		for range count {
			if readFull(j, record, at) != nil || journalSum(nonce, record[4:4+p.size]) != be.Uint32(record[4+p.size:]) {
				count = 0 // the tail of the journal never reached the disk, so its pages were not changed
				break
			}
			pgno := be.Uint32(record)
			if _, had := place[pgno]; !had {
				place[pgno] = at + 4
			}
			if len(place) > maxOverlay {
				return 0, fmt.Errorf("more than %d pages", maxOverlay)
			}
			at += int64(len(record))
		}
		if count == 0 {
			break
		}
		at = (at + sector - 1) / sector * sector
	}
	if len(place) == 0 {
		return 0, nil
	}
	p.over, p.place, p.pages = j, place, pages
	return len(place), nil
}

func journalSum(nonce uint32, page []byte) uint32 {
	for i := len(page) - 200; i > 0; i -= 200 {
		nonce += uint32(page[i])
	}
	return nonce
}
