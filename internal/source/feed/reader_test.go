package feed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed"
	"hinomi/internal/source/feed/cve"
	"hinomi/internal/source/feed/endoflife"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/osv"
)

func parse(t *testing.T, name string) *advisory.Advisory {
	t.Helper()
	a, err := osv.Parse(testdata(t, "osv/"+name+".json"), "osv/x")
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
		_, rep := mustImport(t, folder(t, map[string][]byte{"osv/PyPI/all.zip": zipOf(t, "osv/PYSEC-2025-19.json")}))
		if f := rep.Feeds[0]; f.AsOf.After(now()) || f.Published.After(now()) {
			t.Errorf("the feed speaks of %v, published %v: the future", f.AsOf, f.Published)
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
		if _, err := osv.Parse([]byte(bad), "x"); !errors.Is(err, feed.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

func TestKEV(t *testing.T) {
	s, rep := mustImport(t, folder(t, map[string][]byte{"kev/k.json": testdata(t, "kev/known_exploited_vulnerabilities.json")}))
	c := s.CVEs["CVE-2020-5902"]
	if c.KEV == nil || c.KEV.Added != "2021-11-03" || c.KEV.Due == "" || c.KEV.Action == "" {
		t.Errorf("got %+v", c.KEV)
	}
	if !rep.Feeds[0].Published.Equal(time.Date(2026, 8, 21, 17, 46, 43, 601900000, time.UTC)) {
		t.Errorf("published %v", rep.Feeds[0].Published)
	}
	cut := bytes.Replace(testdata(t, "kev/known_exploited_vulnerabilities.json"), []byte(`"count": 3`), []byte(`"count": 801`), 1)
	if _, err := feed.Import(t.Context(), folder(t, map[string][]byte{"kev/k.json": cut}), &sink{}, feed.Options{Now: now()}); !errors.Is(err, feed.ErrFormat) {
		t.Errorf("a catalog of three entries that says 801: got %v, want ErrFormat", err)
	}
}

func TestEPSS(t *testing.T) {
	for _, c := range []struct {
		file string
		want advisory.EPSS
	}{
		{"epss_scores-2021-04-14.csv.gz", advisory.EPSS{Score: 0.65117, Date: "2021-04-14"}},
		{"epss_scores-2021-09-01.csv.gz", advisory.EPSS{Score: 0.65117, Percentile: 0.9981063485700858, Date: "2021-09-01"}},
		{"epss_scores-2022-02-04.csv.gz", advisory.EPSS{Score: 0.96817, Percentile: 0.99999, Date: "2022-02-04"}},
		{"epss_scores-2023-03-07.csv.gz", advisory.EPSS{Score: 0.97567, Percentile: 0.99995, Date: "2023-03-07"}},
	} {
		s, _ := mustImport(t, folder(t, map[string][]byte{"epss/" + c.file: testdata(t, "epss/"+c.file)}))
		got := s.CVEs["CVE-2020-5902"]
		if diff := cmp.Diff(&c.want, got.EPSS); diff != "" {
			t.Errorf("%s: %s", c.file, diff)
		}
	}
	s, _ := mustImport(t, folder(t, map[string][]byte{"epss/epss_kev_subset.csv": testdata(t, "epss/epss_kev_subset.csv")}))
	if e := s.CVEs["CVE-2025-62593"].EPSS; e == nil || e.Score != 0.01015 || e.Percentile != 0.60644 {
		t.Errorf("subset: got %+v", e)
	}
	for _, bad := range []string{"", "a,b\n1,2\n", "cve,epss\nCVE-1-1,2\nCVE-1-2,x\n", "cve,epss\n\"CVE-2020-1,0.1\n"} {
		_, err := feed.Import(t.Context(), folder(t, map[string][]byte{"epss/e.csv": []byte(bad)}), &sink{}, feed.Options{Now: now()})
		if !errors.Is(err, feed.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

func TestCVE(t *testing.T) {
	c, err := cve.Parse(testdata(t, "cve/CVE-2011-0611.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.SSVC == nil || *c.SSVC != (advisory.SSVC{Exploitation: "active", Automatable: "no", TechnicalImpact: "total"}) {
		t.Errorf("SSVC %+v", c.SSVC)
	}
	if !slices.Contains(c.Severity, advisory.Severity{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", Source: "CISA-ADP"}) {
		t.Errorf("severity %+v", c.Severity)
	}
	c, err = cve.Parse(testdata(t, "cve/CVE-2021-44529.json"))
	if err != nil || c.SSVC == nil || c.SSVC.Exploitation != "active" {
		t.Errorf("word in capitals: %+v, %v", c.SSVC, err)
	}
	c, err = cve.Parse(testdata(t, "cve/CVE-2024-43795.json"))
	if err != nil || !slices.ContainsFunc(c.Severity, func(s advisory.Severity) bool { return s.Type == "CVSS_V4" }) || c.Description == "" {
		t.Errorf("CVSS 4: %+v, %v", c, err)
	}
}

func TestEndOfLife(t *testing.T) {
	l, err := endoflife.Parse("almalinux", testdata(t, "endoflife/almalinux.md"))
	if err != nil || len(l) != 3 {
		t.Fatalf("got %d releases, %v", len(l), err)
	}
	want := advisory.Lifecycle{Product: "almalinux", Release: "8", EOL: time.Date(2029, 5, 31, 0, 0, 0, 0, time.UTC), Source: "endoflife.date/almalinux"}
	if diff := cmp.Diff(want, l[2]); diff != "" {
		t.Error(diff)
	}
	l, err = endoflife.Parse("x", []byte("---\nreleases:\n- releaseCycle: \"1\"\n  eol: true\n- releaseCycle: \"2\"\n  eol: false\n---\n"))
	if err != nil || len(l) != 2 || !advisory.IsUndated(l[0].EOL) || !l[1].EOL.IsZero() {
		t.Errorf("booleans: %+v, %v", l, err)
	}
	s, _ := mustImport(t, folder(t, map[string][]byte{"eol/products.json": testdata(t, "endoflife/full.json")}))
	if !slices.ContainsFunc(s.Lifecycles, func(l advisory.Lifecycle) bool {
		return l.Product == "ubuntu" && l.Release == "24.04" && l.EOL.Equal(time.Date(2029, 4, 25, 0, 0, 0, 0, time.UTC)) && l.Extended.Year() == 2036
	}) {
		t.Errorf("API: %+v", s.Lifecycles)
	}
}

func TestUpdateinfo(t *testing.T) {
	s, rep := mustImport(t, folder(t, map[string][]byte{
		"updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz":             testdata(t, "updateinfo/updateinfo_2023.xml.gz"),
		"updateinfo/Amazon Linux/2023/kernel-livepatch/updateinfo.xml.gz": testdata(t, "updateinfo/updateinfo_2023_kernel-livepatch.xml.gz"),
		"updateinfo/Amazon Linux/2/core/updateinfo.xml.gz":                testdata(t, "updateinfo/updateinfo_2.xml.gz"),
	}))
	a := s.Named(t, "ALAS2023-2023-001")
	if diff := cmp.Diff([]string{"CVE-2014-3634", "CVE-2022-24903"}, a.CVEs()); diff != "" || a.Word != "Important" {
		t.Errorf("CVEs %s, word %q", diff, a.Word)
	}
	i := slices.IndexFunc(a.Affected, func(f advisory.Affected) bool { return f.Package == "rsyslog" })
	want := advisory.Affected{
		Ecosystem: "Amazon Linux", Release: "2023", Package: "rsyslog", State: advisory.StateFixed, Arches: []string{"aarch64", "i686", "x86_64"},
		Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "8.2204.0-3.amzn2023.0.2"}}}},
	}
	if i < 0 {
		t.Fatal("no rsyslog")
	}
	if diff := cmp.Diff(want, a.Affected[i]); diff != "" {
		t.Error(diff)
	}
	if f := s.Named(t, "ALAS2023LIVEPATCH-2023-001").Affected[0]; f.Repo != "kernel-livepatch" {
		t.Errorf("livepatch: %+v", f)
	}
	if len(rep.Feeds) != 3 || rep.Feeds[0].Ecosystems[0] != "Amazon Linux:2" {
		t.Errorf("feeds %+v", rep.Feeds)
	}
}

// fuzzFile feeds arbitrary bytes to the reader of one path: it must end, without panic, in an error or a result.
func fuzzFile(f *testing.F, path string, seeds ...string) {
	for _, s := range seeds {
		b := testdata(f, s)
		if strings.HasSuffix(s, ".gz") {
			b = feedtest.Gunzip(f, b)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := feed.ImportBytes(t.Context(), path, b, &sink{}, feed.Options{Now: now()})
		if err != nil && !errors.Is(err, feed.ErrFormat) && !errors.Is(err, feed.ErrLimit) {
			t.Fatalf("%v: neither ErrFormat nor ErrLimit", err)
		}
	})
}

func FuzzKEV(f *testing.F) { fuzzFile(f, "kev/k.json", "kev/known_exploited_vulnerabilities.json") }

func FuzzEPSS(f *testing.F) {
	fuzzFile(f, "epss/e.csv", "epss/epss_kev_subset.csv", "epss/epss_scores-2021-04-14.csv.gz", "epss/epss_scores-2023-03-07.csv.gz")
}

func FuzzEndOfLifeAPI(f *testing.F) { fuzzFile(f, "eol/p.json", "endoflife/full.json") }

func FuzzArchive(f *testing.F) {
	f.Add(zipOf(f, "osv/GO-2024-2963.json"))
	f.Add(zipOf(f, "osv/GO-2022-0617.json", "osv/RUSTSEC-2024-0399.json"))
	fuzzFile(f, "osv/Go/all.zip")
}

func FuzzOSV(f *testing.F) {
	names, err := filepath.Glob("osv/testdata/*.json")
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
			if !errors.Is(err, feed.ErrFormat) {
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

func FuzzCVE(f *testing.F) {
	for _, n := range []string{"CVE-2011-0611", "CVE-2021-44529", "CVE-2024-43795"} {
		f.Add(testdata(f, "cve/"+n+".json"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := cve.Parse(b); err == nil && c.ID == "" {
			t.Fatal("a CVE without id")
		}
	})
}

func FuzzEndOfLife(f *testing.F) {
	f.Add(testdata(f, "endoflife/almalinux.md"))
	f.Add(testdata(f, "endoflife/debian.md"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := endoflife.Parse("x", b); err != nil && !errors.Is(err, feed.ErrFormat) {
			t.Fatal(err)
		}
	})
}
