package scanning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	snapshots "hinomi/internal/action/ebs"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
	"hinomi/internal/sandbox"
)

// runScan does an agentless scan: snapshot, read, delete, whatever happens. The end is stored in every case; the error returned is one
// after which another attempt may help.
func (a *Agentless) runScan(ctx context.Context, s run.Scan) error {
	ctx, done := context.WithTimeout(ctx, scanLimit)
	defer done()
	s.State, s.StartedAt, s.Attempts = run.Running, a.Now(), s.Attempts+1
	maker, at, session, err := a.maker(ctx, s, true)
	if err != nil {
		return a.endScan(ctx, s, nil, err)
	}
	if err := a.DB.PutScan(ctx, s); err != nil {
		return err
	}
	before := session.Calls()
	inv, name, bytes, err := a.captureAndRead(ctx, maker, at, session, s)
	released := a.release(ctx, maker, at, s)
	s.Calls, s.Bytes = session.Calls()-before, bytes
	if err == nil {
		err = a.keepSecrets(ctx, s.Instance, inv)
	}
	if err == nil {
		_, err = a.Line().Inspect(ctx, s.Instance, name, inv, pipeline.Cost{Calls: s.Calls, Bytes: s.Bytes})
	}
	return errors.Join(a.endScan(ctx, s, session, err), released)
}

// endScan stores how a scan ended; fault is nil for one that was finished.
func (a *Agentless) endScan(ctx context.Context, s run.Scan, session *awsclient.Session, fault error) error {
	if fault == nil {
		s.State, s.Reason, s.EndedAt = run.Finished, "", a.Now()
		return a.DB.PutScan(context.WithoutCancel(ctx), s)
	}
	again := false
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, job.ErrLost):
		return fault // another worker has the job, and ends the scan
	case errors.Is(cause, job.ErrCanceled), errors.Is(cause, context.Canceled):
		s.State, s.Reason, s.EndedAt = run.Canceled, "it was cancelled", a.Now()
		return errors.Join(fault, a.DB.PutScan(context.WithoutCancel(ctx), s))
	case errors.Is(cause, job.ErrStopping):
		again = true
		fault = fmt.Errorf("hinomi was stopped in the middle of the scan, which is queued again: %w", fault)
	case errors.Is(cause, context.DeadlineExceeded):
		fault = fmt.Errorf("the scan took longer than %s: %w", scanLimit, fault)
	}
	reason := coverage.InternalError
	if session != nil {
		reason, fault = scanReason(session, fault)
	}
	if err := a.failScan(ctx, s, reason, fault, again); err != nil {
		return errors.Join(fault, err)
	}
	if session == nil {
		return nil // its connector cannot or may not scan: another attempt is in vain
	}
	return fault
}

// scanReason says in the coverage's word why a scan failed, and adds what to do.
func scanReason(session *awsclient.Session, fault error) (coverage.Reason, error) {
	var key *snapshots.KeyError
	switch {
	case errors.Is(fault, errKeyExcluded):
		return coverage.ExcludedByTag, fault
	case errors.As(fault, &key):
		return coverage.AccessDeniedToKey, fault
	case errors.Is(fault, snapshots.ErrInstanceGone):
		return coverage.ResourceTerminated, fault
	case errors.Is(fault, snapshots.ErrNoVolumes):
		return coverage.NoInventory, fault
	case errors.Is(fault, sandbox.ErrTimeout), errors.Is(fault, context.DeadlineExceeded):
		return coverage.AgentlessTimeLimit, fault
	}
	if f := session.Classify(fault); f.Class == awsclient.Denied {
		return coverage.AccessDenied, fmt.Errorf("%w: %s", fault, f.Advice)
	}
	return coverage.InternalError, fault
}

// ReleaseTime is what is left for deleting snapshots after a scan was cancelled or its process told to stop.
const ReleaseTime = 60 * time.Second

// release deletes what a scan made, even if its context has ended.
func (a *Agentless) release(ctx context.Context, m *snapshots.Maker, at snapshots.Place, s run.Scan) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
	defer done()
	kept, err := a.DB.Scan(ctx, auth.Everything(), s.ID)
	if err != nil {
		return err
	}
	if err := m.Release(ctx, at, s.ID, kept.Resources); err != nil {
		a.Log.WarnContext(ctx, "snapshots not deleted yet, the sweep goes on", slog.String("scan_id", s.ID), slog.Any("err", err))
		return fmt.Errorf("release scan %s: %w", s.ID, err)
	}
	return nil
}

// failScan stores that a scan failed and why, on the scan and in the instance's coverage, and with again queues another one: all or nothing.
func (a *Agentless) failScan(ctx context.Context, s run.Scan, reason coverage.Reason, cause error, again bool) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
	defer done()
	s.State, s.Reason, s.EndedAt = run.Failed, cause.Error(), a.Now()
	a.Log.WarnContext(ctx, "scan failed", slog.String("scan_id", s.ID), slog.String("instance", s.Instance.ID), slog.Any("err", cause))
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutScan(ctx, s); err != nil {
			return err
		}
		if err := a.Keeper().KeepCoverage(ctx, []coverage.Coverage{{
			Resource: s.Instance, Scan: coverage.PackageScan, Status: coverage.Active, Reason: reason, Detail: cause.Error(), Mode: coverage.Agentless,
		}}); err != nil || !again {
			return err
		}
		return a.scanAgain(ctx, s)
	})
}

// maker returns who makes and removes snapshots in the account of a scan's connector. Removing is allowed even if the connector has
// become read-only since: what is ours must not stay.
func (a *Agentless) maker(ctx context.Context, s run.Scan, making bool) (*snapshots.Maker, snapshots.Place, *awsclient.Session, error) {
	at := snapshots.Place{Account: s.Instance.Account, Region: s.Instance.Region, Connector: s.Connector}
	c, err := a.DB.Connector(ctx, auth.Everything(), s.Connector)
	if err != nil {
		return nil, at, nil, fmt.Errorf("connector of the scan: %w", err)
	}
	if making && !c.May(connector.SnapshotVolumes) {
		return nil, at, nil, fmt.Errorf("connector %s: %w", c.Name, ErrReadOnly)
	}
	session, err := a.Session(ctx, &c)
	if err != nil {
		return nil, at, nil, err
	}
	m, err := a.makerIn(ctx, session, at)
	return m, at, session, err
}

// makerIn returns who makes and removes snapshots in a place.
func (a *Agentless) makerIn(ctx context.Context, session *awsclient.Session, at snapshots.Place) (*snapshots.Maker, error) {
	installation, err := a.DB.InstallationID(ctx)
	if err != nil {
		return nil, err
	}
	return snapshots.New(session.EC2(at.Region), a.Keeper(), snapshots.Clock{Now: a.Now, Sleep: a.Sleep}, installation)
}

var _ snapshots.API = (*ec2.Client)(nil)
