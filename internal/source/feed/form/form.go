// Package form holds what every kind of feed is made of: the kind itself, the document that a reader is given, with its limits and its
// unpacking, and where what was read goes.
//
// A kind of feed is a package beside this one with a constructor `func Feed() form.Feed`; package feed lists them. Its Read function takes
// the bytes from the Document (Whole, Stream, Entries, Members), brings them into the words of package advisory and hands them back to the
// Document (Advisory, CVE, Lifecycle), which counts them. What it cannot understand it names (Problem) and goes on.
package form

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"hinomi/internal/advisory"
)

// Errors that a caller acts on.
var (
	// ErrLimit says that a file is larger, once unpacked, than a feed can be.
	ErrLimit = errors.New("limit exceeded")
	// ErrFormat says that a file is not in its publisher's format.
	ErrFormat = errors.New("not in the publisher's format")
)

// Sink takes what the feeds say; store/advisorydb.Builder is one. An error ends the import.
type Sink interface {
	Advisory(a *advisory.Advisory) error
	CVE(c *advisory.CVE) error
	Lifecycle(l advisory.Lifecycle) error
	Feed(f advisory.Feed) error
}

// Feed is one kind of feed: which files of a folder are its own, and how they are read.
type Feed struct {
	ID    string                                        // short and stable: "osv", "kev"
	Title string                                        // what it is, for people
	Files []string                                      // patterns of path.Match, of slash-separated paths inside the folder
	Name  func(file string) string                      // the loaded feed's name: "osv/AlmaLinux"
	Read  func(ctx context.Context, in *Document) error // hands everything to the document's sink

	// Changes reports whether a file holds what changed since the others of the kind were published: it is read before them, and its
	// documents take the place of theirs. nil: no file does.
	Changes func(file string) bool
}

// HoldsChanges reports whether a file of the kind holds what changed since the others were published.
func (f Feed) HoldsChanges(file string) bool { return f.Changes != nil && f.Changes(file) }

// Reads reports whether a file of a folder is one of this kind. What a cut download leaves behind ("a.json.part" and beside it
// "a.json.part.json") is of none.
func (f Feed) Reads(file string) bool {
	if strings.HasSuffix(file, ".part") || strings.HasSuffix(file, ".part.json") {
		return false
	}
	for _, p := range f.Files {
		if ok, err := path.Match(p, file); err == nil && ok {
			return true
		}
	}
	return false
}

// Always returns a Name for kinds that are loaded as one feed, whatever the file.
func Always(name string) func(string) string { return func(string) string { return name } }

// Folder returns the name of a file's n-th folder, "" if there is none.
func Folder(file string, n int) string {
	l := strings.Split(file, "/")
	if n >= len(l)-1 {
		return ""
	}
	return l[n]
}

// Date reads a date as manifests and feeds write it: RFC 3339, or a date in its first ten characters. Anything else is the zero time, as
// is the year 1 that some repositories write for "not said".
func Date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && len(s) >= 10 {
		t, err = time.Parse(time.DateOnly, s[:10])
	}
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

// Limits bound what a feed may make us hold or unpack. They are several times what the largest known feed needs (npm and Ubuntu: about
// 250,000 documents, the largest document 20 MB). Zero fields mean the defaults.
type Limits struct {
	Entries   int   // documents in one archive; default 4 million
	Directory int64 // bytes of an archive's directory, which is read as a whole; default 256 MiB
	Document  int64 // bytes of one document; default 64 MiB
	Unpacked  int64 // bytes of one file, unpacked; default 64 GiB
	// Ratio is unpacked against packed, beyond 16 MiB; default 200 (JSON of advisories packs to a twentieth). Tenfold where the whole file
	// is packed as one (bzip2, xz, zstd): statements that differ in one word pack to a hundredth and less.
	Ratio int64
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.Entries <= 0 {
		l.Entries = 4 << 20
	}
	set(&l.Directory, 256<<20)
	set(&l.Document, 64<<20)
	set(&l.Unpacked, 64<<30)
	set(&l.Ratio, 200)
	return l
}

// Problem is one document inside a feed that could not be understood. Its feed counts as incomplete.
type Problem struct {
	File     string
	Document string
	Reason   string
}
