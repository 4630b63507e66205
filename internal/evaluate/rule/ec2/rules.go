// Package ec2 holds the rules on EC2 and VPC configuration that are built in: one file each, one line each in All.
package ec2

import "hinomi/internal/evaluate/rule"

// All returns every built-in rule, in the order a report shows them.
func All() []rule.Rule {
	return []rule.Rule{
		incomingSSHDisabled(),
		restrictedIncomingTraffic(),
		vpcDefaultSecurityGroupClosed(),
		imdsv2Check(),
		instanceNoPublicIP(),
		encryptedVolumes(),
	}
}
