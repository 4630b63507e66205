package redhat_test

import (
	"bytes"
	"strings"
	"testing"

	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/redhat"
)

// TestChanges reads what changed before the archive: documents count in place of the archive's, what was deleted is gone.
func TestChanges(t *testing.T) {
	newer := strings.ReplaceAll(string(feedtest.Testdata(t, "cve-2023-6228.json")), "2024-08-02T12:22:44+00:00", "2024-08-05T00:00:00+00:00")
	newer = strings.Replace(newer, `"title": "libtiff`, `"title": "Newer: libtiff`, 1)
	older := feedtest.Testdata(t, "cve-2023-6240.json")
	changes := feedtest.Zip(t, map[string][]byte{
		"deletions.csv": []byte(`"2023/cve-2023-6237.json","2024-08-04T16:17:31+00:00"` + "\n" + `"2023/cve-2023-38545.json","2020-01-01T00:00:00+00:00"` + "\n"),
		"2023/a.json":   []byte(newer),
	})
	archive := feedtest.Zip(t, map[string][]byte{
		"1.json": feedtest.Testdata(t, "cve-2023-6228.json"), "2.json": feedtest.Testdata(t, "cve-2023-6237.json"), "3.json": older,
		"4.json": feedtest.Testdata(t, "cve-2023-38545.json"),
	})
	s := &feedtest.Sink{}
	told := form.Replaced{}
	kind := redhat.VEX()
	for _, f := range []struct {
		file string
		b    []byte
	}{{"redhat/vex/changes.zip", changes}, {"redhat/vex/archive.zip", archive}} {
		l, err := form.Read(t.Context(), kind, form.Source{File: f.file, At: bytes.NewReader(f.b), Size: int64(len(f.b)), Sink: s, Replaced: told})
		if err != nil || len(l.Problems) != 0 {
			t.Fatalf("%s: problems %v, %v", f.file, l.Problems, err)
		}
	}
	var got []string
	for _, a := range s.Advisories {
		got = append(got, a.ID)
	}
	if strings.Join(got, " ") != "CVE-2023-6228 CVE-2023-6240 CVE-2023-38545" {
		t.Errorf("got %q: the deleted one must be gone, the one that came back after its deletion must not", got)
	}
	if a := s.Named(t, "CVE-2023-6228"); !strings.HasPrefix(a.Summary, "Newer: ") {
		t.Errorf("got %q", a.Summary)
	}
}
