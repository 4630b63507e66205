package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/volume"
	"hinomi/internal/source/disk/xfs/journal"
)

const blocks = 1024

var uuid = [16]byte{1, 2, 3, 4}

// op is one operation of a record.
type op struct {
	tid   uint32
	flags byte
	data  string
}

// made is a log under construction: records are put behind each other, around its end.
type made struct {
	b     []byte
	at    int64
	cycle uint32
	tail  uint64
}

// newMade begins a log at a block, as if it had been around before.
func newMade(at int64) *made {
	m := &made{b: make([]byte, blocks*512), at: at, cycle: 8}
	for i := range int64(blocks) {
		c := uint32(8)
		if i >= at {
			c = 7
		}
		binary.BigEndian.PutUint32(m.b[i*512:], c)
	}
	return m
}

// record adds a record, padded to at least size blocks of payload.
func (m *made) record(size int, ops ...op) int64 {
	be := binary.BigEndian
	var data []byte
	for _, o := range ops {
		h := make([]byte, 12)
		be.PutUint32(h, o.tid)
		be.PutUint32(h[4:], uint32(len(o.data)))
		h[8], h[9] = 0x69, o.flags
		data = append(append(data, h...), o.data...)
	}
	length := max(len(data), size*512-100)
	data = append(data, make([]byte, (length+511)/512*512-len(data))...)
	block, cycle := m.at, m.cycle
	lsn := uint64(cycle)<<32 | uint64(block)
	if m.tail == 0 {
		m.tail = lsn
	}
	h := make([]byte, 512)
	for at, v := range map[int]uint32{0: 0xfeedbabe, 4: cycle, 8: 2, 12: uint32(length), 40: uint32(len(ops)), 300: 1, 320: 32 << 10} {
		be.PutUint32(h[at:], v)
	}
	be.PutUint64(h[16:], lsn)
	be.PutUint64(h[24:], m.tail)
	copy(h[304:], uuid[:])
	sectors := [][]byte{h}
	for i := range len(data) / 512 {
		s := data[512*i : 512*i+512]
		copy(h[44+4*i:], s[:4])
		c := cycle
		if block+1+int64(i) >= blocks {
			c++ // behind the end of the log
		}
		be.PutUint32(s, c)
		sectors = append(sectors, s)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(h[32:], crc32.Update(crc32.Checksum(h[:328], table), table, data[:length]))
	for _, s := range sectors {
		copy(m.b[m.at*512:], s)
		if m.at = (m.at + 1) % blocks; m.at == 0 {
			m.cycle++
		}
	}
	return block
}

func (m *made) open() (*journal.Log, error) {
	return journal.Open(bytes.NewReader(m.b), journal.Params{Blocks: blocks, UUID: uuid, Checksums: true, MaxBytes: 1 << 20})
}

const (
	start, commit, cont, wasCont, end, unmount = 1, 2, 4, 8, 16, 32

	header = "NART\x28\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00" // a transaction's
	item   = "\x3c\x12\x02\x00format"                               // an item of two regions
)

// read returns all transactions as text.
func read(l *journal.Log) ([]string, error) {
	var got []string
	err := l.Transactions(func(t journal.Transaction) error {
		s := ""
		for _, i := range t.Items {
			for _, r := range i.Regions {
				s += string(bytes.Trim(r, "\x00")) + "|"
			}
		}
		got = append(got, s)
		return nil
	})
	return got, err
}

func TestTransactions(t *testing.T) {
	one := []op{{5, start, ""}, {5, 0, header}, {5, 0, item}, {5, 0, "data"}, {5, commit, ""}}
	for _, tt := range []struct {
		name  string
		begin int64
		fill  func(m *made)
		want  []string
	}{
		{"one", 100, func(m *made) { m.record(1, one...) }, []string{item + "|data|"}},
		{"mixed", 100, func(m *made) {
			m.record(1, op{5, start, ""}, op{6, start, ""}, op{6, 0, header}, op{5, 0, header}, op{5, 0, item}, op{6, 0, item})
			m.record(1, op{6, 0, "six"}, op{5, 0, "five"}, op{6, commit, ""}, op{5, commit, ""})
		}, []string{item + "|six|", item + "|five|"}},
		{"region_over_three_records", 100, func(m *made) {
			m.record(1, op{5, start, ""}, op{5, 0, header}, op{5, 0, item}, op{5, cont, "aa"})
			m.record(1, op{5, wasCont | cont, "bb"})
			m.record(1, op{5, wasCont | end, "cc"}, op{5, commit, ""})
		}, []string{item + "|aabbcc|"}},
		{"header_in_two", 100, func(m *made) {
			m.record(1, op{5, start, ""}, op{5, cont, header[:7]})
			m.record(1, op{5, wasCont | end, header[7:]}, op{5, 0, item}, op{5, 0, "data"}, op{5, commit, ""})
		}, []string{item + "|data|"}},
		{"without_commit", 100, func(m *made) { m.record(1, one[:4]...) }, nil},
		{"begun_before_the_tail", 100, func(m *made) {
			m.record(1, op{9, 0, item}, op{9, commit, ""})
			m.record(1, one...)
		}, []string{item + "|data|"}},
		{"around_the_end", blocks - 10, func(m *made) {
			m.record(4, one...)
			m.record(30, one...)
			m.record(1, one...)
		}, []string{item + "|data|", item + "|data|", item + "|data|"}},
		{"ends_at_the_end", blocks - 10, func(m *made) { m.record(9, one...) }, []string{item + "|data|"}},
		{"unmounted", 100, func(m *made) {
			m.record(1, one...)
			m.record(1, op{9, unmount, "nU\x00\x00\x00\x00\x00\x00"})
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMade(tt.begin)
			tt.fill(m)
			l, err := m.open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(l)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
			if tail, head := l.Bounds(); head != m.at || !l.Clean() && tail != int64(uint32(m.tail)) {
				t.Errorf("got tail %d, head %d, want %d, %d", tail, head, uint32(m.tail), m.at)
			}
			if l.Clean() != (tt.name == "unmounted") {
				t.Errorf("clean: %v", l.Clean())
			}
		})
	}
}

func TestRefused(t *testing.T) {
	many := make([]op, 0, 2000)
	for i := range 2000 {
		many = append(many, op{uint32(i), start, ""})
	}
	for _, tt := range []struct {
		name string
		fill func(m *made)
		want error
	}{
		{"no_header", func(m *made) { m.record(1, op{5, start, ""}, op{5, 0, item}) }, volume.ErrCorrupt},
		{"starts_twice", func(m *made) { m.record(1, op{5, start, ""}, op{5, start, ""}) }, volume.ErrCorrupt},
		{"item_cut_off", func(m *made) {
			m.record(1, op{5, start, ""}, op{5, 0, header}, op{5, 0, item}, op{5, commit, ""})
		}, volume.ErrCorrupt},
		{"item_without_regions", func(m *made) {
			m.record(1, op{5, start, ""}, op{5, 0, header}, op{5, 0, "\x3c\x12\x00\x00"})
		}, volume.ErrCorrupt},
		{"unknown_flags", func(m *made) { m.record(1, op{5, start, ""}, op{5, 0x40, ""}) }, volume.ErrCorrupt},
		{"other_file_system", func(m *made) { b := m.record(1, op{5, start, ""}); m.b[b*512+304]++ }, volume.ErrUnsupported},
		{"big_endian_host", func(m *made) { b := m.record(1, op{5, start, ""}); m.b[b*512+303] = 2 }, volume.ErrUnsupported},
		{"new_version_after_unmount", func(m *made) {
			m.record(1, op{9, unmount, "nU\x00\x00\x00\x00\x00\x00"})
			b := m.record(1, op{5, start, ""})
			m.b[b*512+11] = 4
		}, volume.ErrUnsupported},
		{"tail_outside", func(m *made) { m.tail = 8<<32 | 5000; m.record(1, op{5, start, ""}) }, volume.ErrCorrupt},
		{"tail_behind_head", func(m *made) { m.tail = 8<<32 | 900; m.record(1, op{5, start, ""}) }, volume.ErrCorrupt},
		{"too_many_open", func(m *made) {
			for i := range 8 {
				for n := range many {
					many[n].tid += uint32(i) << 16
				}
				m.record(1, many...)
			}
		}, volume.ErrLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMade(100)
			tt.fill(m)
			l, err := m.open()
			if err == nil {
				_, err = read(l)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestEmptyLog(t *testing.T) {
	l, err := (&made{b: make([]byte, blocks*512)}).open()
	if err != nil || !l.Clean() {
		t.Errorf("a log of zeros: %v", err)
	}
}

// FuzzOpen changes bytes of a log that goes around its end. Most of what a fuzzer finds would end at a checksum, so
// there are none. An instruction has four bytes: two for the place, one that says how, one for what.
func FuzzOpen(f *testing.F) {
	m := newMade(blocks - 6)
	m.record(2, op{5, start, ""}, op{5, 0, header}, op{5, 0, item}, op{5, cont, "aa"})
	m.record(7, op{5, wasCont | end, "cc"}, op{5, commit, ""}, op{6, start, ""})
	m.record(1, op{6, 0, header}, op{6, 0, item}, op{6, 0, "dd"}, op{6, commit, ""})
	for at := 0; at+512 <= len(m.b); at += 512 {
		if binary.BigEndian.Uint32(m.b[at:]) == 0xfeedbabe {
			copy(m.b[at+32:], []byte{0, 0, 0, 0})
		}
	}
	f.Add([]byte{})
	f.Add([]byte{0x80, 13, 0, 7, 0x80, 43, 1, 200})
	f.Fuzz(func(t *testing.T, data []byte) {
		b := bytes.Clone(m.b)
		for n := 0; len(data) >= 4 && n < 64; n, data = n+1, data[4:] {
			at := (blocks-6)*512 + int(binary.BigEndian.Uint16(data)) // the records begin there, and go on at 0
			switch at %= len(b); data[2] & 1 {
			case 0:
				b[at] = data[3]
			default:
				b[at] ^= data[3]
			}
		}
		l, err := journal.Open(bytes.NewReader(b), journal.Params{Blocks: blocks, UUID: uuid, MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		if tail, head := l.Bounds(); max(tail, head) >= blocks || min(tail, head) < 0 {
			t.Errorf("bounds %d, %d of %d blocks", tail, head, blocks)
		}
		_, _ = read(l)
	})
}
