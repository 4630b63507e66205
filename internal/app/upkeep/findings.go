package upkeep

import (
	"context"
	"errors"
	"strings"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
)

// SuppressFinding takes a finding out of the active ones, with a reason, until a time (zero: for good).
func (up *Upkeep) SuppressFinding(ctx context.Context, by auth.Principal, id, why string, until time.Time) error {
	if strings.TrimSpace(why) == "" {
		return errors.New("a finding is suppressed with a reason")
	}
	return up.changeFinding(ctx, by, id, "finding.suppress", why, func(ctx context.Context) error {
		return up.DB.Suppress(ctx, by.Scope, id, why, by.Name, until)
	})
}

// UnsuppressFinding makes a suppressed finding active again.
func (up *Upkeep) UnsuppressFinding(ctx context.Context, by auth.Principal, id string) error {
	return up.changeFinding(ctx, by, id, "finding.unsuppress", "", func(ctx context.Context) error {
		return up.DB.Unsuppress(ctx, by.Scope, id)
	})
}

func (up *Upkeep) changeFinding(ctx context.Context, by auth.Principal, id, action, detail string, change func(context.Context) error) error {
	f, err := up.DB.Finding(ctx, by.Scope, id)
	if err != nil {
		return err
	}
	if err := core.Allow(by, auth.WriteFindings, f.Resource.Account); err != nil {
		return err
	}
	return up.DB.InTx(ctx, func(ctx context.Context) error {
		if err := change(ctx); err != nil {
			return err
		}
		return up.Audit(ctx, by, action, "finding "+id, f.Resource.Account, detail)
	})
}
