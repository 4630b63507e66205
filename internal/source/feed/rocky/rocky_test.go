package rocky_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/rocky"
)

func TestPages(t *testing.T) {
	pages := map[string][]byte{"1.json": feedtest.Testdata(t, "page1.json"), "2.json": feedtest.Testdata(t, "page2.json")}
	s, l := feedtest.Read(t, rocky.Feed(), "rocky/errata.zip", feedtest.Zip(t, pages))
	if l.Documents != 2 || len(l.Problems) != 0 || !cmp.Equal(l.Ecosystems, []string{"Rocky Linux:10", "Rocky Linux:8"}) {
		t.Fatalf("%d documents for %q, problems %v", l.Documents, l.Ecosystems, l.Problems)
	}
	want := advisory.Affected{
		Ecosystem: "Rocky Linux", Release: "10", Package: "delve", State: advisory.StateFixed, Arches: []string{"aarch64", "ppc64le", "x86_64"},
		Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1.25.2-1.el10_1"}}}},
	}
	if diff := cmp.Diff(want, s.Affected(t, "RLSA-2025:21816", "10", "delve")); diff != "" {
		t.Error(diff)
	}
	a := s.Named(t, "RLSA-2025:21816")
	score := []advisory.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Source: "Rocky Linux"}}
	if !cmp.Equal(a.CVEs(), []string{"CVE-2025-58183"}) || !cmp.Equal(a.Severity, score) || a.Word != "Moderate" || !cmp.Equal(a.CWEs, []string{"CWE-770"}) {
		t.Errorf("got %+v", a)
	}
	for _, f := range s.Named(t, "RLBA-2019:0973").Affected {
		if f.Module != "container-tools:1.0" || f.Release != "8" {
			t.Errorf("got %+v", f)
		}
	}
	s2, _ := feedtest.Read(t, rocky.Feed(), "rocky/page1.json", pages["1.json"])
	if diff := cmp.Diff(a, s2.Named(t, "RLSA-2025:21816")); diff != "" {
		t.Error(diff)
	}
}

func FuzzPage(f *testing.F) {
	feedtest.Fuzz(f, rocky.Feed(), "rocky/a.json", "page1.json", "page2.json")
}
