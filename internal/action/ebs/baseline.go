package ebs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/run"
)

// Keep makes snapshots of a scan their volumes' baselines and deletes the baselines from before, which are the Kept ones among known. The
// new one is stored as Kept first: after a crash a volume has two, and a sweep deletes the older. It returns the resources as they are now.
// An error says which older baseline could not be deleted; the new ones stay.
func (m *Maker) Keep(ctx context.Context, at Place, made []Captured, known []run.Resource) ([]run.Resource, error) {
	var out []run.Resource
	var faults []error
	for _, c := range made {
		r := c.Resource
		if r.ID == "" || r.State == run.Deleted {
			continue
		}
		r.State, r.Detail = run.Kept, ""
		if err := m.keep.KeepResource(ctx, r); err != nil {
			return out, errors.Join(append(faults, fmt.Errorf("keep snapshot %s as the baseline of %s: %w", r.ID, r.Of, err))...)
		}
		out = append(out, r)
		older := slices.DeleteFunc(slices.Clone(known), func(k run.Resource) bool {
			return k.State != run.Kept || k.Of != r.Of || k.ID == r.ID || k.Account != r.Account || k.Region != r.Region
		})
		gone, err := m.RemoveBaselines(ctx, at, older)
		out, faults = append(out, gone...), append(faults, err)
	}
	return out, errors.Join(faults...)
}

// RemoveBaselines deletes the Kept ones among resources: when a connector stops keeping baselines or is disabled. It returns what it deleted; what
// it could not delete stays kept as Stuck, and a sweep tries again.
func (m *Maker) RemoveBaselines(ctx context.Context, at Place, resources []run.Resource) (deleted []run.Resource, err error) {
	var faults []error
	for _, r := range resources {
		if r.State != run.Kept || r.Account != at.Account || r.Region != at.Region {
			continue
		}
		gone, err := m.endOne(ctx, at, r, nil)
		deleted = append(deleted, gone...)
		faults = append(faults, err)
	}
	return deleted, errors.Join(faults...)
}

// liveBaselines are the resources that a sweep leaves alone: of each volume the newest Kept one that is not too old.
func (m *Maker) liveBaselines(rows []run.Resource) []run.Resource {
	newest := map[string]run.Resource{}
	for _, r := range rows {
		if r.State != run.Kept || r.ID == "" || m.clock.Now().Sub(r.CreatedAt) >= m.opts.BaselineLife {
			continue
		}
		best, ok := newest[r.Of]
		if !ok || r.CreatedAt.After(best.CreatedAt) || r.CreatedAt.Equal(best.CreatedAt) && r.ID > best.ID {
			newest[r.Of] = r
		}
	}
	var out []run.Resource
	for _, r := range rows { // in their order
		if newest[r.Of] == r {
			out = append(out, r)
		}
	}
	return out
}

// settleLive keeps that a baseline is gone which somebody else deleted.
func (m *Maker) settleLive(ctx context.Context, at Place, live []run.Resource, found []types.Snapshot) error {
	var faults []error
	for _, r := range live {
		if slices.ContainsFunc(found, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == r.ID }) {
			continue
		}
		if m.clock.Now().Sub(r.CreatedAt) <= settle {
			continue // it may not be seen yet
		}
		there, err := m.mayDelete(ctx, at, r.ID)
		switch {
		case errors.Is(err, errNotOurs):
			r.State, r.Detail = run.Stuck, err.Error()
			faults = append(faults, m.keep.KeepResource(ctx, r), fmt.Errorf("baseline %s: %w", r.ID, err))
		case err != nil:
			faults = append(faults, fmt.Errorf("look for baseline %s: %w", r.ID, err))
		case !there:
			r.State, r.Detail, r.DeletedAt = run.Deleted, "was gone already", m.clock.Now()
			faults = append(faults, m.keep.KeepResource(ctx, r))
		}
	}
	return errors.Join(faults...)
}

// removeDoubles takes the Kept ones among rows out of what was found, and deletes what a request made twice, because its answer was lost: another
// snapshot of the same scan and volume. That one has no row of its own, so nothing is kept of it; one that cannot be deleted is found again.
func (m *Maker) removeDoubles(ctx context.Context, at Place, found []types.Snapshot, rows []run.Resource) (rest []types.Snapshot, deleted []run.Resource, err error) {
	var faults []error
	for _, s := range found {
		if !slices.ContainsFunc(rows, func(r run.Resource) bool { return r.State == run.Kept && m.isOf(s, r) }) {
			rest = append(rest, s)
			continue
		}
		if named(s, rows) {
			continue
		}
		r := m.resource(at, s)
		if err := m.remove(ctx, at, r.ID); err != nil {
			faults = append(faults, fmt.Errorf("delete snapshot %s in %s/%s: %w", r.ID, at.Account, at.Region, err))
			continue
		}
		r.State, r.DeletedAt = run.Deleted, m.clock.Now()
		deleted = append(deleted, r)
	}
	return rest, deleted, errors.Join(faults...)
}
