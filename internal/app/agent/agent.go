// Package agent holds the use cases of scanning with agents: what Systems Manager's agents collected is read and judged, what they need is made
// and removed, and a host collects of itself what an agent does not.
package agent

import (
	"context"

	"hinomi/internal/app/core"
	"hinomi/internal/app/eligibility"
	"hinomi/internal/job"
)

// Agents are the use cases of scanning with agents.
type Agents struct {
	*core.Core
	eligibility *eligibility.Eligibility
	retag       func(context.Context) error // evaluates the dynamic tags after findings have changed
	version     string
}

// New returns the use cases over an installation. e says which instances are looked at; retag evaluates the dynamic tags after findings have
// changed; version is that of the collector which is delivered, this program's own.
func New(c *core.Core, e *eligibility.Eligibility, retag func(context.Context) error, version string) *Agents {
	return &Agents{Core: c, eligibility: e, retag: retag, version: version}
}

// Handlers lists what a worker does here: one line each.
func (a *Agents) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobAgents: a.doAgents,
		core.JobManage: a.doManage,
	}
}
