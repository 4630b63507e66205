package rejudge_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"hinomi/internal/app/rejudge"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/source/feed"
	"hinomi/internal/source/sbom"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/part"
	"hinomi/internal/store/storetest"
)

// sharedData returns the folder of real data that is kept beside the repository, or skips.
func sharedData(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	must(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		d := filepath.Join(filepath.Dir(dir), "shared", "data")
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatal("no folder shared/data beside the repository: set HINOMI_SHARED_DATA")
	}
	t.Skip("SKIPPED: no folder shared/data beside the repository; set HINOMI_SHARED_DATA to judge real inventories")
	return ""
}

// feedsDay is the day for which the shared feeds speak.
func feedsDay() time.Time { return time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC) }

// realAdvisories imports the shared feeds.
func realAdvisories(t testing.TB) *advisorydb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "advisories.db")
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: feedsDay()})
	must(t, err)
	defer b.Close() //nolint:errcheck // Finish says it
	_, err = feed.Import(t.Context(), filepath.Join(sharedData(t), "feeds"), b, feed.Options{Now: feedsDay()})
	must(t, err)
	_, err = b.Finish()
	must(t, err)
	db, err := advisorydb.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// TestUnitsAreTheWhole judges real inventories unit by unit, through the store: the findings, their bodies, and what could not be judged are
// those of a match of the whole, and the inventory that comes back is the one that was put in.
func TestUnitsAreTheWhole(t *testing.T) {
	advisories := realAdvisories(t)
	dir := filepath.Join(sharedData(t), "feeds-reference")
	for _, c := range []struct {
		name, file string
		edit       func(inv *inventory.Inventory)
	}{
		{"almalinux_10_with_gaps_and_libraries", "almalinux-10.osv-scanner.json", func(inv *inventory.Inventory) {
			inv.OS = inventory.OS{ID: "almalinux", VersionID: "10.0", PrettyName: "AlmaLinux 10.0"}
			inv.Kernel = inventory.Kernel{Release: "6.12.0-55.9.1.el10_0.x86_64", Running: true}
			inv.Method, inv.Covered = inventory.Agentless, []string{"/"}
			inv.Gaps = []inventory.Gap{{Path: "/opt/x", FoundBy: "java-archive", Reason: "cut short"}}
			for _, root := range []string{"/srv/a", "/srv/b"} {
				inv.Packages = append(inv.Packages, inventory.Package{Ecosystem: inventory.Cargo, Name: "time", Version: "0.1.40", Location: root + "/Cargo.lock"},
					inventory.Package{Ecosystem: inventory.Conda, Name: "zlib", Version: "1", Location: root + "/conda-meta/zlib.json"})
			}
		}},
		{"debian_12", "debian12-dpkg-status.txt", func(inv *inventory.Inventory) {
			inv.OS = inventory.OS{ID: "debian", VersionID: "12"}
			inv.Method, inv.Covered = inventory.Agentless, []string{"/"}
		}},
		{"unknown_system", "almalinux-10.osv-scanner.json", func(inv *inventory.Inventory) { inv.OS = inventory.OS{} }},
		{"other_system", "almalinux-10.osv-scanner.json", func(inv *inventory.Inventory) { inv.OS = inventory.OS{ID: "debian", VersionID: "10"} }},
		{"crates", "Cargo.lock", nil},
		{"go", "go.cdx.json", nil},
		{"only_libraries", "Cargo.lock", func(inv *inventory.Inventory) {
			inv.OS, inv.Method = inventory.OS{ID: "ubuntu", VersionID: "16.04", PrettyName: "Ubuntu 16.04"}, inventory.Agent
		}},
		{"nothing", "", func(inv *inventory.Inventory) { inv.OS = inventory.OS{ID: "debian", VersionID: "9"} }},
		{"windows", "", func(inv *inventory.Inventory) {
			inv.OS = inventory.OS{ID: "windows", VersionID: "Windows Server 2019", Build: "10.0.17763.1"}
			inv.Packages = []inventory.Package{{Ecosystem: inventory.Windows, Name: "7-Zip", Version: "19.00", Location: "registry"}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := &inventory.Inventory{}
			if c.file != "" {
				f, err := os.Open(filepath.Join(dir, c.file))
				must(t, err)
				defer f.Close() //nolint:errcheck // only read
				inv, err = sbom.Read(c.file, f, inventory.OS{})
				must(t, err)
			}
			if c.edit != nil {
				c.edit(inv)
			}
			compare(t, advisories, inv)
		})
	}
}

func compare(t *testing.T, advisories *advisorydb.DB, inv *inventory.Inventory) {
	t.Helper()
	o := vuln.Options{Now: feedsDay()}
	res := vuln.Match(inv, advisories, o)
	want, err := vuln.Findings(&res, asset.Ref{}, advisories, o.Now)
	must(t, err)
	db, clock := storetest.Open(t, sqliteURL(t))
	refs := place(t, db, clock.Now(), 1, inv)
	j := rejudge.Judge{DB: advisories, Edition: 1, Options: o, Workers: 2}
	units, err := db.UnitsToJudge(t.Context(), inv.Hash())
	must(t, err)
	verdicts, err := j.Units(t.Context(), units)
	must(t, err)
	_, _, err = db.PutVerdicts(t.Context(), o.Now, verdicts)
	must(t, err)
	kept, err := db.Inventory(t.Context(), inv.Hash())
	must(t, err)
	if kept.Hash() != inv.Hash() {
		t.Error("the inventory that comes back is another one")
	}
	notes, pending, err := db.InventoryNotes(t.Context(), inv.Hash())
	must(t, err)
	wanted := make([]part.Note, 0, len(res.NotAssessed))
	for _, n := range res.NotAssessed {
		wanted = append(wanted, part.Note{Reason: string(n.Reason), Ecosystem: n.Ecosystem, Package: n.Package, Version: n.Version, Packages: n.Packages, Detail: n.Detail})
	}
	if d := gocmp.Diff(wanted, append([]part.Note{}, notes...)); d != "" || pending {
		t.Errorf("not judged, pending %v (-whole +units):\n%s", pending, d)
	}
	got := listOf(t, db, refs[0])
	for i := range want {
		want[i].FirstSeen, want[i].LastSeen = time.Time{}, time.Time{}
	}
	byID := func(a, b finding.Finding) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(want, byID)
	slices.SortFunc(got, byID)
	if d := gocmp.Diff(append([]finding.Finding{}, want...), append([]finding.Finding{}, got...)); d != "" {
		t.Errorf("findings (-whole +units):\n%.4000s", d)
	}
	t.Logf("%d packages in %d units, %d findings, %d notes", len(inv.Packages), len(units), len(got), len(notes))
}

// listOf returns an asset's findings as the match of its inventory has them: without the asset and times.
func listOf(t *testing.T, db *store.DB, ref asset.Ref) []finding.Finding {
	t.Helper()
	var out []finding.Finding
	for from := ""; ; {
		page, next, err := db.Findings(t.Context(), auth.Everything(), store.FindingFilter{Assets: []string{ref.ID}}, from, 500)
		must(t, err)
		for _, f := range page {
			f.ID, f.Resource = f.ID[:len(f.ID)-16], asset.Ref{}
			f.FirstSeen, f.LastSeen, f.UpdatedAt = time.Time{}, time.Time{}, time.Time{}
			out = append(out, f)
		}
		if from = next; next == "" {
			return out
		}
	}
}
