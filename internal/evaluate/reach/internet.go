package reach

import (
	"net/netip"
	"slices"
)

// notInternet lists the address blocks no packet from the internet can have as its source: the blocks of the IANA special-purpose
// address registries (RFC 6890) that are not globally reachable. The documentation blocks (RFC 5737, RFC 3849) are left in,
// so that examples and tests may use them.
var notInternet = [...]string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "224.0.0.0/3",
	"::/8", "fc00::/7", "fe80::/10", "ff00::/8",
}

// internetSpace returns every packet that can come from the internet to a port: all global sources, all ports.
func internetSpace() space {
	s := space{
		boxOf(netip.MustParsePrefix("0.0.0.0/0"), 0, 65535),
		boxOf(netip.MustParsePrefix("::/0"), 0, 65535),
	}
	for _, p := range notInternet {
		s = s.subtractBox(boxOf(netip.MustParsePrefix(p), 0, 65535))
	}
	return s
}

// ofFamily returns the part of a space with IPv4 (or IPv6) sources.
func (s space) ofFamily(v4 bool) space {
	return slices.DeleteFunc(slices.Clone(s), func(b box) bool { return b.lo.Is4() != v4 })
}
