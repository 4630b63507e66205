package export

import (
	"io"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"hinomi/internal/finding"
)

// CycloneDXFindings writes a document with the packages and the vulnerabilities that were found in them, one for each finding about a package,
// with its analysis (VEX): in_triage while it is active, resolved when it was closed, and for one that somebody suppressed will_not_fix with
// the reason. That a scanner matched a version does not say that a flaw can be exploited, so "exploitable" is never written. What was not
// assessed stands in the properties hinomi:notAssessed; findings about other things than packages have no form here and are counted there.
func CycloneDXFindings(w io.Writer, d *Document) error {
	bom, refs := bill(d.listed(), d.Version)
	props := *bom.Metadata.Properties
	if !d.Now.IsZero() {
		bom.Metadata.Timestamp = stamp(d.Now)
	}
	for _, n := range d.NotAssessed {
		props = append(props, cdx.Property{Name: "hinomi:notAssessed", Value: n})
	}
	list := []cdx.Vulnerability{}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Package == nil {
			props = append(props, cdx.Property{Name: "hinomi:otherFinding", Value: strings.TrimSpace(string(f.Severity) + " " + what(f) + " " + f.Resource.ID)})
			continue
		}
		list = append(list, cdxVulnerability(f, refs))
	}
	if d.Target != "" {
		props = append(props, cdx.Property{Name: "hinomi:target", Value: d.Target})
	}
	bom.Metadata.Properties = &props
	bom.Vulnerabilities = &list
	return encodeBill(w, bom)
}

func cdxVulnerability(f *finding.Finding, refs map[packageKey]string) cdx.Vulnerability {
	v := cdx.Vulnerability{
		BOMRef: "finding-" + f.ID, ID: f.Package.VulnerabilityID, Description: f.Description, Recommendation: f.Remediation, Published: stamp(f.Package.Published),
		Created: stamp(f.FirstSeen), Updated: stamp(f.LastSeen), Analysis: analysis(f),
	}
	if f.Package.Source != "" || page(f) != "" {
		v.Source = &cdx.Source{Name: f.Package.Source, URL: page(f)}
	}
	if r := ratings(f); len(r) > 0 {
		v.Ratings = &r
	}
	if n := cwes(f); len(n) > 0 {
		v.CWEs = &n
	}
	var links []cdx.VulnerabilityReference
	for _, id := range slices.Concat(f.Package.Advisories, f.Package.Related) {
		if id != "" && id != v.ID {
			links = append(links, cdx.VulnerabilityReference{ID: id, Source: &cdx.Source{Name: strings.SplitN(id, "-", 2)[0]}})
		}
	}
	if len(links) > 0 {
		v.References = &links
	}
	affects := []cdx.Affects{}
	for i := range f.Package.Packages {
		p := &f.Package.Packages[i]
		ref := refs[keyOfVulnerable(p)]
		if ref == "" {
			continue
		}
		affects = append(affects, cdx.Affects{Ref: ref, Range: &[]cdx.AffectedVersions{{Version: p.Version, Status: cdx.VulnerabilityStatusAffected}}})
	}
	if len(affects) > 0 {
		v.Affects = &affects
	}
	fixed := ""
	for _, p := range f.Package.Packages {
		if fixed == "" {
			fixed = p.FixedVersion
		}
	}
	asset := ""
	if f.Resource.ID != "" {
		asset = f.Resource.String()
	}
	props := properties([][2]string{
		{"hinomi:findingId", f.ID},
		{"hinomi:asset", asset},
		{"hinomi:severity", string(f.Severity)},
		{"hinomi:fixedVersion", fixed},
		{"hinomi:fixAvailable", f.Package.FixAvailable},
		{"hinomi:exploitAvailable", f.Package.ExploitAvailable},
		{"hinomi:epss", number(f.Package.EPSS)},
		{"hinomi:kevDateAdded", f.Package.KEVAdded},
		{"hinomi:kevDateDue", f.Package.KEVDue},
		{"hinomi:vendorSeverity", f.Package.VendorSeverity},
	})
	v.Properties = &props
	return v
}

func analysis(f *finding.Finding) *cdx.VulnerabilityAnalysis {
	a := &cdx.VulnerabilityAnalysis{State: cdx.IASInTriage, FirstIssued: stamp(f.FirstSeen), LastUpdated: stamp(f.LastSeen)}
	switch f.Status {
	case finding.Closed:
		a.State, a.Detail = cdx.IASResolved, f.StatusWhy
	case finding.Suppressed:
		a.Response, a.Detail = &[]cdx.ImpactAnalysisResponse{cdx.IARWillNotFix}, f.StatusWhy
	default:
		a.Detail = strings.Join(f.Why, "; ")
		if f.Package.FixAvailable == "YES" {
			a.Response = &[]cdx.ImpactAnalysisResponse{cdx.IARUpdate}
		}
	}
	return a
}

// ratings are the scores of a vulnerability, and the word by which the finding is ordered.
func ratings(f *finding.Finding) []cdx.VulnerabilityRating {
	methods := map[string]cdx.ScoringMethod{"2.0": cdx.ScoringMethodCVSSv2, "3.0": cdx.ScoringMethodCVSSv3, "3.1": cdx.ScoringMethodCVSSv31, "4.0": cdx.ScoringMethodCVSSv4}
	var out []cdx.VulnerabilityRating
	for _, c := range f.Package.CVSS {
		m, ok := methods[c.Version]
		if !ok {
			m = cdx.ScoringMethodOther
		}
		r := cdx.VulnerabilityRating{Method: m, Vector: c.Vector, Severity: word(finding.SeverityOf(c.Score)), Score: &c.Score}
		if c.Source != "" {
			r.Source = &cdx.Source{Name: c.Source}
		}
		out = append(out, r)
	}
	own := cdx.VulnerabilityRating{Source: &cdx.Source{Name: "hinomi"}, Severity: word(f.Severity), Method: cdx.ScoringMethodOther, Justification: f.Package.SeveritySource}
	if f.Score > 0 {
		own.Score = &f.Score
	}
	return append(out, own)
}

// word is CycloneDX's word for a severity.
func word(s finding.Severity) cdx.Severity {
	switch s {
	case finding.Critical:
		return cdx.SeverityCritical
	case finding.High:
		return cdx.SeverityHigh
	case finding.Medium:
		return cdx.SeverityMedium
	case finding.Low:
		return cdx.SeverityLow
	case finding.Informational:
		return cdx.SeverityInfo
	default:
		return cdx.SeverityUnknown
	}
}
