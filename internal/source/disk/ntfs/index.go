package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"hinomi/internal/source/disk/volume"
)

const (
	indexName = "$I30"

	maxEntries  = 2 << 20 // names in one folder
	maxNames    = 128 << 20
	maxFaults   = 16      // blocks that may be wrong before a folder is given up
	maxBitmap   = 4 << 20 // bytes: enough for 32 million blocks
	indexHead   = 24      // of a block, before its node
	nodeHead    = 16
	entryHead   = 16
	entryLast   = 2
	nameHead    = 66 // of $FILE_NAME, before the name
	namespace83 = 2  // the short name of a file that has a long one
)

// lister gathers the entries of one folder.
type lister struct {
	entries []volume.Entry
	names   int // bytes
	faults  []error
}

// entries lists a folder: the root of its index, and every block of the rest that is in use. The order of the tree is of no interest here, and a
// loop in it cannot hurt.
func (r *reader) entries(f *file) ([]volume.Entry, error) {
	root, err := r.head(f, typeIndexRoot, indexName)
	if err != nil {
		return nil, fmt.Errorf("index root: %w", notThere(err))
	}
	le := binary.LittleEndian
	v := root.resident
	if len(v) < 16+nodeHead {
		return nil, fmt.Errorf("index root of %d bytes: %w", len(v), volume.ErrCorrupt)
	}
	if le.Uint32(v) != typeName {
		return nil, fmt.Errorf("index over attribute %#x: %w", le.Uint32(v), volume.ErrUnsupported)
	}
	var l lister
	if err := l.node(v[16:]); err != nil {
		l.faults = append(l.faults, err)
	}
	size := int64(le.Uint32(v[8:]))
	switch err := r.blocks(f, size, &l); {
	case errors.Is(err, fs.ErrNotExist) && le.Uint32(v[16+12:])&1 == 0: // a small folder has no more
	case err != nil:
		l.faults = append(l.faults, notThere(err))
	}
	return l.entries, errors.Join(l.faults...)
}

// blocks reads the blocks of an index that its bitmap says are in use.
func (r *reader) blocks(f *file, size int64, l *lister) error {
	s, err := r.stream(f, typeIndexAlloc, indexName)
	if err != nil {
		return err
	}
	if size < fixupStride || size > maxIndexSize || size&(size-1) != 0 {
		return fmt.Errorf("index blocks of %d bytes: %w", size, volume.ErrCorrupt)
	}
	used, err := r.bytes(f, typeBitmap, indexName, maxBitmap)
	if err != nil {
		return fmt.Errorf("index bitmap: %w", notThere(err))
	}
	count := s.size / size
	perRead := max(1, min(64<<10/size, count))
	chunk := make([]byte, perRead*size)
	for from := int64(0); from < count; from += perRead {
		n := min(perRead, count-from)
		if !anyUsed(used, from, n) {
			if from/8 >= int64(len(used)) {
				break
			}
			continue
		}
		if err := readFull(s, chunk[:n*size], from*size); err != nil {
			return fmt.Errorf("index block %d: %w", from, err)
		}
		for i := range n {
			if !bit(used, from+i) {
				continue
			}
			if err := l.block(chunk[i*size:(i+1)*size], from+i, r.boot.clusterSize); err != nil {
				l.faults = append(l.faults, fmt.Errorf("index block %d: %w", from+i, err))
				if len(l.faults) > maxFaults || errors.Is(err, volume.ErrLimit) {
					return nil
				}
			}
		}
	}
	return nil
}

func bit(bits []byte, i int64) bool { return i/8 < int64(len(bits)) && bits[i/8]>>(i%8)&1 != 0 }

func anyUsed(bits []byte, from, n int64) bool {
	for i := range n {
		if bit(bits, from+i) {
			return true
		}
	}
	return false
}

// block reads one block of an index, which it changes.
func (l *lister) block(raw []byte, index, cluster int64) error {
	if err := fixup(raw, "INDX"); err != nil {
		return err
	}
	unit := min(cluster, int64(len(raw)))
	if int64(len(raw)) < cluster {
		unit = fixupStride
	}
	if at := int64(binary.LittleEndian.Uint64(raw[16:])); at != index*int64(len(raw))/unit {
		return fmt.Errorf("it says that it is at %d: %w", at, volume.ErrCorrupt)
	}
	return l.node(raw[indexHead:])
}

// node reads the entries of one node.
func (l *lister) node(raw []byte) error {
	le := binary.LittleEndian
	at, end := int(le.Uint32(raw)), int(le.Uint32(raw[4:]))
	if at < nodeHead || end > len(raw) || at > end {
		return fmt.Errorf("entries from %d to %d of %d bytes: %w", at, end, len(raw), volume.ErrCorrupt)
	}
	for {
		if at+entryHead > end {
			return fmt.Errorf("entries without an end: %w", volume.ErrCorrupt)
		}
		e := raw[at:end]
		length, key, flags := int(le.Uint16(e[8:])), int(le.Uint16(e[10:])), le.Uint16(e[12:])
		if flags&entryLast != 0 {
			return nil
		}
		if length < entryHead || length > len(e) || entryHead+key > length || key < nameHead {
			return fmt.Errorf("entry of %d bytes with a key of %d: %w", length, key, volume.ErrCorrupt)
		}
		if err := l.add(reference(le.Uint64(e)), e[entryHead:entryHead+key]); err != nil {
			return err
		}
		at += length
	}
}

// add takes one entry, whose key is a $FILE_NAME.
func (l *lister) add(ref reference, key []byte) error {
	le := binary.LittleEndian
	n := 2 * int(key[64])
	if nameHead+n > len(key) {
		return fmt.Errorf("name of %d bytes in a key of %d: %w", n, len(key), volume.ErrCorrupt)
	}
	if key[65] == namespace83 || ref.record() < firstUser {
		return nil
	}
	if len(l.entries) >= maxEntries || l.names > maxNames {
		return fmt.Errorf("more than %d entries: %w", len(l.entries), volume.ErrLimit)
	}
	e := volume.Entry{Name: utf16Text(key[nameHead : nameHead+n]), Ino: uint64(ref), Typed: true}
	l.names += len(e.Name)
	flags := le.Uint32(key[56:])
	if flags&fileFolder != 0 {
		e.Type = fs.ModeDir
	}
	// A reparse point may be anything; only that of CompactOS is known to be a file, and there are many.
	if flags&fileReparse != 0 && le.Uint32(key[60:]) != tagWOF {
		e.Type, e.Typed = 0, false
	}
	l.entries = append(l.entries, e)
	return nil
}
