package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hinomi/internal/source/disk/volume"
)

var errNotDir = errors.New("not a directory")

// cachedDirs bounds the names that a Root keeps resolved.
const cachedDirs = 32_768

// Info describes the root file system; its notes and gaps are those of all that
// is mounted, and of the arrays and volume groups.
func (r *Root) Info() Info {
	info := r.Volume.FS.Info()
	info.Notes = append(slices.Clone(info.Notes), r.Notes...)
	info.Gaps = slices.Clone(info.Gaps)
	for _, d := range r.Disks {
		if d.assembled { // made by Assemble, so that no caller knows of it
			info.Notes = append(info.Notes, d.Notes...)
			info.Gaps = append(info.Gaps, d.Gaps...)
		}
	}
	seen := map[*Volume]bool{r.Volume: true}
	for _, m := range r.Mounts {
		if seen[m.Volume] {
			continue
		}
		seen[m.Volume] = true
		other := m.Volume.FS.Info()
		for _, n := range other.Notes {
			info.Notes = append(info.Notes, m.Path+": "+n)
		}
		for _, g := range other.Gaps {
			info.Gaps = append(info.Gaps, m.Path+": "+g)
		}
	}
	return info
}

// Close closes the file systems of the tree.
func (r *Root) Close() error {
	errs := []error{r.Volume.FS.Close()}
	for _, m := range r.Mounts {
		if m.Source == "" {
			errs = append(errs, m.Volume.FS.Close())
		}
	}
	return errors.Join(errs...)
}

// Open implements fs.FS.
func (r *Root) Open(name string) (fs.File, error) {
	place, _, err := r.resolve(name, true)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	j, sub := r.at(place)
	f, err := j.fs.Open(sub)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if dir, ok := f.(fs.ReadDirFile); ok && sub == "." {
		return &namedDir{dir, path.Base(name)}, nil
	}
	return f, nil
}

// Stat implements fs.StatFS.
func (r *Root) Stat(name string) (fs.FileInfo, error) { return r.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (r *Root) Lstat(name string) (fs.FileInfo, error) { return r.stat("lstat", name, false) }

func (r *Root) stat(op, name string, follow bool) (fs.FileInfo, error) {
	_, info, err := r.resolve(name, follow)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return named{info, path.Base(name)}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (r *Root) ReadLink(name string) (string, error) {
	place, _, err := r.resolve(name, false)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	j, sub := r.at(place)
	target, err := j.fs.ReadLink(sub)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return target, nil
}

// ReadDir implements fs.ReadDirFS.
func (r *Root) ReadDir(name string) ([]fs.DirEntry, error) {
	place, _, err := r.resolve(name, true)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	j, sub := r.at(place)
	entries, err := j.fs.ReadDir(sub)
	if err != nil {
		err = pathError("readdir", name, err)
	}
	return entries, err
}

// at returns the file system that holds place, which has no links in it, and
// its name there.
func (r *Root) at(place string) (join, string) {
	best := r.joins[0]
	rest := place
	for _, j := range r.joins[1:] { // a later mount hides an earlier one
		switch {
		case place == j.path:
			best, rest = j, "."
		case strings.HasPrefix(place, j.path) && place[len(j.path)] == '/':
			best, rest = j, place[len(j.path)+1:]
		}
	}
	return best, path.Join(best.sub, rest)
}

// resolve follows name through the tree. The place that it returns has no links
// in it, but for the last name if follow is false.
func (r *Root) resolve(name string, follow bool) (place string, info fs.FileInfo, err error) {
	todo, err := parts(name)
	if err != nil {
		return "", nil, err
	}
	place = "."
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		if place, err = r.parent(name[:i]); err != nil {
			return "", nil, err
		}
		todo = todo[len(todo)-1:]
	}
	links := 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		if part == ".." {
			place = path.Dir(place)
			info = nil
			continue
		}
		next := path.Join(place, part)
		if strings.Count(next, "/") >= volume.MaxDepth {
			return "", nil, fmt.Errorf("path of more than %d parts: %w", volume.MaxDepth, ErrLimit)
		}
		j, sub := r.at(next)
		if info, err = j.fs.Lstat(sub); err != nil {
			return "", nil, bare(err)
		}
		switch {
		case info.IsDir():
			place = next
		case info.Mode().Type() == fs.ModeSymlink && (len(todo) > 0 || follow):
			if links++; links > volume.MaxLinks {
				return "", nil, ErrLoop
			}
			target, err := j.fs.ReadLink(sub)
			if err != nil {
				return "", nil, bare(err)
			}
			if strings.HasPrefix(target, "/") {
				place = "."
			}
			todo = append(targetParts(target), todo...)
			info = nil
		case len(todo) > 0:
			return "", nil, errNotDir
		default:
			place = next
		}
	}
	if info == nil {
		j, sub := r.at(place)
		if info, err = j.fs.Lstat(sub); err != nil {
			return "", nil, bare(err)
		}
	}
	if info.IsDir() && follow {
		r.remember(name, place)
	}
	return place, info, nil
}

// parent returns the folder that a name leads to, from the names that are known
// if it is one of them.
func (r *Root) parent(name string) (string, error) {
	r.mu.RLock()
	known, ok := r.dirs[name]
	r.mu.RUnlock()
	if ok {
		return known, nil
	}
	return r.folder(name)
}

// remember keeps the folder that a name leads to.
func (r *Root) remember(name, place string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.dirs) >= cachedDirs {
		clear(r.dirs)
	}
	r.dirs[name] = place
}

// parts splits a name of io/fs.
func parts(name string) ([]string, error) {
	if name == "." {
		return nil, nil
	}
	elems := strings.Split(name, "/")
	for _, e := range elems {
		if e == "" || e == "." || e == ".." {
			return nil, fs.ErrInvalid
		}
	}
	if len(elems) > volume.MaxDepth {
		return nil, fmt.Errorf("path of %d parts: %w", len(elems), ErrLimit)
	}
	return elems, nil
}

// targetParts splits a link's target; ".." stays. A name before ".." must be a
// folder, which resolve checks.
func targetParts(target string) []string {
	var out []string
	for part := range strings.SplitSeq(target, "/") {
		if part != "" && part != "." {
			out = append(out, part)
		}
	}
	return out
}

// bare drops the name that a file system put to an error: it is not the name
// that the caller knows.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: bare(err)}
}

// named is a FileInfo under another name: a mount point is not called ".".
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

// namedDir is a folder under another name.
type namedDir struct {
	fs.ReadDirFile
	name string
}

func (d *namedDir) Stat() (fs.FileInfo, error) {
	info, err := d.ReadDirFile.Stat()
	if err != nil {
		return nil, err
	}
	return named{info, d.name}, nil
}
