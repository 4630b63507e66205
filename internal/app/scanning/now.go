package scanning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
)

// ScanNow scans an instance in this process, when its turn has come, and returns when the scan has ended. What went wrong in the account is the
// scan's reason. The scan's job waits behind it: should this process die, a worker or a sweep clears up after it, and its turn is free again.
func (a *Agentless) ScanNow(ctx context.Context, by auth.Principal, ref asset.Ref) (run.Scan, error) {
	s, err := a.newScan(ctx, by, ref)
	if err != nil {
		return s, err
	}
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return s, err
	}
	var behind job.Ticket
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if s, err = a.DB.CreateScan(ctx, s); err != nil {
			return err
		}
		if err := a.sayHere(ctx, s, true); err != nil {
			return err
		}
		behind, err = a.DB.Enqueue(ctx, job.Spec{Kind: core.JobScan, Key: s.ID, Args: scanArgs{s.ID}, Priority: 1, NotBefore: a.Now().Add(goneAfter)})
		if err != nil {
			return err
		}
		return a.Audit(ctx, by, "scan.start", "scan "+s.ID, ref.Account, ref.ID)
	})
	if err != nil {
		return s, err
	}
	leave := a.stayHere(ctx, s, behind)
	fault := a.waitForTurn(ctx, s, settings.PerAccount)
	if fault == nil {
		fault = a.runScan(ctx, s)
	} else {
		fault = a.endScan(ctx, s, nil, fault)
	}
	ended, err := a.DB.Scan(context.WithoutCancel(ctx), auth.Everything(), s.ID)
	leave(err == nil && ended.State == run.Deferred)
	a.hurryNext(ctx, ref.Account, settings.PerAccount)
	if err != nil {
		return s, errors.Join(fault, err)
	}
	if ended.State == run.Failed || ended.State == run.Canceled || ended.State == run.Deferred {
		return ended, nil // the reason says it
	}
	return ended, errors.Join(fault, a.retag(ctx))
}

const (
	askAgain = time.Second      // how often it is asked for its turn: a person waits
	patience = 30 * time.Second // how long those before it may all wait before it is taken that no worker does them; one begins within turnTime
)

// waitForTurn returns when a scan of this process runs: after those of its account that come before it, unless nobody does them.
func (a *Agentless) waitForTurn(ctx context.Context, s run.Scan, atOnce int) error {
	started := s
	var idle time.Duration
	for {
		started.State, started.StartedAt, started.Attempts = run.Queued, a.Now(), s.Attempts+1
		ahead, err := a.DB.BeginScan(ctx, started, atOnce)
		if err != nil || ahead == 0 {
			return err
		}
		a.Progress(pipeline.Step{Stage: "turn", What: fmt.Sprintf("%d scans of account %s come first", ahead, s.Instance.Account)})
		running, err := a.runningIn(ctx, s.Instance.Account)
		if err != nil {
			return err
		}
		if idle += askAgain; running > 0 {
			idle = 0
		}
		if idle > patience {
			started.State = run.Running
			return a.DB.PutScan(ctx, started)
		}
		if err := a.Sleep(ctx, askAgain); err != nil {
			return err
		}
	}
}

// runningIn returns how many scans of an account run, after clearing up after processes that are gone.
func (a *Agentless) runningIn(ctx context.Context, account string) (n int, err error) {
	var open []run.Scan
	err = a.EachOpenScan(ctx, func(s run.Scan) {
		if s.Instance.Account == account {
			open = append(open, s)
		}
	})
	if err != nil {
		return 0, err
	}
	for _, s := range open {
		at, err := a.presence(ctx, s)
		switch {
		case err != nil:
			return 0, err
		case at == gone && s.State == run.Queued:
			err = a.cancelGone(ctx, s)
		case at == gone:
			err = a.afterInterruption(ctx, s, true)
		case s.State == run.Running:
			n++
		}
		if err != nil {
			a.Log.WarnContext(ctx, "scan of a process that is gone not cleared up wholly", slog.String("scan_id", s.ID), slog.Any("err", err))
		}
	}
	return n, nil
}

// cancelGone ends a scan whose process was gone before its turn came.
func (a *Agentless) cancelGone(ctx context.Context, s run.Scan) error {
	s.State, s.Reason, s.EndedAt = run.Canceled, "the process that was to do it ended before its turn came", a.Now()
	return a.DB.PutScan(ctx, s)
}
