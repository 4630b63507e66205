package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/store"
)

// open returns an installation in a temporary folder.
func open(t *testing.T, change func(*app.Config)) *app.App {
	t.Helper()
	dir := t.TempDir()
	cfg := app.Config{
		DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hinomi.db"), Advisories: filepath.Join(dir, "advisories.db"),
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	if change != nil {
		change(&cfg)
	}
	a, err := app.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// TestDemonstrate holds the whole line on the example against a list that was made in another way (examples/README.md).
func TestDemonstrate(t *testing.T) {
	ctx := context.Background()
	a := open(t, nil)
	out, err := a.Demonstrate(ctx, filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Disks) != 1 {
		t.Fatalf("got %d disks, want 1", len(out.Disks))
	}
	found := all(t, func(from string) ([]finding.Finding, string, error) {
		return a.Store().Findings(ctx, auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability, finding.EndOfLife}}, from, 1000)
	})
	if d := cmp.Diff(expectedRows(t), rowsOf(found)); d != "" {
		t.Errorf("what is wrong with the disk differs (-want +got):\n%s", d)
	}
	if out.World.Observed.Counts.Instances != 61 {
		t.Errorf("got %d instances, want 61", out.World.Observed.Counts.Instances)
	}
	f := store.FindingFilter{Types: []finding.Type{finding.NetworkReachability}, Severities: []finding.Severity{finding.High}}
	open, _, err := a.Store().Findings(ctx, auth.Everything(), f, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var ways []string
	for _, w := range open {
		ways = append(ways, w.Resource.ID+" "+w.Title)
	}
	slices.Sort(ways)
	want := []string{
		"i-00a1772f8e292ecb2 tcp 8080 is reachable from the internet (proxy)",
		"i-025f7e1c5729c619f tcp 22 is reachable from the internet (SSH)",
		"i-025f7e1c5729c619f tcp 3389 is reachable from the internet (RDP)",
	}
	if d := cmp.Diff(want, ways); d != "" {
		t.Errorf("ways in differ (-want +got):\n%s", d)
	}
	covered(t, a)
	again, err := a.Demonstrate(ctx, filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	if c := again.World.Observed; c.Counts.Added+c.Counts.Changed+c.Counts.Gone != 0 || c.Changes.Opened+c.Changes.Closed+c.Changes.Reopened != 0 {
		t.Errorf("the same world again changed %+v", c)
	}
	if d := cmp.Diff(out.Findings, again.Findings); d != "" {
		t.Errorf("the same world again has other findings:\n%s", d)
	}
}

// covered checks that every instance has a status for every type of scan, and that the gap of the example is told, not called clean.
func covered(t *testing.T, a *app.App) {
	t.Helper()
	counts, err := a.Store().CountCoverage(context.Background(), auth.Everything(), store.CoverageFilter{})
	if err != nil {
		t.Fatal(err)
	}
	total := map[coverage.Scan]int{}
	unclear := 0
	for _, c := range counts {
		total[c.Scan] += c.Count
		if c.Scan == coverage.NetworkScan && c.Reason == coverage.NotFullyAssessed {
			unclear += c.Count
		}
	}
	want := map[coverage.Scan]int{coverage.PackageScan: 61, coverage.NetworkScan: 61, coverage.RuleScan: 61}
	if d := cmp.Diff(want, total); d != "" {
		t.Errorf("coverage per type of scan differs (-want +got):\n%s", d)
	}
	if unclear == 0 {
		t.Error("the network ACLs that were not read left every instance fully assessed")
	}
}

func expectedRows(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "examples", "expected-findings.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// rowsOf returns ecosystem, package, version and advisory of findings, each once.
func rowsOf(list []finding.Finding) []string {
	var out []string
	for _, f := range list {
		if f.Package == nil {
			continue
		}
		for _, p := range f.Package.Packages {
			for _, id := range f.Package.Advisories {
				out = append(out, strings.Join([]string{p.Ecosystem, p.Name, p.Version, id}, "\t"))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
