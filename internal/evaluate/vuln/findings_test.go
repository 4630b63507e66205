package vuln_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

func instance() asset.Ref {
	return asset.Ref{Account: "111122223333", Region: "us-east-1", Kind: asset.KindInstance, ID: "i-0123456789abcdef0"}
}

// opensslWorld is one erratum with two CVEs about two binary packages of one source.
func opensslWorld() (world, *inventory.Inventory) {
	a := advisory.Advisory{
		Source: "osv/AlmaLinux", ID: "ALSA-2026:1", Related: []string{"CVE-2026-0001", "CVE-2026-0002"}, Errata: true, Word: "Moderate",
		Summary: "Moderate: openssl security update", Details: "the erratum's text", URLs: []string{"https://errata.almalinux.org/9/ALSA-2026-1.html"},
	}
	for _, p := range []string{"openssl", "openssl-libs"} {
		a.Affected = append(a.Affected, advisory.Affected{Ecosystem: "AlmaLinux", Release: "9", Package: p, State: advisory.StateFixed, Ranges: span("introduced 0", "fixed 1:3.0.7-2.el9")})
	}
	w := world{
		feeds: []advisory.Feed{feedOf("osv/AlmaLinux", "AlmaLinux:9")}, advisories: []advisory.Advisory{a},
		cves: []advisory.CVE{{
			ID: "CVE-2026-0001", Description: "the CVE's text", CWEs: []string{"CWE-787"},
			Severity: []advisory.Severity{
				{Type: "CVSS_V4", Score: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Source: "openssl"},
				{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Source: "CISA-ADP"},
			},
			EPSS: &advisory.EPSS{Score: 0.5, Percentile: 0.97, Date: "2026-08-21"}, KEV: &advisory.KEV{Added: "2026-08-01", Due: "2026-08-22"},
			SSVC: &advisory.SSVC{Exploitation: "active", Automatable: "no", TechnicalImpact: "total"},
		}},
	}
	inv := &inventory.Inventory{OS: inventory.OS{ID: "almalinux", VersionID: "9.4"}, Packages: []inventory.Package{
		{Ecosystem: inventory.AlmaLinux, Name: "openssl", Version: "1:3.0.7-1.el9", Arch: "x86_64", SourceName: "openssl"},
		{Ecosystem: inventory.AlmaLinux, Name: "openssl-libs", Version: "1:3.0.7-1.el9", Arch: "x86_64", SourceName: "openssl"},
	}}
	return w, inv
}

func TestFindings(t *testing.T) {
	w, inv := opensslWorld()
	db := w.open(t)
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	got, err := vuln.Findings(&res, instance(), db, now())
	if err != nil || len(got) != 2 {
		t.Fatalf("got %d findings, want one for each CVE of the source package; %v", len(got), err)
	}
	f := got[0]
	want := &finding.Package{
		VulnerabilityID: "CVE-2026-0001", Advisories: []string{"ALSA-2026:1"}, Source: "osv/AlmaLinux", SourceURL: "https://errata.almalinux.org/9/ALSA-2026-1.html",
		Related: []string{"CVE-2026-0002"},
		Packages: []finding.VulnerablePackage{
			{Ecosystem: "AlmaLinux", Name: "openssl", Version: "1:3.0.7-1.el9", Arch: "x86_64", SourceName: "openssl", FixedVersion: "1:3.0.7-2.el9"},
			{Ecosystem: "AlmaLinux", Name: "openssl-libs", Version: "1:3.0.7-1.el9", Arch: "x86_64", SourceName: "openssl", FixedVersion: "1:3.0.7-2.el9"},
		},
		CVSS: []finding.CVSS{
			{Version: "4.0", Score: 9.3, Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Source: "openssl"},
			{Version: "3.1", Score: 9.8, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Source: "CISA-ADP"},
		},
		VendorSeverity: "Moderate", SeveritySource: "CVSS 3.1 of CISA-ADP", FixAvailable: "YES", ExploitAvailable: "YES", EPSS: 0.5, EPSSPercentile: 0.97,
		KEVAdded: "2026-08-01", KEVDue: "2026-08-22", ExploitObserved: "YES", SSVC: "active", SSVCAutomatable: "no", SSVCImpact: "total", SSVCDecision: "Attend", CWEs: []string{"CWE-787"},
	}
	if diff := cmp.Diff(want, f.Package); diff != "" {
		t.Error(diff)
	}
	if f.Severity != finding.Critical || f.Score != 9.8 || f.Title != "CVE-2026-0001 - openssl, openssl-libs" || f.Description != "the CVE's text" ||
		f.Remediation != "Update openssl to 1:3.0.7-2.el9, openssl-libs to 1:3.0.7-2.el9 or later." {
		t.Errorf("got %+v", f)
	}
	if want := []string{
		"ALSA-2026:1 (AlmaLinux:9, openssl): 1:3.0.7-1.el9 < 1:3.0.7-2.el9 (rpm); range: introduced 0, fixed 1:3.0.7-2.el9; in openssl",
		"ALSA-2026:1 (AlmaLinux:9, openssl-libs): 1:3.0.7-1.el9 < 1:3.0.7-2.el9 (rpm); range: introduced 0, fixed 1:3.0.7-2.el9; in openssl-libs",
	}; !slices.Equal(f.Why, want) {
		t.Errorf("why %q", f.Why)
	}
	// The other CVE has no record: the publisher's word counts, and the text is the erratum's.
	if g := got[1]; g.Severity != finding.Medium || g.Package.SeveritySource != "osv/AlmaLinux (Moderate)" || g.Description != "the erratum's text" || g.Package.ExploitAvailable != "" {
		t.Errorf("got %+v, %+v", g, g.Package)
	}
}

// TestFingerprint keeps a finding's ID while what does not name it changes: time, order of packages, an update that does not mend it.
func TestFingerprint(t *testing.T) {
	w, inv := opensslWorld()
	db := w.open(t)
	ids := func(inv *inventory.Inventory, ref asset.Ref) []string {
		res := vuln.Match(inv, db, vuln.Options{Now: now()})
		got, err := vuln.Findings(&res, ref, db, now())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range got {
			out = append(out, f.ID)
		}
		slices.Sort(out)
		return out
	}
	first := ids(inv, instance())
	slices.Reverse(inv.Packages)
	inv.Packages[0].Version = "1:3.0.7-1.el9_1"
	if diff := cmp.Diff(first, ids(inv, instance())); diff != "" {
		t.Errorf("the IDs changed: %s", diff)
	}
	other := instance()
	other.ID = "i-2"
	if slices.Equal(first, ids(inv, other)) {
		t.Error("two instances share IDs")
	}
	inv.Packages = inv.Packages[:1]
	if diff := cmp.Diff(first, ids(inv, instance())); diff != "" {
		t.Errorf("one of two packages was mended, the finding stays: %s", diff)
	}
}

// TestSeverity holds the order in which severities count.
func TestSeverity(t *testing.T) {
	const (
		v31crit = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" // 9.8
		v31high = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" // 7.5
		v30low  = "CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N" // 1.8
		v4crit  = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
		v2high  = "AV:N/AC:L/Au:N/C:P/I:P/A:P" // 7.5
	)
	v3 := func(v, by string) advisory.Severity { return advisory.Severity{Type: "CVSS_V3", Score: v, Source: by} }
	for _, c := range []struct {
		name     string
		row, doc []advisory.Severity
		cve      []advisory.Severity
		word     string
		kind     string
		cves     int
		want     finding.Severity
		source   string
	}{
		{"row_first", []advisory.Severity{v3(v31high, "")}, []advisory.Severity{v3(v31crit, "")}, nil, "low", "", 1, finding.High, "CVSS 3.1 of src"},
		{"document", nil, []advisory.Severity{v3(v31high, "")}, []advisory.Severity{v3(v31crit, "NVD")}, "low", "", 1, finding.High, "CVSS 3.1 of src"},
		{"cve_before_erratum_of_many", nil, []advisory.Severity{v3(v31crit, "")}, []advisory.Severity{v3(v31high, "NVD")}, "", "", 2, finding.High, "CVSS 3.1 of NVD"},
		{"cve", nil, nil, []advisory.Severity{v3(v31crit, "NVD")}, "low", "", 1, finding.Critical, "CVSS 3.1 of NVD"},
		{"nvd_before_others", nil, nil, []advisory.Severity{v3(v31crit, "CNA"), v3(v31high, "NVD")}, "", "", 1, finding.High, "CVSS 3.1 of NVD"},
		{"v30", nil, nil, []advisory.Severity{v3(v30low, "NVD")}, "", "", 1, finding.Low, "CVSS 3.0 of NVD"},
		{"word", nil, nil, nil, "Important", "", 1, finding.High, "src (Important)"},
		{"ubuntu_word", nil, []advisory.Severity{{Type: "Ubuntu", Score: "negligible"}}, nil, "", "", 1, finding.Informational, "src (negligible)"},
		{"ubuntu_priority_goes_first", []advisory.Severity{v3(v31crit, ""), {Type: "Ubuntu", Score: "low"}}, nil, nil, "", "", 1, finding.Low, "src (low)"},
		{"v4_beside_word", nil, []advisory.Severity{{Type: "CVSS_V4", Score: v4crit}}, nil, "moderate", "", 1, finding.Medium, "src (moderate)"},
		{"v4_alone", nil, []advisory.Severity{{Type: "CVSS_V4", Score: v4crit}}, nil, "", "", 1, finding.Critical, "CVSS 4.0 of src"},
		{"v2_alone", nil, nil, []advisory.Severity{{Type: "CVSS_V2", Score: v2high, Source: "NVD"}}, "", "", 1, finding.High, "CVSS 2.0 of NVD"},
		{"bad_vector", nil, []advisory.Severity{v3("CVSS:3.1/AV:X", "")}, nil, "", "", 1, finding.Untriaged, "no severity is published"},
		{"nothing", nil, nil, nil, "", "", 1, finding.Untriaged, "no severity is published"},
		{"strange_word", nil, nil, nil, "severe", "", 1, finding.Untriaged, "no severity is published"},
		{"notice", nil, []advisory.Severity{v3(v31crit, "")}, nil, "", "unmaintained", 0, finding.Informational, "src (unmaintained)"},
		{"unsound_is_a_flaw", nil, nil, nil, "high", "unsound", 0, finding.High, "src (high)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := advisory.Advisory{Source: "src", ID: "X-1", Severity: c.doc, Word: c.word, Kind: c.kind, Affected: []advisory.Affected{
				{Ecosystem: "crates.io", Package: "p", Severity: c.row, Ranges: span("introduced 0")},
			}}
			a.Aliases = []string{"CVE-2026-0001", "CVE-2026-0002"}[:c.cves]
			w := world{feeds: []advisory.Feed{feedOf("src", "crates.io")}, advisories: []advisory.Advisory{a}}
			if c.cve != nil {
				w.cves = []advisory.CVE{{ID: "CVE-2026-0001", Severity: c.cve}}
			}
			db := w.open(t)
			inv := &inventory.Inventory{Packages: []inventory.Package{{Ecosystem: inventory.Cargo, Name: "p", Version: "1.0.0"}}}
			res := vuln.Match(inv, db, vuln.Options{Now: now()})
			got, err := vuln.Findings(&res, instance(), db, now())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(got, func(f finding.Finding) bool { return f.Package.VulnerabilityID != "CVE-2026-0002" })
			if i < 0 || got[i].Severity != c.want || got[i].Package.SeveritySource != c.source {
				t.Errorf("got %+v, want %s by %q", got, c.want, c.source)
			}
			if got[i].Package.FixAvailable != "NO" || !strings.Contains(got[i].Remediation, "No fixed version") {
				t.Errorf("fix %q, %q", got[i].Package.FixAvailable, got[i].Remediation)
			}
		})
	}
}

// TestFixes takes the fix that ends every advisory of a finding, and says partial where only some packages have one.
func TestFixes(t *testing.T) {
	at := func(pkg string, events ...string) advisory.Affected {
		return advisory.Affected{Ecosystem: "Debian", Release: "12", Package: pkg, Ranges: span(events...)}
	}
	two := adv("D-1", at("s", "introduced 0", "fixed 2"))
	later := adv("D-2", at("s", "introduced 0", "fixed 10"))
	db := world{feeds: []advisory.Feed{feedOf("test", "Debian:12")}, advisories: []advisory.Advisory{two, later}}.open(t)
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Packages: []inventory.Package{{Ecosystem: inventory.Debian, Name: "s", Version: "1", SourceName: "s"}}}
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	got, err := vuln.Findings(&res, instance(), db, now())
	if err != nil || len(got) != 1 || got[0].Package.Packages[0].FixedVersion != "10" || len(got[0].Package.Advisories) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	open := adv("D-3", at("s", "introduced 0"))
	db = world{feeds: []advisory.Feed{feedOf("test", "Debian:12")}, advisories: []advisory.Advisory{two, open}}.open(t)
	res = vuln.Match(inv, db, vuln.Options{Now: now()})
	if got, err = vuln.Findings(&res, instance(), db, now()); err != nil || got[0].Package.FixAvailable != "NO" {
		t.Errorf("an advisory is still open: %+v, %v", got, err)
	}
}
