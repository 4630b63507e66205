// Package selection holds the use cases about which assets are looked at: tags of ours, by hand and by rules, and the activation of modules.
package selection

import (
	"context"

	"hinomi/internal/app/core"
	"hinomi/internal/job"
	"hinomi/internal/snapshot"
)

// Assets are the use cases about which assets are looked at.
type Assets struct{ *core.Core }

// New returns the use cases over an installation.
func New(c *core.Core) *Assets { return &Assets{c} }

// Handlers lists what a worker does here: one line each.
func (a *Assets) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobTags: a.doTags,
	}
}

// Assign gives the assets of a world their dynamic tags and decides for which modules they are activated.
func (a *Assets) Assign(ctx context.Context, world *snapshot.Snapshot) error {
	if err := a.assignTags(ctx, world); err != nil {
		return err
	}
	return a.assignModules(ctx, world)
}
