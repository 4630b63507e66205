// Package kind holds the words that the families of extractors share: which files one wants, how it reads one, and who takes what it finds.
package kind

import (
	"context"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// File is an extractor of files that may lie anywhere.
type File struct {
	// ID is Package.FoundBy. Once released it never changes.
	ID string
	// Bases are the names of the files it wants, Exts the endings from the last dot on, in lower case, of at most 16 bytes. Without either it is
	// asked about each file that no other extractor wants by its name.
	Bases, Exts []string
	// Wants narrows that, before anything is opened and without an allocation; nil: every file of these names.
	Wants func(e Entry) bool
	// Read reads such a file. Several run at once, each with its own file and sink.
	Read func(ctx context.Context, f *host.File, out Sink) error
	// Lock says that the file names what a project depends on; whether that is installed, it does not say.
	Lock bool
}

// System is an extractor of what lies at known places.
type System struct {
	ID   string
	Read func(ctx context.Context, h *host.Host, out Sink) error
}

// Entry is a regular file met on the walk. It is only valid during the call.
type Entry interface {
	// Folder is where it lies: "" for the root, else without slashes at its ends.
	Folder() string
	// Name is its last element.
	Name() string
	// Ext returns the name's last part from its last dot on, in lower case; "" if it has none or a long one.
	Ext() string
	// Executable says whether the file may be run by its mode, and how long it is in bytes. It is false if that could not be read.
	Executable() (may bool, size int64, ok bool)
}

// Sink takes what an extractor finds.
type Sink interface {
	// Add adds a package. FoundBy, if empty, becomes the extractor's ID.
	Add(p inventory.Package)
	// Gap records a part that was there and could not be read. The rest goes on.
	Gap(path, reason string)
	// Note records a fact about the read that leaves nothing unseen.
	Note(text string)
}
