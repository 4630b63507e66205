package ec2

import (
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// imdsv2Check finds instances that still answer IMDSv1, whose credentials one server-side request forgery can read. AWS FSBP EC2.8.
func imdsv2Check() rule.Rule {
	return rule.Rule{
		ID: "EC2_IMDSV2_CHECK", Title: "Instance answers IMDSv1",
		Source: "AWS FSBP EC2.8; CIS AWS Foundations 5.0.0, 5.7", Severity: finding.High, Kind: asset.KindInstance,
		Mend: "aws ec2 modify-instance-metadata-options --instance-id … --http-tokens required",
		Check: func(_ *snapshot.Snapshot, a asset.Asset) rule.Result {
			i, ok := a.(*asset.Instance)
			switch {
			case !ok:
				return rule.InsufficientData("not an instance")
			case i.State == "terminated" || i.State == "shutting-down":
				return rule.NotApplicable("instance is " + i.State)
			case i.HTTPEndpoint == "disabled":
				return rule.Compliant()
			case i.HTTPTokens == "":
				return rule.InsufficientData("metadata options not read")
			case i.HTTPTokens == "required":
				return rule.Compliant()
			default:
				return rule.NonCompliant("HttpTokens=" + i.HTTPTokens)
			}
		},
	}
}
