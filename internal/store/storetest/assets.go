package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
	"hinomi/internal/store/diff"
)

// rows are the tables whose rows a repeated sync must not touch.
func rows(t testing.TB, db *Env) [2]int {
	t.Helper()
	return [2]int{db.count(t, `SELECT COUNT(*) FROM asset`), db.count(t, `SELECT COUNT(*) FROM asset_history`)}
}

// watchWrites counts every row that is inserted into, changed in or deleted from asset and asset_history from now on, by triggers.
func watchWrites(t testing.TB, db *Env) func() int {
	t.Helper()
	raw := db.raw(t)
	exec := func(q string) {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	exec(`CREATE TABLE written (what TEXT)`)
	if db.Kind() == "postgres" {
		exec(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES (TG_TABLE_NAME || TG_OP); RETURN NULL; END $$`)
	}
	for _, table := range []string{"asset", "asset_history"} {
		if db.Kind() == "postgres" {
			exec(`CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION note()`)
			continue
		}
		for _, op := range []string{"INSERT", "UPDATE", "DELETE"} {
			exec(`CREATE TRIGGER note_` + table + op + ` AFTER ` + op + ` ON ` + table + ` BEGIN INSERT INTO written VALUES ('` + table + op + `'); END`)
		}
	}
	return func() int { return db.count(t, `SELECT COUNT(*) FROM written`) }
}

func apply(t testing.TB, db *Env, sync string, s *snapshot.Snapshot) connector.Counts {
	t.Helper()
	return must(db.ApplySnapshot(t.Context(), "", sync, s))(t)
}

func find(t testing.TB, db *Env, a asset.Asset) store.Asset {
	t.Helper()
	return must(db.Asset(t.Context(), auth.Everything(), asset.RefOf(a)))(t)
}

func testRepeatedSync(t *testing.T, db *Env, clock *Clock) {
	w := World{Accounts: 3, Regions: 17, Instances: 20, At: clock.Now()}
	total := 3 * 17 * 20
	written := watchWrites(t, db)
	got := apply(t, db, "s1", w.Snapshot())
	want := connector.Counts{Instances: total, Assets: 2 * total, Added: 2 * total}
	if got != want || written() != 2*total {
		t.Fatalf("first: got %+v with %d rows written, want %+v", got, written(), want)
	}
	before := written()
	w.At = clock.Add(4 * time.Hour)
	got = apply(t, db, "s2", w.Snapshot())
	want.Added = 0
	if got != want {
		t.Errorf("second: got %+v, want %+v", got, want)
	}
	if n := written() - before; n != 0 {
		t.Errorf("second: wrote %d asset or history rows, want 0", n)
	}
	if r := rows(t, db); r != [2]int{2 * total, 0} {
		t.Errorf("rows of asset and history: %v", r)
	}
	in, _ := Instance(AccountName(1), RegionName(3), 7)
	if a := find(t, db, in); a.LastSeen != clock.Now() || a.FirstSeen != start || a.Stale {
		t.Errorf("first seen %s, last seen %s, stale %v", a.FirstSeen, a.LastSeen, a.Stale)
	}
}

func testFailedRegion(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 2, Regions: 3, Instances: 5, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	before := rows(t, db)
	w.At, w.Fail = clock.Add(time.Hour), RegionName(1)
	if c := apply(t, db, "s2", w.Snapshot()); c.Gone != 0 || c.Changed != 0 || c.Added != 0 || c.Gaps != 2 {
		t.Errorf("counts: %+v", c)
	}
	if rows(t, db) != before {
		t.Errorf("a failed region changed rows: %v, before %v", rows(t, db), before)
	}
	failed, _ := Instance(AccountName(0), RegionName(1), 2)
	fine, _ := Instance(AccountName(0), RegionName(0), 2)
	a := find(t, db, failed)
	if !a.Stale || a.Gap == nil || a.Gap.Reason != snapshot.Throttled || a.LastSeen != start || !a.GoneAt.IsZero() {
		t.Errorf("in the failed region: %+v", a)
	}
	if a := find(t, db, fine); a.Stale || a.LastSeen != clock.Now() {
		t.Errorf("in a region that was read: %+v", a)
	}
	stale, _, err := db.Assets(ctx, auth.Everything(), store.AssetFilter{Stale: true}, "", 0)
	ok(t, err)
	if len(stale) != 2*2*5 {
		t.Errorf("stale: %d, want 20", len(stale))
	}
	s := must(db.LoadSnapshot(ctx, auth.Everything()))(t)
	if _, gap := s.GapFor(AccountName(0), RegionName(1), asset.KindInstance); !gap {
		t.Error("the loaded snapshot has no gap for the failed region")
	}
	if g, gap := s.GapFor(AccountName(0), RegionName(1), asset.KindVolume); !gap || g.Reason != snapshot.Throttled {
		t.Errorf("of a kind that was never read there: %v %v", g, gap)
	}
	if _, gap := s.GapFor(AccountName(0), RegionName(0), asset.KindInstance); gap {
		t.Error("the loaded snapshot has a gap where all was read")
	}
	if s.Len(asset.KindInstance) != 2*3*5 {
		t.Errorf("instances loaded: %d", s.Len(asset.KindInstance))
	}
	// The repair: read again, the gap is over.
	w.At, w.Fail = clock.Add(time.Hour), ""
	apply(t, db, "s3", w.Snapshot())
	if a := find(t, db, failed); a.Stale || a.LastSeen != clock.Now() {
		t.Errorf("after the repair: %+v", a)
	}
	if g := must(db.Gaps(ctx, auth.Everything()))(t); len(g) != 0 {
		t.Errorf("gaps after the repair: %+v", g)
	}
}

func testPartialPage(t *testing.T, db *Env, clock *Clock) {
	w := World{Accounts: 1, Regions: 1, Instances: 3, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	account, region := AccountName(0), RegionName(0)
	scope := snapshot.Scope{Account: account, Region: region, Kind: asset.KindInstance}
	// The first page came with a change and a new instance, then AWS refused.
	at := clock.Add(time.Hour)
	b := snapshot.NewBuilder()
	changed, _ := Instance(account, region, 0)
	changed.State = "stopped"
	fresh, _ := Instance(account, region, 9)
	b.Add(changed, fresh)
	b.AddGap(snapshot.Gap{Scope: scope, Reason: snapshot.Partial, At: at})
	if c := apply(t, db, "s2", b.Build(at)); c.Added != 1 || c.Changed != 1 || c.Gone != 0 {
		t.Errorf("counts: %+v", c)
	}
	missing, _ := Instance(account, region, 1)
	if a := find(t, db, missing); !a.GoneAt.IsZero() || !a.Stale {
		t.Errorf("an instance on the page that did not come: %+v", a)
	}
	a := find(t, db, changed)
	if in, isInstance := a.Asset.(*asset.Instance); !isInstance || in.State != "stopped" || !a.Stale {
		t.Errorf("an instance on the page that came: %+v", a)
	}
	// A complete read that began before that page is older evidence: it must not bring back "running", nor end what it did not know.
	w.At = at.Add(-time.Minute)
	if c := apply(t, db, "s3", w.Snapshot()); c.Changed != 0 || c.Gone != 0 {
		t.Errorf("older complete read: %+v", c)
	}
	if a := find(t, db, fresh); !a.GoneAt.IsZero() {
		t.Error("an older read ended a newer instance")
	}
}

func testOlderRead(t *testing.T, db *Env, clock *Clock) {
	account, region := AccountName(0), RegionName(0)
	build := func(state string, at time.Time, instances ...int) *snapshot.Snapshot {
		b := snapshot.NewBuilder()
		for _, n := range instances {
			in, _ := Instance(account, region, n)
			in.State = state
			b.Add(in)
		}
		b.MarkRead(account, region, asset.KindInstance, at, len(instances))
		return b.Build(at)
	}
	t0 := clock.Now()
	apply(t, db, "new", build("running", t0.Add(time.Hour), 0, 1))
	before := rows(t, db)
	if c := apply(t, db, "old", build("stopped", t0, 0)); c.Changed != 0 || c.Gone != 0 || c.Added != 0 {
		t.Errorf("older read: %+v", c)
	}
	in, _ := Instance(account, region, 0)
	a := find(t, db, in)
	if a.Asset.(*asset.Instance).State != "running" || a.LastSeen != t0.Add(time.Hour) || rows(t, db) != before {
		t.Errorf("an older page overwrote a newer read: %+v", a)
	}
	// Evidence of the very same time proves nothing gone.
	if c := apply(t, db, "same", build("running", t0.Add(time.Hour), 0)); c.Gone != 0 {
		t.Errorf("evidence of the same time: %+v", c)
	}
}

func testGone(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 1, Regions: 2, Instances: 4, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	w.Instances, w.At = 3, clock.Add(time.Hour)
	if c := apply(t, db, "s2", w.Snapshot()); c.Gone != 4 {
		t.Errorf("gone: got %d, want an instance and an interface of two regions", c.Gone)
	}
	in, _ := Instance(AccountName(0), RegionName(1), 3)
	a := find(t, db, in)
	if a.GoneAt != clock.Now() || a.LastSeen != start || a.Stale {
		t.Errorf("a gone instance is history: %+v", a)
	}
	if c := must(db.CountAssets(ctx, auth.Everything(), store.AssetFilter{}))(t); c[asset.KindInstance] != 6 {
		t.Errorf("count without the gone: %v", c)
	}
	if c := must(db.CountAssets(ctx, auth.Everything(), store.AssetFilter{Gone: true}))(t); c[asset.KindInstance] != 8 {
		t.Errorf("count with the gone: %v", c)
	}
	if s := must(db.LoadSnapshot(ctx, auth.Everything()))(t); s.Len(asset.KindInstance) != 6 {
		t.Errorf("loaded instances: %d", s.Len(asset.KindInstance))
	}
	before := rows(t, db)
	w.At = clock.Add(time.Hour)
	if c := apply(t, db, "s3", w.Snapshot()); c.Gone != 0 || rows(t, db) != before {
		t.Errorf("gone a second time: %+v", c)
	}
	w.Instances, w.At = 4, clock.Add(time.Hour)
	if c := apply(t, db, "s4", w.Snapshot()); c.Changed != 4 || c.Added != 0 {
		t.Errorf("returned: %+v", c)
	}
	a = find(t, db, in)
	events, _, err := db.History(ctx, auth.Everything(), asset.RefOf(in), "", 0)
	ok(t, err)
	if !a.GoneAt.IsZero() || a.FirstSeen != start || len(events) != 2 || events[0].What != store.EventReturned || events[1].What != store.EventGone {
		t.Errorf("after its return: %+v %+v", a, events)
	}
}

func testHistory(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	account, region := AccountName(0), RegionName(0)
	put := func(sync string, change func(*asset.Instance)) asset.Ref {
		in, _ := Instance(account, region, 0)
		change(in)
		b := snapshot.NewBuilder()
		b.Add(in)
		b.MarkRead(account, region, asset.KindInstance, clock.Add(time.Hour), 1)
		apply(t, db, sync, b.Build(clock.Now()))
		return asset.RefOf(in)
	}
	put("s1", func(*asset.Instance) {})
	put("s2", func(in *asset.Instance) {
		in.State, in.PublicIP = "stopped", netip.MustParseAddr("203.0.113.7")
		in.Tags = map[string]string{"Name": "web-0", "a/b~c": "new"}
		in.SecurityGroups = []string{"sg-1"}
	})
	ref := put("s3", func(in *asset.Instance) { in.Tags = nil })
	events, _, err := db.History(ctx, auth.Everything(), ref, "", 0)
	ok(t, err)
	if len(events) != 2 || events[1].SyncID != "s2" || events[1].What != store.EventChanged || events[0].At != clock.Now() {
		t.Fatalf("history: %+v", events)
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	want := []diff.Change{
		{Path: "/publicIp", To: raw(`"203.0.113.7"`)},
		{Path: "/securityGroups", From: raw(`["sg-1","sg-2"]`), To: raw(`["sg-1"]`)},
		{Path: "/state", From: raw(`"running"`), To: raw(`"stopped"`)},
		{Path: "/tags/a~1b~0c", To: raw(`"new"`)},
		{Path: "/tags/env", From: raw(`"prod"`)},
	}
	if d := cmp.Diff(want, events[1].Diff); d != "" {
		t.Errorf("diff (-want +got):\n%s", d)
	}
	if _, _, err := db.History(ctx, auth.Scope{Accounts: []string{"x"}}, ref, "", 0); err != nil {
		t.Errorf("history outside the scope is an error: %v", err)
	}
	hidden, _, err := db.History(ctx, auth.Scope{Accounts: []string{"x"}}, ref, "", 0)
	ok(t, err)
	if len(hidden) != 0 {
		t.Error("history outside the scope is seen")
	}

	// What moves by itself is stored, but is no history.
	ping := func(at time.Time, status string) connector.Counts {
		b := snapshot.NewBuilder()
		b.Add(&asset.ManagedInstance{Meta: asset.Meta{Account: account, Region: region, ID: "mi-1"}, PingStatus: status, LastPing: at})
		b.MarkRead(account, region, asset.KindManagedInstance, clock.Add(time.Hour), 1)
		return apply(t, db, "ping", b.Build(clock.Now()))
	}
	ping(start, "Online")
	if c := ping(start.Add(time.Hour), "Online"); c.Changed != 0 {
		t.Errorf("a later ping counts as a change: %+v", c)
	}
	if c := ping(start.Add(2*time.Hour), "ConnectionLost"); c.Changed != 1 {
		t.Errorf("a lost connection: %+v", c)
	}
	mi := asset.Ref{Account: account, Region: region, Kind: asset.KindManagedInstance, ID: "mi-1"}
	events, _, err = db.History(ctx, auth.Everything(), mi, "", 0)
	ok(t, err)
	if len(events) != 1 || len(events[0].Diff) != 1 {
		t.Errorf("history of pings: %+v", events)
	}
	if a := must(db.Asset(ctx, auth.Everything(), mi))(t); !a.Asset.(*asset.ManagedInstance).LastPing.Equal(start.Add(2 * time.Hour)) {
		t.Error("the last ping is not stored")
	}
}

func testLoadSnapshot(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 2, Regions: 2, Instances: 3, At: clock.Now(), Fail: RegionName(1)}
	want := w.Snapshot()
	apply(t, db, "s1", want)
	got := must(db.LoadSnapshot(ctx, auth.Everything()))(t)
	for _, k := range want.Kinds() {
		var a, b []asset.Asset
		for v := range want.Assets(k) {
			a = append(a, v)
		}
		for v := range got.Assets(k) {
			b = append(b, v)
		}
		if d := cmp.Diff(a, b, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", k, d)
		}
	}
	if d := cmp.Diff(want.Reads(), got.Reads()); d != "" {
		t.Errorf("reads (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want.Gaps(), got.Gaps()); d != "" {
		t.Errorf("gaps (-want +got):\n%s", d)
	}
	one := must(db.LoadSnapshot(ctx, auth.Scope{Accounts: []string{AccountName(1)}}))(t)
	if one.Len(asset.KindInstance) != 3 || one.WasRead(AccountName(0), RegionName(0), asset.KindInstance) {
		t.Errorf("one account: %d instances", one.Len(asset.KindInstance))
	}
	if s := must(db.LoadSnapshot(ctx, auth.Scope{Nothing: true}))(t); len(s.Kinds()) != 0 || len(s.Reads()) != 0 {
		t.Error("a scope of nothing sees something")
	}
}

func testEveryKind(t *testing.T, db *Env, clock *Clock) {
	m := asset.Meta{Account: one12, Region: "us-east-1", ID: "x", Tags: map[string]string{"Name": "n"}}
	all := []asset.Asset{
		&asset.Instance{Meta: m}, &asset.Image{Meta: m}, &asset.Volume{Meta: m}, &asset.Snapshot{Meta: m}, &asset.KeyPair{Meta: m},
		&asset.NetworkInterface{Meta: m}, &asset.Address{Meta: m}, &asset.VPC{Meta: m}, &asset.Subnet{Meta: m}, &asset.RouteTable{Meta: m},
		&asset.NetworkACL{Meta: m}, &asset.SecurityGroup{Meta: m}, &asset.PrefixList{Meta: m}, &asset.InternetGateway{Meta: m},
		&asset.InternetGateway{Meta: m, EgressOnly: true}, &asset.NATGateway{Meta: m}, &asset.VPNGateway{Meta: m}, &asset.CustomerGateway{Meta: m},
		&asset.VPNConnection{Meta: m}, &asset.Peering{Meta: m}, &asset.TransitGateway{Meta: m}, &asset.TransitAttachment{Meta: m},
		&asset.TransitRouteTable{Meta: m}, &asset.Endpoint{Meta: m}, &asset.FlowLog{Meta: m}, &asset.LoadBalancer{Meta: m}, &asset.Listener{Meta: m},
		&asset.TargetGroup{Meta: m}, &asset.Firewall{Meta: m}, &asset.DirectConnectGateway{Meta: m}, &asset.VirtualInterface{Meta: m},
		&asset.BlockPublicAccess{Meta: m}, &asset.BlockPublicAccessExclusion{Meta: m}, &asset.ManagedInstance{Meta: m},
		&asset.InstanceProfile{Meta: m, Roles: []asset.RoleRef{{ARN: "arn:aws:iam::" + one12 + ":role/web", Name: "web", ID: "AROA1"}}},
	}
	b := snapshot.NewBuilder()
	b.Add(all...)
	for _, a := range all {
		b.MarkRead(m.Account, m.Region, a.Kind(), clock.Now(), 1)
	}
	apply(t, db, "s1", b.Build(clock.Now()))
	s := must(db.LoadSnapshot(t.Context(), auth.Everything()))(t)
	for _, a := range all {
		got, found := s.Find(asset.RefOf(a))
		if !found {
			t.Errorf("%s is lost", a.Kind())
			continue
		}
		if d := cmp.Diff(a, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", a.Kind(), d)
		}
	}
}

func testReaders(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	w := World{Accounts: 1, Regions: 1, Instances: 50, At: clock.Now()}
	apply(t, db, "s1", w.Snapshot())
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var writeErr error
	wg.Go(func() {
		writeErr = db.InTx(ctx, func(ctx context.Context) error {
			big := World{Accounts: 2, Regions: 1, Instances: 500, At: clock.Add(time.Hour)}
			if _, err := db.ApplySnapshot(ctx, "", "s2", big.Snapshot()); err != nil {
				return err
			}
			close(held)
			<-release
			return nil
		})
	})
	<-held // the write is done and not committed: readers see the world before it, and are not kept waiting
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			s, err := db.LoadSnapshot(ctx, auth.Everything())
			if err != nil || s.Len(asset.KindInstance) != 50 {
				t.Errorf("reader during a write: %v", err)
			}
			list, _, err := db.Assets(ctx, auth.Everything(), store.AssetFilter{}, "", 1000)
			if err != nil || len(list) != 100 {
				t.Errorf("reader during a write: %d assets, %v", len(list), err)
			}
		})
	}
	readers.Wait()
	close(release)
	wg.Wait()
	ok(t, writeErr)
	if s := must(db.LoadSnapshot(ctx, auth.Everything()))(t); s.Len(asset.KindInstance) != 1000 {
		t.Errorf("after the commit: %d instances", s.Len(asset.KindInstance))
	}
}

func testRollback(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	no := errors.New("no")
	err := db.InTx(ctx, func(ctx context.Context) error {
		w := World{Accounts: 1, Regions: 1, Instances: 5, At: clock.Now()}
		if _, err := db.ApplySnapshot(ctx, "", "s", w.Snapshot()); err != nil {
			return err
		}
		return no
	})
	wantErr(t, err, no)
	if r := rows(t, db); r != [2]int{} {
		t.Errorf("rows after a rollback: %v", r)
	}
}
