package sbom_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/sbom"
)

var update = flag.Bool("update", false, "write the wanted results of the fixtures")

// table shows an inventory, a line each for its system, its packages and its gaps.
func table(inv *inventory.Inventory) string {
	var b strings.Builder
	fmt.Fprintf(&b, "system %q %q\n", inv.OS.ID, inv.OS.VersionID)
	for _, p := range inv.Packages {
		fmt.Fprintf(&b, "package %s | %s | %s | %s | source %s %s | %s | %s | %s\n", p.Ecosystem, p.Name, p.Version, p.Arch, p.SourceName, p.SourceVersion, p.Location, p.PURL, p.FoundBy)
	}
	for _, g := range inv.Gaps {
		fmt.Fprintf(&b, "gap %s | %s | %s\n", g.Path, g.FoundBy, g.Reason)
	}
	for _, n := range inv.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	return b.String()
}

func readFile(tb testing.TB, name string) (*inventory.Inventory, error) {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return sbom.Read(filepath.Base(name), f, inventory.OS{})
}

// fixtures are documents that others made, except what they are wanted to give.
func fixtures(tb testing.TB) []string {
	tb.Helper()
	var out []string
	for _, pattern := range []string{"testdata/*/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, n := range names {
			if filepath.Ext(n) != ".want" && filepath.Base(n) != "README.md" {
				out = append(out, n)
			}
		}
	}
	if len(out) == 0 {
		tb.Fatal("no fixtures")
	}
	return out
}

// TestFixtures reads documents that others made.
func TestFixtures(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(name), "testdata/"), func(t *testing.T) {
			got := ""
			inv, err := readFile(t, name)
			if err != nil {
				got = "error " + err.Error() + "\n"
			} else {
				got = table(inv)
			}
			if *update {
				if err := os.WriteFile(name+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTwoForms reads what the CycloneDX project publishes in both of its forms: they say the same.
func TestTwoForms(t *testing.T) {
	pairs := 0
	for _, name := range fixtures(t) {
		twin, ok := strings.CutSuffix(name, ".json")
		if !ok {
			continue
		}
		if _, err := os.Stat(twin + ".xml"); err != nil {
			continue
		}
		pairs++
		a, err := readFile(t, name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := readFile(t, twin+".xml")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(table(a), table(b)); diff != "" {
			t.Errorf("%s and .xml: %s", name, diff)
		}
	}
	if pairs != 13 {
		t.Errorf("%d documents in both forms", pairs)
	}
}
