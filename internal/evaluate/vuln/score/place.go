package score

import (
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/finding"
)

// Exposure is what is known of the network around one asset: the answer of the reachability engine, and what was seen to listen.
type Exposure struct {
	// Judged is set if every address of the asset could be judged. Without it an empty Open proves nothing.
	Judged    bool
	Open      []Port     // what the internet can reach
	Listening []Listener // what was seen on the host; none if nobody looked
}

// Port is a range of ports of one protocol, both ends included.
type Port struct {
	Protocol string // tcp, udp, or another, whose ports do not matter
	From, To uint16
}

func (p Port) has(protocol string, port uint16) bool {
	return p.Protocol == protocol && p.From <= port && port <= p.To
}

// Listener is one socket that listens.
type Listener struct {
	Protocol string
	Port     uint16
	Loopback bool   // on an address of the host's own only
	Package  string // the package that owns the program, or its source; "" if that is not known
}

// services are packages of servers, by the beginning of their source's or their own name, with the port that they listen on as delivered
// (Service Name and Transport Protocol Port Number Registry, IANA; the projects' own defaults).
var services = [...]struct {
	name     string
	protocol string
	ports    []uint16
}{
	{"openssh", "tcp", []uint16{22}},
	{"dropbear", "tcp", []uint16{22}},
	{"nginx", "tcp", []uint16{80, 443}},
	{"apache2", "tcp", []uint16{80, 443}},
	{"httpd", "tcp", []uint16{80, 443}},
	{"lighttpd", "tcp", []uint16{80, 443}},
	{"caddy", "tcp", []uint16{80, 443}},
	{"tomcat", "tcp", []uint16{8080, 8443}},
	{"haproxy", "tcp", []uint16{80, 443}},
	{"squid", "tcp", []uint16{3128}},
	{"bind9", "udp", []uint16{53}},
	{"bind", "udp", []uint16{53}},
	{"unbound", "udp", []uint16{53}},
	{"dnsmasq", "udp", []uint16{53}},
	{"postfix", "tcp", []uint16{25, 465, 587}},
	{"exim", "tcp", []uint16{25, 465, 587}},
	{"sendmail", "tcp", []uint16{25, 587}},
	{"dovecot", "tcp", []uint16{110, 143, 993, 995}},
	{"vsftpd", "tcp", []uint16{21}},
	{"proftpd", "tcp", []uint16{21}},
	{"mysql", "tcp", []uint16{3306}},
	{"mariadb", "tcp", []uint16{3306}},
	{"postgresql", "tcp", []uint16{5432}},
	{"redis", "tcp", []uint16{6379}},
	{"valkey", "tcp", []uint16{6379}},
	{"memcached", "tcp", []uint16{11211}},
	{"mongodb", "tcp", []uint16{27017}},
	{"samba", "tcp", []uint16{139, 445}},
	{"rpcbind", "tcp", []uint16{111}},
	{"nfs-utils", "tcp", []uint16{2049}},
	{"cups", "tcp", []uint16{631}},
	{"openldap", "tcp", []uint16{389, 636}},
	{"rsync", "tcp", []uint16{873}},
	{"net-snmp", "udp", []uint16{161}},
	{"chrony", "udp", []uint16{123}},
	{"ntp", "udp", []uint16{123}},
	{"openvpn", "udp", []uint16{1194}},
	{"strongswan", "udp", []uint16{500, 4500}},
	{"rabbitmq-server", "tcp", []uint16{5672}},
	{"elasticsearch", "tcp", []uint16{9200}},
	{"docker", "tcp", []uint16{2375, 2376}},
}

// serviceOf finds the usual ports of a finding's package.
func serviceOf(p *finding.Package) (name, protocol string, ports []uint16) {
	for _, v := range p.Packages {
		for _, s := range services {
			for _, n := range []string{v.SourceName, v.Name} {
				rest, ok := strings.CutPrefix(n, s.name)
				if ok && (rest == "" || rest[0] == '-' || rest[0] >= '0' && rest[0] <= '9') {
					return s.name, s.protocol, s.ports
				}
			}
		}
	}
	return "", "", nil
}

// PlaceOf decides how far away an attacker of a package can be. Nothing is concluded from what was not judged:
//
//   - what was seen to listen for the package counts: one of its ports open is the internet, none open the network, the host's own addresses
//     only is local;
//   - else the usual ports of a server: one of them open is the internet. That they are closed says nothing while others are open, because a
//     server may have been given another port;
//   - a package of no known service (a library, the kernel) is in reach of the network only, if nothing at all is open.
func PlaceOf(p *finding.Package, x Exposure) Place {
	if own := listeners(p, x.Listening); len(own) > 0 {
		return listening(own, x)
	}
	name, protocol, ports := serviceOf(p)
	for _, port := range ports {
		if openTo(x.Open, protocol, port) {
			return Place{Reach: Internet, Why: fmt.Sprintf("%s %d, where %s usually listens, is reachable from the internet", protocol, port, name)}
		}
	}
	if x.Judged && len(x.Open) == 0 {
		return Place{Reach: Network, Why: "no path from the internet to any port of the asset is open"}
	}
	return Place{}
}

// listeners returns the sockets of a finding's packages.
func listeners(p *finding.Package, all []Listener) []Listener {
	var out []Listener
	for _, l := range all {
		if l.Package != "" && slices.ContainsFunc(p.Packages, func(v finding.VulnerablePackage) bool { return v.Name == l.Package || v.SourceName == l.Package }) {
			out = append(out, l)
		}
	}
	return out
}

func listening(own []Listener, x Exposure) Place {
	remote := slices.DeleteFunc(slices.Clone(own), func(l Listener) bool { return l.Loopback })
	if len(remote) == 0 {
		return Place{Reach: Local, Why: fmt.Sprintf("%s listens on the host's own addresses only", socket(own[0]))}
	}
	for _, l := range remote {
		if openTo(x.Open, l.Protocol, l.Port) {
			return Place{Reach: Internet, Why: socket(l) + " listens and is reachable from the internet"}
		}
	}
	if !x.Judged {
		return Place{}
	}
	return Place{Reach: Network, Why: socket(remote[0]) + " listens, and no path from the internet to it is open"}
}

func socket(l Listener) string { return fmt.Sprintf("%s %d of %s", l.Protocol, l.Port, l.Package) }

func openTo(open []Port, protocol string, port uint16) bool {
	return slices.ContainsFunc(open, func(p Port) bool { return p.has(protocol, port) })
}
