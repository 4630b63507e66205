package app_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// TestScanBeforeAdvisories scans an instance before any advisories are there: what was read is kept, nothing is called clean, and the first
// advisories judge it without another look at the disk.
func TestScanBeforeAdvisories(t *testing.T) {
	w := newWorld(t)
	if err := os.Remove(filepath.Join(w.dir, "advisories.db")); err != nil {
		t.Fatal(err)
	}
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // the test ends
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished {
		t.Fatalf("scan: %+v %v", s, err)
	}
	rows, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, "", 10)
	if err != nil || len(rows) != 1 || rows[0].Reason != coverage.NotFullyAssessed || !strings.Contains(rows[0].Detail, "no advisories have been imported yet") {
		t.Errorf("coverage: %+v %v", rows, err)
	}
	w.ResetCalls()
	if _, err := a.ImportFeeds(t.Context(), auth.System(), filepath.Join(examples, "feeds"), app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	if n, err := a.RejudgeInventories(t.Context()); err != nil || n != 1 {
		t.Errorf("judged %d inventories again: %v", n, err)
	}
	found := all(t, func(from string) ([]finding.Finding, string, error) {
		return a.Store().Findings(t.Context(), auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability}}, from, 1000)
	})
	if len(found) == 0 || len(w.Calls()) != 0 {
		t.Errorf("%d findings after the first advisories, %d calls of AWS", len(found), len(w.Calls()))
	}
}

// TestStoppedStaysStopped judges the inventory of an instance that was stopped meanwhile: its coverage goes on saying so.
func TestStoppedStaysStopped(t *testing.T) {
	w := newWorld(t)
	if err := os.Remove(filepath.Join(w.dir, "advisories.db")); err != nil {
		t.Fatal(err)
	}
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // the test ends
	if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
		t.Fatalf("scan: %+v %v", s, err)
	}
	w.EC2(w.account, region, "StopInstances", url.Values{"InstanceId.1": {w.ref.ID}})
	if s, err := a.SyncNow(t.Context(), auth.System(), "shop"); err != nil {
		t.Fatalf("sync: %+v %v", s, err)
	}
	reason := func() coverage.Reason {
		t.Helper()
		rows, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, "", 10)
		if err != nil || len(rows) != 1 {
			t.Fatalf("coverage: %+v %v", rows, err)
		}
		return rows[0].Reason
	}
	if r := reason(); r != coverage.InstanceStopped {
		t.Fatalf("stopped: %s", r)
	}
	if _, err := a.ImportFeeds(t.Context(), auth.System(), filepath.Join(examples, "feeds"), app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.RejudgeInventories(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := reason(); r != coverage.InstanceStopped {
		t.Errorf("judged again: %s, want it stopped as before", r)
	}
}
