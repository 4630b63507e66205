package extract

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/bundle"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
	"hinomi/internal/source/extract/language"
	"hinomi/internal/source/extract/macos"
	"hinomi/internal/source/extract/program"
)

// Extractor finds one kind of package. It has Read for files that may lie anywhere, or System for what lies at known places.
type Extractor struct {
	// ID is Package.FoundBy. Once released it never changes.
	ID string
	// Bases are the names of the files it wants, Exts the endings from the last dot on, in lower case. Without either it is asked about each file
	// that no other extractor wants by its name.
	Bases, Exts []string
	// Wants narrows that before anything is opened; nil: every file of these names.
	Wants func(e *Entry) bool
	// Read reads such a file. Several run at once, each with its own file and output.
	Read func(ctx context.Context, f *host.File, out *Output) error
	// Lock says that the file names what a project depends on; whether that is installed, it does not say.
	Lock bool
	// Any says that whose the file is does not matter; others pass over what the distribution's own packages brought.
	Any bool
	// System reads known places before the walk, so that it can tell which of the files met there it owns.
	System func(ctx context.Context, h *host.Host, out *Output) error
}

// extractors lists all of them. A file is read by the first that wants it.
func extractors() []Extractor {
	list := []Extractor{
		javaArchive(),
		dpkg(),
		rpm(),
		apk(),
		windowsRegistry(),
		macosReceipts(),
		bottlerocket(),
		repositories(),
		kernel(),
	}
	for _, family := range [][]kind.File{
		language.Extractors(),
		locks(),
		bundle.Files(),
		program.Extractors(),
		macos.Extractors(),
	} {
		for _, x := range family {
			list = append(list, ofFile(x))
		}
	}
	for _, x := range bundle.Extractors() {
		list = append(list, Extractor{ID: x.ID, System: func(ctx context.Context, h *host.Host, out *Output) error { return x.Read(ctx, h, out) }})
	}
	return list
}

// ofFile makes an extractor of one of a family.
func ofFile(x kind.File) Extractor {
	out := Extractor{
		ID: x.ID, Bases: x.Bases, Exts: x.Exts, Lock: x.Lock,
		Read: func(ctx context.Context, f *host.File, out *Output) error { return x.Read(ctx, f, out) },
	}
	if x.Wants != nil {
		out.Wants = func(e *Entry) bool { return x.Wants(e) }
	}
	return out
}

// IDs lists the extractors' names, in the order in which they run.
func IDs() []string {
	var ids []string
	for _, x := range extractors() {
		ids = append(ids, x.ID)
	}
	return ids
}

// Entry is a regular file met on the walk. It is only valid during the call.
type Entry struct {
	Dir  string // "" for the root, else without slashes at its ends
	Base string

	entry fs.DirEntry
	info  fs.FileInfo
	err   error
}

// Folder implements kind.Entry.
func (e *Entry) Folder() string { return e.Dir }

// Name implements kind.Entry.
func (e *Entry) Name() string { return e.Base }

// Path returns the file's name for fs.FS.
func (e *Entry) Path() string { return path.Join(e.Dir, e.Base) }

// maxExt is how long an ending may be, in bytes: none that is wanted is longer.
const maxExt = 16

// Ext returns the name's last part from its last dot on, in lower case; "" if it has none or a long one.
func (e *Entry) Ext() string {
	i := strings.LastIndexByte(e.Base, '.')
	if i < 0 || len(e.Base)-i > maxExt {
		return ""
	}
	return strings.ToLower(e.Base[i:])
}

// Info looks at the file's inode, once. It is false if that failed, which the walk records.
func (e *Entry) Info() (fs.FileInfo, bool) {
	if e.info == nil && e.err == nil {
		e.info, e.err = e.entry.Info()
	}
	return e.info, e.err == nil
}

// Executable implements kind.Entry.
func (e *Entry) Executable() (may bool, size int64, ok bool) {
	info, ok := e.Info()
	if !ok {
		return false, 0, false
	}
	return info.Mode()&0o111 != 0, info.Size(), true
}

// index finds the extractors that a file's name asks for.
type index struct {
	bases, exts map[string][]*Extractor
	rest        []*Extractor
}

func newIndex(list []Extractor) *index {
	x := &index{bases: map[string][]*Extractor{}, exts: map[string][]*Extractor{}}
	for i := range list {
		e := &list[i]
		for _, base := range e.Bases {
			x.bases[base] = append(x.bases[base], e)
		}
		for _, ext := range e.Exts {
			x.exts[ext] = append(x.exts[ext], e)
		}
		if len(e.Bases) == 0 && len(e.Exts) == 0 && e.Read != nil {
			x.rest = append(x.rest, e)
		}
	}
	return x
}

// of returns the first extractor that wants a file; nil if none does. Of an owned file only those that take any are asked, before an inode is
// read for it; passed says that another wanted it by its name.
func (x *index) of(e *Entry, owned func() bool) (found *Extractor, passed bool) {
	for i, list := range [...][]*Extractor{x.bases[e.Base], x.exts[e.Ext()], x.rest} {
		named := i < 2
		for _, candidate := range list {
			if !candidate.Any && owned() {
				passed = passed || named && (candidate.Wants == nil || candidate.Wants(e))
				continue
			}
			if candidate.Wants == nil || candidate.Wants(e) {
				return candidate, false
			}
		}
	}
	return nil, passed
}

// Output is what one extractor found in one file or system.
type Output struct {
	run      *run
	id       string
	packages []inventory.Package
}

// Add adds a package. FoundBy is set here if the extractor, which may look for several kinds in one file, has not.
func (o *Output) Add(p inventory.Package) {
	p.FoundBy = cmp.Or(p.FoundBy, o.id)
	if len(o.packages) <= maxPackages {
		o.packages = append(o.packages, p)
	}
}

// Gap records a part that was there and could not be read. The rest goes on.
func (o *Output) Gap(path, reason string) { o.run.gap(host.Path(path), o.id, reason) }

// Note records a fact about the read that leaves nothing unseen.
func (o *Output) Note(text string) { o.run.note(text) }

// OS is the system that is read.
func (o *Output) OS() inventory.OS { return o.run.inv.OS }

// Database says that a package database was read from path, whatever it held.
func (o *Output) Database(path string) { o.run.databases = append(o.run.databases, host.Path(path)) }
