package subset_test

import (
	"archive/zip"
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/cmd/gen-example/subset"
)

// sharedData finds the folder of complete data sets. Without it the test is
// skipped, loudly; where everything is required it fails.
func sharedData(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("HINOMI_SHARED_DATA"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(filepath.Dir(dir), "shared", "data")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatal("the folder shared/data is missing and HINOMI_TEST_REQUIRE=all")
	}
	t.Skip("SKIPPED: the folder shared/data is missing (set HINOMI_SHARED_DATA)")
	return ""
}

func documents(t testing.TB, name string) [][]byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = z.Close() })
	var all [][]byte
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

func TestAffects(t *testing.T) {
	const doc = `{"id": "X-1", %s "affected": [{"package": {"ecosystem": "PyPI", "name": "Some_Thing"},
		"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"last_affected": "3.5"}]}], "versions": ["0.1rc1"]}]}`
	for name, c := range map[string]struct {
		version, more string
		want          bool
	}{
		"before": {"0.9", "", false}, "first": {"1.0", "", true}, "fixed": {"2.0", "", false}, "candidate_of_fix": {"2.0rc1", "", true}, "last": {"3.5", "", true},
		"after": {"3.5.1", "", false}, "listed": {"0.1rc1", "", true}, "withdrawn": {"1.0", `"withdrawn": "2026-01-01T00:00:00Z",`, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := subset.ParseRecord([]byte(strings.Replace(doc, "%s", c.more, 1)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Affects(subset.Package{Ecosystem: "PyPI", Name: "some-thing", Version: c.version})
			if err != nil || got != c.want {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
			if other, _ := r.Affects(subset.Package{Ecosystem: "Go", Name: "some-thing", Version: c.version}); other {
				t.Error("affects another ecosystem")
			}
		})
	}
}

// TestAffectsLikeReference compares with the findings that another program,
// osv-scanner, has for a large list of Go modules with the same advisories.
func TestAffectsLikeReference(t *testing.T) {
	data := sharedData(t)
	want, packages := map[string]bool{}, map[string][]subset.Package{}
	f, err := os.Open(filepath.Join(data, "feeds-reference", "go.findings.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	seen := map[subset.Package]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		p := subset.Package{Ecosystem: c[0], Name: c[1], Version: c[2]}
		want[strings.Join(c, "\t")] = true
		if !seen[p] {
			seen[p] = true
			packages[p.Name] = append(packages[p.Name], p)
		}
	}
	got := 0
	for _, raw := range documents(t, filepath.Join(data, "feeds", "osv", "Go", "all.zip")) {
		r, err := subset.ParseRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Affected {
			for _, p := range packages[a.Package.Name] {
				hit, err := r.Affects(p)
				if err != nil {
					t.Fatal(err)
				}
				key := strings.Join([]string{p.Ecosystem, p.Name, p.Version, r.ID}, "\t")
				if hit != want[key] {
					t.Errorf("%s: got %v, want %v", key, hit, want[key])
				}
				if hit {
					got++
				}
			}
		}
	}
	if got < len(want) || len(want) < 100 {
		t.Errorf("%d findings, the reference has %d", got, len(want))
	}
}

func FuzzAffects(f *testing.F) {
	names := 0
	for _, raw := range documents(f, filepath.FromSlash("../../../examples/feeds/osv/Go/all.zip")) {
		if names++; names <= 20 {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := subset.ParseRecord(raw)
		if err != nil {
			return
		}
		for _, p := range []subset.Package{{Ecosystem: "Go", Name: "stdlib", Version: "1.23.4"}, {Ecosystem: "PyPI", Name: "pillow", Version: "9.4.0"}} {
			if hit, err := r.Affects(p); hit && (err != nil || !r.Names(p)) {
				t.Error("affects what it does not name")
			}
		}
	})
}
