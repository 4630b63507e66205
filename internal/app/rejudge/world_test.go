package rejudge_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/app/rejudge"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/part"
	"hinomi/internal/store/storetest"
)

// cluster is the PostgreSQL that the tests of this package share; it starts when the first test needs it.
var cluster storetest.Postgres

func TestMain(m *testing.M) {
	code := m.Run()
	cluster.Stop()
	os.Exit(code)
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "hinomi.db") }

// onBoth runs a test on both databases.
func onBoth(t *testing.T, run func(t *testing.T, db *store.DB, clock *storetest.Clock)) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			db, clock := storetest.Open(t, kind.url(t))
			run(t, db, clock)
		})
	}
}

func day() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// book is what a generated advisory database is made of. Everything in it is made up.
type book struct {
	fixed    map[string]string // advisory → package and the version that mends it, "name 1.5"
	epss     map[string]float64
	complete bool
	asOf     time.Time
}

func newBook() *book {
	return &book{fixed: map[string]string{}, epss: map[string]float64{}, complete: true, asOf: day()}
}

// open writes the book, in the order of its advisories' ids, and opens it. The caller closes it.
func (b *book) open(t testing.TB) *advisorydb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "advisories.db")
	w, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: day()})
	must(t, err)
	defer w.Close() //nolint:errcheck // Finish says it
	for _, id := range slices.Sorted(maps.Keys(b.fixed)) {
		var name, version string
		_, err := fmt.Sscan(b.fixed[id], &name, &version)
		must(t, err)
		must(t, w.Advisory(&advisory.Advisory{
			Source: "generated", ID: "GEN-" + id, Aliases: []string{"CVE-" + id}, Details: "Generated, no real vulnerability.", Word: "Important",
			Affected: []advisory.Affected{{
				Ecosystem: "Debian", Release: "12", Package: name, State: advisory.StateFixed,
				Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: version}}}},
			}},
		}))
	}
	for _, id := range slices.Sorted(maps.Keys(b.epss)) {
		must(t, w.CVE(&advisory.CVE{
			ID: "CVE-" + id, Description: "Generated.", EPSS: &advisory.EPSS{Score: b.epss[id], Percentile: b.epss[id], Date: "2026-11-01"},
			Severity: []advisory.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Source: "generated"}},
		}))
	}
	must(t, w.Feed(advisory.Feed{Name: "generated", Ecosystems: []string{"Debian:12"}, Complete: b.complete, AsOf: b.asOf}))
	_, err = w.Finish()
	must(t, err)
	db, err := advisorydb.Open(path)
	must(t, err)
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// advance brings the store to a database of advisories.
func advance(t testing.TB, db *store.DB, before, now *advisorydb.DB, at time.Time) rejudge.Report {
	t.Helper()
	a := rejudge.Advance{Store: db, Before: before, Judge: rejudge.Judge{DB: now, Options: vuln.Options{Now: at}, Workers: 2}, Progress: func(int, int) {}}
	r, err := a.Run(t.Context())
	must(t, err)
	return r
}

// host is a made inventory: packages by name and version.
func host(packages ...string) *inventory.Inventory {
	inv := &inventory.Inventory{OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agentless, Covered: []string{"/"}}
	for i := 0; i < len(packages); i += 2 {
		inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Debian, Name: packages[i], Version: packages[i+1], Location: "/var/lib/dpkg/status", FoundBy: "dpkg"})
	}
	return inv
}

// place makes n instances of which the ith has the inventory i modulo their number.
func place(t testing.TB, db *store.DB, at time.Time, n int, inventories ...*inventory.Inventory) []asset.Ref {
	t.Helper()
	w := storetest.World{Accounts: 1, Regions: 1, Instances: n, At: at}
	_, err := db.ApplySnapshot(t.Context(), "", "s", w.Snapshot())
	must(t, err)
	hashes := make([]string, len(inventories))
	must(t, inBatches(t.Context(), db, len(inventories), func(ctx context.Context, i int) error {
		var err error
		hashes[i], _, err = db.PutInventory(ctx, inventories[i])
		return err
	}))
	refs := make([]asset.Ref, n)
	must(t, inBatches(t.Context(), db, n, func(ctx context.Context, i int) error {
		in, _ := storetest.Instance(storetest.AccountName(0), storetest.RegionName(0), i)
		refs[i] = asset.RefOf(in)
		_, err := db.LinkInventory(ctx, store.InventoryLink{Ref: refs[i], Hash: hashes[i%len(hashes)], Method: inventory.Agentless, ReadAt: at})
		return err
	}))
	return refs
}

// inBatches does n things, some hundred in each transaction.
func inBatches(ctx context.Context, db *store.DB, n int, do func(ctx context.Context, i int) error) error {
	for from := 0; from < n; from += 500 {
		if err := db.InTx(ctx, func(ctx context.Context) error {
			for i := from; i < min(n, from+500); i++ {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// all lists every finding in a state as "asset CVE package".
func all(t testing.TB, db *store.DB, states ...finding.Status) []string {
	t.Helper()
	var out []string
	for from := ""; ; {
		page, next, err := db.Findings(t.Context(), auth.Everything(), store.FindingFilter{Statuses: states}, from, 7)
		must(t, err)
		for _, f := range page {
			out = append(out, f.Resource.ID+" "+f.Title+" "+f.Package.Packages[0].Version+fmt.Sprintf(" %.2f", f.Package.EPSS))
		}
		if from = next; next == "" {
			slices.Sort(out)
			return out
		}
	}
}

// inventoryOf keeps the lists of this package's tests short.
type inventoryOf = inventory.Inventory

func sources(units []part.Unit) []string {
	var out []string
	for _, u := range units {
		out = append(out, u.Source)
	}
	return out
}
