package extract

import (
	"context"
	"fmt"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// locks reads lock files: what the project beside one takes. Each package says by FoundBy that it stands in a lock file, and is not known to be
// installed. Amazon Inspector's agentless scan reads lock files too (Amazon Inspector User Guide, "Supported programming languages").
func locks() []kind.File {
	var list []kind.File
	for _, format := range lockfile.Formats() {
		list = append(list, kind.File{
			ID: format.ID, Bases: format.Bases, Exts: format.Exts, Lock: true,
			Wants: func(e kind.Entry) bool { return format.Is(e.Name()) && !insidePackage(e.Folder()) },
			Read: func(_ context.Context, f *host.File, out kind.Sink) error {
				data, err := f.Bytes(lockfile.MaxBytes)
				if err != nil {
					return err
				}
				sink := &lockSink{out: out, name: f.Name, wish: format.ID == "requirements"}
				err = format.Read(data, sink)
				sink.end()
				return err
			},
		})
	}
	return list
}

// insidePackage says whether a folder belongs to an installed or downloaded package: the lock file that its makers left in it says what they
// developed it with, not what the host runs.
func insidePackage(dir string) bool {
	for rest := dir; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "node_modules", "bower_components", "site-packages", "dist-packages", ".cargo", ".pub-cache", ".nuget", "_cacache", "testdata":
			return true
		case "gems": // …/gems/rails-7.0.2/
			name, _, _ := strings.Cut(rest, "/")
			if i := strings.LastIndexByte(name, '-'); i > 0 && i+1 < len(name) && name[i+1] >= '0' && name[i+1] <= '9' {
				return true
			}
		case "pkg": // the cache of Go's modules
			if strings.HasPrefix(rest, "mod/") {
				return true
			}
		}
	}
	return false
}

// maxNamed is how many entries without a version the note of a lock file names.
const maxNamed = 5

// lockSink gives what a lock file holds to the inventory.
type lockSink struct {
	out           kind.Sink
	name          string
	wish          bool // the file says what is wanted, not what was taken
	known, unseen unversioned
}

// unversioned counts entries without a version of a registry, and names the first.
type unversioned struct {
	count int
	named []string
}

func (u *unversioned) add(name string) {
	if u.count++; u.count <= maxNamed {
		u.named = append(u.named, name)
	}
}

// Add implements lockfile.Sink.
func (l *lockSink) Add(p inventory.Package) {
	p.Location = host.Path(l.name)
	l.out.Add(p)
}

// Unversioned implements lockfile.Sink. What was taken from a repository or an address can be matched with no advisory: it is not seen. The
// project's own folders are no packages, and a range that is wanted says nothing of what is there.
func (l *lockSink) Unversioned(name, why string) {
	if l.wish || why == lockfile.FromProject {
		l.known.add(name)
		return
	}
	l.unseen.add(name)
}

// Gap implements lockfile.Sink.
func (l *lockSink) Gap(entry, why string) { l.out.Gap(l.name, fmt.Sprintf("%q: %s", entry, why)) }

func (l *lockSink) end() {
	if n := l.known.count; n > 0 {
		l.out.Note(fmt.Sprintf("%s: %d entries have no version of a registry: %q", host.Path(l.name), n, l.known.named))
	}
	if n := l.unseen.count; n > 0 {
		l.out.Gap(l.name, fmt.Sprintf("%d packages were taken from repositories or addresses and have no version that can be compared: %q", n, l.unseen.named))
	}
}
