package account

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/collect"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/aws/policy"
	"hinomi/internal/store"
)

// reachable returns a connector whose account somebody may read.
func (a *Accounts) reachable(ctx context.Context, by auth.Principal, idOrName string) (connector.Connector, error) {
	c, err := a.DB.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return connector.Connector{}, err
	}
	return c, core.Allow(by, auth.RunSync, c.Account)
}

// TestConnector tries line by line what a connector needs. Nothing is changed in the account.
func (a *Accounts) TestConnector(ctx context.Context, by auth.Principal, idOrName string) ([]live.Check, error) {
	c, err := a.reachable(ctx, by, idOrName)
	if err != nil {
		return nil, err
	}
	s, err := a.Session(ctx, &c)
	if err != nil {
		return nil, err
	}
	installation, err := a.DB.InstallationID(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return nil, err
	}
	return live.Test(ctx, &c, s, installation, live.Options{ScanTag: settings.ScanTag, Now: a.Now, Log: a.Log})
}

// CountInstances answers how many instances each region of a connector's account has, without importing anything.
func (a *Accounts) CountInstances(ctx context.Context, by auth.Principal, idOrName string) ([]live.RegionCount, error) {
	c, err := a.reachable(ctx, by, idOrName)
	if err != nil {
		return nil, err
	}
	t, err := a.Target(ctx, &c)
	if err != nil {
		return nil, err
	}
	list, err := live.Count(ctx, t, live.Options{Now: a.Now, Log: a.Log})
	if err != nil {
		return nil, fmt.Errorf("count the instances of account %s: %s", c.Account, t.Session.Classify(err))
	}
	return list, nil
}

// TestBaseAccount tries a base account's key, and whether it can assume the roles of the connectors that use it.
func (a *Accounts) TestBaseAccount(ctx context.Context, by auth.Principal, t connector.AccountType) ([]live.Check, error) {
	b, err := a.DB.BaseAccount(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := core.Allow(by, auth.WriteConnectors, b.Account); err != nil {
		return nil, err
	}
	secret, err := a.DB.BaseAccountSecret(ctx, t)
	if err != nil {
		return nil, err
	}
	var users []awsclient.Who
	err = a.EachConnector(ctx, by.Scope, func(c *connector.Connector) error {
		if c.Type != t || c.Credentials.RoleARN == "" {
			return nil
		}
		w, err := a.Who(ctx, c)
		users = append(users, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	return live.TestBase(ctx, a.Clients, b, awsclient.Key{ID: b.AccessKeyID, Secret: secret.Reveal()}, users)
}

// BasePolicy returns the policy that the base account's user needs: to assume the connectors' roles, and nothing else.
func (a *Accounts) BasePolicy(ctx context.Context, by auth.Principal, t connector.AccountType) (policy.Document, error) {
	var roles []string
	err := a.EachConnector(ctx, by.Scope, func(c *connector.Connector) error {
		if c.Type == t && c.Credentials.RoleARN != "" && c.ParentID == "" {
			roles = append(roles, c.Credentials.RoleARN)
		}
		if c.Type == t && c.Organization.Enroll {
			roles = append(roles, "arn:"+t.Partition()+":iam::*:role/"+c.Organization.RoleName)
		}
		return nil
	})
	if err != nil {
		return policy.Document{}, err
	}
	if len(roles) == 0 {
		roles = []string{"arn:" + t.Partition() + ":iam::*:role/hinomi"} // made before its connectors: by the name we propose
	}
	return policy.Base(roles...)
}

// ConnectorTemplate returns the role of a connector with its least policy and its trust policy. principal is the ARN of whoever hinomi
// runs as; "" takes the base account's, or asks STS who the process is.
func (a *Accounts) ConnectorTemplate(ctx context.Context, by auth.Principal, idOrName, principal string, full bool) (policy.Template, connector.Connector, error) {
	c, err := a.DB.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return policy.Template{}, c, err
	}
	installation, err := a.DB.InstallationID(ctx)
	if err != nil {
		return policy.Template{}, c, err
	}
	need := policy.NeedOf(&c, full, installation)
	if need.ReadsOthers, err = a.readsOthers(ctx, &c); err != nil {
		return policy.Template{}, c, err
	}
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return policy.Template{}, c, err
	}
	need.ScanTag = settings.ScanTag
	doc, err := policy.Role(need)
	if err != nil {
		return policy.Template{}, c, err
	}
	t := policy.Template{RoleName: roleName(&c), Permissions: doc}
	if c.Credentials.RoleARN == "" {
		return t, c, nil // read with a key pair: there is no role
	}
	if principal == "" {
		if principal, err = a.ownPrincipal(ctx, c.Type); err != nil {
			return t, c, err
		}
	}
	t.Trust, err = policy.Trust(c.Credentials.ExternalID, principal)
	return t, c, err
}

// readsOthers reports whether other connectors' snapshots are read by the account of this one.
func (a *Accounts) readsOthers(ctx context.Context, c *connector.Connector) (yes bool, err error) {
	err = a.EachConnector(ctx, auth.Everything(), func(o *connector.Connector) error {
		yes = yes || o.ReadBy() == c.Account
		return nil
	})
	return yes, err
}

// ErrNoPrincipal is returned where it is not known who may assume a role.
var ErrNoPrincipal = errors.New("it is not known as whom hinomi runs")

// ownPrincipal returns the account that assumes the roles: the base account, or that of the process's own credentials.
func (a *Accounts) ownPrincipal(ctx context.Context, t connector.AccountType) (string, error) {
	b, err := a.DB.BaseAccount(ctx, t)
	if err == nil {
		return "arn:" + t.Partition() + ":iam::" + b.Account + ":root", nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	s, err := a.Clients.Session(awsclient.Who{Type: t})
	if err != nil {
		return "", err
	}
	id, err := s.Identity(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrNoPrincipal, s.Classify(err))
	}
	return "arn:" + t.Partition() + ":iam::" + id.Account + ":root", nil
}

func roleName(c *connector.Connector) string {
	if c.Organization.Enroll {
		return c.Organization.RoleName
	}
	name := c.Credentials.RoleARN
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[i+1:]
		}
	}
	return "hinomi"
}

// Collect writes what a connector's account holds as a folder of AWS CLI JSON.
func (a *Accounts) Collect(ctx context.Context, by auth.Principal, idOrName, dir string) (*collect.Result, error) {
	c, err := a.reachable(ctx, by, idOrName)
	if err != nil {
		return nil, err
	}
	t, err := a.Target(ctx, &c)
	if err != nil {
		return nil, err
	}
	t.Minimal = false
	targets := []live.Target{t}
	members, err := a.DB.Members(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	for i := range members {
		m, err := a.Target(ctx, &members[i])
		if err != nil {
			return nil, err
		}
		m.Minimal = false
		targets = append(targets, m)
	}
	return collect.Write(ctx, dir, targets, live.Options{Now: a.Now, Log: a.Log})
}

// CollectHere does the same with the process's own credentials, without any connector.
func (a *Accounts) CollectHere(ctx context.Context, t connector.AccountType, regions []string, dir string) (*collect.Result, error) {
	s, err := a.Clients.Session(awsclient.Who{Type: t})
	if err != nil {
		return nil, err
	}
	id, err := s.Identity(ctx)
	if err != nil {
		return nil, errors.New(s.Classify(err).String())
	}
	if s, err = a.Clients.Session(awsclient.Who{Type: t, Account: id.Account}); err != nil {
		return nil, err
	}
	return collect.Write(ctx, dir, []live.Target{{Session: s, Regions: regions}}, live.Options{Now: a.Now, Log: a.Log})
}
