package reach

import (
	"fmt"
	"net/netip"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// world indexes a snapshot by what the way in asks for.
type world struct {
	snap        *snapshot.Snapshot
	internet    space
	tableOf     map[string]*asset.RouteTable // by subnet: explicit association
	mainTable   map[string]*asset.RouteTable // by VPC
	aclOf       map[string]*asset.NetworkACL // by subnet
	gatewayOf   map[string]*asset.InternetGateway
	blockPublic map[string]*asset.BlockPublicAccess // by account/region
}

func newWorld(s *snapshot.Snapshot) *world {
	w := &world{
		snap: s, internet: internetSpace(),
		tableOf: map[string]*asset.RouteTable{}, mainTable: map[string]*asset.RouteTable{}, aclOf: map[string]*asset.NetworkACL{},
		gatewayOf: map[string]*asset.InternetGateway{}, blockPublic: map[string]*asset.BlockPublicAccess{},
	}
	for t := range snapshot.All[asset.RouteTable](s) {
		if t.Main {
			w.mainTable[t.VPCID] = t
		}
		for _, id := range t.Subnets {
			w.tableOf[id] = t
		}
	}
	for a := range snapshot.All[asset.NetworkACL](s) {
		for _, id := range a.Subnets {
			w.aclOf[id] = a
		}
	}
	for g := range snapshot.All[asset.InternetGateway](s) {
		for _, a := range g.Attachments {
			if !g.EgressOnly && (a.State == "available" || a.State == "attached") {
				w.gatewayOf[a.VPCID] = g
			}
		}
	}
	for b := range snapshot.All[asset.BlockPublicAccess](s) {
		w.blockPublic[b.Account+"/"+b.Region] = b
	}
	return w
}

// wayIn is the result of following gateway and routes.
type wayIn struct {
	verdict Verdict
	why     []string
	gateway string
	acl     *asset.NetworkACL
	back    space  // sources whose replies are routed back to the gateway
	missing string // a prefix list that was not read and may route more of them
}

func unknown(format string, a ...any) wayIn {
	return wayIn{verdict: Unknown, why: []string{fmt.Sprintf(format, a...)}}
}

func blocked(format string, a ...any) wayIn {
	return wayIn{verdict: Blocked, why: []string{fmt.Sprintf(format, a...)}}
}

// wayIn finds the gateway, the route back and the network ACL of an interface.
func (w *world) wayIn(n *asset.NetworkInterface, v4 bool) wayIn {
	subnet, ok := snapshot.Get[asset.Subnet](w.snap, n.SubnetID)
	if !ok {
		return unknown("subnet %s not read", n.SubnetID)
	}
	if stop, hit := w.publicAccessBlock(n, subnet); hit {
		return stop
	}
	igw, ok := w.gatewayOf[n.VPCID]
	if !ok {
		if !w.read(subnet, asset.KindInternetGateway) {
			return unknown("internet gateways of %s/%s not read", subnet.Account, subnet.Region)
		}
		return blocked("no internet gateway is attached to %s", n.VPCID)
	}
	table, ok := w.tableOf[n.SubnetID]
	if !ok {
		table, ok = w.mainTable[n.VPCID]
	}
	if !ok {
		return unknown("route table of subnet %s not read", n.SubnetID)
	}
	back, missing := w.routedTo(table, igw.ID, v4)
	if len(back) == 0 {
		if missing != "" {
			return unknown("%s", missing)
		}
		return blocked("%s has no route back to the internet through %s", table.ID, igw.ID)
	}
	way := wayIn{verdict: Reachable, gateway: igw.ID, back: back, missing: missing, why: []string{igw.ID + " is attached to " + n.VPCID, table.ID + " routes replies to " + igw.ID}}
	way.acl = w.aclOf[n.SubnetID]
	return way
}

// read reports whether the subnet's account and region had a kind read completely.
func (w *world) read(s *asset.Subnet, kind asset.Kind) bool {
	account := s.Account
	if s.OwnerID != "" {
		account = s.OwnerID
	}
	return w.snap.WasRead(account, s.Region, kind)
}

// publicAccessBlock judges VPC Block Public Access (EC2 API, ModifyVpcBlockPublicAccessOptions): both blocking modes stop the way in
// unless the VPC or the subnet is excluded with allow-bidirectional.
func (w *world) publicAccessBlock(n *asset.NetworkInterface, subnet *asset.Subnet) (wayIn, bool) {
	owner := subnet.OwnerID
	if owner == "" {
		owner = subnet.Account
	}
	b, ok := w.blockPublic[owner+"/"+subnet.Region]
	if !ok || b.Mode == "" || b.Mode == "off" {
		return wayIn{}, false
	}
	for x := range snapshot.All[asset.BlockPublicAccessExclusion](w.snap) {
		freed := x.Mode == "allow-bidirectional" && (x.State == "create-complete" || x.State == "update-complete")
		if freed && (endsWith(x.Resource, "/"+n.VPCID) || endsWith(x.Resource, "/"+n.SubnetID)) {
			return wayIn{}, false
		}
	}
	if !w.read(subnet, asset.KindBlockPublicAccessExcl) {
		return unknown("exclusions from VPC Block Public Access of %s/%s not read", owner, subnet.Region), true
	}
	return blocked("VPC Block Public Access is %s in %s/%s", b.Mode, owner, subnet.Region), true
}

func endsWith(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}

// routedTo returns the internet sources whose replies a route table sends to a gateway: the longest prefix wins, and on equal
// prefixes a static route over a propagated one (VPC user guide, "Route priority"). missing names a prefix list that was not read.
func (w *world) routedTo(t *asset.RouteTable, gateway string, v4 bool) (back space, missing string) {
	type row struct {
		prefix netip.Prefix
		route  asset.Route
	}
	var rows []row
	for _, r := range t.Routes {
		if r.Destination.IsValid() {
			rows = append(rows, row{r.Destination, r})
			continue
		}
		list, ok := snapshot.Get[asset.PrefixList](w.snap, r.PrefixList)
		if !ok || !list.EntriesRead {
			if r.Target == gateway {
				missing = "entries of prefix list " + r.PrefixList + " not read"
			}
			continue
		}
		for _, p := range list.Entries {
			rows = append(rows, row{p, r})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		if a.prefix.Bits() != b.prefix.Bits() {
			return b.prefix.Bits() - a.prefix.Bits()
		}
		return rank(a.route) - rank(b.route)
	})
	left := w.internet.ofFamily(v4)
	for _, r := range rows {
		if r.prefix.Addr().Is4() != v4 {
			continue
		}
		b := boxOf(r.prefix, 0, 65535)
		if r.route.Target == gateway && r.route.State != "blackhole" {
			back = back.unionAll(left.intersectBox(b))
		}
		left = left.subtractBox(b)
	}
	return back, missing
}

func rank(r asset.Route) int {
	if r.Origin == "EnableVgwRoutePropagation" {
		return 1
	}
	return 0
}
