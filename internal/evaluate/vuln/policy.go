package vuln

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/distro"
	"hinomi/internal/inventory"
)

// Policy is what a user may decide about matches, as data.
type Policy struct {
	// States says, per distribution (OSV's base word), which of the publisher's states make a finding. The key "" stands for the rest.
	States map[string][]advisory.State `json:"states"`
	// StopAfterEndOfLife is how many months after a system's end of life its packages make findings still; 0: always. Amazon Inspector
	// stops after 12 (user guide, "Discontinued operating systems"). The finding about the system itself stays.
	StopAfterEndOfLife int `json:"stopMonthsAfterEndOfLife,omitempty"`
	// TrustBootKernel takes the kernel that boots next for the one that runs where nobody saw the running one, as on a disk. Without it
	// every installed kernel is judged there, because an old one may still run.
	TrustBootKernel bool `json:"trustBootKernel,omitempty"`
}

// DefaultPolicy returns which states make a finding as Amazon Inspector documents it for EC2 (user guide, "Supported operating systems and
// programming languages"): Debian's fixed and open ones, Ubuntu's fixed, active and pending ones, fixed ones of the other distributions.
// What Debian marks as never to be fixed in a release is open in its tracker, too. Elsewhere everything counts that the publisher does not
// call unaffected or undecided.
func DefaultPolicy() Policy {
	all := []advisory.State{advisory.StateFixed, advisory.StateOpen, advisory.StatePending, advisory.StateWillNotFix}
	p := Policy{States: map[string][]advisory.State{
		"":                       all,
		string(inventory.Debian): all,
		string(inventory.Ubuntu): {advisory.StateFixed, advisory.StateOpen, advisory.StatePending},
	}}
	for _, d := range distro.All() {
		if _, ok := p.States[string(d.Ecosystem)]; !ok {
			p.States[string(d.Ecosystem)] = []advisory.State{advisory.StateFixed}
		}
	}
	return p
}

// ParsePolicy reads a policy in JSON. What it does not name is as DefaultPolicy has it. It returns an error for an ecosystem or a state that
// is not known, and for findings of what the publisher says is not affected.
func ParsePolicy(b []byte) (Policy, error) {
	var given Policy
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return Policy{}, fmt.Errorf("read the policy of states: %w", err)
	}
	if given.StopAfterEndOfLife < 0 {
		return Policy{}, fmt.Errorf("read the policy of states: stopMonthsAfterEndOfLife is %d", given.StopAfterEndOfLife)
	}
	p := DefaultPolicy()
	known := slices.Sorted(maps.Keys(p.States))
	for ecosystem, states := range given.States {
		if !slices.Contains(known, ecosystem) {
			return Policy{}, fmt.Errorf("read the policy of states: ecosystem %q is none of %q", ecosystem, known)
		}
		for _, s := range states {
			switch s {
			case advisory.StateFixed, advisory.StateOpen, advisory.StatePending, advisory.StateWillNotFix, advisory.StateUndecided:
			default:
				return Policy{}, fmt.Errorf("read the policy of states: %s: %q is no state that can make a finding", ecosystem, s)
			}
		}
		p.States[ecosystem] = states
	}
	p.StopAfterEndOfLife, p.TrustBootKernel = given.StopAfterEndOfLife, given.TrustBootKernel
	return p, nil
}

// counts reports whether a row's state makes a finding.
func (p *Policy) counts(row *advisory.Row) bool {
	states, ok := p.States[row.Ecosystem]
	if !ok {
		states = p.States[""]
	}
	return row.State == "" || slices.Contains(states, row.State)
}
