package app

import (
	"context"
	"time"

	"hinomi/internal/job"
)

// schedules lists the work that comes again by itself: one line each.
func schedules() []job.Schedule {
	return []job.Schedule{
		{Name: jobDue, Every: time.Minute, Spec: job.Spec{Kind: jobDue, MaxAttempts: 1}},
		{Name: jobScans, Every: time.Hour, Spec: job.Spec{Kind: jobScans, MaxAttempts: 1}},
		{Name: jobSweep, Every: time.Hour, Spec: job.Spec{Kind: jobSweep, MaxAttempts: 1}},
		{Name: jobFeeds, Every: 2 * time.Hour, Spec: job.Spec{Kind: jobFeeds, MaxAttempts: 3}},
		{Name: jobTags, Every: 10 * time.Minute, Spec: job.Spec{Kind: jobTags, MaxAttempts: 1}}, // syncs do it, too; this is for what scans find
		{Name: jobAgents, Every: agentsEvery, Spec: job.Spec{Kind: jobAgents, MaxAttempts: 1}},
		{Name: jobManage, Every: time.Hour, Spec: job.Spec{Kind: jobManage, MaxAttempts: 1}},
		{Name: jobChanges, Every: time.Minute, Spec: job.Spec{Kind: jobChanges, MaxAttempts: 1}},
		{Name: jobTidy, Every: 24 * time.Hour, Spec: job.Spec{Kind: jobTidy, MaxAttempts: 1}},
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
	w, err := a.db.Jobs().Work(ctx, job.WorkOptions{
		Handlers: a.handlers(), Schedules: schedules(), Concurrency: o.Concurrency, Poll: o.Poll, Beat: o.Beat, DeadAfter: o.DeadAfter,
	})
	if err != nil {
		return err
	}
	ended := a.receive(ctx)
	<-ctx.Done()
	ended()
	if o.Grace == 0 {
		o.Grace = releaseTime + 10*time.Second
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer done()
	return w.Stop(stop)
}
