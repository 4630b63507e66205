package score

import (
	"fmt"
	"math"
	"strings"

	"hinomi/internal/finding"
)

// Key returns a text by which findings sort in the default order of work, the first to do first:
//
//  1. those that CISA lists as exploited
//  2. those with an exploit, observed before merely public
//  3. the higher contextual score; without one, the lowest of the severity's range, and 4.0 for what nobody has graded yet
//  4. the higher EPSS
//  5. the higher severity
//  6. the longer known one
//
// The last part is the finding's ID, so that equal ones keep their order.
func Key(f *finding.Finding) string {
	listed, exploit, epss := 0, 0, 0.0
	if p := f.Package; p != nil {
		epss = p.EPSS
		if p.KEVAdded != "" {
			listed = 1
		}
		switch {
		case p.ExploitObserved == "YES":
			exploit = 2
		case p.ExploitAvailable == "YES":
			exploit = 1
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d%d%03d%06d%d", 1-listed, 2-exploit, 100-tenths(workScore(f)), 100_000-parts(epss), 5-max(f.Severity.Rank(), 0))
	first := f.FirstSeen
	if first.IsZero() {
		b.WriteString("9999-12-31T23:59:59Z")
	} else {
		b.WriteString(first.UTC().Format("2006-01-02T15:04:05Z"))
	}
	b.WriteString(f.ID)
	return b.String()
}

func tenths(score float64) int { return int(math.Round(min(max(score, 0), 10) * 10)) }
func parts(epss float64) int   { return int(math.Round(min(max(epss, 0), 1) * 100_000)) }

// workScore is the score that a finding is ordered by.
func workScore(f *finding.Finding) float64 {
	if f.Score > 0 {
		return f.Score
	}
	switch f.Severity {
	case finding.Critical:
		return 9.0
	case finding.High:
		return 7.0
	case finding.Medium, finding.Untriaged:
		return 4.0
	case finding.Low:
		return 0.1
	case finding.Informational:
	}
	return 0
}
