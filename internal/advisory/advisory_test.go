package advisory_test

import (
	"slices"
	"testing"
	"time"

	"hinomi/internal/advisory"
)

func TestCVEs(t *testing.T) {
	for _, c := range []struct {
		name string
		a    advisory.Advisory
		want []string
	}{
		{"own_id", advisory.Advisory{ID: "CVE-2024-0001"}, []string{"CVE-2024-0001"}},
		{"prefixed_id", advisory.Advisory{ID: "UBUNTU-CVE-2024-51988"}, []string{"CVE-2024-51988"}},
		{"aliases_and_upstream", advisory.Advisory{ID: "GO-1", Aliases: []string{"GHSA-x", "CVE-2024-0002"}, Upstream: []string{"CVE-2024-0001"}}, []string{"CVE-2024-0001", "CVE-2024-0002"}},
		{"related_of_erratum", advisory.Advisory{ID: "ALSA-1", Errata: true, Related: []string{"CVE-2024-0001"}}, []string{"CVE-2024-0001"}},
		{"related_of_others_is_another", advisory.Advisory{ID: "GO-1", Related: []string{"CVE-2024-0001"}}, nil},
		{"once", advisory.Advisory{ID: "CVE-2024-0001", Aliases: []string{"CVE-2024-0001"}}, []string{"CVE-2024-0001"}},
		{"no_number", advisory.Advisory{ID: "XCVE-2024-0001", Aliases: []string{"CVE-2024-1", "CVE-20x4-0001", "CVE-"}}, nil},
	} {
		if got := c.a.CVEs(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCanonicalName(t *testing.T) {
	for _, c := range []struct{ eco, name, want string }{
		{"PyPI", "Foo._-Bar", "foo-bar"},
		{"PyPI", "plain-name", "plain-name"},
		{"PyPI", "a--b", "a-b"},
		{"PyPI", "_a", "-a"},
		{"NuGet", "Newtonsoft.Json", "newtonsoft.json"},
		{"Packagist", "Symfony/Yaml", "symfony/yaml"},
		{"npm", "JSONStream", "JSONStream"},
		{"Go", "github.com/A/B", "github.com/A/B"},
	} {
		got := advisory.CanonicalName(c.eco, c.name)
		if got != c.want || advisory.CanonicalName(c.eco, got) != got {
			t.Errorf("%s %s: got %q, want %q", c.eco, c.name, got, c.want)
		}
	}
}

func TestEcosystem(t *testing.T) {
	for s, want := range map[string][2]string{
		"Go": {"Go", ""}, "AlmaLinux:9": {"AlmaLinux", "9"}, "Ubuntu:Pro:22.04:LTS": {"Ubuntu", "Pro:22.04:LTS"},
		"Red Hat:rhel_eus:8.8::baseos": {"Red Hat", "rhel_eus:8.8::baseos"},
	} {
		base, release := advisory.ParseEcosystem(s)
		if base != want[0] || release != want[1] || advisory.JoinEcosystem(base, release) != s {
			t.Errorf("%s: got %q, %q", s, base, release)
		}
	}
}

func TestUndated(t *testing.T) {
	if !advisory.IsUndated(advisory.Undated()) || advisory.IsUndated(time.Time{}) || advisory.Undated().IsZero() {
		t.Error("an end without a date is neither a date nor no end")
	}
}
