package btrfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"

	"hinomi/internal/source/disk/volume"
)

// errNoInode is returned for an inode that neither the tree nor the log has.
var errNoInode = fmt.Errorf("is not there: %w", volume.ErrCorrupt)

// inodeItem returns an inode's item as the log leaves it (overwrite_item of fs/btrfs/tree-log.c).
func (c *changes) inodeItem(object uint64) ([]byte, error) {
	old, inTree, err := c.f.get(c.base, key{object, itemInode, 0})
	if err != nil {
		return nil, err
	}
	logged, inLog, err := c.f.get(c.tree, key{object, itemInode, 0})
	if err != nil {
		return nil, err
	}
	item := old
	switch {
	case inLog && !c.ignored[object] && !inTree:
		item = logged
	case inLog && !c.ignored[object]:
		if item, err = merged(old, logged); err != nil {
			return nil, err
		}
	case !inTree:
		return nil, errNoInode
	}
	if !c.touched[object] {
		return item, nil
	}
	return c.linked(object, item)
}

// merged is what the log makes of an inode that the tree has.
func merged(old, logged []byte) ([]byte, error) {
	le := binary.LittleEndian
	was, err := parseInode(old)
	if err != nil {
		return nil, err
	}
	is, err := parseInode(logged)
	if err != nil {
		return nil, err
	}
	setSize := func(b []byte, size int64) []byte {
		b = bytes.Clone(b)
		le.PutUint64(b[16:], uint64(size))
		return b
	}
	switch {
	case le.Uint64(logged) != 0: // the generation: the inode was logged whole
		if was.Mode.IsDir() && is.Mode.IsDir() {
			return setSize(logged, was.Size), nil
		}
		return logged, nil
	case was.Mode.IsRegular() && is.Mode.IsRegular() && is.Size != 0: // logged for its name only
		return setSize(old, is.Size), nil
	}
	return old, nil
}

// linked counts an inode's names, as they are by now. Folders keep the count of 1 that they all have.
func (c *changes) linked(object uint64, item []byte) ([]byte, error) {
	in, err := parseInode(item)
	if err != nil || in.Mode.Type() == fs.ModeDir {
		return item, err
	}
	seen := map[ref]bool{}
	count := uint32(0)
	for _, t := range []tree{c.base, c.tree} {
		refs, err := c.refsOf(t, object)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			if seen[r] {
				continue
			}
			seen[r] = true
			e, ok, err := c.lookup(r.parent, r.name)
			if err != nil {
				return nil, err
			}
			if ok && e.location == (key{object: object, kind: itemInode}) {
				count++
			}
		}
	}
	if in.Stat.Nlink == count {
		return item, nil
	}
	item = bytes.Clone(item)
	binary.LittleEndian.PutUint32(item[40:], count)
	return item, nil
}
