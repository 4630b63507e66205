package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
)

// Names of settings that more than one room uses.
const (
	SettingInstallation = "installation" // this installation's ID, in the tag of everything it makes in an account
	SettingWrappedKey   = "wrapped-key"  // secret.Wrapped: the data key as the key service wrapped it
)

// Setting returns a setting's value. It returns ErrNotFound if it was never set.
func (db *DB) Setting(ctx context.Context, name string) (string, error) {
	return one(ctx, db.q(ctx), text, `SELECT value FROM setting WHERE name = $1`, name)
}

// PutSetting stores a setting.
func (db *DB) PutSetting(ctx context.Context, name, value string) error {
	_, err := db.exec(ctx, `INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, name, value, micros(db.now()))
	return err
}

// InstallationID returns this installation's ID: random, made once, the same for ever after, also after a restore.
func (db *DB) InstallationID(ctx context.Context) (string, error) {
	id, err := db.Setting(ctx, SettingInstallation)
	if !errors.Is(err, ErrNotFound) {
		return id, err
	}
	if _, err := db.exec(ctx, `INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
		SettingInstallation, newID("hin"), micros(db.now())); err != nil {
		return "", fmt.Errorf("make the installation's ID: %w", err)
	}
	return db.Setting(ctx, SettingInstallation)
}

// FeedStatus is what is known of a feed of advisories: what was loaded, and how the last try ended.
type FeedStatus struct {
	advisory.Feed
	TriedAt time.Time `json:"triedAt"`
	Error   string    `json:"error,omitempty"` // of the last try, in words; the loaded state stays in use
}

// PutFeed stores a feed's loaded state after a successful try.
func (db *DB) PutFeed(ctx context.Context, f advisory.Feed) error {
	body, err := asJSON(f)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO feed (name, tried_at, error, body) VALUES ($1, $2, '', $3)
ON CONFLICT (name) DO UPDATE SET tried_at = excluded.tried_at, error = '', body = excluded.body`, f.Name, micros(db.now()), body)
	return err
}

// FeedFailed notes that a try to load a feed failed; what was loaded before stays.
func (db *DB) FeedFailed(ctx context.Context, name, why string) error {
	body, err := asJSON(advisory.Feed{Name: name})
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, `INSERT INTO feed (name, tried_at, error, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET tried_at = excluded.tried_at, error = excluded.error`, name, micros(db.now()), why, body)
	return err
}

// Feeds returns the state of every feed, by name.
func (db *DB) Feeds(ctx context.Context) ([]FeedStatus, error) {
	return query(ctx, db.q(ctx), func(row scanner) (FeedStatus, error) {
		var f FeedStatus
		var body string
		var tried int64
		if err := row.Scan(&body, &f.Error, &tried); err != nil {
			return f, err
		}
		f.TriedAt = moment(tried)
		return f, fromJSON(body, &f.Feed)
	}, `SELECT body, error, tried_at FROM feed ORDER BY name`)
}

// TagRule is a dynamic tag's rule.
type TagRule = asset.TagRule

// PutTagRule stores a rule, as a new one if it has no ID. It returns ErrExists if another rule has its name.
func (db *DB) PutTagRule(ctx context.Context, r TagRule) (TagRule, error) {
	if strings.TrimSpace(r.Name) == "" || strings.TrimSpace(r.Tag) == "" || strings.TrimSpace(r.Expression) == "" {
		return r, errors.New("a tag rule needs a name, a tag and an expression")
	}
	if r.ID == "" {
		r.ID = newID("rule")
	}
	body, err := asJSON(r)
	if err != nil {
		return r, err
	}
	_, err = db.exec(ctx, `INSERT INTO tag_rule (id, name, body) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body`, r.ID, r.Name, body)
	return r, err
}

// TagRules returns all rules, by name.
func (db *DB) TagRules(ctx context.Context) ([]TagRule, error) {
	return query(ctx, db.q(ctx), jsonRow[TagRule], `SELECT body FROM tag_rule ORDER BY name`)
}

// RemoveTagRule removes a rule and every tag that it gave. It returns ErrNotFound if there is no such rule.
func (db *DB) RemoveTagRule(ctx context.Context, id string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.mustChange(ctx, `DELETE FROM tag_rule WHERE id = $1`, id); err != nil {
			return err
		}
		_, err := db.exec(ctx, `DELETE FROM asset_tag WHERE origin = $1`, id)
		return err
	})
}

// mustChange runs a statement and returns ErrNotFound if it changed no row.
func (db *DB) mustChange(ctx context.Context, query string, args ...any) error {
	n, err := db.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}
