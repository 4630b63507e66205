package btrfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"hinomi/internal/source/disk/volume"
)

// Trees and objects with fixed numbers (include/uapi/linux/btrfs_tree.h).
const (
	rootTree     = 1
	chunkTree    = 3
	topTree      = 5 // the top-level subvolume
	rootDir      = 6 // in the root tree: names the default subvolume
	checksumTree = 7
	firstInode   = 256
	logTree      = math.MaxUint64 - 5 // BTRFS_TREE_LOG_OBJECTID, -6
	checksumsOf  = math.MaxUint64 - 9 // BTRFS_EXTENT_CSUM_OBJECTID, -10
)

// Kinds of items.
const (
	itemInode    = 1
	itemRef      = 12
	itemExtRef   = 13
	itemLogIndex = 72
	itemDirName  = 84
	itemDirIndex = 96
	itemExtent   = 108
	itemChecksum = 128
	itemRoot     = 132
	itemRootRef  = 156
	itemChunk    = 228
)

// cachedNodes bounds the tree blocks that are kept, in bytes.
const cachedNodes = 16 << 20

const (
	keySize     = 17
	nodeHeader  = 101
	leafItem    = keySize + 8
	nodePointer = keySize + 16
)

// key is where an item stands in a tree.
type key struct {
	object uint64
	kind   uint8
	offset uint64
}

var maxKey = key{math.MaxUint64, math.MaxUint8, math.MaxUint64}

func parseKey(b []byte) key {
	return key{binary.LittleEndian.Uint64(b), b[8], binary.LittleEndian.Uint64(b[9:])}
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.object, o.object), cmp.Compare(k.kind, o.kind), cmp.Compare(k.offset, o.offset))
}

func (k key) String() string { return fmt.Sprintf("(%d %d %d)", k.object, k.kind, k.offset) }

// tree is a tree by its root.
type tree struct {
	id         uint64
	at         uint64
	generation uint64
	level      uint8
}

// node is one block of a tree, checked.
type node struct {
	b          []byte
	count      int
	level      uint8
	generation uint64
}

func (n *node) step() int {
	if n.level == 0 {
		return leafItem
	}
	return nodePointer
}

func (n *node) key(i int) key { return parseKey(n.b[nodeHeader+i*n.step():]) }

// item returns the content of a leaf's item.
func (n *node) item(i int) []byte {
	h := n.b[nodeHeader+i*leafItem+keySize:]
	from, size := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
	from += nodeHeader
	return n.b[from : from+size : from+size]
}

// child returns where a pointer leads, and the generation that is there.
func (n *node) child(i int) (at, generation uint64) {
	b := n.b[nodeHeader+i*nodePointer+keySize:]
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// block reads a block of a tree, from the cache if it is there.
func (f *filesystem) block(at uint64) (*node, error) {
	if n, ok := f.nodes.Get(at); ok {
		return n, nil
	}
	if at%uint64(f.super.sectorSize) != 0 {
		return nil, fmt.Errorf("tree block at address %#x: %w", at, volume.ErrCorrupt)
	}
	n := &node{b: make([]byte, f.super.nodeSize)}
	err := f.read(n.b, at, func(b []byte) string { return f.check(n, at) })
	if err != nil {
		return nil, fmt.Errorf("tree block: %w", err)
	}
	f.nodes.Put(at, n, len(n.b))
	return n, nil
}

// check says what is wrong with a block by itself, or "".
func (f *filesystem) check(n *node, at uint64) string {
	le, b := binary.LittleEndian, n.b
	if !f.super.csum.matches(b[:32], b[32:]) {
		return "checksum mismatch"
	}
	n.count, n.level, n.generation = int(le.Uint32(b[0x60:])), b[0x64], le.Uint64(b[0x50:])
	switch {
	case le.Uint64(b[0x30:]) != at:
		return fmt.Sprintf("belongs to address %#x", le.Uint64(b[0x30:]))
	case [16]byte(b[0x20:0x30]) != f.super.metaID:
		return "belongs to another file system"
	case n.level >= levels:
		return fmt.Sprintf("level %d", n.level)
	case n.count < 0 || n.count > (len(b)-nodeHeader)/n.step() || n.count == 0 && n.level > 0:
		return fmt.Sprintf("%d items", n.count)
	}
	for i := 1; i < n.count; i++ {
		if n.key(i-1).compare(n.key(i)) >= 0 {
			return fmt.Sprintf("key %v does not follow %v", n.key(i), n.key(i-1))
		}
	}
	if n.level > 0 {
		return ""
	}
	for i := range n.count {
		h := b[nodeHeader+i*leafItem+keySize:]
		from, size := uint64(le.Uint32(h)), uint64(le.Uint32(h[4:]))
		if from < uint64(n.count*leafItem) || from+size > uint64(len(b)-nodeHeader) {
			return fmt.Sprintf("item %v lies outside of its block", n.key(i))
		}
	}
	return ""
}

// place is a block as its parent sees it.
type place struct {
	at, generation uint64
	level          uint8
	first          *key // nil for a root
	before         key  // all keys are below, or maxKey
}

func (t tree) place() place {
	return place{at: t.at, generation: t.generation, level: t.level, before: maxKey}
}

// at reads a block and holds it against what its parent says. Since levels fall and ranges of keys are disjoint, nothing is visited twice.
func (f *filesystem) at(p place) (*node, error) {
	n, err := f.block(p.at)
	if err != nil {
		return nil, err
	}
	bad := ""
	switch {
	case n.level != p.level:
		bad = fmt.Sprintf("level %d instead of %d", n.level, p.level)
	case n.generation != p.generation:
		bad = fmt.Sprintf("generation %d instead of %d", n.generation, p.generation)
	case p.first != nil && (n.count == 0 || n.key(0) != *p.first):
		bad = fmt.Sprintf("does not begin with key %v", *p.first)
	case p.before != maxKey && n.count > 0 && n.key(n.count-1).compare(p.before) >= 0:
		bad = fmt.Sprintf("ends with key %v, behind %v", n.key(n.count-1), p.before)
	}
	if bad != "" {
		return nil, fmt.Errorf("tree block at address %#x: %s: %w", p.at, bad, volume.ErrCorrupt)
	}
	return n, nil
}

// below returns the place of a node's child.
func (n *node) below(i int, p place) place {
	at, generation := n.child(i)
	first := n.key(i)
	out := place{at: at, generation: generation, level: n.level - 1, first: &first, before: p.before}
	if i+1 < n.count {
		out.before = n.key(i + 1)
	}
	return out
}

// walk calls fn for every item of a tree from one key to another, both included, in their order, until it returns an error.
func (f *filesystem) walk(t tree, from, to key, fn func(k key, b []byte) error) error {
	return f.walkFrom(t.place(), from, to, fn)
}

func (f *filesystem) walkFrom(p place, from, to key, fn func(k key, b []byte) error) error {
	n, err := f.at(p)
	if err != nil {
		return err
	}
	i := sort.Search(n.count, func(i int) bool { return n.key(i).compare(from) >= 0 })
	if n.level > 0 && i > 0 && (i == n.count || n.key(i) != from) {
		i-- // its keys may go on past from
	}
	for ; i < n.count; i++ {
		k := n.key(i)
		if k.compare(to) > 0 {
			return nil
		}
		if n.level > 0 {
			err = f.walkFrom(n.below(i, p), from, to, fn)
		} else {
			err = fn(k, n.item(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// floor returns the last item whose key is not above k; ok is false if there is none.
func (f *filesystem) floor(t tree, k key) (found key, b []byte, ok bool, err error) {
	p := t.place()
	for {
		n, err := f.at(p)
		if err != nil {
			return key{}, nil, false, err
		}
		i := sort.Search(n.count, func(i int) bool { return n.key(i).compare(k) > 0 }) - 1
		if i < 0 {
			return key{}, nil, false, nil
		}
		if n.level == 0 {
			return n.key(i), n.item(i), true, nil
		}
		p = n.below(i, p)
	}
}

// get returns the item of a key; ok is false if there is none.
func (f *filesystem) get(t tree, k key) (b []byte, ok bool, err error) {
	found, b, ok, err := f.floor(t, k)
	if err != nil || !ok || found != k {
		return nil, false, err
	}
	return b, true, nil
}
