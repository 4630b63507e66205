package score_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/finding"
)

// published are FIRST's worked examples: "Common Vulnerability Scoring System v3.1: Examples" and "v4.0: Examples".
func published() []struct {
	cve, vector string
	score       float64
} {
	return []struct {
		cve, vector string
		score       float64
	}{
		{"CVE-2013-1937", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1},
		{"CVE-2013-0375", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4},
		{"CVE-2014-3566", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1},
		{"CVE-2012-1516", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9},
		{"CVE-2009-0783", "CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2},
		{"CVE-2012-0384", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8},
		{"CVE-2015-1098", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8},
		{"CVE-2014-0160", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5},
		{"CVE-2014-6271", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8},
		{"CVE-2008-1447", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 6.8},
		{"CVE-2014-2005", "CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 6.8},
		{"CVE-2010-0467", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:L/I:N/A:N", 5.8},
		{"CVE-2013-6014", "CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 9.3},
		{"CVE-2014-9253", "CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 5.4},
		{"CVE-2011-1265", "CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 8.8},
		{"CVE-2014-2019", "CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6},
		{"CVE-2014-0224", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 7.4},
		{"CVE-2012-5376", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", 9.6},
		{"CVE-2022-41741", "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3},
		{"CVE-2020-3549", "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7},
		{"CVE-2023-3089", "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N", 8.3},
		{"CVE-2021-44714", "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N", 4.6},
		{"CVE-2022-21830", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N", 5.1},
		{"CVE-2022-22186", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N", 6.9},
		{"CVE-2021-44228", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0},
		{"CVE-2013-6014", "CVSS:4.0/AV:A/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:H/SI:N/SA:H", 6.4},
		{"CVE-2014-0160", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", 8.7},
		{"v2, CVE-2002-0392", "AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8}, // "A Complete Guide to CVSS v2.0", 3.3.1
	}
}

func TestPublishedScores(t *testing.T) {
	for _, c := range published() {
		s := advisory.Severity{Score: c.vector}
		if !strings.HasPrefix(c.vector, "CVSS:") {
			s.Type = "CVSS_V2"
		}
		got, ok := score.Of(s, "FIRST")
		if !ok || got.Score != c.score {
			t.Errorf("%s %s: got %.1f %v, want %.1f", c.cve, c.vector, got.Score, ok, c.score)
		}
	}
}

// roundUp is the standard's own (v3.1, appendix A).
func roundUp(x float64) float64 {
	i := int64(math.Round(x * 100_000))
	if i%10_000 == 0 {
		return float64(i) / 100_000
	}
	return (math.Floor(float64(i)/10_000) + 1) / 10
}

// TestContextArithmetic compares contextual scores with the equations of the specification, worked out by hand with its constants:
// exploitability 8.22 × AV × AC × PR × UI, impact 6.42 × ISS, temporal factors U 0.91, P 0.94, H 1.
func TestContextArithmetic(t *testing.T) {
	const lH, aL, prN, uiN = 0.56, 0.77, 0.85, 0.85
	iss := 1 - (1-lH)*(1-lH)*(1-lH)
	impact := 6.42 * min(iss, 0.915)
	full := func(av, e float64) float64 { return roundUp(roundUp(min(impact+8.22*av*aL*prN*uiN, 10)) * e) }
	crit, _ := score.Of(advisory.Severity{Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, "NVD")
	for _, c := range []struct {
		name  string
		place score.Place
		e     score.Exploit
		want  float64
		by    []string
	}{
		{"nothing_known", score.Place{}, score.Exploit{}, full(0.85, 1), nil},
		{"open", score.Place{Reach: score.Internet}, score.Exploit{Listed: true}, full(0.85, 1), []string{"E X→H"}},
		{"closed", score.Place{Reach: score.Network}, score.Exploit{}, full(0.62, 1), []string{"MAV X→A"}},
		{"not_listening", score.Place{Reach: score.Local}, score.Exploit{}, full(0.55, 1), []string{"MAV X→L"}},
		{"open_poc", score.Place{Reach: score.Internet}, score.Exploit{Decision: "poc"}, full(0.85, 0.94), []string{"E X→P"}},
		{"closed_unproven", score.Place{Reach: score.Network}, score.Exploit{Decision: "none"}, full(0.62, 0.91), []string{"MAV X→A", "E X→U"}},
		{"listed_goes_before_none", score.Place{}, score.Exploit{Listed: true, Decision: "none"}, full(0.85, 1), []string{"E X→H"}},
		{"public", score.Place{}, score.Exploit{Public: true}, full(0.85, 0.94), []string{"E X→P"}},
	} {
		got, ok := score.Context(crit, c.place, c.e)
		var by []string
		for _, a := range got.Adjustments {
			by = append(by, a.Metric+" "+a.From+"→"+a.To)
		}
		if !ok || got.Score != c.want || !slices.Equal(by, c.by) || got.BaseScore != 9.8 || got.BaseVector != crit.Vector {
			t.Errorf("%s: got %+v, want %.1f by %q", c.name, got, c.want, c.by)
		}
	}
}

// TestContext holds which vectors change at all.
func TestContext(t *testing.T) {
	closed := score.Place{Reach: score.Network, Why: "no path from the internet is open"}
	for _, c := range []struct {
		name, vector string
		place        score.Place
		e            score.Exploit
		want         string
	}{
		{"user_fetches_it", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", closed, score.Exploit{}, "8.8 (CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H); = 8.8 (CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H)"},
		{"local_stays", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", closed, score.Exploit{}, "7.8 (CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H); = 7.8 (CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H)"},
		{"closed", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", closed, score.Exploit{}, "7.5 (CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N); MAV X→A: no path from the internet is open; = 6.5 (CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/MAV:A)"},
		{"v30", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", closed, score.Exploit{}, "7.5 (CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N); MAV X→A: no path from the internet is open; = 6.5 (CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/MAV:A)"},
		{"v4_closed", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", closed, score.Exploit{Decision: "active"}, "8.7 (CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N); MAV X→A: no path from the internet is open; E X→A: CISA decided that it is exploited (SSVC); = 7.1 (CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N/E:A/MAV:A)"},
		{"v4_passive_user", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", closed, score.Exploit{}, "7.1 (CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N); = 7.1 (CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N)"},
	} {
		base, ok := score.Of(advisory.Severity{Score: c.vector}, "NVD")
		got, ok2 := score.Context(base, c.place, c.e)
		if line := score.Arithmetic(got); !ok || !ok2 || line != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, line, c.want)
		}
	}
	if _, ok := score.Context(finding.CVSS{Version: "2.0", Vector: "AV:N/AC:L/Au:N/C:N/I:N/A:C", Score: 7.8}, closed, score.Exploit{}); ok {
		t.Error("a vector of CVSS 2.0 has a contextual score")
	}
}

// TestContextOnlyLowers holds for all published vectors: no knowledge raises a score above its base.
func TestContextOnlyLowers(t *testing.T) {
	reaches := []score.Reach{score.UnknownReach, score.Internet, score.Network, score.Local}
	decisions := []string{"", "none", "poc", "active"}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(published()).Draw(t, "vector")
		base, ok := score.Of(advisory.Severity{Score: c.vector}, "FIRST")
		if !ok {
			t.Skip("CVSS 2.0")
		}
		at := rapid.IntRange(0, 3).Draw(t, "reach")
		e := score.Exploit{Decision: rapid.SampledFrom(decisions).Draw(t, "decision"), Listed: rapid.Bool().Draw(t, "listed")}
		got, ok := score.Context(base, score.Place{Reach: reaches[at]}, e)
		if !ok || got.Score > base.Score || got.Score < 0 {
			t.Fatalf("%s: %+v", c.vector, got)
		}
		if at < 2 {
			return
		}
		if far, _ := score.Context(base, score.Place{Reach: score.Internet}, e); far.Score < got.Score {
			t.Fatalf("%s: %.1f from the internet, %.1f from %s", c.vector, far.Score, got.Score, reaches[at])
		}
	})
}

// TestDecide holds CISA's table (SSVC guide; certcc.github.io/SSVC, "CISA Levels" 1.1.0) at its corners.
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		exploitation, automatable, impact string
		low, medium, high                 score.Decision
	}{
		{"none", "no", "partial", score.Track, score.Track, score.Track},
		{"none", "no", "total", score.Track, score.Track, score.TrackStar},
		{"none", "yes", "partial", score.Track, score.Track, score.Attend},
		{"none", "yes", "total", score.Track, score.Track, score.Attend},
		{"poc", "no", "partial", score.Track, score.Track, score.TrackStar},
		{"poc", "no", "total", score.Track, score.TrackStar, score.Attend},
		{"poc", "yes", "partial", score.Track, score.Track, score.Attend},
		{"poc", "yes", "total", score.Track, score.TrackStar, score.Attend},
		{"active", "no", "partial", score.Track, score.Track, score.Attend},
		{"active", "no", "total", score.Track, score.Attend, score.Act},
		{"active", "yes", "partial", score.Attend, score.Attend, score.Act},
		{"active", "yes", "total", score.Attend, score.Act, score.Act},
		{"active", "", "", score.Attend, score.Act, score.Act},
		{"", "yes", "total", "", "", ""},
	} {
		s := &advisory.SSVC{Exploitation: c.exploitation, Automatable: c.automatable, TechnicalImpact: c.impact}
		got := []score.Decision{score.Decide(s, score.LowMission), score.Decide(s, score.MediumMission), score.Decide(s, score.HighMission)}
		if want := []score.Decision{c.low, c.medium, c.high}; !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", s, got, want)
		}
	}
	if score.Decide(nil, score.HighMission) != "" {
		t.Error("a decision without decision points")
	}
}

// TestKey sorts findings in the documented order of work: each is behind the one before it by one criterion.
func TestKey(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 8, n, 0, 0, 0, 0, time.UTC) }
	pkg := func(p finding.Package) *finding.Package { return &p }
	list := []finding.Finding{
		{ID: "kev", Score: 3.1, Package: pkg(finding.Package{KEVAdded: "2026-08-01", ExploitObserved: "YES", ExploitAvailable: "YES"})},
		{ID: "observed", Score: 3.1, Package: pkg(finding.Package{ExploitObserved: "YES", ExploitAvailable: "YES"})},
		{ID: "public", Score: 4, Package: pkg(finding.Package{ExploitAvailable: "YES"})},
		{ID: "score", Score: 9.8, Package: &finding.Package{}},
		{ID: "end_of_life", Severity: finding.Critical},
		{ID: "epss", Score: 7.5, Package: pkg(finding.Package{EPSS: 0.5})},
		{ID: "epss_less", Score: 7.5, Severity: finding.Critical, Package: pkg(finding.Package{EPSS: 0.4})},
		{ID: "severity", Score: 7.5, Severity: finding.High, FirstSeen: day(9), Package: &finding.Package{}},
		{ID: "older", Score: 7.5, Severity: finding.Medium, FirstSeen: day(1), Package: &finding.Package{}},
		{ID: "younger", Score: 7.5, Severity: finding.Medium, FirstSeen: day(2), Package: &finding.Package{}},
		{ID: "no_time", Score: 7.5, Severity: finding.Medium, Package: &finding.Package{}},
		{ID: "untriaged", Severity: finding.Untriaged},
		{ID: "low", Severity: finding.Low},
		{ID: "informational", Severity: finding.Informational},
	}
	for i := 1; i < len(list); i++ {
		if a, b := score.Key(&list[i-1]), score.Key(&list[i]); a >= b {
			t.Errorf("%s does not come before %s: %q, %q", list[i-1].ID, list[i].ID, a, b)
		}
	}
}

// FuzzOf holds that no text makes a panic and that every score is one, with a contextual score of its version.
func FuzzOf(f *testing.F) {
	for _, c := range published() {
		f.Add("CVSS_V2", c.vector)
	}
	f.Fuzz(func(t *testing.T, kind, vector string) {
		c, ok := score.Of(advisory.Severity{Type: kind, Score: vector}, "fuzz")
		if !ok {
			return
		}
		if c.Score < 0 || c.Score > 10 || math.IsNaN(c.Score) {
			t.Fatalf("%q: %v", vector, c.Score)
		}
		got, ok := score.Context(c, score.Place{Reach: score.Local}, score.Exploit{Decision: "none"})
		if ok != (c.Version != "2.0") || got.Score > c.Score || math.IsNaN(got.Score) {
			t.Fatalf("%q: %+v, %v", vector, got, ok)
		}
	})
}
