package vuln

import (
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/affected"
	"hinomi/internal/inventory"
)

// otherLine is what the rows say of an Oracle package of a line of its own (Ksplice, FIPS): the errata of ordinary builds that fix something
// later than it, and the errata of its own line.
type otherLine struct{ ordinary, own []advisory.Doc }

// ordinaryFix takes a row about ordinary builds away from a build of another line, whose raised epoch makes every ordinary fix look old. It
// reports whether the row was one. Without epochs the order of the builds still tells which fixes the build was made with.
func (m *matcher) ordinaryFix(p *inventory.Package, row *advisory.Row, c candidate, r rule) bool {
	line := advisory.OracleFlavor(p.Version)
	if p.Ecosystem != inventory.Oracle || line == "" || row.Withdrawn || row.State == advisory.StateNotAffected {
		return false
	}
	if of := affected.OracleLine(row); of != "" {
		if of == line {
			m.lines.own = append(m.lines.own, row.Doc)
		}
		return false
	}
	v, err := r.scheme.Parse(affected.WithoutEpoch(c.version))
	if err != nil {
		m.unreadable(p, row, c, err)
		return true
	}
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if e.Fixed == "" {
				continue
			}
			switch order, err := v.Compare(affected.WithoutEpoch(e.Fixed)); {
			case err != nil:
				m.unreadable(p, row, c, err)
			case order < 0:
				m.lines.ordinary = append(m.lines.ordinary, row.Doc)
			}
		}
	}
	return true
}

// unsaid notes what later ordinary builds fix and no erratum of the package's own line speaks of: whether the package has it is not known.
func (m *matcher) unsaid(p *inventory.Package) {
	if len(m.lines.ordinary) == 0 {
		return
	}
	cvesOf := func(docs []advisory.Doc) (l []string) {
		for _, doc := range docs {
			_, cves, err := m.document(doc)
			if err != nil {
				m.failed(p, p.Version, err)
				continue
			}
			for _, id := range cves {
				add(&l, id)
			}
		}
		return l
	}
	own := cvesOf(m.lines.own)
	open := slices.DeleteFunc(cvesOf(m.lines.ordinary), func(id string) bool { return slices.Contains(own, id) })
	if len(open) == 0 {
		return
	}
	slices.Sort(open)
	n, more := len(open), ""
	if n > 8 {
		open, more = open[:8], ", …"
	}
	m.note(NotAssessed{
		Reason: RangeUnreadable, Ecosystem: string(p.Ecosystem), Package: p.Name, Version: p.Version, Packages: 1,
		Detail: fmt.Sprintf("later ordinary builds fix %d CVEs of which no erratum for %s builds speaks: %s%s", n, advisory.OracleFlavor(p.Version), strings.Join(open, ", "), more),
	})
}
