package bottlerocket_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/bottlerocket"
	"hinomi/internal/source/feed/feedtest"
)

func fixedIn(v string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: v}}}}
}

func TestErrata(t *testing.T) {
	s, l := feedtest.Read(t, bottlerocket.Feed(), "bottlerocket/updateinfo.xml", feedtest.Testdata(t, "packages.xml"))
	if len(l.Problems) != 0 || !slices.Equal(l.Ecosystems, []string{"Bottlerocket"}) {
		t.Errorf("got %+v", l)
	}
	want := advisory.Affected{
		Ecosystem: "Bottlerocket", Package: "glibc", State: advisory.StateFixed, Arches: []string{"aarch64", "x86_64"},
		Ranges: fixedIn("1:2.43-1.1773716061.e2e9d7a9.br1"),
	}
	if diff := cmp.Diff(want, s.Affected(t, "BRSA-kdg8bd1th2gb", "", "glibc")); diff != "" {
		t.Error(diff)
	}
	s.Affected(t, "BRSA-kdg8bd1th2gb", "", "bottlerocket-glibc")
	if a := s.Named(t, "BRSA-bbybjyf8opyg"); !a.Errata || len(a.CVEs()) != 0 {
		t.Errorf("an erratum without a CVE is no vulnerability: %+v", a)
	}
}

// TestImage: the errata of 2020 give the version of the image.
func TestImage(t *testing.T) {
	s, _ := feedtest.Read(t, bottlerocket.Feed(), "bottlerocket/updateinfo.xml.gz", feedtest.Testdata(t, "updateinfo.xml.gz"))
	want := advisory.Affected{
		Ecosystem: "Bottlerocket", Package: bottlerocket.Image, State: advisory.StateFixed, Arches: []string{"aarch64", "x86_64"}, Ranges: fixedIn("0.3.3"),
	}
	a := s.Named(t, "GHSA-mgxf-pj6m-9494")
	if diff := cmp.Diff([]advisory.Affected{want}, a.Affected); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(a.CVEs(), []string{"CVE-2020-10711"}) {
		t.Errorf("CVEs %q", a.CVEs())
	}
	several := `<updates><update><id>X</id><pkglist><collection><package arch="x86_64" name="kernel" version="0.3.3" release="b7d91846"/>` +
		`<package arch="x86_64" name="runc" version="0.3.3" release="b7d91846"/><package arch="x86_64" name="glibc" version="2.43" release="1.br1"/></collection></pkglist></update></updates>`
	s, _ = feedtest.Read(t, bottlerocket.Feed(), "bottlerocket/updateinfo.xml", []byte(several))
	a = s.Named(t, "X")
	if len(a.Affected) != 2 || a.Affected[0].Package != bottlerocket.Image || a.Affected[1].Package != "glibc" || a.Details != "Packages of the image: kernel, runc" {
		t.Errorf("got %+v", a)
	}
}

func FuzzErrata(f *testing.F) {
	feedtest.Fuzz(f, bottlerocket.Feed(), "bottlerocket/updateinfo.xml", "packages.xml", "updateinfo.xml.gz")
}
