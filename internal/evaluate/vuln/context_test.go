package vuln_test

import (
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/finding"
)

// TestContextualise gives a shared finding the score of each place, keeps base and severity, and goes back when the place is no longer known.
func TestContextualise(t *testing.T) {
	w, inv := opensslWorld()
	w.cves[0].KEV, w.cves[0].SSVC = nil, &advisory.SSVC{Exploitation: "poc", Automatable: "yes", TechnicalImpact: "total"}
	db := w.open(t)
	res := vuln.Match(inv, db, vuln.Options{Now: now()})
	got, err := vuln.Findings(&res, instance(), db, now())
	if err != nil {
		t.Fatal(err)
	}
	f := got[0]
	if f.Score != 9.3 || f.Scoring.Adjusted.BaseScore != 9.8 || f.Scoring.Adjusted.Source != "CISA-ADP" || f.Package.SSVCDecision != "Track*" || f.Package.ExploitObserved != "" {
		t.Fatalf("in no place: %.1f, %+v", f.Score, f.Scoring)
	}
	for _, c := range []struct {
		name    string
		x       score.Exposure
		changed bool
		want    float64
		reach   string
	}{
		{"nothing_known", score.Exposure{}, false, 9.3, ""},
		{"nothing_open", score.Exposure{Judged: true}, true, 8.3, "network"},
		{"again", score.Exposure{Judged: true}, false, 8.3, "network"},
		{"something_open", score.Exposure{Judged: true, Open: []score.Port{{Protocol: "tcp", From: 443, To: 443}}}, true, 9.3, ""},
		{"loopback", score.Exposure{Listening: []score.Listener{{Protocol: "tcp", Port: 4433, Loopback: true, Package: "openssl"}}}, true, 7.9, "local"},
	} {
		changed := vuln.Contextualise(&f, c.x)
		if changed != c.changed || f.Score != c.want || f.Scoring.Reach != c.reach || f.Severity != finding.Critical || f.Scoring.Adjusted.BaseScore != 9.8 {
			t.Errorf("%s: changed %v, %.1f from %q (%+v); want %v, %.1f from %q", c.name, changed, f.Score, f.Scoring.Reach, f, c.changed, c.want, c.reach)
		}
	}
	end := finding.Finding{Type: finding.EndOfLife, Severity: finding.Critical}
	if vuln.Contextualise(&end, score.Exposure{Judged: true}) || end.Score != 0 {
		t.Errorf("a finding without a vulnerability was scored: %+v", end)
	}
	if word := got[1]; vuln.Contextualise(&word, score.Exposure{Judged: true}) || word.Score != 0 || word.Scoring != nil {
		t.Errorf("a finding without a vector was scored: %+v", word)
	}
}
