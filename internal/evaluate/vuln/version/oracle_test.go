package version_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
	"pgregory.net/rapid"

	"hinomi/internal/evaluate/vuln/version"
)

// TestPublishedOrder compares every pair of the lists that the tools' own tests sort.
func TestPublishedOrder(t *testing.T) {
	for _, c := range []struct{ eco, file string }{{"PyPI", "pypi.order.txt"}, {"Maven", "maven.order.txt"}, {"Maven", "maven.number.order.txt"}} {
		b, err := os.ReadFile(filepath.Join("testdata", c.file))
		if err != nil {
			t.Fatal(err)
		}
		l := strings.Fields(string(b))
		s, _ := version.Of(c.eco)
		n := 0
		for i, a := range l {
			for j, b := range l {
				want := 0
				switch {
				case i < j:
					want = -1
				case i > j:
					want = 1
				}
				if got, err := s.Compare(a, b); err != nil || got != want {
					t.Errorf("%s: %s ? %s: got %d, %v; want %d", c.file, a, b, got, err, want)
				}
				n++
			}
		}
		t.Logf("%s: %d comparisons", c.file, n)
	}
}

// TestSystems holds the orders of systems to what their publishers have published: builds of Windows Server 2019 and 2022 ("Windows Server release
// information", Microsoft Learn), macOS ("Apple security releases", support.apple.com/100100), Bottlerocket (its GitHub releases).
func TestSystems(t *testing.T) {
	for _, c := range []struct {
		eco   string
		order []string
	}{
		{"Windows", []string{"6.3.9600.21620", "10.0.14393.6529", "10.0.17763.1", "10.0.17763.107", "10.0.17763.1217", "10.0.17763.5329", "10.0.17763.10000", "10.0.20348.1", "10.0.26100.1742"}},
		{"macOS", []string{"10.14.6", "10.15", "10.15.7", "11.0.1", "11.7.10", "13.4", "13.4.1", "13.4.1 (a)", "13.4.1 (c)", "13.5", "14.0", "14.1.1", "14.4", "14.4.1", "15.0", "26.0"}},
		{"Bottlerocket", []string{"0.3.3", "1.7.0", "1.9.2", "1.19.1", "1.19.2", "1.19.10", "1.20.0"}},
	} {
		s, _ := version.Of(c.eco)
		for i, a := range c.order {
			for j, b := range c.order {
				want := 0
				switch {
				case i < j:
					want = -1
				case i > j:
					want = 1
				}
				if got, err := s.Compare(a, b); err != nil || got != want {
					t.Errorf("%s: %s ? %s: got %d, %v; want %d", c.eco, a, b, got, err, want)
				}
			}
		}
	}
	for _, c := range []struct{ eco, a, b string }{
		{"macOS", "14", "14.0.0"}, {"Windows", "10.0.17763", "10.0.17763.0"}, {"Bottlerocket", "1.19.2", "0:1.19.2"},
	} {
		s, _ := version.Of(c.eco)
		if got, err := s.Compare(c.a, c.b); err != nil || got != 0 {
			t.Errorf("%s: %s ? %s: got %d, %v; want equal", c.eco, c.a, c.b, got, err)
		}
	}
	for _, c := range []struct{ eco, v string }{
		{"Windows", "10.0.17763 "},
		{"Windows", "KB5034127"},
		{"Windows", "10..0"},
		{"Windows", ""},
		{"Windows", "10.0."},
		{"macOS", "beta"},
		{"macOS", "13.4.1 (A)"},
		{"macOS", "13.4.1 (ab)"},
	} {
		s, _ := version.Of(c.eco)
		if _, err := s.Parse(c.v); !errors.Is(err, version.ErrUnreadable) {
			t.Errorf("%s %q: got %v, want ErrUnreadable", c.eco, c.v, err)
		}
	}
}

// TestGo compares with the order that Go itself has, golang.org/x/mod/semver, pseudo-versions (go.dev/ref/mod#pseudo-versions) among them.
func TestGo(t *testing.T) {
	s, _ := version.Of("Go")
	pre := rapid.SampledFrom([]string{"", "", "-rc.1", "-rc1", "-alpha", "-0.20191109021931-daa7c04131f5", "-0.20200101000000-aaaaaaaaaaaa", "-pre.0.20191109021931-daa7c04131f5", "-1", "-10", "-a.b", "-a-b"})
	build := rapid.SampledFrom([]string{"", "", "+incompatible", "+meta.1"})
	number := rapid.SampledFrom([]string{"0", "1", "2", "9", "10", "11"})
	v := rapid.Custom(func(t *rapid.T) string {
		return "v" + number.Draw(t, "major") + "." + number.Draw(t, "minor") + "." + number.Draw(t, "patch") + pre.Draw(t, "pre") + build.Draw(t, "build")
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := v.Draw(t, "a"), v.Draw(t, "b")
		if !semver.IsValid(a) || !semver.IsValid(b) {
			t.Fatalf("%q or %q is no version of Go's", a, b)
		}
		if got, err := s.Compare(a, b); err != nil || got != semver.Compare(a, b) {
			t.Fatalf("%q ? %q: got %d, %v; Go says %d", a, b, got, err, semver.Compare(a, b))
		}
	})
}

// TestDpkg asks dpkg itself about versions that are drawn to be nearly alike.
func TestDpkg(t *testing.T) {
	tool, err := exec.LookPath("dpkg")
	if err != nil {
		const why = "dpkg is not installed: its own order is not compared"
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s, _ := version.Of("Debian")
	digit := rapid.SampledFrom([]string{"0", "1", "2", "9", "10", "01", "1a", "a", "~rc1", "~", "+b1", ".", "+deb12u1", "z"})
	v := rapid.Custom(func(t *rapid.T) string {
		epoch := rapid.SampledFrom([]string{"", "", "", "0:", "1:"}).Draw(t, "epoch")
		upstream := "1" + strings.Join(rapid.SliceOfN(digit, 0, 4).Draw(t, "upstream"), "")
		revision := rapid.SampledFrom([]string{"", "-0", "-1", "-1~bpo12+1", "-10", "-1ubuntu1"}).Draw(t, "revision")
		return epoch + upstream + revision
	})
	for i := range 120 {
		a, b := v.Example(2*i), v.Example(2*i+1)
		got, err := s.Compare(a, b)
		if err != nil {
			t.Errorf("%q ? %q: %v", a, b, err)
			continue
		}
		op := map[int]string{-1: "lt", 0: "eq", 1: "gt"}[got]
		if err := exec.CommandContext(t.Context(), tool, "--compare-versions", a, op, b).Run(); err != nil {
			t.Errorf("%q %s %q: dpkg says no (%v)", a, op, b, err)
		}
	}
}

// FuzzParse holds for every scheme that a version which can be read equals itself, and that nothing makes a panic. There is one target for
// all of them: the first byte of the input chooses.
func FuzzParse(f *testing.F) {
	schemes := []string{"AlmaLinux", "Debian", "Alpine", "npm", "PyPI", "Maven", "NuGet", "RubyGems", "Packagist", "Pub", "Windows", "macOS", "Bottlerocket"}
	for i := range schemes {
		for _, v := range []string{"1.2.3", "1:2.0~rc1-3", "10.0.17763.5329", "13.4.1 (c)", "1.19.2-29cc92cc", "v1.2.4-0.20191109021931-daa7c04131f5", "2!1.0a1.post2.dev3+local", "1.0-alpha-1-SNAPSHOT", "3.1.4_rc1-r2"} {
			f.Add(uint8(i), v)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		s, _ := version.Of(schemes[int(which)%len(schemes)])
		v, err := s.Parse(text)
		if err != nil {
			if !errors.Is(err, version.ErrUnreadable) {
				t.Fatalf("%s %q: %v", s.Name, text, err)
			}
			return
		}
		if c, err := v.Compare(text); err != nil || c != 0 {
			t.Fatalf("%s: %q with itself: %d, %v", s.Name, text, c, err)
		}
	})
}
