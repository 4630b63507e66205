package feed_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed"
	"hinomi/internal/source/feed/feedtest"
)

// sink keeps what a feed hands on.
type sink = feedtest.Sink

// testdata returns a real document of a kind: "osv/GO-2024-2963.json".
func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	kind, rest, _ := strings.Cut(name, "/")
	b, err := os.ReadFile(filepath.Join(kind, "testdata", filepath.FromSlash(rest)))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// zipOf makes an archive of testdata files.
func zipOf(tb testing.TB, names ...string) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, n := range names {
		w, err := z.Create(filepath.Base(n))
		if err == nil {
			_, err = w.Write(testdata(tb, n))
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

// folder writes feeds with their manifest.
func folder(tb testing.TB, files map[string][]byte) string {
	tb.Helper()
	dir := tb.TempDir()
	m := feed.Manifest{Generated: "2026-08-22"}
	for name, b := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			tb.Fatal(err)
		}
		sum := sha256.Sum256(b)
		m.Entries = append(m.Entries, feed.Entry{File: name, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Newest: "2026-08-21T00:00:00Z", Licence: "MIT"})
	}
	if err := feed.WriteManifest(dir, m); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func now() time.Time { return time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC) }

func mustImport(t *testing.T, dir string) (*sink, feed.Report) {
	t.Helper()
	s := &sink{}
	rep, err := feed.Import(t.Context(), dir, s, feed.Options{Now: now()})
	if err != nil {
		t.Fatal(err)
	}
	return s, rep
}

func TestImportFolder(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"osv/AlmaLinux/all.zip":                               zipOf(t, "osv/ALSA-2021_4647.json", "osv/ALBA-2020_5502.json", "osv/ALSA-2026_0932.json", "osv/ALSA-2026_0932_at_almalinux9.json"),
		"osv/Maven/all.zip":                                   zipOf(t, "osv/GHSA-rhrv-645h-fjfh.json"),
		"kev/known_exploited_vulnerabilities.json":            testdata(t, "kev/known_exploited_vulnerabilities.json"),
		"epss/epss_scores-2023-03-07.csv.gz":                  testdata(t, "epss/epss_scores-2023-03-07.csv.gz"),
		"eol/products.json":                                   testdata(t, "endoflife/full.json"),
		"updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz": testdata(t, "updateinfo/updateinfo_2023.xml.gz"),
		"native/other.zip":                                    []byte("no feed of ours"),
	})
	var seen []string
	s := &sink{}
	rep, err := feed.Import(t.Context(), dir, s, feed.Options{Now: now(), Progress: func(p feed.Progress) {
		if p.BytesDone > p.BytesTotal {
			t.Errorf("%d of %d bytes", p.BytesDone, p.BytesTotal)
		}
		if !slices.Contains(seen, p.File) {
			seen = append(seen, p.File)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range rep.Feeds {
		names = append(names, f.Name)
		if !f.Complete || f.AsOf.IsZero() || f.AsOf.After(now()) || f.SHA256 == "" {
			t.Errorf("feed %+v", f)
		}
	}
	want := []string{"osv/AlmaLinux", "osv/Maven", "updateinfo/Amazon Linux/2023/core", "kev", "epss", "endoflife.date"}
	if !slices.Equal(names, want) || len(seen) != len(want) {
		t.Errorf("got feeds %q, progress %q, want %q", names, seen, want)
	}
	if len(rep.Unread) != 1 || rep.Unread[0].File != "native/other.zip" {
		t.Errorf("unread: %+v", rep.Unread)
	}
	if len(rep.Problems) != 0 {
		t.Errorf("problems: %+v", rep.Problems)
	}
	// One id in two documents of one feed: both arrive.
	n := 0
	for _, a := range s.Advisories {
		if a.ID == "ALSA-2026:0932" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("got %d documents ALSA-2026:0932, want 2", n)
	}
	// What a Maven archive says of other ecosystems is left to their own archives.
	for _, f := range s.Named(t, "GHSA-rhrv-645h-fjfh").Affected {
		if f.Ecosystem != "Maven" {
			t.Errorf("kept %+v", f)
		}
	}
	if rep.Feeds[1].Ecosystems[0] != "Maven" || len(rep.Feeds[1].Ecosystems) != 1 {
		t.Errorf("Maven speaks for %q", rep.Feeds[1].Ecosystems)
	}
}

func TestImportRefuses(t *testing.T) {
	files := func() map[string][]byte {
		return map[string][]byte{"osv/crates.io/all.zip": zipOf(t, "osv/RUSTSEC-2016-0004.json", "osv/RUSTSEC-2024-0399.json")}
	}
	many := files()
	many["osv/crates.io/all.zip"] = zipOf(t, "osv/RUSTSEC-2016-0004.json", "epss/epss_kev_subset.csv")
	for _, c := range []struct {
		name  string
		files map[string][]byte
		spoil func(dir string) error
		o     feed.Options
		want  error
		words []string
	}{
		{"wrong_checksum", files(), func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "osv/crates.io/all.zip"), []byte("other"), 0o600)
		}, feed.Options{}, feed.ErrChecksum, []string{"osv/crates.io/all.zip", "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}},
		{"not_listed", files(), func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "osv/crates.io/../../kev.json"), nil, 0o600)
		}, feed.Options{}, nil, nil}, // not a feed's path: of no interest
		{"unlisted_feed", files(), func(dir string) error {
			if err := os.MkdirAll(filepath.Join(dir, "kev"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "kev/x.json"), testdata(t, "kev/known_exploited_vulnerabilities.json"), 0o600)
		}, feed.Options{}, feed.ErrUnlisted, []string{"kev/x.json"}},
		{"missing_file", files(), func(dir string) error { return os.Remove(filepath.Join(dir, "osv/crates.io/all.zip")) }, feed.Options{}, os.ErrNotExist, nil},
		{"no_manifest", files(), func(dir string) error { return os.Remove(filepath.Join(dir, feed.ManifestName)) }, feed.Options{}, os.ErrNotExist, nil},
		{"shrunk", files(), nil, feed.Options{Previous: []advisory.Feed{{Name: "osv/crates.io", Rows: 3}}}, feed.ErrShrunk, []string{"2 rows, 3 before"}},
		{"shrunk_confirmed", files(), nil, feed.Options{Previous: []advisory.Feed{{Name: "osv/crates.io", Rows: 3}}, AllowShrink: true}, nil, nil},
		{"shrunk_a_fifth", files(), nil, feed.Options{Previous: []advisory.Feed{{Name: "osv/crates.io", Rows: 2}}}, nil, nil},
		{"feed_gone", files(), nil, feed.Options{Previous: []advisory.Feed{{Name: "osv/Go", Rows: 3}}}, feed.ErrShrunk, []string{"osv/Go"}},
		{"not_a_zip", map[string][]byte{"osv/Go/all.zip": []byte("<html>blocked</html>")}, nil, feed.Options{}, feed.ErrFormat, []string{"osv/Go/all.zip"}},
		{"leads_out", map[string][]byte{}, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, feed.ManifestName), []byte(`{"entries":[{"file":"../x","sha256":"`+strings.Repeat("00", 32)+`"}]}`), 0o600)
		}, feed.Options{}, feed.ErrFormat, []string{"../x"}},
		{"document_too_large", files(), nil, feed.Options{Limits: feed.Limits{Document: 1000}}, feed.ErrLimit, []string{"RUSTSEC-2016-0004.json"}},
		{"too_many_documents", files(), nil, feed.Options{Limits: feed.Limits{Entries: 1}}, feed.ErrLimit, nil},
		{"directory_too_large", files(), nil, feed.Options{Limits: feed.Limits{Directory: 10}}, feed.ErrLimit, nil},
		{"cut", map[string][]byte{"osv/Go/all.zip": zipOf(t, "osv/GO-2024-2963.json")[:300]}, nil, feed.Options{}, feed.ErrFormat, nil},
		{"gzip_cut", map[string][]byte{"epss/e.csv.gz": testdata(t, "epss/epss_scores-2023-03-07.csv.gz")[:60]}, nil, feed.Options{}, feed.ErrFormat, nil},
		{"xml_cut", map[string][]byte{"updateinfo/Amazon Linux/2/core/updateinfo.xml": []byte("<updates><update><id>x</id>")}, nil, feed.Options{}, feed.ErrFormat, nil},
		{"xml_other", map[string][]byte{"updateinfo/Amazon Linux/2/core/updateinfo.xml": []byte("<html></html>")}, nil, feed.Options{}, feed.ErrFormat, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, c.files)
			if c.spoil != nil {
				if err := c.spoil(dir); err != nil {
					t.Fatal(err)
				}
			}
			c.o.Now = now()
			s := &sink{}
			_, err := feed.Import(t.Context(), dir, s, c.o)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
			if err != nil && len(s.Feeds) != 0 {
				t.Errorf("feeds were recorded as loaded: %+v", s.Feeds)
			}
		})
	}
}

// TestUnlistedOnRequest reads a folder without a manifest when asked to: what it holds counts as a subset.
func TestUnlistedOnRequest(t *testing.T) {
	dir := folder(t, map[string][]byte{"osv/Go/all.zip": zipOf(t, "osv/GO-2024-2963.json")})
	if err := os.Remove(filepath.Join(dir, feed.ManifestName)); err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	rep, err := feed.Import(t.Context(), dir, s, feed.Options{Now: now(), Unlisted: true})
	if err != nil || len(rep.Feeds) != 1 || rep.Feeds[0].Complete {
		t.Fatalf("got %+v, %v; want one incomplete feed", rep.Feeds, err)
	}
}

// TestZipBomb gives a document that unpacks to more than two hundred times its size beyond 16 MiB.
func TestZipBomb(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create("GO-1.json")
	if err != nil {
		t.Fatal(err)
	}
	for range 48 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string][]byte{"osv/Go/all.zip": buf.Bytes()})
	if _, err := feed.Import(t.Context(), dir, &sink{}, feed.Options{Now: now()}); !errors.Is(err, feed.ErrLimit) {
		t.Fatalf("got %v, want ErrLimit", err)
	}
}

// TestOneBadDocument does not keep the others out, but the feed counts as incomplete and the document is named.
func TestOneBadDocument(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	good := testdata(t, "osv/GO-2024-2963.json")
	for i := range 150 {
		w, err := z.Create("GO-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		b := good
		if i == 7 {
			b = good[:200]
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s, rep := mustImport(t, folder(t, map[string][]byte{"osv/Go/all.zip": buf.Bytes()}))
	if len(s.Advisories) != 149 || len(rep.Problems) != 1 || rep.Problems[0].Document != "GO-h.json" || rep.Feeds[0].Complete {
		t.Errorf("%d documents, problems %+v, feed %+v", len(s.Advisories), rep.Problems, rep.Feeds[0])
	}
}

func TestCancelled(t *testing.T) {
	dir := folder(t, map[string][]byte{"osv/Go/all.zip": zipOf(t, "osv/GO-2024-2963.json")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := feed.Import(ctx, dir, &sink{}, feed.Options{Now: now()}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
}
