// Package upkeep holds the use cases that keep an installation in order: users and their tokens, sealed secrets and backups, what people say of
// findings, old records.
package upkeep

import (
	"hinomi/internal/app/core"
	"hinomi/internal/job"
)

// Upkeep are the use cases that keep an installation in order.
type Upkeep struct{ *core.Core }

// New returns the use cases over an installation.
func New(c *core.Core) *Upkeep { return &Upkeep{c} }

// Handlers lists what a worker does here: one line each.
func (up *Upkeep) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobTidy: up.doTidy,
	}
}
