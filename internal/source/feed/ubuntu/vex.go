package ubuntu

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// VEX reads security-metadata.canonical.com/vex/vex-all.tar.xz: OpenVEX 0.2.0, one document per CVE and per notice, whose products are
// packages at the version that the archive holds. Only source packages are read; the binary ones repeat them.
//
//	not_affected         StateNotAffected with its justification, whatever the version
//	under_investigation  StateUndecided, up to the product's version
//	affected             StateOpen, up to the product's version: what comes after it is not spoken of. StateWillNotFix where the action says
//	                     that it is decided not to fix it or that the release is no longer supported, StatePending where it is being
//	                     worked on or put off.
//	fixed                in a notice StateFixed below the product's version. In a CVE's document the version is merely the current one,
//	                     which says nothing of older ones: such statements are left to the OSV documents.
//
// So the statements add to the OSV documents and cannot stand in for them: this feed speaks for no release.
func VEX() form.Feed {
	return form.Feed{
		ID: "ubuntu-vex", Title: "Ubuntu OpenVEX, by Canonical", Files: []string{"ubuntu/vex-all.tar.xz", "ubuntu/vex-all.tar.gz", "ubuntu/vex-all.tar.zst", "ubuntu/vex-all.zip"},
		Name: form.Always("ubuntu/vex"),
		Read: func(ctx context.Context, in *form.Document) error {
			read := 0
			err := in.Entries(ctx, func(name string, b []byte) error {
				a, err := ParseVEX(b, in.Feed)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				read++
				if len(a.Affected) == 0 {
					return nil // a document may have no statements yet
				}
				return in.Advisory(a)
			}, ".json")
			if err == nil && read == 0 {
				err = fmt.Errorf("%w: no documents", form.ErrFormat)
			}
			return err
		},
	}
}

type vexDocument struct {
	vexHead
	Metadata   *vexHead       `json:"metadata"` // until 2025 what OpenVEX wants at the top stood one level deeper
	Statements []vexStatement `json:"statements"`
}

type vexHead struct {
	ID        string `json:"@id"`
	Context   string `json:"@context"`
	Timestamp string `json:"timestamp"`
	Updated   string `json:"last_updated"`
}

type vexStatement struct {
	Vulnerability struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Aliases     []string `json:"aliases"`
	} `json:"vulnerability"`
	Products []struct {
		ID string `json:"@id"`
	} `json:"products"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
	Action        string `json:"action_statement"`
}

// ParseVEX reads one OpenVEX document of Canonical's. source is the name of the feed it stands in.
func ParseVEX(b []byte, source string) (*advisory.Advisory, error) {
	var d vexDocument
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, form.Format(err)
	}
	head := d.vexHead
	if d.Metadata != nil {
		head = *d.Metadata
	}
	id := head.ID[strings.LastIndexByte(head.ID, '/')+1:]
	if id == "" || !strings.HasPrefix(head.Context, "https://openvex.dev/ns") {
		return nil, fmt.Errorf("%w: no OpenVEX document with an id", form.ErrFormat)
	}
	a := &advisory.Advisory{Source: source, ID: id, Modified: form.Date(head.Timestamp), Errata: !strings.HasPrefix(id, "CVE-")}
	if t := form.Date(head.Updated); t.After(a.Modified) {
		a.Modified = t
	}
	for i := range d.Statements {
		if err := d.Statements[i].addTo(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (s *vexStatement) addTo(a *advisory.Advisory) error {
	if a.Details == "" {
		a.Details = s.Vulnerability.Description
	}
	for _, alias := range append([]string{s.Vulnerability.Name}, s.Vulnerability.Aliases...) {
		switch {
		case alias == a.ID || alias == "":
		case strings.HasPrefix(alias, "https://"):
			add(&a.URLs, alias)
		case a.Errata:
			add(&a.Upstream, alias)
		default:
			add(&a.Aliases, alias)
		}
	}
	if s.Status == "fixed" && !a.Errata {
		return nil
	}
	for _, p := range s.Products {
		name, version, distro, err := product(p.ID)
		if err != nil {
			return err
		}
		if name == "" {
			continue
		}
		row := advisory.Affected{Ecosystem: "Ubuntu", Release: release(distro), Package: name, PURL: p.ID}
		if err := s.judge(&row, version); err != nil {
			return err
		}
		a.Affected = append(a.Affected, row)
	}
	return nil
}

func add(to *[]string, s string) {
	for _, have := range *to {
		if have == s {
			return
		}
	}
	*to = append(*to, s)
}

// judge sets a row's state and range by the statement's status (OpenVEX 0.2.0, "Status Labels").
func (s *vexStatement) judge(row *advisory.Affected, version string) error {
	upTo := func(end advisory.Event) []advisory.Range {
		return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, end}}}
	}
	switch s.Status {
	case "not_affected":
		row.State, row.Justification = advisory.StateNotAffected, advisory.Justification(s.Justification)
	case "under_investigation":
		row.State, row.Ranges = advisory.StateUndecided, upTo(advisory.Event{LastAffected: version})
	case "affected":
		row.State, row.Ranges = actionState(s.Action), upTo(advisory.Event{LastAffected: version})
	case "fixed":
		row.State, row.Ranges = advisory.StateFixed, upTo(advisory.Event{Fixed: version})
	default:
		return fmt.Errorf("%w: status %q", form.ErrFormat, s.Status)
	}
	return nil
}

// actionState reads what Canonical means to do: the sentence is one of a few, with the reason behind it.
func actionState(action string) advisory.State {
	action, _, _ = strings.Cut(action, "CVE Notes")
	for _, w := range []string{"decided to not fix", "no longer supported"} {
		if strings.Contains(action, w) {
			return advisory.StateWillNotFix
		}
	}
	for _, w := range []string{"actively worked on", "deferred", "postponed", "pending"} {
		if strings.Contains(action, w) {
			return advisory.StatePending
		}
	}
	return advisory.StateOpen
}

// product reads a product's purl (package-url, "deb"): "pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.20?arch=source&distro=jammy". It returns no name
// for what is no source package of Ubuntu's.
func product(purl string) (name, version, distro string, err error) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	if !ok {
		return "", "", "", fmt.Errorf("%w: product %q", form.ErrFormat, purl)
	}
	rest, ok = strings.CutPrefix(rest, "deb/ubuntu/")
	if !ok {
		return "", "", "", nil // a snap, an image
	}
	rest, query, _ := strings.Cut(rest, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", "", "", fmt.Errorf("%w: product %q", form.ErrFormat, purl)
	}
	if q.Get("arch") != "source" {
		return "", "", "", nil
	}
	name, version, _ = strings.Cut(rest, "@")
	name, err = url.PathUnescape(name)
	version, err2 := url.PathUnescape(version)
	distro = q.Get("distro")
	if err != nil || err2 != nil || name == "" || version == "" || distro == "" {
		return "", "", "", fmt.Errorf("%w: product %q", form.ErrFormat, purl)
	}
	return name, version, distro, nil
}
