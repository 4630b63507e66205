// Package export writes what hinomi knows in forms that other tools read: findings as SARIF, CycloneDX, SPDX, OCSF, ASFF, CSV, HTML and JSON,
// inventories as CycloneDX and SPDX.
//
// What could not be read or judged is part of every document in the form that its format has for it: without it a list would look complete.
package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Document is what is written: the findings of one target with its inventory, or the findings of an installation.
type Document struct {
	Version     string               // of hinomi
	Now         time.Time            // when the document is made
	Target      string               // what was scanned: a path, ebs:snap-…, i-…; "" for the findings of an installation
	Kind        string               // of the target: host, folder, image, sbom, snapshot
	Inventory   *inventory.Inventory // nil for the findings of an installation
	Findings    []finding.Finding
	NotAssessed []string          // in words: what could not be judged, and why
	Feeds       []advisory.Feed   // what it was judged with
	Names       map[string]string // the Name tags of assets, by id
}

// Format is one form of output.
type Format struct {
	ID      string // the word of --output; once released it never changes
	Media   string // media type (RFC 6838)
	About   string // in a few words
	Write   func(w io.Writer, d *Document) error
	Assets  bool // it needs the AWS account of every finding
	Listing bool // it lists what is installed, and needs no findings
}

// Formats lists every form in which findings are written.
func Formats() []Format {
	return []Format{
		{ID: "sarif", Media: "application/sarif+json", About: "SARIF 2.1.0 (OASIS), for code scanning", Write: SARIF},
		{ID: "cyclonedx", Media: "application/vnd.cyclonedx+json", About: "CycloneDX 1.6: components, vulnerabilities and their analysis (VEX)", Write: CycloneDXFindings, Listing: true},
		{ID: "spdx", Media: "application/spdx+json", About: "SPDX 2.3: packages, and what is known against them", Write: SPDX, Listing: true},
		{ID: "ocsf", Media: "application/x-ndjson", About: "OCSF 1.8.0 events, one a line: Vulnerability Finding (2002), Compliance Finding (2003)", Write: OCSF},
		{ID: "asff", Media: "application/x-ndjson", About: "AWS Security Finding Format: a BatchImportFindings request of at most 100 findings a line", Write: ASFF, Assets: true},
		{ID: "csv-wide", Media: "text/csv", About: "CSV with every field, a row for each vulnerable package", Write: CSV},
		{ID: "html", Media: "text/html", About: "one page to read and print", Write: HTML},
	}
}

// stamp writes a time as RFC 3339 in UTC without fractions, which every format takes; "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// digest names a document by its content, where a format wants a name that no other document has.
func (d *Document) digest() string {
	h := sha256.New()
	h.Write([]byte(d.Version + "\x00" + d.Target + "\x00" + stamp(d.Now) + "\x00"))
	if d.Inventory != nil {
		h.Write([]byte(d.Inventory.Hash() + "\n"))
	}
	for i := range d.Findings {
		h.Write([]byte(d.Findings[i].ID + " " + string(d.Findings[i].Status) + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// listed returns the inventory of the document, or one made of the packages that its findings name.
func (d *Document) listed() *inventory.Inventory {
	if d.Inventory != nil {
		return d.Inventory
	}
	inv := &inventory.Inventory{Method: inventory.SBOM, ReadAt: d.Now}
	seen := map[inventory.Package]bool{}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Package == nil {
			continue
		}
		for _, v := range f.Package.Packages {
			p := inventory.Package{
				Ecosystem: inventory.Ecosystem(v.Ecosystem), Name: v.Name, Version: v.Version, Arch: v.Arch, SourceName: v.SourceName, PURL: v.PURL, Location: v.Path,
			}
			if !seen[p] {
				seen[p] = true
				inv.Packages = append(inv.Packages, p)
			}
		}
	}
	inv.Sort()
	return inv
}

// packageKey is what a finding says of a package, to find it in an inventory.
type packageKey struct{ ecosystem, name, version, arch, path string }

func keyOf(p *inventory.Package) packageKey {
	return packageKey{string(p.Ecosystem), p.Name, p.Version, p.Arch, p.Location}
}

func keyOfVulnerable(p *finding.VulnerablePackage) packageKey {
	return packageKey{p.Ecosystem, p.Name, p.Version, p.Arch, p.Path}
}

// vulnerability is what a finding is about, in one word: the vulnerability, the rule, or the type for what has no name of its own.
func vulnerability(f *finding.Finding) string {
	switch {
	case f.Package != nil && f.Package.VulnerabilityID != "":
		return f.Package.VulnerabilityID
	case f.Rule != nil && f.Rule.ID != "":
		return f.Rule.ID
	}
	return string(f.Type)
}

// isCVE reports whether an id is that of a CVE record.
func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

// page returns the address where an advisory can be read, "" if none is known.
func page(f *finding.Finding) string {
	if f.Package == nil {
		return ""
	}
	id := f.Package.VulnerabilityID
	switch {
	case strings.HasPrefix(f.Package.SourceURL, "https://") || strings.HasPrefix(f.Package.SourceURL, "http://"):
		return f.Package.SourceURL
	case isCVE(id):
		return "https://www.cve.org/CVERecord?id=" + id
	case id != "":
		return "https://osv.dev/vulnerability/" + id
	}
	return ""
}

// place is where a finding is: the file, else the asset, else the target.
func (d *Document) place(f *finding.Finding) string {
	switch {
	case f.Secret != nil && f.Secret.Path != "":
		return f.Secret.Path
	case f.Package != nil && len(f.Package.Packages) > 0 && f.Package.Packages[0].Path != "":
		return f.Package.Packages[0].Path
	case f.Resource.ID != "":
		return f.Resource.String()
	}
	return cmp.Or(d.Target, "unknown")
}

// assetName is how a person knows the asset of a finding: its Name tag and id, else the target.
func (d *Document) assetName(ref asset.Ref) string {
	if ref.ID == "" {
		return d.Target
	}
	if n := d.Names[ref.ID]; n != "" {
		return n + " " + ref.ID
	}
	return ref.ID
}

// what says in a line what is wrong: the vulnerability with its first package and where it is mended, or the title with its detail.
func what(f *finding.Finding) string {
	switch {
	case f.Package != nil && len(f.Package.Packages) > 0:
		p := f.Package.Packages[0]
		s := f.Package.VulnerabilityID + " in " + p.Name + " " + p.Version
		if n := len(f.Package.Packages); n > 1 {
			s += fmt.Sprintf(" and %d more", n-1)
		}
		if p.FixedVersion != "" {
			s += ", fixed in " + p.FixedVersion
		}
		return s
	case f.Rule != nil && f.Rule.Detail != "":
		return f.Title + ": " + f.Rule.Detail
	}
	return f.Title
}

// cwes returns the numbers of the weaknesses that a finding names, in order and once each.
func cwes(f *finding.Finding) []int {
	var out []int
	if f.Package != nil {
		for _, c := range f.Package.CWEs {
			n := 0
			if _, err := fmt.Sscanf(c, "CWE-%d", &n); err == nil && n > 0 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// clip bounds a text to n runes, where a format does.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
