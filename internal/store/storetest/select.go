package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/run"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// ids returns the ids of all pages of a list of assets.
func ids(t testing.TB, db *Env, s auth.Scope, f store.AssetFilter, limit int) []string {
	t.Helper()
	var out []string
	for from := ""; ; {
		list, next, err := db.Assets(t.Context(), s, f, from, limit)
		ok(t, err)
		for _, a := range list {
			out = append(out, a.Base().Region+"/"+a.Base().ID)
		}
		if from = next; next == "" {
			return out
		}
	}
}

func testScope(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	c := aConnector("tagged", AccountName(0))
	c.Tags = []string{"pci"}
	c = made(t, db, c)
	w := World{Accounts: 1, Regions: 1, Instances: 2, At: clock.Now()}
	must(db.ApplySnapshot(ctx, c.ID, "s1", w.Snapshot()))(t)
	w = World{Accounts: 2, Regions: 2, Instances: 2, At: clock.Add(time.Minute)}
	b := w.Builder() // of another connector, without tags
	must(db.ApplySnapshot(ctx, "", "s2", b.Build(w.At)))(t)
	hand, _ := Instance(AccountName(1), RegionName(1), 1)
	ok(t, db.TagAsset(ctx, auth.Everything(), asset.RefOf(hand), "pci"))

	instances := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}}
	for _, c := range []struct {
		name  string
		scope auth.Scope
		want  int
	}{
		{"everything", auth.Everything(), 8},
		{"one_account", auth.Scope{Accounts: []string{AccountName(1)}}, 4},
		{"a_tag_by_connector_and_by_hand", auth.Scope{Tags: []string{"pci"}}, 2 + 1},
		{"a_tag_in_an_account", auth.Scope{Tags: []string{"pci"}, Accounts: []string{AccountName(1)}}, 1},
		{"an_unknown_tag", auth.Scope{Tags: []string{"x"}}, 0},
		{"nothing", auth.Scope{Nothing: true}, 0},
	} {
		if got := len(ids(t, db, c.scope, instances, 0)); got != c.want {
			t.Errorf("%s: got %d instances, want %d", c.name, got, c.want)
		}
		n := must(db.CountAssets(ctx, c.scope, instances))(t)
		if n[asset.KindInstance] != c.want {
			t.Errorf("%s: counted %d, want %d", c.name, n[asset.KindInstance], c.want)
		}
	}
	other, _ := Instance(AccountName(0), RegionName(0), 0)
	_, err := db.Asset(ctx, auth.Scope{Accounts: []string{AccountName(1)}}, asset.RefOf(other))
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, db.TagAsset(ctx, auth.Scope{Accounts: []string{AccountName(1)}}, asset.RefOf(other), "x"), store.ErrNotFound)
	wantErr(t, db.UntagAsset(ctx, auth.Scope{Nothing: true}, asset.RefOf(hand), "pci"), store.ErrNotFound)

	// A removed connector's assets are stale and no longer carry its tags.
	ok(t, db.RemoveConnector(ctx, c.ID))
	if got := len(ids(t, db, auth.Scope{Tags: []string{"pci"}}, instances, 0)); got != 1 {
		t.Errorf("after the connector went: %d with its tag, want the one by hand", got)
	}
}

func testTags(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	c := aConnector("c", AccountName(0))
	c.Tags = []string{"from-connector"}
	c = made(t, db, c)
	w := World{Accounts: 1, Regions: 1, Instances: 3, At: clock.Now()}
	must(db.ApplySnapshot(ctx, c.ID, "s1", w.Snapshot()))(t)
	var refs []asset.Ref
	for i := range 3 {
		in, _ := Instance(AccountName(0), RegionName(0), i)
		refs = append(refs, asset.RefOf(in))
	}
	r := must(db.PutTagRule(ctx, store.TagRule{Name: "web", Tag: "web", Expression: `asset.name.contains("web")`, Enabled: true}))(t)
	if _, err := db.PutTagRule(ctx, store.TagRule{Name: "web", Tag: "x", Expression: "true"}); err == nil {
		t.Error("two rules have one name")
	}
	if _, err := db.PutTagRule(ctx, store.TagRule{Name: "empty"}); err == nil {
		t.Error("a rule without an expression was stored")
	}
	if n := must(db.SetRuleTags(ctx, r, refs[:2]))(t); n != 2 {
		t.Errorf("first: wrote %d, want 2", n)
	}
	if n := must(db.SetRuleTags(ctx, r, refs[:2]))(t); n != 0 {
		t.Errorf("again: wrote %d, want 0", n)
	}
	if n := must(db.SetRuleTags(ctx, r, refs[1:]))(t); n != 2 {
		t.Errorf("one goes, one comes: wrote %d, want 2", n)
	}
	ok(t, db.TagAsset(ctx, auth.Everything(), refs[0], "mine"))
	ok(t, db.TagAsset(ctx, auth.Everything(), refs[0], "mine")) // twice is once
	if err := db.TagAsset(ctx, auth.Everything(), refs[0], " "); err == nil {
		t.Error("an empty tag was given")
	}
	tags := func(i int) string {
		var out []string
		for _, v := range must(db.Asset(ctx, auth.Everything(), refs[i]))(t).OurTags {
			origin := v.Origin
			switch origin {
			case c.ID:
				origin = "connector"
			case r.ID:
				origin = "rule"
			}
			out = append(out, v.Tag+":"+origin)
		}
		return strings.Join(out, " ")
	}
	if got := tags(0); got != "from-connector:connector mine:hand" {
		t.Errorf("tags of the first: %s", got)
	}
	if got := tags(1); got != "from-connector:connector web:rule" {
		t.Errorf("tags of the second: %s", got)
	}
	wantErr(t, db.UntagAsset(ctx, auth.Everything(), refs[1], "web"), store.ErrNotFound) // a rule's tag is not taken by hand
	ok(t, db.RemoveTagRule(ctx, r.ID))
	if got := tags(1); got != "from-connector:connector" {
		t.Errorf("after the rule went: %s", got)
	}
	if got := must(db.TagRules(ctx))(t); len(got) != 0 {
		t.Errorf("rules: %+v", got)
	}
}

func testActivations(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 1, Regions: 1, Instances: 2, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	in, _ := Instance(AccountName(0), RegionName(0), 0)
	ref := asset.RefOf(in)
	set := func(active, hand bool, reason string) int {
		return must(db.SetActivations(ctx, []store.AssetActivation{{Ref: ref, Activation: store.Activation{
			Module: connector.Vulnerability, Active: active, Hand: hand, Reason: reason,
		}}}))(t)
	}
	get := func() store.Activation {
		a := must(db.Asset(ctx, auth.Everything(), ref))(t)
		if len(a.Active) != 1 {
			t.Fatalf("activations: %+v", a.Active)
		}
		return a.Active[0]
	}
	if set(true, false, "by its connector") != 1 || set(true, false, "by its connector") != 0 {
		t.Error("the same decision was written twice")
	}
	if set(false, true, "by ann") != 1 || get().Active {
		t.Error("a decision by hand did not count")
	}
	if set(true, false, "by its connector") != 0 || get().Active || get().Reason != "by ann" {
		t.Error("the connector's setting overruled a decision by hand")
	}
	active := store.AssetFilter{Module: connector.Vulnerability}
	if got := ids(t, db, auth.Everything(), active, 0); len(got) != 0 {
		t.Errorf("active: %v", got)
	}
	ok(t, db.ForgetActivation(ctx, auth.Everything(), ref, connector.Vulnerability))
	wantErr(t, db.ForgetActivation(ctx, auth.Everything(), ref, connector.Vulnerability), store.ErrNotFound)
	set(true, false, "by its connector")
	if got := ids(t, db, auth.Everything(), active, 0); len(got) != 1 {
		t.Errorf("active: %v", got)
	}
}

func testAssetPages(t *testing.T, db *Env, clock *Clock) {
	w := World{Accounts: 2, Regions: 2, Instances: 7, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	all := ids(t, db, auth.Everything(), store.AssetFilter{}, 1000)
	small := ids(t, db, auth.Everything(), store.AssetFilter{}, 5)
	if len(all) != 56 || fmt.Sprint(all) != fmt.Sprint(small) {
		t.Errorf("pages of 5 give %d assets, one page %d", len(small), len(all))
	}
	for _, c := range []struct {
		name string
		f    store.AssetFilter
		want int
	}{
		{"kind", store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}}, 28},
		{"account", store.AssetFilter{Accounts: []string{AccountName(0)}}, 28},
		{"region", store.AssetFilter{Regions: []string{RegionName(0)}}, 28},
		{"state", store.AssetFilter{States: []string{"running"}}, 28},
		{"text_in_name_any_case", store.AssetFilter{Text: "WEB-3"}, 4},
		{"text_is_no_pattern", store.AssetFilter{Text: "web_3"}, 0},
		{"percent_is_no_pattern", store.AssetFilter{Text: "%"}, 0},
		{"two", store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Accounts: []string{AccountName(1)}, Regions: []string{RegionName(1)}}, 7},
		{"hostile", store.AssetFilter{Text: `'; DROP TABLE asset; --`}, 0},
	} {
		if got := ids(t, db, auth.Everything(), c.f, 0); len(got) != c.want {
			t.Errorf("%s: got %d, want %d", c.name, len(got), c.want)
		}
	}
}

func testCoverage(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 2, Regions: 1, Instances: 3, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	var rows []coverage.Coverage
	for a := range 2 {
		for i := range 3 {
			in, _ := Instance(AccountName(a), RegionName(0), i)
			c := coverage.Coverage{Resource: asset.RefOf(in), Scan: coverage.PackageScan, Status: coverage.Active, Reason: coverage.Successful, LastScanned: clock.Now()}
			if i == 0 {
				c.Status, c.Reason = coverage.Inactive, coverage.UnmanagedInstance
			}
			rows = append(rows, c)
		}
	}
	if n := must(db.PutCoverage(ctx, rows))(t); n != 6 {
		t.Errorf("first: wrote %d", n)
	}
	if n := must(db.PutCoverage(ctx, rows))(t); n != 0 {
		t.Errorf("again: wrote %d, want 0", n)
	}
	rows[0].Reason = coverage.AccessDenied
	if n := must(db.PutCoverage(ctx, rows))(t); n != 1 {
		t.Errorf("one changed: wrote %d, want 1", n)
	}
	page, next, err := db.Coverage(ctx, auth.Everything(), store.CoverageFilter{}, "", 4)
	ok(t, err)
	rest, _, err := db.Coverage(ctx, auth.Everything(), store.CoverageFilter{}, next, 4)
	ok(t, err)
	if len(page) != 4 || len(rest) != 2 || page[0].Resource != rows[0].Resource {
		t.Errorf("pages of %d and %d", len(page), len(rest))
	}
	counts := must(db.CountCoverage(ctx, auth.Scope{Accounts: []string{AccountName(0)}}, store.CoverageFilter{}))(t)
	if len(counts) != 2 || counts[0].Count != 2 || counts[1].Reason != coverage.AccessDenied {
		t.Errorf("counts: %+v", counts)
	}
	got, _, err := db.Coverage(ctx, auth.Everything(), store.CoverageFilter{Reasons: []coverage.Reason{coverage.UnmanagedInstance}}, "", 0)
	ok(t, err)
	if len(got) != 1 {
		t.Errorf("by reason: %d", len(got))
	}
}

func testScans(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 1, Regions: 1, Instances: 1, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	in, _ := Instance(AccountName(0), RegionName(0), 0)
	sc := must(db.CreateScan(ctx, run.Scan{Connector: "con-1", Instance: asset.RefOf(in)}))(t)
	other := must(db.CreateScan(ctx, run.Scan{Connector: "con-1", Instance: asset.RefOf(in)}))(t)
	if sc.ID == other.ID || sc.State != run.Queued {
		t.Errorf("scans: %+v %+v", sc, other)
	}
	r := run.Resource{ScanID: sc.ID, Connector: "con-1", Account: AccountName(0), Region: RegionName(0), Kind: asset.KindSnapshot, Of: "vol-1"}
	r = must(db.InsertIntent(ctx, r))(t)
	if r.State != run.Intended || r.CreatedAt != clock.Now() {
		t.Errorf("intent: %+v", r)
	}
	r.ID = "snap-1"
	ok(t, db.MarkCreated(ctx, r))
	again := must(db.InsertIntent(ctx, run.Resource{ScanID: sc.ID, Account: r.Account, Region: r.Region, Kind: r.Kind, Of: r.Of}))(t)
	if again.ID != "snap-1" || again.State != run.Created {
		t.Errorf("the same intent again forgot what it became: %+v", again)
	}
	second := must(db.InsertIntent(ctx, run.Resource{ScanID: other.ID, Connector: "con-1", Account: r.Account, Region: r.Region, Kind: r.Kind, Of: r.Of}))(t)
	if open := must(db.ListOpenResources(ctx))(t); len(open) != 2 {
		t.Errorf("open: %+v", open)
	}
	r.Detail = "in use"
	ok(t, db.MarkStuck(ctx, r))
	open := must(db.ListOpenResources(ctx))(t)
	if len(open) != 2 || open[0].State != run.Stuck || open[0].Detail != "in use" {
		t.Errorf("a stuck one stays open: %+v", open)
	}
	ok(t, db.MarkDeleted(ctx, r))
	wantErr(t, db.MarkDeleted(ctx, r), store.ErrNotFound)
	wantErr(t, db.MarkCreated(ctx, r), store.ErrNotFound)
	ok(t, db.MarkDeleted(ctx, second))
	if open := must(db.ListOpenResources(ctx))(t); len(open) != 0 {
		t.Errorf("open at the end: %+v", open)
	}
	sc.State, sc.Reason, sc.Calls, sc.Bytes = run.Failed, "why", 12, 1<<33
	ok(t, db.PutScan(ctx, sc))
	got := must(db.Scan(ctx, auth.Everything(), sc.ID))(t)
	if got.State != run.Failed || got.Bytes != 1<<33 || len(got.Resources) != 1 || got.Resources[0].State != run.Deleted {
		t.Errorf("scan: %+v", got)
	}
	_, err := db.Scan(ctx, auth.Scope{Accounts: []string{"x"}}, sc.ID)
	wantErr(t, err, store.ErrNotFound)
	list, _, err := db.Scans(ctx, auth.Everything(), store.ScanFilter{States: []run.State{run.Failed}, Connector: "con-1"}, "", 0)
	ok(t, err)
	if len(list) != 1 {
		t.Errorf("failed scans: %d", len(list))
	}
}

func testCursors(t *testing.T, db *Env, _ *Clock) {
	ctx := t.Context()
	s := auth.Everything()
	for _, bad := range []string{"!", "bm90IGpzb24", "InRleHQi" + "fQ"} {
		_, _, err := db.Assets(ctx, s, store.AssetFilter{}, bad, 0)
		wantErr(t, err, store.ErrCursor)
		_, _, err = db.Findings(ctx, s, store.FindingFilter{}, bad, 0)
		wantErr(t, err, store.ErrCursor)
		_, _, err = db.Syncs(ctx, s, "", bad, 0)
		wantErr(t, err, store.ErrCursor)
		_, _, err = db.AuditLog(ctx, s, bad, 0)
		wantErr(t, err, store.ErrCursor)
		_, _, err = db.Coverage(ctx, s, store.CoverageFilter{}, bad, 0)
		wantErr(t, err, store.ErrCursor)
	}
	if _, err := db.UpdateConnector(ctx, connector.Connector{ID: "nobody"}, secret.Text{}); err == nil {
		t.Error("an unknown connector was changed")
	}
}
