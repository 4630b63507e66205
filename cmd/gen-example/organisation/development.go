package organisation

// devVPC is the id of the development VPC, needed before it is made.
func devVPC() string { return "vpc-0" + hexOf(16, devAccount, "ap-northeast-1", "vpc", "development") }

// devNetwork is the developers' account in Tokyo, peered with the shop.
type devNetwork struct {
	*vpc
	privateTable object
}

func newDevelopment() *devNetwork {
	r := newRegion(devAccount, "ap-northeast-1", "203.0.113", 160, tokyoZones[:2]...)
	n := &devNetwork{vpc: newVPC(r, "development", devCIDR, "")}
	public := []*subnet{n.addSubnet("dev-public-a", "10.30.0", "a", true), n.addSubnet("dev-public-c", "10.30.1", "c", true)}
	private := []*subnet{n.addSubnet("dev-app-a", "10.30.10", "a", false), n.addSubnet("dev-app-c", "10.30.11", "c", false)}
	open := n.table("dev-public", false, public...)
	route(open, "0.0.0.0/0", "GatewayId", n.internetGateway())
	route(open, shopCIDR, "VpcPeeringConnectionId", peeringID)
	n.privateTable = n.table("dev-app", false, private...)
	route(n.privateTable, "0.0.0.0/0", "NatGatewayId", public[0].natGateway("dev-nat-a"))
	n.gatewayEndpoint(n.prefixLists(), n.privateTable)
	n.hosts(public, private)
	return n
}

func (n *devNetwork) hosts(public, private []*subnet) {
	n.group("clb", "classic load balancer", []object{tcp(80, fromCIDR("0.0.0.0/0", ""))}, nil)
	n.group("web", "web servers", []object{tcp(8080, fromGroup(n.groupID("clb"))), tcp(22, fromCIDR(devCIDR, ""))}, nil)
	n.group("api", "API servers", []object{tcp(8443, fromGroup(n.groupID("web"))), tcp(22, fromCIDR(devCIDR, ""))}, nil)
	n.group("db", "PostgreSQL", []object{tcp(5432, fromGroup(n.groupID("web")), fromGroup(n.groupID("api")))}, nil)
	n.group("sandbox", "anything, for trials", []object{permission("-1", 0, 0, fromCIDR("0.0.0.0/0", ""))}, nil)
	key := n.keyPair("developers")
	web := n.launch(machine{
		name: "dev-web", count: 3, kind: "t3.small", image: almaLinux10, subnets: private, groups: []string{"web"}, team: "shop", env: "development", role: "shop-web", keyName: key, plain: true,
		imdsv1: true, days: 80,
	})
	n.launch(machine{
		name: "dev-api", count: 2, kind: "t3.small", image: amazonLinux, subnets: private, groups: []string{"api"}, team: "shop", env: "development", role: "shop-api", keyName: key, days: 45,
		ssm: "Amazon Linux", version: "2023",
	})
	n.launch(machine{name: "dev-db-01", kind: "t3.medium", image: almaLinux, subnets: private[:1], groups: []string{"db"}, team: "data", env: "development", keyName: key, data: 100, plain: true, days: 200})
	n.launch(machine{
		name: "sandbox-01", kind: "t1.micro", image: debian, subnets: public[:1], groups: []string{"sandbox"}, team: "shop", env: "development", keyName: key, public: "auto", plain: true, imdsv1: true, days: 1500,
	})
	n.launch(machine{
		name: "sandbox-02", kind: "t3.micro", image: ubuntu, subnets: public[1:], groups: []string{"sandbox"}, team: "shop", env: "development", keyName: key, public: "auto", plain: true, imdsv1: true,
		state: "stopped", days: 130,
	})
	n.launch(machine{name: "load-test", count: 2, kind: "c7i.xlarge", image: amazonLinux, subnets: private, groups: []string{"api"}, team: "shop", env: "development", state: "terminated", days: 4})
	n.classic("dev-legacy-clb", "clb", 80, 8080, web, public...)
	n.volume(volumeSpec{key: "left over", name: "sandbox-old-root", zone: "ap-northeast-1a", gib: 8, kind: "standard", days: 1700})
	n.snapshot("sandbox-01 before the upgrade", n.id("vol", "sandbox-01 root"), debian.gib, 365, false)
}

// newFrankfurt makes a trial in Europe. One call was refused there, so its
// network ACLs are unknown, not absent; and the way out of its private subnet
// leads to a NAT gateway that was deleted.
func newFrankfurt() *region {
	r := newRegion(devAccount, "eu-central-1", "192.0.2", 100, zone{"eu-central-1a", "euc1-az2"}, zone{"eu-central-1b", "euc1-az3"})
	v := newVPC(r, "eu-trial", euCIDR, "")
	public := v.addSubnet("eu-public-a", "10.31.0", "a", true)
	private := v.addSubnet("eu-app-b", "10.31.10", "b", false)
	t := v.table("eu-public", false, public)
	route(t, "0.0.0.0/0", "GatewayId", v.internetGateway())
	p := v.table("eu-app", false, private)
	route(p, "0.0.0.0/0", "NatGatewayId", v.id("nat", "deleted"))
	routes := p["Routes"].([]object)
	routes[len(routes)-1]["State"] = "blackhole"
	v.gatewayEndpoint(v.prefixLists(), p)
	v.group("trial", "trial of a shop in Europe", []object{tcp(443, fromCIDR("0.0.0.0/0", "")), tcp(22, fromCIDR("0.0.0.0/0", ""))}, nil)
	r.launch(machine{name: "eu-trial", count: 3, kind: "t3.small", image: ubuntu, subnets: []*subnet{public}, groups: []string{"trial"}, team: "shop", env: "trial", public: "auto", plain: true, days: 18})
	r.launch(machine{
		name: "eu-recommend-01", kind: "g4dn.xlarge", image: ubuntu, subnets: []*subnet{private}, groups: []string{"trial"}, team: "data", env: "trial", role: "recommend", data: 100, days: 18,
		ssm: "Ubuntu", version: "22.04",
	})
	r.unread = []string{"NetworkAcls"}
	return r
}
