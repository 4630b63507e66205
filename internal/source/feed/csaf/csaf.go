// Package csaf reads documents of the Common Security Advisory Framework 2.0 (OASIS Standard, docs.oasis-open.org/csaf/csaf/v2.0), profiles
// VEX (4.5) and security advisory (4.4), whoever publishes them: what a product id means is the publisher's, the rest is common.
package csaf

import (
	"encoding/json"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Product is one product of a document's tree (3.2.2): a system, a module, or a package.
type Product struct {
	ID       string
	Name     string
	Category string // of the branch that it stands on (3.1.2.2): "product_name", "product_version" …
	CPE      string
	PURL     string
}

// Subject is what a product id means to a matcher: one package of one release.
type Subject struct {
	Ecosystem string
	Release   string
	Package   string
	EVR       string // [epoch:]version-release; "" if the publisher names none
	Arch      string // "" if the publisher names none; "src" for a source package
	Module    string // rpm module stream, "name:stream"
}

// Publisher is what differs from one publisher to the next.
type Publisher struct {
	// Scorer is who gave the scores: "Red Hat".
	Scorer string
	// Subject says what a component of a platform is. module is the component's module where the tree places it between the two, else nil.
	// versioned says that the statement is about one version of the component. ok is false for what is no package of a distribution: an
	// image, a jar, a product as a whole. An error says that the names were not understood.
	Subject func(component, module, platform *Product, versioned bool) (s Subject, ok bool, err error)
	// Tidy leaves out rows that say nothing more than others do; nil keeps all.
	Tidy func([]advisory.Affected) []advisory.Affected
}

// document is what we read of a document. Dates are text: they are read leniently.
type document struct {
	Document *struct {
		Category string `json:"category"`
		Version  string `json:"csaf_version"`
		Title    string `json:"title"`
		Severity struct {
			Text string `json:"text"`
		} `json:"aggregate_severity"`
		Notes      []note      `json:"notes"`
		References []reference `json:"references"`
		Tracking   struct {
			ID       string `json:"id"`
			Released string `json:"initial_release_date"`
			Current  string `json:"current_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches      []branch       `json:"branches"`
		Names         []product      `json:"full_product_names"`
		Relationships []relationship `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []vulnerability `json:"vulnerabilities"`
}

type note struct {
	Category string `json:"category"`
	Title    string `json:"title"`
	Text     string `json:"text"`
}

type reference struct {
	Category string `json:"category"`
	URL      string `json:"url"`
}

type branch struct {
	Category string   `json:"category"`
	Product  *product `json:"product"`
	Branches []branch `json:"branches"`
}

type product struct {
	ID     string `json:"product_id"`
	Name   string `json:"name"`
	Helper struct {
		CPE  string `json:"cpe"`
		PURL string `json:"purl"`
	} `json:"product_identification_helper"`
}

type relationship struct {
	Name      product `json:"full_product_name"`
	Component string  `json:"product_reference"`
	Platform  string  `json:"relates_to_product_reference"`
}

type vulnerability struct {
	CVE string `json:"cve"`
	IDs []struct {
		Text string `json:"text"`
	} `json:"ids"`
	Title string `json:"title"`
	CWE   struct {
		ID string `json:"id"`
	} `json:"cwe"`
	Notes        []note              `json:"notes"`
	References   []reference         `json:"references"`
	Released     string              `json:"release_date"`
	Status       map[string][]string `json:"product_status"`
	Remediations []struct {
		Category string   `json:"category"`
		Products []string `json:"product_ids"`
		URL      string   `json:"url"`
	} `json:"remediations"`
	Flags []struct {
		Label    string   `json:"label"`
		Products []string `json:"product_ids"`
	} `json:"flags"`
	Scores  []score  `json:"scores"`
	Threats []threat `json:"threats"`
}

type score struct {
	V2       vector   `json:"cvss_v2"`
	V3       vector   `json:"cvss_v3"`
	V4       vector   `json:"cvss_v4"`
	Products []string `json:"products"`
}

type vector struct {
	Text string `json:"vectorString"`
}

type threat struct {
	Category string `json:"category"`
	Details  string `json:"details"`
}

// Read parses one document of an archive and hands it on. What it does not understand it names, and goes on with the rest.
func Read(in *form.Document, name string, b []byte, p Publisher) error {
	list, err := Parse(b, in.Feed, p)
	if err != nil {
		in.Problem(name, err)
	}
	for _, a := range list {
		for i := range a.Affected {
			in.SpeaksFor(a.Affected[i].Ecosystem, a.Affected[i].Release)
		}
		if err := in.Advisory(a); err != nil {
			return err
		}
	}
	return nil
}

// Parse reads one document: one advisory for each vulnerability, or one for several that are said of the same packages in the same way.
// source is the name of the feed it stands in. If some of its statements are not understood, the error names them (at most eight) and the
// advisories hold the rest.
func Parse(b []byte, source string, p Publisher) ([]*advisory.Advisory, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	switch {
	case d.Document == nil:
		return nil, fmt.Errorf("%w: no CSAF document", form.ErrFormat)
	case d.Document.Tracking.ID == "":
		return nil, fmt.Errorf("%w: no tracking id", form.ErrFormat)
	case !strings.HasPrefix(d.Document.Version, "2."):
		return nil, fmt.Errorf("%w: CSAF version %q", form.ErrFormat, d.Document.Version)
	}
	t, faults := d.index()
	out := make([]*advisory.Advisory, 0, 1)
	for i := range d.Vulnerabilities {
		v := &d.Vulnerabilities[i]
		r := rows{tree: t, publisher: p, faults: faults}
		a := d.advisory(v, source)
		a.Affected = r.read(v)
		faults = r.faults
		d.score(a, v, &r)
		if p.Tidy != nil {
			a.Affected = p.Tidy(a.Affected)
		}
		out = together(out, a)
	}
	if len(out) == 0 && len(d.Vulnerabilities) == 0 { // a CVE of which the publisher says nothing but that it knows it
		out = append(out, d.advisory(&vulnerability{}, source))
	}
	return out, faults.err()
}

// advisory returns what a document says of one vulnerability beside products and scores.
func (d *document) advisory(v *vulnerability, source string) *advisory.Advisory {
	t := &d.Document.Tracking
	a := &advisory.Advisory{
		Source: source, ID: t.ID, Summary: strings.TrimSpace(d.Document.Title), Word: strings.TrimSpace(d.Document.Severity.Text),
		Published: form.Date(t.Released), Modified: form.Date(t.Current), Errata: d.Document.Category != "csaf_vex" || !strings.HasPrefix(t.ID, "CVE-"),
	}
	if d.Document.Category == "csaf_withdrawn" { // CSAF 2.1, 4.7
		a.Withdrawn = form.Date(t.Current)
		if a.Withdrawn.IsZero() {
			a.Withdrawn = advisory.Undated()
		}
	}
	if v.CVE != "" && v.CVE != t.ID {
		a.Related = append(a.Related, v.CVE)
	}
	if v.CWE.ID != "" {
		a.CWEs = append(a.CWEs, v.CWE.ID)
	}
	a.Details = text(v.Notes)
	if a.Details == "" {
		a.Details = text(d.Document.Notes)
	}
	for _, h := range v.Threats {
		if h.Category == "impact" && a.Word == "" {
			a.Word = strings.TrimSpace(h.Details)
		}
	}
	a.URLs = d.links(v)
	return a
}

// text returns the description among notes, else the summary.
func text(notes []note) string {
	for _, category := range []string{"description", "summary", "general"} {
		for _, n := range notes {
			if n.Category == category && n.Text != "" && n.Title != "CVSS score applicability" {
				return strings.TrimSpace(n.Text)
			}
		}
	}
	return ""
}

// maxLinks is how many addresses of a document are kept: a kernel CVE has some hundred errata.
const maxLinks = 64

// links returns the document's own address first, then those of the fixes, then the rest.
func (d *document) links(v *vulnerability) []string {
	var out []string
	seen := map[string]bool{}
	add := func(u string) {
		if u != "" && !seen[u] && len(out) < maxLinks {
			seen[u] = true
			out = append(out, u)
		}
	}
	for _, r := range v.References {
		if r.Category == "self" {
			add(r.URL)
		}
	}
	for _, r := range d.Document.References {
		if r.Category == "self" {
			add(r.URL)
		}
	}
	for _, r := range v.Remediations {
		if r.Category == "vendor_fix" {
			add(r.URL)
		}
	}
	for _, r := range v.References {
		add(r.URL)
	}
	if len(v.References) == 0 {
		for _, r := range d.Document.References {
			add(r.URL)
		}
	}
	return out
}
