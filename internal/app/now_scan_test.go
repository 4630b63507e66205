package app_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
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
