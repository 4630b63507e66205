package ssm

import (
	"fmt"
	"strings"
	"time"

	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
)

// DefaultStale is how old an inventory may be: the model calls one stale that the agent has not renewed for 7 days (Amazon Inspector User
// Guide, "Assessing coverage": Stale inventory).
const DefaultStale = 7 * 24 * time.Hour

// State is where an instance stands for scanning with the agent.
type State struct {
	Managed     bool
	Online      bool
	LastPing    time.Time
	InventoryAt time.Time // of what is judged; zero if there is none
	Missing     []string  // types of inventory that were never captured
	Status      coverage.Status
	Reason      coverage.Reason
	Detail      string // in words: what was seen, what to do
}

// Judge says where an instance stands. i is nil if Systems Manager does not manage it; best is what Best chose, nil if there is nothing or
// if nothing new was captured: then at is the time of what was judged before. causes are Explain's.
func Judge(i *Instance, c Composed, best *inventory.Inventory, at, now time.Time, stale time.Duration, causes []Cause) State {
	s := State{Status: coverage.Active, Missing: c.Missing, InventoryAt: at}
	if best != nil {
		s.InventoryAt = best.ReadAt
	}
	if i == nil {
		s.Status, s.Reason = coverage.Inactive, coverage.UnmanagedInstance
		s.Detail = "Systems Manager does not manage this instance"
		if len(causes) > 0 {
			s.Detail += ": " + words(causes)
		}
		return s
	}
	s.Managed, s.Online, s.LastPing = true, i.Online(), i.LastPing
	away := ""
	if !s.Online {
		away = fmt.Sprintf("; its agent has not answered since %s (%s)", i.LastPing.UTC().Format(time.RFC3339), i.Ping)
		if len(causes) > 0 {
			away += ": " + words(causes)
		}
	}
	switch {
	case i.PlatformName != "" && !c.Supported:
		s.Status, s.Reason = coverage.Inactive, coverage.UnsupportedOS
		s.Detail = fmt.Sprintf("the agent names the system %q, which is not supported", c.OS.PrettyName)
	case s.InventoryAt.IsZero() && !s.Online && i.LastPing.IsZero():
		s.Status, s.Reason, s.Detail = coverage.Inactive, coverage.UnmanagedInstance, "the agent was registered and never answered"
	case s.InventoryAt.IsZero():
		s.Status, s.Reason = coverage.Inactive, coverage.NoInventory
		s.Detail = "no software inventory was captured: an inventory association must cover the instance (hinomi scan plan shows it)" + away
	case now.Sub(s.InventoryAt) > stale:
		s.Reason = coverage.StaleInventory
		s.Detail = fmt.Sprintf("the inventory is of %s, older than %s%s", s.InventoryAt.UTC().Format(time.RFC3339), stale, away)
	case len(c.Missing) > 0:
		s.Reason = coverage.NotFullyAssessed
		s.Detail = "never captured: " + strings.Join(c.Missing, ", ") + away
	default:
		s.Reason, s.Detail = coverage.Successful, strings.TrimPrefix(away, "; ")
	}
	return s
}

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

func words(causes []Cause) string {
	var out []string
	for _, c := range causes {
		out = append(out, c.Why+" ("+c.Do+")")
	}
	return strings.Join(out, "; ")
}
