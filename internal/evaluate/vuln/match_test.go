package vuln_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

func now() time.Time { return time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC) }

// world is a small database: what its feeds say.
type world struct {
	feeds      []advisory.Feed
	advisories []advisory.Advisory
	cves       []advisory.CVE
	lifecycles []advisory.Lifecycle
	fail       error // of every lookup
}

// memory is a world that is looked things up in.
type memory struct {
	world
	rows map[advisory.Coordinate][]advisory.Row
}

func (w world) open(t *testing.T) *memory {
	t.Helper()
	m := &memory{w, map[advisory.Coordinate][]advisory.Row{}}
	for i, a := range w.advisories {
		for _, f := range a.Affected {
			at := advisory.Coordinate{Ecosystem: f.Ecosystem, Release: f.Release, Package: advisory.CanonicalName(f.Ecosystem, f.Package)}
			m.rows[at] = append(m.rows[at], advisory.Row{Affected: f, Doc: advisory.Doc(i), Withdrawn: !a.Withdrawn.IsZero()})
		}
	}
	return m
}

func (m *memory) Affected(at advisory.Coordinate, visit func(*advisory.Row)) error {
	for _, r := range m.rows[at] {
		visit(&r)
	}
	return m.fail
}

func (m *memory) Advisory(doc advisory.Doc) (*advisory.Advisory, error) {
	return &m.advisories[doc], m.fail
}

func (m *memory) Text(doc advisory.Doc) (string, error) { return m.advisories[doc].Details, m.fail }
func (m *memory) Feeds() []advisory.Feed                { return m.feeds }

func (m *memory) CVE(id string) (advisory.CVE, bool, error) {
	i := slices.IndexFunc(m.cves, func(c advisory.CVE) bool { return c.ID == id })
	if i < 0 {
		return advisory.CVE{}, false, m.fail
	}
	return m.cves[i], true, m.fail
}

func (m *memory) Lifecycles(product string) ([]advisory.Lifecycle, error) {
	return slices.DeleteFunc(slices.Clone(m.lifecycles), func(l advisory.Lifecycle) bool { return l.Product != product }), m.fail
}

func feedOf(name string, ecosystems ...string) advisory.Feed {
	return advisory.Feed{Name: name, Complete: true, AsOf: now().Add(-time.Hour), Ecosystems: ecosystems}
}

func span(events ...string) []advisory.Range {
	r := advisory.Range{Type: "ECOSYSTEM"}
	for _, e := range events {
		k, v, _ := strings.Cut(e, " ")
		switch k {
		case "fixed":
			r.Events = append(r.Events, advisory.Event{Fixed: v})
		case "last":
			r.Events = append(r.Events, advisory.Event{LastAffected: v})
		case "limit":
			r.Events = append(r.Events, advisory.Event{Limit: v})
		default:
			r.Events = append(r.Events, advisory.Event{Introduced: v})
		}
	}
	return []advisory.Range{r}
}

func adv(id string, f advisory.Affected) advisory.Advisory {
	return advisory.Advisory{Source: "test", ID: id, Aliases: []string{"CVE-2026-0001"}, Affected: []advisory.Affected{f}}
}

// TestRanges evaluates ranges as the OSV schema says.
func TestRanges(t *testing.T) {
	for _, c := range []struct {
		name       string
		version    string
		f          advisory.Affected
		affected   bool
		fixed, why string
	}{
		{"before_fix", "1.2.2", advisory.Affected{Ranges: span("introduced 0", "fixed 1.2.3")}, true, "1.2.3", "1.2.2 < 1.2.3 (SemVer)"},
		{"at_fix", "1.2.3", advisory.Affected{Ranges: span("introduced 0", "fixed 1.2.3")}, false, "", ""},
		{"before_introduced", "1.0.0", advisory.Affected{Ranges: span("introduced 1.1.0", "fixed 1.2.3")}, false, "", ""},
		{"at_introduced", "1.1.0", advisory.Affected{Ranges: span("introduced 1.1.0", "fixed 1.2.3")}, true, "1.2.3", "1.1.0 < 1.2.3 (SemVer)"},
		{"last_affected_is", "1.2.3", advisory.Affected{Ranges: span("introduced 0", "last 1.2.3")}, true, "", "1.2.3 <= 1.2.3, the last affected (SemVer)"},
		{"after_last_affected", "1.2.4", advisory.Affected{Ranges: span("introduced 0", "last 1.2.3")}, false, "", ""},
		{"no_end", "9.9.9", advisory.Affected{Ranges: span("introduced 2.0.0")}, true, "", "9.9.9 >= 2.0.0, no end is known (SemVer)"},
		{"second_interval", "2.1.0", advisory.Affected{Ranges: span("introduced 0", "fixed 1.0.0", "introduced 2.0.0", "fixed 2.2.0")}, true, "2.2.0", "2.1.0 < 2.2.0 (SemVer)"},
		{"between_intervals", "1.5.0", advisory.Affected{Ranges: span("introduced 0", "fixed 1.0.0", "introduced 2.0.0", "fixed 2.2.0")}, false, "", ""},
		{"events_out_of_order", "2.1.0", advisory.Affected{Ranges: span("fixed 2.2.0", "introduced 2.0.0", "fixed 1.0.0", "introduced 0")}, true, "2.2.0", "2.1.0 < 2.2.0 (SemVer)"},
		{"empty_interval", "0.23.5", advisory.Affected{Ranges: span("introduced 0.23.0", "fixed 0.23.0", "introduced 0.23.13", "fixed 0.23.18")}, false, "", ""},
		{"fixed_zero_is_never", "1.0.0", advisory.Affected{Ranges: span("introduced 0", "fixed 0")}, false, "", ""},
		{"limit_outside", "3.0.0", advisory.Affected{Ranges: span("introduced 0", "limit 2.0.0")}, false, "", ""},
		{"limit_inside", "1.0.0", advisory.Affected{Ranges: span("introduced 0", "limit 2.0.0")}, true, "", "1.0.0 >= 0, no end is known (SemVer)"},
		{"listed", "1.0.0-x", advisory.Affected{Versions: []string{"1.0.0-x"}}, true, "", "1.0.0-x is listed as affected"},
		{"listed_or_range", "5.0.0", advisory.Affected{Versions: []string{"5.0.0"}, Ranges: span("introduced 0", "fixed 1.0.0")}, true, "", "5.0.0 is listed as affected"},
		{"neither", "1.0.0", advisory.Affected{}, false, "", ""},
		{"pre_release_before_fix", "1.2.3-rc.1", advisory.Affected{Ranges: span("introduced 0", "fixed 1.2.3")}, true, "1.2.3", "1.2.3-rc.1 < 1.2.3 (SemVer)"},
		{"v_prefix", "v1.2.2", advisory.Affected{Ranges: span("introduced 0", "fixed 1.2.3")}, true, "1.2.3", "v1.2.2 < 1.2.3 (SemVer)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.Ecosystem, c.f.Package = "Go", "m"
			db := world{feeds: []advisory.Feed{feedOf("test", "Go")}, advisories: []advisory.Advisory{adv("GO-1", c.f)}}.open(t)
			inv := &inventory.Inventory{Method: inventory.SBOM, Packages: []inventory.Package{{Ecosystem: inventory.Go, Name: "m", Version: c.version}}}
			res := vuln.Match(inv, db, vuln.Options{Now: now()})
			if !res.Assessed() {
				t.Fatalf("not assessed: %+v", res.NotAssessed)
			}
			if (len(res.Matches) == 1) != c.affected {
				t.Fatalf("got %+v, want affected %v", res.Matches, c.affected)
			}
			if c.affected && (res.Matches[0].Fixed != c.fixed || res.Matches[0].Comparison != c.why) {
				t.Errorf("got fixed %q, %q; want %q, %q", res.Matches[0].Fixed, res.Matches[0].Comparison, c.fixed, c.why)
			}
		})
	}
}

// TestSystems maps os-release to the names that feeds use for a release, and source or binary names.
func TestSystems(t *testing.T) {
	for _, c := range []struct {
		name string
		os   inventory.OS
		pkg  inventory.Package
		eco  string // with release, as the feed names it
		in   string // package name in the feed
		fix  string
		hit  bool
	}{
		{"alma", inventory.OS{ID: "almalinux", VersionID: "9.4"}, inventory.Package{Ecosystem: inventory.AlmaLinux, Name: "openssl-libs", Version: "1:3.0.7-1.el9", SourceName: "openssl"}, "AlmaLinux:9", "openssl-libs", "1:3.0.7-2.el9", true},
		{"alma_not_by_source", inventory.OS{ID: "almalinux", VersionID: "9.4"}, inventory.Package{Ecosystem: inventory.AlmaLinux, Name: "openssl-libs", Version: "1:3.0.7-1.el9", SourceName: "openssl"}, "AlmaLinux:9", "openssl", "1:3.0.7-2.el9", false},
		{"rocky_by_source", inventory.OS{ID: "rocky", VersionID: "9.2"}, inventory.Package{Ecosystem: inventory.Rocky, Name: "bcel-doc", Version: "6.4.1-8.el9", SourceName: "bcel"}, "Rocky Linux:9", "bcel", "0:6.4.1-9.el9_1", true},
		{"rocky_epoch_of_binary", inventory.OS{ID: "rocky", VersionID: "9.2"}, inventory.Package{Ecosystem: inventory.Rocky, Name: "openssl-libs", Version: "1:3.0.7-1.el9", SourceName: "openssl", SourceVersion: "3.0.7-1.el9"}, "Rocky Linux:9", "openssl", "1:3.0.7-1.el9", false},
		{"debian", inventory.OS{ID: "debian", VersionID: "12"}, inventory.Package{Ecosystem: inventory.Debian, Name: "libssl3", Version: "3.0.11-1~deb12u2+b1", SourceName: "openssl", SourceVersion: "3.0.11-1~deb12u2"}, "Debian:12", "openssl", "3.0.11-1~deb12u3", true},
		{"debian_build_of_the_fix", inventory.OS{ID: "debian", VersionID: "12"}, inventory.Package{Ecosystem: inventory.Debian, Name: "libssl3", Version: "3.0.11-1+b1", SourceName: "openssl", SourceVersion: "3.0.11-1"}, "Debian:12", "openssl", "3.0.11-1", false},
		{"ubuntu_lts", inventory.OS{ID: "ubuntu", VersionID: "22.04"}, inventory.Package{Ecosystem: inventory.Ubuntu, Name: "curl", Version: "7.81.0-1ubuntu1.1", SourceName: "curl"}, "Ubuntu:22.04:LTS", "curl", "7.81.0-1ubuntu1.2", true},
		{"ubuntu_interim", inventory.OS{ID: "ubuntu", VersionID: "23.10"}, inventory.Package{Ecosystem: inventory.Ubuntu, Name: "curl", Version: "8.2.1-1", SourceName: "curl"}, "Ubuntu:23.10", "curl", "8.2.1-2", true},
		{"alpine_by_origin", inventory.OS{ID: "alpine", VersionID: "3.19.1"}, inventory.Package{Ecosystem: inventory.Alpine, Name: "libcrypto3", Version: "3.1.4-r2", SourceName: "openssl"}, "Alpine:v3.19", "openssl", "3.1.4-r3", true},
		{"amazon", inventory.OS{ID: "amzn", VersionID: "2023"}, inventory.Package{Ecosystem: inventory.Amazon, Name: "rsyslog", Version: "8.2204.0-3.amzn2023.0.1"}, "Amazon Linux:2023", "rsyslog", "8.2204.0-3.amzn2023.0.2", true},
		{"rhel9_cpe", inventory.OS{ID: "rhel", VersionID: "9.4"}, inventory.Package{Ecosystem: inventory.RedHat, Name: "bash", Version: "5.1.8-6.el9"}, "Red Hat:enterprise_linux:9::baseos", "bash", "0:5.1.8-9.el9", true},
		{"rhel10_cpe", inventory.OS{ID: "rhel", VersionID: "10.0"}, inventory.Package{Ecosystem: inventory.RedHat, Name: "bash", Version: "5.2-1.el10"}, "Red Hat:enterprise_linux:10.0::baseos", "bash", "0:5.2-2.el10_0", true},
		{"sles_module", inventory.OS{ID: "sles", VersionID: "15.5"}, inventory.Package{Ecosystem: inventory.SUSE, Name: "libcurl4", Version: "8.0.1-1", SourceName: "curl"}, "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "curl", "8.0.1-2", true},
		{"leap", inventory.OS{ID: "opensuse-leap", VersionID: "15.5"}, inventory.Package{Ecosystem: inventory.OpenSUSE, Name: "mosh", Version: "1.2.4-1"}, "openSUSE:Leap 15.5", "mosh", "1.2.5-8.1", true},
		{"wolfi", inventory.OS{ID: "wolfi", VersionID: "20230201"}, inventory.Package{Ecosystem: inventory.Wolfi, Name: "curl", Version: "8.0.0-r0"}, "Wolfi", "curl", "8.0.1-r0", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, release := advisory.ParseEcosystem(c.eco)
			db := world{feeds: []advisory.Feed{feedOf("test", c.eco)}, advisories: []advisory.Advisory{adv("A-1", advisory.Affected{
				Ecosystem: base, Release: release, Package: c.in, Ranges: span("introduced 0", "fixed "+c.fix), State: advisory.StateFixed,
			})}}.open(t)
			res := vuln.Match(&inventory.Inventory{OS: c.os, Packages: []inventory.Package{c.pkg}, Method: inventory.Agentless}, db, vuln.Options{Now: now()})
			if !res.Assessed() || res.Counts.Assessed != 1 {
				t.Fatalf("not assessed: %+v", res.NotAssessed)
			}
			if (len(res.Matches) == 1) != c.hit {
				t.Errorf("got %+v, want a match: %v", res.Matches, c.hit)
			}
		})
	}
}

// TestNotAssessed holds the rule that an empty list alone never means clean.
func TestNotAssessed(t *testing.T) {
	rpm := inventory.Package{Ecosystem: inventory.AlmaLinux, Name: "bash", Version: "5.1-1"}
	alma := inventory.OS{ID: "almalinux", VersionID: "9.4"}
	fixed := adv("ALSA-1", advisory.Affected{Ecosystem: "AlmaLinux", Release: "9", Package: "bash", Ranges: span("introduced 0", "fixed 5.2-1")})
	stale, partial, undated := feedOf("test", "AlmaLinux:9"), feedOf("test", "AlmaLinux:9"), feedOf("test", "AlmaLinux:9")
	stale.AsOf, partial.Complete, undated.AsOf = now().Add(-8*24*time.Hour), false, time.Time{}
	for _, c := range []struct {
		name  string
		inv   inventory.Inventory
		feeds []advisory.Feed
		adv   []advisory.Advisory
		want  vuln.Reason
		words string
		hits  int
	}{
		{"unknown_os", inventory.Inventory{Packages: []inventory.Package{rpm}}, []advisory.Feed{feedOf("test", "AlmaLinux:9")}, nil, vuln.UnknownOS, "os-release", 0},
		{"unsupported_os", inventory.Inventory{OS: inventory.OS{ID: "slackware", VersionID: "15"}, Packages: []inventory.Package{rpm}}, nil, nil, vuln.UnknownOS, "slackware", 0},
		{"unknown_release", inventory.Inventory{OS: inventory.OS{ID: "almalinux"}, Packages: []inventory.Package{rpm}}, nil, nil, vuln.UnknownRelease, "almalinux", 0},
		{"other_distribution", inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Packages: []inventory.Package{rpm}}, nil, nil, vuln.UnknownRelease, "another distribution", 0},
		{"unknown_ecosystem", inventory.Inventory{Packages: []inventory.Package{{Ecosystem: "Windows", Name: "KB", Version: "1"}}}, nil, nil, vuln.UnknownEcosystem, "no rule", 0},
		{"no_feed", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, nil, nil, vuln.FeedMissing, "no loaded feed", 0},
		{"no_feed_for_release", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, []advisory.Feed{feedOf("test", "AlmaLinux:8")}, nil, vuln.FeedMissing, "no loaded feed", 0},
		{"subset", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, []advisory.Feed{partial}, []advisory.Advisory{fixed}, vuln.FeedIncomplete, "subset", 1},
		{"stale", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, []advisory.Feed{stale}, []advisory.Advisory{fixed}, vuln.FeedStale, "2026-08-14", 1},
		{"undated", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, []advisory.Feed{undated}, []advisory.Advisory{fixed}, vuln.FeedStale, "does not say", 1},
		{"unreadable_version", inventory.Inventory{OS: alma, Packages: []inventory.Package{{Ecosystem: inventory.AlmaLinux, Name: "bash", Version: "x:y"}}}, []advisory.Feed{feedOf("test", "AlmaLinux:9")}, []advisory.Advisory{fixed}, vuln.VersionUnreadable, `"x:y"`, 0},
		{"unreadable_range", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}}, []advisory.Feed{feedOf("test", "AlmaLinux:9")}, []advisory.Advisory{adv("ALSA-2", advisory.Affected{Ecosystem: "AlmaLinux", Release: "9", Package: "bash", Ranges: span("introduced 0", "fixed a:b")})}, vuln.RangeUnreadable, "ALSA-2", 0},
		{"empty", inventory.Inventory{OS: alma}, nil, nil, vuln.NoPackages, "no packages", 0},
		{"os_without_packages", inventory.Inventory{OS: alma, Method: inventory.Agentless, Packages: []inventory.Package{{Ecosystem: inventory.Go, Name: "m", Version: "1.0.0"}}}, []advisory.Feed{feedOf("test", "Go")}, nil, vuln.NoPackages, "operating system", 0},
		{"gap", inventory.Inventory{OS: alma, Packages: []inventory.Package{rpm}, Gaps: []inventory.Gap{{Path: "/var/lib/rpm", Reason: "damaged"}}}, []advisory.Feed{feedOf("test", "AlmaLinux:9")}, nil, vuln.InventoryGap, "damaged", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := world{feeds: c.feeds, advisories: c.adv}.open(t)
			res := vuln.Match(&c.inv, db, vuln.Options{Now: now()})
			i := slices.IndexFunc(res.NotAssessed, func(n vuln.NotAssessed) bool { return n.Reason == c.want })
			if i < 0 {
				t.Fatalf("got %+v, want %s", res.NotAssessed, c.want)
			}
			if !strings.Contains(res.NotAssessed[i].Detail, c.words) {
				t.Errorf("detail %q does not say %q", res.NotAssessed[i].Detail, c.words)
			}
			if res.Assessed() || len(res.Matches) != c.hits {
				t.Errorf("assessed %v with %d matches, want %d", res.Assessed(), len(res.Matches), c.hits)
			}
			n := res.Counts
			if n.Packages != n.Assessed+n.Suppressed+n.NotInstalled+n.Skipped {
				t.Errorf("counts do not add up: %+v", n)
			}
		})
	}
}

// TestLookupFails makes a damaged database a reason, not an empty list.
func TestLookupFails(t *testing.T) {
	inv := &inventory.Inventory{Packages: []inventory.Package{{Ecosystem: inventory.Go, Name: "m", Version: "1.0.0"}}}
	db := world{feeds: []advisory.Feed{feedOf("test", "Go")}, fail: errors.New("advisory database is damaged")}.open(t)
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	if len(res.NotAssessed) != 1 || res.NotAssessed[0].Reason != vuln.LookupFailed || res.NotAssessed[0].Detail != "advisory database is damaged" {
		t.Errorf("got %+v", res.NotAssessed)
	}
}

// TestDismissed keeps true comparisons that are no vulnerabilities out of the findings, and says why.
func TestDismissed(t *testing.T) {
	alma := inventory.OS{ID: "almalinux", VersionID: "8.10"}
	amzn := inventory.OS{ID: "amzn", VersionID: "2"}
	module := advisory.Affected{Ecosystem: "AlmaLinux", Release: "8", Package: "perl", Module: "*", Ranges: span("introduced 0", "fixed 4:5.30.1-452.module_el8.6.0+2766")}
	plain := advisory.Affected{Ecosystem: "AlmaLinux", Release: "8", Package: "perl", Ranges: span("introduced 0", "fixed 4:5.26.3-420.el8")}
	extra := advisory.Affected{Ecosystem: "Amazon Linux", Release: "2", Package: "postgresql", Repo: "postgresql14", Ranges: span("introduced 0", "fixed 14.3-2.amzn2")}
	perl := inventory.Package{Ecosystem: inventory.AlmaLinux, Name: "perl", Version: "4:5.26.3-419.el8"}
	modular := perl
	modular.Version, modular.Module = "4:5.30.1-451.module_el8.6.0+2766", "perl:5.30"
	psql := inventory.Package{Ecosystem: inventory.Amazon, Name: "postgresql", Version: "9.2.24-8.amzn2"}
	bug := advisory.Advisory{Source: "test", ID: "ALBA-1", Errata: true, Affected: []advisory.Affected{plain}}
	both := adv("ALSA-3", module)
	both.Affected = append(both.Affected, plain)
	undecided := plain
	undecided.State = advisory.StateUndecided
	for _, c := range []struct {
		name string
		inv  inventory.Inventory
		a    advisory.Advisory
		want vuln.Dismissal
	}{
		{"bug_fix", inventory.Inventory{OS: alma, Packages: []inventory.Package{perl}}, bug, vuln.NoCVE},
		{"other_module", inventory.Inventory{OS: alma, Packages: []inventory.Package{perl}}, adv("ALSA-1", module), vuln.OtherModule},
		{"module", inventory.Inventory{OS: alma, Packages: []inventory.Package{modular}}, adv("ALSA-1", module), ""},
		{"one_row_counts", inventory.Inventory{OS: alma, Packages: []inventory.Package{perl}}, both, ""},
		{"topic_off", inventory.Inventory{OS: amzn, Packages: []inventory.Package{psql}}, adv("ALAS-1", extra), vuln.RepoDisabled},
		{"topic_on", inventory.Inventory{OS: amzn, Packages: []inventory.Package{psql}, Repos: []inventory.Repo{{ID: "amzn2extra-postgresql14", Topic: "postgresql14", Enabled: true}}}, adv("ALAS-1", extra), ""},
		{"undecided", inventory.Inventory{OS: alma, Packages: []inventory.Package{perl}}, adv("ALSA-4", undecided), vuln.StateExcluded},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := world{feeds: []advisory.Feed{feedOf("test", "AlmaLinux:8", "Amazon Linux:2")}, advisories: []advisory.Advisory{c.a}}.open(t)
			res := vuln.Match(&c.inv, db, vuln.Options{Now: now()})
			if len(res.Matches) != 1 || res.Matches[0].Dismissed != c.want {
				t.Fatalf("got %+v, want one dismissed as %q", res.Matches, c.want)
			}
			f, err := vuln.Findings(&res, asset.Ref{}, db, now())
			if err != nil || (len(f) == 0) != (c.want != "") {
				t.Errorf("got %d findings, %v", len(f), err)
			}
			if c.want != "" && res.Counts.Dismissed[c.want] != 1 {
				t.Errorf("counts %+v", res.Counts)
			}
			if len(vuln.Rows(&res)) != 1 {
				t.Error("a dismissed match is missing from the rows that are compared with other scanners")
			}
		})
	}
}

// TestLeftOut counts what is no match at all.
func TestLeftOut(t *testing.T) {
	f := advisory.Affected{Ecosystem: "PyPI", Package: "django", Ranges: span("introduced 0", "fixed 4.2")}
	gone := adv("PYSEC-1", f)
	gone.Withdrawn = now()
	armed := advisory.Affected{Ecosystem: "Debian", Release: "12", Package: "x", Arches: []string{"arm64"}, Ranges: span("introduced 0", "fixed 2")}
	db := world{feeds: []advisory.Feed{feedOf("test", "PyPI", "Debian:12")}, advisories: []advisory.Advisory{gone, adv("PYSEC-2", f), adv("D-1", armed)}}.open(t)
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Packages: []inventory.Package{
		{Ecosystem: inventory.PyPI, Name: "Django", Version: "4.1", Location: "/usr/lib/python3/dist-packages/Django.egg-info", OwnedBy: "python3-django"},
		{Ecosystem: inventory.PyPI, Name: "Django", Version: "4.1", Location: "/opt/app/Django.dist-info"},
		{Ecosystem: inventory.Debian, Name: "x", Version: "1", Arch: "amd64"},
		{Ecosystem: inventory.Debian, Name: "x", Version: "1", Arch: "arm64"},
		{Ecosystem: inventory.Debian, Name: "x", Version: "1", Arch: "arm64", Status: "deinstall ok config-files"},
	}}
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	want := vuln.Counts{Packages: 5, Assessed: 3, Suppressed: 1, NotInstalled: 1, Vulnerable: 2, Withdrawn: 1}
	if diff := cmp.Diff(want, res.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestEndOfLife(t *testing.T) {
	end := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	lives := []advisory.Lifecycle{
		{Product: "amzn", Release: "2", EOL: end, Source: "endoflife.date/amazon-linux"},
		{Product: "amzn", Release: "2023", EOL: end.AddDate(3, 0, 0)},
		{Product: "debian", Release: "12", EOL: end, Extended: end.AddDate(2, 0, 0)},
		{Product: "ubuntu", Release: "18.04", EOL: end, Extended: end.AddDate(5, 0, 0)},
		{Product: "rhel", Release: "7", EOL: end, Extended: end.AddDate(4, 0, 0)},
		{Product: "fedora", Release: "30", EOL: advisory.Undated()},
		{Product: "alpine", Release: "3.15", EOL: end},
		{Product: "centos", Release: "7", EOL: end},
		{Product: "sles", Release: "15.6", EOL: end},
		{Product: "windows-server", Release: "2012-r2", EOL: end},
	}
	db := world{lifecycles: lives}.open(t)
	for _, c := range []struct {
		os   inventory.OS
		want string
	}{
		{inventory.OS{ID: "amzn", VersionID: "2"}, "support of amzn 2 ended on 2026-06-30 (endoflife.date/amazon-linux)"},
		{inventory.OS{ID: "amzn", VersionID: "2023"}, ""},
		{inventory.OS{ID: "debian", VersionID: "12"}, ""},
		{inventory.OS{ID: "ubuntu", VersionID: "18.04"}, "support of ubuntu 18.04 ended on 2026-06-30 ()"},
		{inventory.OS{ID: "ubuntu", VersionID: "18.04", Pro: true}, ""},
		{inventory.OS{ID: "rhel", VersionID: "7.9"}, "support of rhel 7 ended on 2026-06-30 ()"},
		{inventory.OS{ID: "fedora", VersionID: "30"}, "support of fedora 30 ended on a day that is not published ()"},
		{inventory.OS{ID: "alpine", VersionID: "3.15.4"}, "support of alpine 3.15 ended on 2026-06-30 ()"},
		{inventory.OS{ID: "rocky", VersionID: "9"}, ""},
		{inventory.OS{ID: "centos", VersionID: "7"}, "support of centos 7 ended on 2026-06-30 ()"}, // no advisories, but an end
		{inventory.OS{ID: "sles_sap", VersionID: "15.6"}, "support of sles_sap 15.6 ended on 2026-06-30 ()"},
		{inventory.OS{ID: "windows", VersionID: "2012 R2", Build: "6.3.9600.1", PrettyName: "Windows Server 2012 R2"}, "support of windows 2012-r2 ended on 2026-06-30 ()"},
	} {
		res := vuln.Match(&inventory.Inventory{OS: c.os}, db, vuln.Options{Now: now()})
		got := ""
		if res.EndOfLife != nil {
			got = res.EndOfLife.Detail
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.os, got, c.want)
		}
		f, err := vuln.Findings(&res, asset.Ref{ID: "i-1"}, db, now())
		if err != nil || (len(f) == 1) != (c.want != "") || c.want != "" && (f[0].Type != finding.EndOfLife || f[0].Severity != finding.Critical || f[0].Why[0] != c.want) {
			t.Errorf("%+v: findings %+v, %v", c.os, f, err)
		}
	}
}
