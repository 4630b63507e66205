package core

import (
	"context"
	"slices"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/live"
)

// EachConnector calls do for every connector in a scope.
func (c *Core) EachConnector(ctx context.Context, s auth.Scope, do func(*connector.Connector) error) error {
	for from := ""; ; {
		page, next, err := c.DB.Connectors(ctx, s, from, 200)
		if err != nil {
			return err
		}
		for i := range page {
			if err := do(&page[i]); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		from = next
	}
}

// ReadsLeast reports whether a connector is read with the least permissions, which allow instances, their images and their interfaces alone.
func ReadsLeast(c *connector.Connector) bool {
	return !slices.Contains(c.Modules, connector.Network) && !slices.Contains(c.Modules, connector.Configuration) && len(c.Verbs) == 0
}

// Reads reports whether a connector reads a region.
func Reads(c *connector.Connector, region string) bool {
	return len(c.Regions) == 0 || slices.Contains(c.Regions, region)
}

// ReadersOf returns the connectors of an account.
func (c *Core) ReadersOf(ctx context.Context, account string) ([]connector.Connector, error) {
	var out []connector.Connector
	err := c.EachConnector(ctx, auth.Scope{Accounts: []string{account}}, func(con *connector.Connector) error {
		out = append(out, *con)
		return nil
	})
	return out, err
}

// Target is the account that a connector reads. With no more to do than count vulnerabilities of what runs, three permissions must do.
func (c *Core) Target(ctx context.Context, con *connector.Connector) (live.Target, error) {
	own, err := c.Session(ctx, con)
	if err != nil {
		return live.Target{}, err
	}
	return live.Target{Session: own, Regions: con.Regions, Minimal: ReadsLeast(con)}, nil
}
