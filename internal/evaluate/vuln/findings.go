package vuln

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln/kernel"
	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/evaluate/vuln/version"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Findings turns a result into findings of one asset.
//
// There is one finding for each vulnerability of each source package: the binary packages built from one source, and one library at several
// paths, share it and stand in its vulnerablePackages, as in Amazon Inspector. The line is drawn at the source package because that is what
// an update replaces: a CVE in two unrelated packages is mended, and its findings close, in two acts. Where the source is not known (an SBOM
// seldom names it) the package stands for itself. Errata without a CVE and other dismissed matches give none.
func Findings(res *Result, ref asset.Ref, db Details, now time.Time) ([]finding.Finding, error) {
	groups := map[groupKey]*group{}
	var order []groupKey
	for i := range res.Matches {
		h := &res.Matches[i]
		if h.Dismissed != "" {
			continue
		}
		for _, id := range idsOf(h.Advisory.ID, h.CVEs) {
			if slices.ContainsFunc(h.Exempt, func(e Exemption) bool { return e.ID == id }) {
				continue
			}
			if h.KB != "" { // Amazon Inspector makes one finding of an update
				id = h.KB
			}
			k := groupKey{h.Package.Ecosystem, sourceOf(h.Package), id}
			if h.KB != "" {
				k.source = "" // it mends the system and its parts at once
			}
			g := groups[k]
			if g == nil {
				g = &group{}
				groups[k] = g
				order = append(order, k)
			}
			if h.KB == "" || !slices.Contains(g.hits, h) {
				g.hits = append(g.hits, h)
			}
		}
	}
	b := findingBuilder{ref: ref, db: db, now: now, cves: map[string]known{}, texts: map[advisory.Doc]string{}}
	out := make([]finding.Finding, 0, len(order)+1)
	for _, k := range order {
		f, err := b.build(k, groups[k])
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if res.EndOfLife != nil {
		out = append(out, endFinding(res.EndOfLife, ref, now))
	}
	return ordered(out), nil
}

// ordered sorts findings by severity, title and ID. They are large: their places are sorted, then each is moved once.
func ordered(l []finding.Finding) []finding.Finding {
	at := make([]int, len(l))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(i, j int) int {
		a, b := &l[i], &l[j]
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), strings.Compare(a.Title, b.Title), strings.Compare(a.ID, b.ID))
	})
	out := make([]finding.Finding, len(l))
	for to, from := range at {
		out[to] = l[from]
	}
	return out
}

type groupKey struct {
	ecosystem inventory.Ecosystem
	source    string
	id        string // the CVE, or the advisory where it names none
}

type group struct{ hits []*Hit }

// sourceOf names what an update replaces.
func sourceOf(p *inventory.Package) string {
	if name, _, ok := kernel.Source(p); ok {
		return name
	}
	return cmp.Or(p.SourceName, p.Name)
}

type known struct {
	cve advisory.CVE
	ok  bool
}

type findingBuilder struct {
	ref   asset.Ref
	db    Details
	now   time.Time
	cves  map[string]known
	texts map[advisory.Doc]string
}

func (b *findingBuilder) cve(id string) (known, error) {
	k, ok := b.cves[id]
	if ok || !strings.HasPrefix(id, "CVE-") {
		return k, nil
	}
	var err error
	if k.cve, k.ok, err = b.db.CVE(id); err != nil {
		return k, err
	}
	b.cves[id] = k
	return k, nil
}

// worst puts together what is known of all vulnerabilities that an update of Windows mends: all scores, the highest EPSS, the earliest listing
// by CISA, the worst decision on exploits (Amazon Inspector user guide: the highest CVSS and EPSS and the exploits of the KB's CVEs).
func (b *findingBuilder) worst(hits []*Hit) (known, error) {
	var out known
	for _, h := range hits {
		for _, id := range h.CVEs {
			c, err := b.cve(id)
			if err != nil {
				return out, err
			}
			out.cve.Severity = append(out.cve.Severity, c.cve.Severity...)
			for _, w := range c.cve.CWEs {
				add(&out.cve.CWEs, w)
			}
			if e := c.cve.EPSS; e != nil && (out.cve.EPSS == nil || e.Score > out.cve.EPSS.Score) {
				out.cve.EPSS = e
			}
			if e := c.cve.KEV; e != nil && (out.cve.KEV == nil || e.Added < out.cve.KEV.Added) {
				out.cve.KEV = e
			}
			if e := c.cve.SSVC; e != nil && (out.cve.SSVC == nil || exploited(e) > exploited(out.cve.SSVC)) {
				out.cve.SSVC = e
			}
		}
	}
	return out, nil
}

// exploited orders decisions on exploitation.
func exploited(s *advisory.SSVC) int {
	return slices.Index([]string{"none", "poc", "active"}, s.Exploitation)
}

// build makes one finding.
func (b *findingBuilder) build(k groupKey, g *group) (finding.Finding, error) {
	c, err := b.cve(k.id)
	if g.hits[0].KB == k.id {
		c, err = b.worst(g.hits)
	}
	if err != nil {
		return finding.Finding{}, err
	}
	first := g.hits[0]
	p := &finding.Package{
		VulnerabilityID: k.id, Source: first.Advisory.Source, Packages: vulnerablePackages(g.hits), CWEs: cwes(g.hits, c.cve),
		Published: first.Advisory.Published, VendorSeverity: first.Advisory.Word,
	}
	if len(first.Advisory.URLs) > 0 {
		p.SourceURL = first.Advisory.URLs[0]
	}
	for _, h := range g.hits {
		add(&p.Advisories, h.Advisory.ID)
		for _, id := range append(slices.Clone(h.CVEs), h.Advisory.Aliases...) {
			if id != k.id {
				add(&p.Related, id)
			}
		}
	}
	slices.Sort(p.Related)
	slices.Sort(p.Advisories)
	p.FixAvailable = fixAvailable(p.Packages)
	exploitation(p, c.cve)
	gr := b.severity(p, g.hits, c)
	p.SeveritySource = gr.Source
	text, err := b.describe(first, c)
	if err != nil {
		return finding.Finding{}, err
	}
	f := finding.Finding{
		ID:   finding.Fingerprint(finding.PackageVulnerability, b.ref, string(k.ecosystem), k.source, k.id),
		Type: finding.PackageVulnerability, Title: k.id + " - " + names(p.Packages), Description: text, Severity: gr.Severity,
		Resource: b.ref, Package: p, Remediation: remedy(p, g.hits), Why: reasons(g.hits), Status: finding.Active, FirstSeen: b.now, LastSeen: b.now,
	}
	if c.ok {
		f.Why = append(f.Why, unanalysed(c.cve.Status)...)
	}
	rescore(&f, gr.CVSS, score.Place{})
	return f, nil
}

// unanalysed says what it means that NVD has not analysed a CVE: a missing or low score proves nothing (nvd.nist.gov, "Vulnerability Status").
func unanalysed(status string) []string {
	switch status {
	case "Received", "Awaiting Analysis", "Undergoing Analysis":
		return []string{"NVD has not analysed it yet (" + status + "): scores are those of others"}
	case "Deferred":
		return []string{"NVD will not analyse it (Deferred): scores are those of others"}
	case "Rejected":
		return []string{"the CVE record is rejected, and the advisory still speaks of it"}
	}
	return nil
}

// severity grades a finding and keeps all scores beside.
func (b *findingBuilder) severity(p *finding.Package, hits []*Hit, c known) score.Graded {
	var said score.Said
	notice := true
	for _, h := range hits {
		said.Vendor = append(said.Vendor, score.All(h.Severity, h.Advisory.Source)...)
		if len(h.CVEs) <= 1 {
			said.Vendor = append(said.Vendor, score.All(h.Advisory.Severity, h.Advisory.Source)...)
		} else {
			said.Shared = append(said.Shared, score.All(h.Advisory.Severity, h.Advisory.Source)...)
		}
		for _, s := range slices.Concat(h.Severity, h.Advisory.Severity) {
			if _, ok := score.Word(s.Score); ok && !said.WordFirst { // Ubuntu writes its priority so
				said.Word, said.WordBy, said.WordFirst = s.Score, h.Advisory.Source, s.Type == "Ubuntu"
			}
		}
		if said.Word == "" {
			said.Word, said.WordBy = h.Advisory.Word, h.Advisory.Source
		}
		notice = notice && h.Kind != "" && h.Kind != "unsound"
	}
	said.Record = score.All(c.cve.Severity, "CVE record")
	slices.SortStableFunc(said.Record, func(a, b finding.CVSS) int { return notNVD(a) - notNVD(b) })
	if hits[0].KB != "" { // the worst of what the update mends
		for _, l := range [][]finding.CVSS{said.Vendor, said.Record, said.Shared} {
			slices.SortStableFunc(l, func(a, b finding.CVSS) int { return cmp.Compare(b.Score, a.Score) })
		}
	}
	for _, s := range slices.Concat(said.Vendor, said.Record, said.Shared) {
		if !slices.Contains(p.CVSS, s) {
			p.CVSS = append(p.CVSS, s)
		}
	}
	if notice {
		return score.Graded{Severity: finding.Informational, Source: hits[0].Advisory.Source + " (" + hits[0].Kind + ")"}
	}
	return score.Grade(said)
}

// notNVD puts NVD's own scores before those of others in a CVE's record: after the publisher NVD counts (Amazon Inspector user guide,
// "Amazon Inspector score").
func notNVD(c finding.CVSS) int {
	if c.Source == "NVD" {
		return 0
	}
	return 1
}

// exploitation copies what is known of exploits. KEV or CISA's decision "poc" or "active" mean that one is to be had.
func exploitation(p *finding.Package, c advisory.CVE) {
	if e := c.EPSS; e != nil {
		p.EPSS, p.EPSSPercentile = e.Score, e.Percentile
	}
	if s := c.SSVC; s != nil {
		p.SSVC, p.SSVCAutomatable, p.SSVCImpact = s.Exploitation, s.Automatable, s.TechnicalImpact
		p.SSVCDecision = string(score.Decide(s, score.MediumMission))
		switch s.Exploitation {
		case "active":
			p.ExploitAvailable, p.ExploitObserved = "YES", "YES"
		case "poc":
			p.ExploitAvailable = "YES"
		default:
			p.ExploitAvailable = "NO"
		}
	}
	if k := c.KEV; k != nil {
		p.KEVAdded, p.KEVDue, p.KEVAction, p.Ransomware = k.Added, k.Due, k.Action, k.Ransomware
		p.ExploitAvailable, p.ExploitObserved = "YES", "YES"
	}
}

// describe returns the CVE's own description, else the advisory's text.
func (b *findingBuilder) describe(h *Hit, c known) (string, error) {
	if c.cve.Description != "" {
		return c.cve.Description, nil
	}
	if text, ok := b.texts[h.Doc]; ok {
		return text, nil
	}
	text, err := b.db.Text(h.Doc)
	if err != nil {
		return "", err
	}
	text = cmp.Or(strings.TrimSpace(text), h.Advisory.Summary)
	b.texts[h.Doc] = text
	return text, nil
}

// vulnerablePackages lists the packages of a group once each, with the fix that ends all advisories of the group for it: the last one named.
func vulnerablePackages(hits []*Hit) []finding.VulnerablePackage {
	var out []finding.VulnerablePackage
	at := map[*inventory.Package]int{}
	for _, h := range hits {
		i, ok := at[h.Package]
		if !ok {
			p := h.Package
			i = len(out)
			at[p] = i
			out = append(out, finding.VulnerablePackage{
				Ecosystem: string(p.Ecosystem), Name: p.Name, Version: p.Version, Arch: p.Arch, SourceName: p.SourceName, Path: p.Location,
				PURL: p.PURL, FixedVersion: h.Fixed,
			})
			continue
		}
		out[i].FixedVersion = later(h, out[i].FixedVersion)
	}
	return out
}

// later returns the later of two fixed versions; none if either is none, because one advisory is then still open.
func later(h *Hit, fixed string) string {
	if h.Fixed == "" || fixed == "" {
		return ""
	}
	if c, err := compareFixed(h, fixed); err == nil && c > 0 {
		return h.Fixed
	}
	return fixed
}

func fixAvailable(l []finding.VulnerablePackage) string {
	fixed := 0
	for _, p := range l {
		if p.FixedVersion != "" {
			fixed++
		}
	}
	switch fixed {
	case 0:
		return "NO"
	case len(l):
		return "YES"
	}
	return "PARTIAL"
}

func cwes(hits []*Hit, c advisory.CVE) []string {
	var out []string
	for _, h := range hits {
		for _, w := range h.Advisory.CWEs {
			add(&out, w)
		}
	}
	for _, w := range c.CWEs {
		add(&out, w)
	}
	slices.Sort(out)
	return out
}

func add(l *[]string, s string) {
	if s != "" && !slices.Contains(*l, s) {
		*l = append(*l, s)
	}
}

// maxNames is how many packages a title or a remedy names before it counts the rest.
const maxNames = 3

// names lists the packages of a title: "openssl, openssl-libs and 4 more".
func names(l []finding.VulnerablePackage) string {
	var n []string
	for _, p := range l {
		add(&n, p.Name)
	}
	if len(n) > maxNames+1 {
		return strings.Join(n[:maxNames], ", ") + fmt.Sprintf(" and %d more", len(n)-maxNames)
	}
	return strings.Join(n, ", ")
}

// remedy says what to update to what, or to boot what is installed.
func remedy(p *finding.Package, hits []*Hit) string {
	var n []string
	for _, h := range hits {
		if h.Reboot != "" {
			p.RebootNeeded = true
			return "Reboot needed: the kernel " + h.Reboot + " has the fix and is installed, but does not run."
		}
	}
	if kb := hits[0].KB; kb != "" {
		for _, n := range hits[0].Notes {
			if latest, ok := strings.CutSuffix(n, " replaces "+kb); ok {
				return "Install " + kb + ", or " + latest + ", which replaces it."
			}
		}
		return "Install " + kb + "."
	}
	for _, p := range p.Packages {
		if p.FixedVersion != "" {
			add(&n, p.Name+" to "+p.FixedVersion)
		}
	}
	switch {
	case len(n) == 0:
		return "No fixed version is published yet."
	case len(n) > maxNames+1:
		return "Update " + strings.Join(n[:maxNames], ", ") + fmt.Sprintf(" and %d more packages.", len(n)-maxNames)
	}
	return "Update " + strings.Join(n, ", ") + " or later."
}

// reasons explains the finding: what was compared, by which advisory, for which packages. Equal comparisons are told once.
func reasons(hits []*Hit) []string {
	var out []string
	at := map[string][]string{}
	for _, h := range hits {
		k := h.Advisory.ID + " (" + h.Ecosystem + ", " + h.Name + "): " + h.Comparison + "; range: " + h.Range
		if _, ok := at[k]; !ok {
			out = append(out, k)
		}
		at[k] = append(at[k], cmp.Or(h.Package.Location, h.Package.Name))
	}
	for i, k := range out {
		l := slices.Compact(slices.Sorted(slices.Values(at[k])))
		if len(l) > maxNames {
			l = append(l[:maxNames:maxNames], fmt.Sprintf("%d more", len(l)-maxNames))
		}
		out[i] = k + "; in " + strings.Join(l, ", ")
	}
	for _, h := range hits {
		for _, n := range h.Notes {
			add(&out, n)
		}
		if h.Reboot != "" {
			add(&out, "reboot needed: the kernel "+h.Reboot+", which is installed, has the fix")
		}
	}
	return out
}

// endFinding makes the finding of a system that is no longer supported. Amazon Inspector makes one of severity Critical, too (user guide,
// "Discontinued operating systems").
func endFinding(e *EndOfLife, ref asset.Ref, now time.Time) finding.Finding {
	name := cmp.Or(e.OS.PrettyName, e.OS.ID+" "+e.OS.VersionID)
	return finding.Finding{
		ID:   finding.Fingerprint(finding.EndOfLife, ref, e.OS.ID, e.Lifecycle.Release),
		Type: finding.EndOfLife, Title: name + " is no longer supported", Severity: finding.Critical, Resource: ref,
		Description: "The publisher no longer mends this system: vulnerabilities found from now on stay open, and may not even be announced for it.",
		Remediation: "Move to a supported release.", Why: []string{e.Detail}, Status: finding.Active, FirstSeen: now, LastSeen: now,
	}
}

// compareFixed orders a hit's fixed version against another.
func compareFixed(h *Hit, other string) (int, error) {
	s, ok := version.Of(string(h.Package.Ecosystem))
	if !ok {
		return 0, version.ErrUnreadable
	}
	return s.Compare(h.Fixed, other)
}
