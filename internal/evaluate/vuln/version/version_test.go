package version_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hinomi/internal/evaluate/vuln/version"
)

// vector is one published comparison.
type vector struct{ a, op, b string }

func vectors(tb testing.TB, file string) []vector {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []vector
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") {
			continue
		}
		p := strings.Fields(line)
		if len(p) != 3 {
			tb.Fatalf("%s: line %q", file, line)
		}
		out = append(out, vector{p[0], p[1], p[2]})
	}
	return out
}

// files names the vectors of each scheme, by an ecosystem that uses it.
func files() map[string][]string {
	return map[string][]string{
		"AlmaLinux": {"redhat.txt"},
		"Debian":    {"debian.txt", "debian.generated.txt"},
		"Alpine":    {"alpine.txt", "alpine.generated.txt"},
		"npm":       {"semver.txt"},
		"PyPI":      {"pypi.txt", "pypi.generated.txt"},
		"Maven":     {"maven.txt", "maven.generated.txt"},
		"NuGet":     {"nuget.txt"},
		"RubyGems":  {"rubygems.txt", "rubygems.generated.txt"},
		"Packagist": {"packagist.txt", "packagist.generated.txt"},
		"Pub":       {"pub.txt"},
	}
}

func sign(op string) int {
	switch op {
	case "<":
		return -1
	case ">":
		return 1
	}
	return 0
}

// refusals counts, by file, the published comparisons of texts that the ecosystem's own rules do not allow as versions and that we
// rather call unreadable than order: "a:1" and non-ASCII for rpm, "1-ruff" and "0..8" for apk, branches for Composer, "-class.-jw…" for pip.
func refusals() map[string]int {
	return map[string]int{"redhat.txt": 42, "alpine.txt": 33, "packagist.txt": 2, "pypi.txt": 3}
}

func TestPublishedVectors(t *testing.T) {
	for eco, names := range files() {
		s, ok := version.Of(eco)
		if !ok {
			t.Fatalf("no scheme for %s", eco)
		}
		for _, name := range names {
			n, refused := 0, 0
			for _, v := range vectors(t, name) {
				got, err := s.Compare(v.a, v.b)
				if errors.Is(err, version.ErrUnreadable) {
					refused++
					continue
				}
				if err != nil {
					t.Errorf("%s: %s %s %s: %v", name, v.a, v.op, v.b, err)
					continue
				}
				if got != sign(v.op) {
					t.Errorf("%s: %s ? %s: got %d, want %s", name, v.a, v.b, got, v.op)
				}
				if back, err := s.Compare(v.b, v.a); err != nil || back != -got {
					t.Errorf("%s: %s ? %s: got %d, want %d (%v)", name, v.b, v.a, back, -got, err)
				}
				n++
			}
			t.Logf("%s: %d comparisons, %d refused", name, n, refused)
			if want := refusals()[name]; refused != want {
				t.Errorf("%s: %d comparisons of texts that are no versions, want %d", name, refused, want)
			}
		}
	}
}

func TestUnreadable(t *testing.T) {
	for _, c := range []struct{ eco, v string }{
		{"AlmaLinux", ""},
		{"AlmaLinux", "x:1-1"},
		{"AlmaLinux", "1.0-"},
		{"AlmaLinux", "---"},
		{"Debian", "a b"},
		{"Debian", ":1"},
		{"Debian", "1.0(x)"},
		{"Debian", strings.Repeat("1.", 1000)},
		{"Alpine", "latest"},
		{"Go", "(devel)"},
		{"Go", ""},
		{"npm", "latest"},
		{"npm", "git+https://x"},
		{"PyPI", "unknown"},
		{"Maven", "${project.version}"},
		{"NuGet", "x"},
		{"RubyGems", "head"},
		{"Packagist", "dev-master"},
	} {
		s, _ := version.Of(c.eco)
		if _, err := s.Parse(c.v); !errors.Is(err, version.ErrUnreadable) {
			t.Errorf("%s %q: got %v, want ErrUnreadable", c.eco, c.v, err)
		}
	}
	if _, ok := version.Of("Nothing"); ok {
		t.Error("an unknown ecosystem has a scheme")
	}
}

// genVersion draws texts that look like versions of every kind, so that equal and nearly equal ones come often.
func genVersion(scheme string) *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{"0", "1", "2", "10", "01", "a", "b", "rc", "beta", "dev", "post", "p", "x"})
	seps := []string{".", ".", ".", "-", "_", "~", "^", "+", ""}
	switch scheme {
	case "RubyGems":
		seps = []string{".", ".", "-", ""}
	case "apk":
		return genAPK()
	case "Maven":
		return genMaven()
	case "OS build", "ProductVersion":
		return genNumbers(scheme)
	}
	sep := rapid.SampledFrom(seps)
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"", "", "", "1:", "v"}).Draw(t, "epoch"))
		b.WriteString(rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "first"))
		for range rapid.IntRange(0, 5).Draw(t, "parts") {
			b.WriteString(sep.Draw(t, "sep"))
			b.WriteString(part.Draw(t, "part"))
		}
		return b.String()
	})
}

// genAPK draws versions inside apk's grammar: outside it few texts would be versions at all.
func genAPK() *rapid.Generator[string] {
	number := rapid.SampledFrom([]string{"0", "1", "2", "10", "01", "010"})
	tail := rapid.SampledFrom([]string{"", "", "", "a", "b", "p1", "p2", "_alpha", "_rc1", "_rc2", "_p", "_p1", "_git20240101", "_rc1_p1"})
	rev := rapid.SampledFrom([]string{"", "-r0", "-r1", "-r10"})
	return rapid.Custom(func(t *rapid.T) string {
		l := rapid.SliceOfN(number, 1, 4).Draw(t, "numbers")
		return strings.Join(l, ".") + tail.Draw(t, "tail") + rev.Draw(t, "rev")
	})
}

// genNumbers draws versions of systems: numbers, with what else each of them may have.
func genNumbers(scheme string) *rapid.Generator[string] {
	tails := map[string][]string{"OS build": {""}, "ProductVersion": {"", " (a)", " (b)"}}[scheme]
	number, tail := rapid.SampledFrom([]string{"0", "1", "2", "10", "01", "17763"}), rapid.SampledFrom(tails)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(number, 1, 4).Draw(t, "numbers"), ".") + tail.Draw(t, "tail")
	})
}

// genMaven draws versions whose qualifiers follow a hyphen, as nearly all do. With a qualifier after a dot Maven's own order is no
// order: 2 < 2.x < 2-rc < 2 (maven-artifact, ComparableVersion: a text item comes before a list item).
func genMaven() *rapid.Generator[string] {
	number := rapid.SampledFrom([]string{"0", "1", "2", "10", "01"})
	tail := rapid.SampledFrom([]string{"", "-alpha", "-alpha-1", "-beta-2", "-rc1", "-SNAPSHOT", "-sp", "-jre", "-1", "-20240101", "-final", "-x-2"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(number, 1, 4).Draw(t, "numbers"), ".") + tail.Draw(t, "tail")
	})
}

// TestTotalOrder holds each scheme to what a total preorder is: a version equals itself, swapping turns the sign, and order is
// transitive.
func TestTotalOrder(t *testing.T) {
	for _, eco := range []string{"AlmaLinux", "Debian", "npm", "PyPI", "Maven", "NuGet", "RubyGems", "Alpine", "Packagist", "Pub", "Windows", "macOS"} {
		s, _ := version.Of(eco)
		t.Run(s.Name, func(t *testing.T) {
			gen := genVersion(s.Name)
			rapid.Check(t, func(t *rapid.T) {
				a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
				ab, err1 := s.Compare(a, b)
				ba, err2 := s.Compare(b, a)
				bc, err3 := s.Compare(b, c)
				ac, err4 := s.Compare(a, c)
				aa, _ := s.Compare(a, a)
				if errors.Join(err1, err2, err3, err4) != nil {
					t.Skip("not a version of this scheme")
				}
				if aa != 0 || ab != -ba {
					t.Fatalf("%q ? %q: %d, the other way %d; with itself %d", a, b, ab, ba, aa)
				}
				if ab <= 0 && bc <= 0 && ac > 0 || ab >= 0 && bc >= 0 && ac < 0 {
					t.Fatalf("%q ? %q = %d, ? %q = %d, but first ? last = %d", a, b, ab, c, bc, ac)
				}
			})
		})
	}
}

func FuzzCompare(f *testing.F) {
	for eco, names := range files() {
		for _, name := range names {
			for i, v := range vectors(f, name) {
				if i%16 == 0 {
					f.Add(eco, v.a, v.b)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, eco, a, b string) {
		s, ok := version.Of(eco)
		if !ok {
			return
		}
		ab, err := s.Compare(a, b)
		if err != nil {
			if !errors.Is(err, version.ErrUnreadable) {
				t.Fatalf("%s %q %q: %v", eco, a, b, err)
			}
			return
		}
		if ba, err := s.Compare(b, a); err == nil && ba != -ab {
			t.Fatalf("%s: %q ? %q = %d, the other way %d", eco, a, b, ab, ba)
		}
	})
}

func BenchmarkRPM(b *testing.B) {
	s, _ := version.Of("AlmaLinux")
	v, err := s.Parse("4.18.0-553.8.1.el8_10")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c, err := v.Compare("4.18.0-553.16.1.el8_10"); err != nil || c != -1 {
			b.Fatal(c, err)
		}
	}
}
