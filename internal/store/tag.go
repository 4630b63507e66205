package store

import (
	"context"
	"fmt"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
)

// TagAsset gives an asset a tag by hand. It returns ErrNotFound for an asset outside the scope.
func (db *DB) TagAsset(ctx context.Context, s auth.Scope, ref asset.Ref, tag string) error {
	if strings.TrimSpace(tag) == "" {
		return fmt.Errorf("a tag is empty")
	}
	return db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.Asset(ctx, s, ref); err != nil {
			return err
		}
		_, err := db.exec(ctx, `INSERT INTO asset_tag (asset_pk, tag, origin, at) VALUES ($1, $2, $3, $4) ON CONFLICT (asset_pk, tag, origin) DO NOTHING`,
			assetKey(ref), tag, ByHand, micros(db.now()))
		return err
	})
}

// UntagAsset takes a tag away that was given by hand; those of rules and connectors stay. ErrNotFound: there is none.
func (db *DB) UntagAsset(ctx context.Context, s auth.Scope, ref asset.Ref, tag string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.Asset(ctx, s, ref); err != nil {
			return err
		}
		return db.mustChange(ctx, `DELETE FROM asset_tag WHERE asset_pk = $1 AND tag = $2 AND origin = $3`, assetKey(ref), tag, ByHand)
	})
}

// SetRuleTags makes the assets that a rule's tag stands on exactly these; only differences are written. It returns how many rows it wrote.
func (db *DB) SetRuleTags(ctx context.Context, r TagRule, refs []asset.Ref) (written int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		type row struct {
			pk  int64
			tag string
		}
		have, err := query(ctx, db.q(ctx), func(sc scanner) (row, error) {
			var v row
			return v, sc.Scan(&v.pk, &v.tag)
		}, `SELECT asset_pk, tag FROM asset_tag WHERE origin = $1`, r.ID)
		if err != nil {
			return err
		}
		want := make(map[int64]bool, len(refs))
		for _, ref := range refs {
			want[assetKey(ref)] = true
		}
		for _, h := range have {
			if want[h.pk] && h.tag == r.Tag {
				delete(want, h.pk)
				continue
			}
			if _, err := db.exec(ctx, `DELETE FROM asset_tag WHERE asset_pk = $1 AND tag = $2 AND origin = $3`, h.pk, h.tag, r.ID); err != nil {
				return err
			}
			written++
		}
		ins := db.inserter(db.q(ctx), "asset_tag", "asset_pk tag origin at", "")
		for pk := range want {
			if err := ins.Add(ctx, pk, r.Tag, r.ID, micros(db.now())); err != nil {
				return err
			}
			written++
		}
		return ins.Flush(ctx)
	})
	return written, err
}

// AssetActivation is a decision about one asset and module.
type AssetActivation struct {
	Ref asset.Ref
	Activation
}

// SetActivations stores decisions. One by hand stands until another one by hand, or ForgetActivation; rows that say the same already are
// not written. It returns how many were.
func (db *DB) SetActivations(ctx context.Context, list []AssetActivation) (written int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		for _, v := range list {
			n, err := db.exec(ctx, `INSERT INTO asset_activation (asset_pk, module, active, by_hand, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (asset_pk, module) DO UPDATE SET active = excluded.active, by_hand = excluded.by_hand, reason = excluded.reason, at = excluded.at
WHERE (excluded.by_hand = 1 OR asset_activation.by_hand = 0)
 AND (asset_activation.active <> excluded.active OR asset_activation.reason <> excluded.reason OR asset_activation.by_hand <> excluded.by_hand)`,
				assetKey(v.Ref), string(v.Module), bit(v.Active), bit(v.Hand), v.Reason, micros(db.now()))
			if err != nil {
				return fmt.Errorf("activate %s for %s: %w", v.Ref, v.Module, err)
			}
			written += int(n)
		}
		return nil
	})
	return written, err
}

// ForgetActivation removes a decision by hand: the next evaluation decides again.
func (db *DB) ForgetActivation(ctx context.Context, s auth.Scope, ref asset.Ref, m connector.Module) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.Asset(ctx, s, ref); err != nil {
			return err
		}
		return db.mustChange(ctx, `DELETE FROM asset_activation WHERE asset_pk = $1 AND module = $2 AND by_hand = 1`, assetKey(ref), string(m))
	})
}

type activationRow struct {
	pk int64
	Activation
}

func (db *DB) activations(ctx context.Context, pks []any) ([]activationRow, error) {
	var w where
	w.add("asset_pk IN ("+marks(len(pks))+")", pks...)
	return query(ctx, db.q(ctx), func(row scanner) (activationRow, error) {
		var v activationRow
		var at int64
		err := row.Scan(&v.pk, &v.Module, &v.Active, &v.Hand, &v.Reason, &at)
		v.At = moment(at)
		return v, err
	}, `SELECT asset_pk, module, active, by_hand, reason, at FROM asset_activation`+w.sql()+` ORDER BY asset_pk, module`, w.args...)
}
