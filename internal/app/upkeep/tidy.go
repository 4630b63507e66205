package upkeep

import (
	"context"
	"log/slog"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/job"
)

// CancelJob cancels a job that waits or runs.
func (up *Upkeep) CancelJob(ctx context.Context, by auth.Principal, id string) error {
	if err := core.Allow(by, auth.CancelJobs, ""); err != nil {
		return err
	}
	if err := up.DB.Jobs().Cancel(ctx, id); err != nil {
		return err
	}
	return up.Audit(ctx, by, "job.cancel", "job "+id, "", "")
}

// keepClosed is how long closed findings and ended jobs are kept: 30 days, as Amazon Inspector keeps closed findings (user guide, "Managing findings").
const keepClosed = 30 * 24 * time.Hour

// doTidy forgets what is past its time.
func (up *Upkeep) doTidy(ctx context.Context, _ *job.Job) error {
	before := up.Now().Add(-keepClosed)
	findings, err := up.DB.ForgetFindings(ctx, before)
	if err != nil {
		return err
	}
	jobs, err := up.DB.Jobs().Forget(ctx, before)
	if err == nil && findings+jobs > 0 {
		up.Log.InfoContext(ctx, "old records removed", slog.Int64("findings", findings), slog.Int64("jobs", jobs))
	}
	return err
}
