package ec2

import (
	"fmt"
	"net/netip"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// openTo returns the sources of rule that mean the whole internet: a prefix of length 0, directly or in a prefix list.
// known is false where a prefix list's entries were not read, so nothing can be said of it.
func openTo(s *snapshot.Snapshot, r asset.Rule) (source string, open, known bool) {
	if r.CIDR.IsValid() {
		return r.CIDR.String(), r.CIDR.Bits() == 0, true
	}
	if r.PrefixList == "" {
		return "", false, true
	}
	list, ok := snapshot.Get[asset.PrefixList](s, r.PrefixList)
	if !ok || !list.EntriesRead {
		return r.PrefixList, false, false
	}
	for _, p := range list.Entries {
		if p.Bits() == 0 {
			return r.PrefixList + " (" + p.String() + ")", true, true
		}
	}
	return r.PrefixList, false, true
}

// allowsPort reports whether an ingress rule lets TCP to a port through.
func allowsPort(r asset.Rule, port int) bool {
	if r.Egress {
		return false
	}
	return r.Protocol == -1 || r.Protocol == 6 && r.FromPort <= port && port <= r.ToPort
}

// describe says a rule in words: tcp 22 from 0.0.0.0/0.
func describe(r asset.Rule, source string) string {
	switch {
	case r.Protocol == -1:
		return "all traffic from " + source
	case r.FromPort == r.ToPort:
		return fmt.Sprintf("%s %d from %s", protocolName(r.Protocol), r.FromPort, source)
	default:
		return fmt.Sprintf("%s %d-%d from %s", protocolName(r.Protocol), r.FromPort, r.ToPort, source)
	}
}

func protocolName(n int) string {
	switch n {
	case 1:
		return "icmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 58:
		return "icmpv6"
	default:
		return fmt.Sprintf("protocol %d", n)
	}
}

// publicAddresses returns the public addresses of an instance's interface: mapped IPv4 ones and global IPv6 ones.
func publicAddresses(n *asset.NetworkInterface) []netip.Addr {
	var out []netip.Addr
	for _, a := range n.Addresses {
		if a.Public.IsValid() {
			out = append(out, a.Public)
		}
	}
	return out
}
