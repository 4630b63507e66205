package eligibility

import (
	"context"
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

// Decision is what follows for one instance.
type Decision struct {
	eligible.Decision
	Ref asset.Ref
	At  time.Time // when it was read last; zero: never
}

// Decide decides of every instance how its packages are scanned.
func (el *Eligibility) Decide(ctx context.Context, world *snapshot.Snapshot) ([]Decision, error) {
	f, err := el.Facts(ctx)
	if err != nil {
		return nil, err
	}
	var out []Decision
	for i := range snapshot.All[asset.Instance](world) {
		facts := f.of(world, i)
		d := Decision{Decision: eligible.Decide(facts), Ref: asset.RefOf(i)}
		if facts.Evidence != nil {
			d.At = facts.Evidence.ReadAt
		}
		out = append(out, d)
	}
	return out, nil
}

// Facts are what is known beside the world when it is decided.
type Facts struct {
	Settings coverage.Settings
	Selected pipeline.Selection              // what the module of vulnerabilities looks at
	Readers  map[string]*connector.Connector // by account: the one that may scan
	Owners   map[string]string               // organisation's account of a member's
	rows     map[asset.Ref]coverage.Coverage
	links    map[asset.Ref]store.InventoryLink
	open     map[asset.Ref]bool
	tried    map[asset.Ref]time.Time
	places   map[string]store.AgentPlace // by account/region
	now      time.Time
}

// Facts gathers what is known beside the world.
func (el *Eligibility) Facts(ctx context.Context) (f Facts, err error) {
	f = Facts{Readers: map[string]*connector.Connector{}, Owners: map[string]string{}, rows: map[asset.Ref]coverage.Coverage{}, open: map[asset.Ref]bool{}, now: el.Now()}
	if f.Settings, err = el.ScanSettings(ctx); err != nil {
		return f, err
	}
	if f.Selected, err = el.Selected(ctx, connector.Vulnerability); err != nil {
		return f, err
	}
	if f.links, err = el.DB.CurrentLinks(ctx); err != nil {
		return f, err
	}
	if f.Readers, f.Owners, err = el.scanReaders(ctx); err != nil {
		return f, err
	}
	if err := el.EachOpenScan(ctx, func(s run.Scan) { f.open[s.Instance] = true }); err != nil {
		return f, err
	}
	if f.tried, err = el.triedSince(ctx, f.now.Add(-eligible.Rescan)); err != nil {
		return f, err
	}
	places, err := el.DB.AgentPlaces(ctx)
	if err != nil {
		return f, err
	}
	f.places = make(map[string]store.AgentPlace, len(places))
	for _, p := range places {
		f.places[p.Account+"/"+p.Region] = p
	}
	for from := ""; ; {
		page, next, err := el.DB.Coverage(ctx, auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, from, 1000)
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
func (el *Eligibility) scanReaders(ctx context.Context) (readers map[string]*connector.Connector, owners map[string]string, err error) {
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
	err = el.EachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
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
func (f *Facts) of(world *snapshot.Snapshot, i *asset.Instance) eligible.Facts {
	ref := asset.RefOf(i)
	c := f.Readers[i.Account]
	out := eligible.Facts{
		Instance: i, Left: f.Selected.Left(ref), Excluded: f.Settings.Excluding(i.Tags), Last: f.rows[ref], Open: f.open[ref], TriedAt: f.tried[ref], Now: f.now,
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
func (f *Facts) mode(account, region string) (coverage.Mode, string) {
	owner := f.Owners[account]
	if m, where, ok := f.Settings.ModeFor(owner, account, region); ok {
		switch {
		case where == "":
			return m, "set for all accounts"
		case owner != "":
			return m, "set by the organisation's account " + owner
		}
		return m, "set for " + where
	}
	if c := f.Readers[account]; c != nil && c.May(connector.SnapshotVolumes) {
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
func (el *Eligibility) triedSince(ctx context.Context, after time.Time) (map[asset.Ref]time.Time, error) {
	out := map[asset.Ref]time.Time{}
	for from := ""; ; {
		page, next, err := el.DB.Scans(ctx, auth.Everything(), store.ScanFilter{}, from, 500)
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

// AssignCoverage says of every instance how it is scanned, or why not, and closes what is open on those that are no longer looked at.
func (el *Eligibility) AssignCoverage(ctx context.Context, world *snapshot.Snapshot) error {
	list, err := el.Decide(ctx, world)
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
		if _, err := el.DB.CloseFindings(ctx, d.Ref, closedTypes(d.Row.Reason), d.Close); err != nil {
			return err
		}
	}
	return el.Keeper().KeepCoverage(ctx, rows)
}

// closedTypes returns what of an instance is closed with it: an excluded one's rules go on, as AWS Config knows nothing of Inspector's tag.
func closedTypes(r coverage.Reason) []finding.Type {
	out := []finding.Type{finding.PackageVulnerability, finding.EndOfLife, finding.ExposedSecret, finding.NetworkReachability}
	if r == coverage.ResourceTerminated {
		out = append(out, finding.Configuration)
	}
	return out
}
