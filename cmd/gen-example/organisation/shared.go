package organisation

// sharedNetwork is the account that all others use: the bastion, directory,
// build machines, and the transit gateway.
type sharedNetwork struct {
	*vpc
	private []*subnet
	tables  []object
}

func newShared() *sharedNetwork {
	r := newRegion(sharedAccount, "ap-northeast-1", "203.0.113", 100, tokyoZones...)
	n := &sharedNetwork{vpc: newVPC(r, "shared", sharedCIDR, "")}
	public := []*subnet{n.addSubnet("shared-public-a", "10.20.0", "a", true), n.addSubnet("shared-public-c", "10.20.1", "c", true)}
	n.private = []*subnet{n.addSubnet("shared-app-a", "10.20.10", "a", false), n.addSubnet("shared-app-c", "10.20.11", "c", false)}
	open := n.table("shared-public", false, public...)
	route(open, "0.0.0.0/0", "GatewayId", n.internetGateway())
	inner := n.table("shared-app", false, n.private...)
	route(inner, "0.0.0.0/0", "NatGatewayId", public[0].natGateway("shared-nat-a"))
	n.tables = []object{open, inner}
	n.gatewayEndpoint(n.prefixLists(), inner)
	n.flowLog()
	n.hosts(public)
	return n
}

func (n *sharedNetwork) hosts(public []*subnet) {
	office := n.officeList()
	fromBastion := fromGroup(n.groupID("bastion"))
	n.group("bastion", "bastion host", []object{
		tcp(22, fromCIDR("0.0.0.0/0", "temporary, for the move of the office")), tcp(3389, fromCIDR("0.0.0.0/0", "temporary, for the move of the office")),
	}, nil)
	n.group("directory", "directory servers", []object{
		permission("-1", 0, 0, fromCIDR("10.0.0.0/8", "all VPCs")), permission("-1", 0, 0, fromCIDR(onPremises, "offices")), tcp(3389, fromBastion),
	}, nil)
	n.group("build", "build machines", []object{tcp(22, fromBastion), tcp(443, fromList(office, "offices")), tcp(443, fromCIDR(devCIDR, "development"))}, nil)
	n.group("log", "log collector", []object{tcp(6514, fromCIDR("10.0.0.0/8", "all VPCs")), tcp(22, fromBastion)}, nil)
	n.group("proxy", "forward proxy", []object{tcp(3128, fromCIDR("10.0.0.0/8", "all VPCs")), tcp(22, fromBastion)}, nil)
	key := n.keyPair("shared-admin")
	n.launch(machine{
		name: "bastion-tokyo-01", kind: "t3.small", image: amazonLinux, subnets: public[:1], groups: []string{"bastion"}, team: "platform", env: "production", role: "bastion", keyName: key,
		public: "eip", imdsv1: true, days: 460, ssm: "Amazon Linux", version: "2023",
	})
	n.launch(machine{
		name: "directory", count: 2, kind: "m5.xlarge", image: windows, subnets: n.private, groups: []string{"directory"}, team: "platform", env: "production", role: "directory", keyName: key,
		days: 330, ssm: "Microsoft Windows Server 2022 Datacenter", version: "10.0.20348",
	})
	n.launch(machine{
		name: "build-runner", count: 3, kind: "c7i.xlarge", image: ubuntu, subnets: n.private, groups: []string{"build"}, team: "platform", env: "production", role: "build-runner", imdsv1: true, scaling: true,
		days: 3, ssm: "Ubuntu", version: "22.04",
	})
	n.launch(machine{
		name: "log-collector-01", kind: "m6i.xlarge", image: almaLinux, subnets: n.private[:1], groups: []string{"log"}, team: "platform", env: "production", role: "log", data: 1000, days: 280,
	})
	n.launch(machine{name: "proxy-01", kind: "t3.small", image: debian, subnets: public[1:], groups: []string{"proxy"}, team: "platform", env: "production", public: "auto", plain: true, days: 500})
	n.snapshot("weekly log-collector-01", n.id("vol", "log-collector-01 data"), 1000, 5, true)
}

// newVirginia makes the small site in the United States. Its public subnet's
// network ACL refuses SSH and RDP from the internet, whatever the groups say.
func newVirginia() *region {
	r := newRegion(sharedAccount, "us-east-1", "192.0.2", 10, zone{"us-east-1a", "use1-az6"}, zone{"us-east-1b", "use1-az1"})
	v := newVPC(r, "us-edge", usCIDR, "")
	public := []*subnet{v.addSubnet("us-public-a", "10.21.0", "a", true), v.addSubnet("us-public-b", "10.21.1", "b", true)}
	t := v.table("us-public", false, public...)
	route(t, "0.0.0.0/0", "GatewayId", v.internetGateway())
	v.gatewayEndpoint(v.prefixLists(), t)
	acl := v.networkACL("us-no-admin-ports", []object{
		tcpEntry(80, false, "deny", "0.0.0.0/0", 22, 22), tcpEntry(90, false, "deny", "0.0.0.0/0", 3389, 3389), allowAll(100, false), allowAll(100, true),
	})
	for _, s := range public {
		v.associateACL(acl, s)
	}
	v.group("report", "reporting, remote desktop", []object{tcp(3389, fromCIDR("0.0.0.0/0", "stopped by the network ACL")), tcp(443, fromCIDR("198.51.100.0/28", "Tokyo office"))}, nil)
	v.group("origin", "origin of the content network", []object{tcp(443, fromCIDR("0.0.0.0/0", ""), fromCIDR6("::/0", "")), tcp(22, fromCIDR("0.0.0.0/0", "stopped by the network ACL"))}, nil)
	r.launch(machine{
		name: "us-report-01", kind: "m6i.xlarge", image: windows, subnets: public[:1], groups: []string{"report"}, team: "data", env: "production", role: "report", public: "eip", days: 190,
		ssm: "Microsoft Windows Server 2022 Datacenter", version: "10.0.20348",
	})
	r.launch(machine{
		name: "us-origin", count: 3, kind: "t3.small", image: amazonLinux, subnets: public, groups: []string{"origin"}, team: "shop", env: "production", role: "origin", public: "auto", days: 33,
		ssm: "Amazon Linux", version: "2023",
	})
	return r
}
