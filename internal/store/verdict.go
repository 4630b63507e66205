package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hinomi/internal/finding"
	"hinomi/internal/store/part"
)

// The origins of rows in table finding.
const (
	originAsset  = "asset"  // of the asset itself: network, configuration
	originKept   = "kept"   // of an inventory that the asset no longer has, outside what the current one covers
	originClosed = "closed" // of an inventory that the asset no longer has, and closed by the one after it
)

// derivedID names a finding of an inventory on one asset: the inventory's key and the asset's, so that it can be taken apart again.
func derivedID(key string, assetPK int64) string { return fmt.Sprintf("%s%016x", key, assetPK) }

// leaveInventory closes or keeps what the old inventory had and the new one has not.
func (db *DB) leaveInventory(ctx context.Context, pk int64, l InventoryLink, old int64) (closed, kept int, err error) {
	inv := inventoryKey(l.Hash)
	// What the new inventory holds is open through it: rows of its past are no longer needed.
	if err := db.reopen(ctx, pk, inv); err != nil {
		return 0, 0, err
	}
	type row struct {
		key, typ, vuln, body string
		severity             int
		score                float64
		first, last          int64
	}
	left, err := query(ctx, db.q(ctx), func(sc scanner) (row, error) {
		var r row
		return r, sc.Scan(&r.key, &r.typ, &r.severity, &r.score, &r.vuln, &r.body, &r.first, &r.last)
	}, `SELECT f.key, f.type, f.severity, f.score, f.vulnerability, f.body, `+firstSeen+`, l.read_at
 FROM inventory_part ip `+db.d.inOrder+` part_unit pu ON pu.part_pk = ip.part_pk `+db.d.inOrder+` unit_finding f ON f.unit_pk = pu.unit_pk
 `+db.d.inOrder+` asset_inventory l ON l.asset_pk = $1 AND l.until_at = 0
 WHERE ip.inventory_pk = $2 AND f.gone_at = 0
 AND NOT EXISTS (SELECT 1 FROM inventory_part same WHERE same.inventory_pk = $3 AND same.part_pk = ip.part_pk)
 AND NOT EXISTS (SELECT 1 FROM inventory_part nip JOIN part_unit npu ON npu.part_pk = nip.part_pk AND npu.grp = f.grp
  JOIN unit_finding n ON n.unit_pk = npu.unit_pk AND n.key = f.key WHERE nip.inventory_pk = $3 AND n.gone_at = 0)`, pk, old, inv)
	if err != nil {
		return 0, 0, err
	}
	ins := db.inserter(db.q(ctx), "finding", "id asset_pk key origin type severity score vulnerability hash body why first_seen last_seen updated_at",
		"ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, body = excluded.body, last_seen = excluded.last_seen, closed_at = 0, updated_at = excluded.updated_at")
	for _, r := range left {
		if err := ins.Add(ctx, derivedID(r.key, pk), pk, r.key, originKept, r.typ, r.severity, r.score, r.vuln, "", r.body,
			"", r.first, r.last, micros(db.now())); err != nil {
			return 0, 0, err
		}
	}
	if err := ins.Flush(ctx); err != nil {
		return 0, 0, err
	}
	return db.settle(ctx, pk, inv, l.ReadAt)
}

// firstSeen is when an asset first had a finding of its inventories: the earliest inventory that holds it, in a unit of the same group.
const firstSeen = `(SELECT MIN(CASE WHEN l2.from_at > f2.first_seen THEN l2.from_at ELSE f2.first_seen END)
 FROM asset_inventory l2 JOIN inventory_part ip2 ON ip2.inventory_pk = l2.inventory_pk JOIN part_unit pu2 ON pu2.part_pk = ip2.part_pk AND pu2.grp = f.grp
 JOIN unit_finding f2 ON f2.unit_pk = pu2.unit_pk AND f2.key = f.key WHERE l2.asset_pk = l.asset_pk)`

// openKeys are the keys of what is open in the inventory whose key is the parameter.
func (db *DB) openKeys(parameter string) string {
	return `SELECT f.key FROM inventory_part ip ` + db.d.inOrder + ` part_unit pu ON pu.part_pk = ip.part_pk ` + db.d.inOrder +
		` unit_finding f ON f.unit_pk = pu.unit_pk WHERE ip.inventory_pk = ` + parameter + ` AND f.gone_at = 0`
}

// settle decides the kept findings of an asset by its current inventory: open through it, closed by it, or outside what it covers.
func (db *DB) settle(ctx context.Context, pk, inv int64, readAt time.Time) (closed, kept int, err error) {
	c, err := one(ctx, db.q(ctx), jsonRow[part.Cover], `SELECT cover FROM inventory WHERE pk = $1`, inv)
	if errors.Is(err, ErrNotFound) {
		return 0, 0, fmt.Errorf("inventory is not stored: %w", err)
	}
	if err != nil {
		return 0, 0, err
	}
	if _, err := db.exec(ctx, `DELETE FROM finding WHERE asset_pk = $1 AND origin = $2 AND key IN (`+db.openKeys("$3")+`)`, pk, originKept, inv); err != nil {
		return 0, 0, err
	}
	type row struct {
		id   string
		f    finding.Finding
		last int64
	}
	rows, err := query(ctx, db.q(ctx), func(sc scanner) (row, error) {
		var r row
		var body string
		if err := sc.Scan(&r.id, &body, &r.last); err != nil {
			return r, err
		}
		return r, fromJSON(body, &r.f)
	}, `SELECT id, body, last_seen FROM finding WHERE asset_pk = $1 AND origin = $2`, pk, originKept)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	unsure, err := db.parts(ctx).Unsure(ctx, inv)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range rows {
		origin, why, at := originKept, "the newest inventory was not judged with all feeds yet", int64(0)
		if !unsure[part.Place(&r.f)] && !unsure[[2]string{}] { // without the frame it is not known what was read at all
			why = c.Outside(&r.f)
		}
		if why == "" && micros(readAt) > r.last {
			origin, why, at = originClosed, "no longer in the inventory read at "+readAt.UTC().Format(time.RFC3339), micros(readAt)
			closed++
		} else {
			kept++
		}
		if _, err := db.exec(ctx, `UPDATE finding SET origin = $2, why = $3, closed_at = $4, updated_at = $5 WHERE id = $1`, r.id, origin, why, at, micros(db.now())); err != nil {
			return 0, 0, err
		}
	}
	return closed, kept, nil
}
