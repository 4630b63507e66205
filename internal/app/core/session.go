package core

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

// Who returns as whom a connector is read, with its secrets opened.
func (c *Core) Who(ctx context.Context, con *connector.Connector) (awsclient.Who, error) {
	var own, base *awsclient.Key
	if con.Credentials.AccessKeyID != "" {
		s, err := c.DB.ConnectorSecret(ctx, con.ID)
		if err != nil {
			return awsclient.Who{}, fmt.Errorf("open the access key of connector %s: %w", con.Name, err)
		}
		own = &awsclient.Key{ID: con.Credentials.AccessKeyID, Secret: s.Reveal()}
	}
	b, err := c.DB.BaseAccount(ctx, con.Type)
	switch {
	case errors.Is(err, store.ErrNotFound): // the ambient credentials assume the role
	case err != nil:
		return awsclient.Who{}, err
	default:
		s, err := c.DB.BaseAccountSecret(ctx, con.Type)
		if err != nil {
			return awsclient.Who{}, fmt.Errorf("open the access key of the base account: %w", err)
		}
		base = &awsclient.Key{ID: b.AccessKeyID, Secret: s.Reveal()}
	}
	return awsclient.For(con, own, base)
}

// Session returns the session of a connector.
func (c *Core) Session(ctx context.Context, con *connector.Connector) (*awsclient.Session, error) {
	w, err := c.Who(ctx, con)
	if err != nil {
		return nil, err
	}
	return c.Clients.Session(w)
}
