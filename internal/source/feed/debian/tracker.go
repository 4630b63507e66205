// Package debian reads what Debian's security team publishes: the security tracker's JSON, which judges every source package of every
// release, and the lists of its advisories (DSA and DLA).
package debian

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Tracker reads security-tracker.debian.org/tracker/data/json: source package → vulnerability → release → status
// (security-team.debian.org/security_tracker.html). One advisory is one vulnerability of one source package.
//
//	resolved, fixed_version "0"   StateNotAffected: the release never had it
//	resolved                      StateFixed
//	open                          StateOpen; with nodsa_reason "postponed" StatePending (a later update brings it), with "ignored", or the
//	                              urgency "end-of-life", StateWillNotFix. "no-dsa" alone stays open: it may come with a point release.
//	undetermined                  StateUndecided
//
// The urgency stands in each row's Severity (type "Debian") and the worst in the advisory's Word; "unimportant" means that the package has
// the flaw and Debian sees no harm to users in it. Why there is no advisory of Debian's (nodsa) stands in the details.
func Tracker() form.Feed {
	return form.Feed{
		ID: "debian-tracker", Title: "Debian security tracker", Files: []string{"debian/tracker.json", "debian/tracker.json.gz"},
		Name: form.Always("debian/tracker"),
		Read: func(ctx context.Context, in *form.Document) error {
			packages := 0
			err := in.Members(ctx, func(pkg string, raw json.RawMessage) error {
				packages++
				var flaws map[string]flaw
				if err := json.Unmarshal(raw, &flaws); err != nil {
					in.Problem(pkg, form.Format(err))
					return nil
				}
				if pkg == "" {
					in.Problem("a package", fmt.Errorf("%w: no name", form.ErrFormat))
					return nil
				}
				for _, id := range slices.Sorted(maps.Keys(flaws)) {
					f := flaws[id]
					a, err := f.advisory(in.Feed, id, pkg)
					if err != nil {
						in.Problem(pkg+" "+id, err)
						continue
					}
					for i := range a.Affected {
						in.SpeaksFor(a.Affected[i].Ecosystem, a.Affected[i].Release)
					}
					if err := in.Advisory(a); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil && packages == 0 {
				err = fmt.Errorf("%w: no packages", form.ErrFormat)
			}
			return err
		},
	}
}

// flaw is one vulnerability of one source package.
type flaw struct {
	Description string            `json:"description"`
	Releases    map[string]status `json:"releases"`
}

// status is what the tracker says of a flaw in one release.
type status struct {
	Status  string  `json:"status"`
	Fixed   *string `json:"fixed_version"`
	Urgency string  `json:"urgency"`
	NoDSA   string  `json:"nodsa"`
	Reason  string  `json:"nodsa_reason"`
}

func (f *flaw) advisory(source, id, pkg string) (*advisory.Advisory, error) {
	if !strings.HasPrefix(id, "CVE-") && !strings.HasPrefix(id, "TEMP-") {
		return nil, fmt.Errorf("%w: id %q", form.ErrFormat, id)
	}
	a := &advisory.Advisory{
		Source: source, ID: id, Details: f.Description, URLs: []string{"https://security-tracker.debian.org/tracker/" + id},
		Affected: make([]advisory.Affected, 0, len(f.Releases)),
	}
	worst := -1
	for _, codename := range slices.Sorted(maps.Keys(f.Releases)) {
		s := f.Releases[codename]
		row, err := s.affected(pkg, release(codename))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", codename, err)
		}
		a.Affected = append(a.Affected, row)
		if len(row.Severity) > 0 {
			if r := slices.Index(urgencies(), row.Severity[0].Score); r > worst {
				worst, a.Word = r, row.Severity[0].Score
			}
		}
		if s.NoDSA != "" {
			a.Details += fmt.Sprintf("\n%s: %s (%s)", codename, cmp.Or(s.Reason, "no-dsa"), s.NoDSA)
		}
	}
	a.Details = strings.TrimSpace(a.Details)
	return a, nil
}

// urgencies are the tracker's words for how bad a flaw is, the least first. "not yet assigned" and "end-of-life" are no such words.
func urgencies() []string { return []string{"unimportant", "low", "medium", "high"} }

func (s *status) affected(pkg, release string) (advisory.Affected, error) {
	row := advisory.Affected{Ecosystem: "Debian", Release: release, Package: pkg}
	urgency := strings.TrimRight(s.Urgency, "*") // "high**": stars marked how the word was found (until 2020)
	if slices.Contains(urgencies(), urgency) {
		row.Severity = []advisory.Severity{{Type: "Debian", Score: urgency, Source: "Debian"}}
	}
	open := []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}}}}
	switch {
	case s.Status == "resolved" && s.Fixed == nil || s.Fixed != nil && *s.Fixed == "":
		return row, fmt.Errorf("%w: resolved without a version", form.ErrFormat)
	case s.Status == "resolved" && *s.Fixed == "0":
		row.State = advisory.StateNotAffected
	case s.Status == "resolved":
		row.State = advisory.StateFixed
		open[0].Events = append(open[0].Events, advisory.Event{Fixed: *s.Fixed})
		row.Ranges = open
	case s.Status == "open":
		row.State, row.Ranges = advisory.StateOpen, open
		switch {
		case urgency == "end-of-life" || s.Reason == "ignored":
			row.State = advisory.StateWillNotFix
		case s.Reason == "postponed":
			row.State = advisory.StatePending
		}
	case s.Status == "undetermined":
		row.State, row.Ranges = advisory.StateUndecided, open
	default:
		return row, fmt.Errorf("%w: status %q", form.ErrFormat, s.Status)
	}
	return row, nil
}

// release returns the number of a release, which is what a host knows of itself (www.debian.org/releases). A name that is not listed is kept
// as it is: no host has such a release, so that nothing is said to be known of it.
func release(codename string) string {
	for _, r := range [][2]string{
		{"duke", "15"},
		{"forky", "14"},
		{"trixie", "13"},
		{"bookworm", "12"},
		{"bullseye", "11"},
		{"buster", "10"},
		{"stretch", "9"},
		{"jessie", "8"},
		{"wheezy", "7"},
		{"squeeze", "6"},
		{"lenny", "5"},
		{"etch", "4"},
		{"sarge", "3.1"},
		{"woody", "3.0"},
		{"potato", "2.2"},
	} {
		if r[0] == codename {
			return r[1]
		}
	}
	return codename
}
