package btrfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"hinomi/internal/source/disk/volume"
)

const (
	// objectBits is how much of an inode's number is its number in its subvolume; above it is which subvolume. The kernel never uses a number
	// twice, so 2^40 are enough for the files of 30 years at a thousand a second.
	objectBits = 40
	objectMask = 1<<objectBits - 1
	inodeSize  = 160 // bytes of an inode item
	// emptyInode is the number of a folder that stands where a subvolume is not, BTRFS_EMPTY_SUBVOL_DIR_OBJECTID.
	emptyInode = 2
	// maxEntries bounds the entries of one folder.
	maxEntries = 4 << 20
)

// inodeNoSum is the flag of a file whose data has no checksums.
const inodeNoSum = 1

// slot is a subvolume that is shown, or an empty folder where one was.
type slot struct {
	sub *subvolume // nil if empty
}

// slotKey tells slots apart: a subvolume by its number, an empty folder by its place as well.
type slotKey struct {
	child          uint64
	parent, folder uint64 // of an empty folder
	name           string
}

// view is a subvolume as the root, with those in it. It implements volume.Inodes.
type view struct {
	f    *filesystem
	root uint64

	mu      sync.Mutex
	slots   []slot
	numbers map[slotKey]uint64
}

// inode is what the reader knows of one.
type inode struct {
	sub    *subvolume // nil: an empty folder
	slot   uint64
	object uint64
	size   int64
	flags  uint64
}

func (v *view) number(k slotKey, s slot) (uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n, ok := v.numbers[k]; ok {
		return n, nil
	}
	if len(v.slots) >= 2*maxSubvolumes {
		return 0, fmt.Errorf("more than %d subvolumes: %w", 2*maxSubvolumes, volume.ErrLimit)
	}
	n := uint64(len(v.slots))
	v.slots = append(v.slots, s)
	v.numbers[k] = n
	return n, nil
}

// Root implements volume.Inodes.
func (v *view) Root() uint64 { return v.root }

// Info implements volume.Inodes.
func (v *view) Info() volume.Info {
	s := v.f.super
	return volume.Info{
		Type: Type, Label: strings.ToValidUTF8(s.label, "?"), UUID: formatUUID(s.fsid), BlockSize: s.sectorSize, Size: s.devSize,
		Notes: v.f.notes, Gaps: v.f.gaps,
	}
}

// Close implements volume.Inodes.
func (v *view) Close() error {
	v.f.nodes.Clear()
	return nil
}

// Inode implements volume.Inodes.
func (v *view) Inode(ino uint64) (*volume.Inode, error) {
	v.mu.Lock()
	n := ino >> objectBits
	if n >= uint64(len(v.slots)) {
		v.mu.Unlock()
		return nil, fmt.Errorf("inode %d is of no subvolume: %w", ino, volume.ErrCorrupt)
	}
	s := v.slots[n]
	v.mu.Unlock()
	in := &inode{sub: s.sub, slot: n, object: ino & objectMask}
	if s.sub == nil {
		return &volume.Inode{Mode: fs.ModeDir | 0o755, Stat: volume.Stat{Ino: ino, Nlink: 1}, Private: in}, nil
	}
	b, err := v.f.inodeItem(s.sub, in.object)
	if err != nil {
		return nil, fmt.Errorf("inode %d of subvolume %d: %w", in.object, s.sub.id, err)
	}
	out, err := parseInode(b)
	if err != nil {
		return nil, fmt.Errorf("inode %d of subvolume %d: %w", in.object, s.sub.id, err)
	}
	in.size, in.flags = out.Size, binary.LittleEndian.Uint64(b[64:])
	out.Private, out.Stat.Ino = in, ino
	return out, nil
}

func parseInode(b []byte) (*volume.Inode, error) {
	le := binary.LittleEndian
	if len(b) < inodeSize {
		return nil, fmt.Errorf("item of %d bytes: %w", len(b), volume.ErrCorrupt)
	}
	mode, err := volume.Mode(le.Uint32(b[52:]))
	if err != nil {
		return nil, err
	}
	at := func(i int) time.Time {
		return time.Unix(int64(le.Uint64(b[i:])), int64(le.Uint32(b[i+8:])%1e9)).UTC()
	}
	out := &volume.Inode{Mode: mode, Size: int64(le.Uint64(b[16:])), MTime: at(136)}
	if out.Size < 0 {
		return nil, fmt.Errorf("size %d: %w", out.Size, volume.ErrCorrupt)
	}
	out.Stat = volume.Stat{
		Nlink: le.Uint32(b[40:]), UID: le.Uint32(b[44:]), GID: le.Uint32(b[48:]), ATime: at(112), CTime: at(124), BTime: at(148),
	}
	if mode&fs.ModeDevice != 0 {
		dev := le.Uint64(b[56:]) // as the kernel has it in memory: 20 bits of the minor number
		out.Stat.Major, out.Stat.Minor = uint32(dev>>20), uint32(dev&0xfffff)
	}
	return out, nil
}

// inodeItem reads an inode, as the log changed it.
func (f *filesystem) inodeItem(s *subvolume, object uint64) ([]byte, error) {
	if s.log != nil {
		return s.log.inodeItem(object)
	}
	b, ok, err := f.get(s.tree, key{object, itemInode, 0})
	if err == nil && !ok {
		err = fmt.Errorf("is not there: %w", volume.ErrCorrupt)
	}
	return b, err
}

// Entries implements volume.Inodes.
func (v *view) Entries(dir *volume.Inode) ([]volume.Entry, error) {
	in := dir.Private.(*inode)
	if in.sub == nil {
		return nil, nil
	}
	var out []volume.Entry
	var bad error
	add := func(e entry) error {
		if len(out) >= maxEntries {
			return fmt.Errorf("more than %d entries: %w", maxEntries, volume.ErrLimit)
		}
		made, err := v.entry(in, e)
		if err != nil {
			if bad == nil {
				bad = fmt.Errorf("entry %.64q: %w", e.name, err)
			}
			return nil
		}
		out = append(out, made)
		return nil
	}
	err := v.f.entries(in.sub, in.object, add)
	if err == nil {
		err = bad
	}
	if err != nil {
		err = fmt.Errorf("folder inode %d of subvolume %d: %w", in.object, in.sub.id, err)
	}
	return out, err
}

// entries calls fn for the entries of a folder, as the log changed it.
func (f *filesystem) entries(s *subvolume, folder uint64, fn func(entry) error) error {
	var change *folderChange
	if s.log != nil {
		change = s.log.folders[folder]
	}
	err := f.walk(s.tree, key{folder, itemDirIndex, 0}, key{folder, itemDirIndex, maxKey.offset}, func(_ key, b []byte) error {
		all, err := parseEntries(b)
		if err != nil {
			return err
		}
		for _, e := range all {
			if change != nil && change.hides(e.name) {
				continue
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || change == nil {
		return err
	}
	for _, e := range change.added {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// entry makes an entry of a folder; where a subvolume stands, its root folder.
func (v *view) entry(in *inode, e entry) (volume.Entry, error) {
	out := volume.Entry{Name: e.name}
	if int(e.kind) < len(entryTypes) && e.kind != 0 {
		out.Type, out.Typed = entryTypes[e.kind], true
	}
	switch e.location.kind {
	case itemInode:
		if e.location.object > objectMask {
			return out, fmt.Errorf("inode %d: %w", e.location.object, volume.ErrCorrupt)
		}
		out.Ino = in.slot<<objectBits | e.location.object
		return out, nil
	case itemRoot:
	default:
		return out, fmt.Errorf("leads to an item of type %d: %w", e.location.kind, volume.ErrCorrupt)
	}
	child := e.location.object
	ok, err := v.f.holds(in.sub.id, in.object, e.name, child)
	if err != nil {
		return out, err
	}
	k, s, object := slotKey{child: child}, slot{}, uint64(emptyInode)
	if ok {
		if s.sub, err = v.f.subvolume(child); err != nil {
			return out, fmt.Errorf("subvolume %d: %w", child, err)
		}
		object = s.sub.root & objectMask
	} else {
		k = slotKey{child, in.sub.id, in.object, e.name}
	}
	n, err := v.number(k, s)
	out.Ino = n<<objectBits | object
	return out, err
}

// entryTypes are the types of a folder's entries, BTRFS_FT_*.
var entryTypes = []fs.FileMode{
	0, 0, fs.ModeDir, fs.ModeDevice | fs.ModeCharDevice, fs.ModeDevice, fs.ModeNamedPipe, fs.ModeSocket, fs.ModeSymlink,
}

// subvolumeOf returns the subvolume whose root folder an inode is.
func (v *view) subvolumeOf(ino uint64) (uint64, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := ino >> objectBits
	if n >= uint64(len(v.slots)) || v.slots[n].sub == nil || v.slots[n].sub.root != ino&objectMask {
		return 0, false
	}
	return v.slots[n].sub.id, true
}

// Content implements volume.Inodes.
func (v *view) Content(file *volume.Inode) (io.ReaderAt, error) {
	in := file.Private.(*inode)
	return &content{f: v.f, sub: in.sub, object: in.object, size: in.size, unsummed: in.flags&inodeNoSum != 0}, nil
}

// Target implements volume.Inodes.
func (v *view) Target(link *volume.Inode) (string, error) {
	if link.Size == 0 || link.Size > int64(v.f.super.nodeSize) {
		return "", fmt.Errorf("symbolic link of %d bytes: %w", link.Size, volume.ErrCorrupt)
	}
	c, err := v.Content(link)
	if err != nil {
		return "", err
	}
	b := make([]byte, link.Size)
	if _, err := c.ReadAt(b, 0); err != nil {
		return "", err
	}
	return string(b), nil
}
