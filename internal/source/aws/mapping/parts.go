package mapping

import (
	dctypes "github.com/aws/aws-sdk-go-v2/service/directconnect/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	nftypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/asset"
)

// The gathered forms: answers that only make sense with what they were asked for. They are those of Batfish's AWS snapshots where it has them.
type (
	// PrefixListEntries are the entries of one managed prefix list.
	PrefixListEntries struct {
		PrefixListId *string //nolint:revive // the CLI's spelling
		Entries      []ec2types.PrefixListEntry
	}
	// Propagations are what propagates into one transit gateway route table.
	Propagations struct {
		TransitGatewayRouteTableId           *string //nolint:revive // the CLI's spelling
		TransitGatewayRouteTablePropagations []ec2types.TransitGatewayRouteTablePropagation
	}
	// TransitRoutes are the routes of one transit gateway route table.
	TransitRoutes struct {
		TransitGatewayRouteTableId *string //nolint:revive // the CLI's spelling
		Routes                     []ec2types.TransitGatewayRoute
		AdditionalRoutesAvailable  *bool // there are more than a search returns: the routes are not all
	}
	// LoadBalancerAttributes are the attributes of one load balancer.
	LoadBalancerAttributes struct {
		LoadBalancerArn *string
		Attributes      []elbv2types.LoadBalancerAttribute
	}
	// LoadBalancerListeners are the listeners of one load balancer.
	LoadBalancerListeners struct {
		LoadBalancerArn *string
		Listeners       []elbv2types.Listener
	}
	// ListenerRules are the rules of one listener.
	ListenerRules struct {
		ListenerArn *string
		Rules       []elbv2types.Rule
	}
	// TargetGroupAttributes are the attributes of one target group.
	TargetGroupAttributes struct {
		TargetGroupArn *string
		Attributes     []elbv2types.TargetGroupAttribute
	}
	// TargetHealth is the health of one target group's targets.
	TargetHealth struct {
		TargetGroupArn           *string
		TargetHealthDescriptions []elbv2types.TargetHealthDescription
	}
	// Firewall is one answer of network-firewall describe-firewall.
	Firewall struct {
		Firewall       *nftypes.Firewall
		FirewallStatus *nftypes.FirewallStatus
		UpdateToken    *string
	}
)

// parts is the list of everything that is read, one row a listing.
var parts = []*Part{
	part("Reservations", "Reservations", asset.KindInstance, "ec2:DescribeInstances", putReservation).minimal(),
	part("Images", "Images", asset.KindImage, "ec2:DescribeImages", putImage).minimal(),
	part("NetworkInterfaces", "NetworkInterfaces", asset.KindNetworkInterface, "ec2:DescribeNetworkInterfaces", putInterface).minimal(),
	part("Volumes", "Volumes", asset.KindVolume, "ec2:DescribeVolumes", putVolume),
	part("Snapshots", "Snapshots", asset.KindSnapshot, "ec2:DescribeSnapshots", putSnapshot),
	part("KeyPairs", "KeyPairs", asset.KindKeyPair, "ec2:DescribeKeyPairs", putKeyPair),
	part("Vpcs", "Vpcs", asset.KindVPC, "ec2:DescribeVpcs", putVPC),
	part("Subnets", "Subnets", asset.KindSubnet, "ec2:DescribeSubnets", putSubnet),
	part("RouteTables", "RouteTables", asset.KindRouteTable, "ec2:DescribeRouteTables", putRouteTable),
	part("NetworkAcls", "NetworkAcls", asset.KindNetworkACL, "ec2:DescribeNetworkAcls", putNetworkACL),
	part("SecurityGroups", "SecurityGroups", asset.KindSecurityGroup, "ec2:DescribeSecurityGroups", putSecurityGroup),
	part("Addresses", "Addresses", asset.KindAddress, "ec2:DescribeAddresses", putAddress),
	part("ManagedPrefixLists", "PrefixLists", asset.KindPrefixList, "ec2:DescribeManagedPrefixLists", putManagedPrefixList),
	part("PrefixLists", "PrefixLists", asset.KindPrefixList, "ec2:DescribePrefixLists", putPrefixList).detail("the addresses of AWS's own lists"),
	part("ManagedPrefixListEntries", "ManagedPrefixListEntries", asset.KindPrefixList, "ec2:GetManagedPrefixListEntries", putPrefixListEntries).detail("entries"),
	part("InternetGateways", "InternetGateways", asset.KindInternetGateway, "ec2:DescribeInternetGateways", putInternetGateway),
	part("EgressOnlyInternetGateways", "EgressOnlyInternetGateways", asset.KindEgressOnlyGateway, "ec2:DescribeEgressOnlyInternetGateways", putEgressOnlyGateway),
	part("NatGateways", "NatGateways", asset.KindNATGateway, "ec2:DescribeNatGateways", putNATGateway),
	part("VpnGateways", "VpnGateways", asset.KindVPNGateway, "ec2:DescribeVpnGateways", putVPNGateway),
	part("CustomerGateways", "CustomerGateways", asset.KindCustomerGateway, "ec2:DescribeCustomerGateways", putCustomerGateway),
	part("VpnConnections", "VpnConnections", asset.KindVPNConnection, "ec2:DescribeVpnConnections", putVPNConnection).without(withoutKeysOfVPN),
	part("VpcPeeringConnections", "VpcPeeringConnections", asset.KindPeering, "ec2:DescribeVpcPeeringConnections", putPeering),
	part("TransitGateways", "TransitGateways", asset.KindTransitGateway, "ec2:DescribeTransitGateways", putTransitGateway),
	part("TransitGatewayAttachments", "TransitGatewayAttachments", asset.KindTransitAttachment, "ec2:DescribeTransitGatewayAttachments", putTransitAttachment),
	part("TransitGatewayVpcAttachments", "TransitGatewayVpcAttachments", asset.KindTransitAttachment, "ec2:DescribeTransitGatewayVpcAttachments", putTransitVPCAttachment).detail("subnets and options"),
	part("TransitGatewayRouteTables", "TransitGatewayRouteTables", asset.KindTransitRouteTable, "ec2:DescribeTransitGatewayRouteTables", putTransitRouteTable),
	part("TransitGatewayPropagations", "TransitGatewayPropagations", asset.KindTransitRouteTable, "ec2:GetTransitGatewayRouteTablePropagations", putPropagations).detail("propagations"),
	part("TransitGatewayStaticRoutes", "TransitGatewayStaticRoutes", asset.KindTransitRouteTable, "ec2:SearchTransitGatewayRoutes", putTransitRoutes).detail("routes"),
	part("VpcEndpoints", "VpcEndpoints", asset.KindEndpoint, "ec2:DescribeVpcEndpoints", putEndpoint),
	part("FlowLogs", "FlowLogs", asset.KindFlowLog, "ec2:DescribeFlowLogs", putFlowLog),
	part("VpcBlockPublicAccessOptions", "VpcBlockPublicAccessOptions", asset.KindBlockPublicAccess, "ec2:DescribeVpcBlockPublicAccessOptions", putBlockPublicAccess).object(),
	part("VpcBlockPublicAccessExclusions", "VpcBlockPublicAccessExclusions", asset.KindBlockPublicAccessExcl, "ec2:DescribeVpcBlockPublicAccessExclusions", putBlockPublicAccessExclusion),
	part("LoadBalancers", "LoadBalancers", asset.KindLoadBalancer, "elasticloadbalancing:DescribeLoadBalancers", putLoadBalancer),
	part("ClassicLoadBalancers", "LoadBalancerDescriptions", asset.KindLoadBalancer, "elasticloadbalancing:DescribeLoadBalancers", putClassicLoadBalancer),
	part("LoadBalancerAttributes", "LoadBalancerAttributes", asset.KindLoadBalancer, "elasticloadbalancing:DescribeLoadBalancerAttributes", putLoadBalancerAttributes).detail("attributes"),
	part("LoadBalancerTags", "TagDescriptions", asset.KindLoadBalancer, "elasticloadbalancing:DescribeTags", putLoadBalancerTags).detail("tags"),
	part("LoadBalancerListeners", "LoadBalancerListeners", asset.KindListener, "elasticloadbalancing:DescribeListeners", putListeners),
	part("LoadBalancerRules", "LoadBalancerRules", asset.KindListener, "elasticloadbalancing:DescribeRules", putRules).detail("rules"),
	part("TargetGroups", "TargetGroups", asset.KindTargetGroup, "elasticloadbalancing:DescribeTargetGroups", putTargetGroup),
	part("TargetGroupAttributes", "TargetGroupAttributes", asset.KindTargetGroup, "elasticloadbalancing:DescribeTargetGroupAttributes", putTargetGroupAttributes).detail("attributes"),
	part("LoadBalancerTargetHealth", "LoadBalancerTargetHealth", asset.KindTargetGroup, "elasticloadbalancing:DescribeTargetHealth", putTargetHealth).detail("targets and their health"),
	part("NetworkFirewalls", "NetworkFirewalls", asset.KindFirewall, "network-firewall:ListFirewalls network-firewall:DescribeFirewall", putFirewall),
	part("DirectConnectGateways", "directConnectGateways", asset.KindDirectConnectGateway, "directconnect:DescribeDirectConnectGateways", putDirectConnectGateway).lowerCamel(),
	part("DirectConnectGatewayAssociations", "directConnectGatewayAssociations", asset.KindDirectConnectGateway, "directconnect:DescribeDirectConnectGatewayAssociations", putDirectConnectAssociation).detail("associations").lowerCamel(),
	part("VirtualInterfaces", "virtualInterfaces", asset.KindVirtualInterface, "directconnect:DescribeVirtualInterfaces", putVirtualInterface).lowerCamel().without(withoutKeysOfVIF),
	part("SsmInstanceInformation", "InstanceInformationList", asset.KindManagedInstance, "ssm:DescribeInstanceInformation", putManagedInstance),
	part("InstanceProfiles", "InstanceProfiles", asset.KindInstanceProfile, "iam:ListInstanceProfiles", putInstanceProfile),
}

// What the SDK's types are called here, so that a reader of the table above sees what each row takes.
type (
	classicLB     = elbtypes.LoadBalancerDescription
	dcGateway     = dctypes.DirectConnectGateway
	dcAssociation = dctypes.DirectConnectGatewayAssociation
	dcVIF         = dctypes.VirtualInterface
	ssmInstance   = ssmtypes.InstanceInformation
)

// withoutKeysOfVPN drops what holds pre-shared keys: the device configuration and the tunnels' keys.
func withoutKeysOfVPN(v any) any {
	c := *v.(*ec2types.VpnConnection)
	c.CustomerGatewayConfiguration = nil
	if c.Options != nil {
		o := *c.Options
		o.TunnelOptions = append([]ec2types.TunnelOption(nil), o.TunnelOptions...)
		for i := range o.TunnelOptions {
			o.TunnelOptions[i].PreSharedKey = nil
		}
		c.Options = &o
	}
	return &c
}

// withoutKeysOfVIF drops what holds BGP keys: the interface's, its peers', and the router configuration.
func withoutKeysOfVIF(v any) any {
	i := *v.(*dcVIF)
	i.AuthKey, i.CustomerRouterConfig = nil, nil
	i.BgpPeers = append([]dctypes.BGPPeer(nil), i.BgpPeers...)
	for n := range i.BgpPeers {
		i.BgpPeers[n].AuthKey = nil
	}
	return &i
}
