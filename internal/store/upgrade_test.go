package store_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
)

// TestUpgradeToParts opens a database in which inventories and their findings were kept as wholes: each finding keeps its ID, its first time
// and its state, and the inventory its content.
func TestUpgradeToParts(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			ctx, url := t.Context(), kind.url(t)
			if err := store.OpenAt(ctx, url, options(), 6); err != nil {
				t.Fatal(err)
			}
			inv := &inventory.Inventory{
				OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agentless, Covered: []string{"/"},
				Packages: []inventory.Package{
					{Ecosystem: inventory.Debian, Name: "bash", Version: "1", Location: "/var/lib/dpkg/status"},
					{Ecosystem: inventory.NPM, Name: "lodash", Version: "1", Location: "/srv/a/node_modules/lodash/package.json"},
				},
			}
			body, err := json.Marshal(inv)
			if err != nil {
				t.Fatal(err)
			}
			enc, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte("inventory\x00" + inv.Hash()))
			pk := int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
			raw := rawDB(t, url)
			exec := func(q string, args ...any) {
				t.Helper()
				if _, err := raw.ExecContext(ctx, q, args...); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			old := func(pkg, ecosystem string) string {
				b, err := json.Marshal(finding.Finding{
					Title: pkg, Type: finding.PackageVulnerability, Severity: finding.High,
					Package: &finding.Package{VulnerabilityID: "CVE-1", Packages: []finding.VulnerablePackage{{Ecosystem: ecosystem, Name: pkg}}},
				})
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			exec(`INSERT INTO asset (pk, account, region, kind, id, hash, body, first_seen, changed_at) VALUES (7, '111122223333', 'eu-west-1', 'instance', 'i-7', 'h', '{}', 1, 1)`)
			exec(`INSERT INTO inventory (pk, hash, packages, cover, body, created_at, judged_at, judged_whole) VALUES ($3, $1, 2, '{}', $2, 1, 5, 1)`, inv.Hash(), enc.EncodeAll(body, nil), pk)
			exec(`INSERT INTO inventory (pk, hash, packages, cover, body, created_at) VALUES (10, 'spoiled', 2, '{}', 'no zstd', 1)`)
			exec(`INSERT INTO asset_inventory (asset_pk, inventory_pk, method, from_at, read_at) VALUES (7, $1, 'agentless', 2, 4)`, pk)
			for _, f := range []struct {
				key, pkg, ecosystem string
				first, gone         int64
			}{{"aa", "bash", "Debian", 3, 0}, {"bb", "lodash", "npm", 1, 6}} {
				exec(`INSERT INTO inventory_finding (inventory_pk, key, type, severity, score, vulnerability, body, first_seen, gone_at) VALUES ($5, $1, 'PACKAGE_VULNERABILITY', 4, 7, 'CVE-1', $2, $3, $4)`,
					f.key, old(f.pkg, f.ecosystem), f.first, f.gone, pk)
			}
			db, err := store.Open(ctx, url, options())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close() //nolint:errcheck // of a test
			got, _, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{Statuses: []finding.Status{finding.Active, finding.Closed}}, "", 0)
			if err != nil || len(got) != 2 {
				t.Fatalf("findings %+v, %v; want both", got, err)
			}
			want := map[string]struct {
				id     string
				status finding.Status
				first  int64
			}{"bash": {"aa0000000000000007", finding.Active, 3}, "lodash": {"bb0000000000000007", finding.Closed, 2}}
			for _, f := range got {
				w := want[f.Title]
				if f.ID != w.id || f.Status != w.status || !f.FirstSeen.Equal(time.UnixMicro(w.first)) || f.Resource.ID != "i-7" {
					t.Errorf("got %+v, want %+v", f, w)
				}
			}
			counts, err := db.CountFindings(ctx, auth.Everything(), store.FindingFilter{})
			if err != nil || len(counts) != 1 || counts[0].Count != 1 {
				t.Errorf("counts %+v, %v; want one active", counts, err)
			}
			if kept, err := db.Inventory(ctx, inv.Hash()); err != nil || kept.Hash() != inv.Hash() {
				t.Errorf("inventory %+v, %v", kept, err)
			}
			if _, err := db.Inventory(ctx, "spoiled"); err == nil {
				t.Error("an inventory that cannot be read was read")
			}
			todo, err := db.UnitsToJudge(ctx, inv.Hash())
			if err != nil || len(todo) != 3 { // the frame, bash, lodash
				t.Errorf("%d units are to be judged again, want 3: %v", len(todo), err)
			}
		})
	}
}
