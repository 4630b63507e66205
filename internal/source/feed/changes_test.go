package feed_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"hinomi/internal/source/feed"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

// folderServer serves files by their path and counts what is asked for.
type folderServer struct {
	mu    sync.Mutex
	files map[string][]byte
	fail  string // a path that answers 503
	asked []string
}

func (s *folderServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	s.asked = append(s.asked, name)
	b, ok := s.files[name]
	switch {
	case name == s.fail:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !ok:
		http.NotFound(w, r)
	default:
		http.ServeContent(w, r, name, time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC), bytes.NewReader(b))
	}
}

// documents returns which documents were asked for since the last time.
func (s *folderServer) documents() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, n := range s.asked {
		if strings.HasSuffix(n, ".json") {
			out = append(out, n)
		}
	}
	s.asked = nil
	slices.Sort(out)
	return out
}

// vex returns a VEX document that says that a package of RHEL 9 is not fixed.
func vex(id, pkg, modified string) []byte {
	return fmt.Appendf(nil, `{"document": {"category": "csaf_vex", "csaf_version": "2.0", "title": "%s", "tracking": {"id": "%s", "current_release_date": "%s"}},
"product_tree": {"branches": [{"category": "product_name", "product": {"product_id": "r", "name": "RHEL 9", "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9"}}},
{"category": "product_version", "product": {"product_id": "p", "name": "p", "product_identification_helper": {"purl": "pkg:rpm/redhat/%s?arch=src"}}}],
"relationships": [{"product_reference": "p", "relates_to_product_reference": "r", "full_product_name": {"product_id": "r:p"}}]},
"vulnerabilities": [{"cve": "%s", "product_status": {"known_affected": ["r:p"]}}]}`, pkg, id, modified, pkg, id)
}

func tarZst(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(feedtest.Tar(t, files), nil)
}

// redHat is a publisher with an archive of two documents, of which one changed and one was deleted since, and one new document.
func redHat(t *testing.T) (*folderServer, []feed.Remote) {
	t.Helper()
	s := &folderServer{files: map[string][]byte{
		"vex/archive_latest.txt": []byte("csaf_vex_2026-08-10.tar.zst\n"),
		"vex/csaf_vex_2026-08-10.tar.zst": tarZst(t, map[string][]byte{
			"2026/cve-2026-0001.json": vex("CVE-2026-0001", "bash", "2026-08-01T00:00:00+00:00"), "2026/cve-2026-0002.json": vex("CVE-2026-0002", "tar", "2026-08-01T00:00:00+00:00"),
		}),
		"vex/changes.csv": []byte(`"2026/cve-2026-0003.json","2026-08-12T00:00:00+00:00"` + "\n" + `"2026/cve-2026-0001.json","2026-08-11T00:00:00+00:00"` + "\n" +
			`"2026/cve-2026-0002.json","2026-08-01T00:00:00+00:00"` + "\n"),
		"vex/deletions.csv":           []byte(`"2026/cve-2026-0002.json","2026-08-11T00:00:00+00:00"` + "\n"),
		"vex/2026/cve-2026-0001.json": vex("CVE-2026-0001", "bash-new", "2026-08-11T00:00:00+00:00"),
		"vex/2026/cve-2026-0003.json": vex("CVE-2026-0003", "gzip", "2026-08-12T00:00:00+00:00"),
	}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, []feed.Remote{
		{File: "redhat/vex/archive.tar.zst", URL: h.URL + "/vex/archive_latest.txt", Latest: true, Complete: true},
		{File: "redhat/vex/changes.zip", URL: h.URL + "/vex/", Changes: &feed.Changes{Archive: "redhat/vex/archive.tar.zst", Deletions: true}},
	}
}

func download(t *testing.T, dir string, files []feed.Remote) (status []string, err error) {
	t.Helper()
	l, err := feed.Download(t.Context(), http.DefaultClient, dir, files, feed.UpdateOptions{Now: now(), Tries: 1})
	for _, u := range l {
		status = append(status, u.Status)
	}
	return status, err
}

// packages imports a folder and returns what is open in it, by CVE.
func packages(t *testing.T, dir string) map[string]string {
	t.Helper()
	s := &sink{}
	if _, err := feed.Import(t.Context(), dir, s, feed.Options{Now: now()}); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range s.Advisories {
		out[a.ID] += a.Affected[0].Package
	}
	return out
}

func TestChanges(t *testing.T) {
	s, files := redHat(t)
	dir := t.TempDir()
	status, err := download(t, dir, files)
	if err != nil || !cmp.Equal(status, []string{"updated", "updated"}) || !cmp.Equal(s.documents(), []string{"vex/2026/cve-2026-0001.json", "vex/2026/cve-2026-0003.json"}) {
		t.Fatalf("got %v, %v", status, err)
	}
	want := map[string]string{"CVE-2026-0001": "bash-new", "CVE-2026-0003": "gzip"}
	if diff := cmp.Diff(want, packages(t, dir)); diff != "" {
		t.Error(diff)
	}

	if status, err = download(t, dir, files); err != nil || !cmp.Equal(status, []string{"unchanged", "unchanged"}) || len(s.documents()) != 0 {
		t.Errorf("nothing new: %v, %v", status, err)
	}

	s.files["vex/changes.csv"] = append([]byte(`"2026/cve-2026-0003.json","2026-08-13T00:00:00+00:00"`+"\n"+`"2026/cve-2026-0004.json","2026-08-13T00:00:00+00:00"`+"\n"), s.files["vex/changes.csv"]...)
	s.files["vex/2026/cve-2026-0003.json"] = vex("CVE-2026-0003", "gzip-new", "2026-08-13T00:00:00+00:00")
	s.fail = "vex/2026/cve-2026-0004.json"
	if status, err = download(t, dir, files); err == nil || !cmp.Equal(status, []string{"unchanged", "failed"}) {
		t.Errorf("a document cannot be had: %v, %v", status, err)
	}
	if diff := cmp.Diff(want, packages(t, dir)); diff != "" { // the old file stays, and is the one of the manifest
		t.Error(diff)
	}
	s.documents()
	s.fail = ""
	s.files["vex/2026/cve-2026-0004.json"] = vex("CVE-2026-0004", "xz", "2026-08-13T00:00:00+00:00")
	if status, err = download(t, dir, files); err != nil || !cmp.Equal(s.documents(), []string{"vex/2026/cve-2026-0004.json"}) {
		t.Errorf("after the fault only what is missing is fetched: %v, %v", status, err)
	}
	want["CVE-2026-0003"], want["CVE-2026-0004"] = "gzip-new", "xz"
	if diff := cmp.Diff(want, packages(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestNewArchive leaves out what a newer archive holds, whose name says of which day it is.
func TestNewArchive(t *testing.T) {
	s, files := redHat(t)
	dir := t.TempDir()
	if _, err := download(t, dir, files); err != nil {
		t.Fatal(err)
	}
	s.files["vex/archive_latest.txt"] = []byte("csaf_vex_2026-08-13.tar.zst")
	s.files["vex/csaf_vex_2026-08-13.tar.zst"] = tarZst(t, map[string][]byte{"1.json": s.files["vex/2026/cve-2026-0001.json"], "3.json": s.files["vex/2026/cve-2026-0003.json"]})
	status, err := download(t, dir, files)
	if err != nil || !cmp.Equal(status, []string{"updated", "updated"}) {
		t.Fatalf("got %v, %v", status, err)
	}
	z, err := zip.OpenReader(filepath.Join(dir, "redhat/vex/changes.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }() // only read
	if len(z.File) != 1 || z.File[0].Name != feed.DeletionsName {
		t.Errorf("%d members", len(z.File))
	}
	if diff := cmp.Diff(map[string]string{"CVE-2026-0001": "bash-new", "CVE-2026-0003": "gzip"}, packages(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestChangesFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(files map[string][]byte)
		want   error
		status []string
	}{
		{"no_list", func(f map[string][]byte) { delete(f, "vex/changes.csv") }, nil, []string{"updated", "failed"}},
		{"no_archive", func(f map[string][]byte) { delete(f, "vex/archive_latest.txt") }, nil, []string{"failed", "failed"}},
		{"path_outside", func(f map[string][]byte) { f["vex/changes.csv"] = []byte(`"../../x.json","2026-08-13T00:00:00+00:00"`) }, feed.ErrFormat, []string{"updated", "failed"}},
		{"no_time", func(f map[string][]byte) { f["vex/changes.csv"] = []byte(`"2026/x.json","yesterday"`) }, feed.ErrFormat, []string{"updated", "failed"}},
		{"archive_elsewhere", func(f map[string][]byte) { f["vex/archive_latest.txt"] = []byte("../other/a.tar.zst") }, feed.ErrFormat, []string{"failed", "failed"}},
		{"gone_and_deleted", func(f map[string][]byte) {
			delete(f, "vex/2026/cve-2026-0003.json")
			f["vex/deletions.csv"] = []byte(`"2026/cve-2026-0003.json","2026-08-13T00:00:00+00:00"`)
		}, nil, []string{"updated", "updated"}},
		{"gone", func(f map[string][]byte) { delete(f, "vex/2026/cve-2026-0003.json") }, nil, []string{"updated", "failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, files := redHat(t)
			c.change(s.files)
			dir := t.TempDir()
			status, err := download(t, dir, files)
			if !cmp.Equal(status, c.status) || slices.Contains(status, "failed") != (err != nil) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, %v", status, err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "redhat/vex/.new-*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestYears asks for each year's file up to the present.
func TestYears(t *testing.T) {
	s := &folderServer{files: map[string][]byte{}}
	for y := 2024; y <= 2027; y++ {
		s.files[fmt.Sprintf("nvdcve-2.0-%d.json.gz", y)] = fmt.Appendf(nil, "%d", y)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	dir := t.TempDir()
	if _, err := download(t, dir, []feed.Remote{{File: "nvd/nvdcve-2.0-{year}.json.gz", URL: h.URL + "/nvdcve-2.0-{year}.json.gz", FirstYear: 2024}}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	names, _ := filepath.Glob(filepath.Join(dir, "nvd/*"))
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(n)] = string(b)
	}
	want := []string{"nvdcve-2.0-2024.json.gz", "nvdcve-2.0-2025.json.gz", "nvdcve-2.0-2026.json.gz"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" || got[want[0]] != "2024" {
		t.Errorf("got %v\n%s", got, diff)
	}
}

// TestCatalogueIsRead holds the catalogue to the kinds: every file that is fetched is read by one.
func TestCatalogueIsRead(t *testing.T) {
	for _, r := range feed.Catalogue(feed.DefaultEcosystems()) {
		name := strings.ReplaceAll(r.File, "{year}", "2024")
		if !slices.ContainsFunc(feed.Feeds(), func(f form.Feed) bool { return f.Reads(name) }) {
			t.Errorf("no feed reads %s", name)
		}
		if !strings.HasPrefix(r.URL, "https://") {
			t.Errorf("%s is fetched from %q", name, r.URL)
		}
	}
}
