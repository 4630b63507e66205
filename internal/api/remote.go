package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// remote returns the client's address. X-Forwarded-For is believed only from a proxy that was named, and only as far as such proxies go.
func (s *server) remote(r *http.Request) string {
	peer, ok := address(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr
	}
	if !s.proxy(peer) {
		return peer.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, ok := address(strings.TrimSpace(hop))
		if !ok {
			break
		}
		if peer = a; !s.proxy(a) {
			break
		}
	}
	return peer.String()
}

func (s *server) proxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// address reads an address with or without a port.
func address(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// place is what counts as one client for failed sign-ins: an IPv4 address, or the /64 that one IPv6 network has.
func place(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil || a.Is4() {
		return remote
	}
	p, err := a.Prefix(64)
	if err != nil {
		return remote
	}
	return p.String()
}

// local reports whether a request comes from this machine, and was meant for it: a name that somebody made point at 127.0.0.1 was not.
func local(r *http.Request) bool {
	peer, ok := address(r.RemoteAddr)
	if !ok || !peer.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
		return false
	}
	host := r.Host
	if a, ok := address(host); ok {
		return a.IsLoopback()
	}
	host, _, _ = strings.Cut(host, ":")
	return host == "localhost"
}
