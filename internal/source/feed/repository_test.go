package feed_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hinomi/internal/source/feed"
)

// TestRepository follows a mirror list to the errata of a repository, as Amazon Linux serves them.
func TestRepository(t *testing.T) {
	body := testdata(t, "updateinfo/updateinfo_2023.xml.gz")
	sum := fmt.Sprintf("%x", sha256.Sum256(body))
	said, list, fetched := sum, "", 0
	mux := http.NewServeMux()
	mux.HandleFunc("/mirror.list", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, list) })
	mux.HandleFunc("/repo/repodata/repomd.xml", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><location href="repodata/primary.xml.gz"/></data>
<data type="updateinfo"><checksum type="sha256">%s</checksum><location href="repodata/x-updateinfo.xml.gz"/></data></repomd>`, said)
	})
	mux.HandleFunc("/repo/repodata/x-updateinfo.xml.gz", func(w http.ResponseWriter, _ *http.Request) {
		fetched++
		_, _ = w.Write(body)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	list = s.URL + "/repo/"
	files := []feed.Remote{{File: "updateinfo/Amazon Linux/2023/core/updateinfo.xml.gz", URL: s.URL + "/mirror.list", Complete: true, MirrorList: true}}
	dir := t.TempDir()
	up, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()})
	if err != nil || up[0].Status != "updated" {
		t.Fatalf("got %+v, %v", up, err)
	}
	sk, rep := mustImport(t, dir)
	if len(sk.Advisories) != 1 || rep.Feeds[0].Ecosystems[0] != "Amazon Linux:2023" {
		t.Errorf("got %d advisories, %+v", len(sk.Advisories), rep.Feeds)
	}
	up, err = feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now().Add(time.Hour)})
	if err != nil || up[0].Status != "unchanged" || fetched != 1 {
		t.Errorf("again: %+v, %v, fetched %d times", up, err, fetched)
	}
	said = fmt.Sprintf("%x", sha256.Sum256([]byte("other")))
	if _, err = feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()}); !errors.Is(err, feed.ErrChecksum) {
		t.Errorf("got %v, want ErrChecksum", err)
	}
	if sk, _ = mustImport(t, dir); len(sk.Advisories) != 1 {
		t.Error("the old file is gone")
	}
	for _, bad := range []string{"", "not a url", "ftp://x/y"} {
		list = bad
		if _, err = feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()}); !errors.Is(err, feed.ErrFormat) {
			t.Errorf("mirror %q: got %v, want ErrFormat", bad, err)
		}
	}
}
