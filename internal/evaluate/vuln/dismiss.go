package vuln

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// dismiss returns why a true comparison is still no vulnerability of this host, "" if it is one.
func (m *matcher) dismiss(p *inventory.Package, row *advisory.Row, a *advisory.Advisory, cves []string) Dismissal {
	switch {
	case a.Errata && len(cves) == 0:
		return NoCVE
	case m.otherModule(p, row, a):
		return OtherModule
	case p.Ecosystem == inventory.Oracle && advisory.OracleFlavor(p.Version) != oracleLine(row):
		return OtherBuild
	case row.Repo != "" && p.Ecosystem != inventory.Oracle && !m.enabled(p, row.Repo):
		return RepoDisabled
	case !m.policy.counts(row):
		return StateExcluded
	}
	return ""
}

// oracleLine returns the line of builds of Oracle Linux that a row is about: it is what its feed says, or what the fix itself shows.
func oracleLine(row *advisory.Row) string {
	if row.Repo != "" {
		return row.Repo
	}
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if line := advisory.OracleFlavor(e.Fixed); line != "" {
				return line
			}
		}
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
		return modular && plainFix(row)
	}
	if !modular {
		return true
	}
	want := row.Module
	if want == "*" && a != nil {
		want = streamIn(a.Summary)
	}
	name, _, _ := strings.Cut(want, ":")
	installed := stream(p.Module)
	if installed == "" {
		installed = m.stream(name)
	}
	have, _, _ := strings.Cut(installed, ":")
	return want != "" && installed != "" && have == name && installed != want
}

// plainFix reports whether a row names a version that ends it which is no build of a module.
func plainFix(row *advisory.Row) bool {
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if e.Fixed != "" && !strings.Contains(e.Fixed, ".module") {
				return true
			}
		}
	}
	return false
}

// stream cuts a module's label down to name and stream.
func stream(label string) string {
	name, rest, ok := strings.Cut(label, ":")
	if !ok {
		return ""
	}
	s, _, _ := strings.Cut(rest, ":")
	return name + ":" + s
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

// streamIn finds name:stream in an erratum's title, "" if it has none: "Moderate: container-tools:rhel8 security update".
func streamIn(summary string) string {
	for word := range strings.FieldsSeq(summary) {
		name, s, ok := strings.Cut(word, ":")
		if ok && name != "" && s != "" && !strings.Contains(s, ":") {
			return word
		}
	}
	return ""
}
