package vuln_test

import (
	"slices"
	"strings"
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

const server = "Windows Server 2019"

// msrc is an advisory about a product of a system, "part on system" or the system itself, as the feed writes them.
func msrc(cve, product string, rows ...advisory.Affected) advisory.Advisory {
	a := advisory.Advisory{Source: "msrc", ID: cve, Summary: cve + " in a part of Windows"}
	for _, r := range rows {
		part, system, ok := strings.Cut(product, " on ")
		if !ok {
			system = part
		}
		r.Ecosystem, r.Release, r.Package = "Windows", system, part
		if r.State == "" {
			r.State = advisory.StateFixed
		}
		a.Affected = append(a.Affected, r)
	}
	return a
}

func build(kb, fixed string, supersedes ...string) advisory.Affected {
	f := advisory.Affected{KB: kb, Supersedes: supersedes}
	if fixed != "" {
		f.Ranges = span("introduced 0", "fixed "+fixed)
	}
	return f
}

// windowsWorld is three months of updates of a server, and one of its .NET Framework.
func windowsWorld() world {
	v3 := func(v string) []advisory.Severity {
		return []advisory.Severity{{Type: "CVSS_V3", Score: v, Source: "Microsoft"}}
	}
	january := msrc("CVE-2026-1001", server, build("KB5000001", "10.0.17763.5000"))
	january.Severity = v3("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
	second := msrc("CVE-2026-1002", server, build("KB5000001", "10.0.17763.5000"))
	second.Severity = v3("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H")
	february := msrc("CVE-2026-1003", server, build("KB5000002", "10.0.17763.5100", "KB5000001"))
	february.Severity = v3("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H")
	return world{
		feeds: []advisory.Feed{feedOf("msrc", "Windows:"+server)},
		advisories: []advisory.Advisory{
			second, january, february, // the worse one is not the first
			msrc("CVE-2026-1004", "Microsoft .NET Framework 4.8 on "+server, build("KB5100001", "4.8.4690.2")),
			msrc("CVE-2026-1005", server, advisory.Affected{State: advisory.StateOpen}),
			msrc("CVE-2026-1008", "Internet Explorer 11 on "+server, build("KB5000002", "1.001")),
			msrc("CVE-2026-1006", "Windows Server 2022", build("KB5000009", "10.0.20348.2227")),
		},
		cves: []advisory.CVE{
			{ID: "CVE-2026-1001", EPSS: &advisory.EPSS{Score: 0.02, Percentile: 0.8}},
			{ID: "CVE-2026-1002", EPSS: &advisory.EPSS{Score: 0.6, Percentile: 0.99}, KEV: &advisory.KEV{Added: "2026-01-20", Due: "2026-02-10"}},
		},
	}
}

func windowsHost(build string, installed ...string) *inventory.Inventory {
	inv := &inventory.Inventory{
		OS: inventory.OS{ID: "windows", VersionID: "2019", PrettyName: "Windows Server 2019 Datacenter", Build: build, Arch: "amd64"}, Method: inventory.Agentless,
		Packages: []inventory.Package{
			{Ecosystem: inventory.Windows, Name: ".NET Framework", Version: "4.8.03761"},
			{Ecosystem: inventory.Windows, Name: "7-Zip 23.01 (x64)", Version: "23.01"},
		},
	}
	for _, kb := range installed {
		inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Windows, Name: kb, Version: "17763.1.1.1"})
	}
	return inv
}

// TestWindows makes one finding of each missing update, with the worst of its vulnerabilities.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		name string
		inv  *inventory.Inventory
		want []string
	}{
		{"behind", windowsHost("10.0.17763.4000", "KB5100001"), []string{"KB5000001", "KB5000002"}},
		{"one_behind", windowsHost("10.0.17763.5000", "KB5100001"), []string{"KB5000002"}},
		{"current", windowsHost("10.0.17763.5100", "KB5100001"), nil},
		{"framework_behind", windowsHost("10.0.17763.5100"), []string{"KB5100001"}},
		{"by_list_of_updates", windowsHost("10.0.17763", "KB5000002", "KB5100001"), nil},
		{"by_list_of_older_updates", windowsHost("10.0.17763", "KB5000001", "KB5100001"), []string{"KB5000002"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := windowsWorld().open(t)
			res := vuln.Match(c.inv, db, vuln.Options{Now: now()})
			got, err := vuln.Findings(&res, instance(), db, now())
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range got {
				ids = append(ids, f.Package.VulnerabilityID)
			}
			slices.Sort(ids)
			if !slices.Equal(ids, c.want) {
				t.Errorf("findings %q, want %q", ids, c.want)
			}
			// The open one is left out by the policy; the program is one that nobody can judge.
			if res.Counts.Dismissed[vuln.StateExcluded] != 1 || len(res.NotAssessed) != 1 || res.NotAssessed[0].Reason != vuln.UnknownEcosystem || res.NotAssessed[0].Packages != 1 {
				t.Errorf("dismissed %+v, not assessed %+v", res.Counts.Dismissed, res.NotAssessed)
			}
			if n := res.Counts; n.Packages != n.Assessed+n.Skipped {
				t.Errorf("counts do not add up: %+v", n)
			}
		})
	}
	db := windowsWorld().open(t)
	res := vuln.Match(windowsHost("10.0.17763.4000", "KB5100001"), db, vuln.Options{Now: now()})
	got, err := vuln.Findings(&res, instance(), db, now())
	if err != nil {
		t.Fatal(err)
	}
	f := got[slices.IndexFunc(got, func(f finding.Finding) bool { return f.Package.VulnerabilityID == "KB5000001" })]
	p := f.Package
	if f.Severity != finding.Critical || f.Scoring.Adjusted.BaseScore != 9.8 || p.EPSS != 0.6 || p.KEVAdded != "2026-01-20" || p.ExploitAvailable != "YES" || p.FixAvailable != "YES" ||
		!slices.Equal(p.Related, []string{"CVE-2026-1001", "CVE-2026-1002"}) || !slices.Equal(p.Advisories, []string{"CVE-2026-1001", "CVE-2026-1002"}) {
		t.Errorf("got %+v, %+v", f, p)
	}
	if f.Title != "KB5000001 - Windows Server 2019" || f.Remediation != "Install KB5000001, or KB5000002, which replaces it." || p.Packages[0].FixedVersion != "10.0.17763.5000" {
		t.Errorf("title %q, remediation %q, %+v", f.Title, f.Remediation, p.Packages)
	}
	if !slices.ContainsFunc(f.Why, func(w string) bool {
		return strings.HasPrefix(w, "CVE-2026-1001 (Windows:Windows Server 2019, Windows Server 2019): 10.0.17763.4000 < 10.0.17763.5000 (OS build)")
	}) {
		t.Errorf("why %q", f.Why)
	}
}

// TestWindowsNotAssessed never takes a Windows of which too little is known for one without gaps.
func TestWindowsNotAssessed(t *testing.T) {
	unknown := windowsHost("10.0.99999.1")
	bare := windowsHost("10.0.17763")
	bare.Packages = bare.Packages[1:]
	nothing := windowsWorld()
	nothing.feeds = nil
	strange := windowsWorld()
	strange.advisories = []advisory.Advisory{msrc("CVE-2026-1007", server, build("", ""))}
	for _, c := range []struct {
		name  string
		inv   *inventory.Inventory
		w     world
		want  vuln.Reason
		words string
	}{
		{"build_of_no_release", unknown, windowsWorld(), vuln.UnknownRelease, "no release"},
		{"no_feed", windowsHost("10.0.17763.4000"), nothing, vuln.FeedMissing, "no loaded feed"},
		{"neither_revision_nor_updates", bare, windowsWorld(), vuln.UnknownRelease, "neither the revision"},
		{"fix_without_update_or_build", windowsHost("10.0.17763.4000"), strange, vuln.RangeUnreadable, "CVE-2026-1007"},
	} {
		res := vuln.Match(c.inv, c.w.open(t), vuln.Options{Now: now()})
		if !slices.ContainsFunc(res.NotAssessed, func(n vuln.NotAssessed) bool { return n.Reason == c.want && strings.Contains(n.Detail, c.words) }) {
			t.Errorf("%s: got %+v, want %s", c.name, res.NotAssessed, c.want)
		}
	}
}

// TestWindowsAlternatives takes one of several updates that an advisory offers for enough.
func TestWindowsAlternatives(t *testing.T) {
	const old = "Windows Server 2012 R2"
	db := world{feeds: []advisory.Feed{feedOf("msrc", "Windows:"+old)}, advisories: []advisory.Advisory{
		msrc("CVE-2026-1001", old, build("KB5000011", ""), build("KB5000012", "")), // monthly rollup, security only
	}}.open(t)
	inv := func(installed string) *inventory.Inventory {
		i := windowsHost("6.3.9600", installed)
		i.OS.VersionID, i.OS.PrettyName, i.Packages = "2012 R2", "Windows Server 2012 R2 Standard", i.Packages[2:]
		return i
	}
	for installed, want := range map[string]int{"KB5000011": 0, "KB5000012": 0, "KB5000010": 1} {
		res := vuln.Match(inv(installed), db, vuln.Options{Now: now()})
		if len(res.Matches) != want {
			t.Errorf("%s: got %+v, want %d", installed, res.Matches, want)
		}
		if want == 1 && (res.Matches[0].KB != "KB5000012" || !slices.Equal(res.Matches[0].Notes, []string{"one of these would do as well: KB5000011"})) {
			t.Errorf("%+v", res.Matches[0])
		}
	}
}

// TestProducts judges macOS by its line's version and Bottlerocket by its image's.
func TestProducts(t *testing.T) {
	apple := func(release, fixed string) advisory.Advisory {
		return adv("APPLE-"+release, advisory.Affected{Ecosystem: "macOS", Release: release, Package: "macOS", State: advisory.StateFixed, Ranges: span("introduced 0", "fixed "+fixed)})
	}
	rocket := func(pkg, fixed string) advisory.Advisory {
		return adv("BRSA-"+pkg, advisory.Affected{Ecosystem: "Bottlerocket", Package: pkg, State: advisory.StateFixed, Arches: []string{"x86_64"}, Ranges: span("introduced 0", "fixed "+fixed)})
	}
	mac := func(v string) *inventory.Inventory {
		return &inventory.Inventory{OS: inventory.OS{ID: "macos", VersionID: v}, Packages: []inventory.Package{{Ecosystem: inventory.MacOS, Name: "com.example.app", Version: "1"}}}
	}
	br := func(v string, packages ...string) *inventory.Inventory {
		inv := &inventory.Inventory{OS: inventory.OS{ID: "bottlerocket", VersionID: v, Arch: "x86_64"}}
		for _, p := range packages {
			inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Bottlerocket, Name: p, Version: "6.1.1-1.1763716061.aaaaaaaa.br1", Arch: "x86_64"})
		}
		return inv
	}
	db := world{
		feeds:      []advisory.Feed{feedOf("test", "macOS:14", "macOS:10.15", "Bottlerocket")},
		advisories: []advisory.Advisory{apple("14", "14.4.1"), apple("10.15", "10.15.7"), rocket("kernel-6.1", "6.1.2-1.1773716061.e2e9d7a9.br1"), rocket("bottlerocket", "1.19.2")},
	}.open(t)
	for _, c := range []struct {
		name    string
		inv     *inventory.Inventory
		want    []string
		missing vuln.Reason
	}{
		{"mac_behind", mac("14.4"), []string{"APPLE-14"}, vuln.UnknownEcosystem},
		{"mac_current", mac("14.4.1"), nil, vuln.UnknownEcosystem},
		{"mac_10", mac("10.15.6"), []string{"APPLE-10.15"}, vuln.UnknownEcosystem},
		{"mac_line_that_nobody_speaks_of", mac("12.1"), nil, vuln.FeedMissing},
		{"mac_unreadable", mac("beta"), nil, vuln.UnknownRelease},
		{"bottlerocket_image_behind", br("1.19.1", "glibc"), []string{"BRSA-bottlerocket"}, ""},
		{"bottlerocket_package_behind", br("1.19.2", "kernel-6.1"), []string{"BRSA-kernel-6.1"}, ""},
		{"bottlerocket_other_kernel", br("1.20.0", "kernel-5.15"), nil, ""},
		{"bottlerocket_without_packages", br("1.19.1"), []string{"BRSA-bottlerocket"}, vuln.NoPackages},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := vuln.Match(c.inv, db, vuln.Options{Now: now()})
			var got []string
			for _, h := range res.Matches {
				got = append(got, h.Advisory.ID)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q (%+v)", got, c.want, res.NotAssessed)
			}
			if (c.missing != "") != slices.ContainsFunc(res.NotAssessed, func(n vuln.NotAssessed) bool { return n.Reason == c.missing }) {
				t.Errorf("not assessed %+v, want %q", res.NotAssessed, c.missing)
			}
		})
	}
}
