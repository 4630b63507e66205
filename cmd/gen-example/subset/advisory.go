package subset

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/google/osv-scalibr/semantic"
)

// Record is what this tool reads of an OSV document (OSV schema 1.7).
type Record struct {
	ID        string     `json:"id"`
	Withdrawn string     `json:"withdrawn"`
	Aliases   []string   `json:"aliases"`
	Upstream  []string   `json:"upstream"`
	Related   []string   `json:"related"`
	Affected  []Affected `json:"affected"`
}

// Affected is one affected package of a record.
type Affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges []struct {
		Type   string              `json:"type"`
		Events []map[string]string `json:"events"`
	} `json:"ranges"`
	Versions []string `json:"versions"`
}

// ParseRecord reads an OSV document. It returns an error if it is not JSON of that form.
func ParseRecord(raw []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(raw, &r)
	return r, err
}

// Names reports whether the record speaks of the package, in whatever version.
func (r Record) Names(p Package) bool {
	return slices.ContainsFunc(r.Affected, func(a Affected) bool { return a.is(p) })
}

func (a Affected) is(p Package) bool {
	name := a.Package.Name
	if p.Ecosystem == "PyPI" {
		name = normalized(name)
	}
	return a.Package.Ecosystem == p.Ecosystem && name == p.Name
}

// Affects reports whether the record says that the package's version is
// affected: it is listed, or lies in a range (OSV schema, "evaluation").
// A withdrawn record affects nothing.
func (r Record) Affects(p Package) (bool, error) {
	if r.Withdrawn != "" {
		return false, nil
	}
	for _, a := range r.Affected {
		if !a.is(p) {
			continue
		}
		if slices.Contains(a.Versions, p.Version) {
			return true, nil
		}
		for _, g := range a.Ranges {
			if g.Type == "GIT" {
				continue
			}
			in, err := within(p, g.Events)
			if err != nil {
				return false, fmt.Errorf("%s: compare %s %s: %w", r.ID, p.Name, p.Version, err)
			}
			if in {
				return true, nil
			}
		}
	}
	return false, nil
}

// within walks the events, which the two databases used here list in order.
func within(p Package, events []map[string]string) (bool, error) {
	version, err := semantic.Parse(p.Version, p.Ecosystem)
	if err != nil {
		return false, err
	}
	in := false
	for _, e := range events {
		for kind, at := range e {
			order := 1 // every version is after introduced "0"
			if at != "0" {
				if order, err = version.CompareStr(at); err != nil {
					return false, err
				}
			}
			switch {
			case kind == "introduced" && order >= 0:
				in = true
			case kind == "fixed" && order >= 0, kind == "last_affected" && order > 0:
				in = false
			}
		}
	}
	return in, nil
}

var cveID = regexp.MustCompile(`^CVE-\d{4}-\d{4,}$`)

// cves returns the CVE ids that the record gives: its aliases and upstream, and
// of an erratum, which has none of these, the related ones.
func (r Record) cves(erratum bool) []string {
	ids := slices.Concat(r.Aliases, r.Upstream)
	if erratum {
		ids = append(ids, r.Related...)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !cveID.MatchString(id) })
}
