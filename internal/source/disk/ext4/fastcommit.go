package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"hinomi/internal/source/disk/volume"
)

// The tags of fast commits (fs/ext4/fast_commit.h).
const (
	fastAddRange = 1
	fastDelRange = 2
	fastCreate   = 3
	fastLinkTag  = 4
	fastUnlink   = 5
	fastInodeTag = 6
	fastPad      = 7
	fastTail     = 8
	fastHead     = 9

	maxPatches = 1 << 14 // of one file
)

// fastCommits are the changes that fast commits make. They name inodes and
// names, not blocks, so they are laid over what the blocks say.
type fastCommits struct {
	inodes  map[uint32]*fastInode
	created map[uint32]bool // folders that are new, whose blocks hold nothing yet
	names   map[uint32][]nameChange
}

type fastInode struct {
	raw     []byte // nil: as stored
	patches []patch
}

// patch replaces a stretch of a file.
type patch struct {
	first, count uint64
	phys         uint64
	hole         bool
}

// nameChange adds a name to a folder or takes it away.
type nameChange struct {
	name   string
	ino    uint32
	remove bool
}

// fastOp is one tag with its value.
type fastOp struct {
	tag   uint16
	value []byte
}

// scanFast returns the changes of every whole fast commit of transaction id
// (ext4_fc_replay_scan): a commit ends with a tail that seals it.
func scanFast(blocks [][]byte, id uint32) ([]fastOp, error) {
	le := binary.LittleEndian
	var ops []fastOp
	sealed, sum := 0, uint32(0)
	for _, raw := range blocks {
		for off := 0; off+4 <= len(raw); {
			tag, length := le.Uint16(raw[off:]), int(le.Uint16(raw[off+2:]))
			if off+4+length > len(raw) || tag == 0 || tag > fastHead {
				return ops[:sealed], nil // never completed
			}
			head, value := raw[off:off+4], raw[off+4:][:length]
			off += 4 + length
			switch {
			case tag == fastHead:
				if length < 8 || le.Uint32(value[4:]) != id {
					return ops[:sealed], nil // of an older transaction
				}
				if features := le.Uint32(value); features != 0 {
					return nil, fmt.Errorf("fast commit feature %#x: %w", features, volume.ErrUnsupported)
				}
			case tag == fastTail:
				if length < 8 || le.Uint32(value) != id {
					return ops[:sealed], nil
				}
				sum = crc32c(crc32c(sum, head), value[:4])
				if le.Uint32(value[4:]) != sum {
					return ops[:sealed], nil // torn
				}
				sealed, sum = len(ops), 0
				continue
			case tag != fastPad:
				if length < fastLength(tag) {
					return ops[:sealed], nil
				}
				ops = append(ops, fastOp{tag, value})
			}
			sum = crc32c(crc32c(sum, head), value)
		}
	}
	return ops[:sealed], nil
}

// fastLength is the least length of a tag's value.
func fastLength(tag uint16) int {
	switch tag {
	case fastAddRange:
		return 16
	case fastDelRange:
		return 12
	case fastInodeTag:
		return 4 + oldInodeSize
	}
	return 9 // two inode numbers and a name
}

// applyFast lays the changes over the file system, in their order.
func (r *reader) applyFast(ops []fastOp) error {
	if len(ops) == 0 {
		return nil
	}
	f := fastCommits{inodes: map[uint32]*fastInode{}, created: map[uint32]bool{}, names: map[uint32][]nameChange{}}
	r.fast = f
	le := binary.LittleEndian
	for _, op := range ops {
		ino := le.Uint32(op.value)
		var err error
		switch op.tag {
		case fastInodeTag:
			err = r.fastInode(ino, op.value[4:])
		case fastAddRange:
			length, unwritten := uint64(le.Uint16(op.value[8:])), false
			if length > maxInitLength {
				length, unwritten = length-maxInitLength, true
			}
			phys := uint64(le.Uint32(op.value[12:])) | uint64(le.Uint16(op.value[10:]))<<32
			if length == 0 || !r.super.validBlock(phys) || !r.super.validBlock(phys+length-1) {
				return fmt.Errorf("fast commit: blocks %d and %d more of inode %d: %w", phys, length, ino, volume.ErrCorrupt)
			}
			err = f.patch(ino, patch{uint64(le.Uint32(op.value[4:])), length, phys, unwritten})
		case fastDelRange:
			err = f.patch(ino, patch{first: uint64(le.Uint32(op.value[4:])), count: uint64(le.Uint32(op.value[8:])), hole: true})
		case fastCreate, fastLinkTag, fastUnlink:
			child := le.Uint32(op.value[4:])
			f.names[ino] = append(f.names[ino], nameChange{string(op.value[8:]), child, op.tag == fastUnlink})
			if op.tag == fastCreate {
				err = r.fastFolder(child)
			}
		}
		if err != nil {
			r.fast = fastCommits{}
			return err
		}
	}
	return nil
}

// fastFolder notes a folder that was made: its block is not written yet.
func (r *reader) fastFolder(ino uint32) error {
	raw, _, err := r.rawInode(ino)
	if err != nil {
		return fmt.Errorf("fast commit: created %w", err)
	}
	if binary.LittleEndian.Uint16(raw)>>12 == 0x4 {
		r.fast.created[ino] = true
	}
	return nil
}

func (f *fastCommits) inode(ino uint32) *fastInode {
	in, ok := f.inodes[ino]
	if !ok {
		in = &fastInode{}
		f.inodes[ino] = in
	}
	return in
}

func (f *fastCommits) patch(ino uint32, p patch) error {
	in := f.inode(ino)
	if len(in.patches) >= maxPatches {
		return fmt.Errorf("fast commit: more than %d ranges in inode %d: %w", maxPatches, ino, volume.ErrLimit)
	}
	in.patches = append(in.patches, p)
	return nil
}

// fastInode replaces a stored inode but for its block map (ext4_fc_replay_inode).
func (r *reader) fastInode(ino uint32, value []byte) error {
	raw := make([]byte, r.super.inodeSize)
	stored, _, err := r.rawInode(ino)
	switch {
	case err == nil:
		copy(raw, stored)
	case !errors.Is(err, errNoInodes):
		return fmt.Errorf("fast commit: %w", err)
	}
	if len(value) > len(raw) {
		return fmt.Errorf("fast commit: inode %d of %d bytes: %w", ino, len(value), volume.ErrCorrupt)
	}
	const mapStart, mapEnd = 0x28, 0x64
	le := binary.LittleEndian
	copy(raw[:mapStart], value)
	copy(raw[mapEnd:], value[mapEnd:])
	switch flags := le.Uint32(raw[0x20:]); {
	case flags&flagExtents != 0:
		if le.Uint16(raw[mapStart:]) != extentMagic {
			clear(raw[mapStart:mapEnd])
			le.PutUint16(raw[mapStart:], extentMagic)
			le.PutUint16(raw[mapStart+4:], (blockArea-extentEntry)/extentEntry)
		}
	case flags&flagInline != 0:
		copy(raw[mapStart:mapEnd], value[mapStart:mapEnd])
	}
	r.fast.inode(ino).raw = raw
	return nil
}

// patched returns the run at block at of a file after its patches; found is
// what is stored there.
func patched(patches []patch, at uint64, found run) run {
	bound := at + found.count
	covered := -1
	for i, p := range patches {
		if p.first <= at && at < p.first+p.count {
			covered = i
		}
	}
	if covered >= 0 {
		p := patches[covered]
		found = run{phys: p.phys + at - p.first, hole: p.hole}
		bound = p.first + p.count
	}
	for _, p := range patches[covered+1:] {
		if p.first > at {
			bound = min(bound, p.first)
		}
	}
	found.count = bound - at
	return found
}

// apply changes the entries of a folder.
func (f *fastCommits) apply(dir uint32, entries []volume.Entry) []volume.Entry {
	changes := f.names[dir]
	if changes == nil {
		return entries
	}
	at := make(map[string]int, len(entries))
	for i, e := range entries {
		at[e.Name] = i
	}
	for _, c := range changes {
		i, ok := at[c.name]
		switch {
		case c.remove && ok && entries[i].Ino == uint64(c.ino):
			entries[i].Ino = 0
			delete(at, c.name)
		case !c.remove && !ok:
			at[c.name] = len(entries)
			entries = append(entries, volume.Entry{Name: c.name, Ino: uint64(c.ino)})
		}
	}
	return slices.DeleteFunc(entries, func(e volume.Entry) bool { return e.Ino == 0 })
}
