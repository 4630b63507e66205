// Package dump reads an organisation from a folder of AWS CLI JSON: [accounts/<account>/]<region>/<Name>.json, each file the answer
// of one CLI call with all its pages. It also reads folders that Batfish and CloudMapper wrote, with or without the account and
// region levels. What a folder does not hold was not read, which is a gap, never an empty world.
package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// Options say how a folder is read. The zero value reads what the folder itself tells.
type Options struct {
	Account  string                  // of files that lie in no account's folder; "" takes it from their content
	Region   string                  // of files that lie in no region's folder; "" takes it from their content
	TakenAt  time.Time               // when the world was so; zero takes it from the collection's manifest, else from the newest file
	Strict   bool                    // a broken file is an error, not a gap
	Parallel int                     // files read at once; 0 means one per processor
	Progress func(read, total int64) // bytes; called from several goroutines, may be nil
}

// Result is what a folder holds.
type Result struct {
	Snapshot *snapshot.Snapshot
	Notes    []Note // files that were not read, and other things worth telling, by name
	Files    int    // files that were read
	Bytes    int64
}

// Note is something about one file or folder that is worth telling and no error.
type Note struct {
	File string // relative to the dump's folder
	Text string
}

// Error is a file that is not what it should be.
type Error struct {
	File   string // relative to the dump's folder
	Line   int    // from 1; 0 if the fault is not at one place
	Offset int64  // byte, from 0
	Err    error
}

// Error returns file, place and fault in one line.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s: line %d, byte %d: %v", e.File, e.Line, e.Offset, e.Err)
}

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Err }

// ErrEmpty is returned for a folder without any file that is known.
var ErrEmpty = errors.New("no file of an AWS dump")

// Read reads the folder dir. It returns an error if dir cannot be read, if nothing in it is known (ErrEmpty) or, with
// Options.Strict, at the first broken file (*Error).
func Read(ctx context.Context, dir string, opts Options) (*Result, error) {
	root, err := os.OpenRoot(dir) // links in a dump do not lead out of it
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	defer func() { _ = root.Close() }()
	res, err := ReadFS(ctx, root.FS(), opts)
	if err != nil {
		return nil, fmt.Errorf("read dump %s: %w", dir, err)
	}
	return res, nil
}

// ReadFS reads a dump from a file system.
func ReadFS(ctx context.Context, fsys fs.FS, opts Options) (*Result, error) {
	if opts.Parallel <= 0 {
		opts.Parallel = runtime.GOMAXPROCS(0)
	}
	l := &loader{fsys: fsys, opts: opts, builder: snapshot.NewBuilder(), regions: map[place]*mapping.Region{}}
	if err := l.find(ctx); err != nil {
		return nil, err
	}
	if len(l.files) == 0 && l.manifest == nil {
		return nil, ErrEmpty
	}
	takenAt := l.takenAt()
	if err := l.load(ctx, takenAt); err != nil {
		return nil, err
	}
	for p := range maps.Clone(l.regions) { // what an account has as a whole is missed even where no file tells of it
		l.region(place{p.account, asset.Global})
	}
	for _, r := range l.regions {
		r.Finish(takenAt)
	}
	slices.SortFunc(l.notes, func(a, b Note) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Text, b.Text)) })
	return &Result{Snapshot: l.builder.Build(takenAt), Notes: l.notes, Files: len(l.files), Bytes: l.total}, nil
}

// place is an account and a region.
type place struct{ account, region string }

// file is one file that is known.
type file struct {
	name    string
	part    *mapping.Part
	size    int64
	modTime time.Time
}

type loader struct {
	fsys     fs.FS
	opts     Options
	builder  *snapshot.Builder
	files    []file
	total    int64
	manifest *Manifest

	mu      sync.Mutex
	notes   []Note
	regions map[place]*mapping.Region
	read    int64
}

// maxNotes bounds the notes: a wrong folder may hold a million files.
const maxNotes = 2000

func (l *loader) note(name, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.notes) < maxNotes:
		l.notes = append(l.notes, Note{name, fmt.Sprintf(format, args...)})
	case len(l.notes) == maxNotes:
		l.notes = append(l.notes, Note{".", "there are more notes than are kept"})
	}
}

// find walks the folder and tells the known files from the others.
func (l *loader) find(ctx context.Context) error {
	return fs.WalkDir(l.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if name == "." {
				return err
			}
			l.note(name, "not read: %v", err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if name == ManifestName {
			return l.readManifest()
		}
		base, isJSON := strings.CutSuffix(path.Base(name), ".json")
		part := mapping.PartNamed(base)
		switch {
		case isJSON && part != nil:
		case isJSON && mapping.Ignored(base) != "":
			l.note(name, "not an asset: %s", mapping.Ignored(base))
			return nil
		default:
			l.note(name, "unknown file, not read")
			return nil
		}
		info, err := fs.Stat(l.fsys, name)
		if err != nil || !info.Mode().IsRegular() {
			l.note(name, "not read: not a file that can be opened")
			return nil
		}
		l.files = append(l.files, file{name, part, info.Size(), info.ModTime()})
		l.total += info.Size()
		return nil
	})
}

func (l *loader) takenAt() time.Time {
	if !l.opts.TakenAt.IsZero() {
		return l.opts.TakenAt
	}
	if l.manifest != nil {
		return l.manifest.CollectedAt
	}
	var t time.Time
	for _, f := range l.files {
		if f.modTime.After(t) {
			t = f.modTime
		}
	}
	return t.UTC()
}

func (l *loader) load(ctx context.Context, takenAt time.Time) error {
	places := l.places()
	slices.SortStableFunc(l.files, func(a, b file) int { return cmp.Compare(b.size, a.size) }) // the largest first, so that none is left alone at the end
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.opts.Parallel)
	for _, f := range l.files {
		p := places[path.Dir(f.name)]
		if f.part.Global {
			p.region = asset.Global
		}
		r := l.region(p)
		g.Go(func() error { return l.loadFile(ctx, f, r, takenAt) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return l.applyManifest()
}

func (l *loader) region(p place) *mapping.Region {
	r, ok := l.regions[p]
	if !ok {
		r = mapping.NewRegion(p.account, p.region, l.builder)
		l.regions[p] = r
	}
	return r
}

// loadFile reads one file into its region. A broken file is a gap for its kind, and what came before the fault is kept.
func (l *loader) loadFile(ctx context.Context, f file, r *mapping.Region, at time.Time) error {
	more, err := l.elements(ctx, f, func(item any) { r.Put(f.part, item) })
	if l.opts.Progress != nil {
		l.mu.Lock()
		l.read += f.size
		read := l.read
		l.mu.Unlock()
		l.opts.Progress(read, l.total)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && l.opts.Strict:
		return err
	case err != nil:
		l.note(f.name, "broken: %v", err)
		r.Fail(f.part, at, snapshot.Malformed, err.Error())
	case more:
		r.Fail(f.part, at, snapshot.Partial, f.name+" has a token for more pages: it is not the whole answer")
	default:
		r.Done(f.part, at)
	}
	return nil
}

// places tells for each folder with files which account and region they are of: by the folder's path, else by what the files say.
func (l *loader) places() map[string]place {
	byDir := map[string][]file{}
	for _, f := range l.files {
		byDir[path.Dir(f.name)] = append(byDir[path.Dir(f.name)], f)
	}
	out, seen := make(map[string]place, len(byDir)), map[place]string{}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		p := placeOf(dir)
		if p.account == "" {
			p.account = l.opts.Account
		}
		if p.region == "" && !slices.ContainsFunc(byDir[dir], func(f file) bool { return !f.part.Global }) {
			p.region = asset.Global
		}
		if p.region == "" {
			p.region = l.opts.Region
		}
		if p.account == "" || p.region == "" {
			p = l.guess(dir, byDir[dir], p)
		}
		if !slices.Contains(knownRegions, p.region) && p.region != Unknown && p.region != asset.Global {
			l.note(dir, "region %s is not one this version knows; it is read as named", p.region)
		}
		if first, twice := seen[p]; twice {
			l.note(dir, "also of account %s, region %s, as %s: they are read as one", p.account, p.region, first)
		}
		seen[p], out[dir] = dir, p
	}
	return out
}

// placeOf reads account and region from a folder's path: the last part that has a region's form, and the part after
// "accounts" or the last that is 12 digits.
func placeOf(dir string) (p place) {
	parts := strings.Split(dir, "/")
	for i, s := range parts {
		switch {
		case i > 0 && parts[i-1] == "accounts":
			p.account = s
		case isAccount(s):
			p.account = s
		case isRegion(s):
			p.region = s
		}
	}
	return p
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isRegion reports whether a name has a region's form: letters, two parts or more, a number at the end.
func isRegion(s string) bool {
	return asset.RegionOfZone(s+"a") == s && strings.Count(s, "-") >= 2
}
