package examples_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFeedsManifest wants every file of the feeds in the manifest, whole, with
// its origin and a licence that lets us ship it.
func TestFeedsManifest(t *testing.T) {
	raw, err := os.ReadFile("feeds/MANIFEST.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Purpose string
		Entries []struct {
			File, SHA256, Licence, Repository, Commit, Note string
			Bytes, Count                                    int
		}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Purpose, "subset for the demo") {
		t.Errorf("purpose %q", m.Purpose)
	}
	listed, total := map[string]bool{"MANIFEST.json": true}, 0
	for _, e := range m.Entries {
		listed[e.File] = true
		data, err := os.ReadFile(filepath.Join("feeds", filepath.FromSlash(e.File)))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if hex.EncodeToString(sum[:]) != e.SHA256 || len(data) != e.Bytes {
			t.Errorf("%s is not the file of the manifest", e.File)
		}
		if e.Licence == "" || e.Repository == "" || len(e.Commit) != 40 || !strings.HasPrefix(e.Note, "SUBSET for the demo") {
			t.Errorf("%s: origin, licence or note is missing: %+v", e.File, e)
		}
		if strings.Contains(e.Licence, "-SA") {
			t.Errorf("%s: licence %s", e.File, e.Licence)
		}
		if strings.HasSuffix(e.File, ".zip") && countZip(t, data) != e.Count {
			t.Errorf("%s: %d documents, the manifest says %d", e.File, countZip(t, data), e.Count)
		}
		total += e.Bytes
	}
	if total > 5<<19 {
		t.Errorf("%d bytes of feeds, at most 2.5 MiB", total)
	}
	err = filepath.WalkDir("feeds", func(name string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel("feeds", name); err == nil && !d.IsDir() && !listed[filepath.ToSlash(rel)] {
			t.Errorf("%s is not in the manifest", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func countZip(t *testing.T, data []byte) int {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return len(z.File)
}

// TestExpectedFindings wants every advisory of the list among the documents.
func TestExpectedFindings(t *testing.T) {
	have := map[string]bool{}
	for _, ecosystem := range []string{"AlmaLinux", "Go", "PyPI"} {
		z, err := zip.OpenReader(filepath.Join("feeds", "osv", ecosystem, "all.zip"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			var doc struct{ ID string }
			raw, err := io.ReadAll(io.LimitReader(r, 16<<20))
			if err == nil {
				err = json.Unmarshal(raw, &doc)
			}
			if err != nil || doc.ID != strings.TrimSuffix(path.Base(f.Name), ".json") {
				t.Errorf("%s: id %q (%v)", f.Name, doc.ID, err)
			}
			have[ecosystem+" "+doc.ID] = true
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile("expected-findings.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 4 || !have[f[0]+" "+f[3]] {
			t.Errorf("no document for %q", line)
		}
		n[f[0]]++
	}
	if diff := cmp.Diff(map[string]int{"AlmaLinux": 180, "Go": 75, "PyPI": 106}, n); diff != "" {
		t.Errorf("expected findings by ecosystem (-want +got):\n%s", diff)
	}
}
