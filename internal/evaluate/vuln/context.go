package vuln

import (
	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/finding"
)

// Contextualise gives a finding of a package the score that it has in one place (package score says how); Scoring tells the place and each
// step. Findings of an inventory that many assets share are made once; this is done for each asset. The base score and the
// severity stay. It reports whether anything changed.
func Contextualise(f *finding.Finding, x score.Exposure) bool {
	if f.Package == nil || f.Scoring == nil {
		return false
	}
	before := f.Score
	c := f.Scoring.Adjusted
	base, ok := score.Of(advisory.Severity{Score: c.BaseVector}, c.Source)
	if !ok {
		return false
	}
	return rescore(f, base, score.PlaceOf(f.Package, x)) && f.Score != before
}

// rescore computes the contextual score of a finding from its base and its place.
func rescore(f *finding.Finding, base finding.CVSS, place score.Place) bool {
	c, ok := score.Context(base, place, score.Exploit{
		Listed: f.Package.KEVAdded != "", Decision: f.Package.SSVC, Public: f.Package.ExploitAvailable == "YES",
	})
	if !ok { // no vector, or one of CVSS 2.0
		f.Score = base.Score
		return false
	}
	f.Score, f.Scoring = c.Score, &finding.Scoring{Adjusted: c, Reach: string(place.Reach), ReachWhy: place.Why}
	return true
}
