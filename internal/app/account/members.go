package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/store"
)

// enrol makes a connector for every member account of an organisation that has none, and disables those of accounts that are closed,
// suspended or left out. Enabling one again is a person's decision. It returns how many accounts are new, and in words what went wrong.
func (a *Accounts) enrol(ctx context.Context, c *connector.Connector, own *awsclient.Session) (added int, failure string, err error) {
	members, err := live.Organization(ctx, own, c.Organization.Exclude)
	if err != nil {
		return 0, "list the organisation's accounts: " + own.Classify(err).String(), nil //nolint:nilerr // the sync goes on, and says it
	}
	known, err := a.DB.Members(ctx, c.ID)
	if err != nil {
		return 0, "", err
	}
	for _, m := range members {
		if m.Own {
			continue
		}
		wanted := m.Active && !m.Excluded
		i := slices.IndexFunc(known, func(k connector.Connector) bool { return k.Account == m.Account })
		switch {
		case i < 0 && wanted:
			switch err := a.enrolMember(ctx, c, m); {
			case errors.Is(err, store.ErrExists), errors.Is(err, errOrphan):
				failure = strings.TrimPrefix(failure+"; "+err.Error(), "; ") // the other members are enrolled all the same
			case err != nil:
				return added, failure, err
			default:
				added++
			}
		case i >= 0 && known[i].Enabled && !wanted:
			known[i].Enabled = false
			if _, err := a.DB.UpdateConnector(ctx, known[i], secret.Text{}); err != nil {
				return added, failure, err
			}
		}
	}
	return added, failure, nil
}

// errOrphan marks a member that cannot be enrolled yet, because snapshots of ours may lie in the account for a connector whose
// organisation's connector was removed.
var errOrphan = errors.New("snapshots of ours may still be in the account: run hinomi sweep first")

// dropOrphans removes the connectors that a removed connector of the organisation left in a member account: the new one takes their place.
func (a *Accounts) dropOrphans(ctx context.Context, account string) error {
	list, err := a.ReadersOf(ctx, account)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.ParentID == "" {
			continue
		}
		if _, err := a.DB.Connector(ctx, auth.Everything(), o.ParentID); !errors.Is(err, store.ErrNotFound) {
			if err != nil {
				return err
			}
			continue // another organisation's connector reads it
		}
		open, err := a.OpenResources(ctx, o.ID)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fmt.Errorf("connector %s: %w", o.Name, errOrphan)
		}
		if err := a.DB.RemoveConnector(ctx, o.ID); err != nil {
			return err
		}
		if err := a.Audit(ctx, auth.System(), "connector.remove", "connector "+o.ID, o.Account, o.Name+": its organisation's connector is gone"); err != nil {
			return err
		}
	}
	return nil
}

func (a *Accounts) enrolMember(ctx context.Context, c *connector.Connector, m live.Member) error {
	n := connector.Connector{
		Name: c.Name + "/" + m.Account, Description: "member " + m.Name, Type: c.Type, Account: m.Account,
		Credentials: connector.Credentials{RoleARN: "arn:" + c.Type.Partition() + ":iam::" + m.Account + ":role/" + c.Organization.RoleName, ExternalID: c.Credentials.ExternalID},
		Regions:     c.Regions, Period: c.Period, Modules: c.Modules, Tags: c.Tags, Verbs: c.Verbs, PostureView: c.PostureView, KeepBaseline: c.KeepBaseline, Reader: c.Reader, Enabled: true, ParentID: c.ID,
	}
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.dropOrphans(ctx, m.Account); err != nil {
			return fmt.Errorf("enrol account %s: %w", m.Account, err)
		}
		made, _, err := a.DB.CreateConnector(ctx, n, secret.Text{})
		if err != nil {
			return fmt.Errorf("enrol account %s: %w", m.Account, err)
		}
		if err := a.feedView(ctx, &made); err != nil {
			return err
		}
		a.Log.InfoContext(ctx, "member account enrolled", slog.String("account", m.Account), slog.String("connector", c.Name))
		return a.Audit(ctx, auth.System(), "connector.enrol", "connector "+made.ID, m.Account, c.Name)
	})
}
