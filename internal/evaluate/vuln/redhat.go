package vuln

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/distro"
	"hinomi/internal/inventory"
)

// Repositories is what a Lookup may offer besides: which products' advisories speak of the packages of a repository. Without it the names of
// the repositories are read by Red Hat's pattern.
type Repositories interface {
	// Repository returns what is known of a repository; ok is false if nothing is.
	Repository(ecosystem, id string) (r advisory.Repository, ok bool, err error)
}

// redHatReleases returns the products whose advisories are for a host of Red Hat: those of the repositories that it has enabled, if BaseOS (or
// Server, as it was called) is among them, for every host has that; else all that a subscription to its release gives. Extended streams
// (EUS, E4S, AUS, TUS) have advisories of their own, with other versions.
// The second result says that the repositories chose.
func (m *matcher) redHatReleases() (releases []string, chosen bool) {
	all := distro.RedHat(m.inv.OS)
	if all == nil {
		return nil, false
	}
	var out []string
	base := false
	for _, r := range m.inv.Repos {
		if !r.Enabled || strings.Contains(r.ID, "-source-") || strings.Contains(r.ID, "-debug-") {
			continue
		}
		for _, name := range m.products(r.ID) {
			base = base || distro.RedHatRank(name) == 0
			add(&out, name)
		}
	}
	if !base {
		return all, false
	}
	slices.SortStableFunc(out, func(a, b string) int { return distro.RedHatRank(a) - distro.RedHatRank(b) })
	for _, name := range distro.RedHatWhole(m.inv.OS.VersionID) {
		add(&out, name)
	}
	return out, true
}

// products returns a repository's products by the publisher's map, else by its name. An extended stream's repository lists all minor releases
// that it ever had: the host's own counts.
func (m *matcher) products(repository string) []string {
	if db, ok := m.db.(Repositories); ok {
		r, ok, err := db.Repository(string(inventory.RedHat), repository)
		if err != nil {
			m.note(NotAssessed{Reason: LookupFailed, Ecosystem: string(inventory.RedHat), Package: repository, Detail: err.Error()})
		}
		if out := slices.DeleteFunc(slices.Clone(r.Releases), m.otherMinor); ok && len(out) > 0 {
			return out
		}
	}
	if name := distro.RedHatProduct(repository, m.inv.OS.VersionID); name != "" {
		return []string{name}
	}
	return nil
}

// otherMinor reports whether a product is of another minor release than the host's.
func (m *matcher) otherMinor(product string) bool {
	_, rest, _ := strings.Cut(product, ":")
	version, _, _ := strings.Cut(rest, "::")
	return strings.Contains(version, ".") && version != m.inv.OS.VersionID
}

// uncovered notes products that a host has enabled and that every release has advisories for, but no feed speaks of.
func (m *matcher) uncovered() {
	m.unspoken(slices.DeleteFunc(slices.Clone(m.releases), func(r string) bool {
		return distro.RedHatRank(r) != 0 && !strings.HasSuffix(r, "::appstream")
	}))
}

// unspoken notes those of the products that no feed speaks of.
func (m *matcher) unspoken(products []string) {
	for _, release := range products {
		name := advisory.JoinEcosystem(string(m.distro.Ecosystem), release)
		if m.cover[name] == nil && m.coveredAny() {
			m.note(NotAssessed{Reason: FeedMissing, Ecosystem: name, Detail: "the product is enabled on the host, and no loaded feed speaks for it"})
		}
	}
}

// coveredAny reports whether a feed speaks of one of the host's products at all; if none does, each package says so.
func (m *matcher) coveredAny() bool {
	return slices.ContainsFunc(m.releases, func(r string) bool {
		return m.cover[advisory.JoinEcosystem(string(m.distro.Ecosystem), r)] != nil
	})
}
