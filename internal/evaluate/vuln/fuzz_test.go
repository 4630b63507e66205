package vuln_test

import (
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/inventory"
)

// FuzzMatch judges hosts of any words: nothing makes a panic, every package is accounted for, and what is left out has a reason.
func FuzzMatch(f *testing.F) {
	f.Add("debian", "12", "", "6.1.0-17-amd64", "linux-image-6.1.0-17-amd64", "6.1.69-1", "linux-signed-amd64", "", "amd64")
	f.Add("windows", "2019", "10.0.17763.5000", "", "KB5000001", "17763.1.1.1", "Package_for_RollupFix", "", "amd64")
	f.Add("rhel", "9.4", "", "5.14.0-362.8.1.el9_3.x86_64+rt", "kernel-rt-core", "5.14.0-362.8.1.el9_3", "kernel-rt", "nodejs:18:1:c", "x86_64")
	f.Add("macos", "14.3", "", "", "macOS", "14.3", "", "", "")
	f.Add("amzn", "2023", "", "6.1.61-85.141.amzn2023.x86_64", "kernel-livepatch-6.1.61-85.141", "1.0-1.amzn2023", "", "", "x86_64")
	w, v := kernelWorld(), windowsWorld()
	w.feeds = append(append(w.feeds, v.feeds...), feedOf("test", "Red Hat:enterprise_linux:9::baseos", "Amazon Linux:2023", "macOS:14"))
	w.advisories = append(w.advisories, v.advisories...)
	w.advisories = append(
		w.advisories,
		adv("R-1", advisory.Affected{Ecosystem: "Red Hat", Release: "enterprise_linux:9::baseos", Package: "kernel-rt-core", Module: "*", Ranges: span("introduced 0", "fixed 9")}),
		adv("A-1", advisory.Affected{Ecosystem: "Amazon Linux", Release: "2023", Package: "kernel-livepatch-6.1.61-85.141", Repo: "kernel-livepatch", Ranges: span("introduced 0", "fixed 1.0-9")}),
		adv("M-1", advisory.Affected{Ecosystem: "macOS", Release: "14", Package: "macOS", Ranges: span("introduced 0", "last 14.9")}),
		adv("N-1", advisory.Affected{Ecosystem: "Debian", Release: "12", Package: "linux", State: advisory.StateNotAffected}),
	)
	f.Fuzz(func(t *testing.T, id, release, build, kernel, name, version, source, module, arch string) {
		db := w.open(t)
		os := inventory.OS{ID: id, VersionID: release, Build: build}
		eco, _ := os.Ecosystem()
		p := inventory.Package{Ecosystem: eco, Name: name, Version: version, SourceName: source, Module: module, Arch: arch, Repository: module}
		other := p
		other.Version += "1"
		inv := &inventory.Inventory{
			OS: os, Packages: []inventory.Package{p, other, p}, Repos: []inventory.Repo{{ID: source, Enabled: true, Topic: module}},
			Kernel: inventory.Kernel{Release: kernel, Running: true, LivePatches: []inventory.LivePatch{{Name: name, Enabled: true, Package: name, Version: version}}},
		}
		res := vuln.Match(inv, db, vuln.Options{Now: now(), Statements: []advisory.Statement{
			{Product: source, Vulnerability: "CVE-2026-0001", Status: advisory.NotAffected, Impact: name, Author: version},
		}})
		if n := res.Counts; n.Packages != n.Assessed+n.Suppressed+n.NotInstalled+n.Skipped {
			t.Errorf("counts do not add up: %+v", n)
		}
		dismissed := 0
		for _, n := range res.Counts.Dismissed {
			dismissed += n
		}
		if dismissed > len(vuln.Omissions(&res)) {
			t.Errorf("%d matches dismissed, %+v left out", dismissed, vuln.Omissions(&res))
		}
		got, err := vuln.Findings(&res, instance(), db, now())
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			vuln.Contextualise(&got[i], score.Exposure{Judged: true})
			if got[i].ID == "" || score.Key(&got[i]) == "" || len(got[i].Why) == 0 {
				t.Errorf("%+v", got[i])
			}
		}
	})
}
