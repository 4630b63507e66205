package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"hinomi/internal/auth"
)

// AddUser makes a user with a password.
func (a *App) AddUser(ctx context.Context, by auth.Principal, u auth.User, password string) (auth.User, error) {
	if err := allow(by, auth.WriteUsers, ""); err != nil {
		return u, err
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return u, err
	}
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		if u, err = a.db.CreateUser(ctx, u, hash); err != nil {
			return err
		}
		return a.audit(ctx, by, "user.create", "user "+u.ID, "", u.Name+" as "+string(u.Role))
	})
	return u, err
}

// FirstAdministrator makes the user "admin" with a random password if there is no user yet, and returns the password; "" if there was one.
func (a *App) FirstAdministrator(ctx context.Context) (name, password string, err error) {
	users, err := a.db.Users(ctx)
	if err != nil || len(users) > 0 {
		return "", "", err
	}
	password = rand.Text()
	u, err := a.AddUser(ctx, auth.System(), auth.User{Name: "admin", Role: auth.Administrator}, password)
	return u.Name, password, err
}

// SetPassword sets a user's password and ends all sessions of it.
func (a *App) SetPassword(ctx context.Context, by auth.Principal, userID, password string) error {
	if by.UserID != userID || by.TokenID != "" { // a token changes nobody's password, not even its user's
		if err := allow(by, auth.WriteUsers, ""); err != nil {
			return err
		}
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.SetPassword(ctx, userID, hash); err != nil {
			return err
		}
		return a.audit(ctx, by, "user.password", "user "+userID, "", "")
	})
}

// RemoveUser removes a user with tokens and sessions; the last administrator stays.
func (a *App) RemoveUser(ctx context.Context, by auth.Principal, userID string) error {
	if err := allow(by, auth.WriteUsers, ""); err != nil {
		return err
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.RemoveUser(ctx, userID); err != nil {
			return err
		}
		return a.audit(ctx, by, "user.remove", "user "+userID, "", "")
	})
}

// AddToken makes an API token and returns its value, which is shown once and not kept. A user may make tokens of its own, none stronger
// than what it asks with.
func (a *App) AddToken(ctx context.Context, by auth.Principal, t auth.Token) (auth.Token, string, error) {
	if by.UserID != t.UserID {
		if err := allow(by, auth.WriteUsers, ""); err != nil {
			return t, "", err
		}
	}
	if !t.Role.Valid() {
		return t, "", fmt.Errorf("role %q is none of %v", t.Role, auth.Roles())
	}
	value, prefix, hash, err := auth.NewToken()
	if err != nil {
		return t, "", err
	}
	t.Prefix = prefix
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		u, err := a.db.User(ctx, t.UserID)
		if err != nil {
			return err
		}
		t.Role = auth.Least(t.Role, u.Role)
		if by.UserID == t.UserID {
			t.Role, t.Scope = auth.Least(t.Role, by.Role), by.Scope.Narrow(t.Scope)
		}
		if t, err = a.db.CreateToken(ctx, t, hash); err != nil {
			return err
		}
		return a.audit(ctx, by, "token.create", "token "+t.ID, "", t.Name+" of "+u.Name)
	})
	return t, value, err
}

// RevokeToken ends a token.
func (a *App) RevokeToken(ctx context.Context, by auth.Principal, id string) error {
	tokens, err := a.db.Tokens(ctx, by.UserID)
	if err != nil {
		return err
	}
	own := false
	for _, t := range tokens {
		own = own || t.ID == id
	}
	if !own {
		if err := allow(by, auth.WriteUsers, ""); err != nil {
			return err
		}
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.RevokeToken(ctx, id); err != nil {
			return err
		}
		return a.audit(ctx, by, "token.revoke", "token "+id, "", "")
	})
}
