package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

const (
	// cachedEntries bounds the folder entries that a Tree keeps parsed.
	cachedEntries = 200_000
	// cachedPaths bounds the folder paths that a Tree keeps resolved.
	cachedPaths = 32_768
	// maxFolders bounds the folders of one file system: each needs about 40
	// bytes, which is what finding loops costs.
	maxFolders = 2 << 20
	// maxName is the longest name in bytes: 255 units of UTF-16, as NTFS has
	// them, are up to three bytes each in UTF-8. Elsewhere the format ends at 255.
	maxName = 3 * 255
)

// NewTree makes an FS of a file system that is seen by inodes.
//
// A folder may have one place only. A second name for it, which no file system
// here allows, is an error that wraps ErrCorrupt, so that every walk ends:
// a folder that holds itself, or two that hold each other, is entered once.
func NewTree(inodes Inodes) FS {
	return &tree{
		inodes: inodes,
		paths:  newLRU[string, *folder](cachedPaths),
		lists:  newLRU[uint64, *listing](cachedEntries),
		places: map[uint64]place{},
	}
}

// folder is a folder at its place: its inode, and the chain up to the root.
type folder struct {
	inode  *Inode
	parent *folder // nil for the root
	depth  int
}

// place is where a folder was first met.
type place struct {
	parent uint64
	name   string
}

// listing is a folder's checked entries, by name.
type listing struct {
	entries []Entry
	err     error // what had to be refused

	fold   sync.Once // makes byFold when a name is first not found as it is
	byFold map[string]int
}

type tree struct {
	inodes Inodes

	mu     sync.Mutex
	paths  *lru[string, *folder]
	lists  *lru[uint64, *listing]
	places map[uint64]place
	root   *folder
}

func (t *tree) Info() Info { return t.inodes.Info() }

func (t *tree) Close() error {
	t.mu.Lock()
	t.paths.clear()
	t.lists.clear()
	t.mu.Unlock()
	return t.inodes.Close()
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	in, dir, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		return &openDir{tree: t, name: name, inode: dir.inode}, nil
	}
	f := &openFile{name: name, inode: in}
	if in.Mode.IsRegular() {
		if f.content, err = t.inodes.Content(in); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	return f, nil
}

// Stat implements fs.StatFS.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

func (t *tree) stat(op, name string, follow bool) (fs.FileInfo, error) {
	in, _, err := t.find(op, name, follow)
	if err != nil {
		return nil, err
	}
	return &fileInfo{name: path.Base(name), inode: in}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (t *tree) ReadLink(name string) (string, error) {
	in, _, err := t.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if in.Mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := t.inodes.Target(in)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// ReadDir implements fs.ReadDirFS.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	_, dir, err := t.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if dir == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDir}
	}
	entries, err := t.dirEntries(dir.inode)
	if err != nil {
		err = &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, err
}

var errNotDir = errors.New("not a directory")

// dirEntries lists a folder for a caller.
func (t *tree) dirEntries(dir *Inode) ([]fs.DirEntry, error) {
	l := t.list(dir)
	if l.err != nil && l.entries == nil {
		return nil, l.err
	}
	made := make([]dirEntry, len(l.entries))
	out := make([]fs.DirEntry, len(l.entries))
	for i, e := range l.entries {
		made[i] = dirEntry{tree: t, entry: e}
		out[i] = &made[i]
	}
	return out, l.err
}

// list returns the checked entries of a folder, from the cache if they are there.
func (t *tree) list(dir *Inode) *listing {
	t.mu.Lock()
	l, ok := t.lists.get(dir.Stat.Ino)
	t.mu.Unlock()
	if ok {
		return l
	}
	entries, err := t.inodes.Entries(dir)
	l = t.checked(entries, err)
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrLimit) {
		return l // the device failed: it may not the next time
	}
	t.mu.Lock()
	t.lists.put(dir.Stat.Ino, l, 1+len(l.entries))
	t.mu.Unlock()
	return l
}

// checked sorts the entries and refuses the names that no folder can hold.
func (t *tree) checked(entries []Entry, err error) *listing {
	var refused []string
	refuse := func(what string) {
		if len(refused) < 8 {
			refused = append(refused, what)
		}
	}
	kept := entries[:0]
	for _, e := range entries {
		if bad := badName(e.Name); bad != "" {
			refuse(fmt.Sprintf("name %.64q %s", e.Name, bad))
			continue
		}
		if !e.Typed {
			in, inErr := t.inodes.Inode(e.Ino)
			if inErr != nil {
				refuse(fmt.Sprintf("inode %d of %.64q: %v", e.Ino, e.Name, inErr))
				continue
			}
			e.Type, e.Typed = in.Mode.Type(), true
		}
		kept = append(kept, e)
	}
	slices.SortStableFunc(kept, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	unique := slices.CompactFunc(kept, func(a, b Entry) bool {
		if a.Name == b.Name {
			refuse(fmt.Sprintf("name %.64q twice", a.Name))
			return true
		}
		return false
	})
	if len(refused) > 0 {
		err = errors.Join(err, fmt.Errorf("folder entries refused: %s: %w", strings.Join(refused, ", "), ErrCorrupt))
	}
	return &listing{entries: slices.Clip(unique), err: err}
}

// badName says why name cannot stand in a folder, or "".
func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "stands for another folder"
	case len(name) > maxName:
		return "is longer than 765 bytes"
	case strings.IndexByte(name, '/') >= 0:
		return "holds a slash"
	case strings.IndexByte(name, 0) >= 0:
		return "holds a NUL"
	}
	return ""
}
