// Package ignore reads a list of findings that somebody chose to leave out of a result, each with a reason and a day on which that ends.
//
//   - id: CVE-2021-44228                     # CVE, advisory or rule; as it is or with * at its end
//     package: pkg:maven/org.apache.logging.log4j/log4j-core   # package URL or name; left out: all
//     expires: 2026-12-31                    # the last day on which it holds; left out: it holds for ever
//     reason: JNDI lookups are off, see OPS-12
package ignore

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	"gopkg.in/yaml.v3"

	"hinomi/internal/finding"
)

// ErrFormat says that a file is no list of what to ignore. It names the entry.
var ErrFormat = errors.New("malformed ignore file")

// MaxSize bounds a file, in bytes: an entry has about 150.
const MaxSize = 4 << 20

// Entry is one thing to ignore.
type Entry struct {
	ID      string    // CVE, advisory or rule id, in any case; a * at its end stands for the rest
	Package string    // package URL or plain name; "" is every package
	Expires time.Time // the first moment at which it no longer holds; zero: never
	Reason  string
}

// List is what a file says.
type List struct{ entries []Entry }

// Entries returns the entries in the order of the file.
func (l *List) Entries() []Entry { return l.entries }

// Read reads a file in YAML: a list of entries, or an object whose member "ignore" is one. An entry without an id or a reason, with a day that
// is none or with a word that we do not know is an error, which wraps ErrFormat: a misspelt entry must not ignore more than was meant.
func Read(name string, r io.Reader) (*List, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("read %s: %w: more than %d bytes", name, ErrFormat, MaxSize)
	}
	type form struct {
		ID, Package, PURL, Expires, Reason string
	}
	var list []form
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		var whole struct{ Ignore []form }
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if d.Decode(&whole) != nil {
			return nil, fmt.Errorf("read %s: %w: %w", name, ErrFormat, err)
		}
		list = whole.Ignore
	}
	out := &List{}
	for i, f := range list {
		e, err := entry(f.ID, f.Package, f.PURL, f.Expires, f.Reason)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w: entry %d (%s): %w", name, ErrFormat, i+1, f.ID, err)
		}
		out.entries = append(out.entries, e)
	}
	return out, nil
}

func entry(id, pkg, purl, expires, reason string) (Entry, error) {
	e := Entry{ID: strings.TrimSpace(id), Package: strings.TrimSpace(pkg), Reason: strings.TrimSpace(reason)}
	switch {
	case e.Package != "" && purl != "":
		return e, errors.New("both package and purl")
	case purl != "":
		e.Package = strings.TrimSpace(purl)
	}
	switch {
	case e.ID == "" || e.ID == "*":
		return e, errors.New("no id")
	case e.Reason == "":
		return e, errors.New("no reason")
	}
	if strings.HasPrefix(e.Package, "pkg:") {
		if _, err := packageurl.FromString(e.Package); err != nil {
			return e, fmt.Errorf("package URL %q: %w", e.Package, err)
		}
	}
	if expires == "" {
		return e, nil
	}
	if t, err := time.Parse(time.DateOnly, expires); err == nil {
		e.Expires = t.AddDate(0, 0, 1) // the day itself counts, in UTC
		return e, nil
	}
	t, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return e, fmt.Errorf("expires %q is neither a day (2026-12-31) nor a time (RFC 3339)", expires)
	}
	e.Expires = t
	return e, nil
}

// Outcome is what applying a list came to.
type Outcome struct {
	Kept    []finding.Finding
	Ignored map[int]int // how many findings each entry left out, by its place in Entries
	Expired []int       // entries that are past their day and were not applied, though they name something that was found
}

// Apply leaves out of findings what the list names at a time. Of a finding about several packages only those that an entry names are left out.
func (l *List) Apply(list []finding.Finding, now time.Time) Outcome {
	out := Outcome{Ignored: map[int]int{}}
	expired := map[int]bool{}
	for _, f := range list {
		f, by := l.apply(f, now, expired)
		if by < 0 {
			out.Kept = append(out.Kept, f)
			continue
		}
		out.Ignored[by]++
	}
	for i := range l.entries {
		if expired[i] {
			out.Expired = append(out.Expired, i)
		}
	}
	return out
}

// apply returns the finding without the packages that are ignored, and the entry that left nothing of it, -1 if something is left.
func (l *List) apply(f finding.Finding, now time.Time, expired map[int]bool) (finding.Finding, int) {
	for i := range l.entries {
		e := &l.entries[i]
		if !e.names(&f) {
			continue
		}
		old := !e.Expires.IsZero() && !now.Before(e.Expires)
		switch {
		case e.Package == "" || f.Package == nil:
			if e.Package != "" {
				continue // the finding is about no package
			}
			if old {
				expired[i] = true
				continue
			}
			return f, i
		default:
			left := make([]finding.VulnerablePackage, 0, len(f.Package.Packages))
			for _, p := range f.Package.Packages {
				if !e.about(&p) {
					left = append(left, p)
				}
			}
			if len(left) == len(f.Package.Packages) {
				continue
			}
			if old {
				expired[i] = true
				continue
			}
			if len(left) == 0 {
				return f, i
			}
			p := *f.Package
			p.Packages = left
			f.Package = &p
		}
	}
	return f, -1
}

// names reports whether an entry is about what a finding is about.
func (e *Entry) names(f *finding.Finding) bool {
	ids := []string{f.ID}
	if f.Package != nil {
		ids = append(append(ids, f.Package.VulnerabilityID), f.Package.Advisories...)
	}
	if f.Rule != nil {
		ids = append(ids, f.Rule.ID)
	}
	prefix, open := strings.CutSuffix(e.ID, "*")
	for _, id := range ids {
		if strings.EqualFold(id, e.ID) || open && len(id) >= len(prefix) && strings.EqualFold(id[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// about reports whether an entry names a package: by its name, or by a package URL whose version and qualifiers count only if they are given.
func (e *Entry) about(p *finding.VulnerablePackage) bool {
	if !strings.HasPrefix(e.Package, "pkg:") {
		return e.Package == p.Name || e.Package == p.SourceName
	}
	want, err := packageurl.FromString(e.Package)
	if err != nil {
		return false
	}
	got, err := packageurl.FromString(p.PURL)
	if err != nil || got.Type != want.Type || got.Namespace != want.Namespace || got.Name != want.Name || want.Version != "" && want.Version != got.Version && want.Version != p.Version {
		return false
	}
	have := got.Qualifiers.Map()
	for k, v := range want.Qualifiers.Map() {
		if have[k] != v {
			return false
		}
	}
	return true
}
