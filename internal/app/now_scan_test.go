package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// TestScanNow is a scan from end to end: snapshots, blocks, packages, findings, coverage, and nothing left.
func TestScanNow(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	w.ResetCalls()
	w.ResetBlocks()
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished {
		t.Fatalf("got %+v, %v", s, err)
	}
	stats := w.BlockStats()
	if s.Calls != len(w.Calls()) || s.Bytes != stats.Bytes || s.Bytes == 0 || stats.Gets != stats.Unique {
		t.Errorf("got %d calls and %d bytes, AWS saw %d and %+v", s.Calls, s.Bytes, len(w.Calls()), stats)
	}
	if len(s.Resources) != 2 {
		t.Errorf("got resources %+v, want two", s.Resources)
	}
	for _, r := range s.Resources {
		if r.State != run.Deleted || r.ID == "" || r.DeletedAt.IsZero() {
			t.Errorf("got %+v, want it deleted", r)
		}
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots left (-want +got):\n%s", diff)
	}
	db := a.Store()
	_, inv, err := db.AssetInventory(t.Context(), auth.Everything(), w.ref)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := db.Findings(t.Context(), auth.Everything(), store.FindingFilter{Assets: []string{w.ref.ID}}, "", 1000)
	if err != nil || len(list) == 0 {
		t.Errorf("got %d findings, %v", len(list), err)
	}
	t.Logf("%s, %d packages, %d findings, %d calls, %d bytes; gaps %v", inv.OS.PrettyName, len(inv.Packages), len(list), s.Calls, s.Bytes, inv.Gaps)
	cov, _, err := db.Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, "", 100)
	if err != nil || len(cov) != 1 {
		t.Fatalf("got coverage %+v, %v", cov, err)
	}
	// The example's feeds are a selection, and the second volume holds nothing that is recognised: both are said.
	if c := cov[0]; c.Status != coverage.Active || c.Reason != coverage.NotFullyAssessed || c.Calls != s.Calls || c.Bytes != s.Bytes || c.InventoryHash == "" || c.LastScanned.IsZero() {
		t.Errorf("got coverage %+v", c)
	}
	if len(inv.Gaps) == 0 || len(inv.Packages) == 0 || inv.OS.ID != "almalinux" || inv.ReadAt.After(s.EndedAt) || inv.ReadAt.Before(s.StartedAt) {
		t.Errorf("got %d packages of %+v, gaps %v, read at %s", len(inv.Packages), inv.OS, inv.Gaps, inv.ReadAt)
	}
}

// TestScanNowTurn: a scan from the command line begins when one of a worker has ended, and one that is stopped before its turn leaves nothing.
func TestScanNowTurn(t *testing.T) {
	w := newWorld(t)
	turns := make(chan string, 100)
	a := w.open(t, func(c *app.Config) {
		c.Progress = func(s pipeline.Step) {
			if s.Stage == "turn" {
				turns <- s.What
			}
		}
	})
	defer a.Close() //nolint:errcheck // a test's
	err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error {
		s.PerAccount = 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.ScanInstance(t.Context(), auth.System(), w.ref)
	if err != nil {
		t.Fatal(err)
	}
	reached, release := w.inMidScan()
	stop := working(t, a)
	defer stop()
	<-reached

	type outcome struct {
		s   run.Scan
		err error
	}
	scan := func(ctx context.Context) <-chan outcome {
		out := make(chan outcome, 1)
		go func() {
			s, err := a.ScanNow(ctx, auth.System(), w.ref)
			out <- outcome{s, err}
		}()
		return out
	}
	waits := func(out <-chan outcome) (what string) {
		t.Helper()
		select {
		case what = <-turns:
		case o := <-out:
			release()
			t.Fatalf("got %+v, %v, want it to wait", o.s, o.err)
		}
		return what
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := scan(ctx)
	if what := waits(stopped); !strings.Contains(what, "1 scans of account "+w.account) {
		t.Errorf("got %q, want the one that comes first", what)
	}
	cancel()
	if o := <-stopped; o.err != nil || o.s.State != run.Canceled || o.s.Reason == "" {
		t.Errorf("got %+v, %v, want it cancelled", o.s, o.err)
	}
	for len(turns) > 0 {
		<-turns
	}
	second := scan(t.Context())
	waits(second)
	if scans := allScans(t, a); len(scans) != 3 || scans[0].State != run.Queued || scans[2].State != run.Running {
		t.Errorf("got %+v, want the last to wait for the first", scans)
	}
	release()
	o := <-second
	if o.err != nil || o.s.State != run.Finished {
		t.Fatalf("got %+v, %v, want it finished", o.s, o.err)
	}
	if first, err = a.Store().Scan(t.Context(), auth.Everything(), first.ID); err != nil || first.State != run.Finished || o.s.StartedAt.Before(first.EndedAt) {
		t.Errorf("got %+v begun after %+v, %v", o.s, first, err)
	}
	for _, state := range []job.State{job.Queued, job.Running, job.Retrying} {
		if list, _, err := a.Store().Jobs().List(t.Context(), "scan", state, "", 10); err != nil || len(list) != 0 {
			t.Errorf("got jobs %+v, %v, want none open", list, err)
		}
	}
}

// TestScanNowKilled kills the process of a scan from the command line with SIGKILL. A minute later whoever comes by ends the scan, leaves
// nothing of it in the account, and has the instance scanned again.
func TestScanNowKilled(t *testing.T) {
	w := newWorld(t)
	for name, comesBy := range map[string]func(t *testing.T, a *app.App, killed run.Scan){
		"worker": func(t *testing.T, a *app.App, killed run.Scan) {
			stop := working(t, a)
			defer stop()
			if err := a.Store().Jobs().Hurry(t.Context(), "scan", killed.ID); err != nil { // its time is that of the machine
				t.Fatal(err)
			}
			if err := untilEnded(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		},
		"sweep": func(t *testing.T, a *app.App, _ run.Scan) {
			if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Faults)+len(out.Open) > 0 {
				t.Errorf("sweep: %+v, %v", out, err)
			}
		},
		"another": func(t *testing.T, a *app.App, _ run.Scan) {
			if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
				t.Errorf("got %+v, %v, want it finished", s, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w.copyTo(t, dir)
			o := order{Dir: dir, Endpoint: w.URL(), Key: w.base, Now: &w.ref}
			open := func(later time.Duration) *app.App {
				o.Later = later
				a := w.open(t, func(c *app.Config) { *c = o.config() })
				t.Cleanup(func() { _ = a.Close() })
				return a
			}
			a := open(0)
			err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error {
				s.PerAccount = 1
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			reached, release := w.inMidScan()
			cmd := o.start(t, logFile(t))
			<-reached
			killed := allScans(t, a)[0]
			if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Deleted) != 0 {
				t.Errorf("a sweep beside it: %+v, %v, want nothing deleted", out, err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			release()
			if n := len(w.left(t)); n != len(w.foreign)+2 || killed.State != run.Running {
				t.Fatalf("got %d snapshots and %+v, want two more than %d and a scan that runs", n, killed, len(w.foreign))
			}
			b := open(2 * time.Minute)
			comesBy(t, b, killed)
			killed, err = b.Store().Scan(t.Context(), auth.Everything(), killed.ID)
			if err != nil || killed.State != run.Failed || !strings.Contains(killed.Reason, "the process ended") {
				t.Errorf("got %+v, %v, want it failed with its reason", killed, err)
			}
			if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
				t.Errorf("snapshots (-want +got):\n%s", diff)
			}
			if again := allScans(t, b)[0]; again.ID == killed.ID {
				t.Errorf("got %+v alone, want the instance scanned again", again)
			}
		})
	}
}
