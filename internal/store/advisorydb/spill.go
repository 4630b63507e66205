package advisorydb

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// record is one key with one of its values, before they are merged.
type record struct {
	hash  uint64
	seq   uint64 // order of arrival: the merge keeps it
	key   []byte
	value []byte
}

func compareRecords(a, b record) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq))
}

// sorter sorts records in bounded memory: it keeps them until limit bytes, then sorts them and writes them to a file of their own.
type sorter struct {
	dir   string
	limit int
	held  []record
	size  int
	seq   uint64
	runs  []*os.File
	arena []byte
}

// recordOverhead is what a held record costs beside its bytes: the struct and its share of the slice's growth.
const recordOverhead = 128

// add keeps a record; key and value are copied.
func (s *sorter) add(key, value []byte) error {
	n := len(key) + len(value)
	if s.size > 0 && s.size+n+recordOverhead > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	k, v := s.copyOf(key), s.copyOf(value)
	s.held = append(s.held, record{hash: xxhash.Sum64(k), seq: s.seq, key: k, value: v})
	s.seq++
	s.size += n + recordOverhead
	return nil
}

// copyOf copies b into chunks that many records share.
func (s *sorter) copyOf(b []byte) []byte {
	const chunk = 1 << 20
	if len(b) > chunk/4 {
		return bytes.Clone(b)
	}
	if cap(s.arena)-len(s.arena) < len(b) {
		s.arena = make([]byte, 0, chunk)
	}
	n := len(s.arena)
	s.arena = append(s.arena, b...)
	return s.arena[n:len(s.arena):len(s.arena)]
}

func (s *sorter) spill() error {
	slices.SortFunc(s.held, compareRecords)
	f, err := os.CreateTemp(s.dir, ".advisories-sort-*")
	if err != nil {
		return fmt.Errorf("sort advisories on disk: %w", err)
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriterSize(f, 1<<18)
	var e encoder
	for _, r := range s.held {
		e.b = binary.LittleEndian.AppendUint64(e.b[:0], r.hash)
		e.uint(r.seq)
		e.uint(uint64(len(r.key)))
		e.uint(uint64(len(r.value)))
		for _, b := range [][]byte{e.b, r.key, r.value} {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("sort advisories on disk: %w", err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sort advisories on disk: %w", err)
	}
	clear(s.held)
	s.held, s.size, s.arena = s.held[:0], 0, nil
	return nil
}

// close removes the files of the runs.
func (s *sorter) close() error {
	var errs []error
	for _, f := range s.runs {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	s.runs = nil
	return errors.Join(errs...)
}

// groups calls do for every key in order of its hash, with all its values in order of arrival. The bytes are valid during the call.
func (s *sorter) groups(do func(hash uint64, key []byte, values [][]byte) error) error {
	slices.SortFunc(s.held, compareRecords)
	m := merge{}
	m.add(&heldRun{records: s.held})
	for _, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("merge advisories: %w", err)
		}
		m.add(&fileRun{r: bufio.NewReaderSize(f, 1<<18)})
	}
	var key []byte
	var hash uint64
	var values [][]byte
	for {
		r, err := m.next()
		if err != nil {
			return fmt.Errorf("merge advisories: %w", err)
		}
		if r == nil || len(values) > 0 && (r.hash != hash || !bytes.Equal(r.key, key)) {
			if len(values) > 0 {
				if err := do(hash, key, values); err != nil {
					return err
				}
			}
			values = values[:0]
		}
		if r == nil {
			return nil
		}
		hash, key = r.hash, r.key
		values = append(values, r.value)
	}
}

// run is a sorted stream of records; next returns nil at its end.
type run interface {
	next() (*record, error)
}

type heldRun struct{ records []record }

func (h *heldRun) next() (*record, error) {
	if len(h.records) == 0 {
		return nil, nil //nolint:nilnil // nil is the end of the stream, as the interface says
	}
	r := &h.records[0]
	h.records = h.records[1:]
	return r, nil
}

type fileRun struct{ r *bufio.Reader }

func (f *fileRun) next() (*record, error) {
	var h [8]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // nil is the end of the stream, as the interface says
		}
		return nil, err
	}
	r := &record{hash: binary.LittleEndian.Uint64(h[:])}
	var lens [3]uint64
	for i := range lens {
		v, err := binary.ReadUvarint(f.r)
		if err != nil {
			return nil, err
		}
		lens[i] = v
	}
	buf := make([]byte, lens[1]+lens[2]) // lengths that add wrote: a file of our own
	if _, err := io.ReadFull(f.r, buf); err != nil {
		return nil, err
	}
	r.seq, r.key, r.value = lens[0], buf[:lens[1]:lens[1]], buf[lens[1]:]
	return r, nil
}

// merge yields the records of several runs in order.
type merge struct {
	heads []head
	fresh []run
}

type head struct {
	r   *record
	run run
}

func (m *merge) add(r run) { m.fresh = append(m.fresh, r) }

func (m *merge) next() (*record, error) {
	for _, r := range m.fresh {
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		if rec != nil {
			heap.Push(m, head{rec, r})
		}
	}
	m.fresh = m.fresh[:0]
	if len(m.heads) == 0 {
		return nil, nil //nolint:nilnil // nil is the end of the stream
	}
	top, ok := heap.Pop(m).(head)
	if !ok {
		return nil, errors.New("heap holds another type")
	}
	m.fresh = append(m.fresh, top.run)
	return top.r, nil
}

func (m *merge) Len() int           { return len(m.heads) }
func (m *merge) Less(i, j int) bool { return compareRecords(*m.heads[i].r, *m.heads[j].r) < 0 }
func (m *merge) Swap(i, j int)      { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }

// Push and Pop serve container/heap.
func (m *merge) Push(x any) {
	if h, ok := x.(head); ok {
		m.heads = append(m.heads, h)
	}
}

// Pop removes the last head.
func (m *merge) Pop() any {
	h := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return h
}
