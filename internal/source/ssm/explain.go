package ssm

import (
	"fmt"
	"strings"
	"time"
)

// Known is what is known of a fact.
type Known int

// The values; the zero value is that it was not seen.
const (
	Unknown Known = iota
	No
	Yes
)

// Facts are what may keep an instance from being managed, as far as they were read.
type Facts struct {
	State             string // EC2's: running, stopped …; "" if not read
	MetadataOff       Known  // the instance metadata service is switched off: no credentials reach the agent
	Profile           Known  // it carries an instance profile with a role
	Role              string // that role's name
	RoleHasCore       Known  // AmazonSSMManagedInstanceCore is attached to the role
	DefaultManagement Known  // Default Host Management gives a role to instances without one, in this account and region
	Registered        Known  // Systems Manager knows the instance
	Ping              string // what it says of the agent, if it does
	LastPing          time.Time
	Internet          Known    // its subnet has a way out to the internet
	MissingEndpoints  []string // services without an interface endpoint in its VPC; meant only with EndpointsRead
	EndpointsRead     bool
}

// Cause is one reason why an instance is not managed, and what to do about it.
type Cause struct {
	Why string `json:"why"`
	Do  string `json:"do"`
}

// CorePolicy is AWS's managed policy that gives an instance what the agent needs.
const CorePolicy = "AmazonSSMManagedInstanceCore"

// Explain says why an instance is not managed, the surest cause first, each with what to do. What was not read is no cause. If no cause
// is found, it says what remains (Systems Manager User Guide, "Troubleshooting managed node availability").
func Explain(f Facts) []Cause {
	var out []Cause
	cause := func(why, do string) { out = append(out, Cause{why, do}) }
	if f.State != "" && f.State != "running" {
		return []Cause{{"the instance is " + f.State, "start it, or scan it without an agent"}}
	}
	if f.MetadataOff == Yes {
		cause("its metadata service is switched off, so that no credentials reach the agent", "switch it on, with HttpTokens required")
	}
	switch {
	case f.DefaultManagement == Yes || f.Profile == Unknown:
	case f.Profile == No && f.DefaultManagement == No:
		cause("it carries no instance profile, and Default Host Management is off", "attach a profile whose role has "+CorePolicy+", or switch Default Host Management on")
	case f.Profile == No:
		cause("it carries no instance profile; whether Default Host Management is on was not read", "attach a profile whose role has "+CorePolicy)
	case f.RoleHasCore == No:
		cause(fmt.Sprintf("its role %s does not have %s attached", f.Role, CorePolicy), "attach it, unless another policy of the role gives the same")
	}
	if f.Internet == No && f.EndpointsRead && len(f.MissingEndpoints) > 0 {
		cause("its subnet has no way to the internet, and its VPC no interface endpoint for "+strings.Join(f.MissingEndpoints, ", "),
			"make these endpoints with private DNS, or a NAT gateway")
	}
	if f.Registered == Yes && f.Ping != "" && f.Ping != "Online" {
		cause(fmt.Sprintf("its agent is registered and has not answered since %s (%s)", f.LastPing.UTC().Format(time.RFC3339), f.Ping),
			"see whether amazon-ssm-agent runs there, and whether it still has its role and its way to Systems Manager")
	}
	if len(out) == 0 && f.Registered != Yes {
		cause("nothing that was read keeps it from being managed", "see whether amazon-ssm-agent is installed and runs there (its image may be without it), and whether its security groups let HTTPS out")
	}
	return out
}
