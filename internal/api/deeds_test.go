package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"hinomi/internal/api"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Errors that the deeds refuse with, as internal/app does.
var (
	errForbidden = errors.New("not allowed")
	errRefused   = errors.New("refused")
)

func refusals() []api.Refusal {
	return []api.Refusal{
		{Err: errForbidden, Status: http.StatusForbidden, Hint: "Ask an administrator."},
		{Err: errRefused, Status: http.StatusUnprocessableEntity, Hint: "Correct it."},
	}
}

// deeds are Actions on a real store: what internal/app does, without AWS.
type deeds struct {
	db   *store.DB
	fail error // what TestConnector returns
	boom bool  // TestConnector panics
}

var _ api.Actions = (*deeds)(nil)

func (d *deeds) change(ctx context.Context, by auth.Principal, need auth.Permission, action, object, account string, do func(ctx context.Context) error) error {
	if need != "" && !by.May(need) {
		return fmt.Errorf("%w: %s needs %s", errForbidden, by.Name, need)
	}
	return d.db.InTx(ctx, func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		return d.db.Audit(ctx, store.AuditEntry{ActorID: by.UserID, Actor: by.Name, Action: action, Object: object, Account: account, Remote: api.Remote(ctx)})
	})
}

func (d *deeds) AddConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, []string, error) {
	var made connector.Connector
	var warnings []string
	if c.Period == 0 {
		c.Period = connector.DefaultPeriod
	}
	err := d.change(ctx, by, auth.WriteConnectors, "connector.create", "connector "+c.Name, c.Account, func(ctx context.Context) error {
		m, same, err := d.db.CreateConnector(ctx, c, key)
		for _, o := range same {
			warnings = append(warnings, "connector "+o.Name+" reads this account already")
		}
		made = m
		if err != nil || !c.PostureView {
			return err
		}
		return d.db.PutView(ctx, connector.View{Account: c.Account, Type: c.Type, Name: c.Name, Connector: m.ID})
	})
	return made, warnings, err
}

func (d *deeds) EditConnector(ctx context.Context, by auth.Principal, c connector.Connector, key secret.Text) (connector.Connector, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	err := d.change(ctx, by, auth.WriteConnectors, "connector.edit", "connector "+c.ID, c.Account, func(ctx context.Context) error {
		var err error
		c, err = d.db.UpdateConnector(ctx, c, key)
		return err
	})
	return c, err
}

func (d *deeds) RemoveConnector(ctx context.Context, by auth.Principal, idOrName string) error {
	c, err := d.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return err
	}
	return d.change(ctx, by, auth.WriteConnectors, "connector.remove", "connector "+c.ID, c.Account, func(ctx context.Context) error {
		return d.db.RemoveConnector(ctx, c.ID)
	})
}

func (d *deeds) SyncConnector(ctx context.Context, by auth.Principal, idOrName string) (connector.Sync, error) {
	c, err := d.db.Connector(ctx, by.Scope, idOrName)
	if err != nil {
		return connector.Sync{}, err
	}
	var s connector.Sync
	err = d.change(ctx, by, auth.RunSync, "connector.sync", "connector "+c.ID, c.Account, func(ctx context.Context) error {
		if s, err = d.db.CreateSync(ctx, c.ID); err != nil {
			return err
		}
		_, err = d.db.Enqueue(ctx, job.Spec{Kind: "sync", Key: c.ID, Args: map[string]string{"syncId": s.ID}})
		return err
	})
	return s, err
}

func (d *deeds) TestConnector(ctx context.Context, by auth.Principal, idOrName string) ([]api.Check, error) {
	if d.boom {
		panic("a fault in the test")
	}
	if d.fail != nil {
		return nil, d.fail
	}
	_, err := d.db.Connector(ctx, by.Scope, idOrName)
	return []api.Check{
		{Action: "sts:GetCallerIdentity", Use: "enter", Required: true, Verdict: "allowed", OK: true},
		{Action: "ec2:DescribeRegions", Use: "list regions", Verdict: "not allowed", Detail: "UnauthorizedOperation"},
	}, err
}

func (d *deeds) SetBaseAccount(ctx context.Context, by auth.Principal, b connector.BaseAccount, key secret.Text) (connector.BaseAccount, error) {
	err := d.change(ctx, by, auth.WriteConnectors, "base-account.set", "base account "+string(b.Type), b.Account, func(ctx context.Context) error {
		var err error
		b, err = d.db.SetBaseAccount(ctx, b, key)
		return err
	})
	return b, err
}

func (d *deeds) RemoveBaseAccount(ctx context.Context, by auth.Principal, t connector.AccountType) error {
	return d.change(ctx, by, auth.WriteConnectors, "base-account.remove", "base account "+string(t), "", func(ctx context.Context) error {
		return d.db.RemoveBaseAccount(ctx, t)
	})
}

func (d *deeds) TagAsset(ctx context.Context, by auth.Principal, ref asset.Ref, name string, on bool) error {
	return d.change(ctx, by, auth.WriteTags, "asset.tag", ref.String(), ref.Account, func(ctx context.Context) error {
		if on {
			return d.db.TagAsset(ctx, by.Scope, ref, name)
		}
		return d.db.UntagAsset(ctx, by.Scope, ref, name)
	})
}

func (d *deeds) ActivateAsset(ctx context.Context, by auth.Principal, ref asset.Ref, m connector.Module, on, automatic bool) error {
	return d.change(ctx, by, auth.WriteTags, "asset.activation", ref.String(), ref.Account, func(ctx context.Context) error {
		if automatic {
			return d.db.ForgetActivation(ctx, by.Scope, ref, m)
		}
		_, err := d.db.SetActivations(ctx, []store.AssetActivation{{Ref: ref, Activation: store.Activation{Module: m, Active: on, Hand: true, Reason: "by hand"}}})
		return err
	})
}

func (d *deeds) ScanInstance(ctx context.Context, by auth.Principal, ref asset.Ref) (run.Scan, error) {
	var v run.Scan
	err := d.change(ctx, by, auth.RunScan, "scan.start", ref.String(), ref.Account, func(ctx context.Context) error {
		var err error
		v, err = d.db.CreateScan(ctx, run.Scan{Instance: ref})
		return err
	})
	return v, err
}

func (d *deeds) PutTagRule(ctx context.Context, by auth.Principal, r store.TagRule) (store.TagRule, error) {
	if r.Expression == "no CEL" {
		return r, fmt.Errorf("%w: the expression is no CEL", errRefused)
	}
	err := d.change(ctx, by, auth.WriteTags, "tag-rule.put", "tag rule "+r.Name, "", func(ctx context.Context) error {
		var err error
		r, err = d.db.PutTagRule(ctx, r)
		return err
	})
	return r, err
}

func (d *deeds) RemoveTagRule(ctx context.Context, by auth.Principal, idOrName string) error {
	return d.change(ctx, by, auth.WriteTags, "tag-rule.remove", "tag rule "+idOrName, "", func(ctx context.Context) error {
		rules, err := d.db.TagRules(ctx)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if r.ID == idOrName || r.Name == idOrName {
				return d.db.RemoveTagRule(ctx, r.ID)
			}
		}
		return store.ErrNotFound
	})
}

func (d *deeds) RemoveView(ctx context.Context, by auth.Principal, account string) error {
	return d.change(ctx, by, auth.WriteConnectors, "view.remove", "view "+account, account, func(ctx context.Context) error {
		return d.db.RemoveView(ctx, account)
	})
}

func (d *deeds) SuppressFinding(ctx context.Context, by auth.Principal, id, why string, until time.Time) error {
	return d.change(ctx, by, auth.WriteFindings, "finding.suppress", "finding "+id, "", func(ctx context.Context) error {
		return d.db.Suppress(ctx, by.Scope, id, why, by.Name, until)
	})
}

func (d *deeds) UnsuppressFinding(ctx context.Context, by auth.Principal, id string) error {
	return d.change(ctx, by, auth.WriteFindings, "finding.unsuppress", "finding "+id, "", func(ctx context.Context) error {
		return d.db.Unsuppress(ctx, by.Scope, id)
	})
}

func (d *deeds) CancelJob(ctx context.Context, by auth.Principal, id string) error {
	if err := d.db.Jobs().Cancel(ctx, id); err != nil {
		return err
	}
	return d.change(ctx, by, auth.CancelJobs, "job.cancel", "job "+id, "", func(context.Context) error { return nil })
}

func (d *deeds) AddUser(ctx context.Context, by auth.Principal, u auth.User, password string) (auth.User, error) {
	hash, err := auth.HashPassword(password)
	if err != nil {
		return u, err
	}
	err = d.change(ctx, by, auth.WriteUsers, "user.create", "user "+u.Name, "", func(ctx context.Context) error {
		u, err = d.db.CreateUser(ctx, u, hash)
		return err
	})
	return u, err
}

func (d *deeds) EditUser(ctx context.Context, by auth.Principal, u auth.User) error {
	return d.change(ctx, by, auth.WriteUsers, "user.edit", "user "+u.ID, "", func(ctx context.Context) error { return d.db.UpdateUser(ctx, u) })
}

func (d *deeds) SetPassword(ctx context.Context, by auth.Principal, userID, password string) error {
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	return d.change(ctx, by, "", "user.password", "user "+userID, "", func(ctx context.Context) error { return d.db.SetPassword(ctx, userID, hash) })
}

func (d *deeds) RemoveUser(ctx context.Context, by auth.Principal, userID string) error {
	return d.change(ctx, by, auth.WriteUsers, "user.remove", "user "+userID, "", func(ctx context.Context) error { return d.db.RemoveUser(ctx, userID) })
}

func (d *deeds) AddToken(ctx context.Context, by auth.Principal, t auth.Token) (auth.Token, string, error) {
	value, prefix, hash, err := auth.NewToken()
	if err != nil {
		return t, "", err
	}
	t.Prefix = prefix
	err = d.change(ctx, by, "", "token.create", "token "+t.Name, "", func(ctx context.Context) error {
		t, err = d.db.CreateToken(ctx, t, hash)
		return err
	})
	return t, value, err
}

func (d *deeds) RevokeToken(ctx context.Context, by auth.Principal, id string) error {
	return d.change(ctx, by, "", "token.revoke", "token "+id, "", func(ctx context.Context) error { return d.db.RevokeToken(ctx, id) })
}
