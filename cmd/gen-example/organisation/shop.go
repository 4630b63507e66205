package organisation

import "slices"

// The networks of the organisation's main VPCs; none overlaps another.
const (
	shopCIDR   = "10.10.0.0/16"
	osakaCIDR  = "10.11.0.0/16"
	sharedCIDR = "10.20.0.0/16"
	usCIDR     = "10.21.0.0/16"
	devCIDR    = "10.30.0.0/16"
	euCIDR     = "10.31.0.0/16"
)

// diskHost is the instance whose root disk the example ships as an image.
const diskHost = "shop-web-01"

var tokyoZones = []zone{
	{"ap-northeast-1a", "apne1-az4"}, {"ap-northeast-1c", "apne1-az1"}, {"ap-northeast-1d", "apne1-az2"},
}

// shopNetwork is the web shop in production, in Tokyo.
type shopNetwork struct {
	*vpc
	public, app, db []*subnet
	privateTables   []object
}

func newShop() *shopNetwork {
	r := newRegion(shopAccount, "ap-northeast-1", "203.0.113", 10, tokyoZones...)
	n := &shopNetwork{vpc: newVPC(r, "shop", shopCIDR, "2001:db8:10:1000::/56")}
	n.network()
	n.groups()
	n.fleets()
	n.hosts()
	n.balancers()
	n.storage()
	return n
}

func (n *shopNetwork) network() {
	for i, z := range []string{"a", "c", "d"} {
		n.public = append(n.public, n.addSubnet("shop-public-"+z, []string{"10.10.0", "10.10.1", "10.10.2"}[i], z, true))
		n.app = append(n.app, n.addSubnet("shop-app-"+z, []string{"10.10.10", "10.10.11", "10.10.12"}[i], z, false))
	}
	n.db = []*subnet{n.addSubnet("shop-db-a", "10.10.20", "a", false), n.addSubnet("shop-db-c", "10.10.21", "c", false)}
	legacy := n.addSubnet("shop-legacy-a", "10.10.30", "a", false)

	igw := n.internetGateway()
	public := n.table("shop-public", false, n.public...)
	route(public, "0.0.0.0/0", "GatewayId", igw)
	route(public, "::/0", "GatewayId", igw)
	route(public, devCIDR, "VpcPeeringConnectionId", peeringID)
	n.table("shop-legacy", false, legacy) // once public; its route to the internet gateway was taken away

	eigw := n.id("eigw", n.name)
	n.add("EgressOnlyInternetGateways", object{
		"Attachments": []object{{"State": "attached", "VpcId": n.vpcID}}, "EgressOnlyInternetGatewayId": eigw, "Tags": tags("shop-eigw"),
	})
	for i, s := range n.app {
		t := n.table("shop-app-"+s.zone, false, s)
		nat := n.public[min(i, 1)].natGatewayOnce(i)
		route(t, "0.0.0.0/0", "NatGatewayId", nat)
		route(t, "::/0", "EgressOnlyInternetGatewayId", eigw)
		n.privateTables = append(n.privateTables, t)
	}
	n.privateTables = append(n.privateTables, n.table("shop-db", false, n.db...))

	acl := n.networkACL("shop-db", []object{ // the database subnets talk to the VPC alone
		{"CidrBlock": shopCIDR, "Egress": false, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
		{"CidrBlock": shopCIDR, "Egress": true, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
	})
	for _, s := range n.db {
		n.associateACL(acl, s)
	}
	n.gatewayEndpoint(n.prefixLists(), n.privateTables...)
	n.group("endpoint", "interface endpoints", []object{tcp(443, fromCIDR(shopCIDR, "VPC"))}, nil)
	n.interfaceEndpoint("endpoint", n.app[0], n.app[1])
	n.flowLog()
}

// natGatewayOnce makes one NAT gateway in each of the first two zones; the
// third zone shares the second one's.
func (s *subnet) natGatewayOnce(i int) string {
	name := "shop-nat-" + s.zone
	if i < 2 {
		return s.natGateway(name)
	}
	return s.id("nat", name)
}

func (n *shopNetwork) groups() {
	office := n.officeList()
	ssh := tcp(22, fromCIDR("10.20.0.0/24", "bastion subnet, through the transit gateway"))
	n.group("alb", "public load balancer", []object{
		tcp(80, fromCIDR("0.0.0.0/0", "redirect to HTTPS")), tcp(443, fromCIDR("0.0.0.0/0", "customers")),
	}, nil)
	n.group("web", "web servers", []object{tcp(8080, fromGroup(n.groupID("alb"))), ssh}, nil)
	n.group("api", "API servers behind the network load balancer, which keeps the client's address", []object{
		tcp(8443, fromCIDR("0.0.0.0/0", "partners")), tcp(8443, fromCIDR(shopCIDR, "health checks")), ssh,
	}, nil)
	n.group("worker", "background jobs", []object{ssh}, nil)
	n.group("db", "PostgreSQL, from the whole VPC", []object{
		tcp(5432, fromCIDR(shopCIDR, "whole VPC")),
		// Stale: the group was deleted in the peer's account, the rule stayed.
		tcp(5432, fromPeerGroup("sg-0"+hexOf(16, "deleted group"), devAccount, devVPC(), peeringID)),
	}, nil)
	n.group("cache", "Redis, from web, API and workers", []object{
		tcp(6379, fromGroup(n.groupID("web")), fromGroup(n.groupID("api")), fromGroup(n.groupID("worker"))),
	}, nil)
	n.group("search", "search engine, also from the peer's web servers", []object{
		permission("tcp", 9200, 9300, fromGroup(n.groupID("search")), fromGroup(n.groupID("api"))),
		tcp(9200, fromPeerGroup("sg-0"+hexOf(16, devAccount, "ap-northeast-1", "sg", "development web"), devAccount, devVPC(), peeringID)), ssh,
	}, nil)
	n.group("mail", "mail relay, from the offices", []object{tcp(25, fromList(office, "offices")), tcp(587, fromList(office, "offices"))}, nil)
	n.group("api-v6", "trial of IPv6: open to all of IPv6, to nobody of IPv4", []object{tcp(8080, fromCIDR6("::/0", "trial"))}, nil)
	n.group("legacy-ftp", "old file exchange", []object{
		permission("tcp", 20, 21, fromCIDR("0.0.0.0/0", "")), permission("tcp", 1024, 1048, fromCIDR("0.0.0.0/0", "")),
	}, nil)
	n.group("monitoring", "metrics", []object{tcp(9090, fromCIDR(sharedCIDR, "shared services")), permission("icmp", 8, -1, fromCIDR("10.0.0.0/8", ""))}, nil)
	n.group("unused-old-web", "left over from the first shop", []object{tcp(80, fromCIDR("0.0.0.0/0", "")), tcp(22, fromCIDR("0.0.0.0/0", ""))}, nil)
}

func (n *shopNetwork) fleets() {
	key := n.keyPair("shop-production")
	n.launch(machine{
		name: "shop-web", count: 8, kind: "t3.medium", image: almaLinux10, subnets: n.app, groups: []string{"web"}, team: "shop", env: "production", role: "shop-web", keyName: key,
		imdsv1: true, plain: true, scaling: true, days: 120, ssm: "AlmaLinux", version: "10.2",
	})
	n.launch(machine{
		name: "shop-api", count: 6, kind: "c6g.large", image: amazonLinuxArm, subnets: n.app, groups: []string{"api"}, team: "shop", env: "production", role: "shop-api", keyName: key,
		scaling: true, days: 25, ssm: "Amazon Linux", version: "2023",
	})
	n.launch(machine{
		name: "shop-worker", count: 3, kind: "m6i.xlarge", image: amazonLinux, subnets: n.app, groups: []string{"worker"}, team: "shop", env: "production", role: "shop-worker",
		scaling: true, days: 25, ssm: "Amazon Linux", version: "2023",
	})
}

func (n *shopNetwork) hosts() {
	n.launch(machine{
		name: "shop-db", count: 2, kind: "r6i.xlarge", image: almaLinux, subnets: n.db, groups: []string{"db"}, team: "data", env: "production", role: "shop-db", data: 500, days: 300,
		ssm: "AlmaLinux", version: "9.6",
	})
	n.launch(machine{
		name: "shop-cache", count: 2, kind: "m5.xlarge", image: almaLinux, subnets: n.app[:2], groups: []string{"cache"}, team: "data", env: "production", days: 300,
	})
	n.launch(machine{
		name: "shop-search", count: 2, kind: "m6i.xlarge", image: ubuntu, subnets: n.app[:2], groups: []string{"search"}, team: "data", env: "production", role: "shop-search", data: 200, days: 210,
		ssm: "Ubuntu", version: "22.04", second: true,
	})
	n.launch(machine{
		name: "shop-mail-01", kind: "t2.nano", image: debian, subnets: n.public[:1], groups: []string{"mail"}, team: "shop", env: "production", public: "eip", imdsv1: true, plain: true, days: 800,
	})
	n.launch(machine{
		name: "shop-api-v6-01", kind: "t3.small", image: amazonLinux, subnets: n.public[1:2], groups: []string{"api-v6"}, team: "shop", env: "production", role: "shop-api", ipv6: true, days: 14,
		ssm: "Amazon Linux", version: "2023",
	})
	n.launch(machine{
		name: "legacy-ftp-01", kind: "m1.small", image: debian, subnets: []*subnet{n.subnets["shop-legacy-a"]}, groups: []string{"legacy-ftp"}, team: "shop", env: "production", public: "eip",
		imdsv1: true, plain: true, days: 2900,
	})
	n.launch(machine{
		name: "shop-monitor-01", kind: "t3.nano", image: amazonLinux, subnets: n.app[:1], groups: []string{"monitoring"}, team: "platform", env: "production", role: "monitor", days: 90,
		ssm: "Amazon Linux", version: "2023",
	})
	n.unusedElasticIP("shop-reserve")
}

func (n *shopNetwork) balancers() {
	alb := newBalancer(n.vpc, "shop-alb", "application", "internet-facing", []string{"alb"}, n.public...)
	web := []target{}
	for i, id := range n.instances("shop-web-") {
		state := "healthy"
		if i == 6 {
			state = "unhealthy"
		}
		web = append(web, target{id["InstanceId"].(string), "", state})
	}
	tg := alb.targetGroup("shop-web", "HTTP", 8080, web)
	alb.listeners(listener{80, "HTTP", ""}, listener{443, "HTTPS", tg})

	nlb := newBalancer(n.vpc, "shop-api-nlb", "network", "internet-facing", nil, n.public[0], n.public[1])
	api := []target{}
	for _, i := range n.instances("shop-api-0") {
		zone := i["Placement"].(object)["AvailabilityZone"].(string)
		api = append(api, target{i["PrivateIpAddress"].(string), zone, "healthy"})
	}
	tg = nlb.targetGroup("shop-api", "TCP", 8443, api)
	nlb.listeners(listener{443, "TCP", tg})
}

// instances returns the instances whose name begins so.
func (r *region) instances(prefix string) []object {
	var found []object
	for _, res := range r.lists["Reservations"] {
		for _, i := range res["Instances"].([]object) {
			name := i["Tags"].([]object)[0]["Value"].(string)
			if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
				found = append(found, i)
			}
		}
	}
	return slices.Clip(found)
}

func (n *shopNetwork) storage() {
	n.snapshot("shop-web-01 before the campaign", n.id("vol", diskHost+" root"), almaLinux10.gib, 40, false)
	for _, host := range []string{"shop-db-01", "shop-db-02"} {
		n.snapshot("nightly "+host+" data", n.id("vol", host+" data"), 500, 2, true)
	}
	golden := n.snapshot("shop-worker-golden", n.id("vol", "shop-worker-01 root"), amazonLinux.gib, 60, true)
	n.ownImage("shop-worker-golden-2026-09", golden, amazonLinux)
	n.volume(volumeSpec{key: "old database", name: "shop-db-old-data", zone: "ap-northeast-1a", gib: 300, kind: "gp2", days: 900})
}
