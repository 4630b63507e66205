package score

import "hinomi/internal/advisory"

// Decision is what CISA's decision tree answers (Stakeholder-Specific Vulnerability Categorization Guide, November 2022, figure 1).
type Decision string

// The decisions, from "with the next updates" to "at once".
const (
	Track     Decision = "Track"
	TrackStar Decision = "Track*"
	Attend    Decision = "Attend"
	Act       Decision = "Act"
)

// Mission is what depends on the place: CISA's "Mission & Well-being".
type Mission string

// The missions. Medium is what is taken where nobody has said more.
const (
	LowMission    Mission = "low"
	MediumMission Mission = "medium"
	HighMission   Mission = "high"
)

// Decide walks the tree. Without a decision point of CISA's on exploitation there is none, ""; the other points count as the worse where
// they are missing.
func Decide(s *advisory.SSVC, m Mission) Decision {
	if s == nil || s.Exploitation == "" {
		return ""
	}
	row := 0
	switch s.Exploitation {
	case "poc":
		row = 4
	case "active":
		row = 8
	}
	if s.Automatable != "no" {
		row += 2
	}
	if s.TechnicalImpact != "partial" {
		row++
	}
	col := 1
	switch m {
	case LowMission:
		col = 0
	case HighMission:
		col = 2
	case MediumMission:
	}
	return [12][3]Decision{
		{Track, Track, Track},      // none, not automatable, partial
		{Track, Track, TrackStar},  // none, not automatable, total
		{Track, Track, Attend},     // none, automatable, partial
		{Track, Track, Attend},     // none, automatable, total
		{Track, Track, TrackStar},  // poc, not automatable, partial
		{Track, TrackStar, Attend}, // poc, not automatable, total
		{Track, Track, Attend},     // poc, automatable, partial
		{Track, TrackStar, Attend}, // poc, automatable, total
		{Track, Track, Attend},     // active, not automatable, partial
		{Track, Attend, Act},       // active, not automatable, total
		{Attend, Attend, Act},      // active, automatable, partial
		{Attend, Act, Act},         // active, automatable, total
	}[row][col]
}
