package sbom

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
)

// lines calls do with each line, without its end, until do returns an error.
func lines(b []byte, do func(line string) error) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		if err := do(strings.TrimRight(s.Text(), "\r")); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

// lockFiles are the formats of lock files, known by their names.
func lockFiles() []format {
	var list []format
	var npm format
	for _, f := range lockfile.Formats() {
		list = append(list, format{
			f.ID,
			func(h *head) bool { return f.Is(h.base) || suffixed(f, h.base) },
			func(b []byte, d *document) error {
				sink := &lockSink{d: d}
				if err := f.Read(b, sink); err != nil {
					return err
				}
				return sink.err
			},
		})
		if f.ID == "npm-lock" { // whatever it is called
			npm = list[len(list)-1]
			npm.match = func(h *head) bool { return h.keys["lockfileVersion"] }
		}
	}
	return append(list, npm)
}

// suffixed recognises files that somebody gave a name before the usual one: app-Cargo.lock, app.go.mod.
func suffixed(f lockfile.Format, base string) bool {
	for _, n := range f.Bases {
		if strings.HasSuffix(base, "."+n) || strings.HasSuffix(base, "-"+n) {
			return true
		}
	}
	return false
}

// lockSink puts what a lock file holds into an inventory. What has no version is a gap: the file was given to be judged whole.
type lockSink struct {
	d   *document
	err error
}

// Add implements lockfile.Sink.
func (l *lockSink) Add(p inventory.Package) {
	if l.err == nil {
		l.err = l.d.add(p)
	}
}

// Unversioned implements lockfile.Sink.
func (l *lockSink) Unversioned(name, why string) { l.d.gap(name, why) }

// Gap implements lockfile.Sink.
func (l *lockSink) Gap(entry, why string) { l.d.gap(entry, why) }
