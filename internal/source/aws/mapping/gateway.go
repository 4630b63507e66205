package mapping

import (
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/asset"
)

func putInternetGateway(r *Region, v *ec2types.InternetGateway) {
	g := &asset.InternetGateway{
		Meta:    r.meta(asset.KindInternetGateway, v.InternetGatewayId, r.ec2ARN("internet-gateway", deref(v.OwnerId), v.InternetGatewayId), r.tags(v.Tags)),
		OwnerID: r.text(v.OwnerId),
	}
	for _, a := range v.Attachments {
		g.Attachments = append(g.Attachments, asset.VPCAttachment{VPCID: r.text(a.VpcId), State: r.intern(string(a.State))})
	}
	r.add(g)
}

func putEgressOnlyGateway(r *Region, v *ec2types.EgressOnlyInternetGateway) {
	g := &asset.InternetGateway{
		Meta:       r.meta(asset.KindEgressOnlyGateway, v.EgressOnlyInternetGatewayId, r.ec2ARN("egress-only-internet-gateway", "", v.EgressOnlyInternetGatewayId), r.tags(v.Tags)),
		EgressOnly: true,
	}
	for _, a := range v.Attachments {
		g.Attachments = append(g.Attachments, asset.VPCAttachment{VPCID: r.text(a.VpcId), State: r.intern(string(a.State))})
	}
	r.add(g)
}

func putNATGateway(r *Region, v *ec2types.NatGateway) {
	o := r.of(asset.KindNATGateway, v.NatGatewayId)
	g := &asset.NATGateway{
		Meta:         r.meta(asset.KindNATGateway, v.NatGatewayId, r.ec2ARN("natgateway", "", v.NatGatewayId), r.tags(v.Tags)),
		State:        r.intern(string(v.State)),
		Connectivity: r.intern(string(v.ConnectivityType)),
		VPCID:        r.text(v.VpcId),
		SubnetID:     r.text(v.SubnetId),
	}
	for _, a := range v.NatGatewayAddresses {
		g.Addresses = append(g.Addresses, asset.NATAddress{
			NetworkInterfaceID: r.text(a.NetworkInterfaceId), AllocationID: r.text(a.AllocationId),
			Private: o.addr("PrivateIp", a.PrivateIp), Public: o.addr("PublicIp", a.PublicIp),
		})
	}
	r.add(g)
}

func putVPNGateway(r *Region, v *ec2types.VpnGateway) {
	g := &asset.VPNGateway{
		Meta:  r.meta(asset.KindVPNGateway, v.VpnGatewayId, r.ec2ARN("vpn-gateway", "", v.VpnGatewayId), r.tags(v.Tags)),
		State: r.intern(string(v.State)),
		Type:  r.intern(string(v.Type)),
		ASN:   deref(v.AmazonSideAsn),
	}
	for _, a := range v.VpcAttachments {
		g.Attachments = append(g.Attachments, asset.VPCAttachment{VPCID: r.text(a.VpcId), State: r.intern(string(a.State))})
	}
	r.add(g)
}

func putCustomerGateway(r *Region, v *ec2types.CustomerGateway) {
	o := r.of(asset.KindCustomerGateway, v.CustomerGatewayId)
	asn := r.text(v.BgpAsn)
	if asn == "" {
		asn = r.text(v.BgpAsnExtended)
	}
	r.add(&asset.CustomerGateway{
		Meta:  r.meta(asset.KindCustomerGateway, v.CustomerGatewayId, r.ec2ARN("customer-gateway", "", v.CustomerGatewayId), r.tags(v.Tags)),
		State: r.text(v.State),
		IP:    o.addr("IpAddress", v.IpAddress),
		ASN:   asn,
	})
}

// putVPNConnection keeps nothing of the device configuration and the tunnel options: both hold pre-shared keys.
func putVPNConnection(r *Region, v *ec2types.VpnConnection) {
	o := r.of(asset.KindVPNConnection, v.VpnConnectionId)
	c := &asset.VPNConnection{
		Meta:              r.meta(asset.KindVPNConnection, v.VpnConnectionId, r.ec2ARN("vpn-connection", "", v.VpnConnectionId), r.tags(v.Tags)),
		State:             r.intern(string(v.State)),
		CustomerGatewayID: r.text(v.CustomerGatewayId),
		VPNGatewayID:      r.text(v.VpnGatewayId),
		TransitGatewayID:  r.text(v.TransitGatewayId),
	}
	if v.Options != nil {
		c.StaticRoutesOnly = deref(v.Options.StaticRoutesOnly)
	}
	for _, s := range v.Routes {
		if s.State == "" || s.State == ec2types.VpnStateAvailable {
			c.Routes = append(c.Routes, o.prefixes("DestinationCidrBlock", s.DestinationCidrBlock)...)
		}
	}
	for _, t := range v.VgwTelemetry {
		if t.Status == ec2types.TelemetryStatusUp {
			c.TunnelsUp++
		}
	}
	r.add(c)
}

func putPeering(r *Region, v *ec2types.VpcPeeringConnection) {
	o := r.of(asset.KindPeering, v.VpcPeeringConnectionId)
	p := &asset.Peering{
		Meta:      r.meta(asset.KindPeering, v.VpcPeeringConnectionId, "", r.tags(v.Tags)),
		Requester: side(r, o, v.RequesterVpcInfo),
		Accepter:  side(r, o, v.AccepterVpcInfo),
	}
	if v.Status != nil {
		p.Status = r.intern(string(v.Status.Code))
	}
	if p.Status == "" {
		o.fault("the peering has no status")
	}
	p.ARN = r.ec2ARN("vpc-peering-connection", p.Requester.OwnerID, v.VpcPeeringConnectionId)
	r.add(p)
}

func side(r *Region, o of, v *ec2types.VpcPeeringConnectionVpcInfo) asset.PeeringSide {
	if v == nil {
		o.fault("one side of the peering is missing")
		return asset.PeeringSide{}
	}
	s := asset.PeeringSide{VPCID: r.text(v.VpcId), OwnerID: r.text(v.OwnerId), Region: r.text(v.Region)}
	for _, c := range v.CidrBlockSet {
		s.CIDRs = append(s.CIDRs, o.prefixes("CidrBlock", c.CidrBlock)...)
	}
	if len(v.CidrBlockSet) == 0 {
		s.CIDRs = o.prefixes("CidrBlock", v.CidrBlock)
	}
	for _, c := range v.Ipv6CidrBlockSet {
		s.CIDRs = append(s.CIDRs, o.prefixes("Ipv6CidrBlock", c.Ipv6CidrBlock)...)
	}
	return s
}

func putEndpoint(r *Region, v *ec2types.VpcEndpoint) {
	e := &asset.Endpoint{
		Meta:              r.meta(asset.KindEndpoint, v.VpcEndpointId, r.ec2ARN("vpc-endpoint", deref(v.OwnerId), v.VpcEndpointId), r.tags(v.Tags)),
		Type:              r.intern(string(v.VpcEndpointType)),
		Service:           r.text(v.ServiceName),
		State:             r.intern(string(v.State)),
		VPCID:             r.text(v.VpcId),
		OwnerID:           r.text(v.OwnerId),
		Subnets:           r.texts(v.SubnetIds),
		RouteTables:       r.texts(v.RouteTableIds),
		NetworkInterfaces: r.texts(v.NetworkInterfaceIds),
		PrivateDNS:        deref(v.PrivateDnsEnabled),
		Policy:            deref(v.PolicyDocument),
	}
	for _, g := range v.Groups {
		e.SecurityGroups = append(e.SecurityGroups, r.text(g.GroupId))
	}
	r.add(e)
}
