package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"hinomi/internal/auth"
)

// ErrLastAdministrator refuses a change after which nobody could administer.
var ErrLastAdministrator = errors.New("the last administrator stays one")

const userColumns = `id, name, role, scope, disabled, failures, last_failure_at, locked_until, created_at, updated_at`

func scanUser(row scanner) (auth.User, error) {
	var u auth.User
	var scope string
	var failed, locked, created, updated int64
	err := row.Scan(&u.ID, &u.Name, &u.Role, &scope, &u.Disabled, &u.Throttle.Failures, &failed, &locked, &created, &updated)
	if err != nil {
		return u, err
	}
	u.Throttle.LastFailure, u.Throttle.LockedUntil = moment(failed), moment(locked)
	u.CreatedAt, u.UpdatedAt = moment(created), moment(updated)
	return u, fromJSON(scope, &u.Scope)
}

// CreateUser makes a user with a hash of auth.HashPassword. It returns ErrExists if the name is taken.
func (db *DB) CreateUser(ctx context.Context, u auth.User, passwordHash string) (auth.User, error) {
	if strings.TrimSpace(u.Name) == "" || !u.Role.Valid() {
		return u, fmt.Errorf("a user needs a name and one of the roles %v", auth.Roles())
	}
	scope, err := asJSON(u.Scope)
	if err != nil {
		return u, err
	}
	u.ID, u.CreatedAt = newID("usr"), moment(micros(db.now()))
	u.UpdatedAt, u.Throttle = u.CreatedAt, auth.Throttle{}
	_, err = db.exec(ctx, `INSERT INTO app_user (id, name, role, scope, password_hash, disabled, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`, u.ID, u.Name, string(u.Role), scope, passwordHash, bit(u.Disabled), micros(u.CreatedAt))
	return u, err
}

// UpdateUser stores a user's role, scope and whether it is disabled. It returns ErrLastAdministrator if nobody could administer afterwards.
func (db *DB) UpdateUser(ctx context.Context, u auth.User) error {
	scope, err := asJSON(u.Scope)
	if err != nil {
		return err
	}
	if !u.Role.Valid() {
		return fmt.Errorf("role %q is none of %v", u.Role, auth.Roles())
	}
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.mustChange(ctx, `UPDATE app_user SET role = $2, scope = $3, disabled = $4, updated_at = $5 WHERE id = $1`,
			u.ID, string(u.Role), scope, bit(u.Disabled), micros(db.now())); err != nil {
			return err
		}
		if u.Disabled {
			if _, err := db.exec(ctx, `DELETE FROM login_session WHERE user_id = $1`, u.ID); err != nil {
				return err
			}
		}
		return db.keepAdministrator(ctx)
	})
}

// RemoveUser removes a user with tokens and sessions. It returns ErrLastAdministrator if nobody could administer afterwards.
func (db *DB) RemoveUser(ctx context.Context, id string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.mustChange(ctx, `DELETE FROM app_user WHERE id = $1`, id); err != nil {
			return err
		}
		return db.keepAdministrator(ctx)
	})
}

// keepAdministrator looks for an administrator who is not disabled and sees everything.
func (db *DB) keepAdministrator(ctx context.Context) error {
	scopes, err := query(ctx, db.q(ctx), jsonRow[auth.Scope], `SELECT scope FROM app_user WHERE role = $1 AND disabled = 0`, string(auth.Administrator))
	if err != nil {
		return err
	}
	for _, s := range scopes {
		if s.All() {
			return nil
		}
	}
	return ErrLastAdministrator
}

// Users returns all users, by name.
func (db *DB) Users(ctx context.Context) ([]auth.User, error) {
	return query(ctx, db.q(ctx), scanUser, `SELECT `+userColumns+` FROM app_user ORDER BY name`)
}

// User returns a user by ID.
func (db *DB) User(ctx context.Context, id string) (auth.User, error) {
	return one(ctx, db.q(ctx), scanUser, `SELECT `+userColumns+` FROM app_user WHERE id = $1`, id)
}

// Login returns a user by name with the password's hash, for the check at sign-in.
func (db *DB) Login(ctx context.Context, name string) (auth.User, string, error) {
	u, err := one(ctx, db.q(ctx), scanUser, `SELECT `+userColumns+` FROM app_user WHERE name = $1`, name)
	if err != nil {
		return u, "", err
	}
	hash, err := one(ctx, db.q(ctx), text, `SELECT password_hash FROM app_user WHERE id = $1`, u.ID)
	return u, hash, err
}

// LoginFailed counts a failed sign-in and returns how long the user must now wait.
func (db *DB) LoginFailed(ctx context.Context, userID string) (auth.Throttle, error) {
	var t auth.Throttle
	err := db.InTx(ctx, func(ctx context.Context) error {
		// The row is locked by the first statement, so that failures at the same time are all counted.
		if err := db.mustChange(ctx, `UPDATE app_user SET failures = failures WHERE id = $1`, userID); err != nil {
			return err
		}
		u, err := db.User(ctx, userID)
		if err != nil {
			return err
		}
		t = u.Throttle.Failed(db.now())
		return db.putThrottle(ctx, userID, t)
	})
	return t, err
}

// LoginSucceeded clears the failures of a user.
func (db *DB) LoginSucceeded(ctx context.Context, userID string) error {
	return db.putThrottle(ctx, userID, auth.Throttle{})
}

func (db *DB) putThrottle(ctx context.Context, userID string, t auth.Throttle) error {
	return db.mustChange(ctx, `UPDATE app_user SET failures = $2, last_failure_at = $3, locked_until = $4 WHERE id = $1`,
		userID, t.Failures, micros(t.LastFailure), micros(t.LockedUntil))
}

// SetPassword stores a new hash and ends all sessions of the user.
func (db *DB) SetPassword(ctx context.Context, userID, passwordHash string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.mustChange(ctx, `UPDATE app_user SET password_hash = $2, updated_at = $3 WHERE id = $1`, userID, passwordHash, micros(db.now())); err != nil {
			return err
		}
		_, err := db.exec(ctx, `DELETE FROM login_session WHERE user_id = $1`, userID)
		return err
	})
}

const tokenColumns = `k.id, k.user_id, k.name, k.prefix, k.role, k.scope, k.created_at, k.expires_at, k.last_used_at, k.revoked_at` // #nosec G101 -- names of columns

func scanToken(row scanner) (auth.Token, error) {
	var t auth.Token
	var scope string
	var created, expires, used, revoked int64
	if err := row.Scan(&t.ID, &t.UserID, &t.Name, &t.Prefix, &t.Role, &scope, &created, &expires, &used, &revoked); err != nil {
		return t, err
	}
	t.CreatedAt, t.ExpiresAt, t.LastUsedAt, t.RevokedAt = moment(created), moment(expires), moment(used), moment(revoked)
	return t, fromJSON(scope, &t.Scope)
}

// CreateToken stores a token of auth.NewToken under its hash.
func (db *DB) CreateToken(ctx context.Context, t auth.Token, hash []byte) (auth.Token, error) {
	if strings.TrimSpace(t.Name) == "" || !t.Role.Valid() || len(hash) != sha256.Size {
		return t, errors.New("a token needs a name, a role and a SHA-256")
	}
	scope, err := asJSON(t.Scope)
	if err != nil {
		return t, err
	}
	t.ID, t.CreatedAt = newID("tok"), moment(micros(db.now()))
	_, err = db.exec(ctx, `INSERT INTO api_token (id, user_id, name, prefix, hash, role, scope, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, t.ID, t.UserID, t.Name, t.Prefix, hash, string(t.Role), scope, micros(t.CreatedAt), micros(t.ExpiresAt))
	return t, err
}

// Tokens returns the tokens of a user, or of all users if userID is "", revoked ones too.
func (db *DB) Tokens(ctx context.Context, userID string) ([]auth.Token, error) {
	var w where
	if userID != "" {
		w.add("k.user_id = ?", userID)
	}
	return query(ctx, db.q(ctx), scanToken, `SELECT `+tokenColumns+` FROM api_token k`+w.sql()+` ORDER BY k.created_at, k.id`, w.args...)
}

// RevokeToken ends a token; its row stays for the audit.
func (db *DB) RevokeToken(ctx context.Context, id string) error {
	return db.mustChange(ctx, `UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0`, id, micros(db.now()))
}

// tokenTouch is how old "last used" may grow before it is written again: a write for each request would be too dear.
const tokenTouch = time.Minute

// Authenticate returns who a token's hash stands for. It returns ErrNotFound for a token that is unknown, revoked or expired,
// or whose user is disabled. Role and scope are those of the token within those of its user.
func (db *DB) Authenticate(ctx context.Context, hash []byte) (auth.Principal, error) {
	t, err := one(ctx, db.q(ctx), scanToken, `SELECT `+tokenColumns+` FROM api_token k WHERE k.hash = $1`, hash)
	if err != nil {
		return auth.Principal{}, err
	}
	now := db.now()
	u, err := db.User(ctx, t.UserID)
	if err != nil {
		return auth.Principal{}, err
	}
	if !t.Usable(now) || u.Disabled {
		return auth.Principal{}, ErrNotFound
	}
	if now.Sub(t.LastUsedAt) >= tokenTouch {
		if _, err := db.exec(ctx, `UPDATE api_token SET last_used_at = $2 WHERE id = $1`, t.ID, micros(now)); err != nil {
			return auth.Principal{}, err
		}
	}
	return auth.Principal{UserID: u.ID, Name: u.Name, Role: auth.Least(t.Role, u.Role), Scope: u.Scope.Narrow(t.Scope), TokenID: t.ID}, nil
}

// CreateSession starts a session and returns its random value for the cookie; only the value's SHA-256 is kept.
func (db *DB) CreateSession(ctx context.Context, userID string, lasts time.Duration) (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("draw a session: %w", err)
	}
	value, now := hex.EncodeToString(b), db.now()
	err := db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.exec(ctx, `DELETE FROM login_session WHERE expires_at <= $1`, micros(now)); err != nil {
			return err
		}
		_, err := db.exec(ctx, `INSERT INTO login_session (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			sessionHash(value), userID, micros(now), micros(now.Add(lasts)))
		return err
	})
	return value, err
}

// Session returns who a session's value stands for. It returns ErrNotFound if it is unknown or over, or its user disabled.
func (db *DB) Session(ctx context.Context, value string) (auth.Principal, error) {
	u, err := one(ctx, db.q(ctx), scanUser, `SELECT `+userColumns+` FROM app_user WHERE disabled = 0 AND id =
(SELECT user_id FROM login_session WHERE hash = $1 AND expires_at > $2)`, sessionHash(value), micros(db.now()))
	return auth.Principal{UserID: u.ID, Name: u.Name, Role: u.Role, Scope: u.Scope}, err
}

// EndSession ends a session; one that is over already is no error.
func (db *DB) EndSession(ctx context.Context, value string) error {
	_, err := db.exec(ctx, `DELETE FROM login_session WHERE hash = $1`, sessionHash(value))
	return err
}

func sessionHash(value string) []byte {
	h := sha256.Sum256([]byte(value))
	return h[:]
}
