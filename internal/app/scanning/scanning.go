// Package scanning holds the use cases of agentless scans: they are queued, take their turn, make snapshots, read them, judge what was read,
// and remove what they made, whatever happens.
package scanning

import (
	"context"

	"hinomi/internal/app/core"
	"hinomi/internal/app/eligibility"
	"hinomi/internal/job"
)

// Agentless are the use cases of agentless scans.
type Agentless struct {
	*core.Core
	eligibility *eligibility.Eligibility
	retag       func(context.Context) error // evaluates the dynamic tags after findings have changed
}

// New returns the use cases over an installation. e says which instances are due; retag evaluates the dynamic tags after findings have changed.
func New(c *core.Core, e *eligibility.Eligibility, retag func(context.Context) error) *Agentless {
	return &Agentless{Core: c, eligibility: e, retag: retag}
}

// Handlers lists what a worker does here: one line each.
func (a *Agentless) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobScan:  a.doScan,
		core.JobScans: a.doScans,
		core.JobSweep: a.doSweep,
	}
}
