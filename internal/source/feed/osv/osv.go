// Package osv reads the archives of osv.dev and every document in their format, whoever publishes it.
package osv

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Feed reads the archives of osv.dev, one per ecosystem, in the OSV format (ossf.github.io/osv-schema, 1.7). An archive may hold
// documents that touch other ecosystems, too: those parts are left to the other ecosystem's own archive, so that what is loaded is
// exactly what Feed.Ecosystems says.
func Feed() form.Feed {
	return form.Feed{
		ID: "osv", Title: "OSV documents by ecosystem", Files: []string{"osv/*/all.zip"},
		Name: func(file string) string { return "osv/" + form.Folder(file, 1) },
		Read: func(ctx context.Context, in *form.Document) error {
			ecosystem := form.Folder(in.File, 1)
			return in.Entries(ctx, func(name string, b []byte) error {
				a, err := Parse(b, in.Feed)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				return HandOn(in, a, ecosystem)
			}, ".json")
		},
	}
}

// HandOn hands on an OSV document without what it says of other ecosystems.
func HandOn(in *form.Document, a *advisory.Advisory, ecosystem string) error {
	kept := a.Affected[:0]
	for _, f := range a.Affected {
		if f.Ecosystem != ecosystem {
			continue
		}
		in.SpeaksFor(f.Ecosystem, f.Release)
		kept = append(kept, f)
	}
	a.Affected = kept
	return in.Advisory(a)
}

// document is what we read of an OSV document. Times are text: repositories write "0001-01-01T00:00:00Z" for "not said".
type document struct {
	ID         string            `json:"id"`
	Modified   string            `json:"modified"`
	Published  string            `json:"published"`
	Withdrawn  string            `json:"withdrawn"`
	Aliases    []string          `json:"aliases"`
	Related    []string          `json:"related"`
	Upstream   []string          `json:"upstream"`
	Summary    string            `json:"summary"`
	Details    string            `json:"details"`
	Severity   []severity        `json:"severity"`
	Affected   []affectedPackage `json:"affected"`
	References []struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	} `json:"references"`
	Specific json.RawMessage `json:"database_specific"`
}

type severity struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

type affectedPackage struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
		PURL      string `json:"purl"`
	} `json:"package"`
	Severity []severity `json:"severity"`
	Ranges   []struct {
		Type   string `json:"type"`
		Events []struct {
			Introduced   string `json:"introduced"`
			Fixed        string `json:"fixed"`
			LastAffected string `json:"last_affected"`
			Limit        string `json:"limit"`
		} `json:"events"`
	} `json:"ranges"`
	Versions  []string        `json:"versions"`
	Ecosystem json.RawMessage `json:"ecosystem_specific"`
	Specific  json.RawMessage `json:"database_specific"`
}

// Parse reads one OSV document. source is the name of the feed it stands in.
func Parse(b []byte, source string) (*advisory.Advisory, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if d.ID == "" {
		return nil, fmt.Errorf("%w: no id", form.ErrFormat)
	}
	a := &advisory.Advisory{
		Source: source, ID: d.ID, Aliases: d.Aliases, Related: d.Related, Upstream: d.Upstream, Summary: d.Summary, Details: d.Details,
		Modified: form.Date(d.Modified), Published: form.Date(d.Published), Severity: severities(d.Severity), Errata: isErratum(d.ID),
	}
	if d.Withdrawn != "" {
		if a.Withdrawn = form.Date(d.Withdrawn); a.Withdrawn.IsZero() {
			a.Withdrawn = advisory.Undated()
		}
	}
	for _, r := range d.References {
		if r.Type == "ADVISORY" && len(a.URLs) > 0 {
			a.URLs = append([]string{r.URL}, a.URLs...)
			continue
		}
		a.URLs = append(a.URLs, r.URL)
	}
	a.Word, a.CWEs = specifics(d.Specific)
	if a.Word == "" {
		a.Word = wordOf(d.Summary, a.Errata)
	}
	a.Affected = make([]advisory.Affected, 0, len(d.Affected))
	for i := range d.Affected {
		f, kind := affected(&d.Affected[i])
		if f.Package == "" { // ranges of commits alone name no package
			continue
		}
		if kind != "" {
			a.Kind = kind
		}
		a.Affected = append(a.Affected, f)
	}
	return a, nil
}

// errataPrefixes are the ids whose CVEs stand in "related" or "upstream" alone and which also announce mere bug fixes and enhancements
// (OSV schema, "id": the prefixes' owners).
func errataPrefixes() []string {
	return []string{
		"ALSA-", "ALBA-", "ALEA-", "RLSA-", "RXSA-", "RHSA-", "RHBA-", "RHEA-", "SUSE-", "openSUSE-", "USN-", "LSN-", "DSA-", "DLA-",
		"DTSA-", "OESA-", "MGASA-", "AZL-", "ELSA-", "ELBA-", "ALAS",
	}
}

func isErratum(id string) bool {
	for _, p := range errataPrefixes() {
		if strings.HasPrefix(id, p) {
			return true
		}
	}
	return false
}

// wordOf returns the severity with which errata of the Red Hat family begin their summary: "Important: kernel security update".
func wordOf(summary string, errata bool) string {
	word, _, ok := strings.Cut(summary, ":")
	if !ok || !errata {
		return ""
	}
	switch strings.ToLower(word) {
	case "critical", "important", "moderate", "low":
		return word
	}
	return ""
}

// specifics reads the severity word and CWEs that the GitHub advisory database and Bitnami keep in database_specific.
func specifics(raw json.RawMessage) (word string, cwes []string) {
	var d struct {
		Severity json.RawMessage `json:"severity"`
		CWEs     []string        `json:"cwe_ids"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &d) != nil {
		return "", nil
	}
	if json.Unmarshal(d.Severity, &word) != nil {
		word = ""
	}
	return word, d.CWEs
}

func severities(l []severity) []advisory.Severity {
	if len(l) == 0 {
		return nil
	}
	out := make([]advisory.Severity, len(l))
	for i, s := range l {
		out[i] = advisory.Severity{Type: s.Type, Score: s.Score}
	}
	return out
}

// affected reads one affected package. kind is RustSec's "informational" word, if it has one.
func affected(d *affectedPackage) (f advisory.Affected, kind string) {
	base, release := advisory.ParseEcosystem(d.Package.Ecosystem)
	f = advisory.Affected{
		Ecosystem: base, Release: release, Package: d.Package.Name, PURL: d.Package.PURL, Versions: d.Versions,
		Severity: severities(d.Severity), State: advisory.StateOpen,
	}
	if len(f.Versions) == 0 {
		f.Versions = nil
	}
	for _, r := range d.Ranges {
		if r.Type == "GIT" {
			continue
		}
		g := advisory.Range{Type: r.Type, Events: make([]advisory.Event, 0, len(r.Events))}
		for _, e := range r.Events {
			if e.Fixed != "" {
				f.State = advisory.StateFixed
			}
			g.Events = append(g.Events, advisory.Event{Introduced: e.Introduced, Fixed: e.Fixed, LastAffected: e.LastAffected, Limit: e.Limit})
		}
		f.Ranges = append(f.Ranges, g)
	}
	var s struct {
		Informational *string `json:"informational"`
	}
	if len(d.Specific) > 0 && json.Unmarshal(d.Specific, &s) == nil && s.Informational != nil {
		kind = *s.Informational
	}
	f.Module = ModuleOf(f.Ranges)
	return f, kind
}

// ModuleOf tells a build of a module stream by the release tag that its builder gives it (".module_el8.6.0+2867+72759d2f"), because OSV
// names no stream. Such a row is about builds of that kind only.
func ModuleOf(ranges []advisory.Range) string {
	for _, r := range ranges {
		for _, e := range r.Events {
			if strings.Contains(e.Fixed, ".module") {
				return "*"
			}
		}
	}
	return ""
}
