package storetest

import (
	"testing"
	"time"

	"hinomi/internal/finding"
	"hinomi/internal/store"
	"hinomi/internal/store/part"
)

// Judge keeps what was found in a whole inventory, unit by unit, as an evaluation with the advisories of an edition would.
func Judge(t testing.TB, db *store.DB, hash string, at time.Time, edition int64, whole bool, found ...finding.Finding) store.Judged {
	t.Helper()
	keys, err := db.UnitsOf(t.Context(), hash)
	ok(t, err)
	units, err := db.Units(t.Context(), keys)
	ok(t, err)
	verdicts := make([]part.Verdict, len(units))
	places := map[[2]string]int{}
	for i, u := range units {
		verdicts[i] = part.Verdict{Unit: u.PK, Group: u.Group, Edition: edition, Whole: whole}
		places[[2]string{u.Ecosystem, u.Source}] = i
	}
	for _, f := range found {
		i, has := places[part.Place(&f)]
		if !has {
			t.Fatalf("finding %s is of %v, which inventory %s does not hold", f.Title, part.Place(&f), hash)
		}
		verdicts[i].Findings = append(verdicts[i].Findings, f)
	}
	out, _, err := db.PutVerdicts(t.Context(), at, verdicts)
	ok(t, err)
	return out
}
