package vuln_test

import (
	"strings"
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
)

// TestOracleOtherLine never takes a raised epoch for a fix: what ordinary builds fix later, and no erratum of the line speaks of, is not assessed.
func TestOracleOtherLine(t *testing.T) {
	elsa := func(id, cve, repo, fixed string) advisory.Advisory {
		return advisory.Advisory{Source: "oracle/oval", ID: id, Related: []string{cve}, Errata: true, Affected: []advisory.Affected{{
			Ecosystem: "Oracle Linux", Release: "8", Package: "gnutls", Repo: repo, State: advisory.StateFixed, Arches: []string{"aarch64", "x86_64"}, Ranges: span("introduced 0", "fixed "+fixed),
		}}}
	}
	ordinary := elsa("ELSA-2022-1", "CVE-2022-0001", "", "3.6.16-5.el8")
	own := elsa("ELSA-2022-9221", "CVE-2022-0001", "fips", "10:3.6.16-5.0.1.el8_fips")
	gone := elsa("ELSA-2022-1", "CVE-2022-0001", "", "3.6.16-5.el8")
	gone.Withdrawn = now()
	for _, c := range []struct {
		name, installed string
		l               []advisory.Advisory
		matches         int
		unsaid          string
	}{
		{"later_ordinary_fix", "10:3.6.16-4.0.1.el8_fips", []advisory.Advisory{ordinary}, 0, "CVE-2022-0001"},
		{"ksplice_too", "2:3.6.16-4.0.1.ksplice1.el8", []advisory.Advisory{ordinary, own}, 1, "CVE-2022-0001"}, // the other line's row is dismissed
		{"built_with_it", "10:3.6.16-5.0.1.el8_fips", []advisory.Advisory{ordinary}, 0, ""},
		{"own_line_fixes", "10:3.6.16-4.0.1.el8_fips", []advisory.Advisory{ordinary, own}, 1, ""},
		{"own_line_fixed", "10:3.6.16-5.0.1.el8_fips", []advisory.Advisory{ordinary, own}, 0, ""},
		{"own_line_speaks_of_another", "10:3.6.16-4.0.1.el8_fips", []advisory.Advisory{ordinary, elsa("ELSA-2022-9222", "CVE-2022-0002", "fips", "10:3.6.16-4.0.1.el8_fips")}, 0, "CVE-2022-0001"},
		{"withdrawn", "10:3.6.16-4.0.1.el8_fips", []advisory.Advisory{gone}, 0, ""},
		{"unreadable", "10:3.6.16-4.0.1.el8_fips", []advisory.Advisory{elsa("ELSA-2022-3", "CVE-2022-0003", "", " ")}, 0, "ELSA-2022-3"},
	} {
		db := world{feeds: []advisory.Feed{feedOf("oracle/oval", "Oracle Linux:8")}, advisories: c.l}.open(t)
		inv := &inventory.Inventory{OS: inventory.OS{ID: "ol", VersionID: "8.9"}, Packages: []inventory.Package{{Ecosystem: inventory.Oracle, Name: "gnutls", Version: c.installed, Arch: "x86_64"}}}
		res := vuln.Match(inv, db, vuln.Options{Now: now()})
		if len(res.Matches) != c.matches || res.Assessed() != (c.unsaid == "") {
			t.Errorf("%s: matches %+v, not assessed %+v", c.name, res.Matches, res.NotAssessed)
		}
		if c.unsaid != "" && (len(res.NotAssessed) != 1 || res.NotAssessed[0].Reason != vuln.RangeUnreadable || !strings.Contains(res.NotAssessed[0].Detail, c.unsaid)) {
			t.Errorf("%s: not assessed %+v", c.name, res.NotAssessed)
		}
		for _, h := range res.Matches {
			if line := advisory.OracleFlavor(c.installed); (h.Dismissed == "") != (line == "fips") {
				t.Errorf("%s: %s build: %s is dismissed as %q", c.name, line, h.Advisory.ID, h.Dismissed)
			}
		}
	}
}

// TestFedoraSources takes Bodhi's rows, which name source packages, for what was built from them.
func TestFedoraSources(t *testing.T) {
	bodhi := advisory.Advisory{Source: "fedora/bodhi", ID: "FEDORA-2026-0000000001", Related: []string{"CVE-2026-0001"}, Errata: true, Affected: []advisory.Affected{{
		Ecosystem: "Fedora", Release: "43", Package: "bind", State: advisory.StateFixed, Arches: []string{"noarch", "src"}, Ranges: span("introduced 0", "fixed 32:9.18.41-1.fc43"),
	}}}
	binary := advisory.Advisory{Source: "fedora/updateinfo", ID: "FEDORA-2026-0000000002", Related: []string{"CVE-2026-0002"}, Errata: true, Affected: []advisory.Affected{{
		Ecosystem: "Fedora", Release: "43", Package: "bind", State: advisory.StateFixed, Arches: []string{"x86_64"}, Ranges: span("introduced 0", "fixed 32:9.18.41-1.fc43"),
	}}}
	db := world{feeds: []advisory.Feed{feedOf("fedora/bodhi", "Fedora:43")}, advisories: []advisory.Advisory{bodhi, binary}}.open(t)
	for _, c := range []struct {
		name, version, arch, source string
		want                        []string
	}{
		{"bind-libs", "32:9.18.40-1.fc43", "x86_64", "bind", []string{"FEDORA-2026-0000000001"}},
		{"bind", "32:9.18.40-1.fc43", "x86_64", "bind", []string{"FEDORA-2026-0000000001", "FEDORA-2026-0000000002"}},
		{"bind-license", "32:9.18.40-1.fc43", "noarch", "bind", []string{"FEDORA-2026-0000000001"}},
		{"bind-libs", "32:9.18.41-1.fc43", "x86_64", "bind", nil},
		{"bind-dyndb-ldap", "11.11-1.fc43", "x86_64", "bind-dyndb-ldap", nil},
	} {
		inv := &inventory.Inventory{OS: inventory.OS{ID: "fedora", VersionID: "43"}, Packages: []inventory.Package{{
			Ecosystem: inventory.Fedora, Name: c.name, Version: c.version, Arch: c.arch, SourceName: c.source, SourceVersion: strings.TrimPrefix(c.version, "32:"),
		}}}
		res := vuln.Match(inv, db, vuln.Options{Now: now()})
		var got []string
		for _, h := range res.Matches {
			if h.Dismissed == "" {
				got = append(got, h.Advisory.ID)
			}
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s %s: got %q, want %q", c.name, c.version, got, c.want)
		}
	}
}

// TestNamedStream prefers the distribution's own document, which names the stream, to OSV's of the same id, which does not.
func TestNamedStream(t *testing.T) {
	doc := func(source, id, ecosystem, module, fixed string) advisory.Advisory {
		f := advisory.Affected{Ecosystem: ecosystem, Release: "8", Package: "nodejs", Module: module, Ranges: span("introduced 0", "fixed "+fixed)}
		if module != "*" {
			f.Arches, f.State = []string{"aarch64", "x86_64"}, advisory.StateFixed
		}
		return advisory.Advisory{Source: source, ID: id, Related: []string{"CVE-2026-0001"}, Errata: true, Summary: "Important: security update", Affected: []advisory.Affected{f}}
	}
	const installed, later, next = "1:18.9.1-1.module_el8.9.0+3731", "1:18.20.0-1.module_el8.9.0+1", "1:20.9.0-1.module_el8.9.0+1"
	for _, c := range []struct {
		name, label string
		osv, native advisory.Advisory
		source      string // of the one match
		want        vuln.Dismissal
	}{
		{"same", "nodejs:18:8090:a", doc("osv/AlmaLinux", "ALSA-1", "AlmaLinux", "*", later), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:18", later), "almalinux/errata", ""},
		{"other", "nodejs:18:8090:a", doc("osv/AlmaLinux", "ALSA-1", "AlmaLinux", "*", next), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:20", next), "almalinux/errata", vuln.OtherModule},
		{"rocky", "nodejs:18:8090:a", doc("osv/Rocky", "RLSA-1", "Rocky Linux", "*", next), doc("rocky/errata", "RLSA-1", "Rocky Linux", "nodejs:20", next), "rocky/errata", vuln.OtherModule},
		{"other_without_match", "nodejs:18:8090:a", doc("osv/AlmaLinux", "ALSA-1", "AlmaLinux", "*", next), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:16", "1:16.1.0-1.module_el8.9.0+1"), "osv/AlmaLinux", vuln.OtherModule},
		{"fixed_in_its_stream", "nodejs:18:8090:a", doc("osv/AlmaLinux", "ALSA-1", "AlmaLinux", "*", next), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:18", "1:18.1.0-1.module_el8.9.0+1"), "", ""},
		{"stream_not_known", "", doc("osv/AlmaLinux", "ALSA-1", "AlmaLinux", "*", next), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:20", next), "almalinux/errata", ""},
	} {
		for _, l := range [][]advisory.Advisory{{c.osv, c.native}, {c.native, c.osv}} {
			e := l[0].Affected[0].Ecosystem
			os := inventory.OS{ID: "almalinux", VersionID: "8.9"}
			if e == "Rocky Linux" {
				os.ID = "rocky"
			}
			db := world{feeds: []advisory.Feed{feedOf("test", e+":8")}, advisories: l}.open(t)
			inv := &inventory.Inventory{OS: os, Packages: []inventory.Package{{Ecosystem: inventory.Ecosystem(e), Name: "nodejs", Version: installed, Arch: "x86_64", Module: c.label}}}
			res := vuln.Match(inv, db, vuln.Options{Now: now()})
			if c.source == "" {
				if len(res.Matches) != 0 {
					t.Errorf("%s: got %+v", c.name, res.Matches)
				}
				continue
			}
			if len(res.Matches) != 1 || res.Matches[0].Advisory.Source != c.source || res.Matches[0].Dismissed != c.want {
				t.Errorf("%s: got %+v, want one of %s, %q", c.name, res.Matches, c.source, c.want)
			}
		}
	}
	// Another id is another erratum.
	db := world{feeds: []advisory.Feed{feedOf("test", "AlmaLinux:8")}, advisories: []advisory.Advisory{doc("osv/AlmaLinux", "ALSA-2", "AlmaLinux", "*", later), doc("almalinux/errata", "ALSA-1", "AlmaLinux", "nodejs:20", next)}}.open(t)
	inv := &inventory.Inventory{OS: inventory.OS{ID: "almalinux", VersionID: "8.9"}, Packages: []inventory.Package{{Ecosystem: inventory.AlmaLinux, Name: "nodejs", Version: installed, Arch: "x86_64", Module: "nodejs:18:1:a"}}}
	if res := vuln.Match(inv, db, vuln.Options{Now: now()}); len(res.Matches) != 2 || res.Matches[1].Dismissed != "" {
		t.Errorf("another erratum: got %+v", res.Matches)
	}
}

// TestExtendedSupport takes the advisories of SUSE's longer support for a host that has its repository, and says so if no feed has them.
func TestExtendedSupport(t *testing.T) {
	const ltss = "Linux Enterprise Server 15 SP4-LTSS"
	a := adv("SUSE-SU-2026:1", advisory.Affected{Ecosystem: "SUSE", Release: ltss, Package: "samba", Ranges: span("introduced 0", "fixed 4.15.13-150400.3.40.1")})
	base := feedOf("osv/SUSE", "SUSE:Linux Enterprise Server 15 SP4")
	for _, c := range []struct {
		name    string
		enabled bool
		feeds   []advisory.Feed
		matches int
		missing string
	}{
		{"enabled", true, []advisory.Feed{base, feedOf("osv/SUSE", "SUSE:"+ltss)}, 1, ""},
		{"off", false, []advisory.Feed{base, feedOf("osv/SUSE", "SUSE:"+ltss)}, 0, ""},
		{"no_feed", true, []advisory.Feed{base}, 1, "SUSE:" + ltss},
	} {
		inv := &inventory.Inventory{
			OS: inventory.OS{ID: "sles", VersionID: "15.4"}, Repos: []inventory.Repo{{ID: "SLE-Product-SLES15-SP4-LTSS-Updates", Enabled: c.enabled}},
			Packages: []inventory.Package{{Ecosystem: inventory.SUSE, Name: "samba-libs", Version: "4.15.13-150400.3.37.1", Arch: "x86_64", SourceName: "samba"}},
		}
		res := vuln.Match(inv, world{feeds: c.feeds, advisories: []advisory.Advisory{a}}.open(t), vuln.Options{Now: now()})
		if len(res.Matches) != c.matches || res.Assessed() != (c.missing == "") || c.missing != "" && res.NotAssessed[0].Ecosystem != c.missing {
			t.Errorf("%s: matches %+v, not assessed %+v", c.name, res.Matches, res.NotAssessed)
		}
	}
}

// TestUnanalysed says in the finding how far NVD is, where it has no score of its own yet.
func TestUnanalysed(t *testing.T) {
	for status, want := range map[string]string{
		"": "", "Analyzed": "", "Modified": "", "Awaiting Analysis": "not analysed it yet (Awaiting Analysis)", "Received": "(Received)", "Deferred": "will not analyse it", "Rejected": "is rejected",
	} {
		w, inv := opensslWorld()
		w.cves = []advisory.CVE{{ID: "CVE-2026-0001", Status: status}}
		db := w.open(t)
		res := vuln.Match(inv, db, vuln.Options{Now: now()})
		got, err := vuln.Findings(&res, instance(), db, now())
		if err != nil || len(got) == 0 {
			t.Fatal(got, err)
		}
		for _, f := range got {
			why := strings.Join(f.Why, "\n")
			said := strings.Contains(why, "NVD") || strings.Contains(why, "rejected")
			if about := f.Package.VulnerabilityID == "CVE-2026-0001"; said != (about && want != "") || about && !strings.Contains(why, want) {
				t.Errorf("%q: %s: %q", status, f.Package.VulnerabilityID, why)
			}
		}
	}
}
