package sbom

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
)

// lines calls do with each line, without its end.
func lines(b []byte, do func(line string)) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		do(strings.TrimRight(s.Text(), "\r"))
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
			func(base string, _ []byte) bool { return f.Is(base) || suffixed(f, base) },
			func(b []byte, inv *inventory.Inventory) error {
				if err := f.Read(b, lockSink{inv, f.ID}); err != nil {
					return fmt.Errorf("%w: %w", ErrFormat, err)
				}
				return nil
			},
		})
		if f.ID == "npm-lock" { // whatever it is called
			npm = list[len(list)-1]
			npm.match = func(_ string, b []byte) bool { return jsonHas(b, "lockfileVersion") }
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
	inv *inventory.Inventory
	id  string
}

// Add implements lockfile.Sink.
func (l lockSink) Add(p inventory.Package) {
	p.FoundBy = l.id
	add(l.inv, p)
}

// Unversioned implements lockfile.Sink.
func (l lockSink) Unversioned(name, why string) { gap(l.inv, l.id, name, why) }

// Gap implements lockfile.Sink.
func (l lockSink) Gap(entry, why string) { gap(l.inv, l.id, entry, why) }
