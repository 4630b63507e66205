package rejudge_test

import (
	"database/sql"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"hinomi/internal/app/rejudge"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
	"hinomi/internal/store/advisorydb"
	"hinomi/internal/store/storetest"
)

// Sizes of the generated fleet: each inventory is shared by 20 instances.
const (
	packagesEach = 500
	sharedBy     = 20
	versionsEach = 16  // of most packages, in the whole fleet
	vulnerable   = 200 // packages that have a finding everywhere before the new CVE comes
)

// generated is the nth of many distinct inventories (generated, no real packages). Package made-000 has another version in each of them.
func generated(n int) *inventory.Inventory {
	list := make([]string, 0, 2*packagesEach)
	for p := range packagesEach {
		v := n
		if p > 0 {
			h := fnv.New32a()
			_, _ = fmt.Fprint(h, n, "/", p) // a hash takes everything
			v = int(h.Sum32() % versionsEach)
		}
		list = append(list, fmt.Sprintf("made-%03d", p), fmt.Sprintf("1.%d-1", v))
	}
	return host(list...)
}

// BenchmarkNewAdvisory says how long a new critical CVE takes from an advisory database that has it to findings that are committed and can be
// asked for: how many of each severity, those of one instance, the first page of the worst. The fleet is generated: inventories of 500 packages,
// each shared by 20 instances, with 200 findings on every instance before. "everywhere" is a CVE in a package that is different in every
// inventory, "shared" in one of which the whole fleet has 16 versions.
func BenchmarkNewAdvisory(b *testing.B) {
	for _, n := range []int{500, 5000} {
		for _, kind := range []struct {
			name string
			url  func(testing.TB) string
		}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
			b.Run(fmt.Sprintf("instances=%d/%s", n*sharedBy, kind.name), func(b *testing.B) {
				url := kind.url(b)
				f := newFleet(b, url, n)
				for i, c := range []struct {
					name, pkg string
					units     int
				}{{"everywhere", "made-000", n}, {"shared", "made-001", min(n, versionsEach)}} {
					b.Run(c.name, func(b *testing.B) { f.newCVEs(b, c.pkg, c.units, 100*i) })
				}
			})
		}
	}
}

type fleet struct {
	db    *store.DB
	clock *storetest.Clock
	n     int
	asset string
	book  *book
	now   *advisorydb.DB
	made  int
}

func newFleet(b *testing.B, url string, n int) *fleet {
	b.Helper()
	f := &fleet{n: n, book: newBook()}
	f.db, f.clock = storetest.Open(b, url)
	began := time.Now()
	inventories := make([]*inventory.Inventory, n)
	for i := range inventories {
		inventories[i] = generated(i)
	}
	refs := place(b, f.db, f.clock.Now(), n*sharedBy, inventories...)
	f.asset = refs[n/2].ID
	b.Logf("%d instances with %d inventories kept in %s", len(refs), n, time.Since(began).Round(time.Second))
	for p := range vulnerable {
		id := fmt.Sprintf("2020-%d", 10000+p)
		f.book.fixed[id], f.book.epss[id] = fmt.Sprintf("made-%03d 9", 100+p), 0.01
	}
	f.now = f.book.open(b)
	b.Cleanup(func() { _ = f.now.Close() }) // the bench ends
	began = time.Now()
	r := advance(b, f.db, nil, f.now, day())
	b.Logf("%d units judged for the first time in %s: %d findings kept", len(r.Units), time.Since(began).Round(time.Millisecond), r.Added)
	if strings.HasPrefix(url, "postgres") {
		raw, err := sql.Open("pgx", url)
		must(b, err)
		defer raw.Close()                                //nolint:errcheck // the bench ends
		_, err = raw.ExecContext(b.Context(), `ANALYZE`) // as autovacuum does by itself
		must(b, err)
	}
	return f
}

func (f *fleet) newCVEs(b *testing.B, pkg string, units, from int) {
	var judged, count, one, page time.Duration
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		f.made++
		id := fmt.Sprintf("2026-%d", 20000+from+f.made)
		f.book.fixed[id], f.book.epss[id] = pkg+" 9999", 0.9
		next := f.book.open(b)
		before := f.now
		b.StartTimer()
		began := time.Now()
		a := rejudge.Advance{Store: f.db, Before: before, Judge: rejudge.Judge{DB: next, Options: vuln.Options{Now: day()}, Workers: 2}, Progress: func(int, int) {}}
		r, err := a.Run(b.Context())
		must(b, err)
		judged += time.Since(began)
		if len(r.Units) != units || r.Added != units {
			b.Fatalf("%+v with %d units, want %d units judged and as many findings", r.Judged, len(r.Units), units)
		}
		began = time.Now()
		counts, err := f.db.CountFindings(b.Context(), auth.Everything(), store.FindingFilter{})
		must(b, err)
		total := 0
		for _, c := range counts {
			total += c.Count
		}
		if total != (vulnerable+f.made)*f.n*sharedBy {
			b.Fatalf("%d findings, want %d", total, (vulnerable+f.made)*f.n*sharedBy)
		}
		count += time.Since(began)
		began = time.Now()
		own, _, err := f.db.Findings(b.Context(), auth.Everything(), store.FindingFilter{Assets: []string{f.asset}}, "", 1000)
		must(b, err)
		if len(own) != vulnerable+f.made {
			b.Fatalf("the instance has %d findings, want %d", len(own), vulnerable+f.made)
		}
		one += time.Since(began)
		began = time.Now()
		worst, _, err := f.db.Findings(b.Context(), auth.Everything(), store.FindingFilter{}, "", 100)
		must(b, err)
		if len(worst) != 100 || worst[0].Severity != finding.Critical {
			b.Fatalf("%d of the worst", len(worst))
		}
		page += time.Since(began)
		b.StopTimer()
		_ = before.Close() // a read-only mapping
		f.now = next
		b.StartTimer()
	}
	for name, d := range map[string]time.Duration{"judged_committed": judged, "count": count, "one_instance": one, "worst_page": page, "all": judged + count + one + page} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), "ms/"+name)
	}
	b.ReportMetric(0, "ns/op") // with what it takes to make the advisories
}
