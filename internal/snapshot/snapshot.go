// Package snapshot holds the world at one time: every asset that was read, and the gaps, which is what could not be read.
// A Snapshot is immutable once built; evaluation reads it and nothing else, so any verdict can be replayed from a stored one.
package snapshot

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"hinomi/internal/asset"
)

// Snapshot is the world at one time. The zero value is an empty world of which nothing was read.
type Snapshot struct {
	TakenAt time.Time
	reads   []Read
	gaps    []Gap
	cover   cover // of the gaps
	tables  map[asset.Kind]*table
}

// Read says that all assets of one kind in one account and region were read at a time: what is not in it did not exist then.
type Read struct {
	Scope
	At    time.Time `json:"at"`
	Count int       `json:"count"`
}

// Scope is the part of the world that one listing call covers.
type Scope struct {
	Account string     `json:"account"`
	Region  string     `json:"region"`
	Kind    asset.Kind `json:"kind"`
}

// home is the scope that a kind's assets lie in.
func (s Scope) home() Scope {
	if s.Kind.Global() {
		s.Region = asset.Global
	}
	return s
}

// Compare orders scopes by account, region and kind.
func (s Scope) Compare(o Scope) int {
	return cmp.Or(strings.Compare(s.Account, o.Account), strings.Compare(s.Region, o.Region), strings.Compare(string(s.Kind), string(o.Kind)))
}

// table keeps the assets of one kind in the order of their references.
type table struct {
	rows []asset.Asset
	byID map[string]int // first row of an id: the owner's where several accounts see the asset
}

// Reads returns what was read completely, ordered by scope.
func (s *Snapshot) Reads() []Read { return slices.Clone(s.reads) }

// Gaps returns what could not be read, ordered by scope.
func (s *Snapshot) Gaps() []Gap { return slices.Clone(s.gaps) }

// WasRead reports whether all assets of a kind in an account and region were read. Of a global kind the account's own scope is looked
// at, whatever region is given.
func (s *Snapshot) WasRead(account, region string, kind asset.Kind) bool {
	_, ok := slices.BinarySearchFunc(s.reads, Scope{account, region, kind}.home(), func(r Read, want Scope) int { return r.Compare(want) })
	return ok
}

// Len returns the number of assets of a kind.
func (s *Snapshot) Len(kind asset.Kind) int {
	if t := s.tables[kind]; t != nil {
		return len(t.rows)
	}
	return 0
}

// Kinds returns the kinds that have at least one asset, sorted.
func (s *Snapshot) Kinds() []asset.Kind {
	var out []asset.Kind
	for k := range s.tables {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Assets yields the assets of a kind in the order of their references.
func (s *Snapshot) Assets(kind asset.Kind) iter.Seq[asset.Asset] {
	return func(yield func(asset.Asset) bool) {
		t := s.tables[kind]
		if t == nil {
			return
		}
		for _, a := range t.rows {
			if !yield(a) {
				return
			}
		}
	}
}

// All yields the assets of type T: for i := range snapshot.All[asset.Instance](s). T is a struct of package asset.
// Internet and egress-only gateways are both asset.InternetGateway and are yielded together.
func All[T any, P interface {
	*T
	asset.Asset
}](s *Snapshot) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, kind := range kindsOf[T, P]() {
			for a := range s.Assets(kind) {
				p, ok := a.(P)
				if ok && !yield((*T)(p)) {
					return
				}
			}
		}
	}
}

// Get returns the asset of type T with an id, wherever it lies. Where several accounts see it (a shared subnet),
// the owner's view is returned. IDs that only an account and region make unique need Find.
func Get[T any, P interface {
	*T
	asset.Asset
}](s *Snapshot, id string) (*T, bool) {
	for _, kind := range kindsOf[T, P]() {
		t := s.tables[kind]
		if t == nil {
			continue
		}
		if i, ok := t.byID[id]; ok {
			p, ok := t.rows[i].(P)
			return (*T)(p), ok
		}
	}
	return nil, false
}

// Find returns the asset a reference names.
func (s *Snapshot) Find(ref asset.Ref) (asset.Asset, bool) {
	t := s.tables[ref.Kind]
	if t == nil {
		return nil, false
	}
	i, ok := slices.BinarySearchFunc(t.rows, ref, func(a asset.Asset, want asset.Ref) int { return compareRefs(asset.RefOf(a), want) })
	if !ok {
		return nil, false
	}
	return t.rows[i], true
}

func kindsOf[T any, P interface {
	*T
	asset.Asset
}]() []asset.Kind {
	k := P(new(T)).Kind()
	if k == asset.KindInternetGateway {
		return []asset.Kind{k, asset.KindEgressOnlyGateway}
	}
	return []asset.Kind{k}
}

func compareRefs(a, b asset.Ref) int {
	if c := strings.Compare(a.Account, b.Account); c != 0 {
		return c
	}
	if c := strings.Compare(a.Region, b.Region); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
