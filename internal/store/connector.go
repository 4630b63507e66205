package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/snapshot"
)

// IssueExternalID makes an external ID for a connector to come: 192 random bits, never given out before or after, whatever becomes of the connector.
func (db *DB) IssueExternalID(ctx context.Context) (string, error) {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("draw an external ID: %w", err)
	}
	id := "hinomi-" + hex.EncodeToString(b)
	_, err := db.exec(ctx, `INSERT INTO external_id (external_id, issued_at) VALUES ($1, $2)`, id, micros(db.now()))
	return id, err
}

// CreateConnector stores a new connector, with the secret half of its key pair sealed if it has one. A role's external ID is made here
// unless it was issued before (IssueExternalID) or is the parent's; ErrExternalID refuses one of another connector or of unknown origin.
// It returns the connector as stored and those that read the same account already, about which the caller warns. ErrExists: the name is taken.
func (db *DB) CreateConnector(ctx context.Context, c connector.Connector, key secret.Text) (created connector.Connector, sameAccount []connector.Connector, err error) {
	if err := c.Validate(); err != nil {
		return c, nil, err
	}
	if c.Period == 0 {
		c.Period = connector.DefaultPeriod
	}
	c.ID, c.CreatedAt = newID("con"), moment(micros(db.now()))
	c.UpdatedAt = c.CreatedAt
	err = db.InTx(ctx, func(ctx context.Context) error {
		if err := db.claimExternalID(ctx, &c); err != nil {
			return err
		}
		if sameAccount, err = query(ctx, db.q(ctx), jsonRow[connector.Connector], `SELECT body FROM connector WHERE account = $1 ORDER BY name`, c.Account); err != nil {
			return err
		}
		body, err := asJSON(c)
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, `INSERT INTO connector (id, name, type, account, enabled, parent_id, next_sync_at, body, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $7)`, c.ID, c.Name, string(c.Type), c.Account, bit(c.Enabled), c.ParentID, micros(c.CreatedAt), body); err != nil {
			return err
		}
		if err := db.putConnectorTags(ctx, c); err != nil {
			return err
		}
		if err := db.putConnectorSecret(ctx, c, key); err != nil {
			return err
		}
		return db.feedView(ctx, c)
	})
	return c, sameAccount, err
}

// claimExternalID makes sure that the connector's external ID is its own, or its parent's.
func (db *DB) claimExternalID(ctx context.Context, c *connector.Connector) error {
	if c.Credentials.RoleARN == "" {
		c.Credentials.ExternalID = ""
		return nil
	}
	if c.ParentID != "" {
		parent, err := db.connector(ctx, c.ParentID)
		if err != nil {
			return fmt.Errorf("the organisation's connector %s: %w", c.ParentID, err)
		}
		if c.Credentials.ExternalID == "" {
			c.Credentials.ExternalID = parent.Credentials.ExternalID
		}
		if c.Credentials.ExternalID == parent.Credentials.ExternalID && c.Credentials.ExternalID != "" {
			return nil
		}
	}
	if c.Credentials.ExternalID == "" {
		id, err := db.IssueExternalID(ctx)
		if err != nil {
			return err
		}
		c.Credentials.ExternalID = id
	}
	n, err := db.exec(ctx, `UPDATE external_id SET connector_id = $2 WHERE external_id = $1 AND connector_id IN ('', $2)`, c.Credentials.ExternalID, c.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: it was not issued here or belongs to another connector; leave it out and one is made", ErrExternalID)
	}
	return nil
}

func (db *DB) putConnectorTags(ctx context.Context, c connector.Connector) error {
	if _, err := db.exec(ctx, `DELETE FROM connector_tag WHERE connector_id = $1`, c.ID); err != nil {
		return err
	}
	for _, t := range slices.Compact(slices.Sorted(slices.Values(c.Tags))) {
		if _, err := db.exec(ctx, `INSERT INTO connector_tag (connector_id, tag) VALUES ($1, $2)`, c.ID, t); err != nil {
			return err
		}
	}
	return nil
}

// putConnectorSecret seals the secret half of a key pair. An empty key keeps what is stored, if the connector has a key pair at all.
func (db *DB) putConnectorSecret(ctx context.Context, c connector.Connector, key secret.Text) error {
	switch {
	case c.Credentials.AccessKeyID == "":
		_, err := db.exec(ctx, `UPDATE connector SET secret = NULL WHERE id = $1`, c.ID)
		return err
	case key.Empty():
		return nil
	case db.sealer == nil:
		return ErrNoKey
	}
	sealed, err := db.sealer.Seal(key, connectorIdentity(c.ID))
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `UPDATE connector SET secret = $2 WHERE id = $1`, c.ID, sealed)
	return err
}

func connectorIdentity(id string) string { return "connector/" + id + "/secret" }

// UpdateConnector stores changes of a connector. ID, account, account type, external ID and creation stay as they were: another account
// is another connector. An empty key keeps the stored secret.
func (db *DB) UpdateConnector(ctx context.Context, c connector.Connector, key secret.Text) (connector.Connector, error) {
	err := db.InTx(ctx, func(ctx context.Context) error {
		old, err := db.connector(ctx, c.ID)
		if err != nil {
			return err
		}
		c.Account, c.Type, c.ParentID, c.CreatedAt = old.Account, old.Type, old.ParentID, old.CreatedAt
		if c.Credentials.RoleARN != "" && old.Credentials.ExternalID != "" {
			c.Credentials.ExternalID = old.Credentials.ExternalID
		}
		if c.Period == 0 {
			c.Period = connector.DefaultPeriod
		}
		if err := c.Validate(); err != nil {
			return err
		}
		if err := db.claimExternalID(ctx, &c); err != nil {
			return err
		}
		if c.Credentials.AccessKeyID != "" && c.Credentials.AccessKeyID != old.Credentials.AccessKeyID && key.Empty() {
			return errors.New("a new access key needs its secret")
		}
		c.UpdatedAt = moment(micros(db.now()))
		body, err := asJSON(c)
		if err != nil {
			return err
		}
		if err := db.mustChange(ctx, `UPDATE connector SET name = $2, enabled = $3, body = $4, updated_at = $5 WHERE id = $1`,
			c.ID, c.Name, bit(c.Enabled), body, micros(c.UpdatedAt)); err != nil {
			return err
		}
		if err := db.putConnectorTags(ctx, c); err != nil {
			return err
		}
		if err := db.putConnectorSecret(ctx, c, key); err != nil {
			return err
		}
		return db.feedView(ctx, c)
	})
	return c, err
}

// RemoveConnector removes a connector and its secret. Its assets stay, stale from now on unless another connector reads them; its view
// stays without a feed; its external ID is never used again.
func (db *DB) RemoveConnector(ctx context.Context, id string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.mustChange(ctx, `DELETE FROM connector WHERE id = $1`, id); err != nil {
			return err
		}
		if _, err := db.exec(ctx, `UPDATE sync_scope SET gap_at = $2, gap_reason = $3, gap_detail = $4, connector_id = '' WHERE connector_id = $1`,
			id, micros(db.now()), string(snapshot.NotRead), "its connector was removed"); err != nil {
			return err
		}
		_, err := db.exec(ctx, `UPDATE posture_view SET connector_id = '' WHERE connector_id = $1`, id)
		return err
	})
}

func (db *DB) connector(ctx context.Context, id string) (connector.Connector, error) {
	return one(ctx, db.q(ctx), jsonRow[connector.Connector], `SELECT body FROM connector WHERE id = $1`, id)
}

// connectorScope restricts connectors to a caller's accounts and, by their static tags, to its tags.
func connectorScope(w *where, s auth.Scope) {
	w.account(s, "c.account")
	if len(s.Tags) > 0 {
		args := make([]any, len(s.Tags))
		for i, t := range s.Tags {
			args[i] = t
		}
		w.add(`EXISTS (SELECT 1 FROM connector_tag ct WHERE ct.connector_id = c.id AND ct.tag IN (`+marks(len(s.Tags))+`))`, args...)
	}
}

// Connector returns a connector by ID or by name.
func (db *DB) Connector(ctx context.Context, s auth.Scope, idOrName string) (connector.Connector, error) {
	var err error
	for _, column := range []string{"c.id = ?", "c.name = ?"} {
		var w where
		connectorScope(&w, s)
		w.add(column, idOrName)
		var c connector.Connector
		if c, err = one(ctx, db.q(ctx), jsonRow[connector.Connector], `SELECT c.body FROM connector c`+w.sql(), w.args...); !errors.Is(err, ErrNotFound) {
			return c, err
		}
	}
	return connector.Connector{}, err
}

// Connectors returns a page of connectors, by name.
func (db *DB) Connectors(ctx context.Context, s auth.Scope, from string, limit int) ([]connector.Connector, string, error) {
	var w where
	connectorScope(&w, s)
	var name string
	if ok, err := after(from, &name); err != nil {
		return nil, "", err
	} else if ok {
		w.add("c.name > ?", name)
	}
	return list(ctx, db.q(ctx), jsonRow[connector.Connector], &w, limit, `SELECT c.body FROM connector c`, "c.name",
		func(c connector.Connector) any { return c.Name })
}

// Members returns the connectors that an organisation's connector enrolled, by account.
func (db *DB) Members(ctx context.Context, parentID string) ([]connector.Connector, error) {
	return query(ctx, db.q(ctx), jsonRow[connector.Connector], `SELECT body FROM connector WHERE parent_id = $1 ORDER BY account`, parentID)
}

// DueConnectors returns the enabled connectors whose next sync is due at the store's now, the longest overdue first.
func (db *DB) DueConnectors(ctx context.Context) ([]connector.Connector, error) {
	return query(ctx, db.q(ctx), jsonRow[connector.Connector],
		`SELECT body FROM connector WHERE enabled = 1 AND next_sync_at <= $1 ORDER BY next_sync_at, id`, micros(db.now()))
}

// SetNextSync stores when a connector is due again.
func (db *DB) SetNextSync(ctx context.Context, id string, at time.Time) error {
	return db.mustChange(ctx, `UPDATE connector SET next_sync_at = $2 WHERE id = $1`, id, micros(at))
}

// NextSync returns when a connector is due again.
func (db *DB) NextSync(ctx context.Context, id string) (time.Time, error) {
	return one(ctx, db.q(ctx), func(row scanner) (time.Time, error) {
		var at int64
		err := row.Scan(&at)
		return moment(at), err
	}, `SELECT next_sync_at FROM connector WHERE id = $1`, id)
}

// ConnectorSecret opens the secret half of a connector's key pair. It returns ErrNotFound if the connector has none.
func (db *DB) ConnectorSecret(ctx context.Context, id string) (secret.Text, error) {
	return db.openSecret(ctx, connectorIdentity(id), `SELECT secret FROM connector WHERE id = $1`, id)
}

func (db *DB) openSecret(ctx context.Context, identity, query string, args ...any) (secret.Text, error) {
	sealed, err := one(ctx, db.q(ctx), blob, query, args...)
	switch {
	case err != nil:
		return secret.Text{}, err
	case len(sealed) == 0:
		return secret.Text{}, ErrNotFound
	case db.sealer == nil:
		return secret.Text{}, ErrNoKey
	}
	return db.sealer.Open(sealed, identity)
}

func blob(row scanner) ([]byte, error) {
	var b []byte
	err := row.Scan(&b)
	return b, err
}
