package snapshot

import (
	"slices"
	"sync"
	"time"

	"hinomi/internal/asset"
)

// Builder gathers assets, reads and gaps. It is safe for concurrent use.
type Builder struct {
	mu    sync.Mutex
	rows  map[asset.Kind][]asset.Asset
	reads map[Scope]Read
	gaps  []Gap
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder {
	return &Builder{rows: map[asset.Kind][]asset.Asset{}, reads: map[Scope]Read{}}
}

// Add puts assets into the snapshot. The caller must not change them afterwards.
func (b *Builder) Add(assets ...asset.Asset) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range assets {
		b.rows[a.Kind()] = append(b.rows[a.Kind()], a)
	}
}

// MarkRead notes that a scope was read completely at a time.
func (b *Builder) MarkRead(account, region string, kind asset.Kind, at time.Time, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Scope{account, region, kind}
	b.reads[s] = Read{Scope: s, At: at, Count: count}
}

// AddGap notes what could not be read. A scope with a gap is never also read: the gap wins.
func (b *Builder) AddGap(g Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gaps = append(b.gaps, g)
}

// Build returns the snapshot. The builder must not be used afterwards. Where the same reference was added twice, the later one stays.
func (b *Builder) Build(takenAt time.Time) *Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Snapshot{TakenAt: takenAt, tables: make(map[asset.Kind]*table, len(b.rows))}
	for kind, rows := range b.rows {
		s.tables[kind] = newTable(rows)
	}
	s.gaps = b.gaps
	slices.SortStableFunc(s.gaps, func(x, y Gap) int { return x.Compare(y.Scope) })
	s.cover = newCover(s.gaps)
	for _, r := range b.reads {
		if _, gap := s.cover.find(r.Scope); !gap {
			s.reads = append(s.reads, r)
		}
	}
	slices.SortFunc(s.reads, func(x, y Read) int { return x.Compare(y.Scope) })
	return s
}

func newTable(rows []asset.Asset) *table {
	slices.SortStableFunc(rows, func(x, y asset.Asset) int { return compareRefs(asset.RefOf(x), asset.RefOf(y)) })
	t := &table{rows: rows[:0], byID: make(map[string]int, len(rows))}
	for _, a := range rows {
		if n := len(t.rows); n > 0 && asset.RefOf(t.rows[n-1]) == asset.RefOf(a) {
			t.rows[n-1] = a
			continue
		}
		t.rows = append(t.rows, a)
	}
	for i, a := range t.rows {
		j, seen := t.byID[a.Base().ID]
		if !seen || owns(a) && !owns(t.rows[j]) {
			t.byID[a.Base().ID] = i
		}
	}
	return t
}

// owns reports whether the account that saw the asset is the one that owns it.
func owns(a asset.Asset) bool {
	owner := ""
	switch v := a.(type) {
	case *asset.VPC:
		owner = v.OwnerID
	case *asset.Subnet:
		owner = v.OwnerID
	case *asset.Image:
		owner = v.OwnerID
	case *asset.Snapshot:
		owner = v.OwnerID
	case *asset.RouteTable:
		owner = v.OwnerID
	case *asset.NetworkACL:
		owner = v.OwnerID
	case *asset.SecurityGroup:
		owner = v.OwnerID
	case *asset.PrefixList:
		owner = v.OwnerID
	case *asset.NetworkInterface:
		owner = v.OwnerID
	case *asset.InternetGateway:
		owner = v.OwnerID
	case *asset.TransitGateway:
		owner = v.OwnerID
	case *asset.Endpoint:
		owner = v.OwnerID
	case *asset.DirectConnectGateway:
		owner = v.OwnerID
	case *asset.Peering:
		owner = v.Requester.OwnerID
	case *asset.TransitAttachment:
		owner = v.ResourceOwner
	default:
		return true
	}
	return owner == a.Base().Account
}
