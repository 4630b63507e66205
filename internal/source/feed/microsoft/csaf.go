package microsoft

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// CSAF reads msrc.microsoft.com/csaf/advisories/{year}/msrc_cve-….json, Common Security Advisory Framework 2.0, as an archive of them. Its
// product tree gives each product twice, "<10.0.17763.5458" and "10.0.17763.5458"; what mends it is named as "BUILD:KIND:ADDRESS", the
// address ending in the update's number. It knows no supersedence: that the CVRF documents have.
func CSAF() form.Feed {
	return form.Feed{
		ID: "microsoft-csaf", Title: "Microsoft security updates, CSAF", Files: []string{"microsoft/csaf*.zip", "microsoft/csaf*.tar.gz", "microsoft/csaf*.tar.zst", "microsoft/csaf*.tar.bz2"},
		Name: form.Always("microsoft/csaf"),
		Read: func(ctx context.Context, in *form.Document) error {
			read := 0
			err := in.Entries(ctx, func(name string, b []byte) error {
				l, err := ParseCSAF(b, in.Feed)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				read++
				for _, a := range l {
					if err := handOn(in, a); err != nil {
						return err
					}
				}
				return nil
			}, ".json")
			if err == nil && read == 0 {
				err = fmt.Errorf("%w: no documents", form.ErrFormat)
			}
			return err
		},
	}
}

type csafBranch struct {
	Category string `json:"category"`
	Name     string `json:"name"`
	Product  *struct {
		ID string `json:"product_id"`
	} `json:"product"`
	Branches []csafBranch `json:"branches"`
}

type csafDocument struct {
	Document struct {
		Version  string `json:"csaf_version"`
		Severity struct {
			Text string `json:"text"`
		} `json:"aggregate_severity"`
		Tracking struct {
			Current string `json:"current_release_date"`
			Initial string `json:"initial_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree            csafBranch `json:"product_tree"`
	Vulnerabilities []csafFlaw `json:"vulnerabilities"`
}

type csafFlaw struct {
	CVE   string `json:"cve"`
	Title string `json:"title"`
	CWE   struct {
		ID string `json:"id"`
	} `json:"cwe"`
	Notes []struct {
		Category string `json:"category"`
		Text     string `json:"text"`
	} `json:"notes"`
	Status struct {
		Affected      []string `json:"known_affected"`
		NotAffected   []string `json:"known_not_affected"`
		Investigation []string `json:"under_investigation"`
	} `json:"product_status"`
	Remedies []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		URL      string   `json:"url"`
		Products []string `json:"product_ids"`
	} `json:"remediations"`
	Scores []struct {
		V3 struct {
			Vector string `json:"vectorString"`
		} `json:"cvss_v3"`
	} `json:"scores"`
	Threats []struct {
		Category string `json:"category"`
		Details  string `json:"details"`
	} `json:"threats"`
}

// version is one leaf of the product tree: a product at, or before, a version.
type version struct {
	product string
	before  string // "" unless the leaf is a range "<VERSION"
}

// leaves walks the tree: the version stands below the product's name.
func (b *csafBranch) leaves(product string, into map[string]version, depth int) {
	if b.Category == "product_name" {
		product = b.Name
	}
	if b.Product != nil && b.Product.ID != "" {
		v := version{product: product}
		if b.Category == "product_version_range" {
			v.before = build(strings.TrimPrefix(b.Name, "<"))
		}
		if v.product == "" {
			v.product = b.Name
		}
		into[b.Product.ID] = v
	}
	if depth == 32 { // three are usual
		return
	}
	for i := range b.Branches {
		b.Branches[i].leaves(product, into, depth+1)
	}
}

// ParseCSAF reads one document: an advisory for each vulnerability that is about something else than Microsoft's Linux distributions.
func ParseCSAF(b []byte, source string) ([]*advisory.Advisory, error) {
	var d csafDocument
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, form.Format(err)
	}
	if !strings.HasPrefix(d.Document.Version, "2.") || len(d.Vulnerabilities) == 0 {
		return nil, fmt.Errorf("%w: no CSAF 2.0 document with vulnerabilities", form.ErrFormat)
	}
	tree := map[string]version{}
	d.Tree.leaves("", tree, 0)
	var out []*advisory.Advisory
	for i := range d.Vulnerabilities {
		a, err := d.Vulnerabilities[i].advisory(tree)
		if err != nil {
			return nil, err
		}
		if len(a.Affected) == 0 {
			continue
		}
		a.Source, a.Word = source, worse("", d.Document.Severity.Text)
		a.Published, a.Modified = form.Date(d.Document.Tracking.Initial), form.Date(d.Document.Tracking.Current)
		out = append(out, a)
	}
	return out, nil
}

func (f *csafFlaw) advisory(tree map[string]version) (*advisory.Advisory, error) {
	if f.CVE == "" {
		return nil, fmt.Errorf("%w: a vulnerability without a CVE", form.ErrFormat)
	}
	a := &advisory.Advisory{ID: f.CVE, Summary: f.Title, URLs: []string{"https://msrc.microsoft.com/update-guide/vulnerability/" + f.CVE}}
	if f.CWE.ID != "" {
		a.CWEs = []string{f.CWE.ID}
	}
	for _, n := range f.Notes {
		if n.Category == "description" {
			a.Details = n.Text
		}
	}
	for _, t := range f.Threats {
		if t.Category == "exploit_status" {
			a.Details = strings.TrimSpace(a.Details + "\n" + t.Details)
		}
	}
	seen := map[string]bool{}
	for _, s := range f.Scores {
		if v := s.V3.Vector; v != "" && !seen[v] {
			seen[v] = true
			a.Severity = append(a.Severity, advisory.Severity{Type: "CVSS_V3", Score: v, Source: "Microsoft"})
		}
	}
	var err error
	a.Affected, err = f.rows(tree)
	return a, err
}

// inAddress finds an update's number in the address where it is described or fetched.
var inAddress = regexp.MustCompile(`(?:/help/|/kb/|[?&]q=KB)(\d{6,8})$`)

func (f *csafFlaw) rows(tree map[string]version) ([]advisory.Affected, error) {
	updates, mended := map[string][]string{}, map[string]bool{}
	for _, r := range f.Remedies {
		if r.Category != "vendor_fix" {
			continue
		}
		for _, id := range r.Products {
			mended[id] = true
			if g := inAddress.FindStringSubmatch(r.URL); g != nil {
				updates[id] = append(updates[id], "KB"+g[1])
			}
		}
	}
	var out rows
	add := func(ids []string, state advisory.State) error {
		for _, id := range ids {
			v, known := tree[id]
			if !known && !strings.Contains(id, "-") { // "17084-2" is a component of a Linux distribution
				return fmt.Errorf("%w: product %q is not in the tree", form.ErrFormat, id)
			}
			row, ok := place(v.product)
			if !ok {
				continue
			}
			row.State = state
			switch {
			case state == advisory.StateNotAffected:
				out.add(row)
				continue
			case state == advisory.StateOpen && v.before != "":
				row.State = advisory.StateFixed
			case state == advisory.StateOpen && mended[id]: // by something that has no number here
				row.State = advisory.StateUndecided
				if len(updates[id]) > 0 {
					row.State = advisory.StateFixed
				}
			}
			if v.before != "" || len(updates[id]) == 0 {
				row.Ranges = until(v.before)
			}
			for _, u := range updates[id] {
				row.KB = u
				out.add(row)
			}
			if len(updates[id]) == 0 {
				out.add(row)
			}
		}
		return nil
	}
	for _, s := range []struct {
		ids   []string
		state advisory.State
	}{
		{f.Status.Affected, advisory.StateOpen}, {f.Status.NotAffected, advisory.StateNotAffected}, {f.Status.Investigation, advisory.StateUndecided},
	} {
		if err := add(s.ids, s.state); err != nil {
			return nil, err
		}
	}
	return out.list, nil
}
