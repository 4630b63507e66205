package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/finding"
)

// Verdict is what an evaluation found in one inventory. It holds for every asset that has the inventory, now and later.
// The findings' Resource, times and status are not used; their ID is the fingerprint without an asset (finding.Fingerprint of an empty Ref).
type Verdict struct {
	JudgedAt time.Time
	Whole    bool            // judged with current feeds for everything in it: only then what it no longer holds is closed
	Feeds    []advisory.Feed // what it was judged with
	Findings []finding.Finding
}

// Judged says what a verdict changed, in findings of the inventory and not of its assets.
type Judged struct{ Added, Changed, Gone int }

// PutVerdict stores the verdict on an inventory. It returns ErrNotFound for an unknown inventory, and ErrOlder, changing nothing, for a
// verdict that was reached before the stored one.
func (db *DB) PutVerdict(ctx context.Context, hash string, v Verdict) (Judged, error) {
	var out Judged
	err := db.InTx(ctx, func(ctx context.Context) error {
		inv, at := inventoryKey(hash), micros(v.JudgedAt)
		feeds, err := asJSON(v.Feeds)
		if err != nil {
			return err
		}
		n, err := db.exec(ctx, `UPDATE inventory SET judged_at = $2, judged_whole = $3, judged_with = $4 WHERE pk = $1 AND judged_at <= $2`, inv, at, bit(v.Whole), feeds)
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := one(ctx, db.q(ctx), text, `SELECT hash FROM inventory WHERE pk = $1`, inv); err != nil {
				return err
			}
			return fmt.Errorf("verdict on inventory %s: %w", hash, ErrOlder)
		}
		if out, err = db.mergeVerdict(ctx, inv, at, v); err != nil {
			return err
		}
		return db.settleMembers(ctx, inv)
	})
	return out, err
}

type heldFinding struct {
	body string
	gone int64
}

func (db *DB) mergeVerdict(ctx context.Context, inv, at int64, v Verdict) (out Judged, err error) {
	have := map[string]heldFinding{}
	if _, err := query(ctx, db.q(ctx), func(row scanner) (struct{}, error) {
		var key string
		var h heldFinding
		err := row.Scan(&key, &h.body, &h.gone)
		have[key] = h
		return struct{}{}, err
	}, `SELECT key, body, gone_at FROM inventory_finding WHERE inventory_pk = $1`, inv); err != nil {
		return out, err
	}
	ins := db.inserter(db.q(ctx), "inventory_finding", "inventory_pk key type severity score vulnerability body first_seen", "")
	for _, f := range v.Findings {
		body, err := findingBody(f)
		if err != nil {
			return out, err
		}
		h, known := have[f.ID]
		delete(have, f.ID)
		switch {
		case !known:
			out.Added++
			err = ins.add(ctx, inv, f.ID, string(f.Type), f.Severity.Rank(), f.Score, vulnerabilityOf(f), body, at)
		case h.gone != 0 || h.body != body:
			out.Changed++
			_, err = db.exec(ctx, `UPDATE inventory_finding SET severity = $3, score = $4, vulnerability = $5, body = $6, gone_at = 0, gone_why = ''
WHERE inventory_pk = $1 AND key = $2`, inv, f.ID, f.Severity.Rank(), f.Score, vulnerabilityOf(f), body)
		}
		if err != nil {
			return out, fmt.Errorf("finding %s: %w", f.Title, err)
		}
	}
	if err := ins.flush(ctx); err != nil {
		return out, err
	}
	if !v.Whole {
		return out, nil
	}
	for key, h := range have {
		if h.gone != 0 {
			continue
		}
		if _, err := db.exec(ctx, `UPDATE inventory_finding SET gone_at = $3, gone_why = $4 WHERE inventory_pk = $1 AND key = $2`,
			inv, key, at, "judged again with current advisories: no longer vulnerable"); err != nil {
			return out, err
		}
		out.Gone++
	}
	return out, nil
}

// findingBody is what is kept of a finding: all but its life and its asset, which columns say.
func findingBody(f finding.Finding) (string, error) {
	f.Status, f.StatusWhy = "", ""
	f.FirstSeen, f.LastSeen, f.ClosedAt, f.UpdatedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return asJSON(f)
}

func vulnerabilityOf(f finding.Finding) string {
	switch {
	case f.Package != nil:
		return f.Package.VulnerabilityID
	case f.Rule != nil:
		return f.Rule.ID
	}
	return ""
}

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
 FROM inventory_finding f JOIN asset_inventory l ON l.asset_pk = $1 AND l.until_at = 0
 WHERE f.inventory_pk = $2 AND f.gone_at = 0
 AND NOT EXISTS (SELECT 1 FROM inventory_finding n WHERE n.inventory_pk = $3 AND n.key = f.key AND n.gone_at = 0)`, pk, old, inv)
	if err != nil {
		return 0, 0, err
	}
	ins := db.inserter(db.q(ctx), "finding", "id asset_pk key origin type severity score vulnerability hash body why first_seen last_seen updated_at",
		"ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, body = excluded.body, last_seen = excluded.last_seen, closed_at = 0, updated_at = excluded.updated_at")
	for _, r := range left {
		if err := ins.add(ctx, derivedID(r.key, pk), pk, r.key, originKept, r.typ, r.severity, r.score, r.vuln, "", r.body,
			"", r.first, r.last, micros(db.now())); err != nil {
			return 0, 0, err
		}
	}
	if err := ins.flush(ctx); err != nil {
		return 0, 0, err
	}
	return db.settle(ctx, pk, inv, l.ReadAt)
}

// firstSeen is when an asset first had a finding of its inventories: the earliest inventory that holds it.
const firstSeen = `(SELECT MIN(CASE WHEN l2.from_at > f2.first_seen THEN l2.from_at ELSE f2.first_seen END)
 FROM asset_inventory l2 JOIN inventory_finding f2 ON f2.inventory_pk = l2.inventory_pk AND f2.key = f.key WHERE l2.asset_pk = l.asset_pk)`

// settle decides the kept findings of an asset by its current inventory: open through it, closed by it, or outside what it covers.
func (db *DB) settle(ctx context.Context, pk, inv int64, readAt time.Time) (closed, kept int, err error) {
	var whole int
	c, err := one(ctx, db.q(ctx), func(row scanner) (cover, error) {
		var c cover
		var body string
		if err := row.Scan(&body, &whole); err != nil {
			return c, err
		}
		return c, fromJSON(body, &c)
	}, `SELECT cover, judged_whole FROM inventory WHERE pk = $1`, inv)
	if errors.Is(err, ErrNotFound) {
		return 0, 0, fmt.Errorf("inventory is not stored: %w", err)
	}
	if err != nil {
		return 0, 0, err
	}
	if _, err := db.exec(ctx, `DELETE FROM finding WHERE asset_pk = $1 AND origin = $2
 AND key IN (SELECT key FROM inventory_finding WHERE inventory_pk = $3 AND gone_at = 0)`, pk, originKept, inv); err != nil {
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
	if err != nil {
		return 0, 0, err
	}
	for _, r := range rows {
		origin, why, at := originKept, "the newest inventory was not judged with all feeds yet", int64(0)
		if whole == 1 {
			why = outside(c, r.f)
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

// settleMembers decides the kept findings of all assets that have a newly judged inventory, and drops closed rows that it holds again.
func (db *DB) settleMembers(ctx context.Context, inv int64) error {
	if _, err := db.exec(ctx, `DELETE FROM finding WHERE origin = $2 AND key IN (SELECT key FROM inventory_finding WHERE inventory_pk = $1 AND gone_at = 0)
 AND asset_pk IN (SELECT asset_pk FROM asset_inventory WHERE inventory_pk = $1 AND until_at = 0)`, inv, originClosed); err != nil {
		return err
	}
	type member struct{ pk, read int64 }
	members, err := query(ctx, db.q(ctx), func(row scanner) (member, error) {
		var m member
		return m, row.Scan(&m.pk, &m.read)
	}, `SELECT l.asset_pk, l.read_at FROM asset_inventory l WHERE l.inventory_pk = $1 AND l.until_at = 0
 AND EXISTS (SELECT 1 FROM finding f WHERE f.asset_pk = l.asset_pk AND f.origin = $2)`, inv, originKept)
	if err != nil {
		return err
	}
	for _, m := range members {
		if _, _, err := db.settle(ctx, m.pk, inv, moment(m.read)); err != nil {
			return err
		}
	}
	return nil
}

// outside says why an inventory's silence proves nothing about a finding, "" if it does: every place of the finding must lie
// under a covered path and in no gap.
func outside(c cover, f finding.Finding) string {
	if f.Package == nil {
		return ""
	}
	for _, p := range f.Package.Packages {
		if !slices.ContainsFunc(c.Covered, func(root string) bool { return under(p.Path, root) }) {
			return fmt.Sprintf("the newest inventory (%s) did not look at %s", c.Method, place(p.Path))
		}
		for _, g := range c.Gaps {
			if under(p.Path, g.Path) || under(g.Path, p.Path) {
				return fmt.Sprintf("the newest inventory could not read %s: %s", g.Path, g.Reason)
			}
		}
	}
	return ""
}

func place(path string) string {
	if path == "" {
		return "its place"
	}
	return path
}

// under reports whether a path is root or lies below it. A package without a path lies anywhere: only "/" covers it.
func under(path, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return root == "" || path == root || strings.HasPrefix(path, root+"/")
}
