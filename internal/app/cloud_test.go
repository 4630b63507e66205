package app_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// cloud is AWS with an installation that reads it. Its account 1 is the one hinomi runs as.
type cloud struct {
	*awstest.AWS
	*app.App
	t     *testing.T
	file  string // the database
	dir   string // the installation's folder
	later atomic.Int64

	managed bool // it has Systems Manager
}

// now is the clock of both: it goes on by itself, and by tick.
func (c *cloud) now() time.Time { return time.Now().Add(time.Duration(c.later.Load())) }

// tick lets time pass.
func (c *cloud) tick(d time.Duration) { c.later.Add(int64(d)) }

func newCloud(t *testing.T, o awstest.Options, change func(*app.Config)) *cloud {
	t.Helper()
	c := &cloud{t: t}
	o.Now, o.Quiet = c.now, true
	c.AWS = awstest.New(t, moto, o)
	k := c.AddKey(c.Account(1), "hinomi")
	c.App = open(t, func(cfg *app.Config) {
		cfg.Endpoint, cfg.Now, cfg.Ambient = c.URL(), c.now, &awsclient.Key{ID: k.ID, Secret: k.Secret}
		if change != nil {
			change(cfg)
		}
		c.file, c.dir = strings.TrimPrefix(cfg.Database, "sqlite:"), cfg.DataDir
	})
	c.whatMotoLacks()
	return c
}

// reopen opens the same installation a second time, as a process that was started anew does.
func (c *cloud) reopen() *app.App {
	c.t.Helper()
	k := c.AddKey(c.Account(1), "hinomi")
	return open(c.t, func(cfg *app.Config) {
		cfg.Endpoint, cfg.Now, cfg.Ambient = c.URL(), c.now, &awsclient.Key{ID: k.ID, Secret: k.Secret}
		cfg.Database, cfg.DataDir = "sqlite:"+c.file, c.dir
	})
}

// whatMotoLacks answers calls that moto has not, as for an account that uses none of it.
func (c *cloud) whatMotoLacks() {
	for action, body := range map[string]map[string]any{
		"DescribeDirectConnectGateways": {"directConnectGateways": []any{}}, "DescribeVirtualInterfaces": {"virtualInterfaces": []any{}},
		"DescribeDirectConnectGatewayAssociations": {"directConnectGatewayAssociations": []any{}},
	} {
		c.Before("directconnect", action, func(call *awstest.Call) *awstest.Reply { return call.JSON(body) })
	}
	c.Before("ssm", "DescribeInstanceInformation", func(call *awstest.Call) *awstest.Reply {
		if c.managed {
			return nil
		}
		return call.JSON(map[string]any{"InstanceInformationList": []any{}})
	})
}

func roleARN(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// plain is a connector that counts vulnerabilities only, by a role named hinomi.
func plain(account string, regions ...string) connector.Connector {
	return connector.Connector{
		Name: "account " + account, Account: account, Regions: regions, Modules: []connector.Module{connector.Vulnerability}, Enabled: true,
		Credentials: connector.Credentials{RoleARN: roleARN(account, "hinomi")},
	}
}

// add makes a connector and the role it names, which trusts account 1 and asks for the connector's external ID.
func (c *cloud) add(n connector.Connector) connector.Connector {
	c.t.Helper()
	out, err := c.AddConnector(c.t.Context(), auth.System(), n, secret.Text{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.AddRole(awstest.Role{
		Account: n.Account, Name: "hinomi", Trust: []string{c.Account(1)}, ExternalID: out.Connector.Credentials.ExternalID,
	})
	return out.Connector
}

// sync syncs a connector a minute later than whatever was before, and wants it to end in a state.
func (c *cloud) sync(id string, want connector.SyncState) connector.Sync {
	c.t.Helper()
	c.tick(time.Minute)
	s, err := c.SyncNow(c.t.Context(), auth.System(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	if s.State != want {
		c.t.Fatalf("got sync %s (%q, %+v), want %s", s.State, s.Error, s.Regions, want)
	}
	return s
}

func all[T any](t *testing.T, page func(from string) ([]T, string, error)) []T {
	t.Helper()
	var out []T
	for from := ""; ; {
		list, next, err := page(from)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, list...)
		if from = next; next == "" {
			return out
		}
	}
}

// instances returns the stored instances that a filter and a scope leave.
func (c *cloud) instances(s auth.Scope, f store.AssetFilter) []store.Asset {
	c.t.Helper()
	f.Kinds = []asset.Kind{asset.KindInstance}
	return all(c.t, func(from string) ([]store.Asset, string, error) {
		return c.Store().Assets(c.t.Context(), s, f, from, 500)
	})
}

func (c *cloud) instance(account, region, id string) store.Asset {
	c.t.Helper()
	a, err := c.Store().Asset(c.t.Context(), auth.Everything(), asset.Ref{Account: account, Region: region, Kind: asset.KindInstance, ID: id})
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *cloud) gaps(account, region string) []string {
	c.t.Helper()
	list, err := c.Store().Gaps(c.t.Context(), auth.Everything())
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, g := range list {
		if g.Account == account && g.Region == region && (g.Kind == asset.KindInstance || g.Kind == "") {
			out = append(out, string(g.Reason)+": "+g.Detail)
		}
	}
	return out
}

// rows returns every row of a table as text, read past hinomi from the file itself.
func (c *cloud) rows(table string) []string {
	c.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(c.file)+"?mode=ro")
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rows, err := db.QueryContext(c.t.Context(), "SELECT * FROM "+table)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // only read
	columns, err := rows.Columns()
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values := make([]any, len(columns))
		at := make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		if err := rows.Scan(at...); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// placed is where each of some instances is: account/region by id.
func placed(list []store.Asset) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		b := a.Base()
		out[b.ID] = b.Account + "/" + b.Region
	}
	return out
}

// noSecret keeps the secret that is stored, or is none.
var noSecret secret.Text
