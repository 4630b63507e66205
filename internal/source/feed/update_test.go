package feed_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/source/feed"
)

// publisher serves one file with validators, and cuts the connection after so many bytes while cut is positive.
type publisher struct {
	body     []byte
	cut      atomic.Int64 // bytes after which the next transfers break off; 0 for none
	cuts     atomic.Int64 // how many transfers still break off
	requests atomic.Int64
	ranges   atomic.Int64 // requests for a part
	status   int          // instead of an answer
	manifest string
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, feed.ManifestName) {
		if p.manifest == "" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(p.manifest))
		return
	}
	p.requests.Add(1)
	if r.Header.Get("Range") != "" {
		p.ranges.Add(1)
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	sum := sha256.Sum256(p.body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	if p.cuts.Load() > 0 {
		p.cuts.Add(-1)
		w = &cutter{ResponseWriter: w, left: p.cut.Load()}
	}
	http.ServeContent(w, r, "all.zip", time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC), bytes.NewReader(p.body))
}

// cutter breaks the connection after so many bytes.
type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		n, _ := c.ResponseWriter.Write(b[:c.left])
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		_ = n
		panic(http.ErrAbortHandler)
	}
	c.left -= int64(len(b))
	return c.ResponseWriter.Write(b)
}

func serve(t *testing.T, p *publisher) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s
}

func remote(s *httptest.Server) []feed.Remote {
	return []feed.Remote{{File: "osv/Go/all.zip", URL: s.URL + "/Go/all.zip", Licence: "CC-BY-4.0", Complete: true}}
}

func TestDownload(t *testing.T) {
	p := &publisher{body: zipOf(t, "osv/GO-2024-2963.json", "osv/GO-2022-0617.json")}
	s := serve(t, p)
	dir := t.TempDir()
	up, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now()})
	if err != nil || up[0].Status != "updated" || up[0].Bytes != int64(len(p.body)) {
		t.Fatalf("first: %+v, %v", up, err)
	}
	sk, rep := mustImport(t, dir)
	if len(sk.Advisories) != 2 || !rep.Feeds[0].AsOf.Equal(now()) || !rep.Feeds[0].Complete {
		t.Errorf("imported %d, feed %+v", len(sk.Advisories), rep.Feeds[0])
	}
	later := now().Add(2 * time.Hour)
	up, err = feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: later})
	if err != nil || up[0].Status != "unchanged" || up[0].Bytes != 0 {
		t.Fatalf("again: %+v, %v", up, err)
	}
	if m, err := feed.ReadManifest(dir); err != nil || !m.Entries[0].Checked.Equal(later) {
		t.Errorf("unchanged, but checked at %v, %v", m.Entries[0].Checked, err)
	}
	p.body = zipOf(t, "osv/GO-2024-2963.json")
	if up, err = feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: later}); err != nil || up[0].Status != "updated" {
		t.Fatalf("changed: %+v, %v", up, err)
	}
	if sk, _ = mustImport(t, dir); len(sk.Advisories) != 1 {
		t.Errorf("imported %d", len(sk.Advisories))
	}
}

// TestDownloadCut breaks the transfer at many places: the old file stays, and the next run goes on where this one stopped, even if
// it is cut once more on the way.
func TestDownloadCut(t *testing.T) {
	old := zipOf(t, "osv/GO-2022-0617.json")
	body := zipOf(t, "osv/GO-2024-2963.json", "osv/GO-2022-0617.json", "osv/RUSTSEC-2024-0399.json")
	for cut := int64(0); cut < int64(len(body)); cut += int64(len(body)/23 + 1) {
		t.Run(strconv.FormatInt(cut, 10), func(t *testing.T) {
			p := &publisher{body: old}
			s := serve(t, p)
			dir := t.TempDir()
			if _, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now()}); err != nil {
				t.Fatal(err)
			}
			p.body = body
			p.cut.Store(cut)
			p.cuts.Store(1)
			up, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now(), Tries: 1})
			if err == nil || up[0].Status != "failed" {
				t.Fatalf("cut: %+v, %v", up, err)
			}
			if sk, _ := mustImport(t, dir); len(sk.Advisories) != 1 {
				t.Fatalf("the old file is gone: %d advisories", len(sk.Advisories))
			}
			p.cuts.Store(1)
			up, err = feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now()})
			if err != nil || up[0].Status != "updated" {
				t.Fatalf("at last: %+v, %v", up, err)
			}
			if cut > 1000 && (p.ranges.Load() == 0 || up[0].Bytes >= int64(len(body))) {
				t.Errorf("%d requests for a part, %d bytes moved of %d", p.ranges.Load(), up[0].Bytes, len(body))
			}
			got, err := os.ReadFile(filepath.Join(dir, "osv/Go/all.zip"))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("the file differs from the publisher's (%d bytes, want %d), %v", len(got), len(body), err)
			}
			if l, _ := filepath.Glob(filepath.Join(dir, "osv/Go/*.part*")); len(l) != 0 {
				t.Errorf("left behind: %q", l)
			}
		})
	}
}

// TestDownloadChangedMeanwhile gives another version after a cut: the parts are not mixed.
func TestDownloadChangedMeanwhile(t *testing.T) {
	p := &publisher{body: zipOf(t, "osv/GO-2024-2963.json", "osv/GO-2022-0617.json")}
	s := serve(t, p)
	dir := t.TempDir()
	p.cut.Store(600)
	p.cuts.Store(1)
	if _, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now(), Tries: 1}); err == nil {
		t.Fatal("a cut transfer was taken")
	}
	p.body = zipOf(t, "osv/GO-2022-0617.json", "osv/GO-2024-2963.json")
	if _, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now()}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "osv/Go/all.zip")); !bytes.Equal(got, p.body) {
		t.Error("two versions were mixed")
	}
}

func TestDownloadRefuses(t *testing.T) {
	body := zipOf(t, "osv/GO-2024-2963.json")
	sum := sha256.Sum256(body)
	manifest := func(sum string) string {
		return fmt.Sprintf(`{"entries":[{"file":"osv/Go/all.zip","sha256":%q,"licence":"CC-BY-4.0","checked":"2026-08-20T00:00:00Z"}]}`, sum)
	}
	for _, c := range []struct {
		name   string
		p      *publisher
		o      feed.UpdateOptions
		mirror bool
		want   error
	}{
		{"too_large", &publisher{body: body}, feed.UpdateOptions{MaxBytes: 100}, false, feed.ErrLimit},
		{"forbidden", &publisher{body: body, status: http.StatusForbidden}, feed.UpdateOptions{}, false, nil},
		{"mirror_lies", &publisher{body: body, manifest: manifest(strings.Repeat("0", 64))}, feed.UpdateOptions{}, true, feed.ErrChecksum},
		{"mirror_lists_other", &publisher{body: body, manifest: `{"entries":[]}`}, feed.UpdateOptions{}, true, feed.ErrUnlisted},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.p)
			c.o.Now = now()
			if c.mirror {
				c.o.Base = s.URL
			}
			dir := t.TempDir()
			up, err := feed.Download(t.Context(), s.Client(), dir, remote(s), c.o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || up[0].Status != "failed" {
				t.Fatalf("got %+v, %v, want %v", up, err, c.want)
			}
			if n := c.p.requests.Load(); n > 1 {
				t.Errorf("%d requests for something that trying again does not mend", n)
			}
			if _, err := os.Stat(filepath.Join(dir, "osv/Go/all.zip")); !errors.Is(err, os.ErrNotExist) {
				t.Error("the file was put in its place")
			}
		})
	}
	p := &publisher{body: body, manifest: manifest(hex.EncodeToString(sum[:]))}
	s := serve(t, p)
	dir := t.TempDir()
	if _, err := feed.Download(t.Context(), s.Client(), dir, remote(s), feed.UpdateOptions{Now: now(), Base: s.URL}); err != nil {
		t.Fatal(err)
	}
	if m, err := feed.ReadManifest(dir); err != nil || m.Entries[0].Checked.Day() != 20 {
		t.Errorf("a mirror that asked two days ago gives a feed of today: %+v, %v", m.Entries, err)
	}
}

// TestDownloadOneFails keeps the others.
func TestDownloadOneFails(t *testing.T) {
	p := &publisher{body: zipOf(t, "osv/GO-2024-2963.json")}
	s := serve(t, p)
	dir := t.TempDir()
	files := append([]feed.Remote{{File: "osv/npm/all.zip", URL: "http://127.0.0.1:1/none", Complete: true}}, remote(s)...)
	up, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now(), Tries: 1})
	if err == nil || up[0].Status != "failed" || up[1].Status != "updated" {
		t.Fatalf("got %+v, %v", up, err)
	}
	if sk, _ := mustImport(t, dir); len(sk.Advisories) != 1 {
		t.Errorf("imported %d", len(sk.Advisories))
	}
}
