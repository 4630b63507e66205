package app_test

import (
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

// packages returns what the coverage says of the packages of the world's instance.
func (w *scanWorld) packages(t *testing.T, a *app.App) coverage.Coverage {
	t.Helper()
	list, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}, Assets: []string{w.ref.ID}}, "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("got coverage %+v, %v, want one row", list, err)
	}
	return list[0]
}

// nothingLeft holds that no snapshot of ours is left, and every other's.
func (w *scanWorld) nothingLeft(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
}

// TestScanPutOff: a scan that AWS throttles, or for which there is no room now, is not lost. It leaves nothing, waits its time, however its turn is, and is done then.
func TestScanPutOff(t *testing.T) {
	w := newWorld(t)
	var later time.Duration
	for _, tc := range []struct {
		name, service, action string
		hook                  awstest.Hook
		words                 string
	}{
		{"create", "ec2", "CreateSnapshots", awstest.Throttle(), "AWS throttles: CreateSnapshots: RequestLimitExceeded"},
		{"list", "ebs", "ListSnapshotBlocks", awstest.Throttle(), "AWS throttles: ListSnapshotBlocks: RequestThrottledException"},
		{"get", "ebs", "GetSnapshotBlock", awstest.Throttle(), "AWS throttles: GetSnapshotBlock: RequestThrottledException"},
		{"enter", "sts", "AssumeRole", awstest.Throttle(), "AWS throttles: AssumeRole: Throttling"},
		{"volume_rate", "ec2", "CreateSnapshots", awstest.Fail(400, "SnapshotCreationPerVolumeRateExceeded", "x"), "snapshots of the volume are made too often"},
		{"quota", "ec2", "CreateSnapshots", awstest.Fail(400, "ConcurrentSnapshotLimitExceeded", "x"), "quota of snapshots is used up"},
		{"volume_deleted", "ec2", "CreateSnapshots", awstest.Fail(400, "InvalidVolume.NotFound", "The volume 'vol-1' does not exist."), "a volume is gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			w.copyTo(t, dir)
			later = 0
			a := w.open(t, func(c *app.Config) {
				*c = order{Dir: dir, Endpoint: w.URL(), Key: w.base}.config()
				c.Attempts, c.Now = 2, func() time.Time { return time.Now().Add(later) }
			})
			defer a.Close() //nolint:errcheck // a test's
			remove := w.Before(tc.service, tc.action, tc.hook)
			defer remove()
			before := time.Now()
			s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
			if err != nil || s.State != run.Deferred || !strings.Contains(s.Reason, tc.words) || s.Attempts != 0 || s.Deferrals != 1 {
				t.Fatalf("got %+v, %v, want it put off with %q", s, err, tc.words)
			}
			if wait := s.NotBefore.Sub(before); wait < 5*time.Minute || wait > 7*time.Minute {
				t.Errorf("put off by %s, want five minutes", wait)
			}
			c := w.packages(t, a)
			if c.Status != coverage.Active || c.Reason != coverage.PendingInitialScan || !strings.Contains(c.Detail, tc.words) || !c.Next.Equal(s.NotBefore) || !strings.Contains(c.Detail, s.NotBefore.UTC().Format(time.RFC3339)) {
				t.Errorf("got coverage %+v, want a pending scan with %q and its time", c, tc.words)
			}
			w.nothingLeft(t)
			if again, err := a.ScanInstance(t.Context(), auth.System(), w.ref); err != nil || again.ID != s.ID {
				t.Errorf("got %+v, %v, want the scan that is put off and no second", again, err)
			}
			if tc.name == "create" {
				w.deferAgain(t, a, s, &later)
			}
			remove()
			later += 2 * time.Hour
			s = w.done(t, a, s.ID)
			if s.State != run.Finished || s.Attempts != 1 || s.Reason != "" {
				t.Errorf("got %+v, want it finished at the first attempt", s)
			}
			if c := w.packages(t, a); c.Reason != coverage.Successful && c.Reason != coverage.NotFullyAssessed {
				t.Errorf("got coverage %+v, want it scanned", c)
			}
			w.nothingLeft(t)
		})
	}
}

// deferAgain has a worker come too early, which changes nothing, and then in time, while AWS still throttles: the wait doubles, and no attempt is counted.
func (w *scanWorld) deferAgain(t *testing.T, a *app.App, s run.Scan, later *time.Duration) {
	t.Helper()
	w.ResetCalls()
	stop := working(t, a)
	for _, ahead := range []time.Duration{0, 6 * time.Minute} {
		*later = ahead
		hurry := func() bool { return a.Store().Jobs().Hurry(t.Context(), "scan", s.ID) == nil }
		if ahead == 0 {
			eventually(t, "the job to be put off", func() bool {
				list, _, err := a.Store().Jobs().List(t.Context(), "scan", job.Queued, "", 10)
				return hurry() && err == nil && len(list) == 1 && !list[0].StartedAt.IsZero()
			})
			if calls := w.CallsTo("ec2", "CreateSnapshots"); len(calls) != 0 {
				t.Errorf("got %d calls before its time", len(calls))
			}
			continue
		}
		eventually(t, "the second refusal", func() bool {
			got, err := a.Store().Scan(t.Context(), auth.Everything(), s.ID)
			return hurry() && err == nil && got.Deferrals == 2 && got.State == run.Deferred
		})
	}
	stop()
	got, err := a.Store().Scan(t.Context(), auth.Everything(), s.ID)
	if wait := time.Until(got.NotBefore) - *later; err != nil || wait < 8*time.Minute || wait > 11*time.Minute || got.Attempts != 0 {
		t.Errorf("got %+v, %v, put off by %s, want ten minutes and no attempt", got, err, wait)
	}
	w.nothingLeft(t)
}

// done has a worker do a scan whose time has come, and returns how it ended.
func (w *scanWorld) done(t *testing.T, a *app.App, id string) (s run.Scan) {
	t.Helper()
	stop := working(t, a)
	defer stop()
	eventually(t, "the scan to end", func() bool {
		hurried := a.Store().Jobs().Hurry(t.Context(), "scan", id) // its time is that of the machine
		var err error
		s, err = a.Store().Scan(t.Context(), auth.Everything(), id)
		return err == nil && hurried == nil && !s.EndedAt.IsZero()
	})
	return s
}
