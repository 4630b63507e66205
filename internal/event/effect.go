package event

import (
	"strings"

	"hinomi/internal/asset"
)

// effect says what some calls change.
type effect struct {
	kinds []asset.Kind // nil: nothing that is kept
	calls string       // names, separated by white space
}

func index(table []effect) map[string][]asset.Kind {
	out := map[string][]asset.Kind{}
	for _, e := range table {
		for name := range strings.FieldsSeq(e.calls) {
			out[name] = e.kinds
		}
	}
	return out
}

// service is what is known of one AWS service: its calls, and all kinds that an unknown call of it may change.
type service struct {
	calls  map[string][]asset.Kind
	family []asset.Kind
}

// services are the services whose calls are looked at, by their name in CloudTrail's records.
var services = map[string]service{
	"ec2.amazonaws.com": {ec2Calls, []asset.Kind{
		asset.KindInstance, asset.KindImage, asset.KindVolume, asset.KindSnapshot, asset.KindKeyPair, asset.KindNetworkInterface, asset.KindAddress, asset.KindVPC,
		asset.KindSubnet, asset.KindRouteTable, asset.KindNetworkACL, asset.KindSecurityGroup, asset.KindPrefixList, asset.KindInternetGateway, asset.KindEgressOnlyGateway,
		asset.KindNATGateway, asset.KindVPNGateway, asset.KindCustomerGateway, asset.KindVPNConnection, asset.KindPeering, asset.KindTransitGateway,
		asset.KindTransitAttachment, asset.KindTransitRouteTable, asset.KindEndpoint, asset.KindFlowLog, asset.KindBlockPublicAccess, asset.KindBlockPublicAccessExcl,
	}},
	"elasticloadbalancing.amazonaws.com": {balanceCalls, balance},
	"iam.amazonaws.com":                  {iamCalls, nil}, // an unknown call of IAM says nothing of instance profiles
	"ssm.amazonaws.com":                  {ssmCalls, nil},
	"network-firewall.amazonaws.com":     {firewallCalls, firewall},
	"directconnect.amazonaws.com":        {directCalls, direct},
}

var (
	launched = []asset.Kind{asset.KindInstance, asset.KindImage, asset.KindNetworkInterface, asset.KindVolume}
	balance  = []asset.Kind{asset.KindLoadBalancer, asset.KindListener, asset.KindTargetGroup, asset.KindNetworkInterface}
	firewall = []asset.Kind{asset.KindFirewall, asset.KindEndpoint, asset.KindNetworkInterface, asset.KindTransitAttachment}
	direct   = []asset.Kind{asset.KindDirectConnectGateway, asset.KindVirtualInterface}
	managed  = []asset.Kind{asset.KindManagedInstance}
	profile  = []asset.Kind{asset.KindInstanceProfile}
)

// balanceCalls are those of both load balancing APIs, 2012-06-01 and 2015-12-01: CloudTrail writes both under one name, with one set of verbs.
var balanceCalls = index([]effect{
	{kinds: balance, calls: `CreateLoadBalancer DeleteLoadBalancer SetSubnets SetIpAddressType ModifyIpPools AttachLoadBalancerToSubnets DetachLoadBalancerFromSubnets
		EnableAvailabilityZonesForLoadBalancer DisableAvailabilityZonesForLoadBalancer`},
	{kinds: []asset.Kind{asset.KindLoadBalancer, asset.KindListener}, calls: `SetSecurityGroups ApplySecurityGroupsToLoadBalancer ModifyLoadBalancerAttributes CreateListener DeleteListener
		ModifyListener ModifyListenerAttributes CreateRule DeleteRule ModifyRule SetRulePriorities CreateLoadBalancerListeners DeleteLoadBalancerListeners ConfigureHealthCheck
		RegisterInstancesWithLoadBalancer DeregisterInstancesFromLoadBalancer SetLoadBalancerListenerSSLCertificate`},
	{kinds: []asset.Kind{asset.KindTargetGroup, asset.KindLoadBalancer, asset.KindListener}, calls: `CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes RegisterTargets
		DeregisterTargets AddTags RemoveTags`},
	{calls: `AddListenerCertificates RemoveListenerCertificates AddTrustStoreRevocations RemoveTrustStoreRevocations CreateTrustStore DeleteTrustStore ModifyTrustStore
		DeleteSharedTrustStoreAssociation ModifyCapacityReservation CreateAppCookieStickinessPolicy CreateLBCookieStickinessPolicy CreateLoadBalancerPolicy
		DeleteLoadBalancerPolicy SetLoadBalancerPoliciesForBackendServer SetLoadBalancerPoliciesOfListener`},
})

// iamCalls are those that change an instance profile or the role in it (IAM API Reference).
var iamCalls = index([]effect{
	{kinds: profile, calls: `CreateInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile
		CreateRole DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole UntagRole`},
})

// ssmCalls are those that change which instances are managed, or their inventory (Systems Manager API Reference).
var ssmCalls = index([]effect{
	{kinds: managed, calls: `RegisterManagedInstance DeregisterManagedInstance UpdateManagedInstanceRole UpdateInstanceInformation PutInventory DeleteInventory PutComplianceItems
		UpdateServiceSetting ResetServiceSetting`},
})

var firewallCalls = index([]effect{
	{kinds: firewall, calls: `CreateFirewall DeleteFirewall AssociateSubnets DisassociateSubnets AssociateAvailabilityZones DisassociateAvailabilityZones CreateVpcEndpointAssociation
		DeleteVpcEndpointAssociation AcceptNetworkFirewallTransitGatewayAttachment RejectNetworkFirewallTransitGatewayAttachment DeleteNetworkFirewallTransitGatewayAttachment`},
	{kinds: []asset.Kind{asset.KindFirewall}, calls: `AssociateFirewallPolicy UpdateFirewallDeleteProtection UpdateFirewallDescription UpdateFirewallEncryptionConfiguration
		UpdateFirewallPolicyChangeProtection UpdateSubnetChangeProtection UpdateAvailabilityZoneChangeProtection TagResource UntagResource`},
	{calls: `CreateFirewallPolicy DeleteFirewallPolicy UpdateFirewallPolicy CreateRuleGroup DeleteRuleGroup UpdateRuleGroup CreateTLSInspectionConfiguration
		DeleteTLSInspectionConfiguration UpdateTLSInspectionConfiguration PutResourcePolicy DeleteResourcePolicy UpdateLoggingConfiguration UpdateFirewallAnalysisSettings
		StartAnalysisReport StartFlowCapture StartFlowFlush`},
})

var directCalls = index([]effect{
	{calls: `CreateConnection DeleteConnection UpdateConnection CreateLag DeleteLag UpdateLag CreateInterconnect DeleteInterconnect ConfirmCustomerAgreement
		AssociateMacSecKey DisassociateMacSecKey AllocateConnectionOnInterconnect AllocateHostedConnection ConfirmConnection`},
})

// notices are the events of services themselves that name something changed, by source and detail-type (EventBridge Events Reference).
var notices = map[string][]asset.Kind{
	"aws.ec2/" + instanceState:                                     launched,
	"aws.ec2/EC2 Spot Instance Interruption Warning":               {asset.KindInstance},
	"aws.ec2/EBS Volume Notification":                              {asset.KindVolume},
	"aws.ec2/EBS Snapshot Notification":                            {asset.KindSnapshot},
	"aws.ec2/EBS Multi-Volume Snapshots Completion Status":         {asset.KindSnapshot},
	"aws.ec2/EC2 AMI State Change":                                 {asset.KindImage},
	"aws.autoscaling/EC2 Instance Launch Successful":               launched,
	"aws.autoscaling/EC2 Instance Terminate Successful":            launched,
	"aws.ssm/Inventory Resource State Change":                      managed,
	"aws.ssm/EC2 State Manager Association State Change":           managed,
	"aws.ssm/EC2 State Manager Instance Association State Change":  managed,
	"aws.ssm/Configuration Compliance State Change":                managed,
	"aws.elasticloadbalancing/Load Balancer Provisioning Complete": balance,
}

// configTypes are the resource types of AWS Config that are kept here (AWS Config Developer Guide, "Supported resource types").
var configTypes = map[string][]asset.Kind{
	"AWS::EC2::Instance":                            {asset.KindInstance, asset.KindImage, asset.KindNetworkInterface},
	"AWS::EC2::Volume":                              {asset.KindVolume},
	"AWS::EC2::NetworkInterface":                    {asset.KindNetworkInterface},
	"AWS::EC2::EIP":                                 {asset.KindAddress, asset.KindNetworkInterface},
	"AWS::EC2::VPC":                                 {asset.KindVPC},
	"AWS::EC2::Subnet":                              {asset.KindSubnet},
	"AWS::EC2::RouteTable":                          {asset.KindRouteTable},
	"AWS::EC2::NetworkAcl":                          {asset.KindNetworkACL},
	"AWS::EC2::SecurityGroup":                       {asset.KindSecurityGroup},
	"AWS::EC2::PrefixList":                          {asset.KindPrefixList},
	"AWS::EC2::InternetGateway":                     {asset.KindInternetGateway},
	"AWS::EC2::EgressOnlyInternetGateway":           {asset.KindEgressOnlyGateway},
	"AWS::EC2::NatGateway":                          {asset.KindNATGateway},
	"AWS::EC2::VPNGateway":                          {asset.KindVPNGateway},
	"AWS::EC2::CustomerGateway":                     {asset.KindCustomerGateway},
	"AWS::EC2::VPNConnection":                       {asset.KindVPNConnection},
	"AWS::EC2::VPCPeeringConnection":                {asset.KindPeering},
	"AWS::EC2::TransitGateway":                      {asset.KindTransitGateway},
	"AWS::EC2::TransitGatewayAttachment":            {asset.KindTransitAttachment},
	"AWS::EC2::TransitGatewayRouteTable":            {asset.KindTransitRouteTable},
	"AWS::EC2::VPCEndpoint":                         {asset.KindEndpoint},
	"AWS::EC2::FlowLog":                             {asset.KindFlowLog},
	"AWS::ElasticLoadBalancing::LoadBalancer":       {asset.KindLoadBalancer, asset.KindListener},
	"AWS::ElasticLoadBalancingV2::LoadBalancer":     {asset.KindLoadBalancer, asset.KindListener},
	"AWS::ElasticLoadBalancingV2::Listener":         {asset.KindLoadBalancer, asset.KindListener},
	"AWS::NetworkFirewall::Firewall":                {asset.KindFirewall},
	"AWS::SSM::ManagedInstanceInventory":            managed,
	"AWS::SSM::AssociationCompliance":               managed,
	"AWS::SSM::PatchCompliance":                     managed,
	"AWS::IAM::InstanceProfile":                     profile,
	"AWS::IAM::Role":                                profile,
	"AWS::EC2::VPCBlockPublicAccessOptions":         {asset.KindBlockPublicAccess},
	"AWS::EC2::VPCBlockPublicAccessExclusion":       {asset.KindBlockPublicAccessExcl},
	"AWS::EC2::TransitGatewayVpcAttachment":         {asset.KindTransitAttachment},
	"AWS::EC2::SecurityGroupVpcAssociation":         {asset.KindSecurityGroup},
	"AWS::EC2::SubnetRouteTableAssociation":         {asset.KindRouteTable},
	"AWS::ElasticLoadBalancingV2::TargetGroup":      {asset.KindTargetGroup},
	"AWS::EC2::TransitGatewayRouteTableAssociation": {asset.KindTransitRouteTable},
	"AWS::EC2::TransitGatewayRouteTablePropagation": {asset.KindTransitRouteTable},
}

// prefixes are those of the ids of what is kept (EC2 API Reference, the examples of each Describe action).
var prefixes = map[string]asset.Kind{
	"i": asset.KindInstance, "ami": asset.KindImage, "vol": asset.KindVolume, "snap": asset.KindSnapshot, "key": asset.KindKeyPair, "eni": asset.KindNetworkInterface,
	"eipalloc": asset.KindAddress, "vpc": asset.KindVPC, "subnet": asset.KindSubnet, "rtb": asset.KindRouteTable, "acl": asset.KindNetworkACL, "sg": asset.KindSecurityGroup,
	"pl": asset.KindPrefixList, "igw": asset.KindInternetGateway, "eigw": asset.KindEgressOnlyGateway, "nat": asset.KindNATGateway, "vgw": asset.KindVPNGateway,
	"cgw": asset.KindCustomerGateway, "vpn": asset.KindVPNConnection, "pcx": asset.KindPeering, "tgw": asset.KindTransitGateway, "tgw-attach": asset.KindTransitAttachment,
	"tgw-rtb": asset.KindTransitRouteTable, "vpce": asset.KindEndpoint, "fl": asset.KindFlowLog, "vpcbpa-exclude": asset.KindBlockPublicAccessExcl,
}
