package ntfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"hinomi/internal/source/disk/volume"
)

const (
	maxList     = 1 << 20   // bytes of an attribute list; Windows makes at most 256 KiB
	chunkBytes  = 128 << 10 // of the MFT that are read at once: records of a folder's files lie side by side
	maxChunks   = 64
	listMinimum = 26
)

// file is a file by its first record, with the list of the records that its other attributes lie in.
type file struct {
	base    *record
	list    []listed // nil if all attributes are in base
	reparse []byte
	packed  *packing // of a file that CompactOS has compressed
	refuse  string   // why its content cannot be read, "" if it can
}

// listed is an entry of an attribute list.
type listed struct {
	kind uint32
	name string
	vcn  int64
	ref  reference
	id   uint16
}

// recordCache keeps parts of the MFT.
type recordCache struct {
	mu     sync.Mutex
	chunks map[int64][]byte
	order  []int64
}

// openMFT finds the parts of the MFT. Record 0 describes the MFT, itself included; the copy of it in $MFTMirr is taken if it is broken.
func (r *reader) openMFT() error {
	rec, err := r.firstRecord(r.boot.mft)
	if err != nil {
		if r.boot.mirror == 0 {
			return err
		}
		var mirrorErr error
		if rec, mirrorErr = r.firstRecord(r.boot.mirror); mirrorErr != nil {
			return err
		}
		r.notes = append(r.notes, "record 0 of the MFT is unusable: $MFTMirr was used")
	}
	i := slices.IndexFunc(rec.attrs, func(a attribute) bool { return a.kind == typeData && a.name == "" && a.firstVCN == 0 })
	if i < 0 || !rec.attrs[i].nonResident {
		return fmt.Errorf("no data in record 0: %w", volume.ErrCorrupt)
	}
	parts := []attribute{rec.attrs[i]}
	if r.mft, err = r.newStream(parts); err != nil {
		return err
	}
	f := &file{base: rec}
	if f.list, err = r.readList(rec); err != nil {
		return err
	}
	// Each further part lies in a record that the parts before it hold.
	for _, l := range f.list {
		if l.kind != typeData || l.name != "" || l.vcn == 0 {
			continue
		}
		a, err := r.part(f, l)
		if err != nil {
			return err
		}
		if r.mft.runs, err = appendRuns(r.mft.runs, &a, r.boot.clusters); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) firstRecord(cluster int64) (*record, error) {
	raw := make([]byte, r.boot.recordSize)
	if err := readFull(r.dev, raw, cluster*r.boot.clusterSize); err != nil {
		return nil, err
	}
	return parseRecord(raw, recordMFT)
}

// record reads the record of a number.
func (r *reader) record(number int64) (*record, error) {
	size := int64(r.boot.recordSize)
	if number < 0 || number >= r.mft.size/size {
		return nil, fmt.Errorf("MFT record %d of %d: %w", number, r.mft.size/size, volume.ErrCorrupt)
	}
	chunk, err := r.records.get(r.mft, number*size/chunkBytes)
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	at := number * size % chunkBytes
	if at+size > int64(len(chunk)) {
		return nil, fmt.Errorf("MFT record %d past its end: %w", number, volume.ErrCorrupt)
	}
	rec, err := parseRecord(slices.Clone(chunk[at:at+size]), number)
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	if rec.flags&recordInUse == 0 {
		return nil, fmt.Errorf("MFT record %d is not in use: %w", number, volume.ErrCorrupt)
	}
	return rec, nil
}

// get returns a part of the MFT, as it is stored.
func (c *recordCache) get(mft *stream, index int64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if chunk, ok := c.chunks[index]; ok {
		return chunk, nil
	}
	chunk := make([]byte, min(chunkBytes, mft.size-index*chunkBytes))
	if err := readFull(mft, chunk, index*chunkBytes); err != nil {
		return nil, err
	}
	if c.chunks == nil {
		c.chunks = map[int64][]byte{}
	}
	if len(c.order) >= maxChunks {
		delete(c.chunks, c.order[0])
		c.order = c.order[1:]
	}
	c.chunks[index] = chunk
	c.order = append(c.order, index)
	return chunk, nil
}

// file reads the first record of a file and its attribute list.
func (r *reader) file(ref reference) (*file, error) {
	rec, err := r.record(ref.record())
	switch {
	case err != nil:
		return nil, err
	case rec.ref != ref:
		return nil, fmt.Errorf("MFT record %d is in its use %d, want %d: %w", ref.record(), rec.ref.sequence(), ref.sequence(), volume.ErrCorrupt)
	case rec.base != 0:
		return nil, fmt.Errorf("MFT record %d is a part of record %d: %w", ref.record(), rec.base.record(), volume.ErrCorrupt)
	}
	f := &file{base: rec}
	if f.list, err = r.readList(rec); err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", ref.record(), err)
	}
	return f, nil
}

// known opens one of the system's own files.
func (r *reader) known(number int64) (*file, error) {
	rec, err := r.record(number)
	if err != nil {
		return nil, err
	}
	return r.file(rec.ref)
}

// readList reads the attribute list of a record, sorted by attribute and place; nil if it has none.
func (r *reader) readList(rec *record) ([]listed, error) {
	i := slices.IndexFunc(rec.attrs, func(a attribute) bool { return a.kind == typeList })
	if i < 0 {
		return nil, nil
	}
	s, err := r.newStream(rec.attrs[i : i+1])
	if err != nil {
		return nil, fmt.Errorf("attribute list: %w", err)
	}
	if s.size > maxList {
		return nil, fmt.Errorf("attribute list of %d bytes: %w", s.size, volume.ErrLimit)
	}
	raw := make([]byte, s.size)
	if err := readFull(s, raw, 0); err != nil {
		return nil, fmt.Errorf("attribute list: %w", err)
	}
	le := binary.LittleEndian
	list := []listed{}
	for len(raw) >= listMinimum && le.Uint32(raw) != 0 {
		n, name, at := int(le.Uint16(raw[4:])), 2*int(raw[6]), int(raw[7])
		if n < listMinimum || n > len(raw) || name > 0 && at+name > n {
			return nil, fmt.Errorf("attribute list entry of %d bytes: %w", n, volume.ErrCorrupt)
		}
		l := listed{kind: le.Uint32(raw), vcn: int64(le.Uint64(raw[8:])), ref: reference(le.Uint64(raw[16:])), id: le.Uint16(raw[24:])}
		if name > 0 {
			l.name = utf16Text(raw[at : at+name])
		}
		list = append(list, l)
		raw = raw[n:]
	}
	slices.SortStableFunc(list, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.vcn, b.vcn))
	})
	return list, nil
}

// part finds the attribute that an entry of the list stands for.
func (r *reader) part(f *file, l listed) (attribute, error) {
	rec := f.base
	if l.ref != f.base.ref {
		var err error
		if rec, err = r.record(l.ref.record()); err != nil {
			return attribute{}, err
		}
		if rec.ref != l.ref || rec.base != f.base.ref {
			return attribute{}, fmt.Errorf("MFT record %d is no part of record %d: %w", l.ref.record(), f.base.ref.record(), volume.ErrCorrupt)
		}
	}
	for _, a := range rec.attrs {
		if a.kind == l.kind && a.id == l.id && a.name == l.name && a.firstVCN == l.vcn {
			return a, nil
		}
	}
	return attribute{}, fmt.Errorf("attribute %#x is not in MFT record %d: %w", l.kind, l.ref.record(), volume.ErrCorrupt)
}

// head finds the first part of an attribute, which has its size. The error is fs.ErrNotExist if the file has no such attribute.
func (r *reader) head(f *file, kind uint32, name string) (attribute, error) {
	parts, err := r.parts(f, kind, name, true)
	if err != nil {
		return attribute{}, err
	}
	return parts[0], nil
}

// parts finds all parts of an attribute in their order, or the first only.
func (r *reader) parts(f *file, kind uint32, name string, first bool) ([]attribute, error) {
	var parts []attribute
	if f.list == nil {
		for _, a := range f.base.attrs {
			if a.kind == kind && a.name == name {
				parts = append(parts, a)
				break
			}
		}
	}
	for _, l := range f.list {
		if l.kind != kind || l.name != name {
			continue
		}
		a, err := r.part(f, l)
		if err != nil {
			return nil, err
		}
		if parts = append(parts, a); first {
			break
		}
	}
	switch {
	case len(parts) == 0:
		return nil, fs.ErrNotExist
	case parts[0].firstVCN != 0:
		return nil, fmt.Errorf("attribute %#x begins at cluster %d: %w", kind, parts[0].firstVCN, volume.ErrCorrupt)
	}
	return parts, nil
}

// stream opens an attribute of a file. The error is fs.ErrNotExist if there is none.
func (r *reader) stream(f *file, kind uint32, name string) (*stream, error) {
	parts, err := r.parts(f, kind, name, false)
	if err != nil {
		return nil, err
	}
	return r.newStream(parts)
}

// bytes reads a small attribute whole.
func (r *reader) bytes(f *file, kind uint32, name string, limit int64) ([]byte, error) {
	s, err := r.stream(f, kind, name)
	if err != nil {
		return nil, err
	}
	if s.size > limit {
		return nil, fmt.Errorf("attribute %#x of %d bytes: %w", kind, s.size, volume.ErrLimit)
	}
	raw := make([]byte, s.size)
	if err := readFull(s, raw, 0); err != nil {
		return nil, err
	}
	return raw, nil
}
