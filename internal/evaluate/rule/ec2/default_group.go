package ec2

import (
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// vpcDefaultSecurityGroupClosed finds default security groups that allow anything. AWS Config VPC_DEFAULT_SECURITY_GROUP_CLOSED;
// CIS AWS Foundations 5.0.0, 5.5; FSBP EC2.2.
func vpcDefaultSecurityGroupClosed() rule.Rule {
	return rule.Rule{
		ID: "VPC_DEFAULT_SECURITY_GROUP_CLOSED", Title: "Default security group allows traffic",
		Source:   "AWS FSBP EC2.2; CIS AWS Foundations 5.0.0, 5.5",
		Severity: finding.Medium, Kind: asset.KindSecurityGroup,
		Mend: "Give resources groups of their own and remove every rule of the default group.",
		Check: func(_ *snapshot.Snapshot, a asset.Asset) rule.Result {
			g, ok := a.(*asset.SecurityGroup)
			switch {
			case !ok:
				return rule.InsufficientData("not a security group")
			case g.GroupName != "default":
				return rule.NotApplicable("not a VPC's default group")
			case len(g.Rules) > 0:
				return rule.NonCompliant(fmt.Sprintf("%d rules", len(g.Rules)))
			default:
				return rule.Compliant()
			}
		},
	}
}
