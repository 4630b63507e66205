package btrfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"hinomi/internal/source/disk/volume"
)

const (
	// maxLogs bounds the subvolumes that one log concerns.
	maxLogs = 1 << 12
	// maxChanges bounds the names that a log changes in one subvolume, of up to 300 bytes each.
	maxChanges = 1 << 20
)

// changes is what the log changes in one subvolume. Inodes and extents are looked up in the log's tree when they are asked for; names, of which
// the log has additions and ranges without, are settled at once, in the order in which the kernel does.
type changes struct {
	f       *filesystem
	base    tree
	tree    tree // the log
	folders map[uint64]*folderChange
	count   int             // names in folders
	ignored map[uint64]bool // inodes that the log has without a name
	touched map[uint64]bool // inodes whose names changed
}

// folderChange is what the log changes in a folder.
type folderChange struct {
	removed map[string]bool
	added   map[string]entry
}

// hides says whether an entry of the tree does not count.
func (c *folderChange) hides(name string) bool {
	_, replaced := c.added[name]
	return replaced || c.removed[name]
}

// replay finds the logs and applies each to its subvolume.
func (f *filesystem) replay() error {
	root := f.super.logRoot
	if root.at == 0 {
		return nil
	}
	logs := map[uint64]tree{}
	err := f.walk(root, key{logTree, itemRoot, 0}, key{logTree, itemRoot, maxKey.offset}, func(k key, b []byte) error {
		t, err := parseRoot(logTree, b)
		if err != nil {
			return err
		}
		if len(logs) >= maxLogs {
			return fmt.Errorf("more than %d logs: %w", maxLogs, volume.ErrLimit)
		}
		logs[k.offset] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("tree of logs: %w", err)
	}
	f.logs = logs
	inodes, names := 0, 0
	for id := range logs {
		s, err := f.subvolume(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was deleted
		}
		if err != nil {
			return err
		}
		inodes += len(s.log.touched)
		names += s.log.count
	}
	f.notes = append(f.notes, fmt.Sprintf("log replayed: %d subvolumes, %d inodes, %d names", len(logs), inodes, names))
	return nil
}

// apply settles what a log changes in a subvolume (replay_one_buffer of fs/btrfs/tree-log.c): folders lose what the log does not have, then
// gain the names of folders that were logged, then those of inodes.
func (f *filesystem) apply(s *subvolume, log tree) (*changes, error) {
	c := &changes{
		f: f, base: s.tree, tree: log, folders: map[uint64]*folderChange{}, ignored: map[uint64]bool{}, touched: map[uint64]bool{},
	}
	each := func(fn func(k key, b []byte) error, kinds ...uint8) error {
		return f.walk(log, key{}, maxKey, func(k key, b []byte) error {
			if !slices.Contains(kinds, k.kind) || c.ignored[k.object] && k.kind != itemInode {
				return nil
			}
			return fn(k, b)
		})
	}
	if err := each(c.inode, itemInode); err != nil {
		return nil, fmt.Errorf("inodes: %w", err)
	}
	if err := each(c.name, itemDirIndex); err != nil {
		return nil, fmt.Errorf("folders: %w", err)
	}
	if err := each(c.refs, itemRef, itemExtRef); err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	return c, nil
}

// inode takes an inode of the log: of a folder, what is not in the log and was in a range that the log has whole, is removed.
func (c *changes) inode(k key, b []byte) error {
	in, err := parseInode(b)
	if err != nil {
		return fmt.Errorf("inode %d: %w", k.object, err)
	}
	if in.Stat.Nlink == 0 {
		c.ignored[k.object] = true
		return nil
	}
	c.touched[k.object] = true
	if len(c.touched) > maxChanges {
		return fmt.Errorf("more than %d inodes: %w", maxChanges, volume.ErrLimit)
	}
	if !in.Mode.IsDir() {
		return nil
	}
	return c.f.walk(c.tree, key{k.object, itemLogIndex, 0}, key{k.object, itemLogIndex, maxKey.offset}, func(r key, b []byte) error {
		if len(b) < 8 {
			return fmt.Errorf("range of folder inode %d: %w", k.object, volume.ErrCorrupt)
		}
		from, to := key{k.object, itemDirIndex, r.offset}, key{k.object, itemDirIndex, binary.LittleEndian.Uint64(b)}
		return c.f.walk(c.base, from, to, c.unlinkUnlogged)
	})
}

// unlinkUnlogged removes the names of an item that the log does not have.
func (c *changes) unlinkUnlogged(k key, b []byte) error {
	entries, err := parseEntries(b)
	if err != nil {
		return err
	}
	logged, ok, err := c.f.get(c.tree, k)
	if err != nil {
		return err
	}
	var kept []entry
	if ok {
		if kept, err = parseEntries(logged); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if slices.ContainsFunc(kept, func(k entry) bool { return k.name == e.name }) {
			continue
		}
		if err := c.unlink(k.object, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) folder(object uint64) *folderChange {
	d := c.folders[object]
	if d == nil {
		d = &folderChange{removed: map[string]bool{}, added: map[string]entry{}}
		c.folders[object] = d
	}
	return d
}

func (c *changes) counted() error {
	if c.count++; c.count > maxChanges {
		return fmt.Errorf("more than %d names: %w", maxChanges, volume.ErrLimit)
	}
	return nil
}

func (c *changes) unlink(folder uint64, e entry) error {
	d := c.folder(folder)
	delete(d.added, e.name)
	d.removed[e.name] = true
	c.touched[e.location.object] = true
	return c.counted()
}

func (c *changes) link(folder uint64, e entry) error {
	c.folder(folder).added[e.name] = e
	c.touched[e.location.object] = true
	return c.counted()
}

// lookup finds a name in a folder as it is by now.
func (c *changes) lookup(folder uint64, name string) (entry, bool, error) {
	if d := c.folders[folder]; d != nil {
		if e, ok := d.added[name]; ok {
			return e, true, nil
		}
		if d.removed[name] {
			return entry{}, false, nil
		}
	}
	b, ok, err := c.f.get(c.base, key{folder, itemDirName, nameHash(name)})
	if err != nil || !ok {
		return entry{}, false, err
	}
	all, err := parseEntries(b)
	if err != nil {
		return entry{}, false, err
	}
	if i := slices.IndexFunc(all, func(e entry) bool { return e.name == name }); i >= 0 {
		return all[i], true, nil
	}
	return entry{}, false, nil
}

// name takes a name of a folder that was logged (replay_one_name).
func (c *changes) name(k key, b []byte) error {
	entries, err := parseEntries(b)
	if err != nil {
		return err
	}
	if ok, err := c.exists(k.object); err != nil || !ok {
		return err
	}
	for _, e := range entries {
		had, ok, err := c.lookup(k.object, e.name)
		if err != nil {
			return err
		}
		if ok && had.location == e.location && had.kind == e.kind || e.location.kind != itemInode {
			continue
		}
		there, err := c.exists(e.location.object)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if ok {
			if err := c.unlink(k.object, had); err != nil {
				return err
			}
		}
		later, err := c.hasRef(c.tree, e.location.object, ref{k.object, e.name})
		if err != nil {
			return err
		}
		if later {
			continue
		}
		if err := c.link(k.object, e); err != nil {
			return err
		}
	}
	return nil
}

// exists says whether an inode is in the tree or in the log.
func (c *changes) exists(object uint64) (bool, error) {
	if !c.ignored[object] {
		if _, ok, err := c.f.get(c.tree, key{object, itemInode, 0}); err != nil || ok {
			return ok, err
		}
	}
	_, ok, err := c.f.get(c.base, key{object, itemInode, 0})
	return ok, err
}

// refsOf returns the names that a tree has for an inode.
func (c *changes) refsOf(t tree, object uint64) ([]ref, error) {
	var out []ref
	err := c.f.walk(t, key{object, itemRef, 0}, key{object, itemExtRef, maxKey.offset}, func(k key, b []byte) error {
		refs, err := parseRefs(k, b)
		if out = append(out, refs...); len(out) > maxChanges {
			return fmt.Errorf("inode %d has more than %d names: %w", object, maxChanges, volume.ErrLimit)
		}
		return err
	})
	return out, err
}

// hasRef says whether a tree has a name for an inode.
func (c *changes) hasRef(t tree, object uint64, want ref) (bool, error) {
	found := false
	err := c.f.walk(t, key{object, itemRef, 0}, key{object, itemExtRef, maxKey.offset}, func(k key, b []byte) error {
		if k.kind == itemRef && k.offset != want.parent {
			return nil
		}
		refs, err := parseRefs(k, b)
		if found = slices.Contains(refs, want); found && err == nil {
			return errStop
		}
		return err
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return found, err
}

// refs takes the names of an inode that was logged (add_inode_ref): they replace whatever stands there, and the names that the inode had in the
// same folder before are gone.
func (c *changes) refs(k key, b []byte) error {
	names, err := parseRefs(k, b)
	if err != nil {
		return err
	}
	raw, err := c.inodeItem(k.object)
	if err != nil {
		if errors.Is(err, errNoInode) {
			return nil
		}
		return err
	}
	in, err := parseInode(raw)
	if err != nil {
		return err
	}
	e := entry{location: key{object: k.object, kind: itemInode}, kind: uint8(slices.Index(entryTypes[1:], in.Mode.Type()) + 1)}
	parents := map[uint64]bool{}
	for _, r := range names {
		there, err := c.exists(r.parent)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		parents[r.parent] = true
		had, ok, err := c.lookup(r.parent, r.name)
		if err != nil {
			return err
		}
		if ok && had.location == e.location {
			continue
		}
		if ok {
			if err := c.unlink(r.parent, had); err != nil {
				return err
			}
		}
		e.name = r.name
		if err := c.link(r.parent, e); err != nil {
			return err
		}
	}
	return c.dropOld(k.object, parents)
}

// dropOld removes the names that an inode had in folders, and has no more by the log.
func (c *changes) dropOld(object uint64, parents map[uint64]bool) error {
	old, err := c.refsOf(c.base, object)
	if err != nil {
		return err
	}
	for _, r := range old {
		if !parents[r.parent] {
			continue
		}
		kept, err := c.hasRef(c.tree, object, r)
		if err != nil {
			return err
		}
		if kept {
			continue
		}
		had, ok, err := c.lookup(r.parent, r.name)
		if err != nil {
			return err
		}
		if ok && had.location.object == object && had.location.kind == itemInode {
			if err := c.unlink(r.parent, had); err != nil {
				return err
			}
		}
	}
	return nil
}
