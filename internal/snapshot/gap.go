package snapshot

import (
	"time"

	"hinomi/internal/asset"
)

// Gap is a part of the world that could not be read. Nothing inside a gap is ever closed or deleted.
// An empty Region or Kind in the scope means all of them.
type Gap struct {
	Scope
	// Part is set where the listing of the scope itself was read and only something more about its assets was not:
	// the routes of a transit gateway's tables, say. The assets' own …Read flags say the same. Such a gap does not cover the scope.
	Part   string    `json:"part,omitempty"`
	Reason Reason    `json:"reason"`
	Detail string    `json:"detail,omitempty"` // in words: what was tried and what was answered
	At     time.Time `json:"at,omitzero"`
}

// Reason says why something was not read.
type Reason string

// The reasons of gaps.
const (
	NotRead      Reason = "not read"        // nobody tried: a file is missing in a dump, a module is off
	AccessDenied Reason = "access denied"   // the permission is missing
	Throttled    Reason = "throttled"       // AWS kept refusing for rate
	Expired      Reason = "credentials"     // credentials were refused or expired
	Failed       Reason = "failed"          // the call failed in another way
	Partial      Reason = "partly read"     // some pages came, not all: assets of them are kept, none is concluded gone
	Malformed    Reason = "malformed"       // the answer or the file is not what it should be
	Disabled     Reason = "region disabled" // the region is not enabled in the account
	Unsupported  Reason = "not available"   // the service does not exist in the region
)

// Covers reports whether the gap includes a scope: what of the scope was not listed must not be concluded from.
func (g Gap) Covers(s Scope) bool {
	return g.Part == "" && (g.Account == "" || g.Account == s.Account) && (g.Region == "" || g.Region == s.Region) && (g.Kind == "" || g.Kind == s.Kind)
}

// GapFor returns the first gap that covers a scope, and whether there is one. A scope that was neither read nor named by a gap
// has the gap NotRead: silence is never evidence. Of a global kind the account's own scope is looked at, whatever region is given.
func (s *Snapshot) GapFor(account, region string, kind asset.Kind) (Gap, bool) {
	scope := Scope{account, region, kind}.home()
	if i, ok := s.cover.find(scope); ok {
		return s.gaps[i], true
	}
	if s.WasRead(scope.Account, scope.Region, scope.Kind) {
		return Gap{}, false
	}
	return Gap{Scope: scope, Reason: NotRead}, true
}

// cover finds the gap of a scope without looking at all of them: an organisation has hundreds of thousands. It maps a gap's scope,
// blanks included, to the first gap that has it.
type cover map[Scope]int

func newCover(gaps []Gap) cover {
	c := make(cover, len(gaps))
	for i, g := range gaps {
		if _, seen := c[g.Scope]; !seen && g.Part == "" {
			c[g.Scope] = i
		}
	}
	return c
}

// find returns the index of the first gap that covers a scope, trying each way in which a gap can leave parts of it blank.
func (c cover) find(s Scope) (first int, ok bool) {
	for blank := range 8 {
		key := s
		if blank&1 != 0 {
			key.Account = ""
		}
		if blank&2 != 0 {
			key.Region = ""
		}
		if blank&4 != 0 {
			key.Kind = ""
		}
		if i, hit := c[key]; hit && (!ok || i < first) {
			first, ok = i, true
		}
	}
	return first, ok
}
