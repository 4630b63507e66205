package auth

import "slices"

// Scope is the part of the world a caller sees. Every query of the store takes one.
// An empty list does not restrict; with both lists set an asset must be in one of the accounts and carry one of the tags.
type Scope struct {
	Accounts []string `json:"accounts,omitempty"` // 12 digits
	Tags     []string `json:"tags,omitempty"`     // our own tags, not AWS's: those are text from outside
	Nothing  bool     `json:"nothing,omitempty"`  // sees nothing: two scopes that share no part have this intersection
}

// Everything returns the scope without restriction.
func Everything() Scope { return Scope{} }

// All reports whether the scope restricts nothing.
func (s Scope) All() bool { return !s.Nothing && len(s.Accounts) == 0 && len(s.Tags) == 0 }

// SeesAccount reports whether some part of an account can be in the scope.
func (s Scope) SeesAccount(account string) bool {
	return !s.Nothing && (len(s.Accounts) == 0 || slices.Contains(s.Accounts, account))
}

// Sees reports whether an asset of an account with these tags of ours is in the scope.
func (s Scope) Sees(account string, tags []string) bool {
	if !s.SeesAccount(account) {
		return false
	}
	return len(s.Tags) == 0 || slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(s.Tags, t) })
}

// Narrow returns a scope that sees at most what both see: a token's scope within its user's, a request's within its principal's.
func (s Scope) Narrow(o Scope) Scope {
	accounts, none := common(s.Accounts, o.Accounts)
	tags, without := common(s.Tags, o.Tags)
	if s.Nothing || o.Nothing || none || without {
		return Scope{Nothing: true}
	}
	return Scope{Accounts: accounts, Tags: tags}
}

// common returns what both lists allow, where an empty list allows all; none says that nothing is left.
func common(a, b []string) (both []string, none bool) {
	switch {
	case len(a) == 0:
		return slices.Clone(b), false
	case len(b) == 0:
		return slices.Clone(a), false
	}
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both, len(both) == 0
}
