package ec2

import (
	"hinomi/internal/asset"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// encryptedVolumes finds attached EBS volumes that are not encrypted. AWS Config ENCRYPTED_VOLUMES; AWS FSBP EC2.3.
func encryptedVolumes() rule.Rule {
	return rule.Rule{
		ID: "ENCRYPTED_VOLUMES", Title: "Attached EBS volume is not encrypted",
		Source: "AWS FSBP EC2.3", Severity: finding.Medium, Kind: asset.KindVolume,
		Mend: "Switch on encryption by default in the region and replace the volume by an encrypted copy of its snapshot.",
		Check: func(_ *snapshot.Snapshot, a asset.Asset) rule.Result {
			v, ok := a.(*asset.Volume)
			switch {
			case !ok:
				return rule.InsufficientData("not a volume")
			case len(v.Attachments) == 0:
				return rule.NotApplicable("not attached")
			case !v.Encrypted:
				return rule.NonCompliant("attached to " + v.Attachments[0].InstanceID)
			default:
				return rule.Compliant()
			}
		},
	}
}
