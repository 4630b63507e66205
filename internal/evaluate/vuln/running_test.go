package vuln_test

import (
	"slices"
	"strings"
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
)

// kernels is a Debian host with three kernels: an old one, one that mends CVE-2026-0001, and one that mends CVE-2026-0002, too.
func kernels(running string, seen bool) *inventory.Inventory {
	inv := &inventory.Inventory{
		OS:     inventory.OS{ID: "debian", VersionID: "12"},
		Kernel: inventory.Kernel{Release: running, Running: seen, Installed: []string{"6.1.0-16-amd64", "6.1.0-17-amd64", "6.1.0-18-amd64"}},
		Packages: []inventory.Package{
			{Ecosystem: inventory.Debian, Name: "linux-libc-dev", Version: "6.1.76-1", SourceName: "linux"},
			{Ecosystem: inventory.Debian, Name: "linux-image-amd64", Version: "6.1.76-1", SourceName: "linux-signed-amd64", SourceVersion: "6.1.76+1"},
		},
	}
	for n, v := range map[string]string{"16": "6.1.60", "17": "6.1.69", "18": "6.1.76"} {
		inv.Packages = append(
			inv.Packages,
			inventory.Package{Ecosystem: inventory.Debian, Name: "linux-image-6.1.0-" + n + "-amd64", Version: v + "-1", Arch: "amd64", SourceName: "linux-signed-amd64", SourceVersion: v + "+1"},
			inventory.Package{Ecosystem: inventory.Debian, Name: "linux-headers-6.1.0-" + n + "-amd64", Version: v + "-1", Arch: "amd64", SourceName: "linux"},
		)
	}
	return inv
}

func kernelWorld() world {
	linux := func(id, cve, fixed string) advisory.Advisory {
		a := adv(id, advisory.Affected{Ecosystem: "Debian", Release: "12", Package: "linux", State: advisory.StateFixed, Ranges: span("introduced 0", "fixed "+fixed)})
		a.Aliases = []string{cve}
		return a
	}
	return world{
		feeds:      []advisory.Feed{feedOf("test", "Debian:12")},
		advisories: []advisory.Advisory{linux("D-1", "CVE-2026-0001", "6.1.69-1"), linux("D-2", "CVE-2026-0002", "6.1.76-1"), linux("D-3", "CVE-2026-0003", "6.1.90-1")},
	}
}

// TestRunningKernel judges the kernel that runs, not the newest nor all.
func TestRunningKernel(t *testing.T) {
	for _, c := range []struct {
		name, running string
		seen, trust   bool
		want          []string // findings: vulnerability, and "reboot" where the fix is installed
		dismissed     int      // matches of kernels that do not run
	}{
		{"newest", "6.1.0-18-amd64", true, false, []string{"CVE-2026-0003"}, 10},
		{"not_rebooted", "6.1.0-17-amd64", true, false, []string{"CVE-2026-0002 reboot", "CVE-2026-0003"}, 8},
		{"oldest", "6.1.0-16-amd64", true, false, []string{"CVE-2026-0001 reboot", "CVE-2026-0002 reboot", "CVE-2026-0003"}, 6},
		{"not_seen", "6.1.0-18-amd64", false, false, []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, 0},
		{"not_seen_but_trusted", "6.1.0-18-amd64", false, true, []string{"CVE-2026-0003"}, 10},
		{"another_that_no_package_is_of", "6.8.0-custom", true, false, []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, 0},
		{"nothing_known", "", false, false, []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := kernelWorld().open(t)
			policy := vuln.DefaultPolicy()
			policy.TrustBootKernel = c.trust
			res := vuln.Match(kernels(c.running, c.seen), db, vuln.Options{Now: now(), Policy: &policy})
			got, err := vuln.Findings(&res, instance(), db, now())
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range got {
				id := f.Package.VulnerabilityID
				if f.Package.RebootNeeded {
					id += " reboot"
					if !strings.HasPrefix(f.Remediation, "Reboot needed: the kernel 6.1.0-1") || !slices.ContainsFunc(f.Why, func(w string) bool { return strings.HasPrefix(w, "reboot needed: ") }) {
						t.Errorf("%s: %q, %q", id, f.Remediation, f.Why)
					}
				}
				ids = append(ids, id)
			}
			slices.Sort(ids)
			if !slices.Equal(ids, c.want) {
				t.Errorf("findings %q, want %q", ids, c.want)
			}
			if n := res.Counts.Dismissed[vuln.NotRunning]; n != c.dismissed {
				t.Errorf("%d matches dismissed as not running, want %d", n, c.dismissed)
			}
			if n := len(vuln.Rows(&res)); n != 13 {
				t.Errorf("%d rows, want all 13 that are true by comparison", n)
			}
			if !c.seen && !c.trust && c.running != "" && !slices.ContainsFunc(got[0].Why, func(w string) bool { return strings.Contains(w, "was not seen") }) {
				t.Errorf("nothing says that the running kernel was not seen: %q", got[0].Why)
			}
		})
	}
}

// amazonKernel is an Amazon Linux 2023 host with a live patch for its kernel.
func amazonKernel(patch string, loaded ...inventory.LivePatch) *inventory.Inventory {
	return &inventory.Inventory{
		OS:     inventory.OS{ID: "amzn", VersionID: "2023"},
		Kernel: inventory.Kernel{Release: "6.1.61-85.141.amzn2023.x86_64", Running: true, LivePatches: loaded},
		Repos:  []inventory.Repo{{ID: "kernel-livepatch", Enabled: true}},
		Packages: []inventory.Package{
			{Ecosystem: inventory.Amazon, Name: "kernel", Version: "6.1.61-85.141.amzn2023", Arch: "x86_64"},
			{Ecosystem: inventory.Amazon, Name: "kernel-livepatch-6.1.61-85.141", Version: patch, Arch: "x86_64"},
			{Ecosystem: inventory.Amazon, Name: "kernel-livepatch-6.1.59-84.139", Version: "1.0-1.amzn2023", Arch: "x86_64"},
		},
	}
}

// TestLivePatch believes in a live patch only if it was seen to be loaded and its repository's advisory says what it mends.
func TestLivePatch(t *testing.T) {
	row := func(id, pkg, fixed, repo string, cves ...string) advisory.Advisory {
		return advisory.Advisory{Source: "test", ID: id, Errata: true, Related: cves, Affected: []advisory.Affected{
			{Ecosystem: "Amazon Linux", Release: "2023", Package: pkg, Repo: repo, State: advisory.StateFixed, Ranges: span("introduced 0", "fixed "+fixed)},
		}}
	}
	db := world{feeds: []advisory.Feed{feedOf("test", "Amazon Linux:2023")}, advisories: []advisory.Advisory{
		row("ALAS2023-1", "kernel", "6.1.66-91.160.amzn2023", "", "CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"),
		row("ALAS2023LIVEPATCH-1", "kernel-livepatch-6.1.61-85.141", "1.0-2.amzn2023", "kernel-livepatch", "CVE-2026-0001"),
		row("ALAS2023LIVEPATCH-2", "kernel-livepatch-6.1.61-85.141", "1.0-3.amzn2023", "kernel-livepatch", "CVE-2026-0002"),
		row("ALAS2023LIVEPATCH-3", "kernel-livepatch-6.1.59-84.139", "1.0-2.amzn2023", "kernel-livepatch", "CVE-2026-0001"),
	}}.open(t)
	of := func(version string, on bool) inventory.LivePatch {
		return inventory.LivePatch{Name: "livepatch_1", Enabled: on, Package: "kernel-livepatch-6.1.61-85.141", Version: version}
	}
	for _, c := range []struct {
		name    string
		inv     *inventory.Inventory
		want    []string
		patched []string
		why     string
	}{
		{"loaded", amazonKernel("1.0-2.amzn2023", of("1.0-2.amzn2023", true)), []string{"CVE-2026-0002", "CVE-2026-0002", "CVE-2026-0003"}, []string{"CVE-2026-0001"}, ""},
		{"loaded_newer", amazonKernel("1.0-3.amzn2023", of("", true)), []string{"CVE-2026-0003"}, []string{"CVE-2026-0001", "CVE-2026-0002"}, ""},
		{"newer_installed_older_loaded", amazonKernel("1.0-3.amzn2023", of("1.0-2.amzn2023", true)), []string{"CVE-2026-0002", "CVE-2026-0003"}, []string{"CVE-2026-0001"}, ""},
		{"not_enabled", amazonKernel("1.0-3.amzn2023", of("", false)), []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, nil, ""},
		{"not_looked_at", amazonKernel("1.0-3.amzn2023"), []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, nil, "whether it is loaded was not seen"},
		{"by_its_client", amazonKernel("1.0-3.amzn2023", inventory.LivePatch{Name: "101.1", Enabled: true, CVEs: []string{"CVE-2026-0003"}}), []string{"CVE-2026-0001", "CVE-2026-0002"}, []string{"CVE-2026-0003"}, ""},
		{"of_another_kernel", amazonKernel("1.0-3.amzn2023", inventory.LivePatch{Name: "x", Enabled: true, Package: "kernel-livepatch-6.1.59-84.139", Version: "1.0-9.amzn2023"}), []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := vuln.Match(c.inv, db, vuln.Options{Now: now()})
			got, err := vuln.Findings(&res, instance(), db, now())
			if err != nil || !res.Assessed() {
				t.Fatal(err, res.NotAssessed)
			}
			var ids, patched []string
			for _, f := range got {
				ids = append(ids, f.Package.VulnerabilityID)
				if c.why != "" && !slices.ContainsFunc(f.Why, func(w string) bool { return strings.Contains(w, c.why) }) {
					t.Errorf("%s: nothing says %q in %q", f.Title, c.why, f.Why)
				}
			}
			for _, o := range vuln.Omissions(&res) {
				if o.Reason == string(vuln.LivePatched) {
					patched = append(patched, o.ID)
					if o.By == "" || o.Package != "kernel" {
						t.Errorf("omission %+v", o)
					}
				}
			}
			slices.Sort(ids)
			slices.Sort(patched)
			if !slices.Equal(ids, c.want) || !slices.Equal(patched, c.patched) {
				t.Errorf("findings %q, patched %q; want %q, %q", ids, patched, c.want, c.patched)
			}
			if n := res.Counts.Dismissed[vuln.NotRunning]; n != 1 {
				t.Errorf("%d matches of live patches for other kernels dismissed, want 1", n)
			}
		})
	}
}
