package ignore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/finding"
	"hinomi/internal/source/ignore"
)

func read(t *testing.T, text string) *ignore.List {
	t.Helper()
	l, err := ignore.Read("ignore.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func findings() []finding.Finding {
	p := func(name, version, purl string) finding.VulnerablePackage {
		return finding.VulnerablePackage{Name: name, Version: version, PURL: purl, SourceName: "source-of-" + name}
	}
	return []finding.Finding{
		{ID: "aa", Package: &finding.Package{VulnerabilityID: "CVE-2021-44228", Advisories: []string{"GHSA-jfh8-c2jp-5v3q"}, Packages: []finding.VulnerablePackage{
			p("org.apache.logging.log4j:log4j-core", "2.14.1", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"),
			p("shaded", "1", "pkg:maven/x/shaded@1?type=jar"),
		}}},
		{ID: "bb", Package: &finding.Package{VulnerabilityID: "CVE-2023-0001", Packages: []finding.VulnerablePackage{p("curl", "1", "pkg:deb/debian/curl@1?arch=amd64")}}},
		{ID: "cc", Rule: &finding.Rule{ID: "EC2_IMDSV2_CHECK"}},
	}
}

func TestApply(t *testing.T) {
	now := time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, text string
		kept       string // ids, with the packages that are left
		expired    int
	}{
		{"nothing", "", "aa:2 bb:1 cc:0", 0},
		{"id", "- {id: cve-2023-0001, reason: r}", "aa:2 cc:0", 0},
		{"advisory", "- {id: GHSA-jfh8-c2jp-5v3q, reason: r}", "bb:1 cc:0", 0},
		{"open_end", "- {id: CVE-2021-*, reason: r}", "bb:1 cc:0", 0},
		{"rule", "- {id: EC2_IMDSV2_CHECK, reason: r}", "aa:2 bb:1", 0},
		{"finding", "- {id: bb, reason: r}", "aa:2 cc:0", 0},
		{"one_of_two_packages", "- {id: CVE-2021-44228, package: pkg:maven/org.apache.logging.log4j/log4j-core, reason: r}", "aa:1 bb:1 cc:0", 0},
		{"both_packages", "- {id: CVE-2021-44228, package: pkg:maven/org.apache.logging.log4j/log4j-core, reason: r}\n- {id: CVE-2021-44228, purl: pkg:maven/x/shaded@1, reason: r}", "bb:1 cc:0", 0},
		{"other_version", "- {id: CVE-2021-44228, package: pkg:maven/x/shaded@2, reason: r}", "aa:2 bb:1 cc:0", 0},
		{"qualifier", "- {id: CVE-2023-0001, package: 'pkg:deb/debian/curl?arch=arm64', reason: r}", "aa:2 bb:1 cc:0", 0},
		{"plain_name", "- {id: CVE-2023-0001, package: curl, reason: r}", "aa:2 cc:0", 0},
		{"source_name", "- {id: CVE-2023-0001, package: source-of-curl, reason: r}", "aa:2 cc:0", 0},
		{"rule_and_package", "- {id: EC2_IMDSV2_CHECK, package: curl, reason: r}", "aa:2 bb:1 cc:0", 0},
		{"last_day", "- {id: CVE-2023-0001, expires: 2026-06-30, reason: r}", "aa:2 cc:0", 0},
		{"a_day_late", "- {id: CVE-2023-0001, expires: 2026-06-29, reason: r}", "aa:2 bb:1 cc:0", 1},
		{"late_for_a_package", "- {id: CVE-2023-0001, package: curl, expires: 2026-06-29, reason: r}", "aa:2 bb:1 cc:0", 1},
		{"late_for_nothing", "- {id: CVE-1999-1, expires: 2026-06-29, reason: r}", "aa:2 bb:1 cc:0", 0},
		{"a_time", "- {id: CVE-2023-0001, expires: '2026-06-30T22:59:59Z', reason: r}", "aa:2 bb:1 cc:0", 1},
		{"an_object", "ignore:\n  - id: CVE-2023-0001\n    reason: r\n", "aa:2 cc:0", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := findings()
			out := read(t, c.text).Apply(in, now)
			var got []string
			for _, f := range out.Kept {
				n := 0
				if f.Package != nil {
					n = len(f.Package.Packages)
				}
				got = append(got, f.ID+":"+string(rune('0'+n)))
			}
			if strings.Join(got, " ") != c.kept || len(out.Expired) != c.expired {
				t.Errorf("kept %v, %d expired; want %s, %d", got, len(out.Expired), c.kept, c.expired)
			}
			ignored := 0
			for _, n := range out.Ignored {
				ignored += n
			}
			if ignored+len(out.Kept) != len(in) || len(in[0].Package.Packages) != 2 {
				t.Errorf("%d ignored and %d kept of %d; the findings themselves were changed: %v", ignored, len(out.Kept), len(in), len(in[0].Package.Packages) != 2)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no_reason":      "- {id: CVE-1}",
		"no_id":          "- {reason: r}",
		"everything":     "- {id: '*', reason: r}",
		"misspelt":       "- {id: CVE-1, reason: r, expire: 2026-01-01}",
		"no_day":         "- {id: CVE-1, reason: r, expires: soon}",
		"no_purl":        "- {id: CVE-1, reason: r, package: 'pkg:'}",
		"twice":          "- {id: CVE-1, reason: r, package: a, purl: pkg:npm/a}",
		"not_yaml":       "\t- {",
		"text":           "hello",
		"other_object":   "rules: []",
		"too_large":      strings.Repeat("# x\n", ignore.MaxSize/4+1),
		"second_is_bad":  "- {id: CVE-1, reason: r}\n- {id: CVE-2}",
		"misspelt_inner": "ignore:\n- {id: CVE-1, reason: r, packge: x}",
	} {
		if _, err := ignore.Read(name, strings.NewReader(text)); !errors.Is(err, ignore.ErrFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := len(read(t, "# nothing yet\n").Entries()); n != 0 {
		t.Errorf("%d entries in an empty file", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("- id: CVE-2021-44228\n  package: pkg:npm/a@1?x=y\n  expires: 2026-12-31\n  reason: r\n"))
	f.Add([]byte("ignore:\n- {id: 'CVE-*', reason: r}"))
	f.Add([]byte("a: &a [x, x]\nb: [*a, *a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ignore.Read("x", strings.NewReader(string(b)))
		if err != nil {
			if !errors.Is(err, ignore.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if slices.ContainsFunc(l.Entries(), func(e ignore.Entry) bool { return e.ID == "" || e.Reason == "" }) {
			t.Fatalf("entries %+v", l.Entries())
		}
		if out := l.Apply(findings(), time.Unix(0, 0)); len(out.Kept) > len(findings()) {
			t.Fatal("more findings than there were")
		}
	})
}
