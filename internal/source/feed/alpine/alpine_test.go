package alpine_test

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/alpine"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

func fixedIn(v string) []advisory.Range {
	return []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: v}}}}
}

func TestSecDB(t *testing.T) {
	s, l := feedtest.Read(t, alpine.Feed(), "alpine/v3.16/main.json", feedtest.Testdata(t, "v3.16/main.json"))
	if len(l.Problems) != 0 || !slices.Equal(l.Ecosystems, []string{"Alpine:v3.16"}) {
		t.Errorf("got %+v", l)
	}
	want := advisory.Affected{Ecosystem: "Alpine", Release: "v3.16", Package: "apache2", State: advisory.StateFixed, Ranges: fixedIn("2.4.35-r0")}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2018-11763", "v3.16", "apache2")); diff != "" {
		t.Error(diff)
	}
	s, l = feedtest.Read(t, alpine.Feed(), "alpine/v3.16/community.json", feedtest.Testdata(t, "v3.16/community.json"))
	if len(s.Advisories) == 0 || len(l.Ecosystems) != 0 || s.Advisories[0].Source != "alpine/v3.16/community" {
		t.Errorf("community alone speaks for no release: %+v", l)
	}
	s, _ = feedtest.Read(t, alpine.Feed(), "alpine/edge/main.json", feedtest.Testdata(t, "edge/main.json"))
	if got := s.Affected(t, "CVE-2021-30474", "edge", "aom"); got.Ranges[0].Events[1].Fixed != "3.1.1-r0" {
		t.Errorf("got %+v", got)
	}
}

// TestIDs are the forms in which ids are written.
func TestIDs(t *testing.T) {
	s, l := feedtest.Read(t, alpine.Feed(), "alpine/v3.11/main.json", feedtest.Testdata(t, "v3.11/main.json"))
	if len(l.Problems) != 0 {
		t.Errorf("problems %v", l.Problems)
	}
	if got := s.Affected(t, "CVE-2017-17434", "v3.11", "rsync"); got.Ranges[0].Events[1].Fixed != "3.1.2-r7" {
		t.Errorf("a CVE in two parts: %+v", got)
	}
	doc := func(version, entry string) []byte {
		return []byte(`{"distroversion":"v3.22","reponame":"main","packages":[{"pkg":{"name":"p","secfixes":{"` + version + `":["` + entry + `"]}}}]}`)
	}
	for _, c := range []struct {
		entry string
		want  []string // ids with aliases
	}{
		{"CVE-2017-8904 XSA-214", []string{"CVE-2017-8904 XSA-214"}},
		{"XSA-207", []string{"XSA-207 "}},
		{"CVE-2017-2616 (+ regression fix)", []string{"CVE-2017-2616 "}},
		{"CVE_2019-2426", []string{"CVE-2019-2426 "}},
		{"CVE-2020-0001 CVE-2020-0002", []string{"CVE-2020-0001 ", "CVE-2020-0002 "}},
		{"GHSA-xwcj-hwhf-h378 CVE-2024-0001", []string{"CVE-2024-0001 GHSA-xwcj-hwhf-h378"}},
	} {
		s, _ := feedtest.Read(t, alpine.Feed(), "alpine/v3.22/main.json", doc("1.0-r0", c.entry))
		var got []string
		for _, a := range s.Advisories {
			got = append(got, a.ID+" "+strings.Join(a.Aliases, " "))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.entry, diff)
		}
	}
	// "0" is no version: the package never had the flaw.
	s, _ = feedtest.Read(t, alpine.Feed(), "alpine/v3.22/main.json", doc("0", "CVE-2024-0001"))
	want := advisory.Affected{Ecosystem: "Alpine", Release: "v3.22", Package: "p", State: advisory.StateNotAffected}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2024-0001", "v3.22", "p")); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		"", "{}", "[]", `{"distroversion":"v3.22","reponame":"main"}`, string(doc("", "CVE-2024-0001")), string(doc("1-r0", "soon")),
		strings.Replace(string(doc("1-r0", "CVE-2024-0001")), "v3.22", "v3.21", 1),
	} {
		src := form.Source{File: "alpine/v3.22/main.json", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}}
		if _, err := form.Read(t.Context(), alpine.Feed(), src); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", bad, err)
		}
	}
}

// TestWhole reads every release of the database of June 2020, which was YAML then.
func TestWhole(t *testing.T) {
	rows, ids := 0, 0
	for name, b := range feedtest.Unzip(t, feedtest.Shared(t, "feeds/native/alpine/secdb-2020.zip")) {
		var d map[string]any
		if err := yaml.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		_, l := feedtest.Read(t, alpine.Feed(), "alpine/"+strings.TrimSuffix(name, path.Ext(name))+".json", b)
		rows, ids = rows+l.Rows, ids+l.Documents
		for _, p := range l.Problems {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if rows != 12005 || ids != 11454 {
		t.Errorf("%d rows of %d ids", rows, ids)
	}
}

func FuzzSecDB(f *testing.F) {
	feedtest.Fuzz(f, alpine.Feed(), "alpine/v3.16/main.json", "v3.16/main.json", "v3.16/community.json", "v3.11/main.json")
}
