package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// CVRF reads api.msrc.microsoft.com/cvrf/v3.0/cvrf/{yyyy-Mon}: all vulnerabilities of one month's updates in the Common Vulnerability
// Reporting Framework 1.1, as XML or as the JSON that the same address gives to whom asks for it. The folder is microsoft/cvrf/2024-Mar.xml.
// All months are one feed.
func CVRF() form.Feed {
	return form.Feed{
		ID: "microsoft-cvrf", Title: "Microsoft security updates, CVRF", Files: []string{"microsoft/cvrf/*.xml", "microsoft/cvrf/*.json", "microsoft/cvrf/*.xml.gz", "microsoft/cvrf/*.json.gz"},
		Name: form.Always("microsoft/cvrf"),
		Read: func(ctx context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			d, err := parseCVRF(b)
			if err != nil {
				return err
			}
			in.Dated(form.Date(d.current))
			for i := range d.flaws {
				if err := ctx.Err(); err != nil {
					return err
				}
				a, err := d.flaws[i].advisory(in.Feed, d)
				if err != nil {
					in.Problem(d.flaws[i].id, err)
				}
				if a == nil || len(a.Affected) == 0 {
					continue // Microsoft's Linux distributions only, or a note without products
				}
				if err := handOn(in, a); err != nil {
					return err
				}
				in.Progress()
			}
			return nil
		},
	}
}

// handOn hands an advisory on. It speaks for the systems that it is about, not for components and products: of those Microsoft patches
// some through other channels.
func handOn(in *form.Document, a *advisory.Advisory) error {
	for i := range a.Affected {
		if f := &a.Affected[i]; f.Release != "" && f.Package == f.Release {
			in.SpeaksFor(f.Ecosystem, f.Release)
		}
	}
	return in.Advisory(a)
}

// document is a CVRF document, from XML or JSON.
type document struct {
	current  string
	products map[string]string // name by id
	flaws    []flaw
}

// flaw is one vulnerability. Kinds are the words of the XML form.
type flaw struct {
	id, title, description string
	cwes                   []string
	affected               []string // product ids
	threats                []threat
	scores                 []string // vectors
	remedies               []remedy
	revised                string
}

type threat struct{ kind, text string }

type remedy struct {
	kind, text, url, supersedes, fixed, sub string
	products                                []string
}

// parseCVRF reads a document in either form.
func parseCVRF(b []byte) (*document, error) {
	var d *document
	var err error
	if trimmed := bytes.TrimLeft(b, " \t\r\n\ufeff"); len(trimmed) > 0 && trimmed[0] == '{' {
		d, err = parseCVRFJSON(trimmed)
	} else {
		d, err = parseCVRFXML(b)
	}
	if err != nil {
		return nil, form.Format(err)
	}
	if d.current == "" || len(d.products) == 0 {
		return nil, fmt.Errorf("%w: no CVRF document with a date and products", form.ErrFormat)
	}
	return d, nil
}

type xmlProducts struct {
	Products []struct {
		ID   string `xml:"ProductID,attr"`
		Name string `xml:",chardata"`
	} `xml:"FullProductName"`
	Branches []xmlProducts `xml:"Branch"`
}

func (p *xmlProducts) into(m map[string]string, depth int) {
	for _, f := range p.Products {
		m[f.ID] = strings.TrimSpace(f.Name)
	}
	for i := range p.Branches {
		if depth < 16 { // two are usual
			p.Branches[i].into(m, depth+1)
		}
	}
}

func parseCVRFXML(b []byte) (*document, error) {
	var x struct {
		XMLName xml.Name    `xml:"cvrfdoc"`
		Current string      `xml:"DocumentTracking>CurrentReleaseDate"`
		Tree    xmlProducts `xml:"ProductTree"`
		Flaws   []struct {
			CVE   string `xml:"CVE"`
			Title string `xml:"Title"`
			Notes []struct {
				Type string `xml:"Type,attr"`
				Text string `xml:",chardata"`
			} `xml:"Notes>Note"`
			CWEs []struct {
				ID string `xml:"ID,attr"`
			} `xml:"CWE"`
			Statuses []struct {
				Type     string   `xml:"Type,attr"`
				Products []string `xml:"ProductID"`
			} `xml:"ProductStatuses>Status"`
			Threats []struct {
				Type string `xml:"Type,attr"`
				Text string `xml:"Description"`
			} `xml:"Threats>Threat"`
			Scores []struct {
				Vector string `xml:"Vector"`
			} `xml:"CVSSScoreSets>ScoreSet"`
			Remedies []struct {
				Type       string   `xml:"Type,attr"`
				Text       string   `xml:"Description"`
				URL        string   `xml:"URL"`
				Supersedes string   `xml:"Supercedence"`
				Products   []string `xml:"ProductID"`
				Fixed      string   `xml:"FixedBuild"`
				Sub        string   `xml:"SubType"`
			} `xml:"Remediations>Remediation"`
			Revisions []struct {
				Date string `xml:"Date"`
			} `xml:"RevisionHistory>Revision"`
		} `xml:"Vulnerability"`
	}
	if err := xml.Unmarshal(b, &x); err != nil {
		return nil, err
	}
	d := &document{current: x.Current, products: map[string]string{}}
	x.Tree.into(d.products, 0)
	for _, v := range x.Flaws {
		f := flaw{id: v.CVE, title: v.Title}
		for _, n := range v.Notes {
			if n.Type == "Description" {
				f.description = n.Text
			}
		}
		for _, c := range v.CWEs {
			f.cwes = append(f.cwes, c.ID)
		}
		for _, s := range v.Statuses {
			if s.Type == "Known Affected" {
				f.affected = append(f.affected, s.Products...)
			}
		}
		for _, t := range v.Threats {
			f.threats = append(f.threats, threat{t.Type, t.Text})
		}
		for _, s := range v.Scores {
			f.scores = append(f.scores, s.Vector)
		}
		for _, r := range v.Remedies {
			f.remedies = append(f.remedies, remedy{r.Type, r.Text, r.URL, r.Supersedes, r.Fixed, r.Sub, r.Products})
		}
		for _, r := range v.Revisions {
			f.revised = max(f.revised, r.Date)
		}
		d.flaws = append(d.flaws, f)
	}
	return d, nil
}

// text is a value in its own object, as the JSON form has it.
type text struct {
	Value string `json:"Value"`
}

// The JSON form gives kinds as numbers: those of the enumerations of CVRF 1.1's schema, in their order.
const (
	threatExploit, threatSeverity = 1, 3
	remedyVendorFix               = 2
	statusKnownAffected           = 3
	noteDescription               = 2
)

// jsonDocument is what is read of the JSON form.
type jsonDocument struct {
	Tracking struct {
		Current string `json:"CurrentReleaseDate"`
	} `json:"DocumentTracking"`
	Tree struct {
		Products []struct {
			ID   string `json:"ProductID"`
			Name string `json:"Value"`
		} `json:"FullProductName"`
	} `json:"ProductTree"`
	Flaws []struct {
		CVE   string `json:"CVE"`
		Title text   `json:"Title"`
		Notes []struct {
			Type int    `json:"Type"`
			Text string `json:"Value"`
		} `json:"Notes"`
		CWEs     json.RawMessage `json:"CWE"`
		Statuses []struct {
			Type     int      `json:"Type"`
			Products []string `json:"ProductID"`
		} `json:"ProductStatuses"`
		Threats []struct {
			Type int  `json:"Type"`
			Text text `json:"Description"`
		} `json:"Threats"`
		Scores []struct {
			Vector string `json:"Vector"`
		} `json:"CVSSScoreSets"`
		Remedies []struct {
			Type       int      `json:"Type"`
			Text       text     `json:"Description"`
			URL        string   `json:"URL"`
			Supersedes string   `json:"Supercedence"`
			Products   []string `json:"ProductID"`
			Fixed      string   `json:"FixedBuild"`
			Sub        string   `json:"SubType"`
		} `json:"Remediations"`
		Revisions []struct {
			Date string `json:"Date"`
		} `json:"RevisionHistory"`
	} `json:"Vulnerability"`
}

func parseCVRFJSON(b []byte) (*document, error) {
	var x jsonDocument
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, err
	}
	d := &document{current: x.Tracking.Current, products: map[string]string{}}
	for _, p := range x.Tree.Products {
		d.products[p.ID] = p.Name
	}
	for _, v := range x.Flaws {
		f := flaw{id: v.CVE, title: v.Title.Value, cwes: cwesOf(v.CWEs)}
		for _, n := range v.Notes {
			if n.Type == noteDescription {
				f.description = n.Text
			}
		}
		for _, s := range v.Statuses {
			if s.Type == statusKnownAffected {
				f.affected = append(f.affected, s.Products...)
			}
		}
		for _, t := range v.Threats {
			kind := map[int]string{threatExploit: "Exploit Status", threatSeverity: "Severity"}[t.Type]
			f.threats = append(f.threats, threat{kind, t.Text.Value})
		}
		for _, s := range v.Scores {
			f.scores = append(f.scores, s.Vector)
		}
		for _, r := range v.Remedies {
			kind := ""
			if r.Type == remedyVendorFix {
				kind = "Vendor Fix"
			}
			f.remedies = append(f.remedies, remedy{kind, r.Text.Value, r.URL, r.Supersedes, r.Fixed, r.Sub, r.Products})
		}
		for _, r := range v.Revisions {
			f.revised = max(f.revised, r.Date)
		}
		d.flaws = append(d.flaws, f)
	}
	return d, nil
}

// cwesOf reads weaknesses: one object until 2024, a list of them since.
func cwesOf(raw json.RawMessage) (out []string) {
	type cwe struct {
		ID string `json:"ID"`
	}
	var one cwe
	var list []cwe
	if json.Unmarshal(raw, &list) != nil && json.Unmarshal(raw, &one) == nil {
		list = []cwe{one}
	}
	for _, c := range list {
		if c.ID != "" {
			out = append(out, c.ID)
		}
	}
	return out
}

// advisory makes one of a flaw. The error names what was not understood; what was is in the advisory.
func (f *flaw) advisory(source string, d *document) (*advisory.Advisory, error) {
	if f.id == "" {
		return nil, fmt.Errorf("%w: a vulnerability without an id", form.ErrFormat)
	}
	a := &advisory.Advisory{
		Source: source, ID: f.id, Summary: strings.TrimSpace(f.title), Details: plain(f.description), CWEs: f.cwes, Modified: form.Date(f.revised),
		URLs: []string{"https://msrc.microsoft.com/update-guide/vulnerability/" + f.id},
	}
	for _, v := range f.scores {
		v = strings.TrimSpace(v)
		s := advisory.Severity{Type: "CVSS_V3", Score: v, Source: "Microsoft"}
		if strings.HasPrefix(v, "CVSS:3") && !slices.Contains(a.Severity, s) {
			a.Severity = append(a.Severity, s)
		}
	}
	for _, t := range f.threats {
		text := strings.Join(strings.Fields(t.text), " ")
		switch t.kind {
		case "Severity":
			a.Word = worse(a.Word, text)
		case "Exploit Status":
			a.Details = strings.TrimSpace(a.Details + "\n" + text)
		}
	}
	affected, err := f.rows(d)
	a.Affected = affected
	return a, err
}

// tags are the marks of HTML in a description.
var tags = regexp.MustCompile(`<[^<>]*>`)

// plain returns the text of a piece of HTML.
func plain(s string) string {
	return strings.TrimSpace(html.UnescapeString(tags.ReplaceAllString(s, "")))
}

// rows makes a row of each product and what mends it, and one without an end of each product that nothing mends, undecided where the
// publisher says that something does, but not what.
func (f *flaw) rows(d *document) ([]advisory.Affected, error) {
	var out rows
	var unknown []string
	mended, unnamed := map[string]bool{}, map[string]bool{}
	for _, r := range f.remedies {
		if r.kind != "Vendor Fix" {
			continue // a workaround, a mitigation
		}
		update, fixed := kb(r.text), build(r.fixed)
		if update == "" && fixed == "" { // "Release Notes", "Click to Run": mended by something that has no number here
			for _, id := range r.products {
				unnamed[id] = true
			}
			continue
		}
		for _, id := range r.products {
			row, ok := place(d.products[id])
			if d.products[id] == "" {
				unknown = append(unknown, id)
			}
			if !ok {
				continue
			}
			mended[id] = true
			row.State, row.KB, row.Supersedes = advisory.StateFixed, update, kbs(r.supersedes)
			if fixed != "" {
				row.Ranges = until(fixed)
			}
			out.add(row)
		}
	}
	for _, id := range f.affected {
		row, ok := place(d.products[id])
		if d.products[id] == "" {
			unknown = append(unknown, id)
		}
		if ok && !mended[id] {
			row.State, row.Ranges = advisory.StateOpen, until("")
			if unnamed[id] {
				row.State = advisory.StateUndecided
			}
			out.add(row)
		}
	}
	if len(unknown) > 0 {
		return out.list, fmt.Errorf("%w: products %.200q are not in the tree", form.ErrFormat, strings.Join(unknown, " "))
	}
	return out.list, nil
}
