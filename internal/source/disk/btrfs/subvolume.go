package btrfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"hinomi/internal/source/disk/volume"
)

const (
	// maxSubvolumes bounds those of one file system that are opened.
	maxSubvolumes = 1 << 16
	lastSubvolume = math.MaxUint64 - 255 // BTRFS_LAST_FREE_OBJECTID, -256
	rootItemSize  = 239                  // of the first version of a root item
)

// subvolume is a tree of files.
type subvolume struct {
	id   uint64
	tree tree
	root uint64 // inode of its root folder
	log  *changes
}

// findTree finds a tree by its number, in its newest form, and the number of its root folder.
func (f *filesystem) findTree(id uint64) (t tree, folder uint64, err error) {
	k, b, ok, err := f.floor(f.super.root, key{id, itemRoot, math.MaxUint64})
	if err != nil {
		return tree{}, 0, err
	}
	if !ok || k.object != id || k.kind != itemRoot {
		return tree{}, 0, fs.ErrNotExist
	}
	t, err = parseRoot(id, b)
	if err != nil {
		return tree{}, 0, err
	}
	le := binary.LittleEndian
	if le.Uint32(b[216:]) == 0 && id >= firstInode && id <= lastSubvolume {
		return tree{}, 0, fmt.Errorf("subvolume %d is being deleted: %w", id, fs.ErrNotExist)
	}
	return t, le.Uint64(b[168:]), nil
}

func parseRoot(id uint64, b []byte) (tree, error) {
	if len(b) < rootItemSize {
		return tree{}, fmt.Errorf("root item of tree %d has %d bytes: %w", id, len(b), volume.ErrCorrupt)
	}
	le := binary.LittleEndian
	return tree{id: id, at: le.Uint64(b[176:]), generation: le.Uint64(b[160:]), level: b[238]}, nil
}

// subvolume opens a subvolume, with its log if it has one.
func (f *filesystem) subvolume(id uint64) (*subvolume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.subvolumes[id]; s != nil {
		return s, nil
	}
	if id != topTree && (id < firstInode || id > lastSubvolume) {
		return nil, fmt.Errorf("tree %d is no subvolume: %w", id, fs.ErrNotExist)
	}
	if len(f.subvolumes) >= maxSubvolumes {
		return nil, fmt.Errorf("more than %d subvolumes: %w", maxSubvolumes, volume.ErrLimit)
	}
	t, folder, err := f.findTree(id)
	if err != nil {
		return nil, err
	}
	s := &subvolume{id: id, tree: t, root: folder}
	if log, ok := f.logs[id]; ok {
		if s.log, err = f.apply(s, log); err != nil {
			return nil, fmt.Errorf("log of subvolume %d: %w", id, err)
		}
	}
	f.subvolumes[id] = s
	return s, nil
}

// defaultSubvolume returns the one that is mounted where nothing else is said: the entry "default" of the root tree's folder.
func (f *filesystem) defaultSubvolume() (uint64, error) {
	b, ok, err := f.get(f.super.root, key{rootDir, itemDirName, nameHash("default")})
	if err != nil {
		return 0, fmt.Errorf("default subvolume: %w", err)
	}
	if !ok {
		return topTree, nil
	}
	entries, err := parseEntries(b)
	if err != nil {
		return 0, fmt.Errorf("default subvolume: %w", err)
	}
	for _, e := range entries {
		if e.name == "default" {
			return e.location.object, nil
		}
	}
	return topTree, nil
}

// holds says whether a subvolume's place is the entry of a folder; a snapshot keeps the entries of what lies in the original alone.
func (f *filesystem) holds(parent, folder uint64, name string, child uint64) (bool, error) {
	b, ok, err := f.get(f.super.root, key{parent, itemRootRef, child})
	if err != nil || !ok {
		return false, err
	}
	in, got, err := parseRootRef(b)
	return err == nil && in == folder && got == name, err
}

func parseRootRef(b []byte) (folder uint64, name string, err error) {
	le := binary.LittleEndian
	if len(b) < 18 || len(b) < 18+int(le.Uint16(b[16:])) {
		return 0, "", fmt.Errorf("reference to a subvolume of %d bytes: %w", len(b), volume.ErrCorrupt)
	}
	return le.Uint64(b), string(b[18 : 18+int(le.Uint16(b[16:]))]), nil
}

// subvolumeAt finds a subvolume by its path from the top level.
func (f *filesystem) subvolumeAt(path string) (uint64, error) {
	if path == "" {
		return topTree, nil
	}
	top, err := f.open(topTree)
	if err != nil {
		return 0, err
	}
	info, err := top.Lstat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			return 0, fmt.Errorf("subvolume %q: %w", path, fs.ErrNotExist)
		}
		return 0, fmt.Errorf("subvolume %q: %w", path, err)
	}
	id, ok := top.v.subvolumeOf(info.Sys().(*volume.Stat).Ino)
	if !ok {
		return 0, fmt.Errorf("%q is no subvolume: %w", path, fs.ErrNotExist)
	}
	return id, nil
}

// pathOf returns the path of a subvolume from the top level.
func (f *filesystem) pathOf(id uint64) (string, error) {
	const refBack = 144 // BTRFS_ROOT_BACKREF_KEY
	var parts []string
	for id != topTree {
		if len(parts) >= volume.MaxDepth {
			return "", fmt.Errorf("subvolume %d lies more than %d deep: %w", id, volume.MaxDepth, volume.ErrLimit)
		}
		k, b, ok, err := f.floor(f.super.root, key{id, refBack, math.MaxUint64})
		if err != nil {
			return "", err
		}
		if !ok || k.object != id || k.kind != refBack {
			return "", fmt.Errorf("subvolume %d has no place: %w", id, fs.ErrNotExist)
		}
		folder, name, err := parseRootRef(b)
		if err != nil {
			return "", err
		}
		parent, err := f.subvolume(k.offset)
		if err != nil {
			return "", err
		}
		parts = append([]string{name}, parts...)
		for folder != parent.root {
			if len(parts) >= volume.MaxDepth {
				return "", fmt.Errorf("subvolume %d lies more than %d deep: %w", id, volume.MaxDepth, volume.ErrLimit)
			}
			up, name, err := f.parentOf(parent, folder)
			if err != nil {
				return "", err
			}
			parts = append([]string{name}, parts...)
			folder = up
		}
		id = parent.id
	}
	return strings.Join(parts, "/"), nil
}

// parentOf finds the folder in which a folder lies, by its one reference.
func (f *filesystem) parentOf(s *subvolume, folder uint64) (parent uint64, name string, err error) {
	trees := []tree{s.tree}
	if s.log != nil {
		trees = []tree{s.log.tree, s.tree}
	}
	for _, t := range trees {
		k, b, ok, err := f.floor(t, key{folder, itemRef, math.MaxUint64})
		if err != nil {
			return 0, "", err
		}
		if !ok || k.object != folder || k.kind != itemRef {
			continue
		}
		names, err := parseRefs(k, b)
		if err != nil {
			return 0, "", err
		}
		if len(names) > 0 {
			return names[0].parent, names[0].name, nil
		}
	}
	return 0, "", fmt.Errorf("folder inode %d has no place: %w", folder, fs.ErrNotExist)
}
