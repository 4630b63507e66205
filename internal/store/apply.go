package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/store/diff"
	"hinomi/internal/store/kind"
	"hinomi/internal/store/row"
)

// ApplySnapshot brings what a connector's sync read into the store, in one transaction, and returns what changed. Only rows that differ
// are written: reading the same world again writes no asset and no history. An asset is gone only if its scope was read completely and
// later than the asset was last seen; what lies in a gap stays, and is stale until the gap is read. Evidence older than what a scope
// holds is ignored. The connector ID may be "" for a world that no connector reads (a dump).
func (db *DB) ApplySnapshot(ctx context.Context, connectorID, syncID string, snap *snapshot.Snapshot) (connector.Counts, error) {
	var counts connector.Counts
	err := db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ap := &applier{db: db, tx: tx, connector: connectorID, sync: syncID, snap: snap, counts: &counts}
		return ap.run(ctx)
	})
	if err != nil {
		return connector.Counts{}, fmt.Errorf("apply sync %s: %w", syncID, err)
	}
	return counts, nil
}

// applier holds the state of one ApplySnapshot.
type applier struct {
	db              *DB
	tx              *sql.Tx
	connector, sync string
	snap            *snapshot.Snapshot
	counts          *connector.Counts
	assets, history *row.Inserter
}

// scopeState is what the store holds of a scope.
type scopeState struct{ readAt, seenAt, gapAt int64 }

func (ap *applier) run(ctx context.Context) error {
	gaps := ap.namedGaps()
	scopes, err := ap.scopes(ctx, gaps)
	if err != nil {
		return err
	}
	ap.assets = ap.db.inserter(ap.tx, "asset", "pk account region kind id name state hash body first_seen changed_at", "")
	ap.history = ap.db.inserter(ap.tx, "asset_history", "asset_pk at sync_id what diff", "")
	for _, s := range scopes {
		if err := ap.scope(ctx, s); err != nil {
			return fmt.Errorf("%s %s %s: %w", s.Account, s.Region, s.Kind, err)
		}
	}
	if err := ap.assets.Flush(ctx); err != nil {
		return fmt.Errorf("insert assets: %w", err)
	}
	if err := ap.history.Flush(ctx); err != nil {
		return fmt.Errorf("insert history: %w", err)
	}
	for _, g := range gaps {
		if err := ap.gap(ctx, g); err != nil {
			return fmt.Errorf("store the gap in %s %s %s: %w", g.Account, g.Region, g.Kind, err)
		}
	}
	ap.counts.Gaps = len(gaps)
	return nil
}

// namedGaps returns the gaps with a time.
func (ap *applier) namedGaps() []snapshot.Gap {
	gaps := ap.snap.Gaps()
	for i := range gaps {
		if gaps[i].At.IsZero() {
			gaps[i].At = ap.snap.TakenAt
		}
	}
	return gaps
}

// evidence is what a snapshot says of one scope: its assets, and when they were read.
type evidence struct {
	snapshot.Scope
	at       time.Time
	complete bool // the whole scope was read: what is missing is gone
	rows     []asset.Asset
}

// scopes groups the snapshot by scope, in order, and takes the accounts' locks, so that two syncs of one account never mix.
func (ap *applier) scopes(ctx context.Context, gaps []snapshot.Gap) ([]*evidence, error) {
	by := map[snapshot.Scope]*evidence{}
	for _, r := range ap.snap.Reads() {
		by[r.Scope] = &evidence{Scope: r.Scope, at: r.At, complete: true}
	}
	for _, k := range ap.snap.Kinds() {
		for a := range ap.snap.Assets(k) {
			s := snapshot.Scope{Account: a.Base().Account, Region: a.Base().Region, Kind: k}
			e := by[s]
			if e == nil {
				e = &evidence{Scope: s, at: ap.snap.TakenAt}
				for _, g := range gaps {
					if g.Covers(s) {
						e.at = g.At
						break
					}
				}
				by[s] = e
			}
			e.rows = append(e.rows, a)
		}
	}
	out := make([]*evidence, 0, len(by))
	var accounts []string
	for _, e := range by {
		out = append(out, e)
		accounts = append(accounts, e.Account)
	}
	for _, g := range gaps {
		accounts = append(accounts, g.Account)
	}
	slices.SortFunc(out, func(a, b *evidence) int { return a.Compare(b.Scope) })
	slices.Sort(accounts)
	for _, a := range slices.Compact(accounts) {
		if err := ap.db.d.lock(ctx, ap.tx, "account "+a); err != nil {
			return nil, fmt.Errorf("lock account %s: %w", a, err)
		}
	}
	return out, nil
}

// storedAsset is what is compared of a row; the body is read for those that changed only.
type storedAsset struct {
	hash string
	gone int64
}

// scope applies the evidence of one scope.
func (ap *applier) scope(ctx context.Context, e *evidence) error {
	ap.counts.Assets += len(e.rows)
	if e.Kind == asset.KindInstance {
		ap.counts.Instances += len(e.rows)
	}
	at := micros(e.at)
	have, err := ap.state(ctx, e.Scope)
	if err != nil {
		return err
	}
	if at < have.seenAt {
		return nil // an older page never overwrites a newer read
	}
	stored, err := ap.stored(ctx, e.Scope)
	if err != nil {
		return err
	}
	for _, a := range e.rows {
		pk := assetKey(asset.RefOf(a))
		if err := ap.put(ctx, pk, a, at, stored); err != nil {
			return err
		}
		delete(stored, pk)
	}
	if e.complete && at > have.seenAt {
		if err := ap.goneFrom(ctx, stored, at, have.readAt); err != nil {
			return err
		}
	}
	readAt := have.readAt
	if e.complete {
		readAt = max(readAt, at)
	}
	if _, err := ap.tx.ExecContext(ctx, `INSERT INTO sync_scope (account, region, kind, connector_id, sync_id, read_at, seen_at, rows_read)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (account, region, kind) DO UPDATE SET connector_id = excluded.connector_id, sync_id = excluded.sync_id,
 read_at = excluded.read_at, seen_at = excluded.seen_at, rows_read = excluded.rows_read`,
		e.Account, e.Region, string(e.Kind), ap.connector, ap.sync, readAt, at, len(e.rows)); err != nil {
		return err
	}
	if ap.connector != "" {
		if _, err := ap.tx.ExecContext(ctx, `INSERT INTO scope_connector (account, region, kind, connector_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (account, region, kind, connector_id) DO NOTHING`, e.Account, e.Region, string(e.Kind), ap.connector); err != nil {
			return err
		}
	}
	if !e.complete {
		return nil
	}
	// A gap that named more than this scope is over for its other scopes only when they are read: each of them holds it itself (gap).
	_, err = ap.tx.ExecContext(ctx, `DELETE FROM sync_gap WHERE account = $1 AND region IN ('', $2) AND kind IN ('', $3) AND at < $4`,
		e.Account, e.Region, string(e.Kind), at)
	return err
}

func (ap *applier) state(ctx context.Context, s snapshot.Scope) (scopeState, error) {
	var st scopeState
	rows, err := query(ctx, ap.tx, func(row scanner) (scopeState, error) {
		var st scopeState
		return st, row.Scan(&st.readAt, &st.seenAt, &st.gapAt)
	}, `SELECT read_at, seen_at, gap_at FROM sync_scope WHERE account = $1 AND region = $2 AND kind = $3`, s.Account, s.Region, string(s.Kind))
	if err != nil || len(rows) == 0 {
		return st, err
	}
	return rows[0], nil
}

func (ap *applier) stored(ctx context.Context, s snapshot.Scope) (map[int64]storedAsset, error) {
	rows, err := ap.tx.QueryContext(ctx, `SELECT pk, hash, gone_at FROM asset WHERE account = $1 AND region = $2 AND kind = $3`, s.Account, s.Region, string(s.Kind))
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	out := map[int64]storedAsset{}
	for rows.Next() {
		var pk int64
		var v storedAsset
		if err := rows.Scan(&pk, &v.hash, &v.gone); err != nil {
			return nil, err
		}
		out[pk] = v
	}
	return out, rows.Err()
}

// put writes an asset if it is new or differs.
func (ap *applier) put(ctx context.Context, pk int64, a asset.Asset, at int64, stored map[int64]storedAsset) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode %s: %w", asset.RefOf(a), err)
	}
	sum := sha256.Sum256(raw)
	hash, body, m := hex.EncodeToString(sum[:16]), string(raw), a.Base()
	old, known := stored[pk]
	switch {
	case !known:
		ap.counts.Added++
		return ap.assets.Add(ctx, pk, m.Account, m.Region, string(a.Kind()), m.ID, m.Name(), kind.State(a), hash, body, at, at)
	case old.gone == 0 && old.hash == hash:
		return nil
	}
	before, err := one(ctx, ap.tx, text, `SELECT body FROM asset WHERE pk = $1`, pk)
	if err != nil {
		return err
	}
	changes, err := diff.Objects(before, body)
	if err != nil {
		return fmt.Errorf("compare %s: %w", asset.RefOf(a), err)
	}
	changes = slices.DeleteFunc(changes, func(c diff.Change) bool { return kind.Volatile(a.Kind(), c.Path) })
	if _, err := ap.tx.ExecContext(ctx, `UPDATE asset SET name = $2, state = $3, hash = $4, body = $5, changed_at = $6, gone_at = 0, last_seen = 0 WHERE pk = $1`,
		pk, m.Name(), kind.State(a), hash, body, at); err != nil {
		return err
	}
	what := EventChanged
	if old.gone != 0 {
		what = EventReturned
	} else if len(changes) == 0 {
		return nil
	}
	ap.counts.Changed++
	return ap.event(ctx, pk, at, what, changes)
}

func (ap *applier) event(ctx context.Context, pk, at int64, what string, changes []diff.Change) error {
	if changes == nil {
		changes = []diff.Change{}
	}
	text, err := asJSON(changes)
	if err != nil {
		return err
	}
	return ap.history.Add(ctx, pk, at, ap.sync, what, text)
}

// goneFrom marks what a complete read no longer held.
func (ap *applier) goneFrom(ctx context.Context, left map[int64]storedAsset, at, lastRead int64) error {
	pks := make([]int64, 0, len(left))
	for pk, v := range left {
		if v.gone == 0 {
			pks = append(pks, pk)
		}
	}
	slices.Sort(pks)
	for _, pk := range pks {
		// An asset that a partial page showed after the last complete read was seen then.
		if _, err := ap.tx.ExecContext(ctx, `UPDATE asset SET gone_at = $2, last_seen = CASE WHEN changed_at > $3 THEN changed_at ELSE $3 END WHERE pk = $1`,
			pk, at, lastRead); err != nil {
			return err
		}
		if err := ap.event(ctx, pk, at, EventGone, nil); err != nil {
			return err
		}
		ap.counts.Gone++
	}
	return nil
}

// gap stores what could not be read, and on every known scope inside it.
func (ap *applier) gap(ctx context.Context, g snapshot.Gap) error {
	accounts := []string{g.Account}
	if g.Account == "" { // all accounts of this sync, not those of other connectors
		var err error
		if accounts, err = query(ctx, ap.tx, text, `SELECT DISTINCT account FROM sync_scope WHERE connector_id = $1
 UNION SELECT account FROM connector WHERE id = $1 OR parent_id = $1`, ap.connector); err != nil {
			return err
		}
	}
	at := micros(g.At)
	for _, account := range accounts {
		var w where
		w.add("account = ?", account)
		if g.Region != "" {
			w.add("region = ?", g.Region)
		}
		if g.Kind != "" {
			w.add("kind = ?", string(g.Kind))
		}
		w.add("gap_at <= ?", at)
		n := len(w.args)
		set := fmt.Sprintf(`UPDATE sync_scope SET gap_at = $%d, gap_reason = $%d, gap_detail = $%d`, n+1, n+2, n+3)
		if _, err := ap.tx.ExecContext(ctx, set+w.sql(), append(w.args, at, string(g.Reason), g.Detail)...); err != nil {
			return err
		}
		if _, err := ap.tx.ExecContext(ctx, `INSERT INTO sync_gap (account, region, kind, connector_id, sync_id, reason, detail, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (account, region, kind) DO UPDATE SET connector_id = excluded.connector_id, sync_id = excluded.sync_id, reason = excluded.reason,
 detail = excluded.detail, at = excluded.at WHERE sync_gap.at <= excluded.at`,
			account, g.Region, string(g.Kind), ap.connector, ap.sync, string(g.Reason), g.Detail, at); err != nil {
			return err
		}
	}
	return nil
}
