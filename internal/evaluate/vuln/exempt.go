package vuln

import (
	"cmp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/affected"
	"hinomi/internal/evaluate/vuln/kernel"
	"hinomi/internal/evaluate/vuln/version"
	"hinomi/internal/inventory"
)

// Exemption says why one vulnerability of a match makes no finding, and on whose word.
type Exemption struct {
	ID            string // the CVE, or the advisory's id where it names none
	Reason        Dismissal
	By            string // the author of the statement, or the advisory
	Justification advisory.Justification
	Detail        string // the reason in words
}

// clearance is a publisher's word that a package of its own is not affected.
type clearance struct {
	doc           advisory.Doc
	ecosystem     string
	justification advisory.Justification

	read bool // by and ids are set
	by   string
	ids  []string
}

// clears reports whether a row is a publisher's word that a version is not affected. Without versions it is about all of them.
func (m *matcher) clears(row *advisory.Row, c candidate, v version.Version, r rule) (bool, error) {
	if row.Withdrawn {
		return false, nil
	}
	if len(row.Ranges) == 0 && len(row.Versions) == 0 {
		return true, nil
	}
	out, err := affected.Judge(row, c.version, v, r.scheme)
	return out.Affected, err
}

// resolve reads the documents of what publishers said of the package at hand, now that there is a match that it may be about.
func (m *matcher) resolve(p *inventory.Package) {
	for i := range m.cleared {
		c := &m.cleared[i]
		if c.read {
			continue
		}
		a, cves, err := m.document(c.doc)
		if err != nil {
			m.failed(p, p.Version, err)
			continue
		}
		m.used[a.Source] = true
		c.read, c.by, c.ids = true, a.Source+" ("+a.ID+")", idsOf(a.ID, cves)
	}
}

// idsOf returns the vulnerabilities that a match is about.
func idsOf(advisoryID string, cves []string) []string {
	if len(cves) == 0 {
		return []string{advisoryID}
	}
	return cves
}

// exempt goes over the matches of the package at hand with what was said about them: by the publisher, by users, by loaded live patches.
func (m *matcher) exempt(p *inventory.Package, found []Hit) {
	var patched map[string]string
	b, ok := kernel.Of(p)
	if ok && m.running != "" && b.Image && b.Is(m.running) {
		patched = m.patched
	}
	if len(m.cleared) == 0 && m.statements.Empty() && len(patched) == 0 {
		return
	}
	m.resolve(p)
	for i := range found {
		h := &found[i]
		if h.Dismissed != "" {
			continue
		}
		ids := idsOf(h.Advisory.ID, h.CVEs)
		for _, id := range ids {
			if e, ok := m.exemption(h, id, patched); ok {
				h.Exempt = append(h.Exempt, e)
			}
		}
		if len(h.Exempt) == len(ids) {
			h.Dismissed = h.Exempt[0].Reason
		}
	}
}

// exemption looks for a reason to leave out one vulnerability of a match. A publisher that says both of one package in one document is not
// heard: the worse counts.
func (m *matcher) exemption(h *Hit, id string, patched map[string]string) (Exemption, bool) {
	for _, c := range m.cleared {
		if c.ecosystem == h.Ecosystem && c.doc != h.Doc && slices.Contains(c.ids, id) {
			return Exemption{ID: id, Reason: VEX, By: c.by, Justification: c.justification, Detail: "the publisher says that it is not affected"}, true
		}
	}
	if by := patched[id]; by != "" {
		return Exemption{ID: id, Reason: LivePatched, By: by, Detail: "a loaded live patch mends it"}, true
	}
	said, ok := m.statements.About(h.Package, idAndAliases(h, id), m.o.Asset, m.o.Now)
	if !ok {
		return Exemption{}, false
	}
	if said.Exempts {
		return Exemption{ID: id, Reason: VEX, By: said.Statement.Author, Justification: said.Statement.Justification, Detail: said.Text}, true
	}
	h.Notes = append(h.Notes, id+": "+said.Text)
	return Exemption{}, false
}

// idAndAliases returns an id with the other names of the same vulnerability: aliases of an advisory about one CVE.
func idAndAliases(h *Hit, id string) []string {
	out := []string{id}
	if len(h.CVEs) <= 1 {
		out = append(out, h.Advisory.ID)
		out = append(out, h.Advisory.Aliases...)
	}
	return out
}

// livePatches finds out which vulnerabilities of the running kernel its loaded live patches mend: those of the advisories that the package
// which owns the patch has the fix of, and those that the patch's own client names. A patch that is only installed mends nothing that is known.
func (m *matcher) livePatches() {
	k := m.inv.Kernel
	if !k.Running {
		return
	}
	for _, lp := range k.LivePatches {
		if !lp.Enabled {
			continue
		}
		for _, id := range lp.CVEs {
			m.mend(id, lp.Name+" by its client's word")
		}
		if lp.Package != "" {
			m.livePatch(lp)
		}
	}
}

func (m *matcher) mend(id, by string) {
	if m.patched == nil {
		m.patched = map[string]string{}
	}
	m.patched[id] = cmp.Or(m.patched[id], by)
}

// livePatch reads the advisories about one loaded patch's package.
func (m *matcher) livePatch(lp inventory.LivePatch) {
	p := &inventory.Package{Ecosystem: m.distro.Ecosystem, Name: lp.Package, Version: lp.Version}
	if i := slices.IndexFunc(m.inv.Packages, func(q inventory.Package) bool {
		return q.Name == lp.Package && (lp.Version == "" || q.Version == lp.Version)
	}); i >= 0 {
		p = &m.inv.Packages[i]
	}
	release, ok := kernel.PatchFor(p)
	if !ok || !kernel.Patches(release, m.running) || p.Version == "" {
		return
	}
	r := m.ruleOf(p.Ecosystem)
	if !r.known || m.releases == nil {
		return
	}
	names, n := m.candidates(p, r)
	for _, c := range names[:n] {
		v, err := r.scheme.Parse(c.version)
		if err != nil {
			continue // noted when the package itself is judged
		}
		for _, release := range m.releases {
			at := advisory.Coordinate{Ecosystem: string(p.Ecosystem), Release: release, Package: c.name}
			err := m.db.Affected(at, func(row *advisory.Row) {
				if row.Withdrawn || row.State != advisory.StateFixed || !archFits(row.Arches, p.Arch) || !affected.AtOrAfterFix(row, v.Compare) {
					return
				}
				a, cves, err := m.document(row.Doc)
				if err != nil {
					m.failed(p, c.version, err)
					return
				}
				m.used[a.Source] = true
				for _, id := range cves {
					m.mend(id, a.ID+", fixed in "+p.Name+" "+p.Version+", which is loaded")
				}
			})
			if err != nil {
				m.failed(p, c.version, err)
			}
		}
	}
}

// failed notes that the database could not be read for a package.
func (m *matcher) failed(p *inventory.Package, version string, err error) {
	m.note(NotAssessed{Reason: LookupFailed, Ecosystem: string(p.Ecosystem), Package: p.Name, Version: version, Packages: 1, Detail: err.Error()})
}

// livePatchNote says that a live patch for the running kernel is installed and that nobody saw whether it is loaded.
func (m *matcher) livePatchNote() string {
	if m.inv.Kernel.Running && m.inv.Kernel.LivePatches != nil || m.running == "" {
		return ""
	}
	var names []string
	for i := range m.inv.Packages {
		p := &m.inv.Packages[i]
		if release, ok := kernel.PatchFor(p); ok && kernel.Patches(release, m.running) {
			add(&names, p.Name+" "+p.Version)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "live patch installed: " + strings.Join(names, ", ") + "; whether it is loaded was not seen, so that it does not count"
}
