package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/inventory"
	"hinomi/internal/store/part"
)

// InventoryLink says which inventory an asset has, and when and how it was read.
type InventoryLink struct {
	Ref    asset.Ref        `json:"resource"`
	Hash   string           `json:"hash"`
	Method inventory.Method `json:"method"`
	Source string           `json:"source,omitempty"` // what was read: snap-…
	Notes  []string         `json:"notes,omitempty"`
	ReadAt time.Time        `json:"readAt"` // when the evidence was taken
	Since  time.Time        `json:"since"`  // the asset has had this inventory without a break since
}

func inventoryKey(hash string) int64 { return key63("inventory", hash) }

// PutInventory stores an inventory under the hash of its content, once for all assets that have it. It reports whether it was new.
func (db *DB) PutInventory(ctx context.Context, inv *inventory.Inventory) (hash string, added bool, err error) {
	hash = inv.Hash()
	if _, err := one(ctx, db.q(ctx), text, `SELECT hash FROM inventory WHERE pk = $1`, inventoryKey(hash)); !errors.Is(err, ErrNotFound) {
		return hash, false, err
	}
	body, err := part.Pack(inv)
	if err != nil {
		return "", false, err
	}
	meta, err := asJSON(part.CoverOf(inv))
	if err != nil {
		return "", false, err
	}
	err = db.inParts(ctx, func(ctx context.Context, h part.Home) error {
		n, err := db.exec(ctx, `INSERT INTO inventory (pk, hash, packages, cover, body, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING`,
			inventoryKey(hash), hash, len(inv.Packages), meta, body, micros(db.now()))
		if err != nil || n == 0 {
			return err
		}
		added = true
		return h.Put(ctx, inventoryKey(hash), part.Split(inv))
	})
	return hash, added, err
}

// Inventory returns a stored inventory by hash, without times: those are the link's.
func (db *DB) Inventory(ctx context.Context, hash string) (*inventory.Inventory, error) {
	header, err := db.InventoryHeader(ctx, hash)
	if err != nil {
		return nil, err
	}
	inv, err := db.parts(ctx).Whole(ctx, inventoryKey(hash), header)
	if err != nil {
		return nil, fmt.Errorf("inventory %s: %w", hash, err)
	}
	return inv, nil
}

// InventoryHeader returns a stored inventory by hash without its packages.
func (db *DB) InventoryHeader(ctx context.Context, hash string) (*inventory.Inventory, error) {
	packed, err := one(ctx, db.q(ctx), blob, `SELECT body FROM inventory WHERE hash = $1`, hash)
	if err != nil {
		return nil, err
	}
	header, err := part.Unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("inventory %s: %w", hash, err)
	}
	header.Packages = nil // an earlier version kept them here
	return header, nil
}

const linkSelect = `SELECT a.account, a.region, a.kind, a.id, i.hash, l.method, l.source, l.notes, l.read_at, l.from_at
 FROM asset_inventory l JOIN asset a ON a.pk = l.asset_pk JOIN inventory i ON i.pk = l.inventory_pk`

func scanLink(row scanner) (InventoryLink, error) {
	var l InventoryLink
	var notes string
	var read, from int64
	if err := row.Scan(&l.Ref.Account, &l.Ref.Region, &l.Ref.Kind, &l.Ref.ID, &l.Hash, &l.Method, &l.Source, &notes, &read, &from); err != nil {
		return l, err
	}
	l.ReadAt, l.Since = moment(read), moment(from)
	return l, fromJSON(notes, &l.Notes)
}

// AssetInventory returns an asset's current inventory, with the times and notes of its reading. ErrNotFound: it has none.
func (db *DB) AssetInventory(ctx context.Context, s auth.Scope, ref asset.Ref) (InventoryLink, *inventory.Inventory, error) {
	var w where
	w.asset(s, "a")
	w.add("l.asset_pk = ? AND l.until_at = 0", assetKey(ref))
	l, err := one(ctx, db.q(ctx), scanLink, linkSelect+w.sql(), w.args...)
	if err != nil {
		return l, nil, err
	}
	inv, err := db.Inventory(ctx, l.Hash)
	if err != nil {
		return l, nil, err
	}
	inv.ReadAt, inv.Source, inv.Notes = l.ReadAt, l.Source, l.Notes
	return l, inv, nil
}

// InventoryMembers returns the assets whose current inventory has this hash: a verdict on it is one on all of them.
func (db *DB) InventoryMembers(ctx context.Context, s auth.Scope, hash string) ([]InventoryLink, error) {
	var w where
	w.asset(s, "a")
	w.add("l.inventory_pk = ? AND l.until_at = 0", inventoryKey(hash))
	return query(ctx, db.q(ctx), scanLink, linkSelect+w.sql()+` ORDER BY a.account, a.region, a.id`, w.args...)
}

// ErrOlder refuses evidence that was taken before what the store holds.
var ErrOlder = errors.New("older than what is known")

// Linked says what the new inventory of an asset changed.
type Linked struct {
	Changed bool `json:"changed"` // another inventory than before, or the first
	Closed  int  `json:"closed"`  // findings that its evidence closed
	Kept    int  `json:"kept"`    // findings of the inventory before that lie outside what this one covers: they stay open
}

// LinkInventory makes an inventory the current one of an asset. Findings of the inventory before it are closed only if the new one covers
// their place and was taken later; those outside what it covers are kept open. It returns ErrOlder, and changes nothing, for evidence that
// was taken before the current inventory's. Its units must have been judged (PutVerdicts), or what it no longer holds could not be told
// from what nobody looked for yet: until then the findings before it are kept.
func (db *DB) LinkInventory(ctx context.Context, l InventoryLink) (Linked, error) {
	var out Linked
	err := db.InTx(ctx, func(ctx context.Context) error {
		pk, inv := assetKey(l.Ref), inventoryKey(l.Hash)
		notes, err := asJSON(l.Notes)
		if err != nil {
			return err
		}
		old, oldKey, err := db.currentLink(ctx, pk)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		case l.ReadAt.Before(old.ReadAt):
			return fmt.Errorf("inventory of %s read at %s: %w", l.Ref, l.ReadAt.Format(time.RFC3339), ErrOlder)
		case oldKey == inv:
			return db.mustChange(ctx, `UPDATE asset_inventory SET read_at = $2, source = $3, notes = $4 WHERE asset_pk = $1 AND until_at = 0`,
				pk, micros(l.ReadAt), l.Source, notes)
		case !l.ReadAt.After(old.ReadAt):
			return fmt.Errorf("two inventories of %s read at the same time %s: %w", l.Ref, l.ReadAt.Format(time.RFC3339), ErrOlder)
		}
		out.Changed = true
		if oldKey != 0 {
			if out.Closed, out.Kept, err = db.leaveInventory(ctx, pk, l, oldKey); err != nil {
				return fmt.Errorf("close findings of %s: %w", l.Ref, err)
			}
			if _, err := db.exec(ctx, `UPDATE asset_inventory SET until_at = $2 WHERE asset_pk = $1 AND until_at = 0`, pk, micros(l.ReadAt)); err != nil {
				return err
			}
		} else if err := db.reopen(ctx, pk, inv); err != nil {
			return err
		}
		_, err = db.exec(ctx, `INSERT INTO asset_inventory (asset_pk, inventory_pk, method, source, notes, from_at, read_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			pk, inv, string(l.Method), l.Source, notes, micros(l.ReadAt))
		return err
	})
	return out, err
}

// CurrentLinks returns every asset's current inventory.
func (db *DB) CurrentLinks(ctx context.Context) (map[asset.Ref]InventoryLink, error) {
	list, err := query(ctx, db.q(ctx), scanLink, linkSelect+` WHERE l.until_at = 0`)
	out := make(map[asset.Ref]InventoryLink, len(list))
	for _, l := range list {
		out[l.Ref] = l
	}
	return out, err
}

func (db *DB) currentLink(ctx context.Context, assetPK int64) (InventoryLink, int64, error) {
	var key int64
	l, err := one(ctx, db.q(ctx), func(row scanner) (InventoryLink, error) {
		var l InventoryLink
		var read int64
		err := row.Scan(&key, &read)
		l.ReadAt = moment(read)
		return l, err
	}, `SELECT inventory_pk, read_at FROM asset_inventory WHERE asset_pk = $1 AND until_at = 0`, assetPK)
	return l, key, err
}
