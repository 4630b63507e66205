package connector

import "strings"

// Regions returns the regions of an account type that are known to this version, sorted by name (AWS Regional Services; the list that
// AWS publishes with botocore 1.43.11). New ones appear: what is read is always AWS's own answer, this list only completes and warns.
func Regions(t AccountType) []string { return strings.Fields(regions[t]) }

var regions = map[AccountType]string{
	Commercial: `af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
		ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
		ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2
		eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2`,
	GovCloud: `us-gov-east-1 us-gov-west-1`,
	China:    `cn-north-1 cn-northwest-1`,
}

// partitionOf returns the partition of a region by its name (AWS General Reference, "Amazon Resource Names").
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return China.Partition()
	case strings.HasPrefix(region, "us-gov-"):
		return GovCloud.Partition()
	default:
		return Commercial.Partition()
	}
}
