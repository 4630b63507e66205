package mapping_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// put reads elements of parts, in order, and returns the snapshot. A part named once counts as done.
func put(t *testing.T, elements ...[2]string) *snapshot.Snapshot {
	t.Helper()
	b := snapshot.NewBuilder()
	r := mapping.NewRegion("123456789012", "eu-west-1", b)
	for _, e := range elements {
		p := mapping.PartNamed(e[0])
		if p == nil {
			t.Fatalf("no part is named %s", e[0])
		}
		if e[1] != "" {
			item, err := p.Decode([]byte(e[1]))
			if err != nil {
				t.Fatal(err)
			}
			r.Put(p, item)
		}
		r.Done(p, at)
	}
	r.Finish(at)
	return b.Build(at)
}

func one[T any, P interface {
	*T
	asset.Asset
}](t *testing.T, s *snapshot.Snapshot) *T {
	t.Helper()
	for v := range snapshot.All[T, P](s) {
		return v
	}
	t.Fatalf("got no %s", P(new(T)).Kind())
	return nil
}

var plain = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestSecurityGroupRules(t *testing.T) {
	cidr := netip.MustParsePrefix("10.0.0.0/8")
	all := netip.MustParsePrefix("::/0")
	for name, tt := range map[string]struct {
		permission string
		want       []asset.Rule
	}{
		"tcp":           {`{"IpProtocol":"tcp","FromPort":22,"ToPort":23,"IpRanges":[{"CidrIp":"10.1.2.3/8"}]}`, []asset.Rule{{Protocol: 6, FromPort: 22, ToPort: 23, CIDR: cidr}}},
		"all":           {`{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/8"}],"Ipv6Ranges":[{"CidrIpv6":"::/0"}]}`, []asset.Rule{{Protocol: -1, ToPort: 65535, CIDR: cidr}, {Protocol: -1, ToPort: 65535, CIDR: all}}},
		"icmp_all":      {`{"IpProtocol":"icmp","FromPort":-1,"ToPort":-1,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}`, []asset.Rule{{Protocol: 1, FromPort: -1, ToPort: -1, CIDR: cidr}}},
		"icmpv6_absent": {`{"IpProtocol":"icmpv6","Ipv6Ranges":[{"CidrIpv6":"::/0"}]}`, []asset.Rule{{Protocol: 58, FromPort: -1, ToPort: -1, CIDR: all}}},
		"icmp_echo":     {`{"IpProtocol":"1","FromPort":8,"ToPort":-1,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}`, []asset.Rule{{Protocol: 1, FromPort: 8, ToPort: -1, CIDR: cidr}}},
		"esp":           {`{"IpProtocol":"50","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}`, []asset.Rule{{Protocol: 50, ToPort: 65535, CIDR: cidr}}},
		"peers": {
			`{"IpProtocol":"udp","FromPort":53,"ToPort":53,"PrefixListIds":[{"PrefixListId":"pl-1","Description":"d"}],"UserIdGroupPairs":[{"GroupId":"sg-2","UserId":"2","VpcPeeringConnectionId":"pcx-1","PeeringStatus":"active"}]}`,
			[]asset.Rule{{Protocol: 17, FromPort: 53, ToPort: 53, PrefixList: "pl-1", Description: "d"}, {Protocol: 17, FromPort: 53, ToPort: 53, Group: "sg-2", GroupOwner: "2", GroupPeering: "pcx-1", GroupStatus: "active"}},
		},
		"no_peer": {`{"IpProtocol":"tcp","FromPort":80,"ToPort":80}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := put(t, [2]string{"SecurityGroups", `{"GroupId":"sg-1","IpPermissions":[` + tt.permission + `]}`})
			if diff := cmp.Diff(tt.want, one[asset.SecurityGroup](t, s).Rules, plain); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !s.WasRead("123456789012", "eu-west-1", asset.KindSecurityGroup) {
				t.Errorf("got gaps %+v", s.Gaps()[0])
			}
		})
	}
}

// A value that is not understood must not pass for an absent one: the kind becomes a gap that names it.
func TestNotUnderstoodIsAGap(t *testing.T) {
	for name, tt := range map[string]struct{ part, element, words string }{
		"cidr":      {"SecurityGroups", `{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","IpRanges":[{"CidrIp":"everyone"}]}]}`, `sg-1: CidrIp "everyone"`},
		"protocol":  {"SecurityGroups", `{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"quic","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`, `protocol "quic"`},
		"ports":     {"SecurityGroups", `{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","FromPort":90,"ToPort":80,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`, "port range 90 to 80"},
		"no_range":  {"SecurityGroups", `{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","IpRanges":[{}]}]}`, "no address range"},
		"action":    {"NetworkAcls", `{"NetworkAclId":"acl-1","Entries":[{"RuleNumber":1,"Protocol":"-1","RuleAction":"maybe","CidrBlock":"0.0.0.0/0"}]}`, `action "maybe"`},
		"acl_cidr":  {"NetworkAcls", `{"NetworkAclId":"acl-1","Entries":[{"RuleNumber":1,"Protocol":"-1","RuleAction":"allow"}]}`, "no CIDR block"},
		"target":    {"RouteTables", `{"RouteTableId":"rtb-1","Routes":[{"DestinationCidrBlock":"0.0.0.0/0","State":"active","QuantumGatewayId":"qgw-1"}]}`, "no kind that is known"},
		"no_dest":   {"RouteTables", `{"RouteTableId":"rtb-1","Routes":[{"GatewayId":"igw-1","State":"active"}]}`, "no destination"},
		"no_id":     {"Vpcs", `{"CidrBlock":"10.0.0.0/8"}`, "no id"},
		"address":   {"NetworkInterfaces", `{"NetworkInterfaceId":"eni-1","PrivateIpAddresses":[{"PrivateIpAddress":"10.0.0.256"}]}`, `"10.0.0.256" is not an address`},
		"no_state":  {"Reservations", `{"Instances":[{"InstanceId":"i-1"}]}`, "no state"},
		"half_peer": {"VpcPeeringConnections", `{"VpcPeeringConnectionId":"pcx-1","Status":{"Code":"active"},"RequesterVpcInfo":{"VpcId":"vpc-1"}}`, "side of the peering is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := put(t, [2]string{tt.part, tt.element})
			kind := mapping.PartNamed(tt.part).Kind
			g, ok := s.GapFor("123456789012", "eu-west-1", kind)
			if !ok || g.Reason != snapshot.Malformed || !strings.Contains(g.Detail, tt.words) || s.Len(kind) != 1 {
				t.Errorf("got gap %+v, %d assets, want malformed with %q, and the asset kept", g, s.Len(kind), tt.words)
			}
		})
	}
}

func TestRoutesAndACLs(t *testing.T) {
	s := put(t,
		[2]string{"RouteTables", `{"RouteTableId":"rtb-1","VpcId":"vpc-1","Associations":[{"Main":true},{"Main":false,"SubnetId":"subnet-1","AssociationState":{"State":"associated"}},
		  {"SubnetId":"subnet-2","AssociationState":{"State":"disassociated"}},{"GatewayId":"igw-1"}],"Routes":[
		  {"DestinationCidrBlock":"10.0.0.0/8","GatewayId":"local","State":"active"},{"DestinationIpv6CidrBlock":"::/0","EgressOnlyInternetGatewayId":"eigw-1","State":"active"},
		  {"DestinationPrefixListId":"pl-1","GatewayId":"vpce-1","State":"active"},{"DestinationCidrBlock":"0.0.0.0/0","InstanceId":"i-1","NetworkInterfaceId":"eni-1","State":"blackhole"},
		  {"DestinationCidrBlock":"1.0.0.0/8","State":"blackhole"}]}`},
		[2]string{"NetworkAcls", `{"NetworkAclId":"acl-1","Entries":[{"RuleNumber":100,"Protocol":"6","RuleAction":"allow","Egress":true,"CidrBlock":"0.0.0.0/0","PortRange":{"From":80,"To":90}},
		  {"RuleNumber":110,"Protocol":"1","RuleAction":"deny","CidrBlock":"0.0.0.0/0","IcmpTypeCode":{"Type":8,"Code":-1}},{"RuleNumber":32767,"Protocol":"-1","RuleAction":"deny","Ipv6CidrBlock":"::/0"}]}`})
	table := one[asset.RouteTable](t, s)
	var got []string
	for _, r := range table.Routes {
		dest := r.PrefixList
		if r.Destination.IsValid() {
			dest = r.Destination.String()
		}
		got = append(got, strings.Join([]string{dest, r.TargetType, r.Target, r.State}, " "))
	}
	want := []string{"10.0.0.0/8 local local active", "::/0 egress-only eigw-1 active", "pl-1 gateway vpce-1 active", "0.0.0.0/0 interface eni-1 blackhole", "1.0.0.0/8   blackhole"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if !table.Main || !cmp.Equal(table.Subnets, []string{"subnet-1"}) || !cmp.Equal(table.Gateways, []string{"igw-1"}) {
		t.Errorf("got %+v", table)
	}
	all4, all6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	entries := []asset.ACLEntry{
		{Number: 100, Egress: true, Allow: true, Protocol: 6, CIDR: all4, FromPort: 80, ToPort: 90, ICMPType: -1, ICMPCode: -1},
		{Number: 110, Protocol: 1, CIDR: all4, ToPort: 65535, ICMPType: 8, ICMPCode: -1},
		{Number: 32767, Protocol: -1, CIDR: all6, ToPort: 65535, ICMPType: -1, ICMPCode: -1},
	}
	if diff := cmp.Diff(entries, one[asset.NetworkACL](t, s).Entries, plain); diff != "" {
		t.Errorf("ACL (-want +got):\n%s", diff)
	}
}

// What belongs together is joined in whatever order it comes.
func TestJoins(t *testing.T) {
	parts := [][2]string{
		{"TransitGatewayStaticRoutes", `{"TransitGatewayRouteTableId":"tgw-rtb-1","Routes":[{"DestinationCidrBlock":"10.0.0.0/8","Type":"static","State":"active","TransitGatewayAttachments":[{"TransitGatewayAttachmentId":"tgw-attach-1"}]}]}`},
		{"TransitGatewayPropagations", `{"TransitGatewayRouteTableId":"tgw-rtb-1","TransitGatewayRouteTablePropagations":[{"TransitGatewayAttachmentId":"tgw-attach-1","State":"enabled"},{"TransitGatewayAttachmentId":"tgw-attach-2","State":"disabling"}]}`},
		{"TransitGatewayRouteTables", `{"TransitGatewayRouteTableId":"tgw-rtb-1","TransitGatewayId":"tgw-1","State":"available"}`},
		{"LoadBalancerRules", `{"ListenerArn":"l","Rules":[{"Actions":[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"g2"},{"TargetGroupArn":"g1"}]}}]}]}`},
		{"LoadBalancerListeners", `{"LoadBalancerArn":"lb","Listeners":[{"ListenerArn":"l","Port":443,"Protocol":"HTTPS","DefaultActions":[{"Type":"forward","TargetGroupArn":"g1"}]}]}`},
		{"LoadBalancers", `{"LoadBalancerArn":"lb","Type":"application","Scheme":"internal"}`},
		{"ManagedPrefixListEntries", `{"PrefixListId":"pl-1","Entries":[{"Cidr":"10.0.0.0/8"}]}`},
		{"ManagedPrefixLists", `{"PrefixListId":"pl-1","PrefixListName":"ours"}`},
	}
	check := func(t *testing.T, s *snapshot.Snapshot) {
		t.Helper()
		table := one[asset.TransitRouteTable](t, s)
		if !table.RoutesRead || !table.PropagationsRead || len(table.Routes) != 1 || !cmp.Equal(table.Propagations, []string{"tgw-attach-1"}) {
			t.Errorf("got %+v", table)
		}
		l := one[asset.Listener](t, s)
		if !l.RulesRead || !cmp.Equal(l.TargetGroups, []string{"g1", "g2"}) || l.LoadBalancerARN != "lb" || !one[asset.LoadBalancer](t, s).ListenersRead {
			t.Errorf("got %+v", l)
		}
		if p := one[asset.PrefixList](t, s); !p.EntriesRead || len(p.Entries) != 1 {
			t.Errorf("got %+v", p)
		}
	}
	check(t, put(t, parts...))
	back := make([][2]string, 0, len(parts))
	for i := range parts {
		back = append(back, parts[len(parts)-1-i])
	}
	check(t, put(t, back...))
	alone := one[asset.TransitRouteTable](t, put(t, parts[2]))
	if alone.RoutesRead || alone.PropagationsRead {
		t.Errorf("got %+v, want neither routes nor propagations read", alone)
	}
	more := put(t, parts[2], [2]string{"TransitGatewayStaticRoutes", `{"TransitGatewayRouteTableId":"tgw-rtb-1","Routes":[],"AdditionalRoutesAvailable":true}`})
	if one[asset.TransitRouteTable](t, more).RoutesRead {
		t.Error("routes count as read though there are more")
	}
}

// Keys of VPN tunnels and of BGP sessions neither reach an asset nor a collected file.
func TestKeysAreNotKept(t *testing.T) {
	const vpn = `{"VpnConnectionId":"vpn-1","State":"available","CustomerGatewayConfiguration":"<pre_shared_key>KEY</pre_shared_key>",
	  "Options":{"TunnelOptions":[{"OutsideIpAddress":"192.0.2.1","PreSharedKey":"KEY"}]},"VgwTelemetry":[{"Status":"UP"},{"Status":"DOWN"}]}`
	const vif = `{"virtualInterfaceId":"dxvif-1","authKey":"KEY","customerRouterConfig":"<k>KEY</k>","bgpPeers":[{"authKey":"KEY","asn":65000}]}`
	for name, element := range map[string]string{"VpnConnections": vpn, "VirtualInterfaces": vif} {
		p := mapping.PartNamed(name)
		item, err := p.Decode([]byte(element))
		if err != nil {
			t.Fatal(err)
		}
		file, err := p.CLI(item)
		if err != nil {
			t.Fatal(err)
		}
		s := put(t, [2]string{name, element})
		for a := range s.Assets(p.Kind) {
			b, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			file = append(file, b...)
		}
		if strings.Contains(string(file), "KEY") {
			t.Errorf("%s: a key is kept: %s", name, file)
		}
		if again, err := p.CLI(item); err != nil || strings.Contains(string(again), "KEY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := one[asset.VPNConnection](t, put(t, [2]string{"VpnConnections", vpn})); c.TunnelsUp != 1 {
		t.Errorf("got %d tunnels up, want 1", c.TunnelsUp)
	}
}

func TestPartsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	kinds := map[asset.Kind]bool{}
	for _, p := range mapping.Parts() {
		if seen[p.Name] || p.Key == "" || len(p.Actions) == 0 || mapping.PartNamed(strings.ToLower(p.Name)) != p {
			t.Errorf("%+v", p)
		}
		seen[p.Name] = true
		if p.Detail == "" {
			kinds[p.Kind] = true
		}
	}
	for _, p := range mapping.Parts() {
		if !kinds[p.Kind] {
			t.Errorf("%s completes %s, which nothing lists", p.Name, p.Kind)
		}
	}
	if mapping.PartNamed("ec2-describe-instances") != mapping.PartNamed("Reservations") || mapping.PartNamed("nothing") != nil {
		t.Error("names are not found as CloudMapper writes them")
	}
}
