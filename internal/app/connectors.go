package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/api"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// ErrForbidden is returned where a principal's role or scope does not allow what it asks for.
var ErrForbidden = errors.New("not allowed")

// ErrInUse is returned where something cannot be removed because of what depends on it.
var ErrInUse = errors.New("still in use")

// allow checks that a principal may do something and that the account it concerns is in its scope. Without an account it concerns
// the whole installation, and the scope must be unrestricted.
func allow(by auth.Principal, p auth.Permission, account string) error {
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

// audit writes an entry for a change; called in the transaction of the change.
func (a *App) audit(ctx context.Context, by auth.Principal, action, object, account, detail string) error {
	return a.db.Audit(ctx, store.AuditEntry{ActorID: by.UserID, Actor: by.Name, Action: action, Object: object, Account: account, Detail: detail, Remote: api.Remote(ctx)})
}

// Added is a connector that was made, and what its maker should know.
type Added struct {
	Connector connector.Connector `json:"connector"`
	Warnings  []string            `json:"warnings,omitempty"`
}

// AddConnector makes a connector. Its role's external ID is generated here; a second connector for the same account is a warning.
func (a *App) AddConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (Added, error) {
	if err := allow(by, auth.WriteConnectors, c.Account); err != nil {
		return Added{}, err
	}
	if c.Type == "" {
		c.Type = connector.Commercial
	}
	if c.Period == 0 {
		c.Period = connector.DefaultPeriod
	}
	if err := c.Validate(); err != nil {
		return Added{}, err
	}
	if c.Credentials.AccessKeyID != "" && key.Empty() {
		return Added{}, fmt.Errorf("%w: the access key's secret is missing", connector.ErrInvalid)
	}
	var out Added
	for _, r := range c.Regions {
		if !slices.Contains(connector.Regions(c.Type), r) {
			out.Warnings = append(out.Warnings, fmt.Sprintf("region %q is not one of the %s regions that this version knows: a sync will say whether AWS has it", r, c.Type))
		}
	}
	err := a.db.InTx(ctx, func(ctx context.Context) error {
		made, same, err := a.db.CreateConnector(ctx, c, key)
		if err != nil {
			return err
		}
		out.Connector = made
		for _, s := range same {
			out.Warnings = append(out.Warnings, fmt.Sprintf("connector %q (%s) reads account %s already: one connector per account is advised", s.Name, s.ID, s.Account))
		}
		if err := a.feedView(ctx, &made); err != nil {
			return err
		}
		return a.audit(ctx, by, "connector.create", "connector "+made.ID, made.Account, made.Name)
	})
	return out, err
}

// feedView makes the posture view's entry if the connector feeds it; an entry that exists is never removed here.
func (a *App) feedView(ctx context.Context, c *connector.Connector) error {
	if c.PostureView {
		return a.db.PutView(ctx, connector.View{Account: c.Account, Type: c.Type, Name: c.Name, Connector: c.ID, CreatedAt: a.now()})
	}
	views, err := a.db.Views(ctx, auth.Everything())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(views, func(v connector.View) bool { return v.Connector == c.ID })
	if i < 0 {
		return nil
	}
	views[i].Connector = "" // the view lives on without its feed
	return a.db.PutView(ctx, views[i])
}

// EditConnector stores a changed connector. An empty key keeps the stored secret.
func (a *App) EditConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, error) {
	if err := allow(by, auth.WriteConnectors, c.Account); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	var out connector.Connector
	err := a.db.InTx(ctx, func(ctx context.Context) error {
		before, err := a.db.Connector(ctx, by.Scope, c.ID)
		if err != nil {
			return err
		}
		if out, err = a.db.UpdateConnector(ctx, c, key); err != nil {
			return err
		}
		if err := a.feedView(ctx, &out); err != nil {
			return err
		}
		if before.KeepBaseline && (!out.KeepBaseline || !out.Enabled) { // its baselines go
			if _, err := a.db.Enqueue(ctx, job.Spec{Kind: jobSweep, Key: jobSweep, MaxAttempts: 3}); err != nil {
				return err
			}
		}
		return a.audit(ctx, by, "connector.edit", "connector "+c.ID, c.Account, differences(&before, &out))
	})
	return out, err
}

// differences names the fields of a connector that changed.
func differences(a, b *connector.Connector) string {
	var out []string
	note := func(name string, changed bool) {
		if changed {
			out = append(out, name)
		}
	}
	note("name", a.Name != b.Name)
	note("description", a.Description != b.Description)
	note("credentials", a.Credentials != b.Credentials)
	note("regions", !slices.Equal(a.Regions, b.Regions))
	note("period", a.Period != b.Period)
	note("modules", !slices.Equal(a.Modules, b.Modules))
	note("tags", !slices.Equal(a.Tags, b.Tags))
	note("enabled", a.Enabled != b.Enabled)
	note("posture view", a.PostureView != b.PostureView)
	note("organisation", a.Organization.Enroll != b.Organization.Enroll || a.Organization.RoleName != b.Organization.RoleName)
	note("keep baseline", a.KeepBaseline != b.KeepBaseline)
	note("verbs", !slices.Equal(a.Verbs, b.Verbs))
	return strings.Join(out, ", ")
}

// RemoveConnector removes a connector with its secret. Its assets stay, stale; its view stays without a feed; members that it enrolled are disabled.
// It refuses while something of ours may still lie in the account: the sweep needs the connector to get there.
func (a *App) RemoveConnector(ctx context.Context, by auth.Principal, idOrName string) error {
	c, err := a.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return err
	}
	if err := allow(by, auth.WriteConnectors, c.Account); err != nil {
		return err
	}
	open, err := a.openResources(ctx, c.ID)
	if err != nil {
		return err
	}
	if n := len(open) - len(slices.DeleteFunc(slices.Clone(open), agentKind)); n > 0 {
		return fmt.Errorf("connector %s: %w: %d things of ours are in Systems Manager or a bucket of account %s: run hinomi scan disable --connector %s first", c.Name, ErrInUse, n, c.Account, c.Name)
	}
	if len(open) > 0 {
		return fmt.Errorf("connector %s: %w: %d snapshots of ours may still be in account %s: run hinomi connector disable %s and hinomi sweep first", c.Name, ErrInUse, len(open), c.Account, c.Name)
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		members, err := a.db.Members(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, m := range members { // whose external ID goes with it
			if m.Enabled {
				m.Enabled = false
				if _, err := a.db.UpdateConnector(ctx, m, secret.Text{}); err != nil {
					return err
				}
			}
		}
		if err := a.db.RemoveConnector(ctx, c.ID); err != nil {
			return err
		}
		return a.audit(ctx, by, "connector.remove", "connector "+c.ID, c.Account, c.Name)
	})
}

// SetBaseAccount stores the account whose key assumes the roles of one account type.
func (a *App) SetBaseAccount(ctx context.Context, by auth.Principal, b connector.BaseAccount, key secret.Text) (connector.BaseAccount, error) {
	if err := allow(by, auth.WriteConnectors, b.Account); err != nil {
		return b, err
	}
	if err := b.Validate(); err != nil {
		return b, err
	}
	var out connector.BaseAccount
	err := a.db.InTx(ctx, func(ctx context.Context) error {
		var err error
		if out, err = a.db.SetBaseAccount(ctx, b, key); err != nil {
			return err
		}
		return a.audit(ctx, by, "base-account.set", "base account "+string(b.Type), b.Account, b.Name)
	})
	return out, err
}

// RemoveBaseAccount removes the base account of a type; its connectors use the process's own credentials again.
func (a *App) RemoveBaseAccount(ctx context.Context, by auth.Principal, t connector.AccountType) error {
	b, err := a.db.BaseAccount(ctx, t)
	if err != nil {
		return err
	}
	if err := allow(by, auth.WriteConnectors, b.Account); err != nil {
		return err
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.RemoveBaseAccount(ctx, t); err != nil {
			return err
		}
		return a.audit(ctx, by, "base-account.remove", "base account "+string(t), b.Account, b.Name)
	})
}
