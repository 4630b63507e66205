package ec2

import (
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// instanceNoPublicIP finds instances with a public IPv4 address. AWS Config EC2_INSTANCE_NO_PUBLIC_IP; AWS FSBP EC2.9.
func instanceNoPublicIP() rule.Rule {
	return rule.Rule{
		ID: "EC2_INSTANCE_NO_PUBLIC_IP", Title: "Instance has a public IPv4 address",
		Source: "AWS FSBP EC2.9", Severity: finding.Medium, Kind: asset.KindInstance,
		Mend: "Put the instance into a private subnet behind a load balancer or NAT gateway.",
		Check: func(s *snapshot.Snapshot, a asset.Asset) rule.Result {
			i, ok := a.(*asset.Instance)
			if !ok {
				return rule.InsufficientData("not an instance")
			}
			if i.State == "terminated" || i.State == "shutting-down" {
				return rule.NotApplicable("instance is " + i.State)
			}
			if i.PublicIP.IsValid() {
				return rule.NonCompliant("public address " + i.PublicIP.String())
			}
			for _, id := range i.NetworkInterfaces {
				n, ok := snapshot.Get[asset.NetworkInterface](s, id)
				if !ok {
					return rule.InsufficientData("network interface " + id + " not read")
				}
				if public := publicAddresses(n); len(public) > 0 {
					return rule.NonCompliant("public address " + public[0].String() + " on " + id)
				}
			}
			return rule.Compliant()
		},
	}
}
