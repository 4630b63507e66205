// Package app joins the rooms. App is the facade that the command line and the API use; the use cases stand in the packages below, each over
// core.Core, and here what one needs of another is handed over.
package app

import (
	"context"

	"hinomi/internal/app/account"
	"hinomi/internal/app/agent"
	"hinomi/internal/app/change"
	"hinomi/internal/app/core"
	"hinomi/internal/app/eligibility"
	"hinomi/internal/app/matching"
	"hinomi/internal/app/scanning"
	"hinomi/internal/app/selection"
	"hinomi/internal/app/upkeep"
	"hinomi/internal/coverage"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// Version and Commit say what was built; the linker sets them.
var (
	Version = "dev"
	Commit  = "unknown"
)

// App is an open installation. Its methods are safe for concurrent use; those of its parts are the use cases, each one thing a user can ask for.
type App struct {
	core *core.Core

	*account.Accounts
	*selection.Assets
	*eligibility.Eligibility
	*scanning.Agentless
	*agent.Agents
	*change.Changes
	*matching.Advisories
	*upkeep.Upkeep
}

// Open opens the installation's state, making it on first use.
func Open(ctx context.Context, cfg Config) (*App, error) {
	c, err := core.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return wire(c), nil
}

// wire makes the use cases and hands each what it needs of another.
func wire(c *core.Core) *App {
	assets, decides := selection.New(c), eligibility.New(c)
	c.Selected = assets.Select
	c.Assign = func(ctx context.Context, world *snapshot.Snapshot, _ []string) error {
		if err := assets.Assign(ctx, world); err != nil {
			return err
		}
		return decides.AssignCoverage(ctx, world)
	}
	return &App{
		core:        c,
		Accounts:    account.New(c),
		Assets:      assets,
		Eligibility: decides,
		Agentless:   scanning.New(c, decides, assets.Retag),
		Agents:      agent.New(c, decides, assets.Retag, Version),
		Changes:     change.New(c),
		Advisories:  matching.New(c, assets.Retag),
		Upkeep:      upkeep.New(c),
	}
}

// Close closes everything. Nothing of the app may be running.
func (a *App) Close() error { return a.core.Close() }

// Store returns the database, for the faces that only read.
func (a *App) Store() *store.DB { return a.core.DB }

// ScanSettings returns how instances are scanned.
func (a *App) ScanSettings(ctx context.Context) (coverage.Settings, error) {
	return a.core.ScanSettings(ctx)
}
