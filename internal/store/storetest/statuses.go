package storetest

import (
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
	ok(t, db.Suppress(ctx, auth.Everything(), list[0].ID, "r", "ann", time.Time{}))
	Judge(t, db.DB, h, clock.Add(time.Hour), 2, true, a)                                                               // bash's is withdrawn
	apply(t, db, "gone", World{Accounts: 1, Regions: 1, Instances: 3, At: clock.Add(time.Hour)}.Snapshot())            // the fourth instance
	for st, want := range map[finding.Status]int{finding.Active: 2, finding.Suppressed: 1, finding.Closed: 5, "": 8} { // closed: bash's four, openssl of the gone one
		f := store.FindingFilter{Statuses: []finding.Status{st, st}}
		if st == "" {
			f.Statuses = allStatuses()
		}
		for _, f.Assets = range [][]string{nil, {refs[0].ID, refs[1].ID, refs[2].ID, refs[3].ID}} {
			got := map[string]bool{}
			for from, more := "", true; more; more = from != "" {
				page, next, err := db.Findings(ctx, auth.Everything(), f, from, 1)
				ok(t, err)
				for _, v := range page {
					if got[v.ID] || st != "" && v.Status != st || must(db.Finding(ctx, auth.Everything(), v.ID))(t).Status != v.Status {
						t.Errorf("%q: listed twice, or as %s", st, v.Status)
					}
					got[v.ID] = true
				}
				from = next
			}
			n := 0
			for _, k := range must(db.CountFindings(ctx, auth.Everything(), f))(t) {
				n += k.Count
			}
			if len(got) != want || n != want {
				t.Errorf("%q of %v: listed %d, counted %d, want %d", st, f.Assets, len(got), n, want)
			}
		}
	}
}
