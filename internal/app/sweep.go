package app

import (
	"context"
	"errors"
	"fmt"

	snapshots "hinomi/internal/action/ebs"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/run"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/store"
)

// Swept is the outcome of a sweep.
type Swept struct {
	Deleted []run.Resource `json:"deleted"`
	Open    []run.Resource `json:"open"` // what may still be in an account
	Faults  []string       `json:"faults,omitempty"`
}

// Sweep looks in every account that a connector may write to for snapshots of this installation that no running scan needs, and deletes them.
// Snapshots of other installations are never touched.
func (a *App) Sweep(ctx context.Context, by auth.Principal) (Swept, error) {
	if err := allow(by, auth.RunScan, ""); err != nil {
		return Swept{}, err
	}
	open, err := a.db.ListOpenResources(ctx)
	if err != nil {
		return Swept{}, err
	}
	running, err := a.runningScans(ctx)
	if err != nil {
		return Swept{}, err
	}
	var out Swept
	err = a.eachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		mine := resourcesOf(open, c.ID)
		if !c.May(connector.SnapshotVolumes) && len(mine) == 0 {
			return nil
		}
		deleted, err := a.sweepConnector(ctx, c, mine, running)
		out.Deleted = append(out.Deleted, deleted...)
		if err != nil {
			out.Faults = append(out.Faults, fmt.Sprintf("connector %s: %v", c.Name, err))
		}
		return ctx.Err()
	})
	if err != nil {
		return out, err
	}
	out.Open, err = a.db.ListOpenResources(ctx)
	return out, err
}

func resourcesOf(list []run.Resource, connectorID string) []run.Resource {
	var out []run.Resource
	for _, r := range list {
		if r.Connector == connectorID {
			out = append(out, r)
		}
	}
	return out
}

// sweepConnector sweeps every region that a connector reads, and those where something is known to be open.
func (a *App) sweepConnector(ctx context.Context, c *connector.Connector, open []run.Resource, running func(string) bool) ([]run.Resource, error) {
	session, err := a.session(ctx, c)
	if err != nil {
		return nil, err
	}
	regions := map[string]bool{}
	for _, r := range c.Regions {
		regions[r] = true
	}
	if len(regions) == 0 {
		enabled, _, err := live.Regions(ctx, session)
		if err != nil {
			return nil, errors.New(session.Classify(err).String())
		}
		for _, r := range enabled {
			regions[r] = true
		}
	}
	for _, r := range open {
		regions[r.Region] = true
	}
	installation, err := a.db.InstallationID(ctx)
	if err != nil {
		return nil, err
	}
	var all []run.Resource
	var faults []error
	for region := range regions {
		m, err := snapshots.New(session.EC2(region), keeper{a.db}, snapshots.Clock{Now: a.now, Sleep: a.cfg.Sleep}, installation)
		if err != nil {
			return all, err
		}
		at := snapshots.Place{Account: c.Account, Region: region, Connector: c.ID}
		deleted, err := m.Sweep(ctx, at, inRegion(open, region), running)
		all = append(all, deleted...)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %s", region, session.Classify(err)))
		}
	}
	return all, errors.Join(faults...)
}

func inRegion(list []run.Resource, region string) []run.Resource {
	var out []run.Resource
	for _, r := range list {
		if r.Region == region && r.Kind == asset.KindSnapshot {
			out = append(out, r)
		}
	}
	return out
}

// runningScans returns which scans still need their snapshots.
func (a *App) runningScans(ctx context.Context) (func(string) bool, error) {
	alive := map[string]bool{}
	f := store.ScanFilter{States: []run.State{run.Queued, run.Running}}
	for from := ""; ; {
		page, next, err := a.db.Scans(ctx, auth.Everything(), f, from, 500)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			alive[s.ID] = true
		}
		if next == "" {
			return func(id string) bool { return alive[id] }, nil
		}
		from = next
	}
}
