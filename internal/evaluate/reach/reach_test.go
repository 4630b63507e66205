package reach_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/reach"
	"hinomi/internal/snapshot"
)

const (
	account = "111122223333"
	region  = "ap-northeast-1"
)

// net1 is the smallest world in which the internet reaches TCP 22 of one instance. Tests change one part of it.
type net1 struct {
	instance *asset.Instance
	eni      *asset.NetworkInterface
	subnet   *asset.Subnet
	table    *asset.RouteTable
	acl      *asset.NetworkACL
	group    *asset.SecurityGroup
	igw      *asset.InternetGateway
	more     []asset.Asset
	unread   []asset.Kind
}

func meta(id string) asset.Meta { return asset.Meta{Account: account, Region: region, ID: id} }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func newNet() *net1 {
	return &net1{
		instance: &asset.Instance{Meta: meta("i-1"), State: "running"},
		eni: &asset.NetworkInterface{
			Meta: meta("eni-1"), InstanceID: "i-1", VPCID: "vpc-1", SubnetID: "subnet-1", SecurityGroups: []string{"sg-1"},
			Addresses: []asset.PrivateIP{{Private: netip.MustParseAddr("10.0.0.4"), Public: netip.MustParseAddr("203.0.113.4")}},
		},
		subnet: &asset.Subnet{Meta: meta("subnet-1"), VPCID: "vpc-1", CIDRs: []netip.Prefix{prefix("10.0.0.0/24")}},
		table: &asset.RouteTable{Meta: meta("rtb-1"), VPCID: "vpc-1", Main: true, Routes: []asset.Route{
			{Destination: prefix("10.0.0.0/16"), Target: "local", State: "active"},
			{Destination: prefix("0.0.0.0/0"), Target: "igw-1", State: "active"},
			{Destination: prefix("::/0"), Target: "igw-1", State: "active"},
		}},
		acl: &asset.NetworkACL{Meta: meta("acl-1"), VPCID: "vpc-1", Subnets: []string{"subnet-1"}, Entries: []asset.ACLEntry{
			{Number: 100, Allow: true, Protocol: -1, CIDR: prefix("0.0.0.0/0")},
			{Number: 100, Egress: true, Allow: true, Protocol: -1, CIDR: prefix("0.0.0.0/0")},
			{Number: 101, Allow: true, Protocol: -1, CIDR: prefix("::/0")},
			{Number: 101, Egress: true, Allow: true, Protocol: -1, CIDR: prefix("::/0")},
		}},
		group: &asset.SecurityGroup{Meta: meta("sg-1"), Rules: []asset.Rule{{Protocol: 6, FromPort: 22, ToPort: 22, CIDR: prefix("0.0.0.0/0")}}},
		igw:   &asset.InternetGateway{Meta: meta("igw-1"), Attachments: []asset.VPCAttachment{{VPCID: "vpc-1", State: "available"}}},
	}
}

func (n *net1) exposures() []reach.Exposure {
	b := snapshot.NewBuilder()
	all := []asset.Asset{n.instance}
	if n.eni != nil {
		all = append(all, n.eni)
	}
	if n.subnet != nil {
		all = append(all, n.subnet)
	}
	if n.table != nil {
		all = append(all, n.table)
	}
	if n.acl != nil {
		all = append(all, n.acl)
	}
	if n.group != nil {
		all = append(all, n.group)
	}
	if n.igw != nil {
		all = append(all, n.igw)
	}
	b.Add(append(all, n.more...)...)
	for _, k := range []asset.Kind{asset.KindInternetGateway, asset.KindBlockPublicAccess, asset.KindBlockPublicAccessExcl, asset.KindPrefixList} {
		if !slices.Contains(n.unread, k) {
			b.MarkRead(account, region, k, time.Unix(0, 0), 1)
		}
	}
	return reach.FromInternet(b.Build(time.Unix(0, 0)))
}

func TestFromInternet(t *testing.T) {
	deny := func(number int, egress bool, cidr string, lo, hi int) asset.ACLEntry {
		return asset.ACLEntry{Number: number, Egress: egress, Protocol: 6, CIDR: prefix(cidr), FromPort: lo, ToPort: hi}
	}
	for _, c := range []struct {
		name    string
		change  func(*net1)
		verdict reach.Verdict
		ports   string // of tcp, where reachable
		why     string
	}{
		{"open", func(*net1) {}, reach.Reachable, "22", "port 22 from 0.0.0.0/0"},
		{"no_public_address", func(n *net1) { n.eni.Addresses[0].Public = netip.Addr{} }, reach.Blocked, "", "no public address"},
		{"private_source_only", func(n *net1) { n.group.Rules[0].CIDR = prefix("10.0.0.0/8") }, reach.Blocked, "", "no rule"},
		{"half_of_the_internet", func(n *net1) { n.group.Rules[0].CIDR = prefix("0.0.0.0/1") }, reach.Reachable, "22", "0.0.0.0/1"},
		{"group_reference", func(n *net1) { n.group.Rules[0] = asset.Rule{Protocol: -1, ToPort: 65535, Group: "sg-1"} }, reach.Blocked, "", "no rule"},
		{"all_traffic", func(n *net1) { n.group.Rules[0].Protocol = -1 }, reach.Reachable, "0-65535", ""},
		{"ranges_join", func(n *net1) {
			n.group.Rules = []asset.Rule{{Protocol: 6, FromPort: 80, ToPort: 90, CIDR: prefix("0.0.0.0/0")}, {Protocol: 6, FromPort: 91, ToPort: 95, CIDR: prefix("198.51.100.0/24")}}
		}, reach.Reachable, "80-95", ""},
		{"no_gateway", func(n *net1) { n.igw = nil }, reach.Blocked, "", "no internet gateway"},
		{"gateway_unread", func(n *net1) { n.igw, n.unread = nil, []asset.Kind{asset.KindInternetGateway} }, reach.Unknown, "", "not read"},
		{"gateway_detached", func(n *net1) { n.igw.Attachments[0].State = "detached" }, reach.Blocked, "", "no internet gateway"},
		{"egress_only", func(n *net1) { n.igw.EgressOnly = true }, reach.Blocked, "", "no internet gateway"},
		{"no_route_back", func(n *net1) { n.table.Routes = n.table.Routes[:1] }, reach.Blocked, "", "no route back"},
		{"blackhole", func(n *net1) { n.table.Routes[1].State = "blackhole" }, reach.Blocked, "", "no route back"},
		{"route_to_nat", func(n *net1) { n.table.Routes[1].Target = "nat-1" }, reach.Blocked, "", "no route back"},
		{"route_back_to_part", func(n *net1) { n.table.Routes[1].Destination = prefix("198.51.100.0/24") }, reach.Reachable, "22", ""},
		{"rule_and_route_do_not_meet", func(n *net1) {
			n.table.Routes[1].Destination = prefix("198.51.100.0/24")
			n.group.Rules[0].CIDR = prefix("203.0.113.0/24")
		}, reach.Blocked, "", "no rule"},
		{"longer_route_elsewhere", func(n *net1) {
			n.table.Routes = append(n.table.Routes, asset.Route{Destination: prefix("0.0.0.0/1"), Target: "tgw-1", State: "active"}, asset.Route{Destination: prefix("128.0.0.0/1"), Target: "tgw-1", State: "active"})
		}, reach.Blocked, "", "no route back"},
		{"route_by_unread_list", func(n *net1) { n.table.Routes[1] = asset.Route{PrefixList: "pl-1", Target: "igw-1", State: "active"} }, reach.Unknown, "", "pl-1"},
		{"explicit_table_wins", func(n *net1) {
			n.more = append(n.more, &asset.RouteTable{Meta: meta("rtb-2"), VPCID: "vpc-1", Subnets: []string{"subnet-1"}})
		}, reach.Blocked, "", "rtb-2"},
		{"table_unread", func(n *net1) { n.table = nil }, reach.Unknown, "", "route table"},
		{"subnet_unread", func(n *net1) { n.subnet = nil }, reach.Unknown, "", "subnet"},
		{"group_unread", func(n *net1) { n.group = nil }, reach.Unknown, "", "sg-1"},
		{"acl_unread", func(n *net1) { n.acl = nil }, reach.Unknown, "", "network ACL"},
		{"list_unread", func(n *net1) {
			n.group.Rules[0] = asset.Rule{Protocol: 6, FromPort: 22, ToPort: 22, PrefixList: "pl-1"}
		}, reach.Unknown, "", "pl-1"},
		{"list_open", func(n *net1) {
			n.group.Rules[0] = asset.Rule{Protocol: 6, FromPort: 22, ToPort: 22, PrefixList: "pl-1"}
			n.more = append(n.more, &asset.PrefixList{Meta: meta("pl-1"), EntriesRead: true, Entries: []netip.Prefix{prefix("192.0.2.0/24")}})
		}, reach.Reachable, "22", "pl-1"},
		{"acl_denies_first", func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny(50, false, "0.0.0.0/0", 22, 22)) }, reach.Blocked, "", "no rule"},
		{"acl_denies_too_late", func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny(150, false, "0.0.0.0/0", 22, 22)) }, reach.Reachable, "22", ""},
		{"acl_denies_some_sources", func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny(50, false, "198.51.100.0/24", 22, 22)) }, reach.Reachable, "22", ""},
		{"acl_denies_replies", func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny(50, true, "0.0.0.0/0", 1024, 65535)) }, reach.Blocked, "", "no rule"},
		{"acl_lets_some_replies", func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny(50, true, "0.0.0.0/0", 1024, 32767)) }, reach.Reachable, "22", ""},
		{"acl_empty", func(n *net1) { n.acl.Entries = nil }, reach.Blocked, "", "no rule"},
		{"stopped", func(n *net1) { n.instance.State = "stopped" }, "", "", ""},
		{"public_access_blocked", func(n *net1) {
			n.more = append(n.more, &asset.BlockPublicAccess{Meta: meta(account), Mode: "block-ingress"})
		}, reach.Blocked, "", "Block Public Access"},
		{"public_access_excluded", func(n *net1) {
			n.more = append(n.more, &asset.BlockPublicAccess{Meta: meta(account), Mode: "block-bidirectional"},
				&asset.BlockPublicAccessExclusion{Meta: meta("x"), Resource: "arn:aws:ec2:ap-northeast-1:111122223333:vpc/vpc-1", Mode: "allow-bidirectional", State: "create-complete"})
		}, reach.Reachable, "22", ""},
		{"exclusions_unread", func(n *net1) {
			n.more = append(n.more, &asset.BlockPublicAccess{Meta: meta(account), Mode: "block-bidirectional"})
			n.unread = []asset.Kind{asset.KindBlockPublicAccessExcl}
		}, reach.Unknown, "", "exclusions"},
		{"ipv6", func(n *net1) {
			n.eni.Addresses[0].Public, n.eni.IPv6 = netip.Addr{}, []netip.Addr{netip.MustParseAddr("2001:db8::4")}
			n.group.Rules[0].CIDR = prefix("::/0")
		}, reach.Reachable, "22", "::/0"},
		{"ipv6_rule_is_not_ipv4", func(n *net1) { n.group.Rules[0].CIDR = prefix("::/0") }, reach.Blocked, "", "no rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet()
			c.change(n)
			rows := n.exposures()
			if c.verdict == "" {
				if len(rows) != 0 {
					t.Fatalf("got %+v, want no row", rows)
				}
				return
			}
			i := slices.IndexFunc(rows, func(e reach.Exposure) bool { return e.Protocol == "tcp" || e.Protocol == "any" })
			if i < 0 {
				t.Fatalf("no row of tcp in %+v", rows)
			}
			got := rows[i]
			var ports []string
			for _, p := range got.Ports {
				ports = append(ports, p.String())
			}
			if got.Verdict != c.verdict || c.verdict == reach.Reachable && strings.Join(ports, ",") != c.ports {
				t.Errorf("got %s %v (%v), want %s %s", got.Verdict, ports, got.Why, c.verdict, c.ports)
			}
			if !strings.Contains(strings.Join(got.Why, "; "), c.why) {
				t.Errorf("got why %q, want %q in it", got.Why, c.why)
			}
		})
	}
}

// TestUnreadMeansUnknown: what is known open is told, and what was not read stays unknown beside it; a filter that closes the known part
// does not close the rest.
func TestUnreadMeansUnknown(t *testing.T) {
	verdicts := func(change func(*net1)) map[reach.Verdict]bool {
		n := newNet()
		n.eni.SecurityGroups = append(n.eni.SecurityGroups, "sg-unread")
		change(n)
		out := map[reach.Verdict]bool{}
		for _, e := range n.exposures() {
			if e.Protocol == "tcp" {
				out[e.Verdict] = true
			}
		}
		return out
	}
	if got := verdicts(func(*net1) {}); !got[reach.Reachable] || !got[reach.Unknown] {
		t.Errorf("a group open, another unread: got %v, want reachable and unknown", got)
	}
	deny := asset.ACLEntry{Number: 50, Protocol: 6, CIDR: prefix("0.0.0.0/0"), FromPort: 22, ToPort: 22}
	if got := verdicts(func(n *net1) { n.acl.Entries = append(n.acl.Entries, deny) }); got[reach.Reachable] || !got[reach.Unknown] {
		t.Errorf("the open group refused by the ACL, another unread: got %v, want unknown", got)
	}
	list := asset.Route{PrefixList: "pl-1", Target: "igw-1", State: "active"}
	if got := verdicts(func(n *net1) {
		n.eni.SecurityGroups = n.eni.SecurityGroups[:1]
		n.table.Routes[1].Destination = prefix("198.51.100.0/24")
		n.table.Routes = append(n.table.Routes, list)
	}); !got[reach.Reachable] || !got[reach.Unknown] {
		t.Errorf("a route known, another by an unread list: got %v, want reachable and unknown", got)
	}
}

func TestFindings(t *testing.T) {
	n := newNet()
	n.group.Rules = append(n.group.Rules,
		asset.Rule{Protocol: 6, FromPort: 443, ToPort: 443, CIDR: prefix("0.0.0.0/0")},
		asset.Rule{Protocol: 17, FromPort: 500, ToPort: 500, CIDR: prefix("0.0.0.0/0")},
		asset.Rule{Protocol: 1, FromPort: -1, ToPort: -1, CIDR: prefix("0.0.0.0/0")})
	n.eni.Addresses = append(n.eni.Addresses, asset.PrivateIP{Private: netip.MustParseAddr("10.0.0.5"), Public: netip.MustParseAddr("203.0.113.5")})
	got := map[string]string{}
	for _, f := range reach.Findings(n.exposures()) {
		got[f.Title] = string(f.Severity)
		if want := []string{"internet", "igw-1", "acl-1", "subnet-1", "sg-1", "eni-1", "i-1"}; !slices.Equal(f.Network.Path, want) {
			t.Errorf("%s: got path %v, want %v", f.Title, f.Network.Path, want)
		}
	}
	want := map[string]string{
		"tcp 22 is reachable from the internet (SSH)": "HIGH", "tcp 443 is reachable from the internet (web)": "LOW",
		"udp 500 is reachable from the internet": "MEDIUM", "icmp is reachable from the internet": "LOW",
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for title, severity := range want {
		if got[title] != severity {
			t.Errorf("%s: got %q, want %s", title, got[title], severity)
		}
	}
}
