package store

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
)

// CloseFindings closes an asset's open findings of some types because it is no longer looked at, and says why; suppressed ones too. Its
// inventory ends with its package findings: the next one that is read opens what it holds, with the first time each was seen. It returns how
// many were closed; an asset that has none open is left as it is.
func (db *DB) CloseFindings(ctx context.Context, ref asset.Ref, types []finding.Type, why string) (closed int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		pk, now := assetKey(ref), micros(db.now())
		var packages bool
		for _, t := range types {
			packages = packages || t == finding.PackageVulnerability
			n, err := db.exec(ctx, `UPDATE finding SET origin = CASE WHEN origin = $6 THEN $7 ELSE origin END, closed_at = $4, why = $5, updated_at = $4
WHERE asset_pk = $1 AND type = $2 AND closed_at = 0 AND origin <> $3`, pk, string(t), originClosed, now, why, originKept, originClosed)
			if err != nil {
				return err
			}
			closed += int(n)
		}
		if !packages {
			return nil
		}
		n, err := db.endInventory(ctx, pk, now, why)
		closed += n
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close findings of %s: %w", ref, err)
	}
	return closed, nil
}

// endInventory ends an asset's current inventory and keeps what it held as closed findings of the asset.
func (db *DB) endInventory(ctx context.Context, pk, now int64, why string) (int, error) {
	if _, _, err := db.currentLink(ctx, pk); err != nil {
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		return 0, err
	}
	n, err := db.exec(ctx, `INSERT INTO finding (id, asset_pk, key, origin, type, severity, score, vulnerability, hash, body, why, first_seen, last_seen, closed_at, updated_at)
SELECT f.key || $2, l.asset_pk, f.key, $3, f.type, f.severity, f.score, f.vulnerability, '', f.body, $4, `+firstSeen+`, l.read_at, $5, $5
 FROM asset_inventory l `+db.d.inOrder+` inventory_part ip ON ip.inventory_pk = l.inventory_pk
 `+db.d.inOrder+` part_unit pu ON pu.part_pk = ip.part_pk `+db.d.inOrder+` unit_finding f ON f.unit_pk = pu.unit_pk
 WHERE l.asset_pk = $1 AND l.until_at = 0 AND f.gone_at = 0
ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, body = excluded.body, why = excluded.why, last_seen = excluded.last_seen,
 closed_at = excluded.closed_at, updated_at = excluded.updated_at`, pk, derivedID("", pk), originClosed, why, now)
	if err != nil {
		return 0, err
	}
	_, err = db.exec(ctx, `UPDATE asset_inventory SET until_at = $2 WHERE asset_pk = $1 AND until_at = 0`, pk, now)
	return int(n), err
}

// reopen forgets the closed and kept rows of an asset that had no inventory for a time, as far as its new one holds them.
func (db *DB) reopen(ctx context.Context, pk, inv int64) error {
	_, err := db.exec(ctx, `DELETE FROM finding WHERE asset_pk = $1 AND origin IN ($2, $3)
 AND key IN (`+db.openKeys("$4")+`)`, pk, originKept, originClosed, inv)
	return err
}
