package ssm

import (
	"fmt"
	"time"

	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
)

// DefaultStale is how old an inventory may be: the model calls one stale that the agent has not renewed for 7 days (Amazon Inspector User
// Guide, "Assessing coverage": Stale inventory).
const DefaultStale = 7 * 24 * time.Hour

// DeepPlace is where a gap of deep inspection is said to be: one of its folders, and the one of them below which no package manager keeps its
// database, so that the gap says nothing of the system's packages.
const DeepPlace = "/usr/local/lib"

// Deep says what deep inspection, where it is wanted, lacks on an instance of which this was composed; false if nothing. Who found the gap
// tells the reason (coverage.ReasonOfGap).
func Deep(c Composed, now time.Time, stale time.Duration) (inventory.Gap, bool) {
	gap := inventory.Gap{Path: DeepPlace, FoundBy: coverage.GapDeepNone}
	switch {
	case c.Limit != nil:
		gap.FoundBy, gap.Reason = c.Limit.Limit, c.Limit.Detail
	case c.Collected != nil && now.Sub(c.Collected.ReadAt) > stale:
		gap.Reason = fmt.Sprintf("the collector delivered last at %s, more than %d days ago", c.Collected.ReadAt.UTC().Format(time.RFC3339), int(stale.Hours()/24))
	case c.Collected != nil:
		return gap, false
	case c.Delivered:
		gap.Reason = "what the collector delivered cannot be read: hinomi's log says why"
	default:
		gap.Reason = "the collector has not delivered an inventory: its association shows why (hinomi scan plan)"
	}
	return gap, true
}
