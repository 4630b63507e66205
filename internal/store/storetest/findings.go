package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
)

// anInventory is an inventory of a whole disk with the named packages.
func anInventory(method inventory.Method, covered string, names ...string) *inventory.Inventory {
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: method, Covered: []string{covered}}
	for _, n := range names {
		inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Debian, Name: n, Version: "1.0", Location: dpkg, FoundBy: "dpkg"})
	}
	return inv
}

// deep adds a package of a language that lies in a folder of its own.
func deep(inv *inventory.Inventory) *inventory.Inventory {
	inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.NPM, Name: "lodash", Version: "1.0", Location: lodash, FoundBy: "node"})
	return inv
}

// aFinding is a finding of an inventory, of a CVE in a package at a path.
func aFinding(cve, pkg, path string, s finding.Severity, score float64) finding.Finding {
	ecosystem := inventory.Debian
	if path == lodash {
		ecosystem = inventory.NPM
	}
	return finding.Finding{
		ID: finding.Fingerprint(finding.PackageVulnerability, asset.Ref{}, cve, pkg, path), Type: finding.PackageVulnerability,
		Title: cve + " in " + pkg, Severity: s, Score: score, Why: []string{"1.0 < 1.1"},
		Package: &finding.Package{VulnerabilityID: cve, Packages: []finding.VulnerablePackage{{Ecosystem: string(ecosystem), Name: pkg, Version: "1.0", Path: path}}},
	}
}

const (
	dpkg   = "/var/lib/dpkg/status"
	lodash = "/srv/app/node_modules/lodash/package.json"
)

// stored puts an inventory with its verdict.
func stored(t testing.TB, db *Env, inv *inventory.Inventory, at time.Time, whole bool, f ...finding.Finding) string {
	t.Helper()
	hash, _, err := db.PutInventory(t.Context(), inv)
	ok(t, err)
	Judge(t, db.DB, hash, at, 1, whole, f...)
	return hash
}

func link(t testing.TB, db *Env, ref asset.Ref, hash string, m inventory.Method, at time.Time) store.Linked {
	t.Helper()
	return must(db.LinkInventory(t.Context(), store.InventoryLink{Ref: ref, Hash: hash, Method: m, ReadAt: at, Source: "snap-1", Notes: []string{"n"}}))(t)
}

// listed returns the findings of a filter as "title status" lines, in the order of the list.
func listed(t testing.TB, db *Env, s auth.Scope, f store.FindingFilter) []string {
	t.Helper()
	list, _, err := db.Findings(t.Context(), s, f, "", 0)
	ok(t, err)
	out := []string{}
	for _, v := range list {
		out = append(out, v.Title+" "+string(v.Status))
	}
	return out
}

func allStatuses() []finding.Status {
	return []finding.Status{finding.Active, finding.Suppressed, finding.Closed}
}

// fleet makes a world of n instances in one region and returns their references.
func fleet(t testing.TB, db *Env, clock *Clock, n int) []asset.Ref {
	t.Helper()
	w := World{Accounts: 1, Regions: 1, Instances: n, At: clock.Now()}
	apply(t, db, "fleet", w.Snapshot())
	refs := make([]asset.Ref, n)
	for i := range refs {
		in, _ := Instance(AccountName(0), RegionName(0), i)
		refs[i] = asset.RefOf(in)
	}
	return refs
}

func testInventories(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 3)
	inv := anInventory(inventory.Agentless, "/", "openssl", "bash")
	inv.ReadAt, inv.Source, inv.Notes = clock.Now(), "snap-9", []string{"x"}
	hash, added, err := db.PutInventory(ctx, inv)
	ok(t, err)
	if again, twice, err := db.PutInventory(ctx, inv); err != nil || twice || again != hash || !added {
		t.Errorf("stored twice: %v %v", twice, err)
	}
	got := must(db.Inventory(ctx, hash))(t)
	if got.Hash() != hash || !got.ReadAt.IsZero() || got.Source != "" {
		t.Errorf("a shared inventory carries one host's times: %+v", got)
	}
	for i, ref := range refs[:2] {
		if l := link(t, db, ref, hash, inventory.Agentless, clock.Now().Add(time.Duration(i)*time.Minute)); !l.Changed {
			t.Errorf("first link: %+v", l)
		}
	}
	l, full, err := db.AssetInventory(ctx, auth.Everything(), refs[1])
	ok(t, err)
	if l.ReadAt != clock.Now().Add(time.Minute) || full.Source != "snap-1" || !full.ReadAt.Equal(l.ReadAt) || len(full.Packages) != 2 {
		t.Errorf("inventory of an asset: %+v %+v", l, full)
	}
	_, _, err = db.AssetInventory(ctx, auth.Everything(), refs[2])
	wantErr(t, err, store.ErrNotFound)
	_, _, err = db.AssetInventory(ctx, auth.Scope{Accounts: []string{"x"}}, refs[0])
	wantErr(t, err, store.ErrNotFound)
	if m := must(db.InventoryMembers(ctx, auth.Everything(), hash))(t); len(m) != 2 {
		t.Errorf("members: %+v", m)
	}
	// The same again moves the time only; older evidence changes nothing.
	if l := link(t, db, refs[0], hash, inventory.Agentless, clock.Add(time.Hour)); l.Changed {
		t.Error("the same inventory is a change")
	}
	older, _, err := db.PutInventory(ctx, anInventory(inventory.Agentless, "/", "bash"))
	ok(t, err)
	_, err = db.LinkInventory(ctx, store.InventoryLink{Ref: refs[0], Hash: older, ReadAt: start})
	wantErr(t, err, store.ErrOlder)
	if l, _, err := db.AssetInventory(ctx, auth.Everything(), refs[0]); err != nil || l.Hash != hash || l.Since != start || l.ReadAt != clock.Now() {
		t.Errorf("after older evidence: %+v %v", l, err)
	}
	if todo := must(db.UnitsToJudge(ctx, hash))(t); len(todo) != 3 { // the frame and two packages
		t.Errorf("to be judged: %+v", todo)
	}
	Judge(t, db.DB, hash, clock.Now(), 1, true)
	if todo := must(db.UnitsToJudge(ctx, hash))(t); len(todo) != 0 {
		t.Errorf("to be judged after the verdict: %v", todo)
	}
	header := must(db.InventoryHeader(ctx, hash))(t)
	if header.OS != inv.OS || len(header.Packages) != 0 {
		t.Errorf("header: %+v", header)
	}
	_, err = db.Inventory(ctx, "nothing")
	wantErr(t, err, store.ErrNotFound)
}

func testInventoryFindings(t *testing.T, db *Env, clock *Clock) { //nolint:funlen // one story
	ctx := t.Context()
	refs := fleet(t, db, clock, 3)
	a, b := aFinding("CVE-1", "openssl", dpkg, finding.Critical, 9.8), aFinding("CVE-2", "bash", dpkg, finding.Low, 3.1)
	t0 := clock.Now()
	h1 := stored(t, db, anInventory(inventory.Agentless, "/", "openssl", "bash"), t0, true, a, b)
	for _, r := range refs {
		link(t, db, r, h1, inventory.Agentless, t0)
	}
	all := store.FindingFilter{Statuses: allStatuses()}
	if got := listed(t, db, auth.Everything(), all); len(got) != 6 || got[0] != "CVE-1 in openssl ACTIVE" || got[5] != "CVE-2 in bash ACTIVE" {
		t.Fatalf("three instances share two findings: %v", got)
	}
	if n := db.count(t, `SELECT COUNT(*) FROM unit_finding`) + db.count(t, `SELECT COUNT(*) FROM finding`); n != 2 {
		t.Errorf("%d rows for findings of one inventory, want 2 whatever the number of instances", n)
	}
	one := store.FindingFilter{Statuses: allStatuses(), Assets: []string{refs[0].ID}}
	before, _, err := db.Findings(ctx, auth.Everything(), one, "", 0)
	ok(t, err)

	// openssl is updated on the first instance: its finding closes there and nowhere else, the other keeps its first seen and its ID.
	t1 := clock.Add(24 * time.Hour)
	h2 := stored(t, db, anInventory(inventory.Agentless, "/", "openssl2", "bash"), t1, true, b)
	if l := link(t, db, refs[0], h2, inventory.Agentless, t1); l != (store.Linked{Changed: true, Closed: 1}) {
		t.Errorf("link: %+v", l)
	}
	if d := cmp.Diff([]string{"CVE-1 in openssl CLOSED", "CVE-2 in bash ACTIVE"}, listed(t, db, auth.Everything(), one)); d != "" {
		t.Errorf("of the first instance (-want +got):\n%s", d)
	}
	got, _, err := db.Findings(ctx, auth.Everything(), one, "", 0)
	ok(t, err)
	for i, f := range got {
		if f.ID != before[i].ID || f.FirstSeen != t0 || f.Resource != refs[0] {
			t.Errorf("%s: ID %s (%s before), first seen %s", f.Title, f.ID, before[i].ID, f.FirstSeen)
		}
	}
	if got[0].ClosedAt != t1 || got[0].LastSeen != t0 || got[1].LastSeen != t1 || got[0].StatusWhy == "" {
		t.Errorf("closed: %+v", got[0])
	}
	if n := len(listed(t, db, auth.Everything(), store.FindingFilter{})); n != 5 {
		t.Errorf("active: %d, want 5", n)
	}

	// It is downgraded again: the same finding, reopened.
	t2 := clock.Add(24 * time.Hour)
	link(t, db, refs[0], h1, inventory.Agentless, t2)
	f := must(db.Finding(ctx, auth.Everything(), before[0].ID))(t)
	if f.Status != finding.Active || f.FirstSeen != t0 || f.LastSeen != t2 {
		t.Errorf("reopened: %+v", f)
	}
	if got := listed(t, db, auth.Everything(), one); len(got) != 2 {
		t.Errorf("after reopening: %v", got)
	}

	// A new advisory: one row, three findings.
	c := aFinding("CVE-3", "bash", dpkg, finding.High, 8)
	j := Judge(t, db.DB, h1, clock.Add(time.Hour), 1, true, a, b, c)
	if j != (store.Judged{Added: 1}) || len(listed(t, db, auth.Everything(), store.FindingFilter{Vulnerabilities: []string{"CVE-3"}})) != 3 {
		t.Errorf("new advisory: %+v", j)
	}
	// Judged with a feed missing: silence closes nothing. With current feeds it does.
	j = Judge(t, db.DB, h1, clock.Add(time.Hour), 1, false, a)
	if j.Gone != 0 || len(listed(t, db, auth.Everything(), store.FindingFilter{})) != 9 {
		t.Errorf("an incomplete verdict closed findings: %+v", j)
	}
	j = Judge(t, db.DB, h1, clock.Add(time.Hour), 1, true, a, b)
	if j != (store.Judged{Gone: 1}) {
		t.Errorf("withdrawn: %+v", j)
	}
	closed := listed(t, db, auth.Everything(), store.FindingFilter{Statuses: []finding.Status{finding.Closed}})
	if d := cmp.Diff([]string{"CVE-3 in bash CLOSED", "CVE-3 in bash CLOSED", "CVE-3 in bash CLOSED"}, closed); d != "" {
		t.Errorf("closed by a withdrawn advisory (-want +got):\n%s", d)
	}
	if n := must(db.ForgetFindings(ctx, clock.Add(time.Hour)))(t); n != 1 {
		t.Errorf("forgot %d rows, want 1", n)
	}
	// An asset that is gone has no open findings.
	w := World{Accounts: 1, Regions: 1, Instances: 2, At: clock.Add(time.Hour)}
	apply(t, db, "gone", w.Snapshot())
	if got := listed(t, db, auth.Everything(), store.FindingFilter{Assets: []string{refs[2].ID}}); len(got) != 0 {
		t.Errorf("open findings of a gone instance: %v", got)
	}
}

func testOutsideCover(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 1)
	os, app := aFinding("CVE-1", "openssl", dpkg, finding.High, 8), aFinding("CVE-2", "lodash", lodash, finding.High, 7)
	h1 := stored(t, db, deep(anInventory(inventory.Agentless, "/", "openssl")), clock.Now(), true, os, app)
	link(t, db, refs[0], h1, inventory.Agentless, clock.Now())
	id := func(title string) string {
		list, _, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{Statuses: allStatuses()}, "", 0)
		ok(t, err)
		for _, f := range list {
			if strings.Contains(f.Title, title) {
				return f.ID
			}
		}
		t.Fatalf("no finding %s", title)
		return ""
	}
	deepID := id("lodash")
	// The agent looks at /var only: what lies under /srv is a gap, not "fixed".
	t1 := clock.Add(time.Hour)
	h2 := stored(t, db, anInventory(inventory.Agent, "/var", "other"), t1, true)
	if l := link(t, db, refs[0], h2, inventory.Agent, t1); l != (store.Linked{Changed: true, Closed: 1, Kept: 1}) {
		t.Errorf("link: %+v", l)
	}
	f := must(db.Finding(ctx, auth.Everything(), deepID))(t)
	if f.Status != finding.Active || f.LastSeen != start || !strings.Contains(f.StatusWhy, "did not look at") {
		t.Errorf("outside the cover: %+v", f)
	}
	// A whole disk again, which could not read the folder: still a gap. Then one that could.
	inv := anInventory(inventory.Agentless, "/", "third")
	inv.Gaps = []inventory.Gap{{Path: "/srv/app", Reason: "bad block"}}
	t2 := clock.Add(time.Hour)
	if l := link(t, db, refs[0], stored(t, db, inv, t2, true), inventory.Agentless, t2); l.Closed != 0 || l.Kept != 1 {
		t.Errorf("inside a gap: %+v", l)
	}
	// Not judged yet: nothing is closed until it is.
	t3 := clock.Add(time.Hour)
	hash, _, err := db.PutInventory(ctx, anInventory(inventory.Agentless, "/", "fourth"))
	ok(t, err)
	if l := link(t, db, refs[0], hash, inventory.Agentless, t3); l.Closed != 0 || l.Kept != 1 {
		t.Errorf("not judged: %+v", l)
	}
	Judge(t, db.DB, hash, t3, 1, true)
	f = must(db.Finding(ctx, auth.Everything(), deepID))(t)
	if f.Status != finding.Closed || f.ClosedAt != t3 || f.FirstSeen != start {
		t.Errorf("after the whole disk was judged: %+v", f)
	}
}

func testAssetFindings(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 2)
	port := func(ref asset.Ref, p int, sev finding.Severity) finding.Finding {
		return finding.Finding{
			ID: finding.Fingerprint(finding.NetworkReachability, ref, fmt.Sprint(p)), Type: finding.NetworkReachability, Title: fmt.Sprint("port ", p),
			Severity: sev, Resource: ref, Why: []string{"igw"}, Network: &finding.Network{Protocol: "tcp", FromPort: p, ToPort: p, From: "internet", Path: []string{"igw-1"}},
		}
	}
	put := func(at time.Time, gap bool, f ...finding.Finding) store.Assessed {
		return must(db.PutAssessments(ctx, []store.Assessment{{Ref: refs[0], Types: []finding.Type{finding.NetworkReachability}, ReadAt: at, Gap: gap, Findings: f}}))(t)
	}
	f22, f80 := port(refs[0], 22, finding.High), port(refs[0], 80, finding.Low)
	t0 := clock.Now()
	if got := put(t0, false, f22, f80); got != (store.Assessed{Opened: 2}) {
		t.Errorf("first: %+v", got)
	}
	t1 := clock.Add(time.Hour)
	raw := db.count(t, `SELECT COUNT(*) FROM finding WHERE updated_at > 0`)
	if got := put(t1, false, f22, f80); got != (store.Assessed{}) || raw != 2 {
		t.Errorf("the same again: %+v", got)
	}
	if f := must(db.Finding(ctx, auth.Everything(), f22.ID))(t); f.LastSeen != t1 || f.FirstSeen != t0 || f.UpdatedAt != t0 || f.Resource != refs[0] {
		t.Errorf("seen again: %+v", f)
	}
	// Inside a gap nothing closes; older evidence is ignored; evidence of the same time proves nothing.
	t2 := clock.Add(time.Hour)
	if got := put(t2, true, f22); got.Closed != 0 {
		t.Errorf("in a gap: %+v", got)
	}
	if f := must(db.Finding(ctx, auth.Everything(), f80.ID))(t); f.LastSeen != t1 || f.Status != finding.Active {
		t.Errorf("not seen in a gap: %+v", f)
	}
	if got := put(t0, false); got != (store.Assessed{Older: 1}) {
		t.Errorf("older: %+v", got)
	}
	if got := put(t2, false, f80); got.Closed != 0 {
		t.Errorf("same time as last seen in the gap: %+v", got)
	}
	t3 := clock.Add(time.Hour)
	f80.Severity = finding.Medium
	if got := put(t3, false, f80); got != (store.Assessed{Closed: 1, Changed: 1}) {
		t.Errorf("one closes, one changes: %+v", got)
	}
	f := must(db.Finding(ctx, auth.Everything(), f22.ID))(t)
	if f.Status != finding.Closed || f.ClosedAt != t3 || f.LastSeen != t2 {
		t.Errorf("closed: %+v", f)
	}
	if got := put(clock.Add(time.Hour), false, f22, f80); got != (store.Assessed{Reopened: 1}) {
		t.Errorf("reopened: %+v", got)
	}
	if f := must(db.Finding(ctx, auth.Everything(), f22.ID))(t); f.Status != finding.Active || f.FirstSeen != t0 {
		t.Errorf("reopened: %+v", f)
	}
	// Another type's evaluation leaves these alone.
	must(db.PutAssessments(ctx, []store.Assessment{{Ref: refs[0], Types: []finding.Type{finding.Configuration}, ReadAt: clock.Add(time.Hour)}}))(t)
	if n := len(listed(t, db, auth.Everything(), store.FindingFilter{})); n != 2 {
		t.Errorf("open after another type's evaluation: %d", n)
	}
}

func testSuppression(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 2)
	a := aFinding("CVE-1", "openssl", dpkg, finding.High, 8)
	h1 := stored(t, db, anInventory(inventory.Agentless, "/", "openssl"), clock.Now(), true, a)
	for _, r := range refs {
		link(t, db, r, h1, inventory.Agentless, clock.Now())
	}
	list, _, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{Assets: []string{refs[0].ID}}, "", 0)
	ok(t, err)
	id := list[0].ID
	if err := db.Suppress(ctx, auth.Everything(), id, "", "ann", time.Time{}); err == nil {
		t.Error("suppressed without a reason")
	}
	wantErr(t, db.Suppress(ctx, auth.Scope{Accounts: []string{"x"}}, id, "r", "ann", time.Time{}), store.ErrNotFound)
	ok(t, db.Suppress(ctx, auth.Everything(), id, "not reachable", "ann", clock.Now().Add(48*time.Hour)))
	f := must(db.Finding(ctx, auth.Everything(), id))(t)
	if f.Status != finding.Suppressed || f.StatusWhy != "not reachable" {
		t.Errorf("suppressed: %+v", f)
	}
	if n := len(listed(t, db, auth.Everything(), store.FindingFilter{})); n != 1 {
		t.Errorf("active: %d, want the other instance's", n)
	}
	// It stays so with the next inventory that holds it, and ends with its time.
	t1 := clock.Add(24 * time.Hour)
	link(t, db, refs[0], stored(t, db, anInventory(inventory.Agentless, "/", "openssl", "vim"), t1, true, a), inventory.Agentless, t1)
	if f := must(db.Finding(ctx, auth.Everything(), id))(t); f.Status != finding.Suppressed {
		t.Errorf("with the next inventory: %+v", f)
	}
	clock.Add(25 * time.Hour)
	if f := must(db.Finding(ctx, auth.Everything(), id))(t); f.Status != finding.Active {
		t.Errorf("after its time: %+v", f)
	}
	ok(t, db.Unsuppress(ctx, auth.Everything(), id))
	wantErr(t, db.Unsuppress(ctx, auth.Everything(), id), store.ErrNotFound)
	_, err = db.Finding(ctx, auth.Everything(), strings.Repeat("0", 48))
	wantErr(t, err, store.ErrNotFound)
}

func testFindingPages(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 4)
	sev := []finding.Severity{finding.Low, finding.Critical, finding.Medium}
	var fs []finding.Finding
	for i := range 9 {
		fs = append(fs, aFinding(fmt.Sprint("CVE-", i), "p", dpkg, sev[i%3], float64(i%2)))
	}
	h := stored(t, db, anInventory(inventory.Agentless, "/", "p"), clock.Now(), true, fs...)
	for _, r := range refs {
		link(t, db, r, h, inventory.Agentless, clock.Now())
		must(db.PutAssessments(ctx, []store.Assessment{{Ref: r, Types: []finding.Type{finding.Configuration}, ReadAt: clock.Now(), Findings: []finding.Finding{{
			ID: finding.Fingerprint(finding.Configuration, r, "r"), Type: finding.Configuration, Severity: finding.High, Title: "IMDSv1", Rule: &finding.Rule{ID: "EC2_IMDSV2_CHECK"},
		}}}}))(t)
	}
	seen, ranks := map[string]bool{}, []int{}
	for from := ""; ; {
		list, next, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{}, from, 7)
		ok(t, err)
		for _, f := range list {
			if seen[f.ID] {
				t.Errorf("%s is on two pages", f.ID)
			}
			seen[f.ID] = true
			ranks = append(ranks, f.Severity.Rank())
			if got := must(db.Finding(ctx, auth.Everything(), f.ID))(t); got.Title != f.Title || got.Resource != f.Resource {
				t.Errorf("by its ID: %+v, in the list: %+v", got, f)
			}
		}
		if from = next; next == "" {
			break
		}
	}
	if len(seen) != 40 {
		t.Errorf("pages give %d findings, want 40", len(seen))
	}
	for i := 1; i < len(ranks); i++ {
		if ranks[i] > ranks[i-1] {
			t.Fatalf("the worst is not first: %v", ranks)
		}
	}
	counts := must(db.CountFindings(ctx, auth.Everything(), store.FindingFilter{Severities: []finding.Severity{finding.Critical, finding.High}}))(t)
	want := []store.FindingCount{
		{Type: finding.PackageVulnerability, Severity: finding.Critical, Status: finding.Active, Count: 12},
		{Type: finding.Configuration, Severity: finding.High, Status: finding.Active, Count: 4},
	}
	if d := cmp.Diff(want, counts); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		name string
		s    auth.Scope
		f    store.FindingFilter
		want int
	}{
		{"type", auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.Configuration}}, 4},
		{"rule", auth.Everything(), store.FindingFilter{Vulnerabilities: []string{"EC2_IMDSV2_CHECK"}}, 4},
		{"asset", auth.Everything(), store.FindingFilter{Assets: []string{refs[1].ID}}, 10},
		{"text", auth.Everything(), store.FindingFilter{Text: "imdsV1"}, 4},
		{"other_account", auth.Scope{Accounts: []string{"x"}}, store.FindingFilter{}, 0},
		{"unknown_tag", auth.Scope{Tags: []string{"x"}}, store.FindingFilter{}, 0},
	} {
		if got := len(listed(t, db, c.s, c.f)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
