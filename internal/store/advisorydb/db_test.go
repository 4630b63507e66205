package advisorydb_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/store/advisorydb"
)

// The database is what matching looks things up in.
var _ vuln.Lookup = (*advisorydb.DB)(nil)

func day() time.Time { return time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC) }

// advisoryN makes the n-th of many advisories (generated).
func advisoryN(n int) *advisory.Advisory {
	a := &advisory.Advisory{
		Source: "osv/Test", ID: fmt.Sprintf("TEST-%06d", n), Aliases: []string{fmt.Sprintf("CVE-2026-%05d", n)}, Summary: "summary",
		Details: strings.Repeat(fmt.Sprintf("details of %d. ", n), 20), Published: day(), Modified: day().Add(time.Hour), Word: "Important",
		CWEs: []string{"CWE-79"}, URLs: []string{"https://example.com/a", "https://example.com/b"},
		Severity: []advisory.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Source: "x"}},
	}
	for i := range 3 {
		a.Affected = append(a.Affected, advisory.Affected{
			Ecosystem: "Test", Release: "1", Package: fmt.Sprintf("package-%d", (n+i)%500), State: advisory.StateFixed, Arches: []string{"x86_64"},
			KB: "KB5034127", Supersedes: []string{"KB5033371"}, Justification: advisory.CodeNotPresent,
			Versions: []string{"1.0"}, Repo: "extras", Module: "m:1", Severity: []advisory.Severity{{Type: "Ubuntu", Score: "high"}},
			Ranges: []advisory.Range{
				{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: fmt.Sprintf("1.%d", n)}}},
				{Type: "SEMVER", Events: []advisory.Event{{Introduced: "2"}, {LastAffected: "2.5"}, {Limit: "3"}}},
			},
		})
	}
	return a
}

// build writes n advisories and some CVEs.
func build(tb testing.TB, path string, n int, o advisorydb.Options) advisorydb.Meta {
	tb.Helper()
	o.Now = day()
	b, err := advisorydb.NewBuilder(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	}()
	for i := range n {
		if err := b.Advisory(advisoryN(i)); err != nil {
			tb.Fatal(err)
		}
	}
	id := "CVE-2026-00001"
	for _, c := range []advisory.CVE{
		{ID: id, Severity: []advisory.Severity{{Type: "CVSS_V3", Score: "v", Source: "nvd"}}, CWEs: []string{"CWE-1"}, Published: day()},
		{ID: id, EPSS: &advisory.EPSS{Score: 0.5, Percentile: 0.9, Date: "2026-08-20"}},
		{ID: id, EPSS: &advisory.EPSS{Score: 0.6, Percentile: 0.95, Date: "2026-08-21"}},
		{ID: id, EPSS: &advisory.EPSS{Score: 0.1, Percentile: 0.2, Date: "2026-08-01"}},
		{ID: id, Description: "text", KEV: &advisory.KEV{Added: "2026-01-01", Due: "2026-01-22", Action: "update", Ransomware: true}},
		{ID: id, Status: "Awaiting Analysis"},
		{ID: id, Description: "later text", SSVC: &advisory.SSVC{Exploitation: "active", Automatable: "yes", TechnicalImpact: "total"}},
	} {
		if err := b.CVE(&c); err != nil {
			tb.Fatal(err)
		}
	}
	for _, r := range []string{"1", "2"} {
		if err := b.Lifecycle(advisory.Lifecycle{Product: "test", Release: r, EOL: day(), Source: "s"}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := b.Feed(advisory.Feed{Name: "osv/Test", Rows: 3 * n, Complete: true, Ecosystems: []string{"Test:1"}}); err != nil {
		tb.Fatal(err)
	}
	m, err := b.Finish()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func open(tb testing.TB, path string) *advisorydb.DB {
	tb.Helper()
	db, err := advisorydb.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func rows(tb testing.TB, db *advisorydb.DB, at advisory.Coordinate) []advisory.Row {
	tb.Helper()
	var out []advisory.Row
	err := db.Affected(at, func(r *advisory.Row) {
		c := *r
		c.Ranges = nil
		for _, g := range r.Ranges { // the database uses them again
			g.Events = slices.Clone(g.Events)
			c.Ranges = append(c.Ranges, g)
		}
		out = append(out, c)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestRoundTrip gives back what was put in, whether the records fitted into memory or were sorted on disk in many runs.
func TestRoundTrip(t *testing.T) {
	const n = 4000
	for _, memory := range []int{0, 100 << 10} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "advisories.db")
			m := build(t, path, n, advisorydb.Options{Memory: memory})
			if m.Documents != n || m.Rows != 3*n || m.CVEs != 1 || m.Lifecycles != 2 {
				t.Errorf("meta %+v", m)
			}
			db := open(t, path)
			if err := db.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			total := 0
			for p := range 500 {
				for _, r := range rows(t, db, advisory.Coordinate{Ecosystem: "Test", Release: "1", Package: fmt.Sprintf("package-%d", p)}) {
					total++
					checkRow(t, db, r)
				}
			}
			if total != 3*n {
				t.Errorf("got %d rows, want %d", total, 3*n)
			}
			for _, at := range []advisory.Coordinate{{Ecosystem: "Test", Release: "2", Package: "package-1"}, {Ecosystem: "Test", Release: "1", Package: "none"}, {}} {
				if r := rows(t, db, at); len(r) != 0 {
					t.Errorf("%+v: got %d rows, want none", at, len(r))
				}
			}
			if l, _ := filepath.Glob(filepath.Join(dir, ".advisories-*")); len(l) != 0 {
				t.Errorf("left behind: %q", l)
			}
		})
	}
}

func checkRow(t *testing.T, db *advisorydb.DB, r advisory.Row) {
	t.Helper()
	a, err := db.Advisory(r.Doc)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscanf(a.ID, "TEST-%d", &n); err != nil {
		t.Fatal(err)
	}
	want := advisoryN(n)
	i := slices.IndexFunc(want.Affected, func(f advisory.Affected) bool { return f.Package == r.Package })
	if i < 0 {
		t.Fatalf("%s does not name %s", a.ID, r.Package)
	}
	if diff := cmp.Diff(want.Affected[i], r.Affected); diff != "" {
		t.Fatal(diff)
	}
	text, err := db.Text(r.Doc)
	if err != nil || text != want.Details {
		t.Fatalf("text of %s: %q, %v", a.ID, text, err)
	}
	want.Affected, want.Details, want.URLs = nil, "", want.URLs[:1]
	if diff := cmp.Diff(want, a); diff != "" {
		t.Fatal(diff)
	}
}

func TestJoined(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	build(t, path, 2, advisorydb.Options{})
	db := open(t, path)
	c, ok, err := db.CVE("CVE-2026-00001")
	want := advisory.CVE{
		ID: "CVE-2026-00001", Description: "text", Severity: []advisory.Severity{{Type: "CVSS_V3", Score: "v", Source: "nvd"}}, CWEs: []string{"CWE-1"},
		Published: day(), EPSS: &advisory.EPSS{Score: 0.6, Percentile: 0.95, Date: "2026-08-21"},
		KEV:  &advisory.KEV{Added: "2026-01-01", Due: "2026-01-22", Action: "update", Ransomware: true},
		SSVC: &advisory.SSVC{Exploitation: "active", Automatable: "yes", TechnicalImpact: "total"}, Status: "Awaiting Analysis",
	}
	if diff := cmp.Diff(want, c); diff != "" || !ok || err != nil {
		t.Error(diff, ok, err)
	}
	if _, ok, err := db.CVE("CVE-2026-99999"); ok || err != nil {
		t.Error("an unknown CVE is known", err)
	}
	if l, err := db.Lifecycles("test"); err != nil || len(l) != 2 || l[1].Release != "2" {
		t.Errorf("lifecycles %+v, %v", l, err)
	}
	if d, err := db.Documents("CVE-2026-00001"); err != nil || !slices.Equal(d, []advisory.Doc{1}) {
		t.Errorf("documents %v, %v", d, err)
	}
	if f := db.Feeds(); len(f) != 1 || f[0].Name != "osv/Test" {
		t.Errorf("feeds %+v", f)
	}
}

// TestDuplicateRows keeps one row where a document repeats itself, once for each architecture say.
func TestDuplicateRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: day()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	f := advisory.Affected{Ecosystem: "Rocky Linux", Release: "9", Package: "bcel", Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1"}}}}}
	if err := b.Advisory(&advisory.Advisory{ID: "RLSA-1", Affected: []advisory.Affected{f, f, f}, Withdrawn: advisory.Undated()}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	got := rows(t, open(t, path), advisory.Coordinate{Ecosystem: "Rocky Linux", Release: "9", Package: "bcel"})
	if len(got) != 1 || !got[0].Withdrawn {
		t.Errorf("got %+v", got)
	}
}

func TestCanonicalNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	b, err := advisorydb.NewBuilder(path, advisorydb.Options{Now: day()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if err := b.Advisory(&advisory.Advisory{ID: "PYSEC-1", Affected: []advisory.Affected{{Ecosystem: "PyPI", Package: "Foo._-Bar"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, open(t, path), advisory.Coordinate{Ecosystem: "PyPI", Package: "foo-bar"}); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	build(t, good, 50, advisorydb.Options{})
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte { c := bytes.Clone(b); c[i] ^= 0x40; return c }
	older := bytes.Clone(b)
	older[8] = 0
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, advisorydb.ErrFormat},
		{"short", b[:100], advisorydb.ErrFormat},
		{"other", bytes.Repeat([]byte("x"), 4096), advisorydb.ErrFormat},
		{"older_version", older, advisorydb.ErrFormat},
		{"header_changed", flip(40), advisorydb.ErrCorrupt},
		{"cut", b[:len(b)-1], advisorydb.ErrCorrupt},
		{"cut_in_half", b[:len(b)/2], advisorydb.ErrCorrupt},
		{"longer", append(bytes.Clone(b), 0), advisorydb.ErrCorrupt},
		{"meta_changed", flip(len(b) - 20), advisorydb.ErrCorrupt},
	} {
		p := filepath.Join(dir, c.name+".db")
		if err := os.WriteFile(p, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := advisorydb.Open(p)
		if err == nil {
			_ = db.Close()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: got %v, want %v and the path", c.name, err, c.want)
		}
	}
	if _, err := advisorydb.Open(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// use asks a database for everything it may hold. The errors it returns are those of damaged records.
func use(db *advisorydb.DB) error {
	var errs []error
	for p := range 60 {
		errs = append(errs, db.Affected(advisory.Coordinate{Ecosystem: "Test", Release: "1", Package: fmt.Sprintf("package-%d", p)}, func(*advisory.Row) {}))
		_, err := db.Advisory(advisory.Doc(p))
		_, err2 := db.Text(advisory.Doc(p))
		_, err3 := db.Documents(fmt.Sprintf("TEST-%06d", p))
		errs = append(errs, err, err2, err3)
	}
	_, _, err := db.CVE("CVE-2026-00001")
	_, err2 := db.Lifecycles("test")
	return errors.Join(append(errs, err, err2)...)
}

// TestEveryFlippedByteIsSeen changes bytes all over the file: each change is seen by Open, by a lookup, or by Verify, and none makes a panic.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a.db")
	build(t, p, 50, advisorydb.Options{})
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	q := filepath.Join(dir, "b.db")
	inUse := 0
	for i := 0; i < len(b); i += 37 {
		c := bytes.Clone(b)
		c[i] ^= 0xff
		if err := os.WriteFile(q, c, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := advisorydb.Open(q)
		if err != nil {
			continue
		}
		if err := use(db); err != nil {
			inUse++
			if !errors.Is(err, advisorydb.ErrCorrupt) {
				t.Errorf("byte %d: %v", i, err)
			}
		}
		if err := db.Verify(t.Context()); !errors.Is(err, advisorydb.ErrCorrupt) {
			t.Errorf("byte %d: Verify says %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if inUse == 0 {
		t.Error("no change was seen in use")
	}
}

// TestSwap replaces a database under its readers: the old one stays readable, a new Open sees the new one.
func TestSwap(t *testing.T) {
	p := filepath.Join(t.TempDir(), "a.db")
	build(t, p, 10, advisorydb.Options{})
	old := open(t, p)
	build(t, p, 20, advisorydb.Options{})
	if err := errors.Join(use(open(t, p)), old.Verify(t.Context())); err != nil && !errors.Is(err, advisorydb.ErrCorrupt) {
		t.Error(err)
	}
	if got := old.Meta().Documents; got != 10 {
		t.Errorf("the old one has %d documents", got)
	}
	if _, err := old.Advisory(9); err != nil {
		t.Error(err)
	}
	if got := open(t, p).Meta().Documents; got != 20 {
		t.Errorf("the new one has %d documents", got)
	}
}

// TestUnfinished leaves the old database in place, and nothing else.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a.db")
	build(t, p, 10, advisorydb.Options{})
	b, err := advisorydb.NewBuilder(p, advisorydb.Options{Memory: 10000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := b.Advisory(advisoryN(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if l, _ := filepath.Glob(filepath.Join(dir, ".adv*")); len(l) != 0 {
		t.Errorf("left behind: %q", l)
	}
	if got := open(t, p).Meta().Documents; got != 10 {
		t.Errorf("%d documents", got)
	}
}

// TestKilled kills processes while they build: whatever the moment, what lies at the path is a whole database.
func TestKilled(t *testing.T) {
	if p := os.Getenv("HINOMI_TEST_BUILD"); p != "" {
		for n := 30; ; n++ {
			build(t, p, n, advisorydb.Options{})
		}
	}
	dir := t.TempDir()
	p := filepath.Join(dir, "a.db")
	build(t, p, 10, advisorydb.Options{})
	changed := 0
	for range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "HINOMI_TEST_BUILD="+p)
		before, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); { // until it has swapped at least once
			if st, err := os.Stat(p); err == nil && !os.SameFile(st, before) {
				changed++
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		db := open(t, p)
		if err := db.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if db.Meta().Documents < 10 {
			t.Fatalf("%+v", db.Meta())
		}
	}
	if changed == 0 {
		t.Error("no process got as far as to swap")
	}
}

// FuzzOpen opens arbitrary bytes with a valid header checksum out of reach: no panic, and every fault is one of the two errors.
func FuzzOpen(f *testing.F) {
	p := filepath.Join(f.TempDir(), "a.db")
	build(f, p, 5, advisorydb.Options{})
	b, err := os.ReadFile(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:300])
	f.Add([]byte("hinomiAD"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q := filepath.Join(t.TempDir(), "q.db")
		if err := os.WriteFile(q, advisorydb.Resealed(b), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := advisorydb.Open(q)
		if err == nil {
			err = errors.Join(use(db), db.Close())
		}
		if err != nil && !errors.Is(err, advisorydb.ErrCorrupt) && !errors.Is(err, advisorydb.ErrFormat) {
			t.Fatal(err)
		}
	})
}
