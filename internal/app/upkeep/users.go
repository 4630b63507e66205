package upkeep

import (
	"context"
	"crypto/rand"
	"fmt"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
)

// EditUser stores a user's role, scope and whether it is disabled.
func (up *Upkeep) EditUser(ctx context.Context, by auth.Principal, u auth.User) error {
	if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
		return err
	}
	return up.DB.InTx(ctx, func(ctx context.Context) error {
		if err := up.DB.UpdateUser(ctx, u); err != nil {
			return err
		}
		return up.Audit(ctx, by, "user.edit", "user "+u.ID, "", string(u.Role))
	})
}

// AddUser makes a user with a password.
func (up *Upkeep) AddUser(ctx context.Context, by auth.Principal, u auth.User, password string) (auth.User, error) {
	if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
		return u, err
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return u, err
	}
	err = up.DB.InTx(ctx, func(ctx context.Context) error {
		if u, err = up.DB.CreateUser(ctx, u, hash); err != nil {
			return err
		}
		return up.Audit(ctx, by, "user.create", "user "+u.ID, "", u.Name+" as "+string(u.Role))
	})
	return u, err
}

// FirstAdministrator makes the user "admin" with a random password if there is no user yet, and returns the password; "" if there was one.
func (up *Upkeep) FirstAdministrator(ctx context.Context) (name, password string, err error) {
	users, err := up.DB.Users(ctx)
	if err != nil || len(users) > 0 {
		return "", "", err
	}
	password = rand.Text()
	u, err := up.AddUser(ctx, auth.System(), auth.User{Name: "admin", Role: auth.Administrator}, password)
	return u.Name, password, err
}

// SetPassword sets a user's password and ends all sessions of it.
func (up *Upkeep) SetPassword(ctx context.Context, by auth.Principal, userID, password string) error {
	if by.UserID != userID || by.TokenID != "" { // a token changes nobody's password, not even its user's
		if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
			return err
		}
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	return up.DB.InTx(ctx, func(ctx context.Context) error {
		if err := up.DB.SetPassword(ctx, userID, hash); err != nil {
			return err
		}
		return up.Audit(ctx, by, "user.password", "user "+userID, "", "")
	})
}

// RemoveUser removes a user with tokens and sessions; the last administrator stays.
func (up *Upkeep) RemoveUser(ctx context.Context, by auth.Principal, userID string) error {
	if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
		return err
	}
	return up.DB.InTx(ctx, func(ctx context.Context) error {
		if err := up.DB.RemoveUser(ctx, userID); err != nil {
			return err
		}
		return up.Audit(ctx, by, "user.remove", "user "+userID, "", "")
	})
}

// AddToken makes an API token and returns its value, which is shown once and not kept. A user may make tokens of its own, none stronger
// than what it asks with.
func (up *Upkeep) AddToken(ctx context.Context, by auth.Principal, t auth.Token) (auth.Token, string, error) {
	if by.UserID != t.UserID {
		if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
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
	err = up.DB.InTx(ctx, func(ctx context.Context) error {
		u, err := up.DB.User(ctx, t.UserID)
		if err != nil {
			return err
		}
		t.Role = auth.Least(t.Role, u.Role)
		if by.UserID == t.UserID {
			t.Role, t.Scope = auth.Least(t.Role, by.Role), by.Scope.Narrow(t.Scope)
		}
		if t, err = up.DB.CreateToken(ctx, t, hash); err != nil {
			return err
		}
		return up.Audit(ctx, by, "token.create", "token "+t.ID, "", t.Name+" of "+u.Name)
	})
	return t, value, err
}

// RevokeToken ends a token.
func (up *Upkeep) RevokeToken(ctx context.Context, by auth.Principal, id string) error {
	tokens, err := up.DB.Tokens(ctx, by.UserID)
	if err != nil {
		return err
	}
	own := false
	for _, t := range tokens {
		own = own || t.ID == id
	}
	if !own {
		if err := core.Allow(by, auth.WriteUsers, ""); err != nil {
			return err
		}
	}
	return up.DB.InTx(ctx, func(ctx context.Context) error {
		if err := up.DB.RevokeToken(ctx, id); err != nil {
			return err
		}
		return up.Audit(ctx, by, "token.revoke", "token "+id, "", "")
	})
}
