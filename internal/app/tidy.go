package app

import (
	"context"
	"log/slog"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
)

// keepClosed is how long closed findings and ended jobs are kept: 30 days, as Amazon Inspector keeps closed findings (user guide, "Managing findings").
const keepClosed = 30 * 24 * time.Hour

// doTidy forgets what is past its time.
func (a *App) doTidy(ctx context.Context, _ *job.Job) error {
	before := a.now().Add(-keepClosed)
	findings, err := a.db.ForgetFindings(ctx, before)
	if err != nil {
		return err
	}
	jobs, err := a.db.Jobs().Forget(ctx, before)
	if err == nil && findings+jobs > 0 {
		a.log.InfoContext(ctx, "old records removed", slog.Int64("findings", findings), slog.Int64("jobs", jobs))
	}
	return err
}

// RejudgeInventories judges every current inventory with the advisories in use that was last judged before a time, without touching any host.
func (a *App) RejudgeInventories(ctx context.Context, before time.Time) (int, error) {
	hashes, err := a.db.CurrentInventories(ctx, before)
	if err != nil {
		return 0, err
	}
	for i, hash := range hashes {
		a.cfg.Progress(pipeline.Step{Stage: "match", Done: i, Total: len(hashes)})
		if err := a.rejudge(ctx, hash); err != nil {
			return i, err
		}
	}
	a.cfg.Progress(pipeline.Step{Stage: "match", Done: len(hashes), Total: len(hashes)})
	if len(hashes) == 0 {
		return 0, nil
	}
	return len(hashes), a.retag(ctx)
}

func (a *App) rejudge(ctx context.Context, hash string) error {
	inv, err := a.db.Inventory(ctx, hash)
	if err != nil {
		return err
	}
	m, err := a.match(ctx, inv)
	if err != nil {
		return err
	}
	if err := (keeper{a.db}).KeepMatched(ctx, hash, m, a.now()); err != nil {
		return err
	}
	members, err := a.db.InventoryMembers(ctx, auth.Everything(), hash)
	if err != nil {
		return err
	}
	var list []coverage.Coverage
	for _, l := range members {
		c := pipeline.InspectedCoverage(l.Ref, inv, hash, m, a.now())
		if v, err := a.db.Asset(ctx, auth.Everything(), l.Ref); err == nil {
			c.Name = v.Base().Name()
		}
		list = append(list, c)
	}
	return keeper{a.db}.KeepCoverage(ctx, list)
}

func (a *App) doScans(ctx context.Context, _ *job.Job) error { return a.queueScans(ctx) }
