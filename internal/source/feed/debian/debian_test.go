package debian_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/debian"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

func until(fixed string) []advisory.Range {
	r := []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}}}}
	if fixed != "" {
		r[0].Events = append(r[0].Events, advisory.Event{Fixed: fixed})
	}
	return r
}

func urgency(word string) []advisory.Severity {
	return []advisory.Severity{{Type: "Debian", Score: word, Source: "Debian"}}
}

func TestTracker(t *testing.T) {
	s, l := feedtest.Read(t, debian.Tracker(), "debian/tracker.json", feedtest.Testdata(t, "tracker.json"))
	if len(l.Problems) != 0 || !slices.Contains(l.Ecosystems, "Debian:11") || !slices.Contains(l.Ecosystems, "Debian:sid") {
		t.Errorf("problems %v, speaks for %q", l.Problems, l.Ecosystems)
	}
	for _, c := range []struct {
		name, id, release, pkg string
		want                   advisory.Affected
	}{
		{"zero_is_never_affected", "CVE-2012-0833", "11", "389-ds-base", advisory.Affected{State: advisory.StateNotAffected, Severity: urgency("unimportant")}},
		{"fixed", "CVE-2016-5405", "11", "389-ds-base", advisory.Affected{State: advisory.StateFixed, Ranges: until("1.3.5.15-1")}},
		{"ignored", "CVE-2016-5416", "11", "389-ds-base", advisory.Affected{State: advisory.StateWillNotFix, Ranges: until("")}},
		{"open", "CVE-2016-5416", "sid", "389-ds-base", advisory.Affected{State: advisory.StateOpen, Ranges: until("")}},
		{"end_of_life", "CVE-2022-0456", "10", "chromium", advisory.Affected{State: advisory.StateWillNotFix, Ranges: until("")}},
		{"stars", "CVE-2008-7220", "9", "prototypejs", advisory.Affected{State: advisory.StateFixed, Ranges: until("1.6.0.2-1"), Severity: urgency("high")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Ecosystem, c.want.Release, c.want.Package = "Debian", c.release, c.pkg
			if diff := cmp.Diff(c.want, s.Affected(t, c.id, c.release, c.pkg)); diff != "" {
				t.Error(diff)
			}
		})
	}
	a := s.Named(t, "CVE-2016-5416")
	if !strings.Contains(a.Details, "bullseye: ignored (Minor issue)") || a.Errata || a.Source != "debian/tracker" {
		t.Errorf("got %+v", a)
	}
	if a := s.Named(t, "CVE-2008-7220"); a.Word != "high" {
		t.Errorf("word %q", a.Word)
	}
	if a := s.Named(t, "TEMP-0000000-0CA7E3"); len(a.CVEs()) != 0 || a.Errata {
		t.Errorf("a flaw without a CVE is a flaw: %+v", a)
	}
}

// TestTrackerStates are entries made after the tracker's own description of its words.
func TestTrackerStates(t *testing.T) {
	doc := func(status string) []byte {
		return []byte(`{"p":{"CVE-2024-0001":{"releases":{"bookworm":{` + status + `}}}}}`)
	}
	for _, c := range []struct {
		name, status string
		state        advisory.State
		ranges       []advisory.Range
	}{
		{"undetermined", `"status":"undetermined","urgency":"not yet assigned"`, advisory.StateUndecided, until("")},
		{"postponed", `"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":"postponed"`, advisory.StatePending, until("")},
		{"no_dsa", `"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""`, advisory.StateOpen, until("")},
		{"unimportant_and_open", `"status":"open","urgency":"unimportant"`, advisory.StateOpen, until("")},
	} {
		s, _ := feedtest.Read(t, debian.Tracker(), "debian/tracker.json", doc(c.status))
		got := s.Affected(t, "CVE-2024-0001", "12", "p")
		if diff := cmp.Diff(c.ranges, got.Ranges); diff != "" || got.State != c.state {
			t.Errorf("%s: state %q %s", c.name, got.State, diff)
		}
	}
	for _, bad := range []string{`"status":"resolved"`, `"status":"resolved","fixed_version":""`, `"status":"new word"`, `"status":1`} {
		s := &feedtest.Sink{}
		b := doc(bad)
		_, err := form.Read(t.Context(), debian.Tracker(), form.Source{File: "debian/tracker.json", At: bytes.NewReader(b), Size: int64(len(b)), Sink: s})
		if !errors.Is(err, form.ErrFormat) || len(s.Advisories) != 0 {
			t.Errorf("%s: got %v and %d advisories, want ErrFormat", bad, err, len(s.Advisories))
		}
	}
	for _, bad := range []string{`{}`, `[]`, `{"p":[]}`, `{"p":{"x":{}}}`} {
		_, err := form.Read(t.Context(), debian.Tracker(), form.Source{File: "debian/tracker.json", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", bad, err)
		}
	}
	s, l := feedtest.Read(t, debian.Tracker(), "debian/tracker.json", []byte(`{"p":{"CVE-2024-0001":{"releases":{"hereafter":{"status":"open"}}}}}`))
	if s.Advisories[0].Affected[0].Release != "hereafter" || !slices.Equal(l.Ecosystems, []string{"Debian:hereafter"}) {
		t.Errorf("a release without a known number: %+v, %q", s.Advisories[0], l.Ecosystems)
	}
}

func TestLists(t *testing.T) {
	s, l := feedtest.Read(t, debian.Lists(), "debian/DSA.list", feedtest.Testdata(t, "DSA.list"))
	if len(l.Problems) != 0 || len(l.Ecosystems) != 0 {
		t.Errorf("problems %v, speaks for %q: a list of fixes speaks for no release", l.Problems, l.Ecosystems)
	}
	a := s.Named(t, "DSA-5378-1")
	want := &advisory.Advisory{
		Source: "debian/dsa", ID: "DSA-5378-1", Summary: "xen - security update", Errata: true,
		Published: time.Date(2023, 3, 25, 0, 0, 0, 0, time.UTC), Modified: time.Date(2023, 3, 25, 0, 0, 0, 0, time.UTC),
		URLs:     []string{"https://security-tracker.debian.org/tracker/DSA-5378-1"},
		Upstream: []string{"CVE-2022-23824", "CVE-2022-42331", "CVE-2022-42332", "CVE-2022-42333", "CVE-2022-42334"},
		Affected: []advisory.Affected{{Ecosystem: "Debian", Release: "11", Package: "xen", State: advisory.StateFixed, Ranges: until("4.14.5+94-ge49571868d-1")}},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	if a := s.Named(t, "DSA-5356-2"); !a.Errata || len(a.CVEs()) != 0 {
		t.Errorf("a regression's update is no vulnerability: %+v", a)
	}
	states := map[advisory.State]int{}
	for _, a := range s.Advisories {
		for _, f := range a.Affected {
			states[f.State]++
			if (f.State == advisory.StateNotAffected) != (len(f.Ranges) == 0) {
				t.Errorf("%s: %+v", a.ID, f)
			}
		}
	}
	for _, st := range []advisory.State{advisory.StateFixed, advisory.StateWillNotFix, advisory.StateNotAffected, advisory.StateOpen} {
		if states[st] == 0 {
			t.Errorf("no row is %s: %v", st, states)
		}
	}
	s, _ = feedtest.Read(t, debian.Lists(), "debian/DLA.list", feedtest.Testdata(t, "DLA.list"))
	if len(s.Advisories) != 3 || s.Advisories[0].Source != "debian/dla" || s.Advisories[0].Affected[0].Release != "10" {
		t.Errorf("got %+v", s.Advisories)
	}
	for _, bad := range []string{"", "<html>", "[x] DSA-1-1 y\n", "\t{CVE-2024-0001}\n[25 Mar 2023] DSA-1-1 x\n"} {
		_, err := form.Read(t.Context(), debian.Lists(), form.Source{File: "debian/DSA.list", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

// TestListsWhole reads the lists of April 2023 as a whole: 5,406 DSA with 6,987 rows and 3,534 DLA with 3,535.
func TestListsWhole(t *testing.T) {
	const file = "native/debian/security-tracker-DSA-DLA.zip"
	s, l := feedtest.Read(t, debian.Lists(), file, feedtest.Shared(t, "feeds/"+file))
	if l.Documents != 5406+3534 || l.Rows != 6987+3535 || s.Advisories[0].Source != "debian/dsa-dla" {
		t.Errorf("%d advisories, %d rows of %s", l.Documents, l.Rows, s.Advisories[0].Source)
	}
	// DSA-423 names a package in the place of its version.
	if len(l.Problems) != 1 || l.Problems[0].Document != "DSA-423" {
		t.Errorf("problems %v", l.Problems)
	}
}

func FuzzTracker(f *testing.F) {
	feedtest.Fuzz(f, debian.Tracker(), "debian/tracker.json", "tracker.json")
}

func FuzzLists(f *testing.F) {
	feedtest.Fuzz(f, debian.Lists(), "debian/DSA.list", "DSA.list", "DLA.list")
}
