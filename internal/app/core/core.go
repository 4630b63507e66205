// Package core is what the use cases share: the open installation with its configuration, who may do what, how an account is reached, the
// advisories in use, and the line that judges what was read. It knows none of the use cases.
package core

import (
	"context"
	"errors"
	"fmt"
	"os"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// Core is an open installation. Its methods are safe for concurrent use; its fields are set before it is used and do not change.
type Core struct {
	Config

	DB      *store.DB
	Clients *awsclient.Clients
	Library *Library

	// Assign decides for a world's assets what follows from their kind and state, before the judges: tags, modules, how they are scanned.
	Assign func(ctx context.Context, world *snapshot.Snapshot, accounts []string) error
	// Selected returns what a module looks at.
	Selected func(ctx context.Context, m connector.Module) (pipeline.Selection, error)
}

// Open opens the installation's state, making it on first use. Assign and Selected are the caller's to set.
func Open(ctx context.Context, cfg Config) (*Core, error) {
	c := &Core{Config: cfg.withDefaults(), Library: NewLibrary(cfg.Advisories)}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of hinomi's state: %w", err)
	}
	var err error
	if c.Clients, err = c.NewClients(); err != nil {
		return nil, err
	}
	sealer, err := c.localSealer()
	if err != nil {
		return nil, err
	}
	if c.DB, err = store.Open(ctx, c.Database, store.Options{Now: c.Now, Logger: c.Log, Sealer: sealer}); err != nil {
		return nil, err
	}
	if c.KMSKeyID != "" {
		if err := c.useKMS(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Close closes everything. Nothing may be running on it.
func (c *Core) Close() error {
	c.Clients.Close()
	c.Library.Close()
	return c.DB.Close()
}
