package volume

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// find resolves name. For a folder it returns its place as well.
func (t *tree) find(op, name string, follow bool) (*Inode, *folder, error) {
	if !fs.ValidPath(name) && !validOddPath(name) {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	in, dir, err := t.resolve(name, follow)
	if err != nil {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return in, dir, nil
}

// validOddPath is fs.ValidPath without its demand for UTF-8: a file name on a
// disk is bytes.
func validOddPath(name string) bool {
	if name == "" {
		return false
	}
	for elem := range strings.SplitSeq(name, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}

// resolve walks name from the longest parent whose folder is known.
func (t *tree) resolve(name string, follow bool) (*Inode, *folder, error) {
	root, err := t.rootFolder()
	if err != nil {
		return nil, nil, err
	}
	if name == "." {
		return root.inode, root, nil
	}
	parent, last := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		parent, last = name[:i], name[i+1:]
	}
	dir := root
	links := 0
	if parent != "" {
		if dir, err = t.folderAt(root, parent, &links); err != nil {
			return nil, nil, err
		}
	}
	return t.step(dir, last, name, follow, &links)
}

// folderAt returns the folder that path leads to, following links.
func (t *tree) folderAt(root *folder, path string, links *int) (*folder, error) {
	t.mu.Lock()
	dir, ok := t.paths.get(path)
	t.mu.Unlock()
	if ok {
		return dir, nil
	}
	// Without recursion: a hostile caller's path may have many parts.
	parts := strings.Split(path, "/")
	if len(parts) > MaxDepth {
		return nil, fmt.Errorf("path of %d parts: %w", len(parts), ErrLimit)
	}
	dir = root
	at := 0
	t.mu.Lock()
	for n, i := len(parts)-1, len(path); n > 0; n-- {
		i = strings.LastIndexByte(path[:i], '/')
		if known, ok := t.paths.get(path[:i]); ok {
			dir, at = known, n
			break
		}
	}
	t.mu.Unlock()
	done := len(strings.Join(parts[:at], "/"))
	for _, part := range parts[at:] {
		if done > 0 {
			done++
		}
		done += len(part)
		_, next, err := t.step(dir, part, path[:done], true, links)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, errNotDir
		}
		dir = next
	}
	return dir, nil
}

// step goes from dir to its entry name. key is the path so far, under which a
// folder is remembered; "" forbids that.
func (t *tree) step(dir *folder, name, key string, follow bool, links *int) (*Inode, *folder, error) {
	if key != "" && follow {
		t.mu.Lock()
		known, ok := t.paths.get(key)
		t.mu.Unlock()
		if ok {
			return known.inode, known, nil
		}
	}
	l := t.list(dir.inode)
	i, ok := slices.BinarySearchFunc(l.entries, name, func(e Entry, name string) int {
		return strings.Compare(e.Name, name)
	})
	if !ok {
		i, ok = t.folded(l, name)
	}
	if !ok {
		if l.err != nil {
			return nil, nil, fmt.Errorf("folder not fully read: %w", l.err)
		}
		return nil, nil, fs.ErrNotExist
	}
	entry := l.entries[i]
	in, err := t.inodes.Inode(entry.Ino)
	if err != nil {
		return nil, nil, err
	}
	var next *folder
	if in.Mode.IsDir() {
		if next, err = t.enter(dir, entry, in); err != nil {
			return nil, nil, err
		}
	} else if in.Mode.Type() == fs.ModeSymlink {
		if !follow {
			return in, nil, nil
		}
		if in, next, err = t.follow(dir, in, links); err != nil {
			return nil, nil, err
		}
	}
	if next != nil && key != "" && follow {
		t.mu.Lock()
		t.paths.put(key, next, 1)
		t.mu.Unlock()
	}
	return in, next, nil
}

// folded finds name in a folder in any case, where the file system does so.
func (t *tree) folded(l *listing, name string) (int, bool) {
	system, ok := t.inodes.(Folding)
	if !ok {
		return 0, false
	}
	l.fold.Do(func() {
		l.byFold = make(map[string]int, len(l.entries))
		for i, e := range slices.Backward(l.entries) {
			l.byFold[system.Fold(e.Name)] = i // the first by name counts
		}
	})
	i, ok := l.byFold[system.Fold(name)]
	return i, ok
}

// enter goes down into a folder and checks that it has one place only.
func (t *tree) enter(dir *folder, entry Entry, in *Inode) (*folder, error) {
	if dir.depth+1 > MaxDepth {
		return nil, fmt.Errorf("folder %d levels deep: %w", dir.depth+1, ErrLimit)
	}
	here := place{parent: dir.inode.Stat.Ino, name: entry.Name}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch first, ok := t.places[entry.Ino]; {
	case !ok && len(t.places) >= maxFolders:
		return nil, fmt.Errorf("more than %d folders: %w", maxFolders, ErrLimit)
	case !ok:
		t.places[entry.Ino] = place{parent: here.parent, name: strings.Clone(here.name)}
	case first != here:
		return nil, fmt.Errorf("folder inode %d has two places (inode %d %.64q, inode %d %.64q): %w",
			entry.Ino, first.parent, first.name, here.parent, here.name, ErrCorrupt)
	}
	return &folder{inode: in, parent: dir, depth: dir.depth + 1}, nil
}

// follow resolves a link that stands in dir.
func (t *tree) follow(dir *folder, link *Inode, links *int) (*Inode, *folder, error) {
	if *links++; *links > MaxLinks {
		return nil, nil, ErrLoop
	}
	target, err := t.inodes.Target(link)
	if err != nil {
		return nil, nil, err
	}
	if target == "" {
		return nil, nil, fs.ErrNotExist
	}
	at := dir
	if target[0] == '/' {
		for at.parent != nil {
			at = at.parent
		}
	}
	in := at.inode
	for part := range strings.SplitSeq(target, "/") {
		if at == nil {
			return nil, nil, errNotDir
		}
		switch part {
		case "", ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			in = at.inode
			continue
		}
		if in, at, err = t.step(at, part, "", true, links); err != nil {
			return nil, nil, err
		}
	}
	return in, at, nil
}

// rootFolder returns the root, which is read once.
func (t *tree) rootFolder() (*folder, error) {
	t.mu.Lock()
	root := t.root
	t.mu.Unlock()
	if root != nil {
		return root, nil
	}
	in, err := t.inodes.Inode(t.inodes.Root())
	if err != nil {
		return nil, fmt.Errorf("root folder: %w", err)
	}
	if !in.Mode.IsDir() {
		return nil, fmt.Errorf("root inode %d is not a folder: %w", t.inodes.Root(), ErrCorrupt)
	}
	root = &folder{inode: in}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root == nil {
		t.root = root
		t.places[in.Stat.Ino] = place{}
	}
	return t.root, nil
}
