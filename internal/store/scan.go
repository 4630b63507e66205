package store

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/auth"
	"hinomi/internal/run"
)

// CreateScan stores that an agentless scan is queued. Its ID, which stands in the tag of all it makes, State and QueuedAt are the store's.
func (db *DB) CreateScan(ctx context.Context, s run.Scan) (run.Scan, error) {
	s.ID, s.State, s.QueuedAt, s.Resources = newID("scan"), run.Queued, moment(micros(db.now())), nil
	body, err := asJSON(s)
	if err != nil {
		return s, err
	}
	_, err = db.exec(ctx, `INSERT INTO scan (id, connector_id, account, asset_pk, state, queued_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		s.ID, s.Connector, s.Instance.Account, assetKey(s.Instance), string(s.State), micros(s.QueuedAt), body)
	return s, err
}

// PutScan stores a scan's progress or end. Its resources are stored by InsertIntent and the methods after it.
func (db *DB) PutScan(ctx context.Context, s run.Scan) error {
	s.Resources = nil
	body, err := asJSON(s)
	if err != nil {
		return err
	}
	return db.mustChange(ctx, `UPDATE scan SET state = $2, body = $3 WHERE id = $1`, s.ID, string(s.State), body)
}

// scanScope restricts scans, by tags only as long as their instance is stored.
func scanScope(w *where, s auth.Scope) {
	w.account(s, "c.account")
	if len(s.Tags) > 0 {
		w.tagged("a", s.Tags)
	}
}

const scanSelect = `SELECT c.body FROM scan c LEFT JOIN asset a ON a.pk = c.asset_pk`

// Scan returns one scan with its resources.
func (db *DB) Scan(ctx context.Context, s auth.Scope, id string) (run.Scan, error) {
	var w where
	scanScope(&w, s)
	w.add("c.id = ?", id)
	sc, err := one(ctx, db.q(ctx), jsonRow[run.Scan], scanSelect+w.sql(), w.args...)
	if err != nil {
		return sc, err
	}
	sc.Resources, err = db.resources(ctx, "scan_id = ?", id)
	return sc, err
}

// ScanFilter selects scans. Empty fields do not restrict.
type ScanFilter struct {
	States    []run.State
	Instances []string // ids
	Accounts  []string
	Connector string
}

// Scans returns a page of scans without their resources, the newest first.
func (db *DB) Scans(ctx context.Context, s auth.Scope, f ScanFilter, from string, limit int) ([]run.Scan, string, error) {
	var w where
	scanScope(&w, s)
	in(&w, "c.state", f.States)
	in(&w, "a.id", f.Instances)
	in(&w, "c.account", f.Accounts)
	if f.Connector != "" {
		w.add("c.connector_id = ?", f.Connector)
	}
	var k timeKey
	if ok, err := after(from, &k); err != nil {
		return nil, "", err
	} else if ok {
		w.add("(c.queued_at, c.id) < (?, ?)", k.At, k.ID)
	}
	return list(ctx, db.q(ctx), jsonRow[run.Scan], &w, limit, scanSelect, "c.queued_at DESC, c.id DESC",
		func(sc run.Scan) any { return timeKey{micros(sc.QueuedAt), sc.ID} })
}

// InsertIntent stores that something is about to be made in an account, before the call that makes it. Storing the same intent again
// (same scan, kind and what it is of) changes nothing and returns what is known of it: a resource that was made already is found again. One
// that was deleted since is intended anew.
func (db *DB) InsertIntent(ctx context.Context, r run.Resource) (run.Resource, error) {
	if r.ScanID == "" || r.Account == "" || r.Region == "" || r.Kind == "" {
		return r, errors.New("an intent needs its scan, account, region and kind")
	}
	err := db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.exec(ctx, `INSERT INTO scan_resource (scan_id, connector_id, account, region, kind, of_id, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (scan_id, kind, of_id) DO UPDATE SET connector_id = excluded.connector_id, id = '', state = excluded.state, detail = '',
 created_at = excluded.created_at, deleted_at = 0 WHERE scan_resource.deleted_at <> 0`, r.ScanID, r.Connector, r.Account, r.Region, string(r.Kind), r.Of, string(run.Intended), micros(db.now())); err != nil {
			return err
		}
		rows, err := db.resources(ctx, "scan_id = ? AND kind = ? AND of_id = ?", r.ScanID, string(r.Kind), r.Of)
		if err == nil && len(rows) != 1 {
			err = fmt.Errorf("intent of scan %s: %d rows", r.ScanID, len(rows))
		}
		if err == nil {
			r = rows[0]
		}
		return err
	})
	return r, err
}

// MarkCreated stores the ID of what an intent became.
func (db *DB) MarkCreated(ctx context.Context, r run.Resource) error {
	return db.mustChange(ctx, `UPDATE scan_resource SET id = $4, state = $5, detail = '' WHERE scan_id = $1 AND kind = $2 AND of_id = $3 AND deleted_at = 0`,
		r.ScanID, string(r.Kind), r.Of, r.ID, string(run.Created))
}

// MarkKept stores that a snapshot stays after its scan, as its volume's baseline. It stays among the open ones.
func (db *DB) MarkKept(ctx context.Context, r run.Resource) error {
	return db.mustChange(ctx, `UPDATE scan_resource SET id = $4, state = $5, detail = '' WHERE scan_id = $1 AND kind = $2 AND of_id = $3 AND deleted_at = 0`,
		r.ScanID, string(r.Kind), r.Of, r.ID, string(run.Kept))
}

// MarkDeleted stores that a resource is gone from the account, or that its intent never became one.
func (db *DB) MarkDeleted(ctx context.Context, r run.Resource) error {
	return db.mustChange(ctx, `UPDATE scan_resource SET state = $4, detail = $5, deleted_at = $6 WHERE scan_id = $1 AND kind = $2 AND of_id = $3 AND deleted_at = 0`,
		r.ScanID, string(r.Kind), r.Of, string(run.Deleted), r.Detail, micros(db.now()))
}

// MarkStuck stores why a resource could not be deleted; it stays among the open ones until it is.
func (db *DB) MarkStuck(ctx context.Context, r run.Resource) error {
	return db.mustChange(ctx, `UPDATE scan_resource SET state = $4, detail = $5 WHERE scan_id = $1 AND kind = $2 AND of_id = $3 AND deleted_at = 0`,
		r.ScanID, string(r.Kind), r.Of, string(run.Stuck), r.Detail)
}

// ListOpenResources returns everything of ours that may still be in an account, the oldest first: what the sweeper looks after.
func (db *DB) ListOpenResources(ctx context.Context) ([]run.Resource, error) {
	return db.resources(ctx, "deleted_at = 0")
}

func (db *DB) resources(ctx context.Context, cond string, args ...any) ([]run.Resource, error) {
	var w where
	w.add(cond, args...)
	return query(ctx, db.q(ctx), func(row scanner) (run.Resource, error) {
		var r run.Resource
		var created, deleted int64
		err := row.Scan(&r.ScanID, &r.Connector, &r.Account, &r.Region, &r.Kind, &r.Of, &r.ID, &r.State, &r.Detail, &created, &deleted)
		r.CreatedAt, r.DeletedAt = moment(created), moment(deleted)
		return r, err
	}, `SELECT scan_id, connector_id, account, region, kind, of_id, id, state, detail, created_at, deleted_at FROM scan_resource`+w.sql()+` ORDER BY seq`, w.args...)
}
