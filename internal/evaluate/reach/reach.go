// Package reach proves who can reach which port of which network interface, by the configuration alone: no packet is sent.
// It judges the way in from the internet to addresses of instances: internet gateway, route back, network ACL in both directions,
// security groups, VPC Block Public Access. Ways through load balancers, peering, transit gateways and VPNs are not judged yet and are
// never reported as closed.
package reach

import (
	"net/netip"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// Verdict is one of three answers. Missing data never turns into Blocked.
type Verdict string

// The verdicts.
const (
	Reachable Verdict = "reachable"
	Blocked   Verdict = "blocked"
	Unknown   Verdict = "unknown"
)

// Ports is a range of ports, both ends included; for ICMP it is 0–65535 and means any type.
type Ports struct {
	From uint16 `json:"from"`
	To   uint16 `json:"to"`
}

// Exposure is what one address of one interface offers to one source, per protocol.
type Exposure struct {
	Instance string     `json:"instance,omitempty"`
	ENI      string     `json:"eni"`
	Address  netip.Addr `json:"address"`
	Protocol string     `json:"protocol"` // tcp, udp, icmp, icmpv6; "any" where the verdict does not depend on it
	Ports    []Ports    `json:"ports,omitempty"`
	From     string     `json:"from"` // internet
	Path     []string   `json:"path,omitempty"`
	Verdict  Verdict    `json:"verdict"`
	Why      []string   `json:"why"` // what let it through, what stopped it, or what is missing
	ref      asset.Ref
}

// Ref returns the instance the exposure is of, or the interface where there is none.
func (e Exposure) Ref() asset.Ref { return e.ref }

// FromInternet returns what the internet can reach of every interface of a pending or running instance, in the order of interfaces.
// An address that cannot be reached at all gives one row with the verdict Blocked, protocol "any" and the reason.
func FromInternet(s *snapshot.Snapshot) []Exposure {
	w := newWorld(s)
	var out []Exposure
	for n := range snapshot.All[asset.NetworkInterface](s) {
		if n.InstanceID == "" {
			continue
		}
		if i, ok := snapshot.Get[asset.Instance](s, n.InstanceID); ok && i.State != "running" && i.State != "pending" {
			continue
		}
		out = append(out, w.exposures(n)...)
	}
	return out
}

// exposures judges every public address of an interface.
func (w *world) exposures(n *asset.NetworkInterface) []Exposure {
	ref := asset.Ref{Account: n.Account, Region: n.Region, Kind: asset.KindInstance, ID: n.InstanceID}
	if i, ok := snapshot.Get[asset.Instance](w.snap, n.InstanceID); ok {
		ref = asset.RefOf(i)
	}
	var out []Exposure
	judge := func(a netip.Addr) {
		for _, e := range w.judge(n, a) {
			e.Instance, e.ENI, e.Address, e.From, e.ref = n.InstanceID, n.ID, a, "internet", ref
			out = append(out, e)
		}
	}
	for _, a := range n.Addresses {
		if a.Public.IsValid() {
			judge(a.Public)
		}
	}
	for _, a := range n.IPv6 {
		if w.internet.intersectBox(box{a, a, 0, 65535}) != nil {
			judge(a)
		}
	}
	if len(out) == 0 {
		addr := netip.Addr{}
		if len(n.Addresses) > 0 {
			addr = n.Addresses[0].Private
		}
		out = []Exposure{{
			Instance: n.InstanceID, ENI: n.ID, Address: addr, Protocol: "any", From: "internet", Verdict: Blocked,
			Why: []string{"no public address"}, ref: ref,
		}}
	}
	return out
}

// judge follows the way in to one public address: gateway and route, then filters per protocol.
func (w *world) judge(n *asset.NetworkInterface, a netip.Addr) []Exposure {
	way := w.wayIn(n, a.Is4())
	if way.verdict != Reachable {
		return []Exposure{{Protocol: "any", Verdict: way.verdict, Why: way.why}}
	}
	var out []Exposure
	for _, p := range protocolsFor(a.Is4()) {
		f := w.filters(n, way, p)
		if f.verdict == Blocked {
			continue
		}
		e := Exposure{Protocol: p.name, Verdict: f.verdict, Ports: f.ports, Why: slices.Concat(way.why, f.why)}
		if f.verdict == Reachable {
			e.Path = w.path(n, way)
		}
		out = append(out, e)
		if f.verdict == Reachable && f.missing != "" {
			out = append(out, Exposure{Protocol: p.name, Verdict: Unknown, Why: []string{f.missing + ": more may be open"}})
		}
	}
	if len(out) == 0 {
		return []Exposure{{Protocol: "any", Verdict: Blocked, Why: append(slices.Clone(way.why), "no rule of its security groups and network ACL lets the internet in")}}
	}
	return out
}

// path returns the component ids from the internet to the instance, in order.
func (w *world) path(n *asset.NetworkInterface, way wayIn) []string {
	p := []string{"internet", way.gateway}
	if way.acl != nil {
		p = append(p, way.acl.ID)
	}
	p = append(p, n.SubnetID)
	p = append(p, n.SecurityGroups...)
	return append(p, n.ID, n.InstanceID)
}
