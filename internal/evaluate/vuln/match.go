package vuln

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/affected"
	"hinomi/internal/evaluate/vuln/distro"
	"hinomi/internal/evaluate/vuln/kernel"
	"hinomi/internal/evaluate/vuln/version"
	"hinomi/internal/evaluate/vuln/vex"
	"hinomi/internal/inventory"
)

// Match judges every package of an inventory. The inventory must not change while the result is in use.
func Match(inv *inventory.Inventory, db Lookup, o Options) Result {
	m := &matcher{
		inv: inv, db: db, o: o, docs: map[advisory.Doc]*advisory.Advisory{}, cves: map[advisory.Doc][]string{},
		missing: map[missingKey]*NotAssessed{}, used: map[string]bool{}, rules: map[inventory.Ecosystem]rule{}, same: make(map[sameKey]span, len(inv.Packages)),
	}
	m.visit = m.answer
	if m.o.StaleAfter <= 0 {
		m.o.StaleAfter = DefaultStaleAfter
	}
	if m.policy = m.o.Policy; m.policy == nil {
		p := DefaultPolicy()
		m.policy = &p
	}
	m.statements, m.res.Refused = vex.NewSet(o.Statements)
	m.cover = coverages(db.Feeds(), m.o)
	m.res.Counts.Packages = len(inv.Packages)
	m.system()
	m.kernels()
	m.res.Matches = make([]Hit, 0, len(inv.Packages)+len(inv.Packages)/2)
	for _, p := range sorted(inv.Packages) {
		m.judge(p)
	}
	m.theSystem()
	m.reboots()
	m.gaps()
	return m.finish()
}

// matcher is one run of Match.
type matcher struct {
	inv   *inventory.Inventory
	db    Lookup
	o     Options
	cover map[string]*coverage // by ecosystem with release
	rules map[inventory.Ecosystem]rule
	res   Result

	distro   distro.Distro
	releases []string // the system's names in the feeds; nil if it is not known
	why      Reason   // why releases is nil
	whyText  string

	docs         map[advisory.Doc]*advisory.Advisory
	cves         map[advisory.Doc][]string
	missing      map[missingKey]*NotAssessed
	used         map[string]bool // names of feeds
	same         map[sameKey]span
	at           asked
	visit        func(*advisory.Row) // answer, made once
	notes        int                 // how often something was noted
	systemJudged bool                // the system itself was, as one product
	first        int                 // index of the first match of the package at hand

	policy     *Policy
	statements vex.Set
	cleared    []clearance       // what publishers said of the package at hand
	lines      otherLine         // what they said of other lines of its builds
	streams    streams           // and of the streams of its module
	running    string            // the release of the running kernel; "" if it is not known
	runningIn  int               // whether a package of it is installed: 0 not looked yet, 1 yes, -1 no
	patched    map[string]string // vulnerabilities of the running kernel that a loaded live patch mends, and by whose word
	kernelNote string            // for matches of the running kernel
	stopped    bool              // the policy asks for no more findings of this system's packages
}

type missingKey struct {
	reason                      Reason
	ecosystem, pkg, ver, detail string
}

// note records what could not be judged; equal ones are counted together.
func (m *matcher) note(n NotAssessed) {
	m.notes++
	k := missingKey{n.Reason, n.Ecosystem, n.Package, n.Version, n.Detail}
	if old := m.missing[k]; old != nil {
		old.Packages += n.Packages
		return
	}
	m.missing[k] = &n
}

// sorted returns the packages in the order of the result.
func sorted(l []inventory.Package) []*inventory.Package {
	out := make([]*inventory.Package, len(l))
	for i := range l {
		out[i] = &l[i]
	}
	order := func(a, b *inventory.Package) int {
		return cmp.Or(
			strings.Compare(string(a.Ecosystem), string(b.Ecosystem)), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version),
			strings.Compare(a.Location, b.Location),
		)
	}
	if !slices.IsSortedFunc(out, order) { // a kept inventory nearly is
		slices.SortStableFunc(out, order)
	}
	return out
}

// rule is what an ecosystem needs to be judged.
type rule struct {
	scheme  version.Scheme
	known   bool
	system  bool // a distribution's: judged by the operating system's release
	feedFor []string
}

// ruleOf returns the rule of an ecosystem, worked out once.
func (m *matcher) ruleOf(e inventory.Ecosystem) rule {
	r, ok := m.rules[e]
	if ok {
		return r
	}
	r.scheme, r.known = version.Of(string(e))
	r.system = distro.Is(e)
	r.feedFor = []string{string(e)}
	if r.system && m.distro.Ecosystem == e {
		r.feedFor = nil
		for _, release := range m.releases {
			r.feedFor = append(r.feedFor, advisory.JoinEcosystem(string(e), release))
		}
	}
	m.rules[e] = r
	return r
}

// coverage is what the feeds say of themselves for one ecosystem and release.
type coverage struct {
	name            string
	feeds           []advisory.Feed
	complete, fresh bool
}

// coverages says which feeds speak for which ecosystem and release.
func coverages(feeds []advisory.Feed, o Options) map[string]*coverage {
	out := map[string]*coverage{}
	for _, f := range feeds {
		for _, e := range f.Ecosystems {
			c := out[e]
			if c == nil {
				c = &coverage{name: e}
				out[e] = c
			}
			c.feeds = append(c.feeds, f)
			c.complete = c.complete || f.Complete
			c.fresh = c.fresh || !stale(f, o)
		}
	}
	return out
}

// system identifies the operating system, its release and its end of life.
func (m *matcher) system() {
	os := m.inv.OS
	if !os.Known() {
		m.why, m.whyText = UnknownOS, "no os-release was read: the distribution of these packages is not known"
		return
	}
	m.endOfLife()
	d, ok := distro.Of(os.ID)
	if !ok {
		m.why, m.whyText = UnknownOS, fmt.Sprintf("no advisories are known for %s", os.ID)
		return
	}
	m.distro = d
	if m.releases = d.Releases(os); d.Ecosystem == inventory.RedHat {
		chosen := false
		if m.releases, chosen = m.redHatReleases(); chosen {
			m.uncovered()
		}
	}
	if d.Ecosystem == inventory.SUSE && m.releases != nil {
		extended := distro.Extended(os, m.inv.Repos)
		m.releases = append(m.releases, extended...)
		m.unspoken(extended)
	}
	if m.releases == nil {
		m.why, m.whyText = UnknownRelease, fmt.Sprintf("%s %q is no release that advisories speak of", os.ID, os.VersionID)
	}
}

// judge judges one package.
func (m *matcher) judge(p *inventory.Package) {
	switch {
	case p.OwnedBy != "" && !m.ruleOf(p.Ecosystem).system:
		m.res.Counts.Suppressed++
		return
	case strings.Contains(p.Status, "config-files") || strings.Contains(p.Status, "not-installed"):
		m.res.Counts.NotInstalled++
		return
	}
	if p.Ecosystem == inventory.Windows && m.inv.OS.Known() {
		m.windowsPackage(p)
		return
	}
	r := m.ruleOf(p.Ecosystem)
	if !r.known || p.Ecosystem == inventory.MacOS || p.Ecosystem == inventory.Windows {
		m.skip(p, NotAssessed{Reason: UnknownEcosystem, Detail: "hinomi has no rule for its versions"})
		return
	}
	releases := []string{""}
	if r.system {
		if m.releases == nil || m.distro.Ecosystem != p.Ecosystem {
			m.skip(p, m.unplaced())
			return
		}
		releases = m.releases
	}
	if !m.covered(p, r.feedFor) {
		return
	}
	m.res.Counts.Assessed++
	m.lookUp(p, r, releases)
}

// unplaced says why a distribution's package has no release.
func (m *matcher) unplaced() NotAssessed {
	if m.releases == nil {
		return NotAssessed{Reason: m.why, Detail: m.whyText}
	}
	return NotAssessed{Reason: UnknownRelease, Detail: fmt.Sprintf("the system is %s %s: a package of another distribution", m.inv.OS.ID, m.inv.OS.VersionID)}
}

// skip counts a package that is not judged.
func (m *matcher) skip(p *inventory.Package, n NotAssessed) {
	m.res.Counts.Skipped++
	n.Ecosystem, n.Packages = cmp.Or(n.Ecosystem, string(p.Ecosystem)), 1
	m.note(n)
}

// coverOf returns what the feeds say of the first name that one of them speaks for, nil if none does. The first name must be known for most
// distributions; Red Hat's and SUSE's products each have some of the names only.
func (m *matcher) coverOf(names []string) *coverage {
	for _, n := range names {
		if got := m.cover[n]; got != nil {
			return got
		}
	}
	return nil
}

// covered reports whether a feed speaks for one of the names of a package's ecosystem and release, and notes what is missing, partial or
// stale.
func (m *matcher) covered(p *inventory.Package, names []string) bool {
	c := m.coverOf(names)
	if c == nil {
		m.skip(p, NotAssessed{Reason: FeedMissing, Ecosystem: names[0], Detail: "no loaded feed speaks for it"})
		return false
	}
	name := c.name
	for i := range c.feeds {
		m.used[c.feeds[i].Name] = true
	}
	if !c.complete {
		m.note(NotAssessed{Reason: FeedIncomplete, Ecosystem: name, Packages: 1, Detail: c.feeds[0].Name + " is a subset: what it does not say proves nothing"})
	}
	if !c.fresh {
		m.note(NotAssessed{Reason: FeedStale, Ecosystem: name, Packages: 1, Detail: staleText(c.feeds[0])})
	}
	return true
}

func stale(f advisory.Feed, o Options) bool {
	return f.AsOf.IsZero() || o.Now.Sub(f.AsOf) > o.StaleAfter
}

func staleText(f advisory.Feed) string {
	if f.AsOf.IsZero() {
		return f.Name + " does not say of which day it is"
	}
	return f.Name + " is as of " + f.AsOf.Format("2006-01-02")
}

// candidate is one name under which a package is asked for, with the version that goes with it.
type candidate struct{ name, version string }

// candidates returns the names by which the package's advisories may speak of it.
func (m *matcher) candidates(p *inventory.Package, r rule) (out [2]candidate, n int) {
	own := candidate{advisory.CanonicalName(string(p.Ecosystem), p.Name), p.Version}
	if !r.system || m.distro.Naming == distro.Binary || p.SourceName == "" {
		return [2]candidate{own}, 1
	}
	src := candidate{p.SourceName, cmp.Or(p.SourceVersion, p.Version)}
	if name, version, ok := kernel.Source(p); ok && m.distro.Naming == distro.Source {
		src = candidate{name, version}
	}
	// A source rpm's file name, which is all that the rpm database keeps of it, has no epoch; the build's own is the nearest to it.
	if epoch, _, ok := strings.Cut(p.Version, ":"); ok && m.distro.Naming == distro.Either && !strings.Contains(src.version, ":") {
		src.version = epoch + ":" + src.version
	}
	if m.distro.Naming == distro.Source || src.name == own.name {
		return [2]candidate{src}, 1
	}
	return [2]candidate{src, own}, 2
}

// sameKey is what the matches of a package depend on. Packages that agree in it are judged once: binary packages of one source, one library at
// many places.
type sameKey struct {
	ecosystem                inventory.Ecosystem
	source, own              candidate
	arch, module, repository string
	modular                  bool
}

// span is a part of the result's matches, with what was counted beside them.
type span struct{ from, to, withdrawn, notAffected int }

// lookUp judges a package against all rows that speak of it.
func (m *matcher) lookUp(p *inventory.Package, r rule, releases []string) {
	m.first, m.cleared = len(m.res.Matches), m.cleared[:0]
	m.lines.ordinary, m.lines.own = m.lines.ordinary[:0], m.lines.own[:0]
	m.streams.any, m.streams.named = m.streams.any[:0], m.streams.named[:0]
	names, n := m.candidates(p, r)
	key := sameKey{p.Ecosystem, names[0], names[1], p.Arch, p.Module, p.Repository, strings.Contains(p.Version, ".module")}
	alone := !m.statements.Empty() || r.system && isKernel(p)
	if s, ok := m.same[key]; ok && !alone {
		m.repeat(p, s)
		return
	}
	notes, counts := m.notes, m.res.Counts
	for _, c := range names[:n] {
		m.ask(p, r, c, releases)
	}
	m.unsaid(p)
	m.preferNamed(p)
	found := m.res.Matches[m.first:]
	if len(found) > 0 {
		m.res.Counts.Vulnerable++
		m.settle(p, r, found)
	}
	if len(found) > 1 {
		slices.SortStableFunc(found, func(a, b Hit) int { return strings.Compare(a.Advisory.ID, b.Advisory.ID) })
	}
	if !alone && m.notes == notes { // what could not be judged is noted for each package
		m.same[key] = span{m.first, len(m.res.Matches), m.res.Counts.Withdrawn - counts.Withdrawn, m.res.Counts.NotAffected - counts.NotAffected}
	}
}

// repeat gives a package the matches of one that was judged and is the same in all that counts.
func (m *matcher) repeat(p *inventory.Package, s span) {
	m.res.Counts.Withdrawn += s.withdrawn
	m.res.Counts.NotAffected += s.notAffected
	if s.from == s.to {
		return
	}
	m.res.Counts.Vulnerable++
	m.room(s.to - s.from)
	m.res.Matches = append(m.res.Matches, m.res.Matches[s.from:s.to]...)
	for i := m.first; i < len(m.res.Matches); i++ {
		m.res.Matches[i].Package = p
	}
}

// ask judges a package under one of its names.
func (m *matcher) ask(p *inventory.Package, r rule, c candidate, releases []string) {
	v, err := r.scheme.Parse(c.version)
	unreadable := err != nil
	if unreadable {
		m.note(NotAssessed{Reason: VersionUnreadable, Ecosystem: string(p.Ecosystem), Package: p.Name, Version: c.version, Packages: 1, Detail: err.Error()})
	}
	m.at = asked{
		p: p, r: r, c: c, v: v, unreadable: unreadable,
		bySource: r.system && c.name != p.Name && (p.Ecosystem == inventory.RedHat || p.Ecosystem == inventory.Fedora),
	}
	for j, release := range releases {
		m.at.feedFor = r.feedFor[j]
		at := advisory.Coordinate{Ecosystem: string(p.Ecosystem), Release: release, Package: c.name}
		if err := m.db.Affected(at, m.visit); err != nil {
			m.failed(p, c.version, err)
		}
	}
}

// asked is what the database is being asked for.
type asked struct {
	p                    *inventory.Package
	r                    rule
	c                    candidate
	v                    version.Version
	feedFor              string // the ecosystem and release, as feeds name them
	unreadable, bySource bool
}

// answer judges one row of what was asked for.
func (m *matcher) answer(row *advisory.Row) {
	q := &m.at
	if q.bySource && !slices.Contains(row.Arches, "src") {
		return // Red Hat and Fedora name both: this row is about the binary package of that name
	}
	if q.unreadable && len(row.Ranges) > 0 {
		if row.Ranges = nil; len(row.Versions) == 0 { // the list of versions still holds
			return
		}
	}
	m.row(q.p, row, q.c, q.v, q.r, q.feedFor)
}

// isKernel reports whether a package's matches depend on which kernel runs.
func isKernel(p *inventory.Package) bool {
	if _, ok := kernel.Of(p); ok {
		return true
	}
	_, ok := kernel.PatchFor(p)
	return ok
}

// settle decides which of a package's matches make no finding for reasons that the rows do not tell.
func (m *matcher) settle(p *inventory.Package, r rule, found []Hit) {
	if r.system {
		m.standing(p, found)
	}
	m.exempt(p, found)
	if !r.system || !m.stopped {
		return
	}
	for i := range found {
		if found[i].Dismissed == "" {
			found[i].Dismissed = OutOfSupport
		}
	}
}

// row judges one row and keeps it if it is true of the package.
func (m *matcher) row(p *inventory.Package, row *advisory.Row, c candidate, v version.Version, r rule, ecosystem string) {
	if !archFits(row.Arches, p.Arch) || m.ordinaryFix(p, row, c, r) {
		return
	}
	m.modular(p, row)
	if row.State == advisory.StateNotAffected {
		ok, err := m.clears(row, c, v, r)
		if err != nil {
			m.unreadable(p, row, c, err)
		} else if ok {
			m.res.Counts.NotAffected++
			m.cleared = append(m.cleared, clearance{doc: row.Doc, ecosystem: ecosystem, justification: row.Justification})
		}
		return
	}
	out, err := affected.Judge(row, c.version, v, r.scheme)
	if err != nil {
		m.unreadable(p, row, c, err)
		return
	}
	if !out.Affected {
		return
	}
	if row.Withdrawn {
		m.res.Counts.Withdrawn++
		return
	}
	a, cves, err := m.document(row.Doc)
	if err != nil {
		m.failed(p, c.version, err)
		return
	}
	m.used[a.Source] = true
	m.keep(Hit{
		Package: p, Doc: row.Doc, Advisory: a, Ecosystem: ecosystem, Name: row.Package, Version: c.version, CVEs: cves, State: row.State,
		Fixed: out.Fixed, Comparison: out.Comparison, Range: out.Ranges, Kind: a.Kind, Severity: row.Severity, Dismissed: m.dismiss(p, row, a, cves),
	})
}

// unreadable notes a range that cannot be ordered.
func (m *matcher) unreadable(p *inventory.Package, row *advisory.Row, c candidate, err error) {
	m.note(NotAssessed{Reason: RangeUnreadable, Ecosystem: string(p.Ecosystem), Package: p.Name, Version: c.version, Packages: 1, Detail: m.docName(row.Doc) + ": " + err.Error()})
}

// keep adds a match. One advisory may name a package in several rows, and one id may stand in two documents of a feed: that is one match,
// and a row that counts goes before one that is dismissed.
func (m *matcher) keep(h Hit) {
	for i := m.first; i < len(m.res.Matches); i++ {
		old := &m.res.Matches[i]
		if old.Advisory.ID == h.Advisory.ID && old.Advisory.Source == h.Advisory.Source && old.Ecosystem == h.Ecosystem {
			if old.Dismissed != "" && h.Dismissed == "" {
				*old = h
			}
			return
		}
	}
	m.room(1)
	m.res.Matches = append(m.res.Matches, h)
}

// room doubles the list of matches when it is full: append alone grows a long list by a quarter, and copies it each time.
func (m *matcher) room(n int) {
	if l := m.res.Matches; len(l)+n > cap(l) {
		m.res.Matches = slices.Grow(l, len(l)+n)
	}
}

// archFits reports whether a row for some architectures speaks of a package's.
func archFits(arches []string, arch string) bool {
	return len(arches) == 0 || arch == "" || arch == "noarch" || slices.Contains(arches, arch) || slices.Contains(arches, "noarch")
}

func (m *matcher) document(doc advisory.Doc) (*advisory.Advisory, []string, error) {
	if a := m.docs[doc]; a != nil {
		return a, m.cves[doc], nil
	}
	a, err := m.db.Advisory(doc)
	if err != nil {
		return nil, nil, err
	}
	m.docs[doc], m.cves[doc] = a, a.CVEs()
	return a, m.cves[doc], nil
}

// docName names a document for a message.
func (m *matcher) docName(doc advisory.Doc) string {
	a, _, err := m.document(doc)
	if err != nil {
		return fmt.Sprintf("document %d", doc)
	}
	return a.ID
}

// gaps carries over what the inventory itself could not read, one entry for each extractor.
func (m *matcher) gaps() {
	for _, g := range m.inv.Gaps {
		m.note(NotAssessed{Reason: InventoryGap, Package: g.Path, Detail: g.Reason})
	}
	if len(m.inv.Packages) == 0 {
		m.note(NotAssessed{Reason: NoPackages, Detail: "the inventory holds no packages"})
		return
	}
	if m.inv.Method == inventory.SBOM || !m.inv.OS.Known() || m.systemJudged {
		return
	}
	if !slices.ContainsFunc(m.inv.Packages, func(p inventory.Package) bool { return distro.Is(p.Ecosystem) }) {
		m.note(NotAssessed{Reason: NoPackages, Ecosystem: string(m.distro.Ecosystem), Detail: "no package of the operating system was read"})
	}
}

// finish sorts the result, so that equal inventories give equal results.
func (m *matcher) finish() Result {
	for i := range m.res.Matches {
		m.res.Counts.count(m.res.Matches[i].Dismissed)
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.missing), func(a, b missingKey) int {
		return cmp.Or(
			cmp.Compare(a.reason, b.reason), cmp.Compare(a.ecosystem, b.ecosystem), cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.ver, b.ver), cmp.Compare(a.detail, b.detail),
		)
	}) {
		m.res.NotAssessed = append(m.res.NotAssessed, *m.missing[k])
	}
	for _, f := range m.db.Feeds() {
		if m.used[f.Name] {
			m.res.Feeds = append(m.res.Feeds, f)
		}
	}
	return m.res
}
