package ubuntu_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/osv"
	"hinomi/internal/source/feed/ubuntu"
)

func TestOSV(t *testing.T) {
	s, l := feedtest.Read(t, ubuntu.OSV(), "ubuntu/osv-all.tar.xz", feedtest.Testdata(t, "osv-all.tar.xz"))
	if l.Documents != 3 || len(l.Problems) != 0 || !slices.Contains(l.Ecosystems, "Ubuntu:Pro:18.04:LTS") || !slices.Contains(l.Ecosystems, "Ubuntu:24.04:LTS") {
		t.Errorf("got %+v", l)
	}
	if f := s.Named(t, "UBUNTU-CVE-2024-51988").Affected[0]; f.Release != "20.04:LTS" || f.State != advisory.StateFixed {
		t.Errorf("got %+v", f)
	}
	if a := s.Named(t, "LSN-0108-1"); !a.Errata || !slices.Contains(a.CVEs(), "CVE-2024-26800") {
		t.Errorf("a live-patch notice: %+v", a.CVEs())
	}
	for _, b := range [][]byte{feedtest.Zip(t, nil), feedtest.Zip(t, map[string][]byte{"README": nil})} {
		_, err := form.Read(t.Context(), ubuntu.OSV(), form.Source{File: "ubuntu/osv-all.zip", At: bytes.NewReader(b), Size: int64(len(b)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("no documents: got %v, want ErrFormat", err)
		}
	}
}

// TestESM: what Expanded Security Maintenance fixed stands apart from what everybody gets.
func TestESM(t *testing.T) {
	a, err := osv.Parse(feedtest.Testdata(t, "UBUNTU-CVE-2014-9913.json"), "ubuntu/osv")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range a.Affected {
		got[f.Release] = f.Ranges[0].Events[1].Fixed
	}
	if diff := cmp.Diff(map[string]string{"Pro:14.04:LTS": "6.0-9ubuntu1.6", "16.04:LTS": "6.0-20ubuntu1.1"}, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(a.Severity, advisory.Severity{Type: "Ubuntu", Score: "negligible"}) {
		t.Errorf("priority: %+v", a.Severity)
	}
}

func upTo(end advisory.Event) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, end}}}
}

func TestVEX(t *testing.T) {
	s, l := feedtest.Read(t, ubuntu.VEX(), "ubuntu/vex-all.tar.xz", feedtest.Testdata(t, "vex-all.tar.xz"))
	if len(l.Problems) != 0 || len(l.Ecosystems) != 0 || l.Documents != 2 {
		t.Errorf("got %+v: the statements speak for no release", l)
	}
	for _, c := range []struct {
		name, id, release, pkg string
		want                   advisory.Affected
	}{
		{"not_affected", "CVE-2025-0167", "20.04:LTS", "curl", advisory.Affected{
			State: advisory.StateNotAffected, Justification: advisory.CodeNotPresent, PURL: "pkg:deb/ubuntu/curl@7.68.0-1ubuntu2.25?arch=source&distro=focal",
		}},
		{"not_affected_with_pro", "CVE-2025-0167", "Pro:14.04:LTS", "curl", advisory.Affected{
			State: advisory.StateNotAffected, Justification: advisory.CodeNotPresent,
			PURL: "pkg:deb/ubuntu/curl@7.35.0-1ubuntu2.20+esm18?arch=source&distro=esm-infra-legacy/trusty",
		}},
		{"affected_up_to_the_version_at_hand", "CVE-2025-0167", "22.04:LTS", "curl", advisory.Affected{
			State: advisory.StateOpen, Ranges: upTo(advisory.Event{LastAffected: "7.81.0-1ubuntu1.20"}), PURL: "pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.20?arch=source&distro=jammy",
		}},
		{"fixed_by_notice", "USN-7372-1", "Pro:20.04:LTS", "varnish", advisory.Affected{
			State: advisory.StateFixed, Ranges: upTo(advisory.Event{Fixed: "6.2.1-2ubuntu0.2+esm1"}),
			PURL: "pkg:deb/ubuntu/varnish@6.2.1-2ubuntu0.2+esm1?arch=source&distro=esm-apps/focal",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Ecosystem, c.want.Release, c.want.Package = "Ubuntu", c.release, c.pkg
			if diff := cmp.Diff(c.want, s.Affected(t, c.id, c.release, c.pkg)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if a := s.Named(t, "USN-7372-1"); !slices.Equal(a.CVEs(), []string{"CVE-2022-45060"}) || !a.Errata {
		t.Errorf("notice: %+v", a)
	}
	if a := s.Named(t, "CVE-2025-0167"); !slices.Equal(a.CVEs(), []string{"CVE-2025-0167"}) || !a.Modified.Equal(time.Date(2025, 2, 6, 0, 0, 0, 0, time.UTC)) || len(a.URLs) != 3 {
		t.Errorf("CVE: %+v", a)
	}
}

// TestVEXDocuments reads single documents, in the form that they have had since 2025.
func TestVEXDocuments(t *testing.T) {
	a, err := ubuntu.ParseVEX(feedtest.Testdata(t, "CVE-2023-38545.json"), "ubuntu/vex")
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]advisory.State{}
	for _, f := range a.Affected {
		states[f.Release+" "+f.Package] = f.State
	}
	// jammy's statement is "fixed" with the version that the archive has now, two years after the fix: it says nothing of older ones.
	want := map[string]advisory.State{
		"16.04:LTS curl": advisory.StateWillNotFix, "Pro:14.04:LTS curl": advisory.StateNotAffected, "Pro:16.04:LTS curl": advisory.StateNotAffected,
		"Pro:18.04:LTS curl": advisory.StateNotAffected, "Pro:20.04:LTS curl": advisory.StateNotAffected,
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
	a, err = ubuntu.ParseVEX(feedtest.Testdata(t, "CVE-2016-20013.json"), "ubuntu/vex")
	if err != nil || a.Affected[0].State != advisory.StateWillNotFix {
		t.Errorf("decided to not fix: %+v, %v", a, err)
	}
	doc := func(id, status, action, purl string) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x/` + id + `","timestamp":"2026-01-02T03:04:05Z","statements":[{"vulnerability":{"name":"` + id +
			`"},"status":"` + status + `","action_statement":"` + action + `","products":[{"@id":"` + purl + `"}]}]}`
	}
	const curl = "pkg:deb/ubuntu/curl@1-1?arch=source&distro="
	for _, c := range []struct {
		name, doc string
		want      advisory.Affected
	}{
		{"under_investigation", doc("CVE-2026-0001", "under_investigation", "", curl+"noble"), advisory.Affected{Release: "24.04:LTS", State: advisory.StateUndecided}},
		{"worked_on", doc("CVE-2026-0001", "affected", "needs fixing, and it is being actively worked on.", curl+"noble"), advisory.Affected{Release: "24.04:LTS", State: advisory.StatePending}},
		{"notes_do_not_count", doc("CVE-2026-0001", "affected", "needs fixing. CVE Notes: decided to not fix in 2016", curl+"noble"), advisory.Affected{Release: "24.04:LTS", State: advisory.StateOpen}},
		{"old_esm_name", doc("CVE-2026-0001", "affected", "", curl+"trusty/esm"), advisory.Affected{Release: "Pro:14.04:LTS", State: advisory.StateOpen}},
		{"fips", doc("CVE-2026-0001", "affected", "", curl+"fips-updates/jammy"), advisory.Affected{Release: "Pro:FIPS-updates:22.04:LTS", State: advisory.StateOpen}},
		{"unknown_release", doc("CVE-2026-0001", "affected", "", curl+"zany"), advisory.Affected{Release: "zany", State: advisory.StateOpen}},
	} {
		a, err := ubuntu.ParseVEX([]byte(c.doc), "x")
		if err != nil {
			t.Fatal(c.name, err)
		}
		got := a.Affected[0]
		if got.Release != c.want.Release || got.State != c.want.State {
			t.Errorf("%s: got %q %q, want %q %q", c.name, got.Release, got.State, c.want.Release, c.want.State)
		}
	}
	if a, err := ubuntu.ParseVEX([]byte(doc("CVE-2026-0001", "affected", "", "pkg:deb/ubuntu/curl@1-1?arch=amd64&distro=noble")), "x"); err != nil || len(a.Affected) != 0 {
		t.Errorf("a binary package: %+v, %v", a, err)
	}
	for _, bad := range []string{
		"", "{}", "[]", `{"@context":"https://openvex.dev/ns/v0.2.0"}`, strings.Replace(doc("CVE-2026-0001", "affected", "", curl+"noble"), "openvex", "x", 1),
		doc("CVE-2026-0001", "new", "", curl+"noble"), doc("CVE-2026-0001", "affected", "", "curl"), doc("CVE-2026-0001", "affected", "", curl),
		doc("CVE-2026-0001", "affected", "", "pkg:deb/ubuntu/curl?arch=source&distro=noble"),
	} {
		if _, err := ubuntu.ParseVEX([]byte(bad), "x"); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", bad, err)
		}
	}
}

func FuzzVEX(f *testing.F) {
	f.Add(feedtest.Testdata(f, "CVE-2023-38545.json"))
	f.Add(feedtest.Testdata(f, "CVE-2016-20013.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ubuntu.ParseVEX(b, "x")
		if err != nil {
			if !errors.Is(err, form.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		for _, r := range a.Affected {
			if r.Package == "" || r.Release == "" || r.State == "" || r.State != advisory.StateNotAffected && len(r.Ranges) == 0 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzOSVArchive(f *testing.F) {
	feedtest.Fuzz(f, ubuntu.OSV(), "ubuntu/osv-all.tar.xz", "osv-all.tar.xz", "vex-all.tar.xz")
}
