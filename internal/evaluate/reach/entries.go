package reach

import (
	"net/netip"
	"slices"

	"hinomi/internal/asset"
)

// sortedEntries returns a network ACL's entries of one direction in the order in which they are tried.
func sortedEntries(a *asset.NetworkACL, egress bool) []asset.ACLEntry {
	out := slices.DeleteFunc(slices.Clone(a.Entries), func(e asset.ACLEntry) bool { return e.Egress != egress })
	slices.SortStableFunc(out, func(x, y asset.ACLEntry) int { return x.Number - y.Number })
	return out
}

func lowest(v4 bool) netip.Addr {
	if v4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func highest(v4 bool) netip.Addr { return lastAddr(netip.PrefixFrom(lowest(v4), 0)) }
