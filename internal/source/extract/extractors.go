package extract

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// Extractor finds one kind of package. It has Wants and Read for files that may lie anywhere, or System for what lies at known places.
type Extractor struct {
	// ID is Package.FoundBy. Once released it never changes.
	ID string
	// Wants says, before anything is opened, whether a file of the walk is of interest.
	Wants func(e *Entry) bool
	// Read reads such a file. Several run at once, each with its own file and output.
	Read func(ctx context.Context, f *host.File, out *Output) error
	// System reads known places after the walk, so that it can tell which of the packages found there it owns.
	System func(ctx context.Context, h *host.Host, out *Output) error
}

// extractors lists all of them. A file is read by the first that wants it.
func extractors() []Extractor {
	return []Extractor{
		python(),
		node(),
		javaArchive(),
		goBinary(),
		dpkg(),
		rpm(),
		apk(),
		repositories(),
		kernel(),
	}
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

// Path returns the file's name for fs.FS.
func (e *Entry) Path() string { return path.Join(e.Dir, e.Base) }

// Ext returns the name's last part from its last dot on, in lower case.
func (e *Entry) Ext() string {
	i := strings.LastIndexByte(e.Base, '.')
	if i < 0 || len(e.Base)-i > 16 {
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

// Output is what one extractor found in one file or system.
type Output struct {
	run      *run
	id       string
	packages []inventory.Package
}

// Add adds a package. FoundBy is set here.
func (o *Output) Add(p inventory.Package) {
	p.FoundBy = o.id
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
