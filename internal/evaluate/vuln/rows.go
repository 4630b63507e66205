package vuln

import (
	"cmp"
	"slices"
	"strings"
)

// Row is one line of a comparison with another scanner.
type Row struct{ Ecosystem, Package, Version, Advisory string }

// Rows returns what the comparison of versions alone says, as other scanners print it: every match, dismissed or not, once per ecosystem,
// package, version and advisory, sorted.
func Rows(res *Result) []Row {
	out := make([]Row, 0, len(res.Matches))
	for _, h := range res.Matches {
		out = append(out, Row{h.Ecosystem, h.Package.Name, h.Package.Version, h.Advisory.ID})
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Advisory, b.Advisory))
	})
	return slices.Compact(out)
}

// TSV renders rows as ecosystem, package, version and advisory, one row a line. Tabs and line breaks inside a field become blanks.
func TSV(rows []Row) string {
	clean := strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")
	var b strings.Builder
	for _, r := range rows {
		for i, f := range []string{r.Ecosystem, r.Package, r.Version, r.Advisory} {
			if i > 0 {
				b.WriteByte('\t')
			}
			_, _ = clean.WriteString(&b, f)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
