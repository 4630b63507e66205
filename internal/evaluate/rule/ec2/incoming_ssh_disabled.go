package ec2

import (
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// incomingSSHDisabled finds security groups that let the whole internet try SSH. AWS Config INCOMING_SSH_DISABLED; CIS AWS Foundations 5.0.0, 5.3 and 5.4.
func incomingSSHDisabled() rule.Rule {
	return rule.Rule{
		ID: "INCOMING_SSH_DISABLED", Title: "Security group lets the internet try SSH",
		Source:   "AWS Config INCOMING_SSH_DISABLED; CIS AWS Foundations 5.0.0, 5.3 and 5.4",
		Severity: finding.High, Kind: asset.KindSecurityGroup,
		Mend:  "Remove the rule, or allow only the addresses administrators use; Session Manager needs no open port at all.",
		Check: func(s *snapshot.Snapshot, a asset.Asset) rule.Result { return portsClosed(s, a, []int{22}) },
	}
}

// restrictedIncomingTraffic finds security groups that open one of five risky ports to the internet: the default parameters of
// AWS Config RESTRICTED_INCOMING_TRAFFIC (20, 21, 3389, 3306, 4333).
func restrictedIncomingTraffic() rule.Rule {
	ports := []int{20, 21, 3389, 3306, 4333}
	return rule.Rule{
		ID: "RESTRICTED_INCOMING_TRAFFIC", Title: "Security group opens a risky port to the internet",
		Source:   "AWS Config RESTRICTED_INCOMING_TRAFFIC, default parameters",
		Severity: finding.High, Kind: asset.KindSecurityGroup,
		Mend:  "Remove the rule, or allow only the addresses that need it.",
		Check: func(s *snapshot.Snapshot, a asset.Asset) rule.Result { return portsClosed(s, a, ports) },
	}
}

// portsClosed judges a security group's ingress from the whole internet to any of the TCP ports.
func portsClosed(s *snapshot.Snapshot, a asset.Asset, ports []int) rule.Result {
	g, ok := a.(*asset.SecurityGroup)
	if !ok {
		return rule.InsufficientData("not a security group")
	}
	unread := ""
	for _, r := range g.Rules {
		for _, port := range ports {
			if !allowsPort(r, port) {
				continue
			}
			source, open, known := openTo(s, r)
			if open {
				return rule.NonCompliant(describe(r, source))
			}
			if !known {
				unread = "entries of prefix list " + source + " not read"
			}
		}
	}
	if unread != "" {
		return rule.InsufficientData(unread)
	}
	return rule.Compliant()
}
