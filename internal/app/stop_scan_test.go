package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// working starts a worker on an app; the function it returns stops it.
func working(t *testing.T, a *app.App) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	worked := make(chan error, 1)
	go func() {
		worked <- a.Work(ctx, app.WorkOptions{Concurrency: 1, Poll: 10 * time.Millisecond, Beat: 50 * time.Millisecond, Grace: time.Millisecond})
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-worked; err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// inMidScan makes the first block that is asked for wait until the caller lets it go, and says when that is.
func (w *scanWorld) inMidScan() (reached <-chan struct{}, release func()) {
	at, gate := make(chan struct{}), make(chan struct{})
	remove := w.Before("ebs", "GetSnapshotBlock", awstest.Times(1, func(c *awstest.Call) *awstest.Reply {
		close(at)
		select {
		case <-gate:
		case <-c.Context().Done():
		}
		return nil
	}))
	return at, func() { close(gate); remove() }
}

func allScans(t *testing.T, a *app.App) []run.Scan {
	t.Helper()
	list, _, err := a.Store().Scans(t.Context(), auth.Everything(), store.ScanFilter{}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestStopMidScan stops a worker in the middle of a scan: the snapshots go before it ends, and the next worker scans again.
func TestStopMidScan(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	if _, err := a.ScanInstance(t.Context(), auth.System(), w.ref); err != nil {
		t.Fatal(err)
	}
	reached, release := w.inMidScan()
	stop := working(t, a)
	<-reached
	if got := len(w.left(t)); got != len(w.foreign)+2 {
		t.Errorf("got %d snapshots in mid-scan, want two more than %d", got, len(w.foreign))
	}
	stop()
	release()
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots after the stop (-want +got):\n%s", diff)
	}
	scans := allScans(t, a)
	if len(scans) != 2 || scans[0].State != run.Queued || scans[1].State != run.Failed || !strings.Contains(scans[1].Reason, "queued again") {
		t.Fatalf("got %+v, want one failed with its reason and another queued", scans)
	}
	stop = working(t, a)
	if err := untilEnded(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	stop()
	if scans = allScans(t, a); len(scans) != 2 || scans[0].State != run.Finished {
		t.Errorf("got %+v, want the second finished and no third", scans)
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots at the end (-want +got):\n%s", diff)
	}
}

// TestCancelScan cancels a scan in its middle, and another before it began: nothing stays, and the instance can be scanned again.
func TestCancelScan(t *testing.T) {
	w := newWorld(t)
	var later time.Duration
	a := w.open(t, func(c *app.Config) { c.Now = func() time.Time { return time.Now().Add(later) } })
	defer a.Close() //nolint:errcheck // a test's
	cancel := func() {
		t.Helper()
		for _, state := range []job.State{job.Running, job.Queued} {
			list, _, err := a.Store().Jobs().List(t.Context(), "scan", state, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range list {
				if err := a.CancelJob(t.Context(), auth.System(), j.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	first, err := a.ScanInstance(t.Context(), auth.System(), w.ref)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.ScanInstance(t.Context(), auth.System(), w.ref); err != nil || again.ID != first.ID {
		t.Errorf("got %+v, %v, want the scan that waits", again, err)
	}
	reached, release := w.inMidScan()
	stop := working(t, a)
	<-reached
	cancel()
	if err := untilEnded(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	release()
	stop()
	if scans := allScans(t, a); len(scans) != 1 || scans[0].State != run.Canceled || scans[0].Reason == "" {
		t.Errorf("got %+v, want it cancelled", scans)
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}

	if _, err := a.ScanInstance(t.Context(), auth.System(), w.ref); err != nil {
		t.Fatal(err)
	}
	cancel()
	later = 2 * time.Minute
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Faults)+len(out.Open) > 0 {
		t.Errorf("sweep: %+v, %v", out, err)
	}
	if scans := allScans(t, a); len(scans) != 2 || scans[0].State != run.Canceled || scans[0].Reason == "" {
		t.Errorf("got %+v, want it cancelled", scans)
	}
	third, err := a.ScanInstance(t.Context(), auth.System(), w.ref)
	if err != nil || third.State != run.Queued {
		t.Errorf("got %+v, %v, want a new scan", third, err)
	}
}

// TestScanRefused scans an instance where AWS refuses: each scan fails with its reason, and what was made is gone, or stuck until it is.
func TestScanRefused(t *testing.T) {
	w := newWorld(t)
	var later time.Duration
	a := w.open(t, func(c *app.Config) { c.Now = func() time.Time { return time.Now().Add(later) } })
	defer a.Close() //nolint:errcheck // a test's
	scan := func(reason coverage.Reason, words string) {
		t.Helper()
		s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
		if err != nil || s.State != run.Failed || !strings.Contains(s.Reason, words) {
			t.Errorf("got %+v, %v, want it failed with %q", s, err, words)
		}
		list, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, "", 10)
		if err != nil || len(list) != 1 || list[0].Reason != reason || !strings.Contains(list[0].Detail, words) {
			t.Errorf("got coverage %+v, %v, want %s", list, err, reason)
		}
		if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
			t.Errorf("snapshots (-want +got):\n%s", diff)
		}
	}
	remove := w.Before("ec2", "CreateSnapshots", awstest.Deny())
	scan(coverage.AccessDenied, "add ec2:CreateSnapshots to the role")
	remove()
	w.DenyKey(w.volumes[0], "arn:aws:kms:"+region+":"+w.account+":key/k")
	scan(coverage.AccessDeniedToKey, "kms:Decrypt")
	w.DenyKey(w.volumes[0], "")

	remove = w.Before("ec2", "DeleteSnapshot", awstest.Deny())
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err == nil || s.State != run.Finished || !strings.Contains(err.Error(), "delete snapshot") {
		t.Errorf("got %+v, %v, want it finished and an error that says what stays", s, err)
	}
	for _, r := range s.Resources {
		if r.State != run.Stuck || !strings.Contains(r.Detail, "not authorized") {
			t.Errorf("got %+v, want it stuck with its reason", r)
		}
	}
	later = 10 * time.Minute // by then it is certain that the snapshots that were refused were never made
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Open) != 2 || len(out.Faults) != 1 {
		t.Errorf("got %+v, %v, want two that stay and the fault", out, err)
	}
	remove()
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Open) != 0 || len(out.Deleted) != 2 {
		t.Errorf("got %+v, %v, want both deleted", out, err)
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
}

// TestAnswerLost loses the answer of CreateSnapshots: the SDK asks again, a second set is made, and both go.
func TestAnswerLost(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	w.After("ec2", "CreateSnapshots", awstest.AfterTimes(1, func(*awstest.Call, *awstest.Reply) *awstest.Reply { return awstest.Drop() }))
	w.ResetCalls()
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished {
		t.Fatalf("got %+v, %v", s, err)
	}
	if made, deleted := len(w.CallsTo("ec2", "CreateSnapshots")), len(w.CallsTo("ec2", "DeleteSnapshot")); made != 2 || deleted != 4 {
		t.Errorf("got %d sets made and %d snapshots deleted, want 2 and 4", made, deleted)
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
}
