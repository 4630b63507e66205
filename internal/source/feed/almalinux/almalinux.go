// Package almalinux reads AlmaLinux's errata in their own form (errata.almalinux.org, errata.full.json). The OSV documents are made of the
// same errata, but name neither the module stream of a build nor its architecture, so that a fix of one stream is read as one of all.
package almalinux

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/csaf"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/nevra"
)

const ecosystem = "AlmaLinux"

// Feed reads the errata of one release; its number is the name of the folder: "almalinux/9/errata.full.json".
func Feed() form.Feed {
	return form.Feed{
		ID: "almalinux", Title: "AlmaLinux errata", Files: []string{"almalinux/*/errata.full.json", "almalinux/*/errata.full.json.gz"},
		Name: func(file string) string { return "almalinux/errata/" + form.Folder(file, 1) },
		Read: func(ctx context.Context, in *form.Document) error {
			release := form.Folder(in.File, 1)
			in.SpeaksFor(ecosystem, release)
			n := 0
			return in.Elements(ctx, "data", func(b json.RawMessage) error {
				n++
				a, err := Parse(b, in.Feed, release)
				if err != nil {
					in.Problem(fmt.Sprintf("erratum %d", n), err)
					return nil
				}
				return in.Advisory(a)
			}, nil)
		},
	}
}

type erratum struct {
	ID          string          `json:"id"`
	Issued      json.RawMessage `json:"issued_date"`
	Updated     json.RawMessage `json:"updated_date"`
	Severity    string          `json:"severity"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Packages    []struct {
		Name    string `json:"name"`
		Epoch   string `json:"epoch"`
		Version string `json:"version"`
		Release string `json:"release"`
		Arch    string `json:"arch"`
		Module  string `json:"module"` // "mariadb:10.3:8050020220427075058:c5368500:x86_64"
	} `json:"packages"`
	References []struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		URL  string `json:"href"`
	} `json:"references"`
}

// Parse reads one erratum of a release.
func Parse(b []byte, source, release string) (*advisory.Advisory, error) {
	var e erratum
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if e.ID == "" {
		return nil, fmt.Errorf("%w: no id", form.ErrFormat)
	}
	a := &advisory.Advisory{
		Source: source, ID: e.ID, Summary: e.Title, Details: e.Description, Errata: true, Published: date(e.Issued), Modified: date(e.Updated),
	}
	if e.Severity != "None" {
		a.Word = e.Severity
	}
	for _, r := range e.References {
		switch r.Type {
		case "cve":
			a.Related = append(a.Related, r.ID)
		case "self":
			a.URLs = append([]string{r.URL}, a.URLs...)
		default:
			a.URLs = append(a.URLs, r.URL)
		}
	}
	var rows nevra.Rows
	for _, p := range e.Packages {
		if p.Name == "" || p.Version == "" || p.Release == "" || p.Arch == "" {
			return nil, fmt.Errorf("%w: %s names package %q without its version, release or architecture", form.ErrFormat, e.ID, p.Name)
		}
		rows.Add(nevra.Fix{
			Ecosystem: ecosystem, Release: release, Package: p.Name, EVR: nevra.EVR(p.Epoch, p.Version+"-"+p.Release), Module: csaf.Stream(p.Module),
		}, strings.TrimSpace(p.Arch))
	}
	a.Affected = rows.Affected()
	return a, nil
}

// date reads seconds since 1970, or MongoDB's {"$date": milliseconds}, which older documents have. Anything else is the zero time.
func date(raw json.RawMessage) time.Time {
	var seconds int64
	if json.Unmarshal(raw, &seconds) == nil {
		return unix(seconds)
	}
	var mongo struct {
		Date int64 `json:"$date"`
	}
	if json.Unmarshal(raw, &mongo) == nil {
		return unix(mongo.Date / 1000)
	}
	return time.Time{}
}

// unix returns a time from 1970 to the year 9999, else the zero time.
func unix(seconds int64) time.Time {
	if seconds <= 0 || seconds > 253402300799 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
