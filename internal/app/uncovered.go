package app

import (
	"context"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// assignCoverage says of every instance whose packages were not scanned why not. Rows of instances that were scanned stay as the scan left them.
func (a *App) assignCoverage(ctx context.Context, world *snapshot.Snapshot) error {
	have := map[asset.Ref]coverage.Coverage{}
	for from := ""; ; {
		page, next, err := a.db.Coverage(ctx, auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, from, 1000)
		if err != nil {
			return err
		}
		for _, c := range page {
			have[c.Resource] = c
		}
		if next == "" {
			break
		}
		from = next
	}
	activated, err := a.selected(ctx, connector.Vulnerability)
	if err != nil {
		return err
	}
	reader := map[string]*connector.Connector{}
	err = a.eachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		if old := reader[c.Account]; old == nil || !old.May(connector.SnapshotVolumes) {
			kept := *c
			reader[c.Account] = &kept
		}
		return nil
	})
	if err != nil {
		return err
	}
	var list []coverage.Coverage
	for i := range snapshot.All[asset.Instance](world) {
		ref := asset.RefOf(i)
		c := unscanned(i, have[ref], activated.Why(ref), reader[i.Account])
		if c.Reason != "" {
			list = append(list, c)
		}
	}
	return keeper{a.db}.KeepCoverage(ctx, list)
}

// unscanned returns the coverage of an instance that no scan has described, or whose state now says more than its last scan. An empty
// reason leaves the row as it is. left says why the module does not look at it, "" if it does.
func unscanned(i *asset.Instance, have coverage.Coverage, left string, c *connector.Connector) coverage.Coverage {
	out := coverage.Coverage{
		Resource: asset.RefOf(i), Name: i.Name(), Scan: coverage.PackageScan, Status: coverage.Inactive,
		LastScanned: have.LastScanned, InventoryHash: have.InventoryHash, Mode: have.Mode,
	}
	switch {
	case i.State == "terminated" || i.State == "shutting-down":
		out.Reason = coverage.ResourceTerminated
	case left != "":
		out.Reason, out.Detail = coverage.NotActivated, left
	case !have.LastScanned.IsZero() || have.Reason != "" && !provisional(have.Reason):
		return coverage.Coverage{}
	case len(i.Volumes) == 0:
		out.Reason, out.Detail = coverage.NoInventory, "it has no EBS volume that could be read without an agent"
	case c == nil:
		out.Reason, out.Detail = coverage.NoInventory, "no connector reads account "+i.Account+", so its disk cannot be read"
	case !c.May(connector.SnapshotVolumes):
		out.Reason, out.Detail = coverage.NoInventory, "its connector is read-only: hinomi connector edit "+c.Name+" --allow snapshot-volumes lets its disk be read"
	default:
		out.Status, out.Reason = coverage.Active, coverage.PendingInitialScan
	}
	return out
}

// provisional reports whether a reason was given by unscanned itself and may be replaced.
func provisional(r coverage.Reason) bool {
	switch r {
	case coverage.ResourceTerminated, coverage.NotActivated, coverage.NoInventory, coverage.PendingInitialScan:
		return true
	default:
		return false
	}
}
