package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"hinomi/internal/auth"
)

// SuppressFinding takes a finding out of the active ones, with a reason, until a time (zero: for good).
func (a *App) SuppressFinding(ctx context.Context, by auth.Principal, id, why string, until time.Time) error {
	if strings.TrimSpace(why) == "" {
		return errors.New("a finding is suppressed with a reason")
	}
	return a.changeFinding(ctx, by, id, "finding.suppress", why, func(ctx context.Context) error {
		return a.db.Suppress(ctx, by.Scope, id, why, by.Name, until)
	})
}

// UnsuppressFinding makes a suppressed finding active again.
func (a *App) UnsuppressFinding(ctx context.Context, by auth.Principal, id string) error {
	return a.changeFinding(ctx, by, id, "finding.unsuppress", "", func(ctx context.Context) error {
		return a.db.Unsuppress(ctx, by.Scope, id)
	})
}

func (a *App) changeFinding(ctx context.Context, by auth.Principal, id, action, detail string, change func(context.Context) error) error {
	f, err := a.db.Finding(ctx, by.Scope, id)
	if err != nil {
		return err
	}
	if err := allow(by, auth.WriteFindings, f.Resource.Account); err != nil {
		return err
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := change(ctx); err != nil {
			return err
		}
		return a.audit(ctx, by, action, "finding "+id, f.Resource.Account, detail)
	})
}
