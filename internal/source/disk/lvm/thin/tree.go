package thin

import (
	"encoding/binary"
	"fmt"
	"sort"

	"hinomi/internal/source/disk/volume"
)

const (
	nodeHeader   = 32
	flagInternal = 1
	flagLeaf     = 2
)

// node is a checked node of a B-tree (Linux, dm-btree-internal.h).
type node struct {
	internal bool
	keys     []uint64
	values   []byte
	length   int // bytes of a value
}

// value returns the i-th value.
func (n *node) value(i int) []byte { return n.values[i*n.length:][:n.length] }

// find looks for a key in the tree whose root is a block; its values must have
// length bytes.
func (p *Pool) find(root, key uint64, length int) (value []byte, ok bool, err error) {
	low := uint64(0)
	for range maxDepth {
		n, err := p.node(root)
		if err != nil {
			return nil, false, err
		}
		if len(n.keys) > 0 && n.keys[0] < low {
			return nil, false, fmt.Errorf("block %d begins at key %d below its parent's %d: %w", root, n.keys[0], low, volume.ErrCorrupt)
		}
		if !n.internal && n.length != length {
			return nil, false, fmt.Errorf("block %d: values of %d bytes, not %d: %w", root, n.length, length, volume.ErrCorrupt)
		}
		// The last key that is not above the wanted one.
		i := sort.Search(len(n.keys), func(i int) bool { return n.keys[i] > key }) - 1
		if i < 0 {
			return nil, false, nil
		}
		if !n.internal {
			return n.value(i), n.keys[i] == key, nil
		}
		low = n.keys[i]
		root = binary.LittleEndian.Uint64(n.value(i))
	}
	return nil, false, fmt.Errorf("tree of more than %d levels: %w", maxDepth, volume.ErrCorrupt)
}

// node returns a checked node, from memory if it is there.
func (p *Pool) node(block uint64) (*node, error) {
	p.mu.Lock()
	n := p.nodes[block]
	p.mu.Unlock()
	if n != nil {
		return n, nil
	}
	if block == 0 || block >= uint64(p.blocks) {
		return nil, fmt.Errorf("node at block %d of %d: %w", block, p.blocks, volume.ErrCorrupt)
	}
	raw := make([]byte, blockSize)
	if err := readFull(p.meta, raw, int64(block)*blockSize); err != nil {
		return nil, fmt.Errorf("read the node at block %d: %w", block, err)
	}
	n, err := parseNode(raw, block)
	if err != nil {
		return nil, fmt.Errorf("node at block %d: %w", block, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nodes) >= cachedNodes {
		clear(p.nodes)
	}
	p.nodes[block] = n
	return n, nil
}

// parseNode checks a node.
func parseNode(raw []byte, block uint64) (*node, error) {
	le := binary.LittleEndian
	if checksum(raw[4:], nodeSalt) != le.Uint32(raw) {
		return nil, fmt.Errorf("checksum: %w", volume.ErrCorrupt)
	}
	flags, at := le.Uint32(raw[4:]), le.Uint64(raw[8:])
	count, most, length := uint64(le.Uint32(raw[16:])), uint64(le.Uint32(raw[20:])), uint64(le.Uint32(raw[24:]))
	switch {
	case at != block:
		return nil, fmt.Errorf("it belongs at block %d: %w", at, volume.ErrCorrupt)
	case flags != flagInternal && flags != flagLeaf:
		return nil, fmt.Errorf("flags %#x: %w", flags, volume.ErrCorrupt)
	case count > most || length == 0 || length > blockSize || most > blockSize || nodeHeader+most*(8+length) > blockSize:
		return nil, fmt.Errorf("%d of %d entries of %d bytes: %w", count, most, length, volume.ErrCorrupt)
	case flags == flagInternal && (length != 8 || count == 0):
		return nil, fmt.Errorf("inner node of %d entries of %d bytes: %w", count, length, volume.ErrCorrupt)
	}
	n := &node{internal: flags == flagInternal, keys: make([]uint64, count), length: int(length)}
	for i := range n.keys {
		n.keys[i] = le.Uint64(raw[nodeHeader+8*i:])
		if i > 0 && n.keys[i] <= n.keys[i-1] {
			return nil, fmt.Errorf("keys %d and %d out of order: %w", n.keys[i-1], n.keys[i], volume.ErrCorrupt)
		}
	}
	n.values = raw[nodeHeader+most*8:][:count*length]
	return n, nil
}
