package fedora_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/fedora"
	"hinomi/internal/source/feed/feedtest"
)

func TestPage(t *testing.T) {
	s, l := feedtest.Read(t, fedora.Feed(), "fedora/F43-1.json", feedtest.Testdata(t, "page.json"))
	if l.Documents != 3 || l.Rows != 4 || len(l.Problems) != 0 || !cmp.Equal(l.Ecosystems, []string{"Fedora:43", "Fedora:44"}) {
		t.Fatalf("%d documents, %d rows for %q, problems %v", l.Documents, l.Rows, l.Ecosystems, l.Problems)
	}
	want := advisory.Affected{
		Ecosystem: "Fedora", Release: "43", Package: "bind", State: advisory.StateFixed, Arches: []string{"noarch", "src"},
		Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "32:9.18.41-1.fc43"}}}},
	}
	if diff := cmp.Diff(want, s.Affected(t, "FEDORA-2026-0000000001", "43", "bind")); diff != "" {
		t.Error(diff)
	}
	a := s.Named(t, "FEDORA-2026-0000000001")
	if !cmp.Equal(a.CVEs(), []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}) || a.Word != "Important" || !a.Errata || a.Published.Format("2006-01-02") != "2026-01-03" {
		t.Errorf("got %+v", a)
	}
	if f := s.Affected(t, "FEDORA-2026-0000000002", "44", "libcap"); f.State != advisory.StatePending {
		t.Errorf("in testing: got %+v", f)
	}
	if a := s.Named(t, "FEDORA-2026-0000000003"); len(a.CVEs()) != 0 || len(a.Affected) != 1 { // a security update that names no CVE
		t.Errorf("got %+v", a)
	}
	_, z := feedtest.Read(t, fedora.Feed(), "fedora/updates.zip", feedtest.Zip(t, map[string][]byte{"1.json": feedtest.Testdata(t, "page.json")}))
	if z.Documents != l.Documents || z.Rows != l.Rows {
		t.Errorf("packed: %d documents, %d rows", z.Documents, z.Rows)
	}
}

func FuzzPage(f *testing.F) {
	feedtest.Fuzz(f, fedora.Feed(), "fedora/a.json", "page.json")
}
