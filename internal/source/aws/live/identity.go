package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"hinomi/internal/source/aws/mapping"
)

// globalListings are what belongs to the account as a whole. Each may be denied: then its kind is a gap.
var globalListings = []listing{instanceProfiles}

// maxIAM is the largest page that IAM gives (IAM API Reference, MaxItems).
const maxIAM = 1000

// instanceProfiles reads the account's instance profiles with their roles. IAM may answer with fewer
// than it was asked for: IsTruncated alone says whether there is more (IAM API Reference, ListInstanceProfiles).
//
// Which instance carries which is in DescribeInstances; the states of an association (associating, disassociating) that
// DescribeIamInstanceProfileAssociations adds last for seconds and change nothing that is judged.
func instanceProfiles(ctx context.Context, r *reader) {
	c := r.s.IAM()
	list(ctx, r, "InstanceProfiles", func(ctx context.Context, token *string) ([]mapping.InstanceProfile, *string, error) {
		out, err := c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{MaxItems: aws.Int32(maxIAM), Marker: token})
		if err != nil {
			return nil, nil, err
		}
		profiles := make([]mapping.InstanceProfile, 0, len(out.InstanceProfiles))
		for i := range out.InstanceProfiles {
			profiles = append(profiles, mapping.InstanceProfileOf(&out.InstanceProfiles[i]))
		}
		switch {
		case !out.IsTruncated:
			return profiles, nil, nil
		case aws.ToString(out.Marker) == "":
			return nil, nil, errMarker
		}
		return profiles, out.Marker, nil
	}, nil)
}
