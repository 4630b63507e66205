package rejudge_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app/rejudge"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/storetest"
)

// TestAdvance follows one CVE through its life: only the unit that it touches is judged, whatever the number of instances.
func TestAdvance(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		refs := place(t, db, clock.Now(), 6, host("bash", "1", "openssl", "3"), host("bash", "1", "openssl", "4"), host("bash", "1"))
		b := newBook()
		b.fixed["2026-1001"] = "bash 2"
		first := b.open(t)
		defer first.Close() //nolint:errcheck // of a test
		// The frame, bash, openssl 3, openssl 4: six instances, three inventories.
		if r := advance(t, db, nil, first, clock.Now()); !r.All || len(r.Units) != 4 || r.Added != 1 {
			t.Errorf("first: %+v", r)
		}
		if r := advance(t, db, first, first, clock.Now()); r.All || len(r.Units) != 0 || r.Keys != 0 {
			t.Errorf("again: %+v", r)
		}
		if got := all(t, db, finding.Active); len(got) != 6 {
			t.Errorf("active: %v", got)
		}

		b.fixed["2026-1002"] = "openssl 4"
		second := b.open(t)
		defer second.Close() //nolint:errcheck // of a test
		t1 := clock.Add(time.Hour)
		if r := advance(t, db, first, second, t1); r.All || r.Keys != 1 || len(r.Units) != 2 || r.Added != 1 {
			t.Errorf("a new advisory: %+v, want the two units of openssl judged and one finding", r)
		}
		list, _, err := db.Findings(t.Context(), auth.Everything(), store.FindingFilter{Vulnerabilities: []string{"CVE-2026-1002"}}, "", 0)
		must(t, err)
		if len(list) != 2 || !list[0].FirstSeen.Equal(t1) || list[0].Status != finding.Active {
			t.Errorf("findings of the new CVE: %+v", list)
		}

		// A score moves: the units that have the finding are judged, nothing else.
		b.epss["2026-1002"] = 0.5
		third := b.open(t)
		defer third.Close() //nolint:errcheck // of a test
		if r := advance(t, db, second, third, clock.Add(time.Hour)); len(r.Units) != 1 || r.Changed != 1 || r.Added != 0 {
			t.Errorf("a score: %+v", r)
		}

		// The feed becomes a subset: everything of the ecosystem is noted, and its silence closes nothing.
		b.complete = false
		delete(b.fixed, "2026-1002")
		fourth := b.open(t)
		defer fourth.Close() //nolint:errcheck // of a test
		if r := advance(t, db, third, fourth, clock.Add(time.Hour)); len(r.Units) != 4 || len(r.Noted) != 3 || r.Gone != 0 {
			t.Errorf("a subset: %+v", r)
		}
		notes, pending, err := db.InventoryNotes(t.Context(), host("bash", "1", "openssl", "3").Hash())
		must(t, err)
		if len(notes) != 1 || notes[0].Packages != 2 || notes[0].Reason != string(vuln.FeedIncomplete) || pending {
			t.Errorf("notes: %+v, %v", notes, pending)
		}
		if n := len(all(t, db, finding.Active)); n != 8 {
			t.Errorf("%d active, want all 8", n)
		}
		// It is complete again: now it is gone for good.
		b.complete = true
		fifth := b.open(t)
		defer fifth.Close() //nolint:errcheck // of a test
		if r := advance(t, db, fourth, fifth, clock.Add(time.Hour)); r.Gone != 1 {
			t.Errorf("withdrawn: %+v", r)
		}
		if got := all(t, db, finding.Closed); len(got) != 2 {
			t.Errorf("closed: %v", got)
		}
		// A week later the same file is stale: said without a new file.
		if r := advance(t, db, fifth, fifth, clock.Add(8*24*time.Hour)); len(r.Units) != 4 || len(r.Noted) != 3 || r.Keys != 0 {
			t.Errorf("stale: %+v", r)
		}
		if hashes, err := db.NotedInventories(t.Context(), advanceUnits(t, db)); err != nil || len(hashes) != 3 {
			t.Errorf("inventories: %v, %v", hashes, err)
		}
		_ = refs
	})
}

func advanceUnits(t *testing.T, db *store.DB) []int64 {
	t.Helper()
	units, err := db.UnitsOf(t.Context(), host("bash", "1").Hash())
	must(t, err)
	return units
}

// TestAdvanceIsWhole changes advisories at random, many times: judging what changed gives what judging everything gives.
func TestAdvanceIsWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		rnd := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same every time
		names := []string{"a", "b", "c", "d", "e", "f"}
		var hosts [][]string
		for range 6 {
			var h []string
			for _, n := range names {
				if rnd.IntN(4) > 0 {
					h = append(h, n, fmt.Sprint(1+rnd.IntN(4)))
				}
			}
			hosts = append(hosts, h)
		}
		fill := func(db *store.DB) {
			list := make([]*inventoryOf, 0, len(hosts))
			for _, h := range hosts {
				list = append(list, host(h...))
			}
			place(t, db, day(), 9, list...)
		}
		fill(db)
		fresh, _ := storetest.Open(t, sqliteURL(t)) // judged wholly each time
		fill(fresh)
		b := newBook()
		var before *advisorydb.DB
		for step := range 12 {
			for range 1 + rnd.IntN(3) {
				id := fmt.Sprintf("2026-1%03d", rnd.IntN(12))
				switch rnd.IntN(4) {
				case 0:
					delete(b.fixed, id)
				case 1:
					b.epss[id] = float64(rnd.IntN(100)) / 100
				default:
					b.fixed[id] = fmt.Sprint(names[rnd.IntN(len(names))], " ", 1+rnd.IntN(5))
				}
			}
			now := b.open(t)
			defer now.Close() //nolint:errcheck // of a test
			at := clock.Add(time.Hour)
			r := advance(t, db, before, now, at)
			whole := advance(t, fresh, nil, now, at)
			if step > 0 && (r.All || !whole.All) {
				t.Fatalf("step %d: by what changed %+v, by everything %+v", step, r, whole)
			}
			if d := cmp.Diff(all(t, fresh, finding.Active), all(t, db, finding.Active)); d != "" {
				t.Fatalf("step %d (-everything +what changed):\n%s", step, d)
			}
			counted(t, db)
			before = now
		}
	})
}

// counted compares the counts with what the list holds.
func counted(t *testing.T, db *store.DB) {
	t.Helper()
	for _, st := range []finding.Status{finding.Active, finding.Closed, finding.Suppressed} {
		counts, err := db.CountFindings(t.Context(), auth.Everything(), store.FindingFilter{Statuses: []finding.Status{st}})
		must(t, err)
		n := 0
		for _, c := range counts {
			n += c.Count
		}
		if want := len(all(t, db, st)); n != want {
			t.Fatalf("%s: counted %d, listed %d", st, n, want)
		}
	}
}

// TestAdvanceAfterCrash: a run that ended in its midst, and whose file before is gone, is made good by the next.
func TestAdvanceAfterCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		place(t, db, clock.Now(), 2, host("bash", "1", "openssl", "3"))
		b := newBook()
		first := b.open(t)
		defer first.Close() //nolint:errcheck // of a test
		advance(t, db, nil, first, clock.Now())
		b.fixed["2026-1001"] = "bash 2"
		second := b.open(t)
		defer second.Close() //nolint:errcheck // of a test
		// As after a kill: an edition was begun, the file is swapped, nothing else is known.
		if _, err := db.BeginEdition(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := advance(t, db, nil, second, clock.Now()); !r.All || len(r.Units) != 3 || r.Added != 1 {
			t.Errorf("after a crash: %+v", r)
		}
		// A scan that had matched with the old file and comes late changes nothing, and one with an unknown file is judged again.
		units, err := db.UnitsOf(t.Context(), host("bash", "1", "openssl", "3").Hash())
		must(t, err)
		list, err := db.Units(t.Context(), units)
		must(t, err)
		for _, edition := range []int64{0, 1} {
			j := rejudge.Judge{DB: first, Edition: edition, Options: vuln.Options{Now: clock.Now()}}
			old, err := j.Units(t.Context(), list)
			must(t, err)
			if out, _, err := db.PutVerdicts(t.Context(), clock.Now(), old); err != nil || out != (store.Judged{}) {
				t.Errorf("edition %d: an old verdict changed %+v, %v", edition, out, err)
			}
		}
		if got := all(t, db, finding.Active); len(got) != 2 {
			t.Errorf("active: %v", got)
		}
		place(t, db, clock.Add(time.Hour), 2, host("bash", "1", "openssl", "2")) // a new unit
		late, err := db.UnitsToJudge(t.Context(), host("bash", "1", "openssl", "2").Hash())
		must(t, err)
		j := rejudge.Judge{DB: first, Edition: 1, Options: vuln.Options{Now: clock.Now()}}
		verdicts, err := j.Units(t.Context(), late)
		must(t, err)
		_, _, err = db.PutVerdicts(t.Context(), clock.Now(), verdicts)
		must(t, err)
		if again, err := db.UnitsToJudge(t.Context(), host("bash", "1", "openssl", "2").Hash()); err != nil || len(again) != 1 || !slices.Equal(sources(again), []string{"openssl"}) {
			t.Errorf("judged with an older edition: %v are to be judged, %v; want openssl", sources(again), err)
		}
	})
}
