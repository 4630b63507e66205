package live

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/ptr"

	"hinomi/internal/awsclient"
)

// gone turns the answer that a thing does not exist into none: AWS looks at the permission before.
func gone(code string, try func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		err := try(ctx)
		var api smithy.APIError
		if errors.As(err, &api) && slices.Contains([]string{code, code + "Exception"}, api.ErrorCode()) {
			return nil
		}
		return err
	}
}

// agentTries ask for the inventory of an instance, a setting and a role that do not exist.
func agentTries(s *awsclient.Session, region string) []attempt {
	c := s.SSM(region)
	return []attempt{
		{Check{Action: "ssm:ListInventoryEntries", Use: "scan with the agent"}, gone("InvalidInstanceId",
			call(c.ListInventoryEntries, &ssm.ListInventoryEntriesInput{InstanceId: ptr.String("i-00000000000000000"), TypeName: ptr.String("AWS:Application")}))},
		{Check{Action: "ssm:GetServiceSetting", Use: "say why an instance is not managed"}, gone("ServiceSettingNotFound",
			call(c.GetServiceSetting, &ssm.GetServiceSettingInput{SettingId: ptr.String("/ssm/managed-instance/default-ec2-instance-management-role")}))},
		{Check{Action: "iam:ListAttachedRolePolicies", Use: "say why an instance is not managed"}, gone("NoSuchEntity",
			call(s.IAM().ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: ptr.String("hinomi-permission-test")}))},
	}
}

// manageTries are what making and removing Systems Manager's resources needs: the reads are tried, the writes act on what bears this
// installation's tag or name, and there is none to try them on.
func manageTries(s *awsclient.Session, region string) []attempt {
	const use = "manage Systems Manager"
	c := s.SSM(region)
	id, name := ptr.String("00000000-0000-0000-0000-000000000000"), ptr.String("HinomiPermissionTest")
	try := func(action, none string, do func(ctx context.Context) error) attempt {
		return attempt{Check{Action: "ssm:" + action, Use: use, Required: true}, gone(none, do)}
	}
	out := []attempt{
		try("ListAssociations", "", call(c.ListAssociations, &ssm.ListAssociationsInput{MaxResults: ptr.Int32(1)})),
		try("ListResourceDataSync", "", call(c.ListResourceDataSync, &ssm.ListResourceDataSyncInput{MaxResults: ptr.Int32(1)})),
		try("DescribeDocument", "InvalidDocument", call(c.DescribeDocument, &ssm.DescribeDocumentInput{Name: name})),
		try("ListDocumentVersions", "InvalidDocument", call(c.ListDocumentVersions, &ssm.ListDocumentVersionsInput{Name: name})),
		try("DescribeAssociation", "AssociationDoesNotExist", call(c.DescribeAssociation, &ssm.DescribeAssociationInput{AssociationId: id})),
		try("DescribeAssociationExecutions", "AssociationDoesNotExist", call(c.DescribeAssociationExecutions, &ssm.DescribeAssociationExecutionsInput{AssociationId: id})),
		try("DescribeAssociationExecutionTargets", "AssociationDoesNotExist",
			call(c.DescribeAssociationExecutionTargets, &ssm.DescribeAssociationExecutionTargetsInput{AssociationId: id, ExecutionId: id})),
		try("ListTagsForResource", "InvalidResourceId", call(c.ListTagsForResource, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingDocument, ResourceId: name})),
	}
	for _, action := range []string{
		"ssm:AddTagsToResource", "ssm:CreateAssociation", "ssm:CreateDocument", "ssm:CreateResourceDataSync", "ssm:DeleteAssociation", "ssm:DeleteDocument",
		"ssm:DeleteResourceDataSync", "ssm:UpdateAssociation", "ssm:UpdateDocument", "ssm:UpdateDocumentDefaultVersion", "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject",
		"s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "s3:GetObject", "s3:ListBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
		"s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutObject",
	} {
		out = append(out, attempt{Check: Check{Action: action, Use: use, Required: true, Detail: "only on what bears this installation's tag or name"}})
	}
	return out
}
