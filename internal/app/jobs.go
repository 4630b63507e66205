package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// The kinds of jobs. A kind, once released, never changes its name.
const (
	jobSync  = "sync"
	jobScan  = "scan"
	jobSweep = "sweep"
	jobFeeds = "feeds"
	jobDue   = "due"
	jobScans = "scans"
	jobTags  = "tags"
	jobTidy  = "tidy"

	jobAgents = "agents" // inventories of agents are read
	jobManage = "manage" // what agents need is made and repaired

	jobRefresh = "refresh" // what events named is read again
	jobChanges = "changes" // what events named and was not read is queued again
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// handlers lists what a worker does: one line each.
func (a *App) handlers() map[string]job.Handler {
	return map[string]job.Handler{
		jobSync:   a.doSync,
		jobScan:   a.doScan,
		jobSweep:  a.doSweep,
		jobFeeds:  a.doFeeds,
		jobDue:    a.doDue,
		jobScans:  a.doScans,
		jobTags:   a.doTags,
		jobTidy:   a.doTidy,
		jobAgents: a.doAgents,
		jobManage: a.doManage,

		jobRefresh: a.doRefresh,
		jobChanges: a.doChanges,
	}
}

// doSync reads a connector. A sync whose process died starts again under the same ID.
func (a *App) doSync(ctx context.Context, j *job.Job) error {
	var args syncArgs
	if err := j.Args(&args); err != nil {
		return err
	}
	s, err := a.db.Sync(ctx, auth.Everything(), args.SyncID)
	if isNotFound(err) {
		return nil // its connector was removed
	}
	if err != nil {
		return err
	}
	if s.State == connector.FinishedSuccess || s.State == connector.FinishedErrors {
		return nil
	}
	c, err := a.db.Connector(ctx, auth.Everything(), args.Connector)
	if err != nil {
		return job.Permanent(err)
	}
	_, err = a.runSync(ctx, &c, s)
	if err != nil {
		return err
	}
	if c.Organization.Enroll {
		return a.queueDue(ctx) // accounts that were enrolled just now are due at once
	}
	return nil
}

// doScan scans an instance. A scan that a process died in the middle of is marked failed, its snapshots are deleted, and another is queued.
func (a *App) doScan(ctx context.Context, j *job.Job) error {
	var args scanArgs
	if err := j.Args(&args); err != nil {
		return err
	}
	s, err := a.db.Scan(ctx, auth.Everything(), args.ScanID)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return err
	}
	if s.State != run.Queued {
		defer a.hurryNext(ctx, s.Instance.Account, settings.PerAccount)
		return a.afterInterruption(ctx, s, j.Last)
	}
	started := s
	started.StartedAt, started.Attempts = a.now(), s.Attempts+1
	ahead, err := a.db.BeginScan(ctx, started, settings.PerAccount)
	if err != nil {
		return err
	}
	if ahead > 0 {
		return job.Later(turnAfter(ahead, settings.PerAccount))
	}
	defer a.hurryNext(ctx, s.Instance.Account, settings.PerAccount)
	return a.runScan(ctx, s)
}

// turnTime is how long a scan whose turn is next waits if nobody tells it that its turn has come: the process that would have was killed.
const turnTime = 5 * time.Second

// turnAfter is how long a scan waits for those of its account that come before it, of which some run at once.
func turnAfter(ahead, atOnce int) time.Duration {
	return min(time.Hour, turnTime*time.Duration((ahead+atOnce-1)/atOnce))
}

// hurryNext tells the scans of an account whose turn it is now.
func (a *App) hurryNext(ctx context.Context, account string, atOnce int) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer done()
	next, err := a.db.NextScans(ctx, account, atOnce)
	for _, id := range next {
		err = errors.Join(err, a.db.Jobs().Hurry(ctx, jobScan, id))
	}
	if err != nil {
		a.log.WarnContext(ctx, "scans that are next were not told", slog.String("account", account), slog.Any("err", err))
	}
}

// errInterrupted is the reason of a scan that its process did not live to end.
var errInterrupted = errors.New("the process ended in the middle of the scan; its snapshots are deleted and the instance is scanned again")

// afterInterruption deletes what a scan may have left, and queues another scan if this one never came to its end.
func (a *App) afterInterruption(ctx context.Context, s run.Scan, last bool) error {
	m, at, _, err := a.maker(ctx, s, false)
	if err == nil {
		err = a.release(ctx, m, at, s)
	}
	if err != nil && !last {
		return fmt.Errorf("clean up after scan %s: %w", s.ID, err)
	}
	if s.State != run.Running {
		return err
	}
	return errors.Join(err, a.failScan(ctx, s, coverage.InternalError, errInterrupted, true))
}

// maxInterruptions is how often a scan that died with its process is queued again: a disk that kills the process must not do so for ever.
const maxInterruptions = 3

// scanAgain queues another scan of the same instance, as urgent as the one before; called in a transaction.
func (a *App) scanAgain(ctx context.Context, s run.Scan) error {
	if s.Attempts >= maxInterruptions {
		return nil
	}
	if other, err := a.openScan(ctx, s.Instance); err != nil || other.ID != "" {
		return err // somebody has queued it already
	}
	n, err := a.db.CreateScan(ctx, run.Scan{Connector: s.Connector, Instance: s.Instance, State: run.Queued, Attempts: s.Attempts})
	if err != nil {
		return err
	}
	urgency, err := a.db.Jobs().Priority(ctx, jobScan, s.ID)
	if err != nil {
		return err
	}
	_, err = a.db.Enqueue(ctx, job.Spec{Kind: jobScan, Key: n.ID, Args: scanArgs{n.ID}, Priority: urgency})
	return err
}

func (a *App) doSweep(ctx context.Context, _ *job.Job) error {
	out, err := a.Sweep(ctx, auth.System())
	if err != nil {
		return err
	}
	if len(out.Faults) > 0 {
		return fmt.Errorf("sweep: %v", out.Faults)
	}
	return nil
}

// doDue queues a sync for every connector whose time has come.
func (a *App) doDue(ctx context.Context, _ *job.Job) error { return a.queueDue(ctx) }

func (a *App) queueDue(ctx context.Context) error {
	due, err := a.db.DueConnectors(ctx)
	if err != nil {
		return err
	}
	for i := range due {
		c := &due[i]
		err := a.db.InTx(ctx, func(ctx context.Context) error {
			if last, err := a.db.LastSync(ctx, auth.Everything(), c.ID); err == nil && a.underWay(last) {
				return nil
			}
			_, err := a.queueSync(ctx, c)
			return err
		})
		if err != nil {
			return fmt.Errorf("queue the sync of connector %s: %w", c.Name, err)
		}
	}
	return nil
}
