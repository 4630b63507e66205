// Package change holds the use cases about what changes in an account: queues that events come from, and reading again what events name.
package change

import (
	"hinomi/internal/app/core"
	"hinomi/internal/job"
)

// Changes are the use cases about what changes in an account.
type Changes struct{ *core.Core }

// New returns the use cases over an installation.
func New(c *core.Core) *Changes { return &Changes{c} }

// Handlers lists what a worker does here: one line each.
func (ch *Changes) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobRefresh: ch.doRefresh,
		core.JobChanges: ch.doChanges,
	}
}
