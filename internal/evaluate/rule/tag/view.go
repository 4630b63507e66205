package tag

import (
	"net/netip"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// Asset is an instance as a tag rule sees it. The names in the cel tags are the rule language's.
type Asset struct {
	ID              string            `cel:"id"`
	Name            string            `cel:"name"`
	Account         string            `cel:"account"`
	Region          string            `cel:"region"`
	Zone            string            `cel:"zone"`
	VPC             string            `cel:"vpc"`
	Subnet          string            `cel:"subnet"`
	State           string            `cel:"state"`
	Type            string            `cel:"type"`
	Architecture    string            `cel:"architecture"`
	Platform        string            `cel:"platform"`
	Image           string            `cel:"image"`
	ImageName       string            `cel:"imageName"`
	KeyName         string            `cel:"keyName"`
	InstanceProfile string            `cel:"instanceProfile"`
	IMDSv2          bool              `cel:"imdsv2"`
	LaunchTime      time.Time         `cel:"launchTime"`
	PrivateIPs      []string          `cel:"privateIps"`
	PublicIPs       []string          `cel:"publicIps"`
	SecurityGroups  []string          `cel:"securityGroups"`
	Tags            map[string]string `cel:"tags"`
	OpenPorts       []int64           `cel:"openPorts"`
	Vulnerabilities []string          `cel:"vulnerabilities"`
}

func view(s *snapshot.Snapshot, i *asset.Instance, f Facts) *Asset {
	at := asset.RefOf(i)
	v := &Asset{
		ID: i.ID, Name: i.Name(), Account: i.Account, Region: i.Region, Zone: i.Zone, VPC: i.VPCID, Subnet: i.SubnetID,
		State: i.State, Type: i.Type, Architecture: i.Architecture, Platform: i.Platform, Image: i.ImageID, KeyName: i.KeyName,
		InstanceProfile: i.InstanceProfile, IMDSv2: i.HTTPTokens == "required", LaunchTime: i.LaunchTime,
		SecurityGroups: i.SecurityGroups, Tags: i.Tags,
	}
	if img, ok := snapshot.Get[asset.Image](s, i.ImageID); ok {
		v.ImageName = img.ImageName
	}
	v.PrivateIPs, v.PublicIPs = addresses(s, i)
	if f.OpenPorts != nil {
		v.OpenPorts = f.OpenPorts(at)
	}
	if f.Vulnerabilities != nil {
		v.Vulnerabilities = f.Vulnerabilities(at)
	}
	return v
}

// addresses returns every private and public address of an instance, its own first, each once.
func addresses(s *snapshot.Snapshot, i *asset.Instance) (private, public []string) {
	seen := map[netip.Addr]bool{}
	add := func(list *[]string, a netip.Addr) {
		if a.IsValid() && !seen[a] {
			seen[a] = true
			*list = append(*list, a.String())
		}
	}
	add(&private, i.PrivateIP)
	add(&public, i.PublicIP)
	for _, id := range i.NetworkInterfaces {
		n, ok := snapshot.Get[asset.NetworkInterface](s, id)
		if !ok {
			continue
		}
		for _, a := range n.Addresses {
			add(&private, a.Private)
			add(&public, a.Public)
		}
		for _, a := range n.IPv6 {
			add(&public, a)
		}
	}
	return private, public
}

// environment is the rule language: CEL with the typed asset, now, cidrContains(prefix, address) and ageDays(time).
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[Asset](), ext.ParseStructTags(true)),
		ext.Strings(),
		cel.Variable("asset", cel.ObjectType("tag.Asset")),
		cel.Variable("now", cel.TimestampType),
		cel.Function("cidrContains", cel.Overload("cidr_contains_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(cidrContains))),
		cel.Function("ageDays", cel.Overload("age_days_timestamp_timestamp", []*cel.Type{cel.TimestampType, cel.TimestampType}, cel.IntType,
			cel.BinaryBinding(ageDays))),
	)
}

// cidrContains reports whether an address lies in a prefix.
func cidrContains(prefix, address ref.Val) ref.Val {
	p, err := netip.ParsePrefix(string(prefix.(types.String)))
	if err != nil {
		return types.NewErr("cidrContains: %q is no CIDR block", prefix.Value())
	}
	a, err := netip.ParseAddr(string(address.(types.String)))
	if err != nil {
		return types.NewErr("cidrContains: %q is no address", address.Value())
	}
	return types.Bool(p.Contains(a))
}

// ageDays returns the whole days from a time to another: ageDays(asset.launchTime, now).
func ageDays(from, to ref.Val) ref.Val {
	f, t := from.(types.Timestamp), to.(types.Timestamp)
	if f.IsZero() {
		return types.NewErr("ageDays: the time is not known")
	}
	return types.Int(t.Sub(f.Time) / (24 * time.Hour))
}
