package core

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/api"
	"hinomi/internal/auth"
	"hinomi/internal/store"
)

// ErrForbidden is returned where a principal's role or scope does not allow what it asks for.
var ErrForbidden = errors.New("not allowed")

// Allow checks that a principal may do something and that the account it concerns is in its scope. Without an account it concerns
// the whole installation, and the scope must be unrestricted.
func Allow(by auth.Principal, p auth.Permission, account string) error {
	if !by.May(p) {
		return fmt.Errorf("%w: %s needs the permission %s, the role %s does not have it", ErrForbidden, by.Name, p, by.Role)
	}
	if account == "" && !by.Scope.All() {
		return fmt.Errorf("%w: it concerns every account, and the scope of %s is restricted", ErrForbidden, by.Name)
	}
	if account != "" && !by.Scope.SeesAccount(account) {
		return fmt.Errorf("%w: account %s is outside the scope of %s", ErrForbidden, account, by.Name)
	}
	return nil
}

// Audit writes an entry for a change; called in the transaction of the change.
func (c *Core) Audit(ctx context.Context, by auth.Principal, action, object, account, detail string) error {
	return c.DB.Audit(ctx, store.AuditEntry{ActorID: by.UserID, Actor: by.Name, Action: action, Object: object, Account: account, Detail: detail, Remote: api.Remote(ctx)})
}
