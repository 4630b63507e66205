package storetest

import (
	"slices"
	"testing"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
)

// testStatuses: each status is listed and counted alike, alone and with the others, and every finding is in one of them.
func testStatuses(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 4)
	a, b := aFinding("CVE-1", "openssl", dpkg, finding.Critical, 9.8), aFinding("CVE-2", "bash", dpkg, finding.Low, 3.1)
	h := stored(t, db, anInventory(inventory.Agentless, "/", "openssl", "bash"), clock.Now(), true, a, b)
	for _, r := range refs {
		link(t, db, r, h, inventory.Agentless, clock.Now())
	}
	list, _, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{Assets: []string{refs[1].ID}}, "", 0)
	ok(t, err)
	ok(t, db.Suppress(ctx, auth.Everything(), list[0].ID, "not reachable", "ann", time.Time{}))
	Judge(t, db.DB, h, clock.Add(time.Hour), 2, true, a) // bash's is withdrawn
	gone := World{Accounts: 1, Regions: 1, Instances: 3, At: clock.Add(time.Hour)}
	apply(t, db, "gone", gone.Snapshot()) // the fourth instance
	for _, c := range []struct {
		name     string
		statuses []finding.Status
		want     int
	}{
		{"active", []finding.Status{finding.Active}, 2},
		{"without_any", nil, 2},
		{"suppressed", []finding.Status{finding.Suppressed}, 1},
		{"closed", []finding.Status{finding.Closed}, 5}, // bash's four, and the openssl of the one that is gone
		{"twice_the_same", []finding.Status{finding.Suppressed, finding.Suppressed}, 1},
		{"all", allStatuses(), 8},
	} {
		for _, assets := range [][]string{nil, {refs[0].ID, refs[1].ID, refs[2].ID, refs[3].ID}} {
			f := store.FindingFilter{Statuses: c.statuses, Assets: assets}
			var got []string
			for from := ""; ; {
				page, next, err := db.Findings(ctx, auth.Everything(), f, from, 1)
				ok(t, err)
				for _, v := range page {
					got = append(got, v.ID+" "+string(v.Status))
					if len(c.statuses) == 1 && v.Status != c.statuses[0] {
						t.Errorf("%s: got %s", c.name, v.Status)
					}
					if one := must(db.Finding(ctx, auth.Everything(), v.ID))(t); one.Status != v.Status {
						t.Errorf("%s: listed as %s, by its ID %s", c.name, v.Status, one.Status)
					}
				}
				if from = next; next == "" {
					break
				}
			}
			n := 0
			for _, k := range must(db.CountFindings(ctx, auth.Everything(), f))(t) {
				n += k.Count
			}
			slices.Sort(got)
			if len(got) != c.want || n != c.want || len(slices.Compact(got)) != c.want {
				t.Errorf("%s of %v: listed %d, counted %d, want %d each once", c.name, assets, len(got), n, c.want)
			}
		}
	}
}
