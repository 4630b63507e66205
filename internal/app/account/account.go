// Package account holds the use cases about accounts: connectors and base accounts, what they need and may do, an organisation's members,
// syncs, and dumps of an account.
package account

import (
	"hinomi/internal/app/core"
	"hinomi/internal/job"
)

// Accounts are the use cases about accounts.
type Accounts struct{ *core.Core }

// New returns the use cases over an installation.
func New(c *core.Core) *Accounts { return &Accounts{c} }

// Handlers lists what a worker does here: one line each.
func (a *Accounts) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		core.JobSync: a.doSync,
		core.JobDue:  a.doDue,
	}
}
