package almalinux_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/almalinux"
	"hinomi/internal/source/feed/feedtest"
)

func TestErrata(t *testing.T) {
	s, l := feedtest.Read(t, almalinux.Feed(), "almalinux/8/errata.full.json", feedtest.Testdata(t, "errata.full.json"))
	if l.Documents != 2 || l.Rows != 8 || len(l.Problems) != 0 || !cmp.Equal(l.Ecosystems, []string{"AlmaLinux:8"}) {
		t.Fatalf("%d documents, %d rows for %q, problems %v", l.Documents, l.Rows, l.Ecosystems, l.Problems)
	}
	want := advisory.Affected{
		Ecosystem: "AlmaLinux", Release: "8", Package: "pcsc-lite-ccid", State: advisory.StateFixed, Arches: []string{"aarch64", "ppc64le", "x86_64"},
		Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1.4.29-5.1.el8_4"}}}},
	}
	if diff := cmp.Diff(want, s.Affected(t, "ALBA-2021:3049", "8", "pcsc-lite-ccid")); diff != "" {
		t.Error(diff)
	}
	var modules []string
	a := s.Named(t, "ALSA-2019:3708")
	for _, f := range a.Affected {
		if f.Package == "Judy" {
			modules = append(modules, f.Module)
		}
	}
	if diff := cmp.Diff([]string{"mariadb:10.3", "mariadb-devel:10.3", "mariadb:10.5", "mariadb:10.3"}, modules); diff != "" {
		t.Error(diff)
	}
	if a.Word != "Moderate" || !a.Errata || len(a.CVEs()) == 0 || a.Published.Format("2006-01-02") != "2019-11-05" {
		t.Errorf("got %s, CVEs %q, %v", a.Word, a.CVEs(), a.Published)
	}
	if b := s.Named(t, "ALBA-2021:3049"); b.Word != "" || len(b.CVEs()) != 0 {
		t.Errorf("got %q, CVEs %q", b.Word, b.CVEs())
	}
}

func FuzzErrata(f *testing.F) {
	feedtest.Fuzz(f, almalinux.Feed(), "almalinux/8/errata.full.json", "errata.full.json")
}
