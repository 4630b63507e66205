package advisorydb_test

import (
	"path/filepath"
	"slices"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
	"hinomi/internal/store/advisorydb"
)

// BenchmarkMatch measures a warm match of a real inventory and of one of 6,000 packages, made of the same ones at other versions (generated).
func BenchmarkMatch(b *testing.B) {
	db := sharedDB(b)
	inv := readInventory(b, filepath.Join(sharedData(b), "feeds-reference", "almalinux-10.osv-scanner.json"))
	big := *inv
	big.Packages = nil
	for len(big.Packages) < 6000 {
		for _, p := range inv.Packages {
			if len(big.Packages)%3 == 2 {
				p.Version = "0:" + p.Version
			}
			p.Location = string(rune('a' + len(big.Packages)/2000))
			big.Packages = append(big.Packages, p)
		}
	}
	big.Packages = slices.Clip(big.Packages[:6000])
	for _, c := range []struct {
		name string
		inv  *inventory.Inventory
	}{{"almalinux-10_1672", inv}, {"generated_6000", &big}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				res := vuln.Match(c.inv, db, vuln.Options{Now: feedsDay()})
				n = len(res.Matches)
			}
			b.ReportMetric(float64(n), "matches")
		})
	}
	b.Run("findings_almalinux-10", func(b *testing.B) {
		res := vuln.Match(inv, db, vuln.Options{Now: feedsDay()})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := vuln.Findings(&res, asset.Ref{Account: "111122223333", Region: "us-east-1", Kind: asset.KindInstance, ID: "i-1"}, db, feedsDay()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			d, err := advisorydb.Open(shared.path)
			if err != nil {
				b.Fatal(err)
			}
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
