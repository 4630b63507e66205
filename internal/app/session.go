package app

import (
	"context"
	"errors"
	"fmt"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/store"
)

// who returns as whom a connector is read, with its secrets opened.
func (a *App) who(ctx context.Context, c *connector.Connector) (awsclient.Who, error) {
	var own, base *awsclient.Key
	if c.Credentials.AccessKeyID != "" {
		s, err := a.db.ConnectorSecret(ctx, c.ID)
		if err != nil {
			return awsclient.Who{}, fmt.Errorf("open the access key of connector %s: %w", c.Name, err)
		}
		own = &awsclient.Key{ID: c.Credentials.AccessKeyID, Secret: s.Reveal()}
	}
	b, err := a.db.BaseAccount(ctx, c.Type)
	switch {
	case errors.Is(err, store.ErrNotFound): // the ambient credentials assume the role
	case err != nil:
		return awsclient.Who{}, err
	default:
		s, err := a.db.BaseAccountSecret(ctx, c.Type)
		if err != nil {
			return awsclient.Who{}, fmt.Errorf("open the access key of the base account: %w", err)
		}
		base = &awsclient.Key{ID: b.AccessKeyID, Secret: s.Reveal()}
	}
	return awsclient.For(c, own, base)
}

// session returns the session of a connector.
func (a *App) session(ctx context.Context, c *connector.Connector) (*awsclient.Session, error) {
	w, err := a.who(ctx, c)
	if err != nil {
		return nil, err
	}
	return a.clients.Session(w)
}
