package store

import (
	"context"
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/snapshot"
	"hinomi/internal/store/kind"
)

// LoadSnapshot returns the stored world as the scope sees it, without what is gone: its assets, what was read completely and when, and
// its gaps. A scope restricted by tags loads its accounts whole, since network paths lead through assets of others: filter what is
// concluded, not what it is concluded from. The world is read at one moment, also while a sync writes.
func (db *DB) LoadSnapshot(ctx context.Context, s auth.Scope) (*snapshot.Snapshot, error) {
	b := snapshot.NewBuilder()
	s.Tags = nil
	err := db.reading(ctx, func(ctx context.Context) error {
		if err := db.loadScopes(ctx, s, b); err != nil {
			return fmt.Errorf("load what was read: %w", err)
		}
		if err := db.loadGaps(ctx, s, b); err != nil {
			return fmt.Errorf("load gaps: %w", err)
		}
		if err := db.loadAssets(ctx, s, b); err != nil {
			return fmt.Errorf("load assets: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Build(db.now()), nil
}

func (db *DB) loadScopes(ctx context.Context, s auth.Scope, b *snapshot.Builder) error {
	var w where
	w.account(s, "account")
	_, err := query(ctx, db.q(ctx), func(row scanner) (struct{}, error) {
		var sc snapshot.Scope
		var read, gap int64
		var reason, detail string
		var n int
		if err := row.Scan(&sc.Account, &sc.Region, &sc.Kind, &read, &n, &gap, &reason, &detail); err != nil {
			return struct{}{}, err
		}
		if gap > 0 && gap >= read {
			b.AddGap(snapshot.Gap{Scope: sc, Reason: snapshot.Reason(reason), Detail: detail, At: moment(gap)})
		} else if read > 0 {
			b.MarkRead(sc.Account, sc.Region, sc.Kind, moment(read), n)
		}
		return struct{}{}, nil
	}, `SELECT account, region, kind, read_at, rows_read, gap_at, gap_reason, gap_detail FROM sync_scope`+w.sql(), w.args...)
	return err
}

func (db *DB) loadGaps(ctx context.Context, s auth.Scope, b *snapshot.Builder) error {
	gaps, err := db.Gaps(ctx, s)
	for _, g := range gaps {
		b.AddGap(g)
	}
	return err
}

// Gaps returns what could not be read at the last try and names a whole account or region, or a scope that was never read.
// The gaps of single scopes are on their assets and in LoadSnapshot.
func (db *DB) Gaps(ctx context.Context, s auth.Scope) ([]snapshot.Gap, error) {
	var w where
	w.account(s, "account")
	return query(ctx, db.q(ctx), func(row scanner) (snapshot.Gap, error) {
		var g snapshot.Gap
		var at int64
		err := row.Scan(&g.Account, &g.Region, &g.Kind, &g.Reason, &g.Detail, &at)
		g.At = moment(at)
		return g, err
	}, `SELECT account, region, kind, reason, detail, at FROM sync_gap`+w.sql()+` ORDER BY account, region, kind`, w.args...)
}

func (db *DB) loadAssets(ctx context.Context, s auth.Scope, b *snapshot.Builder) error {
	var w where
	w.account(s, "account")
	w.add("gone_at = 0")
	rows, err := db.q(ctx).QueryContext(ctx, `SELECT kind, body FROM asset`+w.sql(), w.args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	for rows.Next() {
		var k asset.Kind
		var body string
		if err := rows.Scan(&k, &body); err != nil {
			return err
		}
		a, err := kind.Decode(k, body)
		if err != nil {
			return err
		}
		b.Add(a)
	}
	return rows.Err()
}
