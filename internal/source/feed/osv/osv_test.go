package osv_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/osv"
)

func parse(t *testing.T, name string) *advisory.Advisory {
	t.Helper()
	a, err := osv.Parse(feedtest.Testdata(t, name+".json"), "osv/x")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOSVDocuments holds the reader to what real documents taught.
func TestOSVDocuments(t *testing.T) {
	t.Run("cves_in_related", func(t *testing.T) {
		a := parse(t, "ALSA-2021_4647")
		if len(a.Aliases) != 0 || len(a.CVEs()) < 2 || !a.Errata || len(a.Severity) != 0 {
			t.Errorf("got %+v", a)
		}
		for _, c := range a.CVEs() {
			if !strings.HasPrefix(c, "CVE-") {
				t.Errorf("CVE %q", c)
			}
		}
	})
	t.Run("erratum_without_cve", func(t *testing.T) {
		if a := parse(t, "ALBA-2020_5502"); !a.Errata || len(a.CVEs()) != 0 {
			t.Errorf("got CVEs %q", a.CVEs())
		}
	})
	t.Run("module_build", func(t *testing.T) {
		a := parse(t, "ALBA-2019_4266")
		if len(a.Affected) == 0 || a.Affected[0].Module == "" || a.Affected[0].Release != "8" {
			t.Errorf("got %+v", a.Affected)
		}
	})
	t.Run("severity_word_in_summary", func(t *testing.T) {
		if a := parse(t, "RLSA-2023_0005"); a.Word != "Important" || a.Affected[0].Ecosystem != "Rocky Linux" || a.Affected[0].Release != "9" {
			t.Errorf("got %q, %+v", a.Word, a.Affected)
		}
	})
	t.Run("empty_interval_kept_in_order", func(t *testing.T) {
		want := []advisory.Event{{Introduced: "0.23.0"}, {Fixed: "0.23.0"}, {Introduced: "0.23.13"}, {Fixed: "0.23.18"}}
		if diff := cmp.Diff(want, parse(t, "RUSTSEC-2024-0399").Affected[0].Ranges[0].Events); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("informational", func(t *testing.T) {
		if a := parse(t, "RUSTSEC-2016-0004"); a.Kind != "unmaintained" {
			t.Errorf("kind %q", a.Kind)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		if a := parse(t, "RUSTSEC-2019-0031"); a.Withdrawn.IsZero() {
			t.Error("not withdrawn")
		}
	})
	t.Run("year_one_is_not_said", func(t *testing.T) {
		a := parse(t, "GO-2022-0617")
		if !a.Modified.IsZero() || !a.Published.IsZero() || a.Withdrawn.IsZero() {
			t.Errorf("got modified %v, published %v, withdrawn %v", a.Modified, a.Published, a.Withdrawn)
		}
	})
	t.Run("git_ranges_left_out", func(t *testing.T) {
		a := parse(t, "PYSEC-2020-232")
		if n := len(a.Affected[0].Ranges); n != 1 || a.Affected[0].Ranges[0].Type != "ECOSYSTEM" {
			t.Errorf("got %d ranges: %+v", n, a.Affected[0].Ranges)
		}
	})
	t.Run("last_affected", func(t *testing.T) {
		r := parse(t, "PYSEC-2024-282").Affected[0].Ranges[0]
		if !slices.ContainsFunc(r.Events, func(e advisory.Event) bool { return e.LastAffected != "" }) {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("modified_in_the_future", func(t *testing.T) {
		if a := parse(t, "PYSEC-2025-19"); a.Modified.Before(time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("modified %v: not the future any more", a.Modified)
		}
	})
	t.Run("cpe_ecosystem", func(t *testing.T) {
		f := parse(t, "RHEA-2024_1870").Affected[0]
		if f.Ecosystem != "Red Hat" || f.Release != "ocp_tools:4.15::el9" {
			t.Errorf("got %q %q", f.Ecosystem, f.Release)
		}
	})
	t.Run("versions_beside_ranges", func(t *testing.T) {
		f := parse(t, "UBUNTU-CVE-2024-51988").Affected[0]
		if f.Release != "20.04:LTS" || len(f.Versions) < 2 || len(f.Ranges) != 1 {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("severity_of_package", func(t *testing.T) {
		if f := parse(t, "BIT-powershell-2023-21538").Affected[0]; len(f.Severity) == 0 || f.Severity[0].Type != "CVSS_V3" {
			t.Errorf("got %+v", f.Severity)
		}
	})
	t.Run("ghsa_word_and_cwe", func(t *testing.T) {
		if a := parse(t, "GHSA-rhrv-645h-fjfh"); a.Word == "" || len(a.CWEs) == 0 {
			t.Errorf("word %q, CWEs %q", a.Word, a.CWEs)
		}
	})
	for _, bad := range []string{"", "null", "[]", `{"id":""}`, `{"id":1}`, "{"} {
		if _, err := osv.Parse([]byte(bad), "x"); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

func FuzzOSV(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := osv.Parse(b, "x")
		if err != nil {
			if !errors.Is(err, form.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if a.ID == "" {
			t.Fatal("an advisory without id")
		}
		a.CVEs()
	})
}
