package scanning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// doScan scans an instance. A scan that a process died in the middle of is marked failed, its snapshots are deleted, and another is queued.
func (a *Agentless) doScan(ctx context.Context, j *job.Job) error {
	var args scanArgs
	if err := j.Args(&args); err != nil {
		return err
	}
	s, err := a.DB.Scan(ctx, auth.Everything(), args.ScanID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return err
	}
	switch at, err := a.presence(ctx, s); {
	case err != nil:
		return err
	case at == here:
		return job.Later(goneAfter) // the process that asked for it does it
	case at == gone && s.State == run.Queued:
		defer a.hurryNext(ctx, s.Instance.Account, settings.PerAccount)
		return a.cancelGone(ctx, s)
	}
	if s.State == run.Deferred {
		if wait := s.NotBefore.Sub(a.Now()); wait > 0 {
			return job.Later(wait)
		}
		s.State, s.Reason, s.NotBefore = run.Queued, "", time.Time{}
		if err := a.DB.PutScan(ctx, s); err != nil {
			return err
		}
	}
	if s.State != run.Queued {
		defer a.hurryNext(ctx, s.Instance.Account, settings.PerAccount)
		return a.afterInterruption(ctx, s, j.Last)
	}
	started := s
	started.StartedAt, started.Attempts = a.Now(), s.Attempts+1
	ahead, err := a.DB.BeginScan(ctx, started, settings.PerAccount)
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
func (a *Agentless) hurryNext(ctx context.Context, account string, atOnce int) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
	defer done()
	next, err := a.DB.NextScans(ctx, account, atOnce)
	for _, id := range next {
		err = errors.Join(err, a.DB.Jobs().Hurry(ctx, core.JobScan, id))
	}
	if err != nil {
		a.Log.WarnContext(ctx, "scans that are next were not told", slog.String("account", account), slog.Any("err", err))
	}
}

// errInterrupted is the reason of a scan that its process did not live to end.
var errInterrupted = errors.New("the process ended in the middle of the scan; its snapshots are deleted and the instance is scanned again")

// afterInterruption deletes what a scan may have left, and queues another scan if this one never came to its end.
func (a *Agentless) afterInterruption(ctx context.Context, s run.Scan, last bool) error {
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
func (a *Agentless) scanAgain(ctx context.Context, s run.Scan) error {
	if s.Attempts >= maxInterruptions {
		return nil
	}
	if other, err := a.openScan(ctx, s.Instance); err != nil || other.ID != "" {
		return err // somebody has queued it already
	}
	n, err := a.DB.CreateScan(ctx, run.Scan{Connector: s.Connector, Instance: s.Instance, State: run.Queued, Attempts: s.Attempts})
	if err != nil {
		return err
	}
	urgency, err := a.DB.Jobs().Priority(ctx, core.JobScan, s.ID)
	if err != nil {
		return err
	}
	_, err = a.DB.Enqueue(ctx, job.Spec{Kind: core.JobScan, Key: n.ID, Args: scanArgs{n.ID}, Priority: urgency})
	return err
}

func (a *Agentless) doSweep(ctx context.Context, _ *job.Job) error {
	out, err := a.Sweep(ctx, auth.System())
	if err != nil {
		return err
	}
	if len(out.Faults) > 0 {
		return fmt.Errorf("sweep: %v", out.Faults)
	}
	return nil
}
