package live

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directconnect"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/ptr"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/run"
)

// attempt is a check with the way to try it; nil means that there is none.
type attempt struct {
	Check
	try func(ctx context.Context) error
}

// Names of things that do not exist. AWS looks at the permission before it looks for the thing.
const (
	noTable = "tgw-rtb-00000000000000000"
	noList  = "pl-00000000000000000"
	noDXGW  = "00000000-0000-0000-0000-000000000000"
)

// tries returns all checks of a connector, in the order in which they are shown.
func tries(c *connector.Connector, s *awsclient.Session, region, installation, scanTag string) []attempt {
	out := ec2Tries(s, region)
	if len(c.Regions) == 0 {
		out = append([]attempt{{Check{Action: "ec2:DescribeRegions", Use: "find all enabled regions", Required: true}, func(ctx context.Context) error {
			_, err := s.EC2(s.Home()).DescribeRegions(ctx, &ec2.DescribeRegionsInput{DryRun: dry})
			return err
		}}}, out...)
	}
	out = append(out, elbTries(s, region)...)
	out = append(out, otherTries(s, region)...)
	out = append(out, agentTries(s, region)...)
	if c.May(connector.SnapshotVolumes) {
		out = append(out, scanTries(s, region, installation, scanTag)...)
		out = append(out, readTries(c)...)
		if c.KeepBaseline && c.ReadBy() == "" {
			out = append(out, attempt{Check: Check{Action: "ebs:ListChangedBlocks", Use: "baselines", Required: true, Detail: "only on a snapshot with this installation's tag"}})
		}
	}
	if c.May(connector.ManageSSM) {
		out = append(out, manageTries(s, region)...)
	}
	if c.Organization.Enroll {
		out = append(out, attempt{Check{Action: "organizations:ListAccounts", Use: "find the organisation's members", Required: true}, func(ctx context.Context) error {
			_, err := s.Organizations().ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: ptr.Int32(1)})
			return err
		}})
	}
	return out
}

var dry = ptr.Bool(true)

// ec2Tries are dry runs of every EC2 call that reading makes.
func ec2Tries(s *awsclient.Session, region string) []attempt {
	c := s.EC2(region)
	inventory := func(action string, err func(ctx context.Context) error) attempt {
		return attempt{Check{Action: "ec2:" + action, Use: "inventory", Required: true}, err}
	}
	network := func(action string, err func(ctx context.Context) error) attempt {
		return attempt{Check{Action: "ec2:" + action, Use: "network"}, err}
	}
	return []attempt{
		inventory("DescribeInstances", call(c.DescribeInstances, &ec2.DescribeInstancesInput{DryRun: dry})),
		inventory("DescribeImages", call(c.DescribeImages, &ec2.DescribeImagesInput{DryRun: dry, Owners: []string{"self"}})),
		inventory("DescribeNetworkInterfaces", call(c.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{DryRun: dry})),
		network("DescribeVolumes", call(c.DescribeVolumes, &ec2.DescribeVolumesInput{DryRun: dry})),
		network("DescribeSnapshots", call(c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{DryRun: dry, OwnerIds: []string{"self"}})),
		network("DescribeKeyPairs", call(c.DescribeKeyPairs, &ec2.DescribeKeyPairsInput{DryRun: dry})),
		network("DescribeVpcs", call(c.DescribeVpcs, &ec2.DescribeVpcsInput{DryRun: dry})),
		network("DescribeSubnets", call(c.DescribeSubnets, &ec2.DescribeSubnetsInput{DryRun: dry})),
		network("DescribeRouteTables", call(c.DescribeRouteTables, &ec2.DescribeRouteTablesInput{DryRun: dry})),
		network("DescribeNetworkAcls", call(c.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{DryRun: dry})),
		network("DescribeSecurityGroups", call(c.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{DryRun: dry})),
		network("DescribeAddresses", call(c.DescribeAddresses, &ec2.DescribeAddressesInput{DryRun: dry})),
		network("DescribeManagedPrefixLists", call(c.DescribeManagedPrefixLists, &ec2.DescribeManagedPrefixListsInput{DryRun: dry})),
		network("DescribePrefixLists", call(c.DescribePrefixLists, &ec2.DescribePrefixListsInput{DryRun: dry})),
		network("GetManagedPrefixListEntries", call(c.GetManagedPrefixListEntries, &ec2.GetManagedPrefixListEntriesInput{DryRun: dry, PrefixListId: aws.String(noList)})),
		network("DescribeInternetGateways", call(c.DescribeInternetGateways, &ec2.DescribeInternetGatewaysInput{DryRun: dry})),
		network("DescribeEgressOnlyInternetGateways", call(c.DescribeEgressOnlyInternetGateways, &ec2.DescribeEgressOnlyInternetGatewaysInput{DryRun: dry})),
		network("DescribeNatGateways", call(c.DescribeNatGateways, &ec2.DescribeNatGatewaysInput{DryRun: dry})),
		network("DescribeVpnGateways", call(c.DescribeVpnGateways, &ec2.DescribeVpnGatewaysInput{DryRun: dry})),
		network("DescribeCustomerGateways", call(c.DescribeCustomerGateways, &ec2.DescribeCustomerGatewaysInput{DryRun: dry})),
		network("DescribeVpnConnections", call(c.DescribeVpnConnections, &ec2.DescribeVpnConnectionsInput{DryRun: dry})),
		network("DescribeVpcPeeringConnections", call(c.DescribeVpcPeeringConnections, &ec2.DescribeVpcPeeringConnectionsInput{DryRun: dry})),
		network("DescribeTransitGateways", call(c.DescribeTransitGateways, &ec2.DescribeTransitGatewaysInput{DryRun: dry})),
		network("DescribeTransitGatewayAttachments", call(c.DescribeTransitGatewayAttachments, &ec2.DescribeTransitGatewayAttachmentsInput{DryRun: dry})),
		network("DescribeTransitGatewayVpcAttachments", call(c.DescribeTransitGatewayVpcAttachments, &ec2.DescribeTransitGatewayVpcAttachmentsInput{DryRun: dry})),
		network("DescribeTransitGatewayRouteTables", call(c.DescribeTransitGatewayRouteTables, &ec2.DescribeTransitGatewayRouteTablesInput{DryRun: dry})),
		network("GetTransitGatewayRouteTablePropagations", call(c.GetTransitGatewayRouteTablePropagations, &ec2.GetTransitGatewayRouteTablePropagationsInput{DryRun: dry, TransitGatewayRouteTableId: aws.String(noTable)})),
		network("SearchTransitGatewayRoutes", call(c.SearchTransitGatewayRoutes, &ec2.SearchTransitGatewayRoutesInput{
			DryRun: dry, TransitGatewayRouteTableId: aws.String(noTable),
			Filters: []ec2types.Filter{{Name: aws.String("state"), Values: []string{"active"}}},
		})),
		network("DescribeVpcEndpoints", call(c.DescribeVpcEndpoints, &ec2.DescribeVpcEndpointsInput{DryRun: dry})),
		network("DescribeFlowLogs", call(c.DescribeFlowLogs, &ec2.DescribeFlowLogsInput{DryRun: dry})),
		network("DescribeVpcBlockPublicAccessOptions", call(c.DescribeVpcBlockPublicAccessOptions, &ec2.DescribeVpcBlockPublicAccessOptionsInput{DryRun: dry})),
		network("DescribeVpcBlockPublicAccessExclusions", call(c.DescribeVpcBlockPublicAccessExclusions, &ec2.DescribeVpcBlockPublicAccessExclusionsInput{DryRun: dry})),
	}
}

// call makes a try of an API call whose answer does not matter.
func call[In, Out, Opt any](f func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := f(ctx, in)
		return err
	}
}

// elbTries are reads of the smallest page, or of something that does not exist.
func elbTries(s *awsclient.Session, region string) []attempt {
	c, classic := s.ELBv2(region), s.ELB(region)
	arn := func(kind string) *string {
		return aws.String(fmt.Sprintf("arn:%s:elasticloadbalancing:%s:%s:%s", asset.Partition(region), region, s.Account(), kind))
	}
	lb := arn("loadbalancer/app/hinomi-permission-test/0000000000000000")
	listener := arn("listener/app/hinomi-permission-test/0000000000000000/0000000000000000")
	group := arn("targetgroup/hinomi-permission-test/0000000000000000")
	row := func(action string, try func(ctx context.Context) error) attempt {
		return attempt{Check{Action: "elasticloadbalancing:" + action, Use: "network"}, try}
	}
	return []attempt{
		row("DescribeLoadBalancers", call(c.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{PageSize: ptr.Int32(1)})),
		row("DescribeLoadBalancers", call(classic.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{PageSize: ptr.Int32(1)})),
		row("DescribeTags", call(c.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{*lb}})),
		row("DescribeLoadBalancerAttributes", call(c.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb})),
		row("DescribeListeners", call(c.DescribeListeners, &elbv2.DescribeListenersInput{LoadBalancerArn: lb})),
		row("DescribeRules", call(c.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: listener})),
		row("DescribeTargetGroups", call(c.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{PageSize: ptr.Int32(1)})),
		row("DescribeTargetGroupAttributes", call(c.DescribeTargetGroupAttributes, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: group})),
		row("DescribeTargetHealth", call(c.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: group})),
	}
}

func otherTries(s *awsclient.Session, region string) []attempt {
	nf, dx := s.NetworkFirewall(region), s.DirectConnect(region)
	firewall := aws.String(fmt.Sprintf("arn:%s:network-firewall:%s:%s:firewall/hinomi-permission-test", asset.Partition(region), region, s.Account()))
	row := func(action, use string, try func(ctx context.Context) error) attempt {
		return attempt{Check{Action: action, Use: use}, try}
	}
	return []attempt{
		row("network-firewall:ListFirewalls", "network", call(nf.ListFirewalls, &networkfirewall.ListFirewallsInput{MaxResults: ptr.Int32(1)})),
		row("network-firewall:DescribeFirewall", "network", call(nf.DescribeFirewall, &networkfirewall.DescribeFirewallInput{FirewallArn: firewall})),
		row("directconnect:DescribeDirectConnectGateways", "network", call(dx.DescribeDirectConnectGateways, &directconnect.DescribeDirectConnectGatewaysInput{MaxResults: ptr.Int32(1)})),
		row("directconnect:DescribeDirectConnectGatewayAssociations", "network", call(dx.DescribeDirectConnectGatewayAssociations, &directconnect.DescribeDirectConnectGatewayAssociationsInput{DirectConnectGatewayId: aws.String(noDXGW), MaxResults: ptr.Int32(1)})),
		row("directconnect:DescribeVirtualInterfaces", "network", call(dx.DescribeVirtualInterfaces, &directconnect.DescribeVirtualInterfacesInput{MaxResults: ptr.Int32(1)})),
		row("iam:ListInstanceProfiles", "inventory", call(s.IAM().ListInstanceProfiles, &iam.ListInstanceProfilesInput{MaxItems: ptr.Int32(1)})),
		row("ssm:DescribeInstanceInformation", "inventory", call(s.SSM(region).DescribeInstanceInformation, &ssm.DescribeInstanceInformationInput{MaxResults: ptr.Int32(5)})),
	}
}

// scanTries are what scanning needs. A snapshot can be tried with an instance of the account; the others act on snapshots that bear
// this installation's tag, or on a key, and there is none to try them on.
func scanTries(s *awsclient.Session, region, installation, scanTag string) []attempt {
	c := s.EC2(region)
	return []attempt{
		{Check{Action: "ec2:CreateSnapshots", Use: "scanning", Required: true}, func(ctx context.Context) error {
			out, err := c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: ptr.Int32(5)})
			if err != nil {
				return err
			}
			for _, r := range out.Reservations {
				for _, i := range r.Instances {
					if installation != "" && i.State != nil && i.State.Name != ec2types.InstanceStateNameTerminated {
						return snapshotDry(ctx, c, i.InstanceId, installation, scanTag)
					}
				}
			}
			return errNothingToTry
		}},
		{Check: Check{Action: "ec2:CreateTags", Use: "scanning", Required: true, Detail: "only together with a new snapshot"}},
		{Check: Check{Action: "ec2:DeleteSnapshot", Use: "scanning", Required: true, Detail: "only on a snapshot with this installation's tag"}},
		{Check: Check{Action: "kms:ListResourceTags", Use: "scanning", Detail: "whether a tag of the key excludes volumes; the key's own policy decides with the role's"}},
	}
}

// readTries are what reading snapshots needs, or sharing them with the account that reads them.
func readTries(c *connector.Connector) []attempt {
	const ours = "only on a snapshot with this installation's tag"
	if reader := c.ReadBy(); reader != "" {
		return []attempt{
			{Check: Check{Action: "ec2:ModifySnapshotAttribute", Use: "scanning", Required: true, Detail: ours + ", to share it with account " + reader + ", which reads it"}},
		}
	}
	return []attempt{
		{Check: Check{Action: "ebs:ListSnapshotBlocks", Use: "scanning", Required: true, Detail: ours}},
		{Check: Check{Action: "ebs:GetSnapshotBlock", Use: "scanning", Required: true, Detail: ours}},
		{Check: Check{Action: "kms:Decrypt", Use: "scanning", Detail: "the key's own policy decides with the role's; a scan of an encrypted volume tells"}},
	}
}

// snapshotDry tries to make a snapshot as a scan does, with the tags that the policy asks for.
func snapshotDry(ctx context.Context, c *ec2.Client, instance *string, installation, scanTag string) error {
	_, err := c.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{
		DryRun: dry, InstanceSpecification: &ec2types.InstanceSpecification{InstanceId: instance},
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeSnapshot,
			Tags: []ec2types.Tag{
				{Key: aws.String(run.TagInstallation), Value: &installation}, {Key: aws.String(cmp.Or(scanTag, run.TagScan)), Value: aws.String("permission-test")},
			},
		}},
	})
	return err
}
