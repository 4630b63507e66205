package mapping

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/asset"
)

// of is the asset that values are read for, so that a fault can name it.
type of struct {
	r    *Region
	kind asset.Kind
	id   string
}

func (r *Region) of(kind asset.Kind, id *string) of {
	o := of{r: r, kind: kind}
	if id != nil {
		o.id = *id
	}
	return o
}

func (o of) fault(format string, args ...any) { o.r.fault(o.kind, o.id, format, args...) }

// addr reads an address; an absent one is the zero Addr.
func (o of) addr(what string, s *string) netip.Addr {
	if s == nil || *s == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(strings.TrimSpace(*s))
	if err != nil {
		o.fault("%s %q is not an address", what, clip(*s))
		return netip.Addr{}
	}
	return a.Unmap()
}

// prefix reads a CIDR block, with the bits past its length cleared; an absent one is the zero Prefix.
func (o of) prefix(what string, s *string) netip.Prefix {
	if s == nil || *s == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(strings.TrimSpace(*s))
	if err != nil {
		o.fault("%s %q is not a CIDR block", what, clip(*s))
		return netip.Prefix{}
	}
	return p.Masked()
}

// prefixes reads a list of CIDR blocks, leaving out the absent and the broken.
func (o of) prefixes(what string, list ...*string) (out []netip.Prefix) {
	for _, s := range list {
		if p := o.prefix(what, s); p.IsValid() {
			out = append(out, p)
		}
	}
	return out
}

// when reads the time of the few answers that carry it as text.
func (o of) when(what string, s *string) time.Time {
	if s == nil || *s == "" {
		return time.Time{}
	}
	t, err := ParseTime(*s)
	if err != nil {
		o.fault("%s %s", what, err)
	}
	return t
}

// protocols are the names that EC2 prints for IP protocol numbers (EC2 API Reference, IpPermission, IpProtocol; IANA protocol numbers).
var protocols = map[string]int{"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "all": -1, "-1": -1}

// protocol reads a protocol's name or IANA number; -1 means all.
func (o of) protocol(s *string) int {
	if s == nil {
		o.fault("a rule has no protocol")
		return -1
	}
	if n, ok := protocols[strings.ToLower(*s)]; ok {
		return n
	}
	n, err := strconv.Atoi(*s)
	if err != nil || n < -1 || n > 255 {
		o.fault("protocol %q is not known", clip(*s))
		return -1
	}
	return n
}

func (r *Region) tags(list []ec2types.Tag) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list))
	for _, t := range list {
		m[r.text(t.Key)] = r.text(t.Value)
	}
	return m
}

func (r *Region) texts(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = r.intern(s)
	}
	return out
}

func groupIDs(r *Region, list []ec2types.GroupIdentifier) (out []string) {
	for _, g := range list {
		out = append(out, r.text(g.GroupId))
	}
	return out
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) (v T) {
	if p != nil {
		return *p
	}
	return v
}

func number(p *int32) int { return int(deref(p)) }
