package cve_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/cve"
	"hinomi/internal/source/feed/feedtest"
)

func TestKnownExploited(t *testing.T) {
	c, err := cve.Parse(feedtest.Testdata(t, "CVE-2011-0611.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&advisory.KEV{Added: "2022-03-03"}, c.KEV); diff != "" {
		t.Error(diff)
	}
	if c, err = cve.Parse(feedtest.Testdata(t, "CVE-2024-43795.json")); err != nil || c.KEV != nil {
		t.Errorf("got %+v, %v", c.KEV, err)
	}
}

// TestList reads the CVE list as its repository is served: four records beside the list's own indexes.
func TestList(t *testing.T) {
	b := feedtest.Unzip(t, feedtest.Shared(t, "feeds/samples/mitre.zip"))["mitre/cve/v5/cvelistV5-main.tar.gz"]
	s, l := feedtest.Read(t, cve.Feed(), "cve/cvelistV5-main.tar.gz", b)
	if l.Documents != 4 || len(l.Problems) != 0 {
		t.Fatalf("%d documents, problems %v", l.Documents, l.Problems)
	}
	c := s.CVEs["CVE-2023-0001"]
	want := []advisory.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:H/I:N/A:H", Source: "palo_alto"}}
	if diff := cmp.Diff(want, c.Severity); diff != "" || c.Description == "" || !cmp.Equal(c.CWEs, []string{"CWE-319"}) {
		t.Errorf("got %+v\n%s", c, diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, n := range []string{"CVE-2011-0611.json", "CVE-2021-44529.json", "CVE-2024-43795.json"} {
		f.Add(feedtest.Testdata(f, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := cve.Parse(b); err == nil && c.ID == "" {
			t.Error("a record without an id")
		}
	})
}
