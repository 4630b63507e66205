// Package eligibility decides of every instance how its packages are scanned, by an agent, from its disks or not at all, and why: the settings
// of scans, and what follows from them. Those who scan ask it.
package eligibility

import (
	"hinomi/internal/app/core"
)

// Eligibility decides how instances are scanned.
type Eligibility struct{ *core.Core }

// New returns the use cases over an installation. What a module looks at is asked of the core's Selected.
func New(c *core.Core) *Eligibility { return &Eligibility{c} }
