// Package matching holds the use cases about advisories: feeds are fetched and imported, and what is kept of hosts is judged again with them.
package matching

import (
	"context"

	"hinomi/internal/app/core"
	"hinomi/internal/job"
)

// Advisories are the use cases about advisories.
type Advisories struct {
	*core.Core
	retag  func(context.Context) error // evaluates the dynamic tags after findings have changed
	before before
}

// New returns the use cases over an installation. retag evaluates the dynamic tags after findings have changed.
func New(c *core.Core, retag func(context.Context) error) *Advisories {
	return &Advisories{Core: c, retag: retag}
}

// Handlers lists what a worker does here: one line each.
func (a *Advisories) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobFeeds: a.doFeeds,
	}
}
