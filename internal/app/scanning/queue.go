package scanning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/app/eligibility"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/finding"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// scanArgs are the arguments of a scan job.
type scanArgs struct {
	ScanID string `json:"scanId"`
}

// ErrReadOnly is returned where a connector does not allow the snapshots that an agentless scan needs.
var ErrReadOnly = errors.New("its connector is read-only")

// ScanInstance queues an agentless scan of an instance before those that are queued by themselves; one that waits or runs already is returned
// instead of a second.
func (a *Agentless) ScanInstance(ctx context.Context, by auth.Principal, ref asset.Ref) (run.Scan, error) {
	return a.scanInstance(ctx, by, ref, 1)
}

func (a *Agentless) scanInstance(ctx context.Context, by auth.Principal, ref asset.Ref, priority int) (run.Scan, error) {
	s, err := a.newScan(ctx, by, ref)
	if err != nil {
		return s, err
	}
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if other, err := a.openScan(ctx, ref); err != nil || other.ID != "" {
			s = other // it waits or runs already
			return err
		}
		if s, err = a.DB.CreateScan(ctx, s); err != nil {
			return err
		}
		if _, err := a.DB.Enqueue(ctx, job.Spec{Kind: core.JobScan, Key: s.ID, Args: scanArgs{s.ID}, Priority: priority}); err != nil {
			return err
		}
		return a.Audit(ctx, by, "scan.start", "scan "+s.ID, ref.Account, ref.ID)
	})
	return s, err
}

// openScan returns the scan of an instance that waits, is put off, or runs; one without an ID if there is none.
func (a *Agentless) openScan(ctx context.Context, ref asset.Ref) (run.Scan, error) {
	f := store.ScanFilter{States: []run.State{run.Queued, run.Deferred, run.Running}, Instances: []string{ref.ID}}
	list, _, err := a.DB.Scans(ctx, auth.Everything(), f, "", 1)
	if err != nil || len(list) == 0 {
		return run.Scan{}, err
	}
	return list[0], nil
}

// newScan checks that an instance can be scanned and returns the scan to be stored.
func (a *Agentless) newScan(ctx context.Context, by auth.Principal, ref asset.Ref) (run.Scan, error) {
	if err := core.Allow(by, auth.RunScan, ref.Account); err != nil {
		return run.Scan{}, err
	}
	v, err := a.DB.Asset(ctx, by.Scope, ref)
	if err != nil {
		return run.Scan{}, err
	}
	i, ok := v.Asset.(*asset.Instance)
	if !ok {
		return run.Scan{}, fmt.Errorf("%s is a %s, not an instance", ref.ID, ref.Kind)
	}
	if !v.GoneAt.IsZero() || i.State == "terminated" || i.State == "shutting-down" {
		return run.Scan{}, fmt.Errorf("instance %s is gone or terminated", ref.ID)
	}
	c, err := a.connectorOf(ctx, ref.Account)
	if err != nil {
		return run.Scan{}, err
	}
	if !c.May(connector.SnapshotVolumes) {
		return run.Scan{}, fmt.Errorf("scan of %s: %w: hinomi connector edit %s --allow snapshot-volumes", ref.ID, ErrReadOnly, c.Name)
	}
	return run.Scan{Connector: c.ID, Instance: ref, State: run.Queued}, nil
}

// connectorOf returns the connector that reads an account: an enabled one that may make snapshots, if there is one.
func (a *Agentless) connectorOf(ctx context.Context, account string) (connector.Connector, error) {
	var best *connector.Connector
	err := a.EachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		if c.Account != account {
			return nil
		}
		if best == nil || !best.May(connector.SnapshotVolumes) && c.May(connector.SnapshotVolumes) || !best.Enabled && c.Enabled {
			kept := *c
			best = &kept
		}
		return nil
	})
	if err == nil && best == nil {
		err = fmt.Errorf("no connector reads account %s: %w", account, store.ErrNotFound)
	}
	if err != nil {
		return connector.Connector{}, err
	}
	return *best, nil
}

func (a *Agentless) doScans(ctx context.Context, _ *job.Job) error { return a.queueScans(ctx) }

// queueScans queues an agentless scan of every instance that is due: those the internet reaches first, then those never read, then the
// longest unread.
func (a *Agentless) queueScans(ctx context.Context) error {
	world, err := a.World(ctx)
	if err != nil {
		return err
	}
	list, err := a.eligibility.Decide(ctx, world)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(d eligibility.Decision) bool { return !d.Scan })
	if len(list) == 0 {
		return nil
	}
	exposed, err := a.exposed(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y eligibility.Decision) int {
		return cmp.Or(cmp.Compare(scanPriority(exposed[x.Ref], x.At), scanPriority(exposed[y.Ref], y.At)), x.At.Compare(y.At))
	})
	for _, d := range list {
		if _, err := a.scanInstance(ctx, auth.System(), d.Ref, scanPriority(exposed[d.Ref], d.At)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.Log.WarnContext(ctx, "scan not queued", slog.String("instance", d.Ref.ID), slog.Any("err", err))
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
func (a *Agentless) exposed(ctx context.Context) (map[asset.Ref]bool, error) {
	out := map[asset.Ref]bool{}
	f := store.FindingFilter{Types: []finding.Type{finding.NetworkReachability}, Statuses: []finding.Status{finding.Active, finding.Suppressed}}
	for from := ""; ; {
		page, next, err := a.DB.Findings(ctx, auth.Everything(), f, from, 1000)
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
