package jbd2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/ext4/jbd2"
	"hinomi/internal/source/disk/volume"
)

const size = 1024

// log builds a journal by hand, as the kernel's journal.rst lays it out:
// without checksums, tags of 32 bits.
type log [][]byte

func newLog(blocks int, incompat, sequence, start uint32) log {
	l := make(log, blocks)
	for i := range l {
		l[i] = make([]byte, size)
	}
	be := binary.BigEndian
	l.header(0, 4, 0)
	be.PutUint32(l[0][12:], size)
	be.PutUint32(l[0][16:], uint32(blocks))
	be.PutUint32(l[0][20:], 1)
	be.PutUint32(l[0][24:], sequence)
	be.PutUint32(l[0][28:], start)
	be.PutUint32(l[0][0x28:], incompat)
	return l
}

func (l log) header(at int, kind, sequence uint32) []byte {
	be := binary.BigEndian
	be.PutUint32(l[at], 0xc03b3998)
	be.PutUint32(l[at][4:], kind)
	be.PutUint32(l[at][8:], sequence)
	return l[at]
}

// descriptor names the blocks that follow; a negative one is escaped.
func (l log) descriptor(at int, sequence uint32, blocks ...int) {
	b := l.header(at, 1, sequence)
	p := 12
	for i, block := range blocks {
		flags := uint16(2) // same UUID
		if i == 0 {
			flags = 0
		}
		if block < 0 {
			flags |= 1
			block = -block
		}
		if i == len(blocks)-1 {
			flags |= 8
		}
		binary.BigEndian.PutUint32(b[p:], uint32(block))
		binary.BigEndian.PutUint16(b[p+6:], flags)
		if p += 8; i == 0 {
			p += 16
		}
	}
}

func (l log) revoke(at int, sequence uint32, blocks ...uint32) {
	b := l.header(at, 5, sequence)
	binary.BigEndian.PutUint32(b[12:], uint32(16+4*len(blocks)))
	for i, block := range blocks {
		binary.BigEndian.PutUint32(b[16+4*i:], block)
	}
}

func (l log) load() (*jbd2.Replay, error) {
	return jbd2.Load(jbd2.Log{BlockSize: size, Len: uint32(len(l)), Read: func(i uint32) ([]byte, error) {
		if int(i) >= len(l) {
			return nil, io.ErrUnexpectedEOF
		}
		return l[i], nil
	}})
}

// TestLoad reads journals made by hand.
func TestLoad(t *testing.T) {
	cases := []struct {
		name  string
		make  func() log
		want  map[uint64]uint32 // block → block of the log
		count int
		err   error
	}{
		{"empty", func() log { return newLog(16, 0, 5, 0) }, map[uint64]uint32{}, 0, nil},
		{"not_committed", func() log {
			l := newLog(16, 0, 5, 1)
			l.descriptor(1, 5, 100, 101)
			return l
		}, map[uint64]uint32{}, 0, nil},
		{"two", func() log {
			l := newLog(16, 0, 5, 1)
			l.descriptor(1, 5, 100, 101)
			l.header(4, 2, 5)
			l.descriptor(5, 6, 101, 102)
			l.header(8, 2, 6)
			l.descriptor(9, 6, 100) // left by an older round
			l.header(11, 2, 6)
			return l
		}, map[uint64]uint32{100: 2, 101: 6, 102: 7}, 2, nil},
		{"around_the_end", func() log {
			l := newLog(8, 0, 5, 6)
			l.descriptor(6, 5, 100, 101, 102)
			l.header(3, 2, 5)
			return l
		}, map[uint64]uint32{100: 7, 101: 1, 102: 2}, 1, nil},
		{"revoked_by_a_later_one", func() log {
			l := newLog(16, 1, 5, 1)
			l.descriptor(1, 5, 100, 101)
			l.header(4, 2, 5)
			l.revoke(5, 6, 100)
			l.header(6, 2, 6)
			return l
		}, map[uint64]uint32{101: 3}, 2, nil},
		{"written_again_after_a_revoke", func() log {
			l := newLog(16, 1, 5, 1)
			l.revoke(1, 5, 100)
			l.header(2, 2, 5)
			l.descriptor(3, 6, 100)
			l.header(5, 2, 6)
			return l
		}, map[uint64]uint32{100: 4}, 2, nil},
		{"revoke_not_committed", func() log {
			l := newLog(16, 1, 5, 1)
			l.descriptor(1, 5, 100)
			l.header(3, 2, 5)
			l.revoke(4, 6, 100)
			return l
		}, map[uint64]uint32{100: 2}, 1, nil},
		{"sequence_wraps", func() log {
			l := newLog(16, 1, 0xffffffff, 1)
			l.descriptor(1, 0xffffffff, 100)
			l.header(3, 2, 0xffffffff)
			l.revoke(4, 0, 100)
			l.header(5, 2, 0)
			return l
		}, map[uint64]uint32{}, 2, nil},
		{"bites_its_tail", func() log {
			l := newLog(4, 0, 5, 1)
			for i := 1; i < 4; i++ {
				l.revoke(i, 5)
			}
			return l
		}, map[uint64]uint32{}, 0, nil},
		{"unknown_feature", func() log { return newLog(16, 0x40, 5, 1) }, nil, 0, volume.ErrUnsupported},
		{"start_outside", func() log { return newLog(16, 0, 5, 16) }, nil, 0, volume.ErrCorrupt},
		{"no_magic", func() log {
			l := newLog(16, 0, 5, 1)
			l[0][0] = 0
			return l
		}, nil, 0, volume.ErrCorrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.make().load()
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			blocks := map[uint64]uint32{}
			for block, copied := range got.Blocks {
				blocks[block] = copied.Log
			}
			if d := cmp.Diff(c.want, blocks); d != "" || got.Transactions != c.count || len(got.Gaps) != 0 {
				t.Errorf("%d transactions, gaps %q: want -, got +:\n%s", got.Transactions, got.Gaps, d)
			}
		})
	}
}

// TestGap holds that a committed transaction that cannot be read is said.
func TestGap(t *testing.T) {
	l := newLog(16, 1, 5, 1)
	l.revoke(1, 5, 100)
	binary.BigEndian.PutUint32(l[1][12:], 5000) // longer than a block
	l.header(2, 2, 5)
	got, err := l.load()
	if err != nil || len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0], "transaction 5 not replayed") {
		t.Errorf("got %v, %q", err, got.Gaps)
	}
}

// TestEscape restores the magic number of a block that began with it.
func TestEscape(t *testing.T) {
	l := newLog(16, 0, 5, 1)
	l.descriptor(1, 5, -100, 101)
	l.header(4, 2, 5)
	got, err := l.load()
	if err != nil {
		t.Fatal(err)
	}
	for block, want := range map[uint64]string{100: "c03b3998", 101: "00000000"} {
		raw, err := got.Verify(got.Blocks[block], make([]byte, size))
		if err != nil || fmt.Sprintf("%x", raw[:4]) != want {
			t.Errorf("block %d: got %x, %v", block, raw[:4], err)
		}
	}
}

// FuzzLoad reads any bytes as a journal.
func FuzzLoad(f *testing.F) {
	l := newLog(12, 1, 5, 1)
	l.descriptor(1, 5, -100, 101)
	l.header(4, 2, 5)
	l.revoke(5, 6, 100)
	l.header(6, 2, 6)
	f.Add(bytes.Join(l, nil))
	for _, features := range []byte{0, 2, 8, 0x10, 0x12, 0x21} {
		raw := bytes.Join(l, nil)
		raw[0x2b] = features
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var l log
		for ; len(raw) >= size && len(l) < 4096; raw = raw[size:] {
			l = append(l, raw[:size])
		}
		got, err := l.load()
		if err != nil {
			return
		}
		for _, c := range got.Blocks {
			if int(c.Log) >= len(l) || c.Log == 0 {
				t.Errorf("copy in block %d of %d", c.Log, len(l))
				continue
			}
			_, _ = got.Verify(c, l[c.Log])
		}
	})
}
