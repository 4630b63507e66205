package mapping

import (
	"net/netip"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/asset"
)

func putVPC(r *Region, v *ec2types.Vpc) {
	o := r.of(asset.KindVPC, v.VpcId)
	vpc := &asset.VPC{
		Meta:      r.meta(asset.KindVPC, v.VpcId, r.ec2ARN("vpc", deref(v.OwnerId), v.VpcId), r.tags(v.Tags)),
		State:     r.intern(string(v.State)),
		OwnerID:   r.text(v.OwnerId),
		IsDefault: deref(v.IsDefault),
		Tenancy:   r.intern(string(v.InstanceTenancy)),
	}
	for _, a := range v.CidrBlockAssociationSet {
		if a.CidrBlockState == nil || a.CidrBlockState.State == ec2types.VpcCidrBlockStateCodeAssociated {
			vpc.CIDRs = append(vpc.CIDRs, o.prefixes("CidrBlock", a.CidrBlock)...)
		}
	}
	if len(v.CidrBlockAssociationSet) == 0 {
		vpc.CIDRs = o.prefixes("CidrBlock", v.CidrBlock)
	}
	for _, a := range v.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState == nil || a.Ipv6CidrBlockState.State == ec2types.VpcCidrBlockStateCodeAssociated {
			vpc.CIDRs = append(vpc.CIDRs, o.prefixes("Ipv6CidrBlock", a.Ipv6CidrBlock)...)
		}
	}
	r.add(vpc)
}

func putSubnet(r *Region, v *ec2types.Subnet) {
	o := r.of(asset.KindSubnet, v.SubnetId)
	arn := deref(v.SubnetArn)
	if arn == "" {
		arn = r.ec2ARN("subnet", deref(v.OwnerId), v.SubnetId)
	}
	s := &asset.Subnet{
		Meta:            r.meta(asset.KindSubnet, v.SubnetId, arn, r.tags(v.Tags)),
		State:           r.intern(string(v.State)),
		OwnerID:         r.text(v.OwnerId),
		VPCID:           r.text(v.VpcId),
		Zone:            r.text(v.AvailabilityZone),
		CIDRs:           o.prefixes("CidrBlock", v.CidrBlock),
		MapPublicIP:     deref(v.MapPublicIpOnLaunch),
		AssignIPv6:      deref(v.AssignIpv6AddressOnCreation),
		DefaultForZone:  deref(v.DefaultForAz),
		FreeIPv4Address: number(v.AvailableIpAddressCount),
	}
	for _, a := range v.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState == nil || a.Ipv6CidrBlockState.State == ec2types.SubnetCidrBlockStateCodeAssociated {
			s.CIDRs = append(s.CIDRs, o.prefixes("Ipv6CidrBlock", a.Ipv6CidrBlock)...)
		}
	}
	r.add(s)
}

func putInterface(r *Region, v *ec2types.NetworkInterface) {
	o := r.of(asset.KindNetworkInterface, v.NetworkInterfaceId)
	n := &asset.NetworkInterface{
		Meta:             r.meta(asset.KindNetworkInterface, v.NetworkInterfaceId, r.ec2ARN("network-interface", deref(v.OwnerId), v.NetworkInterfaceId), r.tags(v.TagSet)),
		Type:             r.intern(string(v.InterfaceType)),
		Status:           r.intern(string(v.Status)),
		Description:      deref(v.Description),
		OwnerID:          r.text(v.OwnerId),
		RequesterManaged: deref(v.RequesterManaged),
		VPCID:            r.text(v.VpcId),
		SubnetID:         r.text(v.SubnetId),
		Zone:             r.text(v.AvailabilityZone),
		SecurityGroups:   groupIDs(r, v.Groups),
		SourceDestCheck:  v.SourceDestCheck,
		MACAddress:       deref(v.MacAddress),
	}
	if a := v.Attachment; a != nil {
		n.InstanceID, n.InstanceOwnerID = r.text(a.InstanceId), r.text(a.InstanceOwnerId)
		n.AttachmentStatus, n.DeviceIndex = r.intern(string(a.Status)), number(a.DeviceIndex)
	}
	n.Addresses = privateIPs(r, o, v)
	for _, a := range v.Ipv6Addresses {
		if ip := o.addr("Ipv6Address", a.Ipv6Address); ip.IsValid() {
			n.IPv6 = append(n.IPv6, ip)
		}
	}
	for _, p := range v.Ipv4Prefixes {
		n.Prefixes = append(n.Prefixes, o.prefixes("Ipv4Prefix", p.Ipv4Prefix)...)
	}
	for _, p := range v.Ipv6Prefixes {
		n.Prefixes = append(n.Prefixes, o.prefixes("Ipv6Prefix", p.Ipv6Prefix)...)
	}
	r.add(n)
}

// privateIPs returns the private addresses with what is mapped to them, the primary first.
func privateIPs(r *Region, o of, v *ec2types.NetworkInterface) []asset.PrivateIP {
	list := v.PrivateIpAddresses
	if len(list) == 0 && v.PrivateIpAddress != nil {
		yes := true
		list = []ec2types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: v.PrivateIpAddress, Primary: &yes, Association: v.Association}}
	}
	var out []asset.PrivateIP
	for _, a := range list {
		p := asset.PrivateIP{Private: o.addr("PrivateIpAddress", a.PrivateIpAddress), Primary: deref(a.Primary)}
		if as := a.Association; as != nil {
			p.Public, p.AllocationID, p.PublicDNS = o.addr("PublicIp", as.PublicIp), r.text(as.AllocationId), deref(as.PublicDnsName)
		}
		if !p.Private.IsValid() {
			if a.PrivateIpAddress == nil {
				o.fault("a private address is missing")
			}
			continue
		}
		if p.Primary {
			out = append([]asset.PrivateIP{p}, out...)
		} else {
			out = append(out, p)
		}
	}
	return out
}

func putAddress(r *Region, v *ec2types.Address) {
	id := v.AllocationId
	if id == nil {
		id = v.PublicIp // EC2-Classic and Local Zones of old have no allocation
	}
	o := r.of(asset.KindAddress, id)
	r.add(&asset.Address{
		Meta:               r.meta(asset.KindAddress, id, r.ec2ARN("elastic-ip", "", v.AllocationId), r.tags(v.Tags)),
		Public:             o.addr("PublicIp", v.PublicIp),
		Private:            o.addr("PrivateIpAddress", v.PrivateIpAddress),
		AssociationID:      r.text(v.AssociationId),
		InstanceID:         r.text(v.InstanceId),
		NetworkInterfaceID: r.text(v.NetworkInterfaceId),
	})
}

func putRouteTable(r *Region, v *ec2types.RouteTable) {
	o := r.of(asset.KindRouteTable, v.RouteTableId)
	t := &asset.RouteTable{
		Meta:    r.meta(asset.KindRouteTable, v.RouteTableId, r.ec2ARN("route-table", deref(v.OwnerId), v.RouteTableId), r.tags(v.Tags)),
		OwnerID: r.text(v.OwnerId),
		VPCID:   r.text(v.VpcId),
	}
	for _, a := range v.Associations {
		if a.AssociationState != nil && a.AssociationState.State != "" && a.AssociationState.State != ec2types.RouteTableAssociationStateCodeAssociated {
			continue
		}
		switch {
		case deref(a.Main):
			t.Main = true
		case deref(a.SubnetId) != "":
			t.Subnets = append(t.Subnets, r.text(a.SubnetId))
		case deref(a.GatewayId) != "":
			t.Gateways = append(t.Gateways, r.text(a.GatewayId))
		}
	}
	for _, g := range v.PropagatingVgws {
		t.PropagatingVGWs = append(t.PropagatingVGWs, r.text(g.GatewayId))
	}
	for i := range v.Routes {
		t.Routes = append(t.Routes, route(r, o, &v.Routes[i]))
	}
	r.add(t)
}

func route(r *Region, o of, v *ec2types.Route) asset.Route {
	out := asset.Route{State: r.intern(string(v.State)), Origin: r.intern(string(v.Origin)), PrefixList: r.text(v.DestinationPrefixListId)}
	switch {
	case v.DestinationCidrBlock != nil:
		out.Destination = o.prefix("DestinationCidrBlock", v.DestinationCidrBlock)
	case v.DestinationIpv6CidrBlock != nil:
		out.Destination = o.prefix("DestinationIpv6CidrBlock", v.DestinationIpv6CidrBlock)
	case v.DestinationPrefixListId == nil:
		o.fault("a route has no destination")
	}
	for _, t := range []struct {
		typ string
		id  *string
	}{
		{"nat", v.NatGatewayId},
		{"egress-only", v.EgressOnlyInternetGatewayId},
		{"peering", v.VpcPeeringConnectionId},
		{"transit-gateway", v.TransitGatewayId},
		{"carrier", v.CarrierGatewayId},
		{"local-gateway", v.LocalGatewayId},
		{"core-network", v.CoreNetworkArn},
		{"odb-network", v.OdbNetworkArn},
		{"interface", v.NetworkInterfaceId}, // before the instance: it names which of the instance's interfaces
		{"instance", v.InstanceId},
		{"gateway", v.GatewayId},
	} {
		if deref(t.id) != "" {
			out.TargetType, out.Target = t.typ, r.text(t.id)
			break
		}
	}
	if out.Target == "local" {
		out.TargetType = "local"
	}
	if out.TargetType == "" && v.State != ec2types.RouteStateBlackhole {
		o.fault("the target of a route to %s is of no kind that is known", out.Destination)
	}
	return out
}

func putNetworkACL(r *Region, v *ec2types.NetworkAcl) {
	o := r.of(asset.KindNetworkACL, v.NetworkAclId)
	a := &asset.NetworkACL{
		Meta:      r.meta(asset.KindNetworkACL, v.NetworkAclId, r.ec2ARN("network-acl", deref(v.OwnerId), v.NetworkAclId), r.tags(v.Tags)),
		OwnerID:   r.text(v.OwnerId),
		VPCID:     r.text(v.VpcId),
		IsDefault: deref(v.IsDefault),
	}
	for _, s := range v.Associations {
		a.Subnets = append(a.Subnets, r.text(s.SubnetId))
	}
	for _, e := range v.Entries {
		out := asset.ACLEntry{
			Number: number(e.RuleNumber), Egress: deref(e.Egress), Allow: e.RuleAction == ec2types.RuleActionAllow,
			Protocol: o.protocol(e.Protocol), ToPort: maxPort, ICMPType: -1, ICMPCode: -1,
		}
		if e.RuleAction != ec2types.RuleActionAllow && e.RuleAction != ec2types.RuleActionDeny {
			o.fault("rule %d has action %q", out.Number, clip(string(e.RuleAction)))
		}
		out.CIDR = o.prefix("CidrBlock", e.CidrBlock)
		if e.CidrBlock == nil {
			out.CIDR = o.prefix("Ipv6CidrBlock", e.Ipv6CidrBlock)
		}
		if e.CidrBlock == nil && e.Ipv6CidrBlock == nil {
			o.fault("rule %d has no CIDR block", out.Number)
		}
		if e.PortRange != nil && out.Protocol != -1 {
			out.FromPort, out.ToPort = ports(o, e.PortRange.From, e.PortRange.To)
		}
		if t := e.IcmpTypeCode; t != nil {
			out.ICMPType, out.ICMPCode = orAll(t.Type), orAll(t.Code)
		}
		a.Entries = append(a.Entries, out)
	}
	r.add(a)
}

const maxPort = 65535

func orAll(p *int32) int {
	if p == nil {
		return -1
	}
	return int(*p)
}

// ports reads a port range; an absent bound is the end of the range.
func ports(o of, from, to *int32) (int, int) {
	lo, hi := 0, maxPort
	if from != nil && *from != -1 {
		lo = int(*from)
	}
	if to != nil && *to != -1 {
		hi = int(*to)
	}
	if lo < 0 || hi > maxPort || lo > hi {
		o.fault("port range %d to %d", lo, hi)
		return 0, maxPort
	}
	return lo, hi
}

func putSecurityGroup(r *Region, v *ec2types.SecurityGroup) {
	o := r.of(asset.KindSecurityGroup, v.GroupId)
	g := &asset.SecurityGroup{
		Meta:        r.meta(asset.KindSecurityGroup, v.GroupId, deref(v.SecurityGroupArn), r.tags(v.Tags)),
		GroupName:   r.text(v.GroupName),
		Description: deref(v.Description),
		OwnerID:     r.text(v.OwnerId),
		VPCID:       r.text(v.VpcId),
	}
	if g.ARN == "" {
		g.ARN = r.ec2ARN("security-group", deref(v.OwnerId), v.GroupId)
	}
	for i := range v.IpPermissions {
		g.Rules = append(g.Rules, rules(r, o, &v.IpPermissions[i], false)...)
	}
	for i := range v.IpPermissionsEgress {
		g.Rules = append(g.Rules, rules(r, o, &v.IpPermissionsEgress[i], true)...)
	}
	r.add(g)
}

// rules returns one rule per peer of a permission, in the API's order: IPv4 ranges, IPv6 ranges, prefix lists, groups.
func rules(r *Region, o of, v *ec2types.IpPermission, egress bool) (out []asset.Rule) {
	base := asset.Rule{Egress: egress, Protocol: o.protocol(v.IpProtocol)}
	switch base.Protocol {
	case 1, 58:
		base.FromPort, base.ToPort = orAll(v.FromPort), orAll(v.ToPort)
	case -1:
		base.ToPort = maxPort
	default:
		base.FromPort, base.ToPort = ports(o, v.FromPort, v.ToPort)
	}
	cidr := func(p netip.Prefix, what, description *string) {
		if !p.IsValid() {
			if what == nil || *what == "" {
				o.fault("a rule has no address range")
			}
			return
		}
		rule := base
		rule.CIDR, rule.Description = p, deref(description)
		out = append(out, rule)
	}
	for _, p := range v.IpRanges {
		cidr(o.prefix("CidrIp", p.CidrIp), p.CidrIp, p.Description)
	}
	for _, p := range v.Ipv6Ranges {
		cidr(o.prefix("CidrIpv6", p.CidrIpv6), p.CidrIpv6, p.Description)
	}
	for _, p := range v.PrefixListIds {
		rule := base
		rule.PrefixList, rule.Description = r.text(p.PrefixListId), deref(p.Description)
		out = append(out, rule)
	}
	for _, p := range v.UserIdGroupPairs {
		rule := base
		rule.Group, rule.GroupOwner, rule.Description = r.text(p.GroupId), r.text(p.UserId), deref(p.Description)
		rule.GroupPeering, rule.GroupStatus = r.text(p.VpcPeeringConnectionId), r.text(p.PeeringStatus)
		out = append(out, rule)
	}
	return out
}

func putManagedPrefixList(r *Region, v *ec2types.ManagedPrefixList) {
	arn := deref(v.PrefixListArn)
	if arn == "" {
		arn = r.ec2ARN("prefix-list", deref(v.OwnerId), v.PrefixListId)
	}
	keep(r, &asset.PrefixList{
		Meta:       r.meta(asset.KindPrefixList, v.PrefixListId, arn, r.tags(v.Tags)),
		ListName:   r.text(v.PrefixListName),
		OwnerID:    r.text(v.OwnerId),
		MaxEntries: number(v.MaxEntries),
	})
}

// putPrefixList takes the older form, which knows only the lists of AWS's services but has their addresses in it.
func putPrefixList(r *Region, v *ec2types.PrefixList) {
	o := r.of(asset.KindPrefixList, v.PrefixListId)
	list := &asset.PrefixList{
		Meta:     r.meta(asset.KindPrefixList, v.PrefixListId, r.ec2ARN("prefix-list", "aws", v.PrefixListId), nil),
		ListName: r.text(v.PrefixListName), OwnerID: "AWS", EntriesRead: true,
	}
	for i := range v.Cidrs {
		list.Entries = append(list.Entries, o.prefixes("Cidr", &v.Cidrs[i])...)
	}
	r.later = append(r.later, func() {
		if have, ok := r.joined[asset.KindPrefixList][list.ID].(*asset.PrefixList); !ok {
			keep(r, list)
		} else if !have.EntriesRead {
			have.Entries, have.EntriesRead = list.Entries, true
		}
	})
}

func putPrefixListEntries(r *Region, v *PrefixListEntries) {
	o := r.of(asset.KindPrefixList, v.PrefixListId)
	join(r, deref(v.PrefixListId), func(l *asset.PrefixList) {
		l.Entries, l.EntriesRead = nil, true
		for _, e := range v.Entries {
			l.Entries = append(l.Entries, o.prefixes("Cidr", e.Cidr)...)
		}
	})
}

func putFlowLog(r *Region, v *ec2types.FlowLog) {
	f := &asset.FlowLog{
		Meta:        r.meta(asset.KindFlowLog, v.FlowLogId, r.ec2ARN("vpc-flow-log", "", v.FlowLogId), r.tags(v.Tags)),
		ResourceID:  r.text(v.ResourceId),
		Status:      r.text(v.FlowLogStatus),
		TrafficType: r.intern(string(v.TrafficType)),
		Destination: r.text(v.LogDestination),
	}
	if f.Destination == "" {
		f.Destination = r.text(v.LogGroupName)
	}
	r.add(f)
}

func putBlockPublicAccess(r *Region, v *ec2types.VpcBlockPublicAccessOptions) {
	account := r.Account
	r.add(&asset.BlockPublicAccess{
		Meta:              r.meta(asset.KindBlockPublicAccess, &account, "", nil),
		Mode:              r.intern(string(v.InternetGatewayBlockMode)),
		State:             r.intern(string(v.State)),
		ExclusionsAllowed: r.intern(string(v.ExclusionsAllowed)),
	})
}

func putBlockPublicAccessExclusion(r *Region, v *ec2types.VpcBlockPublicAccessExclusion) {
	r.add(&asset.BlockPublicAccessExclusion{
		Meta:     r.meta(asset.KindBlockPublicAccessExcl, v.ExclusionId, r.ec2ARN("vpc-block-public-access-exclusion", "", v.ExclusionId), r.tags(v.Tags)),
		Resource: r.text(v.ResourceArn),
		Mode:     r.intern(string(v.InternetGatewayExclusionMode)),
		State:    r.intern(string(v.State)),
	})
}
