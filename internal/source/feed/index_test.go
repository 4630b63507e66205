package feed_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/feed"
)

// statuses returns what became of each file.
func statuses(up []feed.Update) []string {
	out := make([]string, 0, len(up))
	for _, u := range up {
		out = append(out, u.File+" "+u.Status)
	}
	return out
}

// TestMonths follows Microsoft's list to its documents: each is fetched again only when the list says that it changed.
func TestMonths(t *testing.T) {
	docs := map[string]string{"2016-Apr": string(testdata(t, "microsoft/2016-Apr.xml")), "2024-Mar": string(testdata(t, "microsoft/2024-Mar.xml"))}
	changed := map[string]string{"2016-Apr": "2018-04-10T07:00:00Z", "2024-Mar": "2024-04-09T07:00:00Z"}
	var fetched []string
	mux := http.NewServeMux()
	mux.HandleFunc("/cvrf/v3.0/updates", func(w http.ResponseWriter, _ *http.Request) {
		var l []string
		for _, id := range []string{"2016-Apr", "2024-Mar"} {
			l = append(l, fmt.Sprintf(`{"ID":%q,"CurrentReleaseDate":%q}`, id, changed[id]))
		}
		_, _ = fmt.Fprintf(w, `{"value":[%s]}`, strings.Join(l, ","))
	})
	mux.HandleFunc("/cvrf/v3.0/cvrf/{id}", func(w http.ResponseWriter, r *http.Request) {
		fetched = append(fetched, r.PathValue("id"))
		_, _ = w.Write([]byte(docs[r.PathValue("id")]))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	files := []feed.Remote{{File: "microsoft/cvrf/*.xml", URL: s.URL + "/cvrf/v3.0/updates", Index: feed.MicrosoftMonths, Complete: true}}
	dir := t.TempDir()
	up, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()})
	if diff := cmp.Diff([]string{"microsoft/cvrf/2016-Apr.xml updated", "microsoft/cvrf/2024-Mar.xml updated"}, statuses(up)); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	sk, rep := mustImport(t, dir)
	if len(rep.Feeds) != 1 || rep.Feeds[0].Name != "microsoft/cvrf" || !rep.Feeds[0].Complete || len(sk.Advisories) != 2 || !rep.Feeds[0].AsOf.Equal(now()) {
		t.Fatalf("months are one feed: %+v", rep.Feeds)
	}
	if !rep.Feeds[0].Published.Equal(time.Date(2024, 4, 9, 0, 0, 0, 0, time.UTC)) || !slices.Contains(rep.Feeds[0].Ecosystems, "Windows:Windows Server 2012 R2") {
		t.Errorf("got %+v", rep.Feeds[0])
	}
	changed["2024-Mar"], docs["2024-Mar"] = "2026-08-01T07:00:00Z", docs["2024-Mar"]+" "
	later := now().Add(2 * time.Hour)
	up, err = feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: later})
	if diff := cmp.Diff([]string{"microsoft/cvrf/2016-Apr.xml unchanged", "microsoft/cvrf/2024-Mar.xml updated"}, statuses(up)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]string{"2016-Apr", "2024-Mar", "2024-Mar"}, fetched); diff != "" {
		t.Error(diff)
	}
	m, err := feed.ReadManifest(dir)
	if err != nil || len(m.Entries) != 2 || !m.Entries[0].Checked.Equal(later) || m.Entries[1].Version != "2026-08-01T07:00:00Z" {
		t.Errorf("manifest %+v, %v", m.Entries, err)
	}
	// A month that is gone is a feed that shrank.
	alone := folder(t, map[string][]byte{"microsoft/cvrf/2024-Mar.xml": testdata(t, "microsoft/2024-Mar.xml")})
	if _, err := feed.Import(t.Context(), alone, &sink{}, feed.Options{Now: now(), Previous: rep.Feeds}); !errors.Is(err, feed.ErrShrunk) {
		t.Errorf("got %v, want ErrShrunk", err)
	}
	for _, bad := range []string{"{}", "<html>", `{"value":[{"ID":"../x","CurrentReleaseDate":"2024"}]}`, `{"value":[{"ID":"2024-Mar"}]}`} {
		w := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(bad)) }))
		files[0].URL = w.URL
		up, err := feed.Download(t.Context(), w.Client(), dir, files, feed.UpdateOptions{Now: now()})
		w.Close()
		if !errors.Is(err, feed.ErrFormat) || len(up) != 1 || up[0].Status != "failed" {
			t.Errorf("%s: got %+v, %v, want ErrFormat", bad, up, err)
		}
	}
}

// TestExtras follows Amazon Linux 2's catalogue to the repository of each topic: one without errata is absent, one that is gone is a fault.
func TestExtras(t *testing.T) {
	body := testdata(t, "updateinfo/updateinfo_2_kernel-5.15.xml.gz")
	gone := false
	mux := http.NewServeMux()
	mux.HandleFunc("/2/extras-catalog.json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"ok","topics":[{"n":"emacs","deprecated-at":"2018-11-14"},{"n":"kernel-5.15"}]}`))
	})
	var base string
	mux.HandleFunc("/2/extras/{topic}/latest/x86_64/mirror.list", func(w http.ResponseWriter, r *http.Request) {
		if gone {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintln(w, base+"/repo/"+r.PathValue("topic"))
	})
	mux.HandleFunc("/repo/{topic}/repodata/repomd.xml", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("topic") == "emacs" {
			_, _ = w.Write([]byte(`<repomd><data type="primary"><location href="repodata/primary.xml.gz"/></data></repomd>`))
			return
		}
		_, _ = fmt.Fprintf(w, `<repomd><data type="updateinfo"><checksum type="sha256">%s</checksum><location href="repodata/updateinfo.xml.gz"/></data></repomd>`, sumOf(body))
	})
	mux.HandleFunc("/repo/kernel-5.15/repodata/updateinfo.xml.gz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	base = s.URL
	files := []feed.Remote{{File: "updateinfo/Amazon Linux/2/*/updateinfo.xml.gz", URL: s.URL + "/2/extras-catalog.json", Index: feed.AmazonExtras, Complete: true}}
	dir := t.TempDir()
	up, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()})
	want := []string{"updateinfo/Amazon Linux/2/emacs/updateinfo.xml.gz absent", "updateinfo/Amazon Linux/2/kernel-5.15/updateinfo.xml.gz updated"}
	if diff := cmp.Diff(want, statuses(up)); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	sk, rep := mustImport(t, dir)
	if len(rep.Feeds) != 1 || rep.Feeds[0].Name != "updateinfo/Amazon Linux/2/kernel-5.15" || sk.Advisories[0].Affected[0].Repo != "kernel-5.15" || len(rep.Feeds[0].Ecosystems) != 0 {
		t.Errorf("got %+v", rep.Feeds)
	}
	gone = true
	if up, err = feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()}); err == nil || up[1].Status != "failed" {
		t.Errorf("a list that is gone: %+v, %v", up, err)
	}
	if sk, _ = mustImport(t, dir); len(sk.Advisories) != 1 {
		t.Error("the old file is gone")
	}
}

// TestMirrorNamesParts: a mirror's manifest says which files an index stands for.
func TestMirrorNamesParts(t *testing.T) {
	body := testdata(t, "updateinfo/updateinfo_2_kernel-5.15.xml.gz")
	const file = "updateinfo/Amazon Linux/2/kernel-5.15/updateinfo.xml.gz"
	p := &publisher{body: body, manifest: fmt.Sprintf(`{"entries":[{"file":%q,"bytes":%d,"sha256":%q},{"file":"osv/Go/all.zip","sha256":%q}]}`, file, len(body), sumOf(body), sumOf(body))}
	s := serve(t, p)
	files := []feed.Remote{{File: "updateinfo/Amazon Linux/2/*/updateinfo.xml.gz", URL: "http://127.0.0.1:1/", Index: feed.AmazonExtras, Complete: true}}
	up, err := feed.Download(t.Context(), s.Client(), t.TempDir(), files, feed.UpdateOptions{Now: now(), Base: s.URL})
	if diff := cmp.Diff([]string{file + " updated"}, statuses(up)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	files[0].File = "microsoft/cvrf/*.xml"
	up, err = feed.Download(t.Context(), s.Client(), t.TempDir(), files, feed.UpdateOptions{Now: now(), Base: s.URL})
	if !errors.Is(err, feed.ErrUnlisted) || len(up) != 1 || up[0].Status != "failed" {
		t.Errorf("a mirror without it: %+v, %v, want ErrUnlisted", up, err)
	}
}

// TestTogether: one record for a feed in several files.
func TestTogether(t *testing.T) {
	bad := []byte(strings.Replace(string(testdata(t, "alpine/v3.16/main.json")), "CVE-2018-11763", "soon", 1))
	_, rep := mustImport(t, folder(t, map[string][]byte{
		"eol/products.json": testdata(t, "endoflife/full.json"), "eol/endoflife-products.zip": zipOf(t, "endoflife/almalinux.md", "endoflife/debian.md"),
	}))
	if len(rep.Feeds) != 1 || rep.Feeds[0].Rows != rep.Rows || rep.Rows == 0 || !rep.Feeds[0].Complete || len(rep.Feeds[0].SHA256) != 64 {
		t.Errorf("got %+v of %d rows", rep.Feeds, rep.Rows)
	}
	// A document that was not understood makes its own feed incomplete, and no other.
	s := &sink{}
	dir := folder(t, map[string][]byte{"alpine/v3.16/main.json": bad, "alpine/v3.16/community.json": testdata(t, "alpine/v3.16/community.json")})
	if _, err := feed.Import(t.Context(), dir, s, feed.Options{Now: now()}); !errors.Is(err, feed.ErrFormat) {
		t.Errorf("one bad of two: got %v, want ErrFormat", err)
	}
}

// TestCatalogue: whatever is fetched is read by a feed, once, and its address is safe.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range feed.Catalogue(feed.DefaultEcosystems()) {
		name := strings.NewReplacer("*", "x", "{year}", "2025").Replace(r.File)
		if seen[name] {
			t.Errorf("%s is fetched twice", r.File)
		}
		seen[name] = true
		n := 0
		for _, k := range feed.Feeds() {
			if k.Reads(name) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is read by %d feeds", r.File, n)
		}
		if !strings.HasPrefix(r.URL, "https://") || filepath.IsAbs(r.File) {
			t.Errorf("%s from %s", r.File, r.URL)
		}
	}
	for _, want := range []string{"debian/tracker.json", "bottlerocket/updateinfo.xml.gz", "apple/macos_data_feed.json", "microsoft/cvrf/x.xml", "updateinfo/Amazon Linux/2/x/updateinfo.xml.gz"} {
		if !seen[want] {
			t.Errorf("%s is not fetched", want)
		}
	}
	ids := map[string]bool{}
	for _, k := range feed.Feeds() {
		if ids[k.ID] || k.ID == "" || k.Title == "" || len(k.Files) == 0 {
			t.Errorf("feed %+v", k)
		}
		ids[k.ID] = true
	}
	var few []string
	for _, r := range feed.Catalogue([]string{"Debian"}) {
		few = append(few, r.File)
	}
	if slices.Contains(few, "apple/macos_data_feed.json") || !slices.Contains(few, "debian/tracker.json") {
		t.Errorf("for Debian alone: %q", few)
	}
}

func sumOf(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"status":"ok","topics":[{"n":"emacs","inst":["emacs"],"versions":["25.3"],"deprecated-at":"2018-11-14"},{"n":"kernel-5.15"}]}`))
	f.Add([]byte(`{"value":[{"ID":"2024-Mar","CurrentReleaseDate":"2024-04-09T07:00:00Z"},{"ID":"2017-May-B","CurrentReleaseDate":"2017-06-13T07:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []feed.Remote{
			{File: "updateinfo/Amazon Linux/2/*/updateinfo.xml.gz", URL: "https://cdn.example/2/extras-catalog.json", Index: feed.AmazonExtras},
			{File: "microsoft/cvrf/*.xml", URL: "https://api.example/cvrf/v3.0/updates", Index: feed.MicrosoftMonths},
		} {
			l, err := feed.PartsOf(b, r)
			if err != nil && !errors.Is(err, feed.ErrFormat) {
				t.Fatal(err)
			}
			for _, p := range l {
				if ok, err := path.Match(r.File, p.File); !ok || err != nil || !fs.ValidPath(p.File) || p.Index != "" {
					t.Fatalf("%q leads to the file %q", b, p.File)
				}
				if !strings.HasPrefix(p.URL, "https://cdn.example/2/extras/") && !strings.HasPrefix(p.URL, "https://api.example/cvrf/v3.0/cvrf/") {
					t.Fatalf("%q leads to %q", b, p.URL)
				}
			}
		}
	})
}
