package vuln

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/affected"
	"hinomi/internal/inventory"
)

// dismiss returns why a true comparison is still no vulnerability of this host, "" if it is one.
func (m *matcher) dismiss(p *inventory.Package, row *advisory.Row, a *advisory.Advisory, cves []string) Dismissal {
	switch {
	case a.Errata && len(cves) == 0:
		return NoCVE
	case m.otherModule(p, row, a):
		return OtherModule
	case p.Ecosystem == inventory.Oracle && advisory.OracleFlavor(p.Version) != affected.OracleLine(row):
		return OtherBuild
	case row.Repo != "" && p.Ecosystem != inventory.Oracle && !m.enabled(p, row.Repo):
		return RepoDisabled
	case !m.policy.counts(row):
		return StateExcluded
	}
	return ""
}

// enabled reports whether the fixes of a repository or extras topic are for a package: the host has it enabled, or the package came from it.
// A feed names a repository as its publisher's folders do; the host's name may say the distribution, too: amzn2extra-docker, amazonlinux-nvidia.
func (m *matcher) enabled(p *inventory.Package, repo string) bool {
	is := func(id string) bool { return id == repo || id == "amzn2extra-"+repo || id == "amazonlinux-"+repo }
	return is(p.Repository) || slices.ContainsFunc(m.inv.Repos, func(r inventory.Repo) bool { return r.Enabled && (is(r.ID) || r.Topic == repo) })
}

// otherModule reports whether a row and a package are of different module streams, or one of a module and the other of none. A modular build
// says so in its release (".module_el8.6.0+2766", ".module+el8…"); which stream it is of stands in its label (rpm tag MODULARITYLABEL,
// name:stream:version:context). Rows of OSV name no stream, but their errata are titled by it: "Important: nodejs:18 security update".
func (m *matcher) otherModule(p *inventory.Package, row *advisory.Row, a *advisory.Advisory) bool {
	modular := p.Module != "" || strings.Contains(p.Version, ".module")
	if row.Module == "" {
		return modular && affected.PlainFix(row)
	}
	if !modular {
		return true
	}
	want := row.Module
	if want == "*" && a != nil {
		want = affected.StreamIn(a.Summary)
	}
	name, _, _ := strings.Cut(want, ":")
	installed := affected.Stream(p.Module)
	if installed == "" {
		installed = m.stream(name)
	}
	have, _, _ := strings.Cut(installed, ":")
	return want != "" && installed != "" && have == name && installed != want
}

// stream returns the stream of a module that dnf has enabled, "" if it is not known.
func (m *matcher) stream(module string) string {
	for _, r := range m.inv.Repos {
		if name, _, ok := strings.Cut(r.Topic, ":"); ok && r.Enabled && name == module {
			return r.Topic
		}
	}
	return ""
}
