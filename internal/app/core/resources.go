package core

import (
	"context"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// ForAgents reports whether a resource of ours is one that scanning with agents needs.
func ForAgents(r run.Resource) bool {
	return slices.Contains([]asset.Kind{run.KindAssociation, run.KindDocument, run.KindDataSync, run.KindBucket}, r.Kind)
}

// OpenResources returns what of ours may still lie in the account of a connector.
func (c *Core) OpenResources(ctx context.Context, connectorID string) ([]run.Resource, error) {
	all, err := c.DB.ListOpenResources(ctx)
	if err != nil {
		return nil, err
	}
	return ResourcesOf(all, connectorID), nil
}

// ResourcesOf returns those of a list that a connector made.
func ResourcesOf(list []run.Resource, connectorID string) []run.Resource {
	var out []run.Resource
	for _, r := range list {
		if r.Connector == connectorID {
			out = append(out, r)
		}
	}
	return out
}

// EachOpenScan calls do for every scan that waits, is put off, or runs.
func (c *Core) EachOpenScan(ctx context.Context, do func(run.Scan)) error {
	f := store.ScanFilter{States: []run.State{run.Queued, run.Deferred, run.Running}}
	for from := ""; ; {
		page, next, err := c.DB.Scans(ctx, auth.Everything(), f, from, 500)
		if err != nil {
			return err
		}
		for _, s := range page {
			do(s)
		}
		if next == "" {
			return nil
		}
		from = next
	}
}
