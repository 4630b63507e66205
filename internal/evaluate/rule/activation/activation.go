// Package activation decides for which modules an asset is activated: by its connector's setting or by hand, with the reason.
// Assets that are not activated are imported all the same.
package activation

import (
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
)

// Policy is the part of the decision that is configuration.
type Policy struct {
	// SmallTypes are instance types that a connector does not activate by itself.
	SmallTypes []string
}

// DefaultPolicy leaves out the types that the Qualys EC2 connector leaves out (m1.small, t1.micro, t2.nano) and t3.nano, their successor.
func DefaultPolicy() Policy {
	return Policy{SmallTypes: []string{"m1.small", "t1.micro", "t2.nano", "t3.nano"}}
}

// Decision says whether an asset is activated for a module, and why.
type Decision struct {
	Module connector.Module `json:"module"`
	Active bool             `json:"active"`
	Why    string           `json:"why"`
}

// Decide returns one decision per module for an instance. automatic are the modules of its connector; byHand holds what a person
// has set, which wins over everything but the instance's end.
func Decide(p Policy, i *asset.Instance, automatic []connector.Module, byHand map[connector.Module]bool) []Decision {
	var out []Decision
	for _, m := range connector.Modules() {
		d := Decision{Module: m}
		set, touched := byHand[m]
		switch {
		case i.State == "terminated" || i.State == "shutting-down":
			d.Why = "instance is " + i.State
		case touched && set:
			d.Active, d.Why = true, "activated by hand"
		case touched:
			d.Why = "deactivated by hand"
		case !slices.Contains(automatic, m):
			d.Why = "its connector does not activate this module"
		case slices.Contains(p.SmallTypes, i.Type):
			d.Why = "instance type " + i.Type + " is not activated by default"
		default:
			d.Active, d.Why = true, "activated by its connector"
		}
		out = append(out, d)
	}
	return out
}
