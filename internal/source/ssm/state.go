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

// Deep says where deep inspection stands on an instance where it is wanted: at is when the collector last ran there, zero if it never did.
// It returns SUCCESSFUL, or why the languages' packages are not seen as they are now.
func Deep(at, now time.Time, stale time.Duration) (coverage.Reason, string) {
	switch {
	case at.IsZero():
		return coverage.DeepNoInventory, "the collector has not run there: its association shows why (hinomi scan plan)"
	case now.Sub(at) > stale:
		return coverage.DeepNoInventory, fmt.Sprintf("the collector ran last at %s, more than %s ago", at.UTC().Format(time.RFC3339), stale)
	}
	return coverage.Successful, ""
}

func words(causes []Cause) string {
	var out []string
	for _, c := range causes {
		out = append(out, c.Why+" ("+c.Do+")")
	}
	return strings.Join(out, "; ")
}
