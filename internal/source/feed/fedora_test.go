package feed_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"hinomi/internal/source/feed"
)

// fedoraUpdates is an updateinfo in the form of Fedora's, which names CVEs in the titles of bugs alone; written for this test.
const fedoraUpdates = `<?xml version="1.0" encoding="UTF-8"?>
<updates>
 <update from="updates@fedoraproject.org" status="stable" type="security" version="2.0"><id>FEDORA-2026-0000000001</id><title>bind-9.18.41-1.fc43</title>
  <issued date="2026-01-03 02:18:33"/><updated date="2026-01-03 02:18:33"/><severity>Important</severity><description>Update to 9.18.41</description>
  <references><reference href="https://bugzilla.redhat.com/show_bug.cgi?id=1" id="1" title="CVE-2026-0001 CVE-2026-0002 ... bind: various flaws [fedora-43]" type="bugzilla"/></references>
  <pkglist><collection short="F43"><name>Fedora 43</name><package name="bind-libs" version="9.18.41" release="1.fc43" epoch="32" arch="x86_64"/></collection></pkglist></update>
 <update from="updates@fedoraproject.org" status="stable" type="security" version="2.0"><id>FEDORA-2026-0000000002</id><title>tar-1.35-7.fc43</title>
  <description>Fixes CVE-2026-0003</description><references/><pkglist><collection><package name="tar" version="1.35" release="7.fc43" epoch="2" arch="x86_64"/></collection></pkglist></update>
 <update from="updates@fedoraproject.org" status="stable" type="bugfix" version="2.0"><id>FEDORA-2026-0000000003</id><title>xz-5.8.1-2.fc43</title>
  <description>CVE-2026-0004 does not touch us</description><references/><pkglist><collection><package name="xz" version="5.8.1" release="2.fc43" epoch="1" arch="x86_64"/></collection></pkglist></update>
</updates>`

// TestFedora fetches the errata of a repository without a mirror list, packed as Fedora packs them.
func TestFedora(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := w.EncodeAll([]byte(fedoraUpdates), nil)
	name := "x-updateinfo.xml.zst"
	mux := http.NewServeMux()
	mux.HandleFunc("/43/repodata/repomd.xml", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<repomd><data type="updateinfo"><checksum type="sha256">%x</checksum><location href="repodata/%s"/></data></repomd>`, sha256.Sum256(body), name)
	})
	mux.HandleFunc("/43/repodata/x-updateinfo.xml.zst", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	files := []feed.Remote{{File: "updateinfo/Fedora/43/core/updateinfo.xml.zst", URL: s.URL + "/43/", Repository: true, Complete: true}}
	dir := t.TempDir()
	if up, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()}); err != nil || up[0].Status != "updated" {
		t.Fatalf("got %+v, %v", up, err)
	}
	sk, rep := mustImport(t, dir)
	if !slices.Contains(rep.Feeds[0].Ecosystems, "Fedora:43") {
		t.Errorf("speaks for %q", rep.Feeds[0].Ecosystems)
	}
	got := map[string][]string{}
	for _, a := range sk.Advisories {
		got[a.ID] = a.CVEs()
	}
	want := map[string][]string{"FEDORA-2026-0000000001": {"CVE-2026-0001", "CVE-2026-0002"}, "FEDORA-2026-0000000002": {"CVE-2026-0003"}, "FEDORA-2026-0000000003": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	name = "x-updateinfo.xml.xz"
	if _, err := feed.Download(t.Context(), s.Client(), dir, files, feed.UpdateOptions{Now: now()}); !errors.Is(err, feed.ErrFormat) {
		t.Errorf("packed otherwise: got %v, want ErrFormat", err)
	}
}

// TestPartsAreNoFeeds leaves out what a cut download leaves behind.
func TestPartsAreNoFeeds(t *testing.T) {
	for _, k := range feed.Feeds() {
		for _, file := range []string{"nvd/nvdcve-2.0-2024.json.gz.part.json", "rocky/errata.zip.part.json", "redhat/vex/changes.zip.part", "fedora/a.json.part"} {
			if k.Reads(file) {
				t.Errorf("%s reads %s", k.ID, file)
			}
		}
	}
}
