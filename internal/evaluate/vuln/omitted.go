package vuln

import (
	"time"

	"hinomi/internal/evaluate/vuln/vex"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Omission is one vulnerability of one package that is there by the comparison of versions and makes no finding.
type Omission struct {
	ID            string `json:"vulnerabilityId"`
	Advisory      string `json:"advisory"`
	Package       string `json:"package"`
	Version       string `json:"version"`
	Reason        string `json:"reason"` // a Dismissal
	By            string `json:"by,omitempty"`
	Justification string `json:"justification,omitempty"`
	Detail        string `json:"detail,omitempty"`
}

// Omissions lists what a result leaves out, in the order of its matches: nothing disappears without a reason.
func Omissions(res *Result) []Omission {
	var out []Omission
	for i := range res.Matches {
		h := &res.Matches[i]
		exempt := map[string]bool{}
		for _, e := range h.Exempt {
			exempt[e.ID] = true
			out = append(out, Omission{
				ID: e.ID, Advisory: h.Advisory.ID, Package: h.Package.Name, Version: h.Package.Version, Reason: string(e.Reason), By: e.By,
				Justification: string(e.Justification), Detail: e.Detail,
			})
		}
		if h.Dismissed == "" {
			continue
		}
		detail := h.Comparison
		if len(h.Notes) > 0 {
			detail += "; " + h.Notes[len(h.Notes)-1]
		}
		for _, id := range idsOf(h.Advisory.ID, h.CVEs) {
			if !exempt[id] {
				out = append(out, Omission{ID: id, Advisory: h.Advisory.ID, Package: h.Package.Name, Version: h.Package.Version, Reason: string(h.Dismissed), Detail: detail})
			}
		}
	}
	return out
}

// Stated says whether users' statements exempt a finding on one asset: all of its packages must be exempt. It is for statements that name an
// asset, and for those made after the inventory was matched. The statement's text is the reason to suppress the finding with.
func Stated(f *finding.Finding, said vex.Set, asset string, now time.Time) (reason string, ok bool) {
	if f.Package == nil || said.Empty() || len(f.Package.Packages) == 0 {
		return "", false
	}
	ids := append([]string{f.Package.VulnerabilityID}, f.Package.Advisories...)
	if len(f.Package.Advisories) > 1 || len(f.Package.Related) > 0 {
		ids = ids[:1] // an advisory about several vulnerabilities is no name of this one
	}
	for _, v := range f.Package.Packages {
		p := &inventory.Package{Ecosystem: inventory.Ecosystem(v.Ecosystem), Name: v.Name, Version: v.Version, Arch: v.Arch, SourceName: v.SourceName, PURL: v.PURL}
		what, found := said.About(p, ids, asset, now)
		if !found || !what.Exempts {
			return "", false
		}
		reason = what.Text
	}
	return reason, true
}
