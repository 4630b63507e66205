package matching

import (
	"context"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/pipeline"
)

// RejudgeInventories judges every current inventory with the advisories in use that was last judged before a time, without touching any host.
func (a *Advisories) RejudgeInventories(ctx context.Context, before time.Time) (int, error) {
	hashes, err := a.DB.CurrentInventories(ctx, before)
	if err != nil {
		return 0, err
	}
	for i, hash := range hashes {
		a.Progress(pipeline.Step{Stage: "match", Done: i, Total: len(hashes)})
		if err := a.rejudge(ctx, hash); err != nil {
			return i, err
		}
	}
	a.Progress(pipeline.Step{Stage: "match", Done: len(hashes), Total: len(hashes)})
	if len(hashes) == 0 {
		return 0, nil
	}
	return len(hashes), a.retag(ctx)
}

func (a *Advisories) rejudge(ctx context.Context, hash string) error {
	inv, err := a.DB.Inventory(ctx, hash)
	if err != nil {
		return err
	}
	m, err := a.Match(inv)
	if err != nil {
		return err
	}
	if err := a.Keeper().KeepMatched(ctx, hash, m, a.Now()); err != nil {
		return err
	}
	members, err := a.DB.InventoryMembers(ctx, auth.Everything(), hash)
	if err != nil {
		return err
	}
	var list []coverage.Coverage
	for _, l := range members {
		c := pipeline.InspectedCoverage(l.Ref, inv, hash, m, a.Now())
		if v, err := a.DB.Asset(ctx, auth.Everything(), l.Ref); err == nil {
			c.Name = v.Base().Name()
		}
		list = append(list, c)
	}
	return a.Keeper().KeepCoverage(ctx, list)
}
