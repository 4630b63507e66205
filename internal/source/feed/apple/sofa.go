// Package apple reads which release of macOS mends which CVEs.
package apple

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// SOFA reads the macOS feed of SOFA (sofa.macadmins.io, github.com/macadmins/sofa), schema 1 and 2, which is drawn from Apple's own pages
// (support.apple.com/en-us/100100): for each major line of macOS its security releases with their CVEs. Apple publishes nothing that a
// machine could read. One advisory is one release, "macOS-15.7.9": it is about every earlier version of its line, and says nothing of lines
// that Apple no longer mends.
//
// What Apple adds between releases (Rapid Security Responses, Background Security Improvements) is not read: an inventory does not tell it.
func SOFA() form.Feed {
	return form.Feed{
		ID: "apple-sofa", Title: "macOS security releases, by SOFA",
		Files: []string{"apple/macos_data_feed*.json", "apple/macos_data_feed*.json.gz", "native/macos/sofa_macos_data_feed*.json.gz", "native/macos/sofa_macos_data_feed*.json"},
		Name:  form.Always("apple/sofa"),
		Read: func(_ context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return read(in, b)
		},
	}
}

type release struct {
	Name      string                     `json:"UpdateName"`
	Version   string                     `json:"ProductVersion"`
	Date      string                     `json:"ReleaseDate"`
	Page      string                     `json:"SecurityInfo"`
	CVEs      map[string]json.RawMessage `json:"CVEs"` // schema 1: whether it is exploited; schema 2: an object
	Exploited []string                   `json:"ActivelyExploitedCVEs"`
}

func read(in *form.Document, b []byte) error {
	var d struct {
		Checked string `json:"LastCheck"` // schema 2
		Lines   []struct {
			Name     string    `json:"OSVersion"` // "Sequoia 15"
			Latest   release   `json:"Latest"`
			Releases []release `json:"SecurityReleases"`
		} `json:"OSVersions"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return form.Format(err)
	}
	if len(d.Lines) == 0 {
		return fmt.Errorf("%w: no versions of macOS", form.ErrFormat)
	}
	in.Dated(form.Date(d.Checked))
	for _, l := range d.Lines {
		line := l.Name[strings.LastIndexByte(l.Name, ' ')+1:]
		if line == "" || len(l.Releases) == 0 {
			in.Problem(l.Name, fmt.Errorf("%w: no releases of the line %q", form.ErrFormat, l.Name))
			continue
		}
		if !slices.ContainsFunc(l.Releases, func(r release) bool { return r.Version == l.Latest.Version }) && l.Latest.Version != "" {
			l.Releases = append(l.Releases, l.Latest)
		}
		in.SpeaksFor("macOS", line)
		for i := range l.Releases {
			a, err := l.Releases[i].advisory(in.Feed, line)
			if err != nil {
				in.Problem(l.Releases[i].Name, err)
				continue
			}
			if err := in.Advisory(a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *release) advisory(source, line string) (*advisory.Advisory, error) {
	if r.Version != line && !strings.HasPrefix(r.Version, line+".") || strings.Trim(r.Version, "0123456789.") != "" {
		return nil, fmt.Errorf("%w: version %q of the line %s", form.ErrFormat, r.Version, line)
	}
	a := &advisory.Advisory{
		Source: source, ID: "macOS-" + r.Version, Summary: strings.TrimSpace(r.Name), Published: form.Date(r.Date), Modified: form.Date(r.Date), Errata: true,
		Affected: []advisory.Affected{{
			Ecosystem: "macOS", Release: line, Package: "macOS", State: advisory.StateFixed,
			Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: r.Version}}}},
		}},
	}
	if a.Summary == "" {
		a.Summary = "macOS " + r.Version
	}
	if strings.HasPrefix(r.Page, "https://") {
		a.URLs = []string{r.Page}
	}
	for _, id := range slices.Sorted(maps.Keys(r.CVEs)) {
		if !strings.HasPrefix(id, "CVE-") {
			return nil, fmt.Errorf("%w: CVE %q", form.ErrFormat, id)
		}
		a.Upstream = append(a.Upstream, id)
	}
	if len(r.Exploited) > 0 {
		a.Details = "Apple knows of reports that these were exploited: " + strings.Join(r.Exploited, ", ")
	}
	return a, nil
}
