package vuln_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/evaluate/vuln"
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
	defer f.Close()
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
