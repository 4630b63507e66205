package vuln_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/evaluate/vuln/vex"
	"hinomi/internal/inventory"
)

// TestStatements lets users' statements take single vulnerabilities of an erratum out of the findings, never out of the result.
func TestStatements(t *testing.T) {
	w, inv := opensslWorld()
	db := w.open(t)
	not := func(change func(*advisory.Statement)) advisory.Statement {
		s := advisory.Statement{Product: "openssl", Vulnerability: "CVE-2026-0001", Status: advisory.NotAffected, Justification: advisory.CodeNotInPath, Author: "team@example.com", At: now().AddDate(0, 0, -2)}
		change(&s)
		return s
	}
	same := func(*advisory.Statement) {}
	for _, c := range []struct {
		name    string
		said    []advisory.Statement
		asset   string
		want    []string
		omitted int // one for each binary package
		refused int
	}{
		{"none", nil, "", []string{"CVE-2026-0001", "CVE-2026-0002"}, 0, 0},
		{"one_of_two", []advisory.Statement{not(same)}, "", []string{"CVE-2026-0002"}, 2, 0},
		{"both", []advisory.Statement{not(same), not(func(s *advisory.Statement) { s.Vulnerability = "CVE-2026-0002" })}, "", nil, 4, 0},
		{"erratum_id_is_no_name_of_one", []advisory.Statement{not(func(s *advisory.Statement) { s.Vulnerability = "ALSA-2026:1" })}, "", []string{"CVE-2026-0001", "CVE-2026-0002"}, 0, 0},
		{"one_package_of_two", []advisory.Statement{not(func(s *advisory.Statement) { s.Product = "openssl-libs" })}, "", []string{"CVE-2026-0001", "CVE-2026-0002"}, 1, 0},
		{"without_reason", []advisory.Statement{not(func(s *advisory.Statement) { s.Justification = "" })}, "", []string{"CVE-2026-0001", "CVE-2026-0002"}, 0, 1},
		{"other_asset", []advisory.Statement{not(func(s *advisory.Statement) { s.Asset = "i-9" })}, "i-1", []string{"CVE-2026-0001", "CVE-2026-0002"}, 0, 0},
		{"this_asset", []advisory.Statement{not(func(s *advisory.Statement) { s.Asset = "i-1" })}, "i-1", []string{"CVE-2026-0002"}, 2, 0},
		{"investigated", []advisory.Statement{not(func(s *advisory.Statement) { s.Status = advisory.UnderInvestigation })}, "", []string{"CVE-2026-0001", "CVE-2026-0002"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := vuln.Match(inv, db, vuln.Options{Now: now(), Statements: c.said, Asset: c.asset})
			got, err := vuln.Findings(&res, instance(), db, now())
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range got {
				ids = append(ids, f.Package.VulnerabilityID)
			}
			slices.Sort(ids)
			o := vuln.Omissions(&res)
			if !slices.Equal(ids, c.want) || len(o) != c.omitted || len(res.Refused) != c.refused || len(res.Matches) != 2 {
				t.Errorf("findings %q, omissions %+v, refused %q", ids, o, res.Refused)
			}
			for _, e := range o {
				if e.Reason != "VEX" || e.By != "team@example.com" || e.Justification != "vulnerable_code_not_in_execute_path" || !strings.Contains(e.Detail, "2026-08-20") {
					t.Errorf("omission %+v", e)
				}
			}
			if c.name == "investigated" && !slices.ContainsFunc(got[0].Why, func(w string) bool { return strings.Contains(w, "team@example.com says: under investigation") }) {
				t.Errorf("nothing says that it is investigated: %q", got[0].Why)
			}
		})
	}
}

// TestStated applies statements to findings that were made without them, for one asset.
func TestStated(t *testing.T) {
	w, inv := opensslWorld()
	db := w.open(t)
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	got, err := vuln.Findings(&res, instance(), db, now())
	if err != nil {
		t.Fatal(err)
	}
	set, refused := vex.NewSet([]advisory.Statement{
		{Product: "openssl", Asset: "i-1", Vulnerability: "CVE-2026-0001", Status: advisory.NotAffected, Impact: "only reads local files", Author: "team@example.com"},
		{Product: "openssl-libs", Vulnerability: "CVE-2026-0002", Status: advisory.NotAffected, Impact: "one package of two", Author: "team@example.com"},
	})
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	for _, f := range got {
		first := f.Package.VulnerabilityID == "CVE-2026-0001"
		if why, ok := vuln.Stated(&f, set, "i-1", now()); ok != first || ok && why != "team@example.com says: not affected: only reads local files" {
			t.Errorf("%s: %v %q", f.Package.VulnerabilityID, ok, why)
		}
		if _, ok := vuln.Stated(&f, set, "i-2", now()); ok {
			t.Errorf("%s: exempt on another asset", f.Package.VulnerabilityID)
		}
	}
}

// TestPublisherClears lets a publisher's "not affected" take its own matches away, for its own release and with a name.
func TestPublisherClears(t *testing.T) {
	at := func(id, release string, state advisory.State, events ...string) advisory.Advisory {
		f := advisory.Affected{Ecosystem: "Debian", Release: release, Package: "s", State: state}
		if len(events) > 0 {
			f.Ranges = span(events...)
		} else {
			f.Justification = advisory.CodeNotPresent
		}
		return adv(id, f)
	}
	hit := at("D-1", "12", advisory.StateFixed, "introduced 0", "fixed 2")
	other := at("V-1", "12", advisory.StateNotAffected)
	other.Aliases = []string{"CVE-2026-0009"}
	gone := at("V-1", "12", advisory.StateNotAffected)
	gone.Withdrawn = now()
	both := at("D-1", "12", advisory.StateFixed, "introduced 0", "fixed 2")
	both.Affected = append(both.Affected, at("", "12", advisory.StateNotAffected).Affected...)
	for _, c := range []struct {
		name string
		l    []advisory.Advisory
		want vuln.Dismissal
	}{
		{"cleared", []advisory.Advisory{hit, at("V-1", "12", advisory.StateNotAffected)}, vuln.VEX},
		{"cleared_for_a_range", []advisory.Advisory{hit, at("V-1", "12", advisory.StateNotAffected, "introduced 0", "last 1")}, vuln.VEX},
		{"range_does_not_reach", []advisory.Advisory{hit, at("V-1", "12", advisory.StateNotAffected, "introduced 0", "last 0.9")}, ""},
		{"other_release", []advisory.Advisory{hit, at("V-1", "11", advisory.StateNotAffected)}, ""},
		{"other_vulnerability", []advisory.Advisory{hit, other}, ""},
		{"withdrawn", []advisory.Advisory{hit, gone}, ""},
		{"one_document_says_both", []advisory.Advisory{both}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := world{feeds: []advisory.Feed{feedOf("test", "Debian:12")}, advisories: c.l}.open(t)
			inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Packages: []inventory.Package{{Ecosystem: inventory.Debian, Name: "s", Version: "1", SourceName: "s"}}}
			res := vuln.Match(inv, db, vuln.Options{Now: now()})
			if len(res.Matches) != 1 || res.Matches[0].Dismissed != c.want || len(vuln.Rows(&res)) != 1 {
				t.Fatalf("got %+v, want dismissed %q", res.Matches, c.want)
			}
			if c.want != "" && (res.Matches[0].Exempt[0].By != "test (V-1)" || c.name == "cleared" && res.Matches[0].Exempt[0].Justification != advisory.CodeNotPresent) {
				t.Errorf("exempt %+v", res.Matches[0].Exempt)
			}
		})
	}
}

// TestModules tells streams apart: by the label, by dnf's list of enabled streams, by the title of an erratum that names no stream in its rows.
func TestModules(t *testing.T) {
	const modular = "1:18.9.1-1.module_el8.9.0+3731"
	row := func(module, fixed, title string) advisory.Advisory {
		a := adv("ALSA-1", advisory.Affected{Ecosystem: "AlmaLinux", Release: "8", Package: "nodejs", Module: module, Ranges: span("introduced 0", "fixed "+fixed)})
		a.Summary = title
		return a
	}
	for _, c := range []struct {
		name, version, label, enabled string
		a                             advisory.Advisory
		want                          vuln.Dismissal
	}{
		{"same_stream", modular, "nodejs:18:8090020231201:a75119d5", "", row("nodejs:18", "1:18.20.0-1.module_el8.9.0+1", ""), ""},
		{"other_stream", modular, "nodejs:18:8090020231201:a75119d5", "", row("nodejs:20", "1:20.9.0-1.module_el8.9.0+1", ""), vuln.OtherModule},
		{"stream_by_dnf", modular, "", "nodejs:18", row("nodejs:20", "1:20.9.0-1.module_el8.9.0+1", ""), vuln.OtherModule},
		{"stream_not_known", modular, "", "", row("nodejs:20", "1:20.9.0-1.module_el8.9.0+1", ""), ""},
		{"title_same", modular, "nodejs:18:1:c", "", row("*", "1:18.20.0-1.module_el8.9.0+1", "Important: nodejs:18 security update"), ""},
		{"title_other", modular, "nodejs:18:1:c", "", row("*", "1:20.9.0-1.module_el8.9.0+1", "Important: nodejs:20 security update"), vuln.OtherModule},
		{"title_of_another_module", modular, "nodejs:18:1:c", "", row("*", "1:20.9.0-1.module_el8.9.0+1", "Important: perl:5.30 security update"), ""},
		{"plain_fix", modular, "nodejs:18:1:c", "", row("", "1:19.0.0-1.el8", ""), vuln.OtherModule},
		{"plain_without_fix", modular, "nodejs:18:1:c", "", adv("A", advisory.Affected{Ecosystem: "AlmaLinux", Release: "8", Package: "nodejs", Ranges: span("introduced 0")}), ""},
		{"module_and_plain_build", "1:10.0.0-1.el8", "", "", row("nodejs:18", "1:18.20.0-1.module_el8.9.0+1", ""), vuln.OtherModule},
	} {
		inv := &inventory.Inventory{OS: inventory.OS{ID: "almalinux", VersionID: "8.9"}, Packages: []inventory.Package{{Ecosystem: inventory.AlmaLinux, Name: "nodejs", Version: c.version, Module: c.label}}}
		if c.enabled != "" {
			inv.Repos = []inventory.Repo{{ID: "nodejs", Enabled: true, Topic: c.enabled}}
		}
		db := world{feeds: []advisory.Feed{feedOf("test", "AlmaLinux:8")}, advisories: []advisory.Advisory{c.a}}.open(t)
		res := vuln.Match(inv, db, vuln.Options{Now: now()})
		if len(res.Matches) != 1 || res.Matches[0].Dismissed != c.want {
			t.Errorf("%s: got %+v, want %q", c.name, res.Matches, c.want)
		}
	}
}

// TestRepositories takes a repository's fixes for a package that came from it, whether or not it is enabled still, and by either name.
func TestRepositories(t *testing.T) {
	docker := func(repo string) *memory {
		return world{feeds: []advisory.Feed{feedOf("test", "Amazon Linux:2", "Amazon Linux:2023")}, advisories: []advisory.Advisory{{Source: "test", ID: "ALAS-1", Aliases: []string{"CVE-2026-0001"}, Affected: []advisory.Affected{
			{Ecosystem: "Amazon Linux", Release: "2", Package: "p", Repo: repo, Ranges: span("introduced 0", "fixed 2-1")},
			{Ecosystem: "Amazon Linux", Release: "2023", Package: "p", Repo: repo, Ranges: span("introduced 0", "fixed 2-1")},
		}}}}.open(t)
	}
	for _, c := range []struct {
		name, release, repo, from string
		repos                     []inventory.Repo
		want                      vuln.Dismissal
	}{
		{"topic", "2", "docker", "", []inventory.Repo{{ID: "amzn2extra-docker", Topic: "docker", Enabled: true}}, ""},
		{"topic_by_id", "2", "docker", "", []inventory.Repo{{ID: "amzn2extra-docker", Enabled: true}}, ""},
		{"topic_off", "2", "docker", "", []inventory.Repo{{ID: "amzn2extra-docker", Topic: "docker"}}, vuln.RepoDisabled},
		{"came_from_it", "2", "docker", "amzn2extra-docker", nil, ""},
		{"livepatch", "2023", "kernel-livepatch", "", []inventory.Repo{{ID: "kernel-livepatch", Enabled: true}}, ""},
		{"livepatch_off", "2023", "kernel-livepatch", "", []inventory.Repo{{ID: "amazonlinux", Enabled: true}, {ID: "kernel-livepatch"}}, vuln.RepoDisabled},
		{"nvidia", "2023", "nvidia", "", []inventory.Repo{{ID: "amazonlinux-nvidia", Enabled: true}}, ""},
		{"nvidia_off", "2023", "nvidia", "amazonlinux", []inventory.Repo{{ID: "amazonlinux", Enabled: true}}, vuln.RepoDisabled},
	} {
		inv := &inventory.Inventory{OS: inventory.OS{ID: "amzn", VersionID: c.release}, Repos: c.repos, Packages: []inventory.Package{{Ecosystem: inventory.Amazon, Name: "p", Version: "1-1", Repository: c.from}}}
		res := vuln.Match(inv, docker(c.repo), vuln.Options{Now: now()})
		if len(res.Matches) != 1 || res.Matches[0].Dismissed != c.want {
			t.Errorf("%s: got %+v, want %q", c.name, res.Matches, c.want)
		}
	}
}

// TestOracleLines keeps the lines of Oracle's builds apart: their epochs make every ordinary build look old.
func TestOracleLines(t *testing.T) {
	for _, c := range []struct {
		name, installed, repo, fixed string
		want                         vuln.Dismissal
	}{
		{"ordinary", "2.28-150.el8", "", "2.28-151.el8", ""},
		{"ksplice_row", "2.28-151.el8", "ksplice", "2:2.28-151.0.1.ksplice1.el8", vuln.OtherBuild},
		{"ksplice_row_without_word", "2.28-151.el8", "", "2:2.28-151.0.1.ksplice1.el8", vuln.OtherBuild},
		{"ksplice_both", "2:2.28-150.0.1.ksplice1.el8", "ksplice", "2:2.28-151.0.1.ksplice1.el8", ""},
		{"fips_row", "3.6.16-4.el8", "fips", "10:3.6.16-4.0.1.el8_fips", vuln.OtherBuild},
		{"fips_both", "10:3.6.16-3.0.1.el8_fips", "fips", "10:3.6.16-4.0.1.el8_fips", ""},
	} {
		db := world{feeds: []advisory.Feed{feedOf("test", "Oracle Linux:8")}, advisories: []advisory.Advisory{
			adv("ELSA-1", advisory.Affected{Ecosystem: "Oracle Linux", Release: "8", Package: "p", Repo: c.repo, State: advisory.StateFixed, Ranges: span("introduced 0", "fixed "+c.fixed)}),
		}}.open(t)
		res := vuln.Match(&inventory.Inventory{OS: inventory.OS{ID: "ol", VersionID: "8.9"}, Packages: []inventory.Package{{Ecosystem: inventory.Oracle, Name: "p", Version: c.installed}}}, db, vuln.Options{Now: now()})
		if len(res.Matches) != 1 || res.Matches[0].Dismissed != c.want {
			t.Errorf("%s: got %+v, want %q", c.name, res.Matches, c.want)
		}
	}
}

// repositories is a database that knows Red Hat's repositories.
type repositories struct {
	*memory
	by map[string][]string
}

func (r repositories) Repository(ecosystem, id string) (advisory.Repository, bool, error) {
	l, ok := r.by[id]
	return advisory.Repository{Ecosystem: ecosystem, ID: id, Releases: l}, ok && ecosystem == "Red Hat", nil
}

// TestRedHatProducts chooses the products by the enabled repositories.
func TestRedHatProducts(t *testing.T) {
	on := func(ids ...string) (l []inventory.Repo) {
		for _, id := range ids {
			l = append(l, inventory.Repo{ID: id, Enabled: true})
		}
		return append(l, inventory.Repo{ID: "rhel-9-for-x86_64-nfv-rpms"})
	}
	mapped := map[string][]string{"rhui-custom": {"rhel_eus:9.2::baseos", "rhel_eus:9.4::baseos"}}
	for _, c := range []struct {
		name  string
		repos []inventory.Repo
		want  []string // products whose rows are true
	}{
		{"no_repositories", nil, []string{"enterprise_linux:9", "enterprise_linux:9::appstream", "enterprise_linux:9::baseos", "enterprise_linux:9::nfv"}},
		{"foreign_only", on("epel"), []string{"enterprise_linux:9", "enterprise_linux:9::appstream", "enterprise_linux:9::baseos", "enterprise_linux:9::nfv"}},
		{"usual", on("rhel-9-for-x86_64-baseos-rpms", "rhel-9-for-x86_64-appstream-rpms"), []string{"enterprise_linux:9", "enterprise_linux:9::appstream", "enterprise_linux:9::baseos"}},
		{"rhui", on("rhel-9-baseos-rhui-rpms", "codeready-builder-for-rhel-9-rhui-rpms"), []string{"enterprise_linux:9", "enterprise_linux:9::baseos"}},
		{"eus", on("rhel-9-for-x86_64-baseos-eus-rpms"), []string{"enterprise_linux:9", "rhel_eus:9.4::baseos"}},
		{"sources_do_not_count", on("rhel-9-for-x86_64-baseos-rpms", "rhel-9-for-x86_64-appstream-source-rpms"), []string{"enterprise_linux:9", "enterprise_linux:9::baseos"}},
		{"by_the_publishers_map", on("rhui-custom"), []string{"enterprise_linux:9", "rhel_eus:9.4::baseos"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world{}
			for _, release := range []string{"enterprise_linux:9", "enterprise_linux:9::baseos", "enterprise_linux:9::appstream", "enterprise_linux:9::nfv", "rhel_eus:9.4::baseos", "rhel_eus:9.2::baseos"} {
				w.feeds = append(w.feeds, feedOf("test", "Red Hat:"+release))
				w.advisories = append(w.advisories, adv(release, advisory.Affected{Ecosystem: "Red Hat", Release: release, Package: "bash", State: advisory.StateFixed, Ranges: span("introduced 0", "fixed 0:5.1.8-9.el9")}))
			}
			inv := &inventory.Inventory{OS: inventory.OS{ID: "rhel", VersionID: "9.4"}, Repos: c.repos, Packages: []inventory.Package{{Ecosystem: inventory.RedHat, Name: "bash", Version: "5.1.8-6.el9"}}}
			res := vuln.Match(inv, repositories{w.open(t), mapped}, vuln.Options{Now: now()})
			var got []string
			for _, h := range res.Matches {
				got = append(got, h.Advisory.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || !res.Assessed() {
				t.Error(diff, res.NotAssessed)
			}
		})
	}
	// An enabled product that no feed speaks of is a gap, although another one is known.
	w := world{feeds: []advisory.Feed{feedOf("test", "Red Hat:enterprise_linux:9::baseos")}}
	inv := &inventory.Inventory{OS: inventory.OS{ID: "rhel", VersionID: "9.4"}, Repos: on("rhel-9-for-x86_64-baseos-rpms", "rhel-9-for-x86_64-appstream-rpms"), Packages: []inventory.Package{{Ecosystem: inventory.RedHat, Name: "bash", Version: "5.1.8-6.el9"}}}
	res := vuln.Match(inv, w.open(t), vuln.Options{Now: now()})
	if len(res.NotAssessed) != 1 || res.NotAssessed[0].Reason != vuln.FeedMissing || res.NotAssessed[0].Ecosystem != "Red Hat:enterprise_linux:9::appstream" {
		t.Errorf("not assessed %+v", res.NotAssessed)
	}
}

// TestRedHatSources takes rows about a source package for what was built from it, and rows about a binary package for that one alone.
func TestRedHatSources(t *testing.T) {
	row := func(id, pkg, release string, state advisory.State, arches ...string) advisory.Advisory {
		return adv(id, advisory.Affected{Ecosystem: "Red Hat", Release: release, Package: pkg, State: state, Arches: arches, Ranges: span("introduced 0")})
	}
	db := world{feeds: []advisory.Feed{feedOf("test", "Red Hat:enterprise_linux:9::baseos")}, advisories: []advisory.Advisory{
		row("open", "openssl", "enterprise_linux:9", advisory.StateOpen, "noarch", "src"),
		row("binary", "openssl", "enterprise_linux:9::baseos", advisory.StateFixed, "x86_64"),
	}}.open(t)
	inv := &inventory.Inventory{OS: inventory.OS{ID: "rhel", VersionID: "9.4"}, Packages: []inventory.Package{{Ecosystem: inventory.RedHat, Name: "openssl-libs", Version: "1:3.0.7-1.el9", Arch: "x86_64", SourceName: "openssl"}}}
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	if len(res.Matches) != 1 || res.Matches[0].Advisory.ID != "open" || res.Matches[0].Dismissed != vuln.StateExcluded {
		t.Errorf("got %+v, want the open one, excluded by the policy", res.Matches)
	}
	policy, err := vuln.ParsePolicy([]byte(`{"states":{"Red Hat":["fixed","open"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	res = vuln.Match(inv, db, vuln.Options{Now: now(), Policy: &policy})
	if len(res.Matches) != 1 || res.Matches[0].Dismissed != "" {
		t.Errorf("got %+v, want a finding by the user's policy", res.Matches)
	}
}

// TestPolicy reads what a user may write, and says what is wrong with the rest.
func TestPolicy(t *testing.T) {
	p, err := vuln.ParsePolicy([]byte(`{"states":{"Debian":["fixed"],"AlmaLinux":["fixed","under_investigation"]},"stopMonthsAfterEndOfLife":12,"trustBootKernel":true}`))
	if err != nil {
		t.Fatal(err)
	}
	want := vuln.DefaultPolicy()
	want.States["Debian"] = []advisory.State{advisory.StateFixed}
	want.States["AlmaLinux"] = []advisory.State{advisory.StateFixed, advisory.StateUndecided}
	want.StopAfterEndOfLife, want.TrustBootKernel = 12, true
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ text, words string }{
		{`{"states":{"Debain":["fixed"]}}`, `"Debain" is none of`},
		{`{"states":{"Debian":["repaired"]}}`, `"repaired" is no state`},
		{`{"states":{"Debian":["not_affected"]}}`, `"not_affected" is no state`},
		{`{"stopMonthsAfterEndOfLife":-1}`, "is -1"},
		{`{"state":{}}`, "unknown field"},
		{`[]`, "policy of states"},
		{``, "policy of states"},
	} {
		if _, err := vuln.ParsePolicy([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.words)
		}
	}
	d := vuln.DefaultPolicy()
	for ecosystem, want := range map[string][]advisory.State{ // Inspector's table
		"AlmaLinux": {"fixed"}, "Amazon Linux": {"fixed"}, "Bottlerocket": {"fixed"}, "Fedora": {"fixed"}, "Oracle Linux": {"fixed"}, "Red Hat": {"fixed"}, "Rocky Linux": {"fixed"},
		"SUSE": {"fixed"}, "Windows": {"fixed"}, "macOS": {"fixed"}, "Debian": {"fixed", "open", "pending", "will_not_fix"}, "Ubuntu": {"fixed", "open", "pending"},
	} {
		if !slices.Equal(d.States[ecosystem], want) {
			t.Errorf("%s: %q, want %q", ecosystem, d.States[ecosystem], want)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"states":{"Debian":["fixed"]},"stopMonthsAfterEndOfLife":12}`))
	f.Add([]byte(`{"states":{"":["open"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := vuln.ParsePolicy(b)
		if err == nil && (p.StopAfterEndOfLife < 0 || len(p.States) != len(vuln.DefaultPolicy().States)) {
			t.Errorf("%q: %+v", b, p)
		}
	})
}

// TestStopAfterEndOfLife stops findings of a system's own packages when the policy says so, and keeps that of the system and those of others.
func TestStopAfterEndOfLife(t *testing.T) {
	end := now().AddDate(0, -12, 0)
	db := world{
		feeds: []advisory.Feed{feedOf("test", "Debian:10", "npm")}, lifecycles: []advisory.Lifecycle{{Product: "debian", Release: "10", EOL: end}},
		advisories: []advisory.Advisory{
			adv("D-1", advisory.Affected{Ecosystem: "Debian", Release: "10", Package: "s", Ranges: span("introduced 0")}),
			adv("N-1", advisory.Affected{Ecosystem: "npm", Package: "n", Ranges: span("introduced 0")}),
		},
	}.open(t)
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "10"}, Packages: []inventory.Package{
		{Ecosystem: inventory.Debian, Name: "s", Version: "1"}, {Ecosystem: inventory.NPM, Name: "n", Version: "1.0.0"},
	}}
	for _, c := range []struct {
		months, want int
		at           time.Time
	}{{0, 3, now()}, {12, 2, now()}, {12, 3, now().Add(-time.Second)}, {13, 3, now()}} {
		policy := vuln.DefaultPolicy()
		policy.StopAfterEndOfLife = c.months
		res := vuln.Match(inv, db, vuln.Options{Now: c.at, Policy: &policy})
		got, err := vuln.Findings(&res, instance(), db, c.at)
		if err != nil || len(got) != c.want || got[0].Severity != "CRITICAL" || got[0].Type != "END_OF_LIFE" {
			t.Errorf("after %d months: %+v, %v; want %d", c.months, got, err, c.want)
		}
		if c.want == 2 && res.Counts.Dismissed[vuln.OutOfSupport] != 1 {
			t.Errorf("counts %+v", res.Counts)
		}
	}
}
