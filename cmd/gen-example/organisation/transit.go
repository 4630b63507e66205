package organisation

// onPremises is the network behind the offices' customer gateways.
const onPremises = "192.168.0.0/16"

// transit makes the transit gateway of the shared account, shared with the
// shop's, and the routes to it on both sides. The participant's account sees
// the gateway and its own attachment, but no route tables.
func transit(shared *sharedNetwork, shop *shopNetwork) {
	owner, tgw := shared.region, shared.id("tgw", "hub")
	gateway := object{
		"TransitGatewayId": tgw, "TransitGatewayArn": owner.arn("ec2", "transit-gateway/"+tgw), "State": "available", "OwnerId": owner.account, "Description": "hub of the organisation",
		"CreationTime": daysAgo(405, tgw), "Tags": tags("hub"),
		"Options": object{
			"AmazonSideAsn": 64512, "AutoAcceptSharedAttachments": "disable", "DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable",
			"VpnEcmpSupport": "enable", "DnsSupport": "enable", "SecurityGroupReferencingSupport": "disable", "MulticastSupport": "disable",
		},
	}
	seenByParticipant := object{}
	for k, v := range gateway {
		seenByParticipant[k] = v
	}
	seenByParticipant["Tags"] = []object{} // tags do not cross accounts
	owner.add("TransitGateways", gateway)
	shop.add("TransitGateways", seenByParticipant)

	production, core := owner.transitTable(tgw, "production"), owner.transitTable(tgw, "core")
	shopSide := owner.attach(tgw, shop.vpc, production, shop.app...)
	sharedSide := owner.attach(tgw, shared.vpc, core, shared.private...)
	vpn := owner.transitVPN(tgw, core)
	owner.propagate(production, sharedSide)
	owner.propagate(core, shopSide, sharedSide)
	owner.add("TransitGatewayStaticRoutes",
		object{"TransitGatewayRouteTableId": production, "AdditionalRoutesAvailable": false, "Routes": []object{
			{"DestinationCidrBlock": devCIDR, "Type": "static", "State": "blackhole"},
			staticRoute(onPremises, vpn),
		}},
		object{"TransitGatewayRouteTableId": core, "AdditionalRoutesAvailable": false, "Routes": []object{staticRoute(onPremises, vpn)}},
	)
	for _, t := range shop.privateTables {
		route(t, sharedCIDR, "TransitGatewayId", tgw)
		route(t, onPremises, "TransitGatewayId", tgw)
	}
	for _, t := range shared.tables {
		route(t, shopCIDR, "TransitGatewayId", tgw)
		route(t, onPremises, "TransitGatewayId", tgw)
	}
}

func (r *region) transitTable(tgw, name string) string {
	id := r.id("tgw-rtb", name)
	r.add("TransitGatewayRouteTables", object{
		"TransitGatewayRouteTableId": id, "TransitGatewayId": tgw, "State": "available", "DefaultAssociationRouteTable": false, "DefaultPropagationRouteTable": false,
		"CreationTime": daysAgo(404, id), "Tags": tags(name),
	})
	return id
}

// attached is one attachment of the transit gateway.
type attached struct{ id, resource, kind string }

// attach attaches a VPC of any account; the attachment is listed in the
// gateway's account and, if another, in the VPC's.
func (r *region) attach(tgw string, v *vpc, table string, subnets ...*subnet) attached {
	a := attached{r.id("tgw-attach", v.name), v.vpcID, "vpc"}
	ids := []string{}
	for _, s := range subnets {
		s.serviceInterface(interfaceSpec{
			key: "tgw " + s.subnetID, description: "Network Interface for Transit Gateway Attachment " + a.id, kind: "transit_gateway", requester: r.account, owner: "amazon-aws",
			sourceDestCheck: true,
		})
		ids = append(ids, s.subnetID)
	}
	general := object{
		"TransitGatewayAttachmentId": a.id, "TransitGatewayId": tgw, "TransitGatewayOwnerId": r.account, "ResourceOwnerId": v.account, "ResourceType": "vpc", "ResourceId": v.vpcID,
		"State": "available", "Association": object{"TransitGatewayRouteTableId": table, "State": "associated"}, "CreationTime": daysAgo(403, a.id), "Tags": tags(v.name),
	}
	special := object{
		"TransitGatewayAttachmentId": a.id, "TransitGatewayId": tgw, "VpcId": v.vpcID, "VpcOwnerId": v.account, "State": "available", "SubnetIds": ids, "CreationTime": daysAgo(403, a.id),
		"Options": object{"DnsSupport": "enable", "SecurityGroupReferencingSupport": "disable", "Ipv6Support": "disable", "ApplianceModeSupport": "disable"}, "Tags": tags(v.name),
	}
	lists := []*region{r}
	if v.account != r.account {
		lists = append(lists, v.region)
	}
	for _, l := range lists {
		l.add("TransitGatewayAttachments", general)
		l.add("TransitGatewayVpcAttachments", special)
	}
	return a
}

func (r *region) propagate(table string, from ...attached) {
	list := []object{}
	for _, a := range from {
		list = append(list, object{"TransitGatewayAttachmentId": a.id, "ResourceId": a.resource, "ResourceType": a.kind, "State": "enabled"})
	}
	r.add("TransitGatewayPropagations", object{"TransitGatewayRouteTableId": table, "TransitGatewayRouteTablePropagations": list})
}

func staticRoute(cidr string, to attached) object {
	return object{"DestinationCidrBlock": cidr, "Type": "static", "State": "active", "TransitGatewayAttachments": []object{{
		"ResourceId": to.resource, "TransitGatewayAttachmentId": to.id, "ResourceType": to.kind,
	}}}
}

// transitVPN makes the Tokyo office's VPN into the transit gateway.
func (r *region) transitVPN(tgw, table string) attached {
	vpn := r.vpnConnection("tokyo-office", "198.51.100.1", nil)
	vpn["TransitGatewayId"], vpn["GatewayAssociationState"] = tgw, "associated"
	id := vpn["VpnConnectionId"].(string)
	a := attached{r.id("tgw-attach", "vpn"), id, "vpn"}
	r.add("TransitGatewayAttachments", object{
		"TransitGatewayAttachmentId": a.id, "TransitGatewayId": tgw, "TransitGatewayOwnerId": r.account, "ResourceOwnerId": r.account, "ResourceType": "vpn", "ResourceId": id,
		"State": "available", "Association": object{"TransitGatewayRouteTableId": table, "State": "associated"}, "CreationTime": daysAgo(402, a.id), "Tags": tags("tokyo-office"),
	})
	return a
}

// vpnConnection makes a customer gateway and a VPN connection with static
// routes. CustomerGatewayConfiguration is left out: it holds the keys.
func (r *region) vpnConnection(name, customer string, routes []string) object {
	cgw := r.id("cgw", name)
	r.add("CustomerGateways", object{
		"BgpAsn": "65000", "CustomerGatewayId": cgw, "IpAddress": customer, "State": "available", "Type": "ipsec.1", "DeviceName": name, "Tags": tags(name),
	})
	static := []object{}
	for _, cidr := range routes {
		static = append(static, object{"DestinationCidrBlock": cidr, "Source": "Static", "State": "available"})
	}
	tunnels, telemetry := []object{}, []object{}
	for i, inside := range []string{"169.254.11.0/30", "169.254.12.0/30"} {
		outside := r.public()
		tunnels = append(tunnels, object{"OutsideIpAddress": outside, "TunnelInsideCidr": inside})
		telemetry = append(telemetry, object{
			"AcceptedRouteCount": len(routes), "LastStatusChange": daysAgo(30+i, name), "OutsideIpAddress": outside, "Status": "UP", "StatusMessage": "",
		})
	}
	vpn := object{
		"VpnConnectionId": r.id("vpn", name), "CustomerGatewayId": cgw, "Category": "VPN", "State": "available", "Type": "ipsec.1", "Routes": static, "VgwTelemetry": telemetry,
		"Options": object{
			"EnableAcceleration": false, "StaticRoutesOnly": true, "LocalIpv4NetworkCidr": "0.0.0.0/0", "RemoteIpv4NetworkCidr": "0.0.0.0/0", "OutsideIpAddressType": "PublicIpv4",
			"TunnelInsideIpVersion": "ipv4", "TunnelOptions": tunnels,
		},
		"Tags": tags(name),
	}
	r.add("VpnConnections", vpn)
	return vpn
}

// connectShopAndDevelopment makes the peering between the two VPCs in Tokyo,
// which both accounts see, and the routes on both sides.
func connectShopAndDevelopment(shop *shopNetwork, dev *devNetwork) {
	o := object{
		"AccepterVpcInfo": peerInfo(shop.vpc), "RequesterVpcInfo": peerInfo(dev.vpc), "Status": object{"Code": "active", "Message": "Active"},
		"Tags": tags("development-to-shop"), "VpcPeeringConnectionId": peeringID,
	}
	shop.add("VpcPeeringConnections", o)
	dev.add("VpcPeeringConnections", o)
	for _, t := range shop.privateTables {
		route(t, devCIDR, "VpcPeeringConnectionId", peeringID)
	}
	route(dev.privateTable, shopCIDR, "VpcPeeringConnectionId", peeringID)
}

func peerInfo(v *vpc) object {
	return object{
		"CidrBlock": v.cidr, "CidrBlockSet": []object{{"CidrBlock": v.cidr}}, "OwnerId": v.account, "VpcId": v.vpcID, "Region": v.region.name,
		"PeeringOptions": object{"AllowDnsResolutionFromRemoteVpc": false, "AllowEgressFromLocalClassicLinkToRemoteVpc": false, "AllowEgressFromLocalVpcToRemoteClassicLink": false},
	}
}

// peeringID is the peering connection between the shop's VPC and development.
var peeringID = "pcx-0" + hexOf(16, "peering", shopAccount, devAccount)
