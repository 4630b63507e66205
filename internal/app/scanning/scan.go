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
	inv, name, cost, err := a.captureAndRead(ctx, maker, at, session, s)
	released := a.release(ctx, maker, at, s)
	s.Calls, s.Bytes = session.Calls()-before+cost.Calls, cost.Bytes
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
	case errors.Is(cause, job.ErrStopping):
		again = true
		fault = fmt.Errorf("hinomi was stopped in the middle of the scan, which is queued again: %w", fault)
	case errors.Is(ctx.Err(), context.Canceled): // the job was, or a signal came
		s.State, s.Reason, s.EndedAt = run.Canceled, "it was cancelled", a.Now()
		return errors.Join(fault, a.DB.PutScan(context.WithoutCancel(ctx), s))
	case errors.Is(cause, context.DeadlineExceeded):
		fault = fmt.Errorf("the scan took longer than %s: %w", scanLimit, fault)
	}
	reason := coverage.InternalError
	if session != nil {
		if why := putsOff(session, fault); why != "" && !again {
			return a.deferScan(ctx, s, why)
		}
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
	if err == nil {
		m, err = a.makerFor(ctx, m, &c)
	}
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
