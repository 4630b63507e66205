package form

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"hinomi/internal/advisory"
)

// Source is one feed file and what a reader of it is given.
type Source struct {
	File     string // path inside the folder, slash-separated
	At       io.ReaderAt
	Size     int64 // bytes, packed
	Sink     Sink
	Limits   Limits
	Progress func(done int64, rows int) // bytes of the file as it lies there, rows handed on; may be nil
	Replaced Replaced                   // the ids told by the kind's files of changes: added to by them, left out of the others; may be nil
}

// Learnt is what reading a file has told beside what went to the sink.
type Learnt struct {
	Rows       int
	Documents  int
	Newest     time.Time // of the documents
	Dated      time.Time // the publisher's own date of the whole, if it gives one
	Ecosystems []string  // "AlmaLinux:9", "Go": what the file speaks for, sorted
	Problems   []Problem // what was not understood; the first thousand by name
}

// Read reads one file of a kind. It returns ErrFormat if more than one document in a hundred could not be understood: then the file is no
// longer that feed at all.
func Read(ctx context.Context, kind Feed, s Source) (Learnt, error) {
	in := &Document{
		File: s.File, Feed: kind.Name(s.File), at: s.At, size: s.Size, sink: s.Sink, limits: s.Limits.withDefaults(), progress: s.Progress,
		speaksFor: map[string]bool{}, told: s.Replaced, changes: kind.HoldsChanges(s.File) && s.Replaced != nil,
	}
	if in.progress == nil {
		in.progress = func(int64, int) {}
	}
	if err := kind.Read(ctx, in); err != nil {
		return Learnt{}, err
	}
	if err := in.tooManyProblems(); err != nil {
		return Learnt{}, err
	}
	if n := in.bad - len(in.problems); n > 0 {
		in.problems = append(in.problems, Problem{in.File, fmt.Sprintf("%d more", n), "not understood either"})
	}
	return Learnt{
		Rows: in.rows, Documents: in.documents, Newest: in.newest, Dated: in.dated, Problems: in.problems,
		Ecosystems: slices.Sorted(maps.Keys(in.speaksFor)),
	}, nil
}

// Document is one feed file being read: its bytes, where its contents go, and what was learnt on the way. It is used by one goroutine.
type Document struct {
	File string // path inside the folder
	Feed string // name of the loaded feed

	at        io.ReaderAt
	size      int64
	sink      Sink
	limits    Limits
	progress  func(done int64, rows int)
	done      int64 // packed bytes taken so far
	unpacked  int64
	rows      int
	documents int
	bad       int
	newest    time.Time
	dated     time.Time
	speaksFor map[string]bool
	problems  []Problem
	told      Replaced
	changes   bool // the file holds changes: its ids go into told
}

// Limits returns the limits that hold, none of them zero.
func (in *Document) Limits() Limits { return in.limits }

// Advisory hands an advisory on and counts it.
func (in *Document) Advisory(a *advisory.Advisory) error {
	in.documents++
	if in.replaced(a.ID, a.Modified) {
		return nil
	}
	in.rows += len(a.Affected)
	if a.Modified.After(in.newest) {
		in.newest = a.Modified
	}
	return in.sink.Advisory(a)
}

// CVE hands on what is known of a CVE and counts it.
func (in *Document) CVE(c *advisory.CVE) error { return in.CVEAt(c, time.Time{}) }

// CVEAt is CVE for a publisher who says when a record was last changed.
func (in *Document) CVEAt(c *advisory.CVE, modified time.Time) error {
	in.documents++
	if in.replaced(c.ID, modified) {
		return nil
	}
	in.rows++
	return in.sink.CVE(c)
}

// Lifecycle hands on a release's dates and counts them.
func (in *Document) Lifecycle(l advisory.Lifecycle) error {
	in.documents++
	in.rows++
	return in.sink.Lifecycle(l)
}

// SpeaksFor says that the file speaks for an ecosystem and release: what it does not name there is not affected, if it is complete.
func (in *Document) SpeaksFor(ecosystem, release string) {
	in.speaksFor[advisory.JoinEcosystem(ecosystem, release)] = true
}

// Dated says the publisher's own date of the whole file. The zero time says nothing.
func (in *Document) Dated(t time.Time) {
	if !t.IsZero() {
		in.dated = t
	}
}

// Documents returns how many documents were handed on so far.
func (in *Document) Documents() int { return in.documents }

// Progress tells the caller how far the reading is: by the packed bytes that were taken.
func (in *Document) Progress() { in.progress(in.done, in.rows) }

// maxProblems is how many unreadable documents are named one by one.
const maxProblems = 1000

// Problem notes a document that was not understood. The import goes on: one bad document must not keep all others out, and the feed
// counts as incomplete, so that nobody takes its silence for an answer.
func (in *Document) Problem(document string, err error) {
	in.bad++
	if len(in.problems) < maxProblems {
		in.problems = append(in.problems, Problem{in.File, document, err.Error()})
	}
}

// tooManyProblems says when a file is no longer that feed at all: more than one document in a hundred could not be read.
func (in *Document) tooManyProblems() error {
	if in.bad > 0 && 100*in.bad > in.documents+in.bad {
		return fmt.Errorf("%w: %d of %d documents could not be read, the first is %s: %s",
			ErrFormat, in.bad, in.documents+in.bad, in.problems[0].Document, in.problems[0].Reason)
	}
	return nil
}
