// Package fedora reads Fedora's security updates as its update system publishes them (bodhi.fedoraproject.org, /updates/). The updateinfo
// of Fedora's repositories says the same by binary package once an update is stable; Bodhi tells of those in testing, too.
package fedora

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/nevra"
)

const ecosystem = "Fedora"

// Feed reads pages of Bodhi's updates, single or in an archive.
func Feed() form.Feed {
	return form.Feed{
		ID: "fedora", Title: "Fedora security updates (Bodhi)", Files: []string{"fedora/*.json", "fedora/*.json.gz", "fedora/*.zip"}, Name: form.Always("fedora/bodhi"),
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Pages(ctx, "updates", "update", func(name string, value json.RawMessage) error { return one(in, name, value) })
		},
	}
}

// one hands on one update.
func one(in *form.Document, name string, b []byte) error {
	a, err := Parse(b, in.Feed)
	if err != nil {
		in.Problem(name, err)
		return nil
	}
	if a == nil {
		return nil
	}
	for i := range a.Affected {
		in.SpeaksFor(ecosystem, a.Affected[i].Release)
	}
	return in.Advisory(a)
}

type update struct {
	ID       string `json:"updateid"`
	Alias    string `json:"alias"`
	Title    string `json:"title"`
	Notes    string `json:"notes"`
	Severity string `json:"severity"`
	Status   string `json:"status"` // pending, testing, stable, unpushed, obsolete
	URL      string `json:"url"`
	Pushed   string `json:"date_pushed"`
	Modified string `json:"date_modified"`
	Release  struct {
		Prefix  string `json:"id_prefix"` // "FEDORA"; others are EPEL, containers, flatpaks, modules
		Version string `json:"version"`
	} `json:"release"`
	Builds []struct {
		NVR   string `json:"nvr"`
		Epoch int    `json:"epoch"`
		Type  string `json:"type"`
	} `json:"builds"`
	Bugs []struct {
		ID    int    `json:"bug_id"`
		Title string `json:"title"`
	} `json:"bugs"`
}

// word returns the severity that the repositories' updateinfo has for Bodhi's.
func word(s string) string {
	switch s {
	case "urgent":
		return "Critical"
	case "high":
		return "Important"
	case "medium":
		return "Moderate"
	case "low":
		return "Low"
	}
	return ""
}

// cve finds CVE ids in the titles of bugs and in notes, where alone Bodhi names them.
var cve = regexp.MustCompile(`\bCVE-\d{4}-\d{4,7}\b`)

// Parse reads one update. It returns nil for what is not of Fedora itself (EPEL, flatpaks, containers, modules), or was withdrawn before it
// became an update (unpushed, obsolete). Builds are named by their source package. An update in testing is a fix that is pending.
func Parse(b []byte, source string) (*advisory.Advisory, error) {
	var u update
	if err := json.Unmarshal(b, &u); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if u.ID == "" {
		u.ID = u.Alias
	}
	if u.ID == "" || u.Release.Prefix == "" {
		return nil, fmt.Errorf("%w: no id, or no release", form.ErrFormat)
	}
	state := advisory.StateFixed
	switch u.Status {
	case "stable":
	case "testing", "pending":
		state = advisory.StatePending
	case "unpushed", "obsolete":
		return nil, nil //nolint:nilnil // nothing to say
	default:
		return nil, fmt.Errorf("%w: %s is %q", form.ErrFormat, u.ID, u.Status)
	}
	if u.Release.Prefix != "FEDORA" {
		return nil, nil //nolint:nilnil // nothing to say of Fedora
	}
	a := &advisory.Advisory{
		Source: source, ID: u.ID, Summary: u.Title, Details: strings.TrimSpace(u.Notes), Errata: true, Published: form.Date(u.Pushed), Modified: form.Date(u.Modified),
	}
	if a.Modified.IsZero() {
		a.Modified = a.Published
	}
	a.Word = word(u.Severity)
	if u.URL != "" {
		a.URLs = append(a.URLs, u.URL)
	}
	texts := []string{u.Title, u.Notes}
	for _, g := range u.Bugs {
		texts = append(texts, g.Title)
	}
	for _, s := range texts {
		for _, id := range cve.FindAllString(s, -1) {
			if !slices.Contains(a.Related, id) {
				a.Related = append(a.Related, id)
			}
		}
	}
	var rows nevra.Rows
	for _, g := range u.Builds {
		if g.Type != "" && g.Type != "rpm" {
			continue
		}
		name, vr, ok := nevra.ParseNVR(g.NVR)
		if !ok {
			return nil, fmt.Errorf("%w: %s names build %q", form.ErrFormat, u.ID, g.NVR)
		}
		rows.Add(nevra.Fix{Ecosystem: ecosystem, Release: u.Release.Version, Package: name, EVR: nevra.EVR(strconv.Itoa(g.Epoch), vr)}, "src")
	}
	a.Affected = rows.Affected()
	for i := range a.Affected {
		a.Affected[i].State = state
	}
	return a, nil
}
