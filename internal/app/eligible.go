package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/evaluate/eligible"
	"hinomi/internal/finding"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// decision is what follows for one instance.
type decision struct {
	eligible.Decision
	ref asset.Ref
	at  time.Time // when it was read last; zero: never
}

// decideScans decides of every instance how its packages are scanned.
func (a *App) decideScans(ctx context.Context, world *snapshot.Snapshot) ([]decision, error) {
	f, err := a.scanFacts(ctx)
	if err != nil {
		return nil, err
	}
	var out []decision
	for i := range snapshot.All[asset.Instance](world) {
		facts := f.of(world, i)
		d := decision{Decision: eligible.Decide(facts), ref: asset.RefOf(i)}
		if facts.Evidence != nil {
			d.at = facts.Evidence.ReadAt
		}
		out = append(out, d)
	}
	return out, nil
}

// scanFacts is what is known beside the world.
type scanFacts struct {
	settings coverage.Settings
	selected pipeline.Selection
	readers  map[string]*connector.Connector // by account: the one that may scan
	owners   map[string]string               // organisation's account of a member's
	rows     map[asset.Ref]coverage.Coverage
	links    map[asset.Ref]store.InventoryLink
	open     map[asset.Ref]bool
	tried    map[asset.Ref]time.Time
	places   map[string]store.AgentPlace // by account/region
	now      time.Time
}

func (a *App) scanFacts(ctx context.Context) (f scanFacts, err error) {
	f = scanFacts{readers: map[string]*connector.Connector{}, owners: map[string]string{}, rows: map[asset.Ref]coverage.Coverage{}, open: map[asset.Ref]bool{}, now: a.now()}
	if f.settings, err = a.ScanSettings(ctx); err != nil {
		return f, err
	}
	if f.selected, err = a.selected(ctx, connector.Vulnerability); err != nil {
		return f, err
	}
	if f.links, err = a.db.CurrentLinks(ctx); err != nil {
		return f, err
	}
	if f.readers, f.owners, err = a.scanReaders(ctx); err != nil {
		return f, err
	}
	if err := a.eachOpenScan(ctx, func(s run.Scan) { f.open[s.Instance] = true }); err != nil {
		return f, err
	}
	if f.tried, err = a.triedSince(ctx, f.now.Add(-eligible.Rescan)); err != nil {
		return f, err
	}
	places, err := a.db.AgentPlaces(ctx)
	if err != nil {
		return f, err
	}
	f.places = make(map[string]store.AgentPlace, len(places))
	for _, p := range places {
		f.places[p.Account+"/"+p.Region] = p
	}
	for from := ""; ; {
		page, next, err := a.db.Coverage(ctx, auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, from, 1000)
		if err != nil {
			return f, err
		}
		for _, c := range page {
			f.rows[c.Resource] = c
		}
		if next == "" {
			return f, nil
		}
		from = next
	}
}

// scanReaders returns by account the connector that scans, if there is a choice an enabled one that may make snapshots, and of every member of
// an organisation the account that decides for it.
func (a *App) scanReaders(ctx context.Context) (readers map[string]*connector.Connector, owners map[string]string, err error) {
	readers, owners = map[string]*connector.Connector{}, map[string]string{}
	accounts, parents := map[string]string{}, map[string]string{}
	rank := func(c *connector.Connector) int {
		n := 0
		if c.Enabled {
			n += 2
		}
		if c.May(connector.SnapshotVolumes) {
			n++
		}
		return n
	}
	err = a.eachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		accounts[c.ID] = c.Account
		if c.ParentID != "" {
			parents[c.Account] = c.ParentID
		}
		if old := readers[c.Account]; old == nil || rank(c) > rank(old) {
			kept := *c
			readers[c.Account] = &kept
		}
		return nil
	})
	for member, parent := range parents {
		if owner := accounts[parent]; owner != "" && owner != member {
			owners[member] = owner
		}
	}
	return readers, owners, err
}

// of gathers the facts about one instance.
func (f *scanFacts) of(world *snapshot.Snapshot, i *asset.Instance) eligible.Facts {
	ref := asset.RefOf(i)
	c := f.readers[i.Account]
	out := eligible.Facts{
		Instance: i, Left: f.selected.Left(ref), Excluded: f.settings.Excluding(i.Tags), Last: f.rows[ref], Open: f.open[ref], TriedAt: f.tried[ref], Now: f.now,
		NoSnapshot: noSnapshot(c, i.Account),
	}
	out.Mode, out.ModeWhy = f.mode(i.Account, i.Region)
	if l, ok := f.links[ref]; ok {
		out.Evidence = &eligible.Evidence{Method: pipeline.ScanMethod(l.Method), ReadAt: l.ReadAt}
	}
	if m, ok := snapshot.Get[asset.ManagedInstance](world, i.ID); ok && m.Account == i.Account {
		out.Managed = m
	} else if g, gap := world.GapFor(i.Account, i.Region, asset.KindManagedInstance); gap {
		out.ManagedGap = string(g.Reason)
	} else {
		out.Unmanaged = unmanaged(world, i, f.places[i.Account+"/"+i.Region])
	}
	return out
}

// mode returns an account's scan mode in a region, and where it comes from. Where none was set, a connector that may make snapshots means hybrid.
func (f *scanFacts) mode(account, region string) (coverage.Mode, string) {
	owner := f.owners[account]
	if m, where, ok := f.settings.ModeFor(owner, account, region); ok {
		switch {
		case where == "":
			return m, "set for all accounts"
		case owner != "":
			return m, "set by the organisation's account " + owner
		}
		return m, "set for " + where
	}
	if c := f.readers[account]; c != nil && c.May(connector.SnapshotVolumes) {
		return coverage.Hybrid, "not set, and connector " + c.Name + " allows snapshots"
	}
	return coverage.AgentBased, "the default"
}

// noSnapshot says why the disks of an account may not be read, "" if they may.
func noSnapshot(c *connector.Connector, account string) string {
	switch {
	case c == nil:
		return "no connector reads account " + account
	case !c.Enabled:
		return "connector " + c.Name + " is disabled"
	case !c.May(connector.SnapshotVolumes):
		return "its connector is read-only: hinomi connector edit " + c.Name + " --allow snapshot-volumes lets its disk be read"
	}
	return ""
}

// triedSince returns when scans were begun or queued last, as far as that is after a time.
func (a *App) triedSince(ctx context.Context, after time.Time) (map[asset.Ref]time.Time, error) {
	out := map[asset.Ref]time.Time{}
	for from := ""; ; {
		page, next, err := a.db.Scans(ctx, auth.Everything(), store.ScanFilter{}, from, 500)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if s.QueuedAt.Before(after) {
				return out, nil // the newest come first
			}
			if _, ok := out[s.Instance]; !ok {
				out[s.Instance] = s.QueuedAt
			}
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}

// assignCoverage says of every instance how it is scanned, or why not, and closes what is open on those that are no longer looked at.
func (a *App) assignCoverage(ctx context.Context, world *snapshot.Snapshot) error {
	list, err := a.decideScans(ctx, world)
	if err != nil {
		return err
	}
	var rows []coverage.Coverage
	for _, d := range list {
		if d.Row.Reason != "" {
			rows = append(rows, d.Row)
		}
		if d.Close == "" {
			continue
		}
		if _, err := a.db.CloseFindings(ctx, d.ref, closedTypes(d.Row.Reason), d.Close); err != nil {
			return err
		}
	}
	return keeper{a.db}.KeepCoverage(ctx, rows)
}

// closedTypes returns what of an instance is closed with it: an excluded one's rules go on, as AWS Config knows nothing of Inspector's tag.
func closedTypes(r coverage.Reason) []finding.Type {
	out := []finding.Type{finding.PackageVulnerability, finding.EndOfLife, finding.ExposedSecret, finding.NetworkReachability}
	if r == coverage.ResourceTerminated {
		out = append(out, finding.Configuration)
	}
	return out
}

// queueScans queues an agentless scan of every instance that is due: those the internet reaches first, then those never read, then the
// longest unread.
func (a *App) queueScans(ctx context.Context) error {
	world, err := a.world(ctx)
	if err != nil {
		return err
	}
	list, err := a.decideScans(ctx, world)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(d decision) bool { return !d.Scan })
	if len(list) == 0 {
		return nil
	}
	exposed, err := a.exposed(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y decision) int {
		return cmp.Or(cmp.Compare(scanPriority(exposed[x.ref], x.at), scanPriority(exposed[y.ref], y.at)), x.at.Compare(y.at))
	})
	for _, d := range list {
		if _, err := a.scanInstance(ctx, auth.System(), d.ref, scanPriority(exposed[d.ref], d.at)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.log.WarnContext(ctx, "scan not queued", slog.String("instance", d.ref.ID), slog.Any("err", err))
		}
	}
	return nil
}

// scanPriority orders scans in the queue, 1 first: what the internet reaches, what was never read, the rest.
func scanPriority(exposed bool, read time.Time) int {
	switch {
	case exposed:
		return 1
	case read.IsZero():
		return 2
	default:
		return 3
	}
}

// exposed returns the instances that have an open way in from the internet.
func (a *App) exposed(ctx context.Context) (map[asset.Ref]bool, error) {
	out := map[asset.Ref]bool{}
	f := store.FindingFilter{Types: []finding.Type{finding.NetworkReachability}, Statuses: []finding.Status{finding.Active, finding.Suppressed}}
	for from := ""; ; {
		page, next, err := a.db.Findings(ctx, auth.Everything(), f, from, 1000)
		if err != nil {
			return nil, fmt.Errorf("instances with a way in: %w", err)
		}
		for _, v := range page {
			out[v.Resource] = true
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}
