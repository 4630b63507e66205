package app

import (
	"context"
	"maps"
	"time"

	"hinomi/internal/app/agent"
	"hinomi/internal/app/core"
	"hinomi/internal/app/scanning"
	"hinomi/internal/job"
)

// handlers gathers what a worker does.
func (a *App) handlers() map[string]job.Handler {
	all := map[string]job.Handler{}
	for _, part := range []interface{ Handlers() map[string]job.Handler }{
		a.Accounts, a.Assets, a.Agentless, a.Agents, a.Changes, a.Advisories, a.Upkeep,
	} {
		maps.Copy(all, part.Handlers())
	}
	return all
}

// schedules lists the work that comes again by itself: one line each.
func schedules() []job.Schedule {
	return []job.Schedule{
		{Name: core.JobDue, Every: time.Minute, Spec: job.Spec{Kind: core.JobDue, MaxAttempts: 1}},
		{Name: core.JobScans, Every: time.Hour, Spec: job.Spec{Kind: core.JobScans, MaxAttempts: 1}},
		{Name: core.JobSweep, Every: time.Hour, Spec: job.Spec{Kind: core.JobSweep, MaxAttempts: 1}},
		{Name: core.JobFeeds, Every: 2 * time.Hour, Spec: job.Spec{Kind: core.JobFeeds, MaxAttempts: 3}},
		{Name: core.JobTags, Every: 10 * time.Minute, Spec: job.Spec{Kind: core.JobTags, MaxAttempts: 1}}, // syncs do it, too; this is for what scans find
		{Name: core.JobAgents, Every: agent.ReadEvery, Spec: job.Spec{Kind: core.JobAgents, MaxAttempts: 1}},
		{Name: core.JobManage, Every: time.Hour, Spec: job.Spec{Kind: core.JobManage, MaxAttempts: 1}},
		{Name: core.JobChanges, Every: time.Minute, Spec: job.Spec{Kind: core.JobChanges, MaxAttempts: 1}},
		{Name: core.JobTidy, Every: 24 * time.Hour, Spec: job.Spec{Kind: core.JobTidy, MaxAttempts: 1}},
	}
}

// WorkOptions say how much a worker does at once.
type WorkOptions struct {
	Concurrency int           // jobs at once; 4 if 0
	Poll        time.Duration // how often it looks for work; 1 s if 0
	Beat        time.Duration // how often it says that it lives; 5 s if 0
	DeadAfter   time.Duration // silence after which a worker's jobs are taken over; 30 s if 0
	Grace       time.Duration // how long jobs may go on after the context's end before they are stopped; 70 s if 0
}

// Work does jobs until the context ends, then finishes or gives back what it has begun, and returns.
func (a *App) Work(ctx context.Context, o WorkOptions) error {
	w, err := a.core.DB.Jobs().Work(ctx, job.WorkOptions{
		Handlers: a.handlers(), Schedules: schedules(), Concurrency: o.Concurrency, Poll: o.Poll, Beat: o.Beat, DeadAfter: o.DeadAfter,
	})
	if err != nil {
		return err
	}
	ended := a.Receive(ctx)
	<-ctx.Done()
	ended()
	if o.Grace == 0 {
		o.Grace = scanning.ReleaseTime + 10*time.Second
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer done()
	return w.Stop(stop)
}
