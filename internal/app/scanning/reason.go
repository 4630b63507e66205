package scanning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	snapshots "hinomi/internal/action/ebs"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/sandbox"
	"hinomi/internal/store"
)

// errRootGone marks an instance whose root volume was detached since the instance was read.
var errRootGone = errors.New("its root volume was detached, and what is attached instead is known after the next sync")

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
	case errors.Is(fault, snapshots.ErrNoVolumes), errors.Is(fault, errRootGone):
		return coverage.NoInventory, fault
	case errors.Is(fault, errNoReader):
		return coverage.AccessDenied, fault
	case errors.Is(fault, sandbox.ErrTimeout), errors.Is(fault, context.DeadlineExceeded):
		return coverage.AgentlessTimeLimit, fault
	}
	f := classify(session, fault)
	if f.Advice != "" {
		fault = fmt.Errorf("%w: %s", fault, f.Advice)
	}
	switch f.Class {
	case awsclient.Denied, awsclient.Expired, awsclient.RegionDisabled:
		return coverage.AccessDenied, fault
	default:
		return coverage.InternalError, fault
	}
}

// classify says what an error of AWS means, with what is known of the session that met it.
func classify(session *awsclient.Session, fault error) awsclient.Fault {
	if f, ok := errors.AsType[*readFault](fault); ok {
		session = f.session
	}
	return session.Classify(fault)
}

// putsOff says why a scan can only be done later, "" if it is not so: AWS's limits are those of everybody who works in the account, and a volume
// that is deleted while its instance is snapshotted is not there the next time.
func putsOff(session *awsclient.Session, fault error) string {
	f := classify(session, fault)
	switch {
	case errors.Is(fault, snapshots.ErrSnapshotRate), errors.Is(fault, snapshots.ErrSnapshotQuota), errors.Is(fault, snapshots.ErrVolumeGone):
		return fault.Error()
	case f.Class == awsclient.Throttled:
		f.Advice = "other tools share this account's request rate"
		return "AWS throttles: " + f.String()
	}
	return ""
}

// The first wait of a scan that is put off, doubled each time up to the longest.
const (
	deferFirst   = 5 * time.Minute
	deferLongest = time.Hour
)

// deferScan puts a scan back in the queue for a time, which is no attempt, and says so in the instance's coverage: all or nothing.
func (a *Agentless) deferScan(ctx context.Context, s run.Scan, why string) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
	defer done()
	wait := deferLongest
	if s.Deferrals < 4 {
		wait = min(deferFirst<<s.Deferrals, deferLongest)
	}
	s.State, s.NotBefore, s.Deferrals = run.Deferred, a.Now().Add(wait), s.Deferrals+1
	s.Attempts, s.StartedAt = s.Attempts-1, time.Time{}
	s.Reason = fmt.Sprintf("put off until %s: %s", s.NotBefore.UTC().Format(time.RFC3339), why)
	a.Log.WarnContext(ctx, "scan put off", slog.String("scan_id", s.ID), slog.String("instance", s.Instance.ID), slog.Duration("wait", wait), slog.String("why", why))
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutScan(ctx, s); err != nil {
			return err
		}
		row, err := a.lastRow(ctx, s.Instance)
		if err != nil {
			return err
		}
		row.Status, row.Reason, row.Detail, row.Mode, row.Next = coverage.Active, coverage.PendingRevivalScan, s.Reason, coverage.Agentless, s.NotBefore
		if row.LastScanned.IsZero() {
			row.Reason = coverage.PendingInitialScan
		}
		return a.Keeper().KeepCoverage(ctx, []coverage.Coverage{row})
	})
	if err != nil {
		return err
	}
	return job.Later(wait)
}

// lastRow returns what the coverage says of an instance's packages, one without a reason if nothing yet.
func (a *Agentless) lastRow(ctx context.Context, ref asset.Ref) (coverage.Coverage, error) {
	f := store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}, Accounts: []string{ref.Account}, Regions: []string{ref.Region}, Assets: []string{ref.ID}}
	list, _, err := a.DB.Coverage(ctx, auth.Everything(), f, "", 10)
	if err != nil {
		return coverage.Coverage{}, err
	}
	for _, row := range list {
		if row.Resource == ref {
			return row, nil
		}
	}
	return coverage.Coverage{Resource: ref, Scan: coverage.PackageScan}, nil
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
		row, err := a.lastRow(ctx, s.Instance)
		if err != nil {
			return err
		}
		row.Status, row.Reason, row.Detail, row.Mode, row.Next = coverage.Active, reason, cause.Error(), coverage.Agentless, time.Time{}
		if reason == coverage.ResourceTerminated || reason == coverage.ExcludedByTag {
			row.Status = coverage.Inactive
		}
		if err := a.Keeper().KeepCoverage(ctx, []coverage.Coverage{row}); err != nil || !again {
			return err
		}
		return a.scanAgain(ctx, s)
	})
}
