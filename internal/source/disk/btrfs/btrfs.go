// Package btrfs reads btrfs without mounting it: chunks on one device (single, DUP, and the mirrors of RAID1), subvolumes, all forms of
// extents with their compression and their checksums. The log tree, where a running host keeps what it synced since the last transaction, is
// applied in memory. The format is that of the Linux kernel's include/uapi/linux/btrfs_tree.h; what the log means is what the kernel's
// fs/btrfs/tree-log.c makes of it, and the tests hold both against the kernel's mount.
package btrfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"hinomi/internal/source/disk/unpack"
	"hinomi/internal/source/disk/volume"
)

// Type is what Info.Type says of this file system.
const Type = "btrfs"

// filesystem is what all subvolumes share.
type filesystem struct {
	dev    volume.Device
	super  *super
	chunks []chunk
	nodes  *volume.Cache[uint64, *node]
	sums   tree // of data
	zstd   *unpack.Zstd
	notes  []string
	gaps   []string

	mu         sync.Mutex
	subvolumes map[uint64]*subvolume
	logs       map[uint64]tree // by subvolume
}

// FS is a subvolume of a btrfs, with those that lie in it, and the door to the others.
type FS struct {
	volume.FS
	f *filesystem
	v *view
}

// Open opens the btrfs on a device and shows its default subvolume. An error wraps volume.ErrUnsupported, with the feature's name, for what
// would be read wrongly, and volume.ErrCorrupt for what contradicts itself.
func Open(dev volume.Device) (volume.FS, error) {
	s, err := readSuper(dev)
	if err != nil {
		return nil, err
	}
	z, err := unpack.NewZstd(maxUnpacked)
	if err != nil {
		return nil, err
	}
	f := &filesystem{dev: dev, super: s, nodes: volume.NewCache[uint64, *node](cachedNodes), zstd: z, subvolumes: map[uint64]*subvolume{}, logs: map[uint64]tree{}}
	if s.copyAt != superAt {
		f.notes = append(f.notes, fmt.Sprintf("the superblock is damaged: its copy at byte %d was used", s.copyAt))
	}
	if err := f.readChunks(); err != nil {
		return nil, err
	}
	if s.devices > 1 {
		f.notes = append(f.notes, fmt.Sprintf("the file system has %d devices, of which device %d is read: what lies only on others is an error", s.devices, s.devID))
	}
	if s.devSize > dev.Size() {
		f.gaps = append(f.gaps, fmt.Sprintf("the file system has %d bytes on this device, which has %d", s.devSize, dev.Size()))
	}
	if f.sums, _, err = f.findTree(checksumTree); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("checksum tree: %w", err)
	}
	if err := f.replay(); err != nil {
		return nil, fmt.Errorf("replay the btrfs log: %w", err)
	}
	id, err := f.defaultSubvolume()
	if err != nil {
		return nil, err
	}
	if id != topTree {
		f.notes = append(f.notes, fmt.Sprintf("the default subvolume, %d, is shown", id))
	}
	return f.open(id)
}

// open shows one subvolume.
func (f *filesystem) open(id uint64) (*FS, error) {
	root, err := f.subvolume(id)
	if err != nil {
		return nil, fmt.Errorf("subvolume %d: %w", id, err)
	}
	v := &view{f: f, root: root.root & objectMask, slots: []slot{{sub: root}}, numbers: map[slotKey]uint64{{child: id}: 0}}
	return &FS{FS: volume.NewTree(v), f: f, v: v}, nil
}

// Warm implements volume.Warmer.
func (s *FS) Warm(ctx context.Context, parallel int) int {
	if w, ok := s.FS.(volume.Warmer); ok {
		return w.Warm(ctx, parallel)
	}
	return 0
}

// Subvolume opens the subvolume that mount options choose, as btrfs(5) has them: "subvol=PATH", from the top level, or "subvolid=N"; the
// default one if none does. A subvolume that is not there wraps fs.ErrNotExist. It may be closed by itself.
func (s *FS) Subvolume(options []string) (volume.FS, error) {
	id, path, byID, byPath := uint64(0), "", false, false
	for _, o := range options {
		if text, ok := strings.CutPrefix(o, "subvolid="); ok {
			n, err := strconv.ParseUint(text, 0, 64)
			if err != nil {
				return nil, fmt.Errorf("mount option %q: %w", o, volume.ErrUnsupported)
			}
			if n == 0 {
				n = topTree
			}
			id, byID = n, true
		}
		if text, ok := strings.CutPrefix(o, "subvol="); ok {
			path, byPath = strings.Trim(text, "/"), true
		}
	}
	switch {
	case byID && byPath:
		there, err := s.f.subvolumeAt(path)
		if err != nil {
			return nil, err
		}
		if there != id {
			return nil, fmt.Errorf("subvolume %q is %d, not %d: %w", path, there, id, fs.ErrNotExist)
		}
	case byPath:
		var err error
		if id, err = s.f.subvolumeAt(path); err != nil {
			return nil, err
		}
	case !byID:
		var err error
		if id, err = s.f.defaultSubvolume(); err != nil {
			return nil, err
		}
	}
	return s.f.open(id)
}

// Subvolumes lists the paths of the subvolumes from the top level, in the order of their numbers, without the top level itself. The file
// system may have more than maxSubvolumes: then the error wraps volume.ErrLimit and the list is a part.
func (s *FS) Subvolumes() ([]string, error) {
	var out []string
	err := s.f.walk(s.f.super.root, key{object: firstInode, kind: itemRoot}, key{object: lastSubvolume, kind: itemRoot}, func(k key, _ []byte) error {
		if k.kind != itemRoot {
			return nil
		}
		if len(out) >= maxSubvolumes {
			return fmt.Errorf("more than %d subvolumes: %w", maxSubvolumes, volume.ErrLimit)
		}
		path, err := s.f.pathOf(k.object)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // being deleted
		}
		if err == nil && !slices.Contains(out, path) {
			out = append(out, path)
		}
		return err
	})
	return out, err
}
