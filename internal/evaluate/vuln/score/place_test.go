package score_test

import (
	"testing"

	"hinomi/internal/evaluate/vuln/score"
	"hinomi/internal/finding"
)

// TestPlaceOf concludes from what was judged and seen, and from nothing else.
func TestPlaceOf(t *testing.T) {
	of := func(name, source string) *finding.Package {
		return &finding.Package{Packages: []finding.VulnerablePackage{{Name: name, SourceName: source}}}
	}
	tcp := func(from, to uint16) score.Port { return score.Port{Protocol: "tcp", From: from, To: to} }
	listen := func(port uint16, loopback bool, pkg string) score.Listener {
		return score.Listener{Protocol: "tcp", Port: port, Loopback: loopback, Package: pkg}
	}
	ssh := of("openssh-server", "openssh")
	lib := of("libxml2", "libxml2")
	for _, c := range []struct {
		name string
		p    *finding.Package
		x    score.Exposure
		want score.Reach
		why  string
	}{
		{"not_judged", ssh, score.Exposure{}, score.UnknownReach, ""},
		{"not_judged_but_open", ssh, score.Exposure{Open: []score.Port{tcp(22, 22)}}, score.Internet, "tcp 22, where openssh usually listens, is reachable from the internet"},
		{"open_in_a_range", ssh, score.Exposure{Judged: true, Open: []score.Port{tcp(0, 65535)}}, score.Internet, "tcp 22, where openssh usually listens, is reachable from the internet"},
		{"other_port_open", ssh, score.Exposure{Judged: true, Open: []score.Port{tcp(2222, 2222)}}, score.UnknownReach, ""},
		{"other_protocol_open", ssh, score.Exposure{Judged: true, Open: []score.Port{{Protocol: "udp", From: 22, To: 22}}}, score.UnknownReach, ""},
		{"nothing_open", ssh, score.Exposure{Judged: true}, score.Network, "no path from the internet to any port of the asset is open"},
		{"library_nothing_open", lib, score.Exposure{Judged: true}, score.Network, "no path from the internet to any port of the asset is open"},
		{"library_something_open", lib, score.Exposure{Judged: true, Open: []score.Port{tcp(443, 443)}}, score.UnknownReach, ""},
		{"listens_elsewhere_open", ssh, score.Exposure{Judged: true, Open: []score.Port{tcp(2222, 2222)}, Listening: []score.Listener{listen(2222, false, "openssh-server")}}, score.Internet, "tcp 2222 of openssh-server listens and is reachable from the internet"},
		{"listens_elsewhere_closed", ssh, score.Exposure{Judged: true, Open: []score.Port{tcp(22, 22)}, Listening: []score.Listener{listen(2222, false, "openssh")}}, score.Network, "tcp 2222 of openssh listens, and no path from the internet to it is open"},
		{"listens_not_judged", ssh, score.Exposure{Listening: []score.Listener{listen(22, false, "openssh")}}, score.UnknownReach, ""},
		{"loopback_only", ssh, score.Exposure{Listening: []score.Listener{listen(22, true, "openssh")}}, score.Local, "tcp 22 of openssh listens on the host's own addresses only"},
		{"loopback_and_more", ssh, score.Exposure{Judged: true, Listening: []score.Listener{listen(22, true, "openssh"), listen(22, false, "openssh")}}, score.Network, "tcp 22 of openssh listens, and no path from the internet to it is open"},
		{"another_package_listens", ssh, score.Exposure{Listening: []score.Listener{listen(80, true, "nginx"), listen(22, true, "")}}, score.UnknownReach, ""},
		{"versioned_name", of("postgresql-16", "postgresql-16"), score.Exposure{Open: []score.Port{tcp(5432, 5432)}}, score.Internet, "tcp 5432, where postgresql usually listens, is reachable from the internet"},
		{"name_that_only_begins_so", of("bindfs", "bindfs"), score.Exposure{Open: []score.Port{{Protocol: "udp", From: 53, To: 53}}}, score.UnknownReach, ""},
		{"udp_service", of("bind9", "bind9"), score.Exposure{Open: []score.Port{{Protocol: "udp", From: 53, To: 53}}}, score.Internet, "udp 53, where bind9 usually listens, is reachable from the internet"},
	} {
		if got := score.PlaceOf(c.p, c.x); got.Reach != c.want || got.Why != c.why {
			t.Errorf("%s: got %+v, want %q, %q", c.name, got, c.want, c.why)
		}
	}
}
