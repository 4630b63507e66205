package store

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/connector"
	"hinomi/internal/secret"
)

// ErrBaseAccount refuses a second base account for an account type: remove the first one before.
var ErrBaseAccount = errors.New("this account type has a base account already")

func baseIdentity(t connector.AccountType) string { return "base-account/" + string(t) + "/secret" }

// SetBaseAccount stores the base account of its type with its secret key sealed. It returns ErrBaseAccount, with the account, if there is
// one of another account already; for the same account it replaces the key.
func (db *DB) SetBaseAccount(ctx context.Context, b connector.BaseAccount, key secret.Text) (connector.BaseAccount, error) {
	if db.sealer == nil {
		return b, ErrNoKey
	}
	if key.Empty() {
		return b, errors.New("a base account needs its secret key")
	}
	b.CreatedAt = moment(micros(db.now()))
	sealed, err := db.sealer.Seal(key, baseIdentity(b.Type))
	if err != nil {
		return b, err
	}
	return b, db.InTx(ctx, func(ctx context.Context) error {
		old, err := db.BaseAccount(ctx, b.Type)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		case old.Account != b.Account:
			return fmt.Errorf("%w: %s", ErrBaseAccount, old.Account)
		default:
			b.CreatedAt = old.CreatedAt
		}
		body, err := asJSON(b)
		if err != nil {
			return err
		}
		_, err = db.exec(ctx, `INSERT INTO base_account (type, body, secret) VALUES ($1, $2, $3)
ON CONFLICT (type) DO UPDATE SET body = excluded.body, secret = excluded.secret`, string(b.Type), body, sealed)
		return err
	})
}

// BaseAccount returns the base account of a type. It returns ErrNotFound if there is none: the ambient credentials are used then.
func (db *DB) BaseAccount(ctx context.Context, t connector.AccountType) (connector.BaseAccount, error) {
	return one(ctx, db.q(ctx), jsonRow[connector.BaseAccount], `SELECT body FROM base_account WHERE type = $1`, string(t))
}

// BaseAccounts returns all base accounts, by type.
func (db *DB) BaseAccounts(ctx context.Context) ([]connector.BaseAccount, error) {
	return query(ctx, db.q(ctx), jsonRow[connector.BaseAccount], `SELECT body FROM base_account ORDER BY type`)
}

// RemoveBaseAccount removes the base account of a type with its secret.
func (db *DB) RemoveBaseAccount(ctx context.Context, t connector.AccountType) error {
	return db.mustChange(ctx, `DELETE FROM base_account WHERE type = $1`, string(t))
}

// BaseAccountSecret opens the secret key of the base account of a type.
func (db *DB) BaseAccountSecret(ctx context.Context, t connector.AccountType) (secret.Text, error) {
	return db.openSecret(ctx, baseIdentity(t), `SELECT secret FROM base_account WHERE type = $1`, string(t))
}

// Reseal seals every stored secret with the sealer's current key and returns how many it changed. Afterwards older keys can be thrown away.
func (db *DB) Reseal(ctx context.Context) (changed int, err error) {
	if db.sealer == nil {
		return 0, ErrNoKey
	}
	err = db.InTx(ctx, func(ctx context.Context) error {
		for _, t := range []struct{ table, key, prefix string }{
			{"connector", "id", "connector/"}, {"base_account", "type", "base-account/"},
		} {
			keys, err := query(ctx, db.q(ctx), text, `SELECT `+t.key+` FROM `+t.table+` WHERE secret IS NOT NULL`) // #nosec G202 -- our own names
			if err != nil {
				return err
			}
			for _, k := range keys {
				sealed, err := one(ctx, db.q(ctx), blob, `SELECT secret FROM `+t.table+` WHERE `+t.key+` = $1`, k) // #nosec G202 -- our own names
				if err != nil {
					return err
				}
				out, did, err := db.sealer.Reseal(sealed, t.prefix+k+"/secret")
				if err != nil {
					return fmt.Errorf("reseal the secret of %s %s: %w", t.table, k, err)
				}
				if !did {
					continue
				}
				if err := db.mustChange(ctx, `UPDATE `+t.table+` SET secret = $2 WHERE `+t.key+` = $1`, k, out); err != nil { // #nosec G202 -- our own names
					return err
				}
				changed++
			}
		}
		return nil
	})
	return changed, err
}
