package awstest

import (
	"net/http"
	"slices"
	"strings"

	"hinomi/internal/awstest/model"
)

// DefaultRegions are the regions of the commercial partition that every account has without opting in. Source: AWS Account
// Management Reference Guide, "Enable or disable AWS Regions".
func DefaultRegions() []string {
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
		"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// opted are the regions of an account that differ from the default.
type opted struct {
	in   []string // opted in to
	only []string // if not nil, all it has
}

// OptIn enables further regions for an account.
func (a *AWS) OptIn(account string, regions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.regionsOf(account)
	o.in = append(o.in, regions...)
}

// OnlyRegions makes an account as if these were all its regions, to keep a test small; the others say not-opted-in.
func (a *AWS) OnlyRegions(account string, regions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.regionsOf(account).only = regions
}

func (a *AWS) regionsOf(account string) *opted {
	if a.regions[account] == nil {
		a.regions[account] = &opted{}
	}
	return a.regions[account]
}

// optedIn says whether an account may use a region. In other partitions than the commercial one all regions are on.
func (a *AWS) optedIn(account, region string) bool {
	return a.optInStatus(account, region) != "not-opted-in"
}

func (a *AWS) optInStatus(account, region string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var o opted
	if p := a.regions[account]; p != nil {
		o = *p
	}
	switch {
	case o.only != nil && !slices.Contains(o.only, region) && !slices.Contains(o.in, region):
		return "not-opted-in"
	case partition(region) != "aws", slices.Contains(DefaultRegions(), region):
		return "opt-in-not-required"
	case slices.Contains(o.in, region), slices.Contains(o.only, region):
		return "opted-in"
	}
	return "not-opted-in"
}

// describeRegions corrects moto's answer, which names every region that there is and takes no account's choice into account.
func (a *AWS) describeRegions(c *Call) *Reply {
	rep := a.toMoto(c, c.raw)
	if rep.Status != http.StatusOK {
		return rep
	}
	root, err := model.ParseXML(rep.Body)
	if err != nil {
		a.errorf("DescribeRegions: %v", err)
		return rep
	}
	set := root.Child("regionInfo")
	if set == nil {
		return rep
	}
	named, all := c.List("RegionName"), c.Param("AllRegions") == "true"
	set.Children = slices.DeleteFunc(set.Children, func(n *model.Node) bool {
		region := n.Path("regionName")
		if partition(region) != partition(c.Region) {
			return true // moto mixes the partitions
		}
		status := a.optInStatus(c.Account, region)
		n.Set("optInStatus", status)
		return status == "not-opted-in" && !all && !slices.Contains(named, region)
	})
	rep.Body = root.Bytes()
	return rep
}

// notInMoto are EC2 actions that the connector and the reachability reading use and that moto 5.2.1 does not know. An account that has
// none of these things gets an empty set from AWS, and so it does here: moto could not make one either.
var notInMoto = []string{
	"DescribeAddressTransfers", "DescribeCapacityReservations", "DescribeClientVpnAuthorizationRules", "DescribeClientVpnEndpoints", "DescribeClientVpnRoutes",
	"DescribeClientVpnTargetNetworks", "DescribeFastSnapshotRestores", "DescribeInstanceConnectEndpoints", "DescribeInstanceImageMetadata", "DescribeIpamPools", "DescribeIpams", "DescribeIpamScopes",
	"DescribeIpv6Pools", "DescribeLocalGatewayRouteTables", "DescribeLocalGatewayRouteTableVirtualInterfaceGroupAssociations", "DescribeLocalGatewayRouteTableVpcAssociations",
	"DescribeLocalGateways", "DescribeLocalGatewayVirtualInterfaceGroups", "DescribeLocalGatewayVirtualInterfaces", "DescribeLockedSnapshots", "DescribeMacHosts",
	"DescribeNetworkInsightsAnalyses", "DescribeNetworkInsightsPaths", "DescribeNetworkInterfacePermissions", "DescribePlacementGroups", "DescribePublicIpv4Pools",
	"DescribeRouteServerEndpoints", "DescribeRouteServerPeers", "DescribeRouteServers", "DescribeSecurityGroupReferences", "DescribeSecurityGroupVpcAssociations", "DescribeSnapshotTierStatus",
	"DescribeTrafficMirrorSessions", "DescribeTransitGatewayConnectPeers", "DescribeTransitGatewayConnects", "DescribeTransitGatewayMulticastDomains",
	"DescribeTransitGatewayPolicyTables", "DescribeTransitGatewayRouteTableAnnouncements", "DescribeTrunkInterfaceAssociations", "DescribeVerifiedAccessEndpoints",
	"DescribeVerifiedAccessGroups", "DescribeVerifiedAccessInstances", "DescribeVerifiedAccessTrustProviders", "DescribeVpcBlockPublicAccessExclusions", "DescribeVpcEncryptionControls",
	"DescribeVpcEndpointAssociations", "DescribeVpcEndpointConnections", "DescribeVpnConcentrators", "GetManagedPrefixListAssociations",
	"GetTransitGatewayAttachmentPropagations", "GetTransitGatewayPolicyTableAssociations", "GetTransitGatewayPolicyTableEntries", "GetTransitGatewayPrefixListReferences",
	"GetSecurityGroupsForVpc", "SearchLocalGatewayRoutes", "SearchTransitGatewayMulticastGroups",
}

// empty answers the empty lists of an action's output.
func (a *AWS) empty(c *Call) *Reply {
	res := &model.Node{}
	if c.op == nil {
		a.errorf("%s is no action of %s", c.Action, c.Service)
		return c.Error(http.StatusBadRequest, "InvalidAction", "The action "+c.Action+" is not valid for this web service.")
	}
	for name, ref := range c.svc.Output(c.op).Members {
		if c.svc.Shapes[ref.Shape].Type == "list" {
			res.Children = append(res.Children, &model.Node{Name: model.ElementName(name, ref)})
		}
	}
	slices.SortFunc(res.Children, func(a, b *model.Node) int { return strings.Compare(a.Name, b.Name) })
	return c.XML(c.response(res))
}

// blockPublicAccessOptions answers as for an account that never set them, which moto does not know.
func (a *AWS) blockPublicAccessOptions(c *Call) *Reply {
	o := &model.Node{Name: "vpcBlockPublicAccessOptions"}
	o.Set("awsAccountId", c.Account)
	o.Set("awsRegion", c.Region)
	o.Set("state", "default-state")
	o.Set("internetGatewayBlockMode", "off")
	o.Set("managedBy", "account")
	o.Set("exclusionsAllowed", "allowed")
	return c.XML(c.response(&model.Node{Children: []*model.Node{o}}))
}
