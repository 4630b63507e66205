package store

import (
	"context"
	"fmt"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/store/diff"
	"hinomi/internal/store/kind"
)

// Asset is one stored asset with its life.
type Asset struct {
	asset.Asset `json:"asset"`
	FirstSeen   time.Time     `json:"firstSeen"`
	LastSeen    time.Time     `json:"lastSeen"`        // newest complete read of its scope that held it
	ChangedAt   time.Time     `json:"changedAt"`       // newest change of its content
	GoneAt      time.Time     `json:"goneAt,omitzero"` // when a complete read no longer held it
	Stale       bool          `json:"stale,omitempty"` // its scope lies in a gap: it may have changed or gone
	Gap         *snapshot.Gap `json:"gap,omitempty"`   // that gap
	OurTags     []Tag         `json:"ourTags"`         // given by connector, rule or hand
	Active      []Activation  `json:"activations"`     // per module
}

// Tag is a tag of ours on an asset. Origin is "hand", the ID of a rule, or the ID of the connector that gives it.
type Tag struct {
	Tag    string `json:"tag"`
	Origin string `json:"origin"`
}

// ByHand is the origin of tags that a person gave.
const ByHand = "hand"

// Activation says whether a module looks at an asset, and why.
type Activation struct {
	Module connector.Module `json:"module"`
	Active bool             `json:"active"`
	Hand   bool             `json:"byHand,omitempty"` // a person decided: the connector's setting does not change it
	Reason string           `json:"reason"`
	At     time.Time        `json:"at"`
}

// AssetFilter selects assets. Empty fields do not restrict; the fields' conditions all hold.
type AssetFilter struct {
	Kinds     []asset.Kind
	Accounts  []string
	Regions   []string
	States    []string
	IDs       []string
	Tags      []string         // carries one of these tags of ours
	Connector string           // read by this connector
	Module    connector.Module // active for this module
	Text      string           // part of name or id, in any case
	Gone      bool             // also assets that are gone
	Stale     bool             // stale ones only
}

func (f AssetFilter) apply(w *where) {
	in(w, "a.kind", f.Kinds)
	in(w, "a.account", f.Accounts)
	in(w, "a.region", f.Regions)
	in(w, "a.state", f.States)
	in(w, "a.id", f.IDs)
	if len(f.Tags) > 0 {
		w.tagged("a", f.Tags)
	}
	if f.Connector != "" {
		w.add(`EXISTS (SELECT 1 FROM scope_connector sc WHERE sc.connector_id = ? AND sc.account = a.account AND sc.region = a.region AND sc.kind = a.kind)`, f.Connector)
	}
	if f.Module != "" {
		w.add(`EXISTS (SELECT 1 FROM asset_activation v WHERE v.asset_pk = a.pk AND v.module = ? AND v.active = 1)`, string(f.Module))
	}
	if f.Text != "" {
		like := contains(f.Text)
		w.add(`(LOWER(a.name) LIKE ? ESCAPE '\' OR LOWER(a.id) LIKE ? ESCAPE '\')`, like, like)
	}
	if !f.Gone {
		w.add("a.gone_at = 0")
	}
	if f.Stale {
		w.add("s.gap_at > 0 AND s.gap_at >= s.read_at AND a.gone_at = 0")
	}
}

const assetSelect = `SELECT a.pk, a.kind, a.body, a.first_seen, a.changed_at, a.gone_at, a.last_seen,
 COALESCE(s.read_at, 0), COALESCE(s.gap_at, 0), COALESCE(s.gap_reason, ''), COALESCE(s.gap_detail, ''), a.account, a.region
 FROM asset a LEFT JOIN sync_scope s ON s.account = a.account AND s.region = a.region AND s.kind = a.kind`

type assetRow struct {
	Asset
	pk int64
}

func scanAsset(row scanner) (assetRow, error) {
	var r assetRow
	var k asset.Kind
	var body, reason, detail, account, region string
	var first, changed, gone, last, read, gap int64
	if err := row.Scan(&r.pk, &k, &body, &first, &changed, &gone, &last, &read, &gap, &reason, &detail, &account, &region); err != nil {
		return r, err
	}
	a, err := kind.Decode(k, body)
	if err != nil {
		return r, err
	}
	r.Asset.Asset = a
	r.FirstSeen, r.ChangedAt, r.GoneAt = moment(first), moment(changed), moment(gone)
	switch {
	case gone != 0:
		r.LastSeen = moment(last)
	default:
		r.LastSeen = moment(max(read, changed)) // a part of a scope may have been read later than the whole
		if gap > 0 && gap >= read {
			r.Stale = true
			r.Gap = &snapshot.Gap{Scope: snapshot.Scope{Account: account, Region: region, Kind: k}, Reason: snapshot.Reason(reason), Detail: detail, At: moment(gap)}
		}
	}
	return r, nil
}

// Assets returns a page of assets, by kind, account, region and id.
func (db *DB) Assets(ctx context.Context, s auth.Scope, f AssetFilter, from string, limit int) ([]Asset, string, error) {
	var w where
	w.asset(s, "a")
	f.apply(&w)
	var k asset.Ref
	if ok, err := after(from, &k); err != nil {
		return nil, "", err
	} else if ok {
		w.add("(a.kind, a.account, a.region, a.id) > (?, ?, ?, ?)", string(k.Kind), k.Account, k.Region, k.ID)
	}
	rows, next, err := list(ctx, db.q(ctx), scanAsset, &w, limit, assetSelect, "a.kind, a.account, a.region, a.id",
		func(r assetRow) any { return asset.RefOf(r.Asset.Asset) })
	if err != nil {
		return nil, "", fmt.Errorf("list assets: %w", err)
	}
	out, err := db.dress(ctx, rows)
	return out, next, err
}

// Asset returns one asset, gone or not. It returns ErrNotFound also for one outside the scope.
func (db *DB) Asset(ctx context.Context, s auth.Scope, ref asset.Ref) (Asset, error) {
	var w where
	w.asset(s, "a")
	w.add("a.pk = ?", assetKey(ref))
	r, err := one(ctx, db.q(ctx), scanAsset, assetSelect+w.sql(), w.args...)
	if err != nil {
		return Asset{}, err
	}
	out, err := db.dress(ctx, []assetRow{r})
	if err != nil {
		return Asset{}, err
	}
	return out[0], nil
}

// dress adds tags and activations to a page of assets.
func (db *DB) dress(ctx context.Context, rows []assetRow) ([]Asset, error) {
	out := make([]Asset, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	index := make(map[int64]int, len(rows))
	pks := make([]any, len(rows))
	for i, r := range rows {
		out[i], index[r.pk], pks[i] = r.Asset, i, r.pk
	}
	var w where
	w.add("t.asset_pk IN ("+marks(len(pks))+")", pks...)
	w.add("a.pk IN ("+marks(len(pks))+")", pks...)
	type tagRow struct {
		pk int64
		Tag
	}
	tags, err := query(ctx, db.q(ctx), func(row scanner) (tagRow, error) {
		var t tagRow
		return t, row.Scan(&t.pk, &t.Tag.Tag, &t.Origin)
	}, `SELECT t.asset_pk, t.tag, t.origin FROM asset_tag t WHERE `+w.conds[0]+`
 UNION SELECT a.pk, ct.tag, ct.connector_id FROM asset a JOIN scope_connector sc ON sc.account = a.account AND sc.region = a.region AND sc.kind = a.kind
 JOIN connector_tag ct ON ct.connector_id = sc.connector_id WHERE `+w.conds[1]+` ORDER BY 1, 2, 3`, w.args...)
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	for _, t := range tags {
		a := &out[index[t.pk]]
		a.OurTags = append(a.OurTags, t.Tag)
	}
	active, err := db.activations(ctx, pks)
	for _, v := range active {
		a := &out[index[v.pk]]
		a.Active = append(a.Active, v.Activation)
	}
	return out, err
}

// CountAssets counts the assets of each kind that a filter selects.
func (db *DB) CountAssets(ctx context.Context, s auth.Scope, f AssetFilter) (map[asset.Kind]int, error) {
	var w where
	w.asset(s, "a")
	f.apply(&w)
	type count struct {
		kind asset.Kind
		n    int
	}
	rows, err := query(ctx, db.q(ctx), func(row scanner) (count, error) {
		var c count
		return c, row.Scan(&c.kind, &c.n)
	}, `SELECT a.kind, COUNT(*) FROM asset a LEFT JOIN sync_scope s ON s.account = a.account AND s.region = a.region AND s.kind = a.kind`+w.sql()+` GROUP BY a.kind`, w.args...)
	out := make(map[asset.Kind]int, len(rows))
	for _, c := range rows {
		out[c.kind] = c.n
	}
	return out, err
}

// Event is one entry of an asset's history. That it was added is said by Asset.FirstSeen, not by an entry.
type Event struct {
	At     time.Time     `json:"at"`
	SyncID string        `json:"syncId"`
	What   string        `json:"what"` // changed, gone, returned
	Diff   []diff.Change `json:"diff,omitempty"`
}

// What an entry of an asset's history says.
const (
	EventChanged  = "changed"
	EventGone     = "gone"
	EventReturned = "returned"
)

// History returns a page of an asset's history, the newest first.
func (db *DB) History(ctx context.Context, s auth.Scope, ref asset.Ref, from string, limit int) ([]Event, string, error) {
	var w where
	w.asset(s, "a")
	w.add("h.asset_pk = ?", assetKey(ref))
	var seq int64
	if ok, err := after(from, &seq); err != nil {
		return nil, "", err
	} else if ok {
		w.add("h.seq < ?", seq)
	}
	type row struct {
		Event
		seq int64
	}
	rows, next, err := list(ctx, db.q(ctx), func(sc scanner) (row, error) {
		var r row
		var at int64
		var changes string
		if err := sc.Scan(&r.seq, &at, &r.SyncID, &r.What, &changes); err != nil {
			return r, err
		}
		r.At = moment(at)
		return r, fromJSON(changes, &r.Diff)
	}, &w, limit, `SELECT h.seq, h.at, h.sync_id, h.what, h.diff FROM asset_history h JOIN asset a ON a.pk = h.asset_pk`, "h.seq DESC",
		func(r row) any { return r.seq })
	out := make([]Event, len(rows))
	for i, r := range rows {
		out[i] = r.Event
	}
	return out, next, err
}
