package live

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/ptr"

	"hinomi/internal/awsclient"
)

// agentTries ask for the inventory of an instance, a setting and a role that do not exist: AWS looks at the permission before.
func agentTries(s *awsclient.Session, region string) []attempt {
	c := s.SSM(region)
	row := func(action, use, gone string, try func(ctx context.Context) error) attempt {
		return attempt{Check{Action: action, Use: use}, func(ctx context.Context) error {
			err := try(ctx)
			var api smithy.APIError
			if errors.As(err, &api) && slices.Contains([]string{gone, gone + "Exception"}, api.ErrorCode()) {
				return nil
			}
			return err
		}}
	}
	return []attempt{
		row("ssm:ListInventoryEntries", "scan with the agent", "InvalidInstanceId",
			call(c.ListInventoryEntries, &ssm.ListInventoryEntriesInput{InstanceId: ptr.String("i-00000000000000000"), TypeName: ptr.String("AWS:Application")})),
		row("ssm:GetServiceSetting", "say why an instance is not managed", "ServiceSettingNotFound",
			call(c.GetServiceSetting, &ssm.GetServiceSettingInput{SettingId: ptr.String("/ssm/managed-instance/default-ec2-instance-management-role")})),
		row("iam:ListAttachedRolePolicies", "say why an instance is not managed", "NoSuchEntity",
			call(s.IAM().ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: ptr.String("hinomi-permission-test")})),
	}
}
