package lockfile_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/inventory/lockfile"
)

var update = flag.Bool("update", false, "write the wanted results of the fixtures")

// lines is a sink that writes down what it is given.
type lines struct {
	list     []string
	packages []inventory.Package
}

func (l *lines) Add(p inventory.Package) {
	dev := ""
	if p.Dev {
		dev = " (development)"
	}
	l.packages = append(l.packages, p)
	l.list = append(l.list, fmt.Sprintf("%s %s %s%s %s", p.Ecosystem, p.Name, p.Version, dev, p.PURL))
}

func (l *lines) Unversioned(name, why string) { l.list = append(l.list, "unversioned "+name+": "+why) }

func (l *lines) Gap(entry, why string) { l.list = append(l.list, "gap "+entry+": "+why) }

func format(t testing.TB, id string) lockfile.Format {
	t.Helper()
	for _, f := range lockfile.Formats() {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("no format is called %s", id)
	return lockfile.Format{}
}

func read(f lockfile.Format, b []byte) *lines {
	var l lines
	if err := f.Read(b, &l); err != nil {
		l.list = append(l.list, "error "+err.Error())
	}
	slices.Sort(l.list)
	return &l
}

// fixtures returns the files of a format.
func fixtures(t testing.TB, id string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", id, "*"))
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".want") })
	if len(names) == 0 {
		t.Fatalf("%s has no fixture", id)
	}
	return names
}

func TestFixtures(t *testing.T) {
	for _, f := range lockfile.Formats() {
		for _, name := range fixtures(t, f.ID) {
			t.Run(strings.TrimPrefix(filepath.ToSlash(name), "testdata/"), func(t *testing.T) {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.Join(read(f, b).list, "\n") + "\n"
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
}
