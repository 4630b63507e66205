package advisorydb_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/store/advisorydb"
)

// content is what a database of these tests is made of.
type content struct {
	advisories []*advisory.Advisory
	cves       []advisory.CVE
	cycles     []advisory.Lifecycle
	repos      []advisory.Repository
}

func some(n int) content {
	c := content{
		cves:   []advisory.CVE{{ID: "CVE-2026-00001", EPSS: &advisory.EPSS{Score: 0.5, Date: "2026-08-20"}}, {ID: "CVE-2026-00002", Description: "x"}},
		cycles: []advisory.Lifecycle{{Product: "test", Release: "1", EOL: day()}, {Product: "other", Release: "1", EOL: day()}},
	}
	for i := range n {
		c.advisories = append(c.advisories, advisoryN(i))
	}
	return c
}

func (c content) open(t *testing.T) *advisorydb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: day(), Memory: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // Finish says it
	for _, a := range c.advisories {
		err = errors.Join(err, b.Advisory(a))
	}
	for i := range c.cves {
		err = errors.Join(err, b.CVE(&c.cves[i]))
	}
	for _, l := range c.cycles {
		err = errors.Join(err, b.Lifecycle(l))
	}
	for _, r := range c.repos {
		err = errors.Join(err, b.Repository(r))
	}
	if _, e := b.Finish(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	db, err := advisorydb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // of a test
	return db
}

func TestChanged(t *testing.T) {
	fresh := advisoryN(9999)
	fresh.Affected = fresh.Affected[:1]
	fresh.Affected[0].Package = "package-7"
	before := some(300).open(t)
	for _, c := range []struct {
		name string
		edit func(c *content)
		want []string
	}{
		{"nothing", func(*content) {}, nil},
		// Every document has another number now.
		{"new_advisory_first", func(c *content) { c.advisories = slices.Insert(c.advisories, 0, fresh) }, []string{"Test:1/package-7"}},
		{"gone", func(c *content) { c.advisories = slices.Delete(c.advisories, 100, 101) }, []string{"Test:1/package-100", "Test:1/package-101", "Test:1/package-102"}},
		{"another_fix", func(c *content) { c.advisories[5].Affected[0].Ranges[0].Events[1].Fixed = "9" }, []string{"Test:1/package-5"}},
		{"another_text", func(c *content) { c.advisories[5].Details = "x" }, []string{"Test:1/package-5", "Test:1/package-6", "Test:1/package-7"}},
		{"withdrawn", func(c *content) { c.advisories[5].Withdrawn = day() }, []string{"Test:1/package-5", "Test:1/package-6", "Test:1/package-7"}},
		{"another_release", func(c *content) { c.advisories[299].Affected[2].Release = "2" }, []string{"Test:1/package-301", "Test:2/package-301"}},
		{"estimate", func(c *content) { c.cves[0].EPSS = &advisory.EPSS{Score: 0.6, Date: "2026-08-21"} }, []string{"CVE-2026-00001"}},
		{"status", func(c *content) { c.cves[0].Status = "Analyzed" }, []string{"CVE-2026-00001"}},
		{"new_cve", func(c *content) { c.cves = append(c.cves, advisory.CVE{ID: "CVE-2026-00003", Rejected: true}) }, []string{"CVE-2026-00003"}},
		{"end_of_support", func(c *content) { c.cycles[1].EOL = day().Add(24 * time.Hour) }, []string{"other"}},
		{"repository", func(c *content) {
			c.repos = append(c.repos, advisory.Repository{Ecosystem: "Red Hat", ID: "rhel-9-baseos", Releases: []string{"enterprise_linux:9::baseos"}})
		}, []string{"rhel-9-baseos"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := some(300)
			c.edit(&now)
			after := now.open(t)
			for _, way := range []struct {
				name string
				x, y *advisorydb.DB
			}{{"forward", before, after}, {"back", after, before}} {
				var got []string
				if err := advisorydb.Changed(t.Context(), way.x, way.y, func(d advisorydb.Change) error {
					switch {
					case d.CVE != "":
						got = append(got, d.CVE)
						if d.Ask != advisorydb.AskCVE(d.CVE) {
							t.Errorf("ask of %s", d.CVE)
						}
					case d.Repository != "":
						got = append(got, d.Repository)
						if d.Ask != advisorydb.AskRepository("Red Hat", d.Repository) {
							t.Errorf("ask of %s", d.Repository)
						}
					case d.Product != "":
						got = append(got, d.Product)
						if d.Ask != advisorydb.AskLifecycle(d.Product) {
							t.Errorf("ask of %s", d.Product)
						}
					default:
						got = append(got, advisory.JoinEcosystem(d.Coordinate.Ecosystem, d.Coordinate.Release)+"/"+d.Coordinate.Package)
						if d.Ask != advisorydb.AskPackage(d.Coordinate) {
							t.Errorf("ask of %+v", d.Coordinate)
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				slices.Sort(got)
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("%s: changed (-want +got):\n%s", way.name, d)
				}
			}
		})
	}
}

func TestChangedEnds(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	err := advisorydb.Changed(t.Context(), content{}.open(t), some(50).open(t), func(advisorydb.Change) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d changes, want the visitor's error after one", err, n)
	}
}

func TestRepository(t *testing.T) {
	db := content{repos: []advisory.Repository{
		{Ecosystem: "Red Hat", ID: "a", Releases: []string{"x", "y"}, Paths: []string{"p"}}, {Ecosystem: "Red Hat", ID: "a", Releases: []string{"y", "z"}},
	}}.open(t)
	got, ok, err := db.Repository("Red Hat", "a")
	want := advisory.Repository{Ecosystem: "Red Hat", ID: "a", Releases: []string{"x", "y", "z"}, Paths: []string{"p"}}
	if d := cmp.Diff(want, got); d != "" || !ok || err != nil {
		t.Errorf("%v, %v (-want +got):\n%s", ok, err, d)
	}
	if _, ok, err := db.Repository("Red Hat", "b"); ok || err != nil {
		t.Errorf("unknown: %v, %v", ok, err)
	}
}
