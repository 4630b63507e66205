package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/mount"
)

const (
	maxDepth   = 255       // folders deep; a longer chain is a loop or was made to hurt
	maxPath    = 4096      // PATH_MAX of Linux, bytes
	maxFolders = 8_000_000 // of one walk: a file system that does not tell inodes may hold loops that no guard sees
	batch      = 4096      // names of a folder held at once
)

// job is a file to be read.
type job struct {
	x    *Extractor
	name string
}

// walker lists every folder, and hands the files that somebody wants to the readers.
type walker struct {
	*run
	index  *index
	jobs   chan<- job
	mounts *mount.Table
	seen   map[mount.Identity]struct{}
	full   bool
	ready  Entry // reused
}

func (r *run) walk(ctx context.Context) error {
	jobs := make(chan job, 64)
	var readers sync.WaitGroup
	for range r.opts.Workers {
		readers.Go(func() {
			for j := range jobs {
				if ctx.Err() == nil {
					r.read(ctx, j)
				}
			}
		})
	}
	w := &walker{run: r, jobs: jobs, mounts: mount.Read(r.host.FS()), seen: map[mount.Identity]struct{}{}, index: newIndex(r.extractors())}
	var err error
	for _, root := range w.cover() {
		if err = w.folder(ctx, root, strings.Count(root, "/")); err != nil {
			break
		}
	}
	close(jobs)
	readers.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("walk the file system: %w", err)
	}
	return nil
}

// read runs an extractor over one file.
func (r *run) read(ctx context.Context, j job) {
	out := &Output{run: r, id: j.x.ID}
	r.guard(j.x.ID, host.Path(j.name), func() error {
		f, err := r.host.OpenExact(j.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted since the folder was listed, on a live host
		}
		if err != nil {
			return err
		}
		defer f.Close()
		if f.Size == 0 {
			return nil
		}
		return j.x.Read(ctx, f, out)
	})
	r.merge(out)
}

// folder lists one folder and those below it. It fails if the walk must end; what else goes wrong is a gap.
func (w *walker) folder(ctx context.Context, dir string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := dir
	if dir == "" {
		name = "."
	}
	if m, skip := w.mounts.Foreign(host.Path(name)); skip {
		w.leave(host.Path(name), m) // before it is opened: a network server may be gone, an automounter would mount
		return nil
	}
	f, err := w.host.FS().Open(name)
	if err != nil {
		return w.refuse(dir, err)
	}
	defer f.Close() //nolint:errcheck // only read
	enter, err := w.enter(dir, f)
	if err != nil || !enter {
		return w.refuse(dir, err)
	}
	w.folders++
	w.opts.OnProgress(int(w.files), host.Path(name))
	list, ok := f.(fs.ReadDirFile)
	if !ok {
		return w.refuse(dir, fmt.Errorf("list %s: not a folder", host.Path(name)))
	}
	for {
		entries, err := list.ReadDir(batch)
		if werr := w.entries(ctx, dir, entries, depth); werr != nil {
			return werr
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return w.refuse(dir, err)
		case len(entries) == 0:
			return w.refuse(dir, fmt.Errorf("list %s: the file system returned nothing", host.Path(name)))
		}
	}
}

// refuse makes a gap of a folder that cannot be listed. The root itself ends the walk.
func (w *walker) refuse(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case dir == "" && w.folders <= 1 && w.files == 0:
		return err
	case !errors.Is(err, fs.ErrNotExist):
		w.gap(host.Path(dir), "", err.Error())
	}
	return nil
}

// enter says whether an opened folder is walked: not if it was already, or if it is a mount that is not the host's own disk.
func (w *walker) enter(dir string, f fs.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	id, ok := mount.Identify(info)
	if !ok {
		return true, nil
	}
	if dir == "" {
		w.mounts.Root(id)
	} else if m, skip := w.mounts.Skip(id, dir); skip {
		w.leave(host.Path(dir), m)
		return false, nil
	}
	if _, had := w.seen[id]; had {
		if w.mounts.Live() { // a bind mount: what it holds was read under its other name
			w.note(host.Path(dir) + ": not entered again, the same folder was walked under another path")
			return false, nil
		}
		return false, errors.New("the folder was already walked under another path: a loop, or a damaged file system")
	}
	w.seen[id] = struct{}{}
	return true, nil
}

// leave names a mount that is not entered: a pseudo file system in the notes, any other as a gap.
func (w *walker) leave(dir string, m mount.Point) {
	if m.Pseudo {
		w.note(fmt.Sprintf("%s: not entered, %s holds no files of a disk", dir, m.Type))
		return
	}
	w.gap(dir, "", fmt.Sprintf("not entered: a mount of type %s, which is no disk of this host", m.Type))
}

func (w *walker) entries(ctx context.Context, dir string, entries []fs.DirEntry, depth int) error {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, d := range entries {
		name := d.Name()
		if !d.IsDir() {
			w.files++
			if d.Type().IsRegular() {
				w.file(dir, d)
			}
			continue
		}
		child := path.Join(dir, name)
		switch {
		case w.full:
		case w.excluded(child):
		case depth >= maxDepth || len(child) > maxPath:
			w.gap(host.Path(child[:min(len(child), maxPath)]), "", fmt.Sprintf("not entered: more than %d folders deep, or a path of more than %d bytes", maxDepth, maxPath))
		case name == "snapshot" && snapperHolds(dir, entries):
			w.note(host.Path(child) + ": not entered, an earlier state of the disk that snapper keeps")
		case w.folders >= maxFolders:
			w.full = true
			w.gap(host.Path(child), "", fmt.Sprintf("the walk ended here: more than %d folders", maxFolders))
		default:
			if err := w.folder(ctx, child, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapperHolds says whether a folder is one of snapper's: .snapshots/NUMBER with info.xml beside the snapshot (snapper(8), "FILES"). What lies in
// the snapshot was installed once, and is read where it still is.
func snapperHolds(dir string, entries []fs.DirEntry) bool {
	number := path.Base(dir)
	return path.Base(path.Dir(dir)) == ".snapshots" && strings.Trim(number, "0123456789") == "" &&
		slices.ContainsFunc(entries, func(d fs.DirEntry) bool { return d.Name() == "info.xml" && d.Type().IsRegular() })
}

// file hands a file to the first extractor that wants it.
func (w *walker) file(dir string, d fs.DirEntry) {
	w.ready = Entry{Dir: dir, Base: d.Name(), entry: d}
	e := &w.ready
	x, passed := w.index.of(e, w.isOwned)
	if passed {
		w.owned.passed++
	}
	if x != nil {
		name := e.Path()
		switch {
		case w.excluded(name):
		case x.Lock && w.opts.SkipLockFiles:
			w.gap(host.Path(name), x.ID, "lock files are not read")
		default:
			w.jobs <- job{x, name}
		}
		return
	}
	if e.err != nil && !errors.Is(e.err, fs.ErrNotExist) {
		w.gap(host.Path(e.Path()), "", e.err.Error())
	}
}

// isOwned says whether the distribution brought the file that is looked at.
func (w *walker) isOwned() bool {
	if w.opts.Owned {
		return false
	}
	_, ok := w.owned.of(w.ready.Dir, w.ready.Base)
	return ok
}

func (w *walker) excluded(name string) bool {
	for _, pattern := range w.opts.Exclude {
		if ok, err := path.Match(pattern, "/"+name); err != nil || ok { // a pattern that cannot be read was refused by Extract
			w.gap("/"+name, "", "excluded by "+pattern)
			return true
		}
	}
	return false
}
