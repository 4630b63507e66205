package advisorydb

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"hinomi/internal/advisory"
)

// join makes one payload of all values of a key.
func (b *Builder) join(key []byte, values [][]byte) ([]byte, error) {
	switch key[0] {
	case keyCVE:
		b.meta.CVEs++
		return joinCVE(string(key[1:]), values)
	case keyPackage:
		values = unique(values)
		b.meta.Rows += len(values)
	default:
		values = unique(values)
	}
	var e encoder
	e.uint(uint64(len(values)))
	for _, v := range values {
		e.b = append(e.b, v...)
	}
	return e.b, nil
}

// unique leaves out values that are the same bytes, keeping the order of arrival.
func unique(values [][]byte) [][]byte {
	if len(values) < 2 {
		return values
	}
	seen := make(map[string]bool, len(values))
	return slices.DeleteFunc(values, func(v []byte) bool {
		if seen[string(v)] {
			return true
		}
		seen[string(v)] = true
		return false
	})
}

// joinCVE joins what several feeds say of one CVE.
func joinCVE(id string, values [][]byte) ([]byte, error) {
	var out advisory.CVE
	for _, v := range values {
		d := decoder{b: bytes.Clone(v)}
		c := d.cve(id)
		if d.err != nil {
			return nil, fmt.Errorf("join %s: %w", id, d.err)
		}
		mergeCVE(&out, &c)
	}
	var e encoder
	e.cve(&out)
	return e.b, nil
}

// mergeCVE adds to a CVE what another feed knows. Scores are kept side by side; of two EPSS estimates the later one counts; the first
// feed to give a description, an SSVC decision, a KEV entry or a status is kept.
func mergeCVE(to, c *advisory.CVE) {
	if to.Description == "" {
		to.Description = c.Description
	}
	for _, s := range c.Severity {
		if !slices.Contains(to.Severity, s) {
			to.Severity = append(to.Severity, s)
		}
	}
	for _, w := range c.CWEs {
		if !slices.Contains(to.CWEs, w) {
			to.CWEs = append(to.CWEs, w)
		}
	}
	if to.Published.IsZero() {
		to.Published = c.Published
	}
	if c.EPSS != nil && (to.EPSS == nil || c.EPSS.Date > to.EPSS.Date) {
		to.EPSS = c.EPSS
	}
	if to.KEV == nil {
		to.KEV = c.KEV
	}
	if to.SSVC == nil {
		to.SSVC = c.SSVC
	}
	to.Rejected = to.Rejected || c.Rejected
	to.Status = cmp.Or(to.Status, c.Status)
}
