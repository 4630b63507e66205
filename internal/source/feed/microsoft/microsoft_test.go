package microsoft_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/microsoft"
)

func until(fixed string) []advisory.Range {
	r := []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}}}}
	if fixed != "" {
		r[0].Events = append(r[0].Events, advisory.Event{Fixed: fixed})
	}
	return r
}

// TestCVRF reads one month in both forms: what they say is the same.
func TestCVRF(t *testing.T) {
	var first *feedtest.Sink
	for _, file := range []string{"2016-Apr.xml", "2016-Apr.json"} {
		s, l := feedtest.Read(t, microsoft.CVRF(), "microsoft/cvrf/"+file, feedtest.Testdata(t, file))
		if len(l.Problems) != 0 || !slices.Contains(l.Ecosystems, "Windows:Windows Server 2012 R2") || !l.Dated.Equal(time.Date(2018, 4, 10, 7, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v", file, l)
		}
		want := advisory.Affected{Ecosystem: "Windows", Release: "Windows Server 2012 R2", Package: "Windows Server 2012 R2", State: advisory.StateFixed, KB: "KB3135456", Supersedes: []string{"KB3087088"}}
		if diff := cmp.Diff(want, s.Affected(t, "CVE-2016-0088", "Windows Server 2012 R2", "Windows Server 2012 R2")); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		if a := s.Named(t, "CVE-2016-0088"); a.Details == "" || strings.Contains(a.Details, "<p>") {
			t.Errorf("%s: details %q", file, a.Details)
		}
		for _, f := range s.Named(t, "CVE-2016-0088").Affected {
			if f.Release == "Windows 10" && (!slices.Contains(f.Arches, "amd64") && !slices.Contains(f.Arches, "x86") || f.KB != "KB3147461") {
				t.Errorf("%s: %+v", file, f)
			}
			if strings.Contains(f.Package, "Core") || strings.Contains(f.Package, "based") {
				t.Errorf("%s: package %q", file, f.Package)
			}
		}
		if first != nil {
			if diff := cmp.Diff(first.Advisories, s.Advisories); diff != "" {
				t.Errorf("XML and JSON differ: %s", diff)
			}
		}
		first = s
	}
}

// TestFixedBuild: products that are no part of Windows have a build and, at times, an update.
func TestFixedBuild(t *testing.T) {
	s, l := feedtest.Read(t, microsoft.CVRF(), "microsoft/cvrf/2024-Mar.xml", feedtest.Testdata(t, "2024-Mar.xml"))
	if len(l.Problems) != 0 || len(l.Ecosystems) != 0 {
		t.Errorf("no version of Windows is in it, yet it speaks for %q; problems %v", l.Ecosystems, l.Problems)
	}
	want := advisory.Affected{Ecosystem: "Windows", Package: ".NET 8.0", State: advisory.StateFixed, KB: "KB5036452", Ranges: until("8.0.3")}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2024-21392", "", ".NET 8.0")); diff != "" {
		t.Error(diff)
	}
	want = advisory.Affected{Ecosystem: "Windows", Package: "Microsoft Visual Studio 2022 version 17.9", State: advisory.StateFixed, Ranges: until("17.9.3")}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2024-21392", "", "Microsoft Visual Studio 2022 version 17.9")); diff != "" {
		t.Error(diff)
	}
	a := s.Named(t, "CVE-2024-21392")
	if a.Word != "Important" || len(a.Severity) != 1 || a.Severity[0].Source != "Microsoft" || !slices.Equal(a.CWEs, []string{"CWE-400"}) || !strings.Contains(a.Details, "Exploited:No") {
		t.Errorf("got %+v", a)
	}
}

// server2019 is a document in the form of the API's JSON with one vulnerability of Windows Server 2019 and the given remediations; the updates
// and builds are those of CVE-2024-21338.
func server2019(remedies string) []byte {
	return []byte(`{"DocumentTracking":{"CurrentReleaseDate":"2024-02-13T08:00:00"},"ProductTree":{"FullProductName":[` +
		`{"ProductID":"11571","Value":"Windows Server 2019"},{"ProductID":"11572","Value":"Windows Server 2019  (Server Core installation)"},` +
		`{"ProductID":"11923-11572","Value":"Microsoft .NET Framework 3.5 AND 4.8 on Windows Server 2019 (Server Core installation)"},` +
		`{"ProductID":"17084","Value":"azl3 kernel 6.6.14-1 on Azure Linux 3.0"}]},` +
		`"Vulnerability":[{"CVE":"CVE-2024-21338","Title":{"Value":"x"},"ProductStatuses":[{"ProductID":["11571","11572"],"Type":3}],"Remediations":[` + remedies + `]}]}`)
}

func TestWindows(t *testing.T) {
	const lcu = `{"Description":{"Value":"5034768"},"Supercedence":"5034127","ProductID":["11571","11572"],"Type":2,"SubType":"Security Update","FixedBuild":"10.0.17763.5458"}`
	row := func(change func(f *advisory.Affected)) advisory.Affected {
		f := advisory.Affected{Ecosystem: "Windows", Release: "Windows Server 2019", Package: "Windows Server 2019", State: advisory.StateFixed}
		change(&f)
		return f
	}
	update := row(func(f *advisory.Affected) {
		f.KB, f.Supersedes, f.Ranges = "KB5034768", []string{"KB5034127"}, until("10.0.17763.5458")
	})
	for _, c := range []struct {
		name, remedies string
		want           []advisory.Affected
	}{
		{"update_with_build", lcu, []advisory.Affected{update}},
		{"alternatives", lcu + `,{"Description":{"Value":"5034860"},"ProductID":["11571","11572"],"Type":2,"SubType":"Security Hotpatch Update","FixedBuild":"10.0.17763.5450"}`, []advisory.Affected{
			update, row(func(f *advisory.Affected) { f.KB, f.Ranges = "KB5034860", until("10.0.17763.5450") }),
		}},
		{"supersedes_several", `{"Description":{"Value":"5034768"},"Supercedence":"5034127; 5032196,KB5031361","ProductID":["11571","11572"],"Type":2}`, []advisory.Affected{
			row(func(f *advisory.Affected) {
				f.KB, f.Supersedes = "KB5034768", []string{"KB5031361", "KB5032196", "KB5034127"}
			}),
		}},
		{"nothing_mends_it", ``, []advisory.Affected{row(func(f *advisory.Affected) { f.State, f.Ranges = advisory.StateOpen, until("") })}},
		{"mended_without_a_number", `{"Description":{"Value":"Release Notes"},"ProductID":["11571","11572"],"Type":2,"FixedBuild":"https://aka.ms/x"}`, []advisory.Affected{
			row(func(f *advisory.Affected) { f.State, f.Ranges = advisory.StateUndecided, until("") }),
		}},
		{"workaround_mends_nothing", `{"Description":{"Value":"5034768"},"ProductID":["11571","11572"],"Type":0}`, []advisory.Affected{
			row(func(f *advisory.Affected) { f.State, f.Ranges = advisory.StateOpen, until("") }),
		}},
		{"component", lcu + `,{"Description":{"Value":"5034619"},"ProductID":["11923-11572"],"Type":2,"FixedBuild":"4.8.4700.0"}`, []advisory.Affected{
			update, {
				Ecosystem: "Windows", Release: "Windows Server 2019", Package: "Microsoft .NET Framework 3.5 AND 4.8", State: advisory.StateFixed, KB: "KB5034619", Ranges: until("4.8.4700.0"),
			},
		}},
		{"linux_is_no_windows", lcu + `,{"Description":{"Value":"5034619"},"ProductID":["17084"],"Type":2,"FixedBuild":"6.6.14"}`, []advisory.Affected{update}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l := feedtest.Read(t, microsoft.CVRF(), "microsoft/cvrf/2024-Feb.json", server2019(c.remedies))
			if diff := cmp.Diff(c.want, s.Named(t, "CVE-2024-21338").Affected); diff != "" || len(l.Problems) != 0 {
				t.Errorf("%s problems %v", diff, l.Problems)
			}
			if !slices.Equal(l.Ecosystems, []string{"Windows:Windows Server 2019"}) {
				t.Errorf("speaks for %q", l.Ecosystems)
			}
		})
	}
}

func TestCVRFRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "{}", "[]", "<html/>", "<cvrfdoc/>", `{"DocumentTracking":{"CurrentReleaseDate":"2024-02-13T08:00:00"}}`,
		string(server2019(`{"Description":{"Value":"5034768"},"ProductID":["9"],"Type":2}`)), strings.Replace(string(server2019("")), "CVE-2024-21338", "", 1),
	} {
		_, err := form.Read(t.Context(), microsoft.CVRF(), form.Source{File: "microsoft/cvrf/x.json", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%.80s: got %v, want ErrFormat", bad, err)
		}
	}
}

func TestCSAF(t *testing.T) {
	files := map[string][]byte{}
	for _, n := range []string{"29795", "29806"} {
		files["csaf/2025/msrc_cve-2025-"+n+".json"] = feedtest.Testdata(t, "msrc_cve-2025-"+n+".json")
	}
	files["vex/2025/msrc_cve-2025-25186.json"] = feedtest.Testdata(t, "msrc_cve-2025-25186.json") // Azure Linux only
	s, l := feedtest.Read(t, microsoft.CSAF(), "microsoft/csaf.zip", feedtest.Zip(t, files))
	if len(l.Problems) != 0 || len(s.Advisories) != 2 {
		t.Fatalf("%d advisories, problems %v", len(s.Advisories), l.Problems)
	}
	want := advisory.Affected{Ecosystem: "Windows", Package: "Microsoft Edge (Chromium-based)", State: advisory.StateFixed, Ranges: until("129.0.2792.52")}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2025-29806", "", "Microsoft Edge (Chromium-based)")); diff != "" {
		t.Error(diff)
	}
	a := s.Named(t, "CVE-2025-29806")
	if a.Word != "Important" || len(a.Severity) != 1 || !a.Modified.Equal(time.Date(2025, 3, 21, 7, 0, 0, 0, time.UTC)) || a.Source != "microsoft/csaf" {
		t.Errorf("got %+v", a)
	}
	doc := func(leaf, remedy, status string) []byte {
		return []byte(`{"document":{"csaf_version":"2.0"},"product_tree":{"branches":[{"category":"vendor","name":"Microsoft","branches":[{"category":"product_name","name":"Windows Server 2019","branches":[` +
			leaf + `]}]}]},"vulnerabilities":[{"cve":"CVE-2024-21338","product_status":{"` + status + `":["1"]},"remediations":[` + remedy + `]}]}`)
	}
	const below = `{"category":"product_version_range","name":"<10.0.17763.5458","product":{"product_id":"1"}}`
	const any = `{"category":"product_version","name":"-","product":{"product_id":"1"}}`
	for _, c := range []struct {
		name, leaf, remedy, status string
		want                       advisory.Affected
	}{
		{"build_and_update", below, `{"category":"vendor_fix","product_ids":["1"],"url":"https://support.microsoft.com/help/5034768"}`, "known_affected", advisory.Affected{State: advisory.StateFixed, KB: "KB5034768", Ranges: until("10.0.17763.5458")}},
		{"build", below, ``, "known_affected", advisory.Affected{State: advisory.StateFixed, Ranges: until("10.0.17763.5458")}},
		{"update", any, `{"category":"vendor_fix","product_ids":["1"],"url":"https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB5034768"}`, "known_affected", advisory.Affected{State: advisory.StateFixed, KB: "KB5034768"}},
		{"mended_without_a_number", any, `{"category":"vendor_fix","product_ids":["1"],"url":"https://aka.ms/x"}`, "known_affected", advisory.Affected{State: advisory.StateUndecided, Ranges: until("")}},
		{"open", any, ``, "known_affected", advisory.Affected{State: advisory.StateOpen, Ranges: until("")}},
		{"not_affected", any, ``, "known_not_affected", advisory.Affected{State: advisory.StateNotAffected}},
		{"under_investigation", any, ``, "under_investigation", advisory.Affected{State: advisory.StateUndecided, Ranges: until("")}},
	} {
		l, err := microsoft.ParseCSAF(doc(c.leaf, c.remedy, c.status), "x")
		if err != nil || len(l) != 1 {
			t.Fatal(c.name, err, len(l))
		}
		c.want.Ecosystem, c.want.Release, c.want.Package = "Windows", "Windows Server 2019", "Windows Server 2019"
		if diff := cmp.Diff([]advisory.Affected{c.want}, l[0].Affected); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	for _, bad := range []string{"", "{}", `{"document":{"csaf_version":"1.0"}}`, strings.Replace(string(doc(any, "", "known_affected")), `["1"]`, `["2"]`, 1)} {
		if _, err := microsoft.ParseCSAF([]byte(bad), "x"); !errors.Is(err, form.ErrFormat) {
			t.Errorf("%.60s: got %v, want ErrFormat", bad, err)
		}
	}
}

func definitions(t testing.TB, csv []byte) []byte {
	return feedtest.Zip(t, map[string][]byte{"CVEs_20260628.csv": csv, "Version_0.94.txt": []byte("x")})
}

func TestWESNG(t *testing.T) {
	s, l := feedtest.Read(t, microsoft.WESNG(), "native/windows/wesng-definitions.zip", definitions(t, feedtest.Testdata(t, "CVEs.csv")))
	if len(l.Problems) != 0 || !slices.Contains(l.Ecosystems, "Windows:Windows Server 2019") || slices.Contains(l.Ecosystems, "Windows:") {
		t.Errorf("got %+v", l)
	}
	// Ten rows say it of Server 2019, with and without Server Core, with an update, without one, and without what it supersedes.
	want := advisory.Affected{Ecosystem: "Windows", Release: "Windows Server 2019", Package: "Windows Server 2019", State: advisory.StateFixed, KB: "KB5012647", Supersedes: []string{"KB5011503"}}
	if diff := cmp.Diff(want, s.Affected(t, "CVE-2022-24486", "Windows Server 2019", "Windows Server 2019")); diff != "" {
		t.Error(diff)
	}
	s.Affected(t, "CVE-2024-21338", "Windows Server 2022", "Windows Server 2022")
	if a := s.Named(t, "KB4014329"); !a.Errata || len(a.CVEs()) != 0 || a.Affected[0].Supersedes[0] != "KB4010250" || a.Affected[0].Release != "Windows 10 Version 1511" {
		t.Errorf("an update without a CVE: %+v", a)
	}
	for _, a := range s.Advisories {
		for _, f := range a.Affected {
			if strings.Contains(f.Release+f.Package, "Mariner") || f.State == advisory.StateUndecided && f.KB != "" {
				t.Errorf("%s: %+v", a.ID, f)
			}
			if strings.Contains(f.Release, "version 21H2") {
				t.Errorf("%s: release %q", a.ID, f.Release)
			}
		}
	}
	if !slices.ContainsFunc(s.Advisories, func(a *advisory.Advisory) bool {
		return slices.ContainsFunc(a.Affected, func(f advisory.Affected) bool { return f.Package == "Internet Explorer 8" && f.Release != "" })
	}) {
		t.Error("no row about a browser on a system")
	}
	for _, bad := range []string{"", "a,b\n", "DatePosted,CVE\n", `"x`} {
		b := definitions(t, []byte(bad))
		_, err := form.Read(t.Context(), microsoft.WESNG(), form.Source{File: "microsoft/wesng-definitions.zip", At: bytes.NewReader(b), Size: int64(len(b)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

// counter counts rows without keeping them.
type counter struct {
	feedtest.Sink
	states                          map[advisory.State]int
	server2019, chain, withoutVulns int
}

func (c *counter) Advisory(a *advisory.Advisory) error {
	if a.Errata {
		c.withoutVulns++
	}
	for _, f := range a.Affected {
		c.states[f.State]++
		if f.Package == "Windows Server 2019" {
			c.server2019++
			c.chain += len(f.Supersedes)
		}
	}
	return nil
}

// TestWESNGWhole reads all definitions of June 2026.
func TestWESNGWhole(t *testing.T) {
	b := feedtest.Shared(t, "feeds/native/windows/wesng-definitions.zip")
	c := &counter{states: map[advisory.State]int{}}
	l, err := form.Read(t.Context(), microsoft.WESNG(), form.Source{File: "native/windows/wesng-definitions.zip", At: bytes.NewReader(b), Size: int64(len(b)), Sink: c})
	if err != nil || len(l.Problems) != 0 {
		t.Fatal(err, l.Problems)
	}
	if l.Rows != 261208 || l.Documents != 14204 || c.withoutVulns != 48 || c.states[advisory.StateFixed] != 250970 || c.states[advisory.StateUndecided] != 10238 {
		t.Errorf("%d rows of %d advisories (%d updates without a CVE), %v", l.Rows, l.Documents, c.withoutVulns, c.states)
	}
	if c.server2019 != 4496 || c.chain != 4451 {
		t.Errorf("Windows Server 2019: %d rows that supersede %d updates", c.server2019, c.chain)
	}
}

func FuzzCVRF(f *testing.F) {
	feedtest.Fuzz(f, microsoft.CVRF(), "microsoft/cvrf/2016-Apr.xml", "2016-Apr.xml", "2024-Mar.xml", "2016-Apr.json")
}

func FuzzCSAF(f *testing.F) {
	for _, n := range []string{"25186", "29795", "29806"} {
		f.Add(feedtest.Testdata(f, "msrc_cve-2025-"+n+".json"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := microsoft.ParseCSAF(b, "x")
		if err != nil && !errors.Is(err, form.ErrFormat) {
			t.Fatal(err)
		}
		for _, a := range l {
			for _, r := range a.Affected {
				if r.Package == "" || r.State == "" {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

// FuzzWESNG gives lines below a true header.
func FuzzWESNG(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "CVEs.csv"))
	if err != nil {
		f.Fatal(err)
	}
	head, lines, _ := bytes.Cut(b, []byte("\n"))
	f.Add(lines[:2000])
	f.Fuzz(func(t *testing.T, lines []byte) {
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		w, err := z.Create("CVEs_1.csv")
		if err == nil {
			_, err = w.Write(slices.Concat(head, []byte("\n"), lines))
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		s := &feedtest.Sink{}
		_, err = form.Read(t.Context(), microsoft.WESNG(), form.Source{File: "microsoft/wesng-definitions.zip", At: bytes.NewReader(buf.Bytes()), Size: int64(buf.Len()), Sink: s})
		if err != nil && !errors.Is(err, form.ErrFormat) && !errors.Is(err, form.ErrLimit) {
			t.Fatal(err)
		}
		for _, a := range s.Advisories {
			for _, r := range a.Affected {
				if a.ID == "" || r.Package == "" {
					t.Fatalf("%+v", a)
				}
			}
		}
	})
}
