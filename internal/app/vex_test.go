package app_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/app"
	"hinomi/internal/app/matching"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/source/vex"
	"hinomi/internal/store"
)

// TestStatements: what a user says of a vulnerability takes its finding away without another scan, for as long as it holds; it comes back as the
// same finding. So does what the policy leaves out.
func TestStatements(t *testing.T) {
	w := newWorld(t)
	var later time.Duration
	a := w.open(t, func(c *app.Config) { c.Now = func() time.Time { return time.Now().Add(later) } })
	defer a.Close() //nolint:errcheck // the test ends
	if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil {
		t.Fatalf("scan: %+v %v", s, err)
	}
	open := func() map[string]finding.Finding {
		t.Helper()
		out := map[string]finding.Finding{}
		for _, f := range all(t, func(from string) ([]finding.Finding, string, error) {
			return a.Store().Findings(t.Context(), auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability}, Statuses: []finding.Status{finding.Active}}, from, 1000)
		}) {
			out[f.ID] = f
		}
		return out
	}
	before := open()
	var one finding.Finding
	for _, id := range slices.Sorted(maps.Keys(before)) {
		f := before[id]
		if f.Package != nil && strings.HasPrefix(f.Package.VulnerabilityID, "CVE-") && len(f.Package.Packages) == 1 && f.Package.Packages[0].PURL != "" {
			one = f
			break
		}
	}
	if one.ID == "" {
		t.Fatalf("no finding to speak of among %d", len(before))
	}
	w.ResetCalls()
	statement := advisory.Statement{
		Product: one.Package.Packages[0].PURL, Vulnerability: one.Package.VulnerabilityID, Status: advisory.NotAffected,
		Justification: advisory.CodeNotInPath, Author: "ops@example.com", At: time.Now(), Until: time.Now().Add(48 * time.Hour),
	}
	about := statement
	about.Asset = w.ref.ID
	bare := statement
	bare.Justification = ""
	if _, unheard, err := a.AddStatements(t.Context(), auth.System(), "none.json", &vex.Document{Statements: []advisory.Statement{about, bare}}); !errors.Is(err, matching.ErrNoStatement) || len(unheard) != 2 {
		t.Errorf("got %q, %v, want neither heard", unheard, err)
	}
	if kept, unheard, err := a.AddStatements(t.Context(), auth.System(), "ops.json", &vex.Document{Statements: []advisory.Statement{statement, bare}}); err != nil || len(kept.Statements) != 1 || len(unheard) != 1 {
		t.Fatalf("got %+v, %q, %v", kept, unheard, err)
	}
	after := open()
	if _, there := after[one.ID]; there || len(after) >= len(before) {
		t.Errorf("%d findings before, %d after, %s still among them: %v", len(before), len(after), one.Package.VulnerabilityID, there)
	}
	later = 72 * time.Hour // the statement has lapsed
	if _, err := a.RejudgeInventories(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := open(); again[one.ID].FirstSeen != one.FirstSeen || len(again) != len(before) {
		t.Errorf("after the statement lapsed: %d of %d findings, %+v", len(again), len(before), again[one.ID])
	}
	later = 0
	if err := a.RemoveStatements(t.Context(), auth.System(), "ops.json"); err != nil {
		t.Fatal(err)
	}
	if err := a.RemoveStatements(t.Context(), auth.System(), "ops.json"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := a.SetPolicy(t.Context(), auth.System(), []byte(`{"states":{"AlmaLinux":["open"]}}`)); err != nil {
		t.Fatal(err)
	}
	fixed := func(f finding.Finding) bool { return strings.HasPrefix(f.Package.Packages[0].PURL, "pkg:rpm/") }
	left := open()
	ids := []string{}
	for id, f := range left {
		if fixed(f) {
			ids = append(ids, id)
		}
	}
	if slices.Sort(ids); len(ids) != 0 || len(left) == 0 {
		t.Errorf("%d findings of fixed errata left of %d: the policy leaves them out", len(ids), len(left))
	}
	if _, err := a.SetPolicy(t.Context(), auth.System(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if got := open(); len(got) != len(before) {
		t.Errorf("%d findings with the default policy again, want %d", len(got), len(before))
	}
	if n := len(w.Calls()); n != 0 {
		t.Errorf("%d calls of AWS", n)
	}
}
