package store

import (
	"context"
	"errors"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
)

// CreateSync stores that a connector's sync is queued. ID, State and QueuedAt are the store's.
func (db *DB) CreateSync(ctx context.Context, connectorID string) (connector.Sync, error) {
	s := connector.Sync{ID: newID("syn"), ConnectorID: connectorID, State: connector.Queued, QueuedAt: moment(micros(db.now()))}
	c, err := db.connector(ctx, connectorID)
	if err != nil {
		return s, err
	}
	body, err := asJSON(s)
	if err != nil {
		return s, err
	}
	_, err = db.exec(ctx, `INSERT INTO sync (id, connector_id, account, state, queued_at, body) VALUES ($1, $2, $3, $4, $5, $6)`,
		s.ID, connectorID, c.Account, string(s.State), micros(s.QueuedAt), body)
	return s, err
}

// PutSync stores a sync's progress or end: state, times, counts, region results and errors.
func (db *DB) PutSync(ctx context.Context, s connector.Sync) error {
	body, err := asJSON(s)
	if err != nil {
		return err
	}
	return db.mustChange(ctx, `UPDATE sync SET state = $2, body = $3 WHERE id = $1`, s.ID, string(s.State), body)
}

// syncScope restricts syncs to a caller's accounts. Syncs of connectors that were removed are seen by accounts alone.
func syncScope(w *where, s auth.Scope) {
	w.account(s, "y.account")
	if len(s.Tags) > 0 {
		args := make([]any, len(s.Tags))
		for i, t := range s.Tags {
			args[i] = t
		}
		w.add(`EXISTS (SELECT 1 FROM connector_tag ct WHERE ct.connector_id = y.connector_id AND ct.tag IN (`+marks(len(s.Tags))+`))`, args...)
	}
}

// Sync returns one sync.
func (db *DB) Sync(ctx context.Context, s auth.Scope, id string) (connector.Sync, error) {
	var w where
	syncScope(&w, s)
	w.add("y.id = ?", id)
	return one(ctx, db.q(ctx), jsonRow[connector.Sync], `SELECT y.body FROM sync y`+w.sql(), w.args...)
}

// LastSync returns the newest sync of a connector. It returns ErrNotFound if there was none.
func (db *DB) LastSync(ctx context.Context, s auth.Scope, connectorID string) (connector.Sync, error) {
	syncs, _, err := db.Syncs(ctx, s, connectorID, "", 1)
	if err == nil && len(syncs) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return connector.Sync{}, err
	}
	return syncs[0], nil
}

// Syncs returns a page of the syncs of a connector, or of all if connectorID is "", the newest first.
func (db *DB) Syncs(ctx context.Context, s auth.Scope, connectorID, from string, limit int) ([]connector.Sync, string, error) {
	var w where
	syncScope(&w, s)
	if connectorID != "" {
		w.add("y.connector_id = ?", connectorID)
	}
	var k timeKey
	if ok, err := after(from, &k); err != nil {
		return nil, "", err
	} else if ok {
		w.add("(y.queued_at, y.id) < (?, ?)", k.At, k.ID)
	}
	return list(ctx, db.q(ctx), jsonRow[connector.Sync], &w, limit, `SELECT y.body FROM sync y`, "y.queued_at DESC, y.id DESC",
		func(y connector.Sync) any { return timeKey{micros(y.QueuedAt), y.ID} })
}

// timeKey is the cursor of lists by time.
type timeKey struct {
	At int64
	ID string
}

// PutView makes or renames the posture view's entry of an account.
func (db *DB) PutView(ctx context.Context, v connector.View) error {
	if v.Account == "" {
		return errors.New("a view needs its account")
	}
	if v.CreatedAt.IsZero() {
		v.CreatedAt = moment(micros(db.now()))
	}
	body, err := asJSON(v)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO posture_view (account, connector_id, body) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET connector_id = excluded.connector_id, body = excluded.body`, v.Account, v.Connector, body)
	return err
}

// feedView makes the account's view if the connector feeds one, and takes the feed away, never the view, if it no longer does.
func (db *DB) feedView(ctx context.Context, c connector.Connector) error {
	if !c.PostureView {
		_, err := db.exec(ctx, `UPDATE posture_view SET connector_id = '' WHERE connector_id = $1`, c.ID)
		return err
	}
	v := connector.View{Account: c.Account, Type: c.Type, Name: c.Name, CreatedAt: moment(micros(db.now()))}
	body, err := asJSON(v)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO posture_view (account, connector_id, body) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET connector_id = excluded.connector_id`, c.Account, c.ID, body)
	return err
}

// Views returns the entries of the posture view, by account.
func (db *DB) Views(ctx context.Context, s auth.Scope) ([]connector.View, error) {
	var w where
	w.account(s, "account")
	if len(s.Tags) > 0 {
		w.add("1 = 0") // a view is a whole account: one who sees only a part of it does not see it
	}
	return query(ctx, db.q(ctx), func(row scanner) (connector.View, error) {
		var v connector.View
		var body, id string
		if err := row.Scan(&body, &id); err != nil {
			return v, err
		}
		err := fromJSON(body, &v)
		v.Connector = id
		return v, err
	}, `SELECT body, connector_id FROM posture_view`+w.sql()+` ORDER BY account`, w.args...)
}

// RemoveView removes the posture view's entry of an account: the only way it goes.
func (db *DB) RemoveView(ctx context.Context, account string) error {
	return db.mustChange(ctx, `DELETE FROM posture_view WHERE account = $1`, account)
}
