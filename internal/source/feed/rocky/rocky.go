// Package rocky reads Rocky Linux's errata as its build system publishes them (apollo.build.resf.org, API v3). The OSV documents are made of
// the same errata, but name no module streams and no scores.
package rocky

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/nevra"
)

const ecosystem = "Rocky Linux"

// Feed reads pages of the API, single or in an archive.
func Feed() form.Feed {
	return form.Feed{
		ID: "rocky", Title: "Rocky Linux errata", Files: []string{"rocky/*.json", "rocky/*.json.gz", "rocky/*.zip"}, Name: form.Always("rocky/errata"),
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Pages(ctx, "advisories", "advisory", func(name string, value json.RawMessage) error { return one(in, name, value) })
		},
	}
}

// one hands on one advisory.
func one(in *form.Document, name string, b []byte) error {
	a, err := Parse(b, in.Feed)
	if err != nil {
		in.Problem(name, err)
		return nil
	}
	for i := range a.Affected {
		in.SpeaksFor(ecosystem, a.Affected[i].Release)
	}
	return in.Advisory(a)
}

type erratum struct {
	Name        string `json:"name"`
	Synopsis    string `json:"synopsis"`
	Description string `json:"description"`
	Severity    string `json:"severity"`
	Published   string `json:"published_at"`
	Updated     string `json:"updated_at"`
	CVEs        []struct {
		ID     string `json:"cve"`
		Vector string `json:"cvss3_scoring_vector"`
		CWE    string `json:"cwe"`
	} `json:"cves"`
	Packages []struct {
		NEVRA   string `json:"nevra"`
		Module  string `json:"module_name"`
		Stream  string `json:"module_stream"`
		Product string `json:"product_name"` // "Rocky Linux 8 aarch64", "Rocky Linux 8.4 aarch64 (Legacy)"
	} `json:"packages"`
}

// product finds the release of a product.
var product = regexp.MustCompile(`^Rocky Linux (\d+)(?:\.\d+)? `)

// Parse reads one advisory. Packages of special interest groups, whose products have other names, are left out: they belong to no release.
func Parse(b []byte, source string) (*advisory.Advisory, error) {
	var e erratum
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if e.Name == "" {
		return nil, fmt.Errorf("%w: no name", form.ErrFormat)
	}
	a := &advisory.Advisory{
		Source: source, ID: e.Name, Summary: e.Synopsis, Details: e.Description, Errata: true, Published: form.Date(e.Published), Modified: form.Date(e.Updated),
		URLs: []string{"https://errata.rockylinux.org/" + e.Name},
	}
	if e.Severity != "None" {
		a.Word = e.Severity
	}
	for _, c := range e.CVEs {
		a.Related = append(a.Related, c.ID)
		if c.CWE != "" && !slices.Contains(a.CWEs, c.CWE) {
			a.CWEs = append(a.CWEs, c.CWE)
		}
		if c.Vector != "" && len(e.CVEs) == 1 {
			a.Severity = []advisory.Severity{{Type: "CVSS_V3", Score: c.Vector, Source: ecosystem}}
		}
	}
	var rows nevra.Rows
	for _, p := range e.Packages {
		name, evr, arch, ok := nevra.Parse(p.NEVRA)
		if !ok {
			return nil, fmt.Errorf("%w: %s names package %q", form.ErrFormat, e.Name, p.NEVRA)
		}
		m := product.FindStringSubmatch(p.Product + " ")
		if m == nil {
			continue
		}
		f := nevra.Fix{Ecosystem: ecosystem, Release: m[1], Package: name, EVR: evr}
		if p.Module != "" {
			f.Module = p.Module + ":" + p.Stream
		}
		rows.Add(f, arch)
	}
	a.Affected = rows.Affected()
	return a, nil
}
