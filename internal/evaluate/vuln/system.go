package vuln

import (
	"cmp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/windows"
	"hinomi/internal/inventory"
)

// theSystem judges systems that are one product with a version of its own: Windows by its updates, macOS by its version, Bottlerocket by that
// of its image. The product stands as a package of its own in the matches.
func (m *matcher) theSystem() {
	os := m.inv.OS
	if m.releases == nil {
		switch m.distro.Ecosystem {
		case inventory.Windows, inventory.MacOS, inventory.Bottlerocket:
			n := m.unplaced()
			n.Ecosystem = string(m.distro.Ecosystem)
			m.note(n)
		default: // each of its packages says so
		}
		return
	}
	switch m.distro.Ecosystem {
	case inventory.Windows:
		m.windows()
	case inventory.MacOS:
		m.product(&inventory.Package{Ecosystem: inventory.MacOS, Name: "macOS", Version: os.VersionID, Arch: os.Arch, Vendor: "Apple"})
	case inventory.Bottlerocket:
		m.product(&inventory.Package{Ecosystem: inventory.Bottlerocket, Name: "bottlerocket", Version: os.VersionID, Arch: os.Arch})
	default: // a distribution of packages
	}
}

// product judges the system itself as one package.
func (m *matcher) product(p *inventory.Package) {
	r := m.ruleOf(p.Ecosystem)
	if m.feeds(p.Ecosystem, r.feedFor) {
		m.systemJudged = true
		m.lookUp(p, r, m.releases)
	}
}

// feeds is covered for a system: it is counted as no package.
func (m *matcher) feeds(e inventory.Ecosystem, names []string) bool {
	if m.coverOf(names) == nil {
		m.note(NotAssessed{Reason: FeedMissing, Ecosystem: names[0], Detail: "no loaded feed speaks for it"})
		return false
	}
	return m.covered(&inventory.Package{Ecosystem: e}, names)
}

// update is one row about a product of Windows, kept.
type update struct {
	row advisory.Row
	fix windows.Fix
}

// windows judges the system and its parts: an advisory is true of one if none of the updates that it offers is there.
func (m *matcher) windows() {
	product := m.releases[0]
	if !m.feeds(inventory.Windows, []string{advisory.JoinEcosystem(string(inventory.Windows), product)}) {
		return
	}
	system := &inventory.Package{Ecosystem: inventory.Windows, Name: product, Version: m.inv.OS.Build, Arch: m.inv.OS.Arch, Vendor: "Microsoft"}
	parts := append([]windows.Component{{Name: product, Package: system}}, windows.Components(m.inv)...)
	updates := make([][]update, len(parts))
	var fixes []windows.Fix
	for i, c := range parts {
		at := advisory.Coordinate{Ecosystem: string(inventory.Windows), Release: product, Package: c.Name}
		err := m.db.Affected(at, func(row *advisory.Row) {
			f := windows.FixOf(row)
			if f.System = c.Package == nil || c.Package == system; f.System {
				if a, _, err := m.document(row.Doc); err == nil {
					f.At = a.Published
				}
			}
			fixes = append(fixes, f)
			kept := *row // the ranges are used again for the next row: the fix has what they say
			kept.Ranges = nil
			updates[i] = append(updates[i], update{kept, f})
		})
		if err != nil {
			m.failed(system, system.Version, err)
		}
	}
	host := windows.NewHost(m.inv, fixes)
	if !host.Known() {
		m.note(NotAssessed{Reason: UnknownRelease, Ecosystem: string(inventory.Windows), Package: product, Version: m.inv.OS.Build, Detail: "neither the revision of its build nor an installed update was read"})
		return
	}
	m.systemJudged = true
	for i, c := range parts {
		p := c.Package
		if p == nil {
			p = &inventory.Package{Ecosystem: inventory.Windows, Name: c.Name, Version: m.inv.OS.Build, Arch: m.inv.OS.Arch, Vendor: "Microsoft"}
		}
		m.windowsProduct(p, c.Name, updates[i], host)
	}
}

// windowsProduct judges one product. Rows of one document are the updates that it offers: one of them is enough.
func (m *matcher) windowsProduct(p *inventory.Package, name string, l []update, host *windows.Host) {
	m.first = len(m.res.Matches)
	slices.SortStableFunc(l, func(a, b update) int { return cmp.Compare(a.row.Doc, b.row.Doc) })
	for len(l) > 0 {
		n := 1
		for n < len(l) && l[n].row.Doc == l[0].row.Doc {
			n++
		}
		m.windowsAdvisory(p, name, l[:n], host)
		l = l[n:]
	}
	found := m.res.Matches[m.first:]
	if m.stopped {
		for i := range found {
			found[i].Dismissed = cmp.Or(found[i].Dismissed, OutOfSupport)
		}
	}
	m.exempt(p, found)
	slices.SortStableFunc(found, func(a, b Hit) int { return strings.Compare(a.Advisory.ID, b.Advisory.ID) })
}

func (m *matcher) windowsAdvisory(p *inventory.Package, name string, l []update, host *windows.Host) {
	var best *update
	why := ""
	var others []string
	for i := range l {
		u := &l[i]
		if !archFits(u.row.Arches, p.Arch) || u.row.State == advisory.StateNotAffected {
			continue
		}
		has, text, ok := host.Has(u.fix)
		switch {
		case has:
			return
		case !ok && u.row.State == advisory.StateFixed:
			m.note(NotAssessed{Reason: RangeUnreadable, Ecosystem: string(p.Ecosystem), Package: name, Version: p.Version, Detail: m.docName(u.row.Doc) + " names neither an update nor a build of this line"})
			continue
		case !ok:
			text = "no update is published"
		}
		if u.fix.KB != "" {
			add(&others, u.fix.KB)
		}
		if best == nil || windows.Newer(u.fix, best.fix) {
			best, why = u, text
		}
	}
	if best == nil {
		return
	}
	if best.row.Withdrawn {
		m.res.Counts.Withdrawn++
		return
	}
	a, cves, err := m.document(best.row.Doc)
	if err != nil {
		m.failed(p, p.Version, err)
		return
	}
	m.used[a.Source] = true
	h := Hit{
		Package: p, Doc: best.row.Doc, Advisory: a, Ecosystem: advisory.JoinEcosystem(string(p.Ecosystem), m.releases[0]), Name: name, Version: p.Version,
		CVEs: cves, State: best.row.State, Fixed: cmp.Or(best.fix.Build, best.fix.KB), Comparison: why, Range: rangeOf(best.fix), Severity: best.row.Severity,
		KB: best.fix.KB, Dismissed: m.dismiss(p, &best.row, a, cves),
	}
	if others = slices.DeleteFunc(others, func(kb string) bool { return kb == h.KB }); len(others) > 0 {
		h.Notes = append(h.Notes, "one of these would do as well: "+strings.Join(others, ", "))
	}
	if latest := host.Latest(h.KB); latest != "" {
		h.Notes = append(h.Notes, latest+" replaces "+h.KB)
	}
	m.keep(h)
}

func rangeOf(f windows.Fix) string {
	switch {
	case f.KB != "" && f.Build != "":
		return "fixed by " + f.KB + " in " + f.Build
	case f.KB != "":
		return "fixed by " + f.KB
	case f.Build != "":
		return "introduced 0, fixed " + f.Build
	}
	return "no fix is published"
}

// windowsPackage sorts what is installed on Windows: updates and frameworks are judged with the system, programs by nobody.
func (m *matcher) windowsPackage(p *inventory.Package) {
	switch {
	case p.Name != ".NET Framework" && windows.KB(p.Name) == "" && !strings.HasPrefix(p.SourceName, "Package_for_"):
		m.skip(p, NotAssessed{Reason: UnknownEcosystem, Detail: "programs of Windows: hinomi has no rule for their versions"})
	case m.releases == nil:
		m.skip(p, m.unplaced())
	case m.coverOf([]string{advisory.JoinEcosystem(string(inventory.Windows), m.releases[0])}) == nil:
		m.skip(p, NotAssessed{Reason: FeedMissing, Ecosystem: advisory.JoinEcosystem(string(inventory.Windows), m.releases[0]), Detail: "no loaded feed speaks for it"})
	default:
		m.res.Counts.Assessed++
	}
}
