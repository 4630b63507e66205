package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"hinomi/internal/store/part"
)

// parts returns what keeps inventories in parts, on the context's transaction or the pool for reading.
func (db *DB) parts(ctx context.Context) part.Home {
	return part.Home{Conn: db.q(ctx), Rows: db.d.batch, InOrder: db.d.inOrder}
}

// inParts runs fn in a transaction that is alone in changing parts and their verdicts: counts are kept beside them.
func (db *DB) inParts(ctx context.Context, fn func(ctx context.Context, h part.Home) error) error {
	return db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := db.d.lock(ctx, tx, "parts"); err != nil {
			return fmt.Errorf("wait for another writer of inventories: %w", err)
		}
		return fn(ctx, db.parts(ctx))
	})
}

// Judged says what verdicts changed, in findings of units and not of assets.
type Judged struct{ Added, Changed, Gone int }

// settingJudged names the setting that says with which advisories everything was judged.
const settingJudged = "judged-with"

// JudgedWith is with which advisories the units were judged.
type JudgedWith struct {
	Edition int64             `json:"edition"` // counted up; 0: never
	File    string            `json:"file"`    // the advisory database, by its hash
	Feeds   map[string]string `json:"feeds"`   // by ecosystem, what the feeds said of themselves: complete, stale …
	Last    int64             `json:"last"`    // the last edition that was begun
}

// JudgedWith returns with which advisories everything was judged last; the zero value if nothing was yet.
func (db *DB) JudgedWith(ctx context.Context) (JudgedWith, error) {
	w, err := one(ctx, db.q(ctx), jsonRow[JudgedWith], `SELECT value FROM setting WHERE name = $1`, settingJudged)
	if errors.Is(err, ErrNotFound) {
		return w, nil
	}
	return w, err
}

// BeginEdition returns a new edition's number: nobody else judges with it.
func (db *DB) BeginEdition(ctx context.Context) (edition int64, err error) {
	err = db.inParts(ctx, func(ctx context.Context, _ part.Home) error {
		w, err := db.JudgedWith(ctx)
		if err != nil {
			return err
		}
		w.Last++
		edition = w.Last
		return db.putJudgedWith(ctx, w)
	})
	return edition, err
}

func (db *DB) putJudgedWith(ctx context.Context, w JudgedWith) error {
	body, err := asJSON(w)
	if err != nil {
		return err
	}
	return db.PutSetting(ctx, settingJudged, body)
}

// EndEdition says that everything is judged with an edition, after fn, which sees and changes units as nobody else does meanwhile. If a later
// one has ended already it changes nothing: everything is judged with that.
func (db *DB) EndEdition(ctx context.Context, w JudgedWith, fn func(ctx context.Context) error) error {
	return db.inParts(ctx, func(ctx context.Context, _ part.Home) error {
		if err := fn(ctx); err != nil {
			return err
		}
		now, err := db.JudgedWith(ctx)
		if err != nil || now.Edition >= w.Edition {
			return err
		}
		w.Last = now.Last
		return db.putJudgedWith(ctx, w)
	})
}

// UnitsToJudge returns the units of an inventory that nobody has judged yet.
func (db *DB) UnitsToJudge(ctx context.Context, hash string) ([]part.Unit, error) {
	return db.parts(ctx).ToJudge(ctx, inventoryKey(hash))
}

// UnitsOf returns the keys of an inventory's units.
func (db *DB) UnitsOf(ctx context.Context, hash string) ([]int64, error) {
	return db.parts(ctx).Of(ctx, inventoryKey(hash))
}

// TouchedUnits returns the keys of the units whose verdict depends on what changed in the advisories, and of those never judged.
// With Changes.All those that were not judged with the edition yet.
func (db *DB) TouchedUnits(ctx context.Context, c part.Changes, edition int64) ([]int64, error) {
	return db.parts(ctx).Touched(ctx, c, edition)
}

// Units returns units by their keys, in no order; those that are gone are left out.
func (db *DB) Units(ctx context.Context, keys []int64) ([]part.Unit, error) {
	return db.parts(ctx).Units(ctx, keys)
}

// PutVerdicts keeps what an evaluation found in units. It holds for every asset whose inventory has them, now and later. It
// returns also the units of which something else could not be judged than before.
func (db *DB) PutVerdicts(ctx context.Context, at time.Time, verdicts []part.Verdict) (out Judged, noted []int64, err error) {
	err = db.inParts(ctx, func(ctx context.Context, h part.Home) error {
		w, err := db.JudgedWith(ctx)
		if err != nil {
			return err
		}
		for i := range verdicts {
			if verdicts[i].Edition < w.Edition { // they stand until the unit is judged again
				verdicts[i].Edition = 0
			}
		}
		o, err := h.Judge(ctx, micros(at), verdicts)
		if err != nil {
			return err
		}
		out, noted = Judged{o.Added, o.Changed, o.Gone}, o.Noted
		return db.settleUnits(ctx, o)
	})
	return out, noted, err
}

// settleUnits decides rows of assets' pasts that verdicts made decidable: what is open again through an inventory, and what was kept open
// because its absence was not sure yet.
func (db *DB) settleUnits(ctx context.Context, o part.Outcome) error {
	for keys := range slices.Chunk(o.Opened, 500) {
		w := where{}
		in(&w, "key", keys)
		w.add("origin IN (?, ?)", originKept, originClosed)
		w.add(`EXISTS (SELECT 1 FROM asset_inventory l JOIN inventory_part ip ON ip.inventory_pk = l.inventory_pk JOIN part_unit pu ON pu.part_pk = ip.part_pk
  JOIN unit_finding f ON f.unit_pk = pu.unit_pk AND f.key = finding.key WHERE l.asset_pk = finding.asset_pk AND l.until_at = 0 AND f.gone_at = 0)`)
		if _, err := db.exec(ctx, `DELETE FROM finding`+w.sql(), w.args...); err != nil {
			return fmt.Errorf("reopen findings: %w", err)
		}
	}
	if len(o.Whole) == 0 {
		return nil
	}
	type member struct{ pk, inv, read int64 }
	members, err := query(ctx, db.q(ctx), func(row scanner) (member, error) {
		var m member
		return m, row.Scan(&m.pk, &m.inv, &m.read)
	}, `SELECT l.asset_pk, l.inventory_pk, l.read_at FROM asset_inventory l WHERE l.until_at = 0
 AND l.asset_pk IN (SELECT f.asset_pk FROM finding f WHERE f.origin = 'kept')`)
	if err != nil || len(members) == 0 {
		return err
	}
	held, err := db.parts(ctx).Inventories(ctx, o.Whole)
	if err != nil {
		return err
	}
	for _, m := range members {
		if _, has := slices.BinarySearch(held, m.inv); !has {
			continue
		}
		if _, _, err := db.settle(ctx, m.pk, m.inv, moment(m.read)); err != nil {
			return err
		}
	}
	return nil
}

// InventoryNotes returns what could not be judged in an inventory, and whether parts of it are to be judged yet.
func (db *DB) InventoryNotes(ctx context.Context, hash string) (notes []part.Note, pending bool, err error) {
	return db.parts(ctx).Notes(ctx, inventoryKey(hash))
}

// NotedInventories returns the hashes of the inventories that an asset has now and that hold any of the units.
func (db *DB) NotedInventories(ctx context.Context, units []int64) ([]string, error) {
	return db.parts(ctx).Hashes(ctx, units)
}
