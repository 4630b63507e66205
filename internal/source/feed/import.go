package feed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Options are what a caller decides about an import.
type Options struct {
	Now         time.Time        // when this import happens; required
	Unlisted    bool             // read feeds that the manifest does not list, too; they count as subsets
	Previous    []advisory.Feed  // what the last import loaded: a feed that shrank by more than a fifth since is refused
	AllowShrink bool             // … unless this says that it is right
	Progress    func(p Progress) // called often, from the importing goroutine; may be nil
	Limits      Limits           // zero fields mean the defaults
}

// Progress says how far an import is.
type Progress struct {
	File       string
	BytesDone  int64 // of all files, as they lie in the folder
	BytesTotal int64
	Rows       int // handed to the sink so far
}

// Report says what an import did with every file of the folder.
type Report struct {
	Feeds    []advisory.Feed
	Unread   []Unread
	Problems []Problem
	Bytes    int64 // of the files read
	Rows     int
}

// Unread is a file that was listed but not read.
type Unread struct {
	File   string
	Reason string
}

// Import reads every feed in dir into sink, after comparing each file with the manifest. It stops at the first file that is damaged
// (ErrChecksum, ErrFormat, ErrLimit), not listed (ErrUnlisted) or suspiciously small (ErrShrunk): the caller then keeps the old database.
func Import(ctx context.Context, dir string, sink Sink, o Options) (Report, error) {
	var rep Report
	entries, unread, err := plan(dir, o)
	if err != nil {
		return rep, err
	}
	rep.Unread = unread
	prog := Progress{}
	told := map[string]form.Replaced{}
	for _, e := range entries {
		prog.BytesTotal += e.Bytes
	}
	for _, e := range entries {
		prog.File = e.File
		f, problems, err := importFile(ctx, dir, e, sink, o, &prog, told)
		if err != nil {
			return rep, fmt.Errorf("import %s: %w", e.File, err)
		}
		rep.Feeds = append(rep.Feeds, f)
		rep.Problems = append(rep.Problems, problems...)
		rep.Bytes += e.Bytes
	}
	rep.Rows = prog.Rows
	rep.Feeds = together(rep.Feeds, rep.Problems)
	if !o.AllowShrink {
		if err := Shrunk(rep.Feeds, o.Previous); err != nil {
			return rep, err
		}
	}
	for _, f := range rep.Feeds {
		if err := sink.Feed(f); err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// plan returns the files to read, in the order of Feeds, and those that no feed reads.
func plan(dir string, o Options) ([]Entry, []Unread, error) {
	m, err := ReadManifest(dir)
	if err != nil && (!o.Unlisted || !errors.Is(err, fs.ErrNotExist)) {
		return nil, nil, err
	}
	listed := map[string]bool{}
	var entries []Entry
	var unread []Unread
	for _, e := range m.Entries {
		listed[e.File] = true
		if _, ok := find(e.File); !ok {
			unread = append(unread, Unread{e.File, "no feed of this hinomi reads it"})
			continue
		}
		entries = append(entries, e)
	}
	more, err := unlisted(dir, listed)
	if err != nil {
		return nil, nil, err
	}
	if len(more) > 0 && !o.Unlisted {
		return nil, nil, fmt.Errorf("import %s: %w", more[0].File, ErrUnlisted)
	}
	entries = append(entries, more...)
	order := map[string]int{}
	for i, f := range Feeds() {
		order[f.ID] = i
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		fa, _ := find(a.File)
		fb, _ := find(b.File)
		return cmp.Or(cmp.Compare(order[fa.ID], order[fb.ID]), first(fa.HoldsChanges(a.File), fb.HoldsChanges(b.File)), cmp.Compare(a.File, b.File))
	})
	return entries, unread, nil
}

// first orders what holds before what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// unlisted returns the feeds in dir that the manifest does not list. Other files are of no interest.
func unlisted(dir string, listed map[string]bool) ([]Entry, error) {
	var more []Entry
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(rel)
		if _, ok := find(file); !ok || listed[file] {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		subset := false
		more = append(more, Entry{File: file, Bytes: st.Size(), Complete: &subset, Newest: st.ModTime().UTC().Format(time.RFC3339), Note: "not in the manifest"})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list feeds in %s: %w", dir, err)
	}
	return more, nil
}

// importFile verifies and reads one file.
func importFile(ctx context.Context, dir string, e Entry, sink Sink, o Options, prog *Progress, told map[string]form.Replaced) (advisory.Feed, []Problem, error) {
	kind, _ := find(e.File)
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(e.File))) //nolint:gosec // the manifest's paths do not lead out of the folder
	if err != nil {
		return advisory.Feed{}, nil, err
	}
	defer func() { _ = file.Close() }() // only read
	st, err := file.Stat()
	if err != nil {
		return advisory.Feed{}, nil, err
	}
	if e.SHA256 != "" {
		if err := verify(ctx, file, e); err != nil {
			return advisory.Feed{}, nil, err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return advisory.Feed{}, nil, err
		}
	}
	if told[kind.ID] == nil {
		told[kind.ID] = form.Replaced{}
	}
	return readFile(ctx, kind, e, file, st.Size(), sink, o, prog, told[kind.ID])
}

// ImportBytes reads one feed file from memory, as if it lay at that path in a folder.
func ImportBytes(ctx context.Context, file string, b []byte, sink Sink, o Options) (advisory.Feed, error) {
	kind, ok := find(file)
	if !ok {
		return advisory.Feed{}, fmt.Errorf("import %s: no feed is read from such a path", file)
	}
	f, _, err := readFile(ctx, kind, Entry{File: file, Bytes: int64(len(b))}, bytes.NewReader(b), int64(len(b)), sink, o, &Progress{}, nil)
	if err != nil {
		return f, fmt.Errorf("import %s: %w", file, err)
	}
	return f, nil
}

// readFile reads one verified file.
func readFile(ctx context.Context, kind form.Feed, e Entry, at io.ReaderAt, size int64, sink Sink, o Options, prog *Progress, told form.Replaced) (advisory.Feed, []Problem, error) {
	base := prog.BytesDone
	tell := func(done int64, rows int) {
		if o.Progress != nil {
			p := *prog
			p.BytesDone, p.Rows = base+min(done, e.Bytes), prog.Rows+rows
			o.Progress(p)
		}
	}
	in, err := form.Read(ctx, kind, form.Source{File: e.File, At: at, Size: size, Sink: sink, Limits: o.Limits, Progress: tell, Replaced: told})
	if err != nil {
		return advisory.Feed{}, nil, err
	}
	prog.BytesDone, prog.Rows = base+e.Bytes, prog.Rows+in.Rows
	tell(e.Bytes, 0)
	return describe(kind.Name(e.File), e, in, o.Now), in.Problems, nil
}

// describe makes the record of a loaded feed.
func describe(name string, e Entry, in form.Learnt, now time.Time) advisory.Feed {
	complete := (e.Complete == nil || *e.Complete) && len(in.Problems) == 0
	published := in.Newest
	if d := form.Date(e.Newest); published.IsZero() || in.Dated.IsZero() && d.After(published) {
		published = d
	}
	if !in.Dated.IsZero() {
		published = in.Dated
	}
	asOf := e.asOf(now)
	if asOf.IsZero() {
		asOf = earlier(published, now)
	}
	return advisory.Feed{
		Name: name, Rows: in.Rows, SHA256: e.SHA256, LoadedAt: now, Published: earlier(published, now), AsOf: asOf, Complete: complete,
		Licence: e.Licence, Origin: cmp.Or(e.URL, e.Origin), ETag: e.ETag, Ecosystems: in.Ecosystems,
	}
}

// together makes one record of a feed that comes in several files: by year, by month, as an archive and what changed since. It is as old as the
// oldest of them, and complete if one of them is and every document of all was understood.
func together(feeds []advisory.Feed, problems []Problem) []advisory.Feed {
	bad := map[string]bool{}
	for _, p := range problems {
		if kind, ok := find(p.File); ok {
			bad[kind.Name(p.File)] = true
		}
	}
	out := make([]advisory.Feed, 0, len(feeds))
	at := map[string]int{}
	for _, f := range feeds {
		i, ok := at[f.Name]
		if !ok {
			at[f.Name] = len(out)
			out = append(out, f)
			continue
		}
		t := &out[i]
		t.Rows += f.Rows
		t.AsOf = earlier(t.AsOf, f.AsOf)
		if f.Published.After(t.Published) {
			t.Published = f.Published
		}
		t.Complete = (t.Complete || f.Complete) && !bad[f.Name]
		t.SHA256, t.ETag = both(t.SHA256, f.SHA256), ""
		t.Licence, t.Origin = cmp.Or(t.Licence, f.Licence), cmp.Or(t.Origin, f.Origin)
		t.Ecosystems = slices.Compact(slices.Sorted(slices.Values(slices.Concat(t.Ecosystems, f.Ecosystems))))
	}
	return out
}

// both returns the checksum of two checksums, "" if one is not known.
func both(a, b string) string {
	if a == "" || b == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(a + b))
	return hex.EncodeToString(sum[:])
}

// Shrunk compares feeds with what they were at the last import: the error wraps ErrShrunk and names the first that lost more than a fifth of
// its rows, or is not there any more.
func Shrunk(feeds, previous []advisory.Feed) error {
	now := map[string]int{}
	for _, f := range feeds {
		now[f.Name] += f.Rows
	}
	for _, p := range previous {
		if n := now[p.Name]; 5*n < 4*p.Rows {
			return fmt.Errorf("%s: %w: %d rows, %d before; confirm it if that is right", p.Name, ErrShrunk, n, p.Rows)
		}
	}
	return nil
}
