package organisation

var osakaZones = []zone{{"ap-northeast-3a", "apne3-az3"}, {"ap-northeast-3b", "apne3-az1"}, {"ap-northeast-3c", "apne3-az2"}}

// newOsaka makes the shop's second site, which waits for a disaster: most of
// it is stopped. The Osaka office reaches it by a VPN into its own gateway.
func newOsaka() *region {
	r := newRegion(shopAccount, "ap-northeast-3", "198.51.100", 64, osakaZones...)
	v := newVPC(r, "shop-dr", osakaCIDR, "")
	public := []*subnet{v.addSubnet("dr-public-a", "10.11.0", "a", true), v.addSubnet("dr-public-b", "10.11.1", "b", true)}
	private := []*subnet{v.addSubnet("dr-app-a", "10.11.10", "a", false), v.addSubnet("dr-app-b", "10.11.11", "b", false)}
	t := v.table("dr-public", false, public...)
	route(t, "0.0.0.0/0", "GatewayId", v.internetGateway())
	p := v.table("dr-app", false, private...)
	route(p, "0.0.0.0/0", "NatGatewayId", public[0].natGateway("dr-nat-a"))
	v.virtualPrivateGateway(p)
	v.gatewayEndpoint(v.prefixLists(), p)

	v.group("web", "web servers", []object{tcp(8080, fromGroup(v.groupID("alb"))), tcp(22, fromCIDR(onPremises, "Osaka office"))}, nil)
	v.group("alb", "internal load balancer", []object{tcp(80, fromCIDR(onPremises, "Osaka office"))}, nil)
	v.group("db", "PostgreSQL", []object{tcp(5432, fromGroup(v.groupID("web")))}, nil)
	web := r.launch(machine{
		name: "dr-web", count: 2, kind: "t3.medium", image: almaLinux10, subnets: private, groups: []string{"web"}, team: "shop", env: "dr", role: "shop-web", plain: true, imdsv1: true, days: 150,
		ssm: "AlmaLinux", version: "10.2",
	})
	api := r.launch(machine{
		name: "dr-api", count: 3, kind: "c6g.large", image: amazonLinuxArm, subnets: private, groups: []string{"web"}, team: "shop", env: "dr", role: "shop-api", state: "stopped", days: 150,
	})
	r.launch(machine{
		name: "dr-db-01", kind: "r6i.xlarge", image: almaLinux, subnets: private[:1], groups: []string{"db"}, team: "data", env: "dr", role: "shop-db", data: 500, days: 150,
		ssm: "AlmaLinux", version: "9.6",
	})
	r.launch(machine{name: "dr-restore-test", kind: "t3.medium", image: almaLinux, subnets: private[:1], groups: []string{"db"}, team: "data", env: "dr", state: "terminated", days: 9})
	r.launch(machine{
		name: "dr-probe-01", kind: "t3.nano", image: amazonLinux, subnets: public[:1], groups: []string{"default"}, team: "platform", env: "dr", public: "auto", days: 70,
	})
	alb := newBalancer(v, "dr-internal", "application", "internal", []string{"alb"}, private...)
	targets := []target{{web[0], "", "healthy"}, {web[1], "", "healthy"}, {api[0], "", "unused"}}
	alb.listeners(listener{80, "HTTP", alb.targetGroup("dr-web", "HTTP", 8080, targets)})
	// A copy from another region names no volume of this one: AWS writes vol-ffffffff.
	r.snapshot("copy of nightly shop-db-01 data", "vol-ffffffff", 500, 1, true)
	return r
}

// virtualPrivateGateway makes the gateway with the Osaka office's VPN, whose
// routes are propagated into the table.
func (v *vpc) virtualPrivateGateway(table object) {
	vgw := v.id("vgw", v.name)
	v.add("VpnGateways", object{
		"AmazonSideAsn": 64512, "State": "available", "Type": "ipsec.1", "VpcAttachments": []object{{"State": "attached", "VpcId": v.vpcID}}, "VpnGatewayId": vgw, "Tags": tags("osaka-office"),
	})
	vpn := v.vpnConnection("osaka-office", "198.51.100.17", []string{onPremises})
	vpn["VpnGatewayId"] = vgw
	table["PropagatingVgws"] = []object{{"GatewayId": vgw}}
	table["Routes"] = append(table["Routes"].([]object), object{
		"DestinationCidrBlock": onPremises, "GatewayId": vgw, "Origin": "EnableVgwRoutePropagation", "State": "active",
	})
}
