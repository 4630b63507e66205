package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/secret"
)

// RemoveView removes the posture view's entry of an account: the only way it goes.
func (a *Accounts) RemoveView(ctx context.Context, by auth.Principal, account string) error {
	if err := core.Allow(by, auth.WriteConnectors, account); err != nil {
		return err
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.RemoveView(ctx, account); err != nil {
			return err
		}
		return a.Audit(ctx, by, "view.remove", "view "+account, account, "")
	})
}

// ErrInUse is returned where something cannot be removed because of what depends on it.
var ErrInUse = errors.New("still in use")

// Added is a connector that was made, and what its maker should know.
type Added struct {
	Connector connector.Connector `json:"connector"`
	Warnings  []string            `json:"warnings,omitempty"`
}

// AddConnector makes a connector. Its role's external ID is generated here; a second connector for the same account is a warning.
func (a *Accounts) AddConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (Added, error) {
	if err := core.Allow(by, auth.WriteConnectors, c.Account); err != nil {
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
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		made, same, err := a.DB.CreateConnector(ctx, c, key)
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
		return a.Audit(ctx, by, "connector.create", "connector "+made.ID, made.Account, made.Name)
	})
	return out, err
}

// feedView makes the posture view's entry if the connector feeds it; an entry that exists is never removed here.
func (a *Accounts) feedView(ctx context.Context, c *connector.Connector) error {
	if c.PostureView {
		return a.DB.PutView(ctx, connector.View{Account: c.Account, Type: c.Type, Name: c.Name, Connector: c.ID, CreatedAt: a.Now()})
	}
	views, err := a.DB.Views(ctx, auth.Everything())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(views, func(v connector.View) bool { return v.Connector == c.ID })
	if i < 0 {
		return nil
	}
	views[i].Connector = "" // the view lives on without its feed
	return a.DB.PutView(ctx, views[i])
}

// EditConnector stores a changed connector. An empty key keeps the stored secret.
func (a *Accounts) EditConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, error) {
	if err := core.Allow(by, auth.WriteConnectors, c.Account); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	var out connector.Connector
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		before, err := a.DB.Connector(ctx, by.Scope, c.ID)
		if err != nil {
			return err
		}
		if out, err = a.DB.UpdateConnector(ctx, c, key); err != nil {
			return err
		}
		if err := a.feedView(ctx, &out); err != nil {
			return err
		}
		if before.KeepBaseline && (!out.KeepBaseline || !out.Enabled) { // its baselines go
			if _, err := a.DB.Enqueue(ctx, job.Spec{Kind: core.JobSweep, Key: core.JobSweep, MaxAttempts: 3}); err != nil {
				return err
			}
		}
		return a.Audit(ctx, by, "connector.edit", "connector "+c.ID, c.Account, differences(&before, &out))
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
	note("reader", a.Reader != b.Reader)
	note("verbs", !slices.Equal(a.Verbs, b.Verbs))
	return strings.Join(out, ", ")
}

// RemoveConnector removes a connector with its secret. Its assets stay, stale; its view stays without a feed; members that it enrolled are disabled.
// It refuses while something of ours may still lie in the account: the sweep needs the connector to get there.
func (a *Accounts) RemoveConnector(ctx context.Context, by auth.Principal, idOrName string) error {
	c, err := a.DB.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return err
	}
	if err := core.Allow(by, auth.WriteConnectors, c.Account); err != nil {
		return err
	}
	open, err := a.OpenResources(ctx, c.ID)
	if err != nil {
		return err
	}
	if n := len(open) - len(slices.DeleteFunc(slices.Clone(open), core.ForAgents)); n > 0 {
		return fmt.Errorf("connector %s: %w: %d things of ours are in Systems Manager or a bucket of account %s: run hinomi scan disable --connector %s first", c.Name, ErrInUse, n, c.Account, c.Name)
	}
	if len(open) > 0 {
		return fmt.Errorf("connector %s: %w: %d snapshots of ours may still be in account %s: run hinomi connector disable %s and hinomi sweep first", c.Name, ErrInUse, len(open), c.Account, c.Name)
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		members, err := a.DB.Members(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, m := range members { // whose external ID goes with it
			if m.Enabled {
				m.Enabled = false
				if _, err := a.DB.UpdateConnector(ctx, m, secret.Text{}); err != nil {
					return err
				}
			}
		}
		if err := a.DB.RemoveConnector(ctx, c.ID); err != nil {
			return err
		}
		return a.Audit(ctx, by, "connector.remove", "connector "+c.ID, c.Account, c.Name)
	})
}

// SetBaseAccount stores the account whose key assumes the roles of one account type.
func (a *Accounts) SetBaseAccount(ctx context.Context, by auth.Principal, b connector.BaseAccount, key secret.Text) (connector.BaseAccount, error) {
	if err := core.Allow(by, auth.WriteConnectors, b.Account); err != nil {
		return b, err
	}
	if err := b.Validate(); err != nil {
		return b, err
	}
	var out connector.BaseAccount
	err := a.DB.InTx(ctx, func(ctx context.Context) error {
		var err error
		if out, err = a.DB.SetBaseAccount(ctx, b, key); err != nil {
			return err
		}
		return a.Audit(ctx, by, "base-account.set", "base account "+string(b.Type), b.Account, b.Name)
	})
	return out, err
}

// RemoveBaseAccount removes the base account of a type; its connectors use the process's own credentials again.
func (a *Accounts) RemoveBaseAccount(ctx context.Context, by auth.Principal, t connector.AccountType) error {
	b, err := a.DB.BaseAccount(ctx, t)
	if err != nil {
		return err
	}
	if err := core.Allow(by, auth.WriteConnectors, b.Account); err != nil {
		return err
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.RemoveBaseAccount(ctx, t); err != nil {
			return err
		}
		return a.Audit(ctx, by, "base-account.remove", "base account "+string(t), b.Account, b.Name)
	})
}
