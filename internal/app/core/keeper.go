package core

import (
	"context"
	"errors"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// Keeper makes the store the Keeper of the pipeline and of those who make things in an account.
type Keeper struct{ db *store.DB }

// Keeper returns the store as a Keeper.
func (c *Core) Keeper() Keeper { return Keeper{c.DB} }

// ApplySnapshot implements pipeline.Keeper.
func (k Keeper) ApplySnapshot(ctx context.Context, connectorID, syncID string, snap *snapshot.Snapshot) (connector.Counts, error) {
	return k.db.ApplySnapshot(ctx, connectorID, syncID, snap)
}

// KeepVerdicts implements pipeline.Keeper: one assessment for each asset that was judged or on which something was found.
func (k Keeper) KeepVerdicts(ctx context.Context, v pipeline.Verdicts) (pipeline.Changes, error) {
	byAsset := map[asset.Ref]*store.Assessment{}
	order := slices.Clone(v.Judged)
	for _, ref := range v.Judged {
		byAsset[ref] = &store.Assessment{Ref: ref, Types: v.Types, ReadAt: v.EvidenceAt}
	}
	for _, f := range v.Found {
		a, ok := byAsset[f.Resource]
		if !ok {
			a = &store.Assessment{Ref: f.Resource, Types: v.Types, ReadAt: v.EvidenceAt, Gap: true}
			byAsset[f.Resource] = a
			order = append(order, f.Resource)
		}
		a.Findings = append(a.Findings, f)
	}
	list := make([]store.Assessment, 0, len(order))
	for _, ref := range order {
		list = append(list, *byAsset[ref])
	}
	out, err := k.db.PutAssessments(ctx, list)
	return pipeline.Changes{Opened: out.Opened, Changed: out.Changed, Reopened: out.Reopened, Closed: out.Closed}, err
}

// KeepInventory implements pipeline.Keeper.
func (k Keeper) KeepInventory(ctx context.Context, inv *inventory.Inventory) (string, error) {
	hash, _, err := k.db.PutInventory(ctx, inv)
	return hash, err
}

// LinkInventory implements pipeline.Keeper.
func (k Keeper) LinkInventory(ctx context.Context, ref asset.Ref, hash string, inv *inventory.Inventory) (int, error) {
	linked, err := k.db.LinkInventory(ctx, store.InventoryLink{Ref: ref, Hash: hash, Method: inv.Method, Source: inv.Source, Notes: inv.Notes, ReadAt: inv.ReadAt})
	return linked.Closed, err
}

// KeepCoverage implements pipeline.Keeper.
func (k Keeper) KeepCoverage(ctx context.Context, list []coverage.Coverage) error {
	_, err := k.db.PutCoverage(ctx, list)
	return err
}

// KeepResource implements ebs.Keeper: the present state of a snapshot of ours, stored before it returns.
func (k Keeper) KeepResource(ctx context.Context, r run.Resource) error {
	switch r.State {
	case run.Intended:
		_, err := k.db.InsertIntent(ctx, r)
		return err
	case run.Deleted:
		err := k.db.MarkDeleted(ctx, r)
		if errors.Is(err, store.ErrNotFound) {
			return nil // found by its tag alone, or marked already: it is gone either way
		}
		return err
	default:
		mark := k.db.MarkCreated
		switch r.State {
		case run.Stuck:
			mark = k.db.MarkStuck
		case run.Kept:
			mark = k.db.MarkKept
		default:
		}
		err := mark(ctx, r)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if _, err := k.db.InsertIntent(ctx, r); err != nil { // found by its tag: the intent was lost with an older database
			return err
		}
		if err := k.db.MarkCreated(ctx, r); err != nil {
			return err
		}
		return mark(ctx, r)
	}
}
