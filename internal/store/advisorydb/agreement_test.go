package advisorydb_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
)

// TestAgreement compares our matches with those that osv-scanner v2.4.0 gave for the same inventories and the same feeds.
func TestAgreement(t *testing.T) {
	db := sharedDB(t)
	dir := filepath.Join(sharedData(t), "feeds-reference")
	for _, c := range []struct{ name, file, want string }{
		{"alma10_osv_scanner", "almalinux-10.osv-scanner.json", "alma10.findings.tsv"},
		{"alma10_cyclonedx", "almalinux-10.cdx.json", "alma10.findings.tsv"},
		{"go", "go.cdx.json", "go.findings.tsv"},
		{"crates", "Cargo.lock", "crates.findings.tsv"},
		{"maven", "gradle.lockfile", "maven.findings.tsv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := readInventory(t, filepath.Join(dir, c.file))
			for _, g := range inv.Gaps {
				t.Errorf("gap in %s: %+v", c.file, g)
			}
			res := vuln.Match(inv, db, vuln.Options{Now: feedsDay()})
			got := tsvSet(vuln.TSV(vuln.Rows(&res)))
			b, err := os.ReadFile(filepath.Join(dir, c.want))
			if err != nil {
				t.Fatal(err)
			}
			want := tsvSet(string(b))
			equal, bad := 0, 0
			for r := range want {
				if got[r] {
					equal++
					continue
				}
				bad++
				t.Errorf("missing: %s", r)
			}
			for r := range got {
				if !want[r] {
					bad++
					t.Errorf("ours alone: %s", r)
				}
			}
			t.Logf("%s: %d packages, %d rows equal, %d different; counts %+v; not assessed %+v", c.file, len(inv.Packages), equal, bad, res.Counts, res.NotAssessed)
		})
	}
}

func readInventory(tb testing.TB, name string) *inventory.Inventory {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	inv, err := sbom.Read(filepath.Base(name), f, inventory.OS{})
	if err != nil {
		tb.Fatal(err)
	}
	return inv
}

func tsvSet(s string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			out[line] = true
		}
	}
	return out
}

// TestFindingsOfRealInventory makes findings of a real inventory with all feeds: each is whole.
func TestFindingsOfRealInventory(t *testing.T) {
	db := sharedDB(t)
	inv := readInventory(t, filepath.Join(sharedData(t), "feeds-reference", "almalinux-10.osv-scanner.json"))
	res := vuln.Match(inv, db, vuln.Options{Now: feedsDay()})
	got, err := vuln.Findings(&res, asset.Ref{Account: "111122223333", Region: "us-east-1", Kind: asset.KindInstance, ID: "i-1"}, db, feedsDay())
	if err != nil {
		t.Fatal(err)
	}
	seen, by := map[string]bool{}, map[finding.Severity]int{}
	for _, f := range got {
		if seen[f.ID] || f.Description == "" || len(f.Why) == 0 || len(f.Package.Packages) == 0 || f.Package.SeveritySource == "" || f.Package.FixAvailable != "YES" {
			t.Fatalf("got %+v", f)
		}
		seen[f.ID] = true
		by[f.Severity]++
	}
	if len(got) < 500 || by[finding.Critical] == 0 {
		t.Errorf("%d findings: %v", len(got), by)
	}
	t.Logf("%d matches, %d findings: %v", len(res.Matches), len(got), by)
	later := vuln.Match(inv, db, vuln.Options{Now: feedsDay().AddDate(0, 3, 0)})
	if len(later.Matches) != len(res.Matches) || !slices.ContainsFunc(later.NotAssessed, func(n vuln.NotAssessed) bool { return n.Reason == vuln.FeedStale && n.Packages == len(inv.Packages) }) {
		t.Errorf("three months later: %d matches, %+v", len(later.Matches), later.NotAssessed)
	}
}
