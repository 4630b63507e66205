// Package feedtest is what the tests of every kind of feed share: a sink that keeps what it is given, archives of real documents, and a
// fuzz target. Nothing but tests imports it.
package feedtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Sink keeps what a feed hands on.
type Sink struct {
	Advisories []*advisory.Advisory
	CVEs       map[string]advisory.CVE
	Lifecycles []advisory.Lifecycle
	Feeds      []advisory.Feed
}

// Advisory keeps a copy of an advisory.
func (s *Sink) Advisory(a *advisory.Advisory) error {
	c := *a
	s.Advisories = append(s.Advisories, &c)
	return nil
}

// CVE keeps what is known of a CVE, the last of each.
func (s *Sink) CVE(c *advisory.CVE) error {
	if s.CVEs == nil {
		s.CVEs = map[string]advisory.CVE{}
	}
	s.CVEs[c.ID] = *c
	return nil
}

// Lifecycle keeps a release's dates.
func (s *Sink) Lifecycle(l advisory.Lifecycle) error {
	s.Lifecycles = append(s.Lifecycles, l)
	return nil
}

// Feed keeps the record of a loaded feed.
func (s *Sink) Feed(f advisory.Feed) error {
	s.Feeds = append(s.Feeds, f)
	return nil
}

// Named returns the first advisory of an id; the test fails if there is none.
func (s *Sink) Named(t testing.TB, id string) *advisory.Advisory {
	t.Helper()
	for _, a := range s.Advisories {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("no advisory %s among %d", id, len(s.Advisories))
	return nil
}

// Affected returns what an advisory says of a package of a release; the test fails if it says nothing, or more than one thing.
func (s *Sink) Affected(t testing.TB, id, release, pkg string) advisory.Affected {
	t.Helper()
	var out []advisory.Affected
	for _, a := range s.Advisories {
		for _, f := range a.Affected {
			if a.ID == id && f.Release == release && f.Package == pkg {
				out = append(out, f)
			}
		}
	}
	if len(out) != 1 {
		t.Fatalf("%s says %d things of %s in %q, want one: %+v", id, len(out), pkg, release, out)
	}
	return out[0]
}

// Read reads a file of a kind; the test fails if the kind does not read such a path, or with an error.
func Read(t testing.TB, kind form.Feed, file string, b []byte) (*Sink, form.Learnt) {
	t.Helper()
	if !kind.Reads(file) {
		t.Fatalf("%s does not read %s", kind.ID, file)
	}
	s := &Sink{}
	l, err := form.Read(t.Context(), kind, form.Source{File: file, At: bytes.NewReader(b), Size: int64(len(b)), Sink: s})
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return s, l
}

// Testdata returns a file of the package's testdata folder.
func Testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Gunzip unpacks a gzip file.
func Gunzip(tb testing.TB, b []byte) []byte {
	tb.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(z)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Zip makes an archive, names in order.
func Zip(tb testing.TB, files map[string][]byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(n)
		if err == nil {
			_, err = w.Write(files[n])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// Tar makes a tape archive, names in order.
func Tar(tb testing.TB, files map[string][]byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := tar.NewWriter(&buf)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		err := z.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(files[n])), Mode: 0o644})
		if err == nil {
			_, err = z.Write(files[n])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// Fuzz gives arbitrary bytes to a kind as a file: it must end, without panic, in an error of its kind or in a result, and every row it
// hands on must name an ecosystem and a package. Seeds that end in .gz are unpacked.
func Fuzz(f *testing.F, kind form.Feed, file string, seeds ...string) {
	if !kind.Reads(file) {
		f.Fatalf("%s does not read %s", kind.ID, file)
	}
	for _, s := range seeds {
		b := Testdata(f, s)
		if strings.HasSuffix(s, ".gz") {
			b = Gunzip(f, b)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Sink{}
		// A fuzzer's bytes are few: small limits keep it quick without hiding anything.
		limits := form.Limits{Document: 8 << 20, Unpacked: 64 << 20}
		_, err := form.Read(t.Context(), kind, form.Source{File: file, At: bytes.NewReader(b), Size: int64(len(b)), Sink: s, Limits: limits})
		if err != nil && !errors.Is(err, form.ErrFormat) && !errors.Is(err, form.ErrLimit) {
			t.Fatalf("%v: neither ErrFormat nor ErrLimit", err)
		}
		for _, a := range s.Advisories {
			if a.ID == "" {
				t.Fatalf("an advisory without an id: %+v", a)
			}
			for _, r := range a.Affected {
				if r.Package == "" || r.Ecosystem == "" {
					t.Fatalf("%s: a row without a package or an ecosystem: %+v", a.ID, r)
				}
			}
		}
	})
}

// Shared returns a file of the shared data for development, which no release has: the folder named by HINOMI_SHARED_DATA, or a sibling of
// the repository. Where it is missing the test is skipped, or fails if HINOMI_TEST_REQUIRE is "all".
func Shared(tb testing.TB, name string) []byte {
	tb.Helper()
	dir := os.Getenv("HINOMI_SHARED_DATA") //nolint:forbidigo // tests find their data there
	if dir == "" {
		at, err := os.Getwd()
		for ; err == nil && at != filepath.Dir(at); at = filepath.Dir(at) {
			if st, e := os.Stat(filepath.Join(at, "shared", "data")); e == nil && st.IsDir() {
				dir = filepath.Join(at, "shared", "data")
				break
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) //nolint:gosec // a test's own data
	if dir == "" || err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" { //nolint:forbidigo // see above
			tb.Fatalf("the shared data has no %s: %v", name, err)
		}
		tb.Skipf("SKIPPED, NOTHING TESTED: the shared data has no %s", name)
	}
	return b
}

// Unzip returns the files of an archive by their name.
func Unzip(tb testing.TB, b []byte) map[string][]byte {
	tb.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
		}
		_ = r.Close() // only read
	}
	return out
}
