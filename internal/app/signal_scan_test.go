package app_test

import (
	"os"
	"syscall"
	"testing"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/job"
	"hinomi/internal/run"
)

// TestScanSignalled ends the process of a scan from the command line in its middle, as Ctrl-C and a service manager do: its snapshots go before it
// ends, the scan is cancelled, and its turn is free.
func TestScanSignalled(t *testing.T) {
	w := newWorld(t)
	for name, sig := range map[string]os.Signal{"interrupt": os.Interrupt, "terminate": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w.copyTo(t, dir)
			o := order{Dir: dir, Endpoint: w.URL(), Key: w.base, Now: &w.ref}
			reached, release := w.inMidScan()
			log := logFile(t)
			cmd := o.start(t, log)
			<-reached
			if got := len(w.left(t)); got != len(w.foreign)+2 {
				t.Errorf("got %d snapshots in mid-scan, want two more than %d", got, len(w.foreign))
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, textOf(t, log))
			}
			release()
			w.nothingLeft(t)
			o.Now = nil
			a := w.open(t, func(c *app.Config) { *c = o.config() })
			defer a.Close() //nolint:errcheck // a test's
			err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error { s.PerAccount = 1; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if scans := allScans(t, a); len(scans) != 1 || scans[0].State != run.Canceled || scans[0].Reason == "" {
				t.Errorf("got %+v, want it cancelled", scans)
			}
			for _, state := range []job.State{job.Queued, job.Running, job.Retrying} {
				if list, _, err := a.Store().Jobs().List(t.Context(), "scan", state, "", 10); err != nil || len(list) != 0 {
					t.Errorf("got jobs %+v, %v, want none open", list, err)
				}
			}
			if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
				t.Errorf("got %+v, %v, want the next scan done at once", s, err)
			}
		})
	}
}
