package nvd_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/nvd"
)

func TestRecords(t *testing.T) {
	s, l := feedtest.Read(t, nvd.Feed(), "nvd/nvdcve-2.0-2021.json", feedtest.Testdata(t, "nvdcve-2.0-2021.json"))
	if l.Documents != 3 || len(l.Problems) != 0 || l.Dated.Format("2006-01-02") != "2025-06-25" {
		t.Fatalf("%d documents of %v, problems %v", l.Documents, l.Dated, l.Problems)
	}
	c := s.CVEs["CVE-2021-44228"]
	if c.Status != "Analyzed" || c.Rejected || c.KEV == nil || c.KEV.Added != "2021-12-10" || c.KEV.Due != "2021-12-24" || !strings.HasPrefix(c.KEV.Action, "For all affected") {
		t.Errorf("got %+v, KEV %+v", c, c.KEV)
	}
	if diff := cmp.Diff(&advisory.SSVC{Exploitation: "active", Automatable: "yes", TechnicalImpact: "total"}, c.SSVC); diff != "" {
		t.Error(diff)
	}
	s, _ = feedtest.Read(t, nvd.Feed(), "nvd/nvdcve-2.0-2025.json", feedtest.Testdata(t, "nvdcve-2.0-2025.json"))
	c = s.CVEs["CVE-2025-0168"]
	var got []string
	for _, v := range c.Severity {
		got = append(got, v.Type+" "+v.Source+" "+v.Score[:min(len(v.Score), 12)])
	}
	want := []string{"CVSS_V3 NVD CVSS:3.1/AV:", "CVSS_V3 cna@vuldb.com CVSS:3.1/AV:", "CVSS_V4 cna@vuldb.com CVSS:4.0/AV:", "CVSS_V2 cna@vuldb.com AV:N/AC:L/Au"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !s.CVEs["CVE-2025-23124"].Rejected || s.CVEs["CVE-2025-22144"].Rejected {
		t.Error("which one is rejected was mistaken")
	}
	s, _ = feedtest.Read(t, nvd.Feed(), "nvd/api/0-2.json", feedtest.Testdata(t, "page.json"))
	if c := s.CVEs["CVE-2023-45602"]; c.Status != "Awaiting Analysis" || len(c.Severity) != 1 || c.Severity[0].Source == "NVD" || c.Published.Year() != 2023 {
		t.Errorf("got %+v", c)
	}
	s, _ = feedtest.Read(t, nvd.Feed(), "nvd/nvdcve-2.0-2002.json.gz", feedtest.Testdata(t, "nvdcve-2.0-2002.json.gz"))
	if c := s.CVEs["CVE-1999-0095"]; c.Status != "Deferred" || len(c.Severity) != 1 || c.Severity[0].Type != "CVSS_V2" {
		t.Errorf("got %+v", c)
	}
}

// TestChanges reads the feed of changes before the year's, as an import does: of two records the newer one holds.
func TestChanges(t *testing.T) {
	kind := nvd.Feed()
	s := &feedtest.Sink{}
	told := form.Replaced{}
	var rows []int
	for _, n := range []string{"nvdcve-2.0-modified.json.gz", "nvdcve-2.0-2021.json"} {
		b := feedtest.Testdata(t, n)
		l, err := form.Read(t.Context(), kind, form.Source{File: "nvd/" + n, At: bytes.NewReader(b), Size: int64(len(b)), Sink: s, Replaced: told})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, l.Rows)
	}
	if !kind.HoldsChanges("nvd/nvdcve-2.0-modified.json.gz") || kind.HoldsChanges("nvd/nvdcve-2.0-2021.json.gz") {
		t.Error("which file holds changes was mistaken")
	}
	if rows[0] != 2 || rows[1] != 2 {
		t.Errorf("rows %v, want 2 and 2: one of the year is older", rows)
	}
	if c := s.CVEs["CVE-2021-3002"]; !strings.HasPrefix(c.Description, "UPDATED") {
		t.Errorf("got %q", c.Description)
	}
	if c := s.CVEs["CVE-2021-23814"]; strings.HasPrefix(c.Description, "STALE") {
		t.Errorf("got %q", c.Description)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"no_list", `{"format": "NVD_CVE"}`},
		{"cut", `{"vulnerabilities": [{"cve": {"id": "CVE-2024-0001"}}`},
		{"list", `[]`},
		{"two", `{"vulnerabilities": []}{}`},
		{"no_id", `{"vulnerabilities": [{"cve": {}}]}`},
	} {
		_, err := form.Read(t.Context(), nvd.Feed(), form.Source{File: "nvd/nvdcve-2.0-2024.json", At: strings.NewReader(c.text), Size: int64(len(c.text)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func FuzzFeed(f *testing.F) {
	feedtest.Fuzz(f, nvd.Feed(), "nvd/nvdcve-2.0-2024.json", "nvdcve-2.0-2021.json", "nvdcve-2.0-2025.json", "page.json", "nvdcve-2.0-2002.json.gz")
}
