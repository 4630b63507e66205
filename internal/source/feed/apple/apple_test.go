package apple_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/apple"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

// TestSOFA reads both schemas: what they say of a release is the same.
func TestSOFA(t *testing.T) {
	for _, v := range []string{"v1", "v2"} {
		s, l := feedtest.Read(t, apple.SOFA(), "apple/macos_data_feed_"+v+".json", feedtest.Testdata(t, v+".json"))
		if len(l.Problems) != 0 || !slices.Equal(l.Ecosystems, []string{"macOS:12", "macOS:26"}) || l.Documents != 6 {
			t.Errorf("%s: %+v", v, l)
		}
		want := &advisory.Advisory{
			Source: "apple/sofa", ID: "macOS-26.6.1", Summary: "macOS Tahoe 26.6.1", Errata: true, Upstream: []string{"CVE-2026-65400"},
			Published: time.Date(2026, 8, 6, 0, 0, 0, 0, time.UTC), Modified: time.Date(2026, 8, 6, 0, 0, 0, 0, time.UTC),
			URLs: []string{"https://support.apple.com/en-us/148170"}, Details: "Apple knows of reports that these were exploited: CVE-2026-65400",
			Affected: []advisory.Affected{{
				Ecosystem: "macOS", Release: "26", Package: "macOS", State: advisory.StateFixed,
				Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "26.6.1"}}}},
			}},
		}
		if diff := cmp.Diff(want, s.Named(t, "macOS-26.6.1")); diff != "" {
			t.Errorf("%s: %s", v, diff)
		}
	}
}

func TestSOFARefuses(t *testing.T) {
	for _, bad := range []string{
		"", "{}", "[]", `{"OSVersions":[{"OSVersion":"Sequoia 15"}]}`, `{"OSVersions":[{"OSVersion":"Sequoia 15","SecurityReleases":[{"ProductVersion":"14.1"}]}]}`,
		`{"OSVersions":[{"OSVersion":"Sequoia 15","SecurityReleases":[{"ProductVersion":"15.1 (a)"}]}]}`,
		`{"OSVersions":[{"OSVersion":"Sequoia 15","SecurityReleases":[{"ProductVersion":"15.1","CVEs":{"x":true}}]}]}`,
	} {
		_, err := form.Read(t.Context(), apple.SOFA(), form.Source{File: "apple/macos_data_feed.json", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", bad, err)
		}
	}
	// A newest release that the list does not have yet counts, too.
	s, _ := feedtest.Read(t, apple.SOFA(), "apple/macos_data_feed.json",
		[]byte(`{"OSVersions":[{"OSVersion":"Sequoia 15","Latest":{"ProductVersion":"15.2"},"SecurityReleases":[{"ProductVersion":"15.1"}]}]}`))
	s.Affected(t, "macOS-15.2", "15", "macOS")
}

// TestSOFAWhole reads both feeds as they were on 22 August 2026.
func TestSOFAWhole(t *testing.T) {
	for _, v := range []string{"v1", "v2"} {
		file := "native/macos/sofa_macos_data_feed_" + v + ".json.gz"
		s, l := feedtest.Read(t, apple.SOFA(), file, feedtest.Shared(t, "feeds/"+file))
		cves := 0
		for _, a := range s.Advisories {
			cves += len(a.CVEs())
		}
		if l.Rows != 126 || cves != 4834 || len(l.Problems) != 0 || len(l.Ecosystems) != 5 {
			t.Errorf("%s: %d rows, %d CVEs, problems %v, speaks for %q", v, l.Rows, cves, l.Problems, l.Ecosystems)
		}
	}
}

func FuzzSOFA(f *testing.F) {
	feedtest.Fuzz(f, apple.SOFA(), "apple/macos_data_feed.json", "v1.json", "v2.json")
}
