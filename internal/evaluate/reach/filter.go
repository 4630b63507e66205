package reach

import (
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// protocol is one IP protocol as filters see it.
type protocol struct {
	number int
	name   string
	v4     bool
}

// protocolsFor returns the protocols judged for an address family. Ports mean nothing for ICMP: its boxes hold all of them.
func protocolsFor(v4 bool) []protocol {
	icmp := protocol{1, "icmp", true}
	if !v4 {
		icmp = protocol{58, "icmpv6", false}
	}
	return []protocol{{6, "tcp", v4}, {17, "udp", v4}, icmp}
}

func (p protocol) ported() bool { return p.number == 6 || p.number == 17 }

// filtered is what security groups and the network ACL let through.
type filtered struct {
	verdict Verdict
	ports   []Ports
	why     []string
	missing string // what was not read and could open more than what is known; "" if nothing
}

// filters intersects the sources that come back with what the network ACL and the security groups let in.
// A reply needs the ACL's egress to a client port: the range 1024–65535 (VPC user guide, "Ephemeral ports"), at least one of it.
func (w *world) filters(n *asset.NetworkInterface, way wayIn, p protocol) filtered {
	in, rules, missing := w.groups(n, p)
	if missing == "" {
		missing = way.missing
	}
	closed := filtered{verdict: Blocked}
	if missing != "" {
		closed = filtered{verdict: Unknown, why: []string{missing}}
	}
	open := in.intersect(way.back)
	if len(open) == 0 {
		return closed
	}
	if way.acl == nil {
		return filtered{verdict: Unknown, ports: open.ports(), why: append(rules, "network ACL of subnet "+n.SubnetID+" not read")}
	}
	open = open.intersect(aclSpace(way.acl, p, false))
	if len(open) == 0 {
		return closed
	}
	replies := aclSpace(way.acl, p, true)
	if p.ported() {
		replies = replies.intersectBox(box{lowest(p.v4), highest(p.v4), 1024, 65535})
	}
	answered := open.intersectSources(replies)
	if len(answered) == 0 {
		return closed
	}
	why := append(rules, way.acl.ID+" lets request and reply through")
	ports := answered.ports()
	if !p.ported() {
		ports = nil
	}
	return filtered{verdict: Reachable, ports: ports, why: why, missing: missing}
}

// groups returns what the interface's security groups let in, in words too. missing names what was not read; what is known open stays open.
func (w *world) groups(n *asset.NetworkInterface, p protocol) (in space, rules []string, missing string) {
	for _, id := range n.SecurityGroups {
		g, ok := snapshot.Get[asset.SecurityGroup](w.snap, id)
		if !ok {
			missing = "security group " + id + " not read"
			continue
		}
		for _, r := range g.Rules {
			if r.Egress || r.Protocol != -1 && r.Protocol != p.number || r.Group != "" {
				continue // a group's members are matched by private addresses only: never the internet
			}
			s, known := w.ruleSpace(r, p)
			if !known {
				missing = "entries of prefix list " + r.PrefixList + " not read"
			}
			s = s.intersect(w.internet)
			if len(s) > 0 {
				in = in.unionAll(s)
				rules = append(rules, g.ID+" allows "+ruleWords(r))
			}
		}
	}
	return in, rules, missing
}

// ruleSpace returns the packets that a security group's rule lets in. known is false where its prefix list was not read.
func (w *world) ruleSpace(r asset.Rule, p protocol) (s space, known bool) {
	lo, hi := uint16(0), uint16(65535)
	if r.Protocol != -1 && p.ported() {
		lo, hi = port(r.FromPort), port(r.ToPort)
	}
	if r.CIDR.IsValid() {
		return space{boxOf(r.CIDR, lo, hi)}, true
	}
	list, ok := snapshot.Get[asset.PrefixList](w.snap, r.PrefixList)
	if !ok || !list.EntriesRead {
		return nil, false
	}
	for _, e := range list.Entries {
		s = s.union(boxOf(e, lo, hi))
	}
	return s, true
}

// aclSpace returns the packets that a network ACL lets through in one direction: entries in the order of their numbers, the first that
// matches decides, no match is a deny (VPC user guide, "Network ACL rules"). Going out, the box's source is the packet's destination.
func aclSpace(a *asset.NetworkACL, p protocol, egress bool) space {
	left := space{{lowest(p.v4), highest(p.v4), 0, 65535}}
	var open space
	for _, e := range sortedEntries(a, egress) {
		if e.Protocol != -1 && e.Protocol != p.number || e.CIDR.Addr().Is4() != p.v4 {
			continue
		}
		lo, hi := uint16(0), uint16(65535)
		if e.Protocol != -1 && p.ported() {
			lo, hi = port(e.FromPort), port(e.ToPort)
		}
		if e.Protocol == p.number && !p.ported() && e.ICMPType != -1 && !e.Allow {
			continue // a deny of some ICMP types leaves others
		}
		b := boxOf(e.CIDR, lo, hi)
		if e.Allow {
			open = open.unionAll(left.intersectBox(b))
		}
		left = left.subtractBox(b)
	}
	return open
}

// intersectSources returns the part of s whose sources occur in o, whatever o's ports.
func (s space) intersectSources(o space) space {
	var out space
	for _, b := range o {
		for _, x := range s.intersectBox(box{b.lo, b.hi, 0, 65535}) {
			out = out.union(x)
		}
	}
	return out
}

func port(n int) uint16 {
	return uint16(max(0, min(n, 65535)))
}

func ruleWords(r asset.Rule) string {
	source := r.PrefixList
	if r.CIDR.IsValid() {
		source = r.CIDR.String()
	}
	switch {
	case r.Protocol == -1:
		return "all traffic from " + source
	case r.Protocol != 6 && r.Protocol != 17:
		return fmt.Sprintf("protocol %d from %s", r.Protocol, source)
	case r.FromPort == r.ToPort:
		return fmt.Sprintf("port %d from %s", r.FromPort, source)
	default:
		return fmt.Sprintf("ports %d-%d from %s", r.FromPort, r.ToPort, source)
	}
}
