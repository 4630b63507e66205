package store_test

import (
	"fmt"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

// BenchmarkFindings lists and counts the findings of 2,000 instances that share 100 inventories of 200 findings: 400,000 findings in 20,000 rows.
func BenchmarkFindings(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		b.Run(kind.name, func(b *testing.B) {
			url := kind.url(b)
			db, clock := storetest.Open(b, url)
			sharedFleet(b, db, clock)
			if _, err := rawDB(b, url).ExecContext(b.Context(), `ANALYZE`); err != nil { // as PostgreSQL's autovacuum does by itself
				b.Fatal(err)
			}
			var page, rest, count, one time.Duration
			for b.Loop() {
				began := time.Now()
				list, next, err := db.Findings(b.Context(), auth.Everything(), store.FindingFilter{}, "", 100)
				if err != nil || len(list) != 100 {
					b.Fatalf("%d findings: %v", len(list), err)
				}
				page += time.Since(began)
				began = time.Now()
				if _, _, err = db.Findings(b.Context(), auth.Everything(), store.FindingFilter{}, next, 100); err != nil {
					b.Fatal(err)
				}
				rest += time.Since(began)
				began = time.Now()
				counts, err := db.CountFindings(b.Context(), auth.Everything(), store.FindingFilter{})
				if err != nil || counts[0].Count == 0 {
					b.Fatal(err)
				}
				count += time.Since(began)
				began = time.Now()
				if _, err := db.Finding(b.Context(), auth.Everything(), list[50].ID); err != nil {
					b.Fatal(err)
				}
				one += time.Since(began)
			}
			for name, d := range map[string]time.Duration{"first_page": page, "next_page": rest, "count": count, "one": one} {
				b.ReportMetric(float64(d.Milliseconds())/float64(b.N), "ms/"+name)
			}
		})
	}
}

func sharedFleet(b *testing.B, db *store.DB, clock *storetest.Clock) {
	b.Helper()
	w := storetest.World{Accounts: 1, Regions: 1, Instances: 2000, At: clock.Now()}
	if _, err := db.ApplySnapshot(b.Context(), "", "s", w.Snapshot()); err != nil {
		b.Fatal(err)
	}
	hashes := make([]string, 100)
	for i := range hashes {
		inv := &inventory.Inventory{OS: inventory.OS{ID: "debian"}, Covered: []string{"/"}, Packages: []inventory.Package{{Ecosystem: inventory.Debian, Name: fmt.Sprint("p", i)}}}
		var found []finding.Finding
		for f := range 200 {
			cve := fmt.Sprint("CVE-2026-", f)
			found = append(found, finding.Finding{
				ID: finding.Fingerprint(finding.PackageVulnerability, asset.Ref{}, cve, fmt.Sprint(i)), Type: finding.PackageVulnerability, Title: cve,
				Severity: finding.Severities()[f%5], Score: float64(f%100) / 10, Package: &finding.Package{VulnerabilityID: cve, Packages: []finding.VulnerablePackage{{Ecosystem: "Debian", Name: fmt.Sprint("p", i)}}},
			})
		}
		var err error
		if hashes[i], _, err = db.PutInventory(b.Context(), inv); err != nil {
			b.Fatal(err)
		}
		storetest.Judge(b, db, hashes[i], clock.Now(), 1, true, found...)
	}
	for i := range 2000 {
		in, _ := storetest.Instance(storetest.AccountName(0), storetest.RegionName(0), i)
		if _, err := db.LinkInventory(b.Context(), store.InventoryLink{Ref: asset.RefOf(in), Hash: hashes[i%100], Method: inventory.Agentless, ReadAt: clock.Now()}); err != nil {
			b.Fatal(err)
		}
	}
}
