package csaf

import (
	"slices"

	"hinomi/internal/advisory"
)

// vectors returns the vectors of one score (3.2.3.13).
func (s *score) vectors(scorer string) []advisory.Severity {
	var out []advisory.Severity
	for _, v := range []struct{ kind, text string }{{"CVSS_V3", s.V3.Text}, {"CVSS_V4", s.V4.Text}, {"CVSS_V2", s.V2.Text}} {
		if v.text != "" {
			out = append(out, advisory.Severity{Type: v.kind, Score: v.text, Source: scorer})
		}
	}
	return out
}

// score gives the advisory the vulnerability's scores; where the publisher scores its products differently, the rows have their own, and
// the advisory the first.
func (d *document) score(a *advisory.Advisory, v *vulnerability, r *rows) {
	of := map[string][]advisory.Severity{}
	same := true
	for i := range v.Scores {
		l := v.Scores[i].vectors(r.publisher.Scorer)
		if i == 0 {
			a.Severity = l
		}
		same = same && slices.Equal(l, a.Severity)
	}
	if same {
		return
	}
	for i := range v.Scores {
		l := v.Scores[i].vectors(r.publisher.Scorer)
		for _, id := range v.Scores[i].Products {
			of[id] = append(of[id], l...)
		}
	}
	for i := range a.Affected {
		a.Affected[i].Severity = of[r.ids[i]]
	}
}
