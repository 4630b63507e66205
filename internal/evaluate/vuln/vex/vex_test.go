package vex_test

import (
	"strings"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/vex"
	"hinomi/internal/inventory"
)

func day(n int) time.Time { return time.Date(2026, 8, n, 0, 0, 0, 0, time.UTC) }

func TestAbout(t *testing.T) {
	deb := &inventory.Package{Ecosystem: inventory.Debian, Name: "libssl3", Version: "3.0.11-1~deb12u2+b1", SourceName: "openssl", SourceVersion: "3.0.11-1~deb12u2", PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2%2Bb1?arch=amd64&distro=debian-12"}
	npm := &inventory.Package{Ecosystem: inventory.NPM, Name: "@scope/lib", Version: "1.2.3"}
	said := func(product string, s advisory.Status) advisory.Statement {
		return advisory.Statement{Product: product, Vulnerability: "CVE-2026-1", Status: s, Justification: advisory.CodeNotPresent, Author: "team@example.com", At: day(1)}
	}
	no := advisory.NotAffected
	with := func(s advisory.Statement, change func(*advisory.Statement)) advisory.Statement {
		change(&s)
		return s
	}
	for _, c := range []struct {
		name          string
		p             *inventory.Package
		l             []advisory.Statement
		found, exempt bool
	}{
		{"purl", deb, []advisory.Statement{said("pkg:deb/debian/libssl3", no)}, true, true},
		{"purl_version", deb, []advisory.Statement{said("pkg:deb/debian/libssl3@3.0.11-1~deb12u2%2Bb1", no)}, true, true},
		{"purl_other_version", deb, []advisory.Statement{said("pkg:deb/debian/libssl3@3.0.10-1", no)}, false, false},
		{"purl_other_type", deb, []advisory.Statement{said("pkg:rpm/debian/libssl3", no)}, false, false},
		{"purl_other_namespace", deb, []advisory.Statement{said("pkg:deb/ubuntu/libssl3", no)}, false, false},
		{"purl_other_arch", deb, []advisory.Statement{said("pkg:deb/debian/libssl3?arch=arm64", no)}, false, false},
		{"purl_of_source", deb, []advisory.Statement{said("pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=source", no)}, true, true},
		{"purl_source_is_not_binary", &inventory.Package{Name: "openssl", Version: "1", SourceName: "other", PURL: "pkg:deb/debian/openssl@1?arch=amd64"}, []advisory.Statement{said("pkg:deb/debian/openssl?arch=source", no)}, false, false},
		{"npm_scope", npm, []advisory.Statement{said("pkg:npm/%40scope/lib@1.2.3", no)}, true, true},
		{"plain", deb, []advisory.Statement{said("openssl", no)}, true, true},
		{"plain_other", deb, []advisory.Statement{said("open", no)}, false, false},
		{"alias", deb, []advisory.Statement{with(said("openssl", no), func(s *advisory.Statement) { s.Vulnerability, s.Aliases = "GHSA-1", []string{"cve-2026-1"} })}, true, true},
		{"other_vulnerability", deb, []advisory.Statement{with(said("openssl", no), func(s *advisory.Statement) { s.Vulnerability = "CVE-2026-11" })}, false, false},
		{"this_asset", deb, []advisory.Statement{with(said("", no), func(s *advisory.Statement) { s.Asset = "i-1" })}, true, true},
		{"other_asset", deb, []advisory.Statement{with(said("openssl", no), func(s *advisory.Statement) { s.Asset = "i-2" })}, false, false},
		{"lapsed", deb, []advisory.Statement{with(said("openssl", no), func(s *advisory.Statement) { s.Until = day(9) })}, false, false},
		{"investigated", deb, []advisory.Statement{said("openssl", advisory.UnderInvestigation)}, true, false},
		{"affected", deb, []advisory.Statement{said("openssl", advisory.AffectedStatus)}, true, false},
		{"fixed_version", npm, []advisory.Statement{said("pkg:npm/%40scope/lib@1.2.3", advisory.FixedStatus)}, true, true},
		{"fixed_in_general", npm, []advisory.Statement{said("pkg:npm/%40scope/lib", advisory.FixedStatus)}, true, false},
		{"later_takes_it_back", deb, []advisory.Statement{said("openssl", no), with(said("openssl", advisory.AffectedStatus), func(s *advisory.Statement) { s.At = day(2) })}, true, false},
		{"later_clears", deb, []advisory.Statement{with(said("openssl", no), func(s *advisory.Statement) { s.At = day(2) }), said("openssl", advisory.AffectedStatus)}, true, true},
		{"of_one_time_the_worse", deb, []advisory.Statement{said("openssl", no), said("libssl3", advisory.AffectedStatus)}, true, false},
	} {
		set, refused := vex.NewSet(c.l)
		if len(refused) > 0 {
			t.Errorf("%s: refused %q", c.name, refused)
		}
		got, ok := set.About(c.p, []string{"CVE-2026-1"}, "i-1", day(10))
		if ok != c.found || got.Exempts != c.exempt {
			t.Errorf("%s: got %+v, %v; want found %v, exempt %v", c.name, got, ok, c.found, c.exempt)
		}
		if ok && !strings.HasPrefix(got.Text, "team@example.com says: ") {
			t.Errorf("%s: text %q", c.name, got.Text)
		}
	}
}

// TestRefused keeps out statements that would hold for everything or give no reason.
func TestRefused(t *testing.T) {
	for _, s := range []advisory.Statement{
		{Vulnerability: "CVE-2026-1", Status: advisory.NotAffected, Justification: advisory.CodeNotPresent},
		{Product: "pkg:npm/x", Status: advisory.NotAffected, Justification: advisory.CodeNotPresent},
		{Product: "pkg:npm/x", Vulnerability: "CVE-2026-1", Status: advisory.NotAffected},
		{Product: "pkg:", Vulnerability: "CVE-2026-1", Status: advisory.NotAffected, Impact: "no"},
		{Product: "pkg:npm/x", Vulnerability: "CVE-2026-1", Status: "fine"},
	} {
		set, refused := vex.NewSet([]advisory.Statement{s})
		if len(refused) != 1 || !set.Empty() {
			t.Errorf("%+v: refused %q, empty %v", s, refused, set.Empty())
		}
	}
}
