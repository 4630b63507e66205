package feed_test

import (
	"encoding/json"
	"testing"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/osv"
)

// TestTombstone: what was taken back is handed on with its rows, so that its absence is never taken for an answer and a feed that takes much
// back does not look like one that lost it.
func TestTombstone(t *testing.T) {
	s, rep := mustImport(t, folder(t, map[string][]byte{"osv/crates.io/all.zip": zipOf(t, "osv/RUSTSEC-2019-0031.json", "osv/RUSTSEC-2024-0399.json")}))
	a := s.Named(t, "RUSTSEC-2019-0031")
	if a.Withdrawn.IsZero() || len(a.Affected) != 1 || a.Affected[0].Package != "spin" {
		t.Errorf("got %+v", a)
	}
	if rep.Rows != len(a.Affected)+len(s.Named(t, "RUSTSEC-2024-0399").Affected) {
		t.Errorf("%d rows", rep.Rows)
	}
	// Taken back without a date is taken back.
	for _, when := range []string{"0001-01-01T00:00:00Z", "yes"} {
		a, err := osv.Parse([]byte(`{"id":"GO-1","withdrawn":"`+when+`"}`), "x")
		if err != nil || !advisory.IsUndated(a.Withdrawn) {
			t.Errorf("%s: %+v, %v", when, a, err)
		}
	}
}

// TestFuture: dates of the future make no feed newer than now, and what comes later with earlier dates is read all the same: no date is a
// high-water mark.
func TestFuture(t *testing.T) {
	dir := folder(t, map[string][]byte{"osv/PyPI/all.zip": zipOf(t, "osv/PYSEC-2025-19.json")})
	s, rep := mustImport(t, dir)
	if f := rep.Feeds[0]; f.AsOf.After(now()) || f.Published.After(now()) {
		t.Errorf("the feed speaks of %v, published %v: the future", f.AsOf, f.Published)
	}
	if !s.Advisories[0].Modified.After(now()) {
		t.Fatalf("modified %v: the document is not of the future", s.Advisories[0].Modified)
	}
	p := &publisher{body: zipOf(t, "osv/PYSEC-2025-19.json")}
	srv := serve(t, p)
	files := []feed.Remote{{File: "osv/PyPI/all.zip", URL: srv.URL + "/all.zip", Complete: true}}
	into := t.TempDir()
	for _, body := range [][]byte{p.body, zipOf(t, "osv/PYSEC-2025-19.json", "osv/PYSEC-2020-232.json")} {
		p.body = body
		if _, err := feed.Download(t.Context(), srv.Client(), into, files, feed.UpdateOptions{Now: now()}); err != nil {
			t.Fatal(err)
		}
	}
	if s, _ = mustImport(t, into); len(s.Advisories) != 2 {
		t.Errorf("%d documents, want the older one, too", len(s.Advisories))
	}
}

// TestCommitsAlone: a document that only knows commits names no package: it is no row, and no fault.
func TestCommitsAlone(t *testing.T) {
	a, err := osv.Parse([]byte(`{"id":"OSV-2020-1","affected":[{"ranges":[{"type":"GIT","repo":"https://x/y","events":[{"introduced":"0"},{"fixed":"deadbeef"}]}],"versions":["v1"]}]}`), "x")
	if err != nil || len(a.Affected) != 0 {
		t.Errorf("got %+v, %v", a, err)
	}
	a, err = osv.Parse([]byte(`{"id":"GHSA-1","affected":[{"package":{"ecosystem":"Go","name":"x/y"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`), "x")
	if err != nil || len(a.Affected) != 1 || len(a.Affected[0].Ranges) != 0 {
		t.Errorf("a package with commits alone has no range: %+v, %v", a, err)
	}
}

// TestOtherEcosystem: what an archive says of another ecosystem is left to that one's own archive, and it does not speak for it.
func TestOtherEcosystem(t *testing.T) {
	s, rep := mustImport(t, folder(t, map[string][]byte{"osv/Go/all.zip": zipOf(t, "osv/GHSA-rhrv-645h-fjfh.json")}))
	if len(s.Advisories) != 1 || rep.Rows != 0 || len(rep.Feeds[0].Ecosystems) != 0 {
		t.Errorf("%d rows, speaks for %q", rep.Rows, rep.Feeds[0].Ecosystems)
	}
}

// TestNoSeverity: a whole feed may have none; that is no fault, and none is made up.
func TestNoSeverity(t *testing.T) {
	s, rep := mustImport(t, folder(t, map[string][]byte{
		"osv/AlmaLinux/all.zip": zipOf(t, "osv/ALSA-2021_4647.json", "osv/ALBA-2020_5502.json", "osv/ALSA-2026_0932.json"),
	}))
	for _, a := range s.Advisories {
		if len(a.Severity) != 0 {
			t.Errorf("%s: %+v", a.ID, a.Severity)
		}
	}
	if len(rep.Problems) != 0 || !rep.Feeds[0].Complete {
		t.Errorf("got %+v", rep)
	}
}

// TestStatus: everything that hinomi feed status shows of a feed comes through an import.
func TestStatus(t *testing.T) {
	dir := folder(t, map[string][]byte{"debian/tracker.json": testdata(t, "debian/tracker.json")})
	m, err := feed.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Entries[0].URL, m.Entries[0].ETag, m.Entries[0].Checked = "https://security-tracker.debian.org/tracker/data/json", `"x"`, now().Add(-time.Hour)
	if err := feed.WriteManifest(dir, m); err != nil {
		t.Fatal(err)
	}
	_, rep := mustImport(t, dir)
	f := rep.Feeds[0]
	if f.Name != "debian/tracker" || f.Rows == 0 || f.SHA256 != m.Entries[0].SHA256 || !f.LoadedAt.Equal(now()) || !f.AsOf.Equal(now().Add(-time.Hour)) ||
		f.ETag != `"x"` || !f.Complete || f.Licence != "MIT" || f.Origin != m.Entries[0].URL || len(f.Ecosystems) < 3 || f.Published.IsZero() {
		t.Errorf("got %+v", f)
	}
	if b, err := json.Marshal(f); err != nil || len(b) == 0 {
		t.Error(err)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(zipOf(f, "osv/GO-2024-2963.json"))
	f.Add(zipOf(f, "osv/GO-2022-0617.json", "osv/RUSTSEC-2024-0399.json"))
	feedtest.Fuzz(f, osv.Feed(), "osv/Go/all.zip")
}
