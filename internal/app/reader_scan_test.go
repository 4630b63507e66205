package app_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/run"
	"hinomi/internal/sandbox"
	"hinomi/internal/store"
)

// TestReaderDies: the death of the process that reads an instance's disks is a status of that instance. Its snapshots go, and the next scan,
// by the same worker, is as any other.
func TestReaderDies(t *testing.T) {
	dead, err := exec.LookPath("false")
	if err != nil {
		t.Skipf("SKIPPED, NOTHING TESTED: %v", err)
	}
	w := newWorld(t)
	a := w.open(t, func(c *app.Config) { c.Reader = sandbox.Command{Path: dead, Args: []string{"false"}} })
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Failed || !strings.Contains(s.Reason, sandbox.ErrKilled.Error()) || !strings.Contains(s.Reason, "exit status 1") {
		t.Errorf("got %+v, %v, want it failed because the process that reads died", s, err)
	}
	if diff := cmp.Diff(w.foreign, w.left(t)); diff != "" {
		t.Errorf("snapshots in the account (-want +got):\n%s", diff)
	}
	list, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, c := range list {
		told = told || c.Resource == w.ref && c.Scan == coverage.PackageScan && c.Reason == coverage.InternalError && strings.Contains(c.Detail, "the process that reads died")
	}
	if !told {
		t.Errorf("got coverage %+v, want an internal error that says what died", list)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	if s, err = a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
		t.Errorf("afterwards: got %+v, %v, want it finished", s, err)
	}
}
