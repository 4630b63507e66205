package ssm_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/ssm"
)

func TestExplain(t *testing.T) {
	reachable := ssm.Facts{State: "running", Profile: ssm.Yes, Role: "web", RoleHasCore: ssm.Yes, DefaultManagement: ssm.No, Internet: ssm.Yes, Registered: ssm.No}
	with := func(change func(*ssm.Facts)) ssm.Facts {
		f := reachable
		change(&f)
		return f
	}
	for _, tc := range []struct {
		name  string
		facts ssm.Facts
		want  []string
	}{
		{"nothing_wrong", reachable, []string{"nothing that was read"}},
		{"stopped", with(func(f *ssm.Facts) { f.State, f.Profile = "stopped", ssm.No }), []string{"is stopped"}},
		{"no_profile", with(func(f *ssm.Facts) { f.Profile = ssm.No }), []string{"carries no instance profile, and Default Host Management is off"}},
		{"no_profile_setting_unread", with(func(f *ssm.Facts) { f.Profile, f.DefaultManagement = ssm.No, ssm.Unknown }), []string{"whether Default Host Management is on was not read"}},
		{"no_profile_but_default", with(func(f *ssm.Facts) { f.Profile, f.DefaultManagement = ssm.No, ssm.Yes }), []string{"nothing that was read"}},
		{"profile_unread", with(func(f *ssm.Facts) { f.Profile = ssm.Unknown }), []string{"nothing that was read"}},
		{"role_without_policy", with(func(f *ssm.Facts) { f.RoleHasCore = ssm.No }), []string{"role web does not have AmazonSSMManagedInstanceCore"}},
		{"policies_unread", with(func(f *ssm.Facts) { f.RoleHasCore = ssm.Unknown }), []string{"nothing that was read"}},
		{"metadata_off", with(func(f *ssm.Facts) { f.MetadataOff = ssm.Yes }), []string{"metadata service is switched off"}},
		{"no_way", with(func(f *ssm.Facts) {
			f.Internet, f.EndpointsRead, f.MissingEndpoints = ssm.No, true, []string{"ssm", "ssmmessages"}
		}), []string{"no interface endpoint for ssm, ssmmessages"}},
		{"endpoints_there", with(func(f *ssm.Facts) { f.Internet, f.EndpointsRead = ssm.No, true }), []string{"nothing that was read"}},
		{"endpoints_unread", with(func(f *ssm.Facts) { f.Internet = ssm.No }), []string{"nothing that was read"}},
		{"lost", with(func(f *ssm.Facts) { f.Registered, f.Ping, f.LastPing = ssm.Yes, "ConnectionLost", noon }), []string{"not answered since 2026-03-01T12:00:00Z (ConnectionLost)"}},
		{"two", with(func(f *ssm.Facts) {
			f.Profile, f.Internet, f.EndpointsRead, f.MissingEndpoints = ssm.No, ssm.No, true, []string{"ssm"}
		}), []string{"carries no instance profile", "no interface endpoint for ssm"}},
		{"managed", with(func(f *ssm.Facts) { f.Registered, f.Ping = ssm.Yes, "Online" }), nil},
	} {
		got := ssm.Explain(tc.facts)
		if len(got) != len(tc.want) {
			t.Errorf("%s: got %+v, want %q", tc.name, got, tc.want)
			continue
		}
		for i, c := range got {
			if !strings.Contains(c.Why, tc.want[i]) || c.Do == "" {
				t.Errorf("%s: got %+v, want %q", tc.name, c, tc.want[i])
			}
		}
	}
}

func TestFactsOf(t *testing.T) {
	const account = "111122223333"
	meta := func(id string) asset.Meta { return asset.Meta{Account: account, Region: region, ID: id} }
	i := &asset.Instance{Meta: meta("i-1"), State: "running", VPCID: "vpc-1", SubnetID: "subnet-1", HTTPEndpoint: "enabled", InstanceProfileID: "AIPA1"}
	build := func(read bool, assets ...asset.Asset) *snapshot.Snapshot {
		b := snapshot.NewBuilder()
		b.Add(append(assets, i)...)
		if read {
			for _, k := range []asset.Kind{asset.KindManagedInstance, asset.KindEndpoint, asset.KindRouteTable} {
				b.MarkRead(account, region, k, noon, 1)
			}
		}
		return b.Build(noon)
	}
	route := func(dst, kind, target string) asset.Route {
		return asset.Route{Destination: netip.MustParsePrefix(dst), TargetType: kind, Target: target, State: "active"}
	}
	local := route("10.0.0.0/16", "local", "local")
	table := func(id string, main bool, subnets []string, routes ...asset.Route) *asset.RouteTable {
		return &asset.RouteTable{Meta: meta(id), VPCID: "vpc-1", Main: main, Subnets: subnets, Routes: append([]asset.Route{local}, routes...)}
	}
	endpoint := func(id, service, vpc string) *asset.Endpoint {
		return &asset.Endpoint{Meta: meta(id), Type: "Interface", Service: "com.amazonaws." + region + "." + service, State: "available", VPCID: vpc}
	}
	got := ssm.FactsOf(build(false), i)
	if diff := cmp.Diff(ssm.Facts{State: "running", MetadataOff: ssm.No}, got); diff != "" {
		t.Errorf("nothing read (-want +got):\n%s", diff)
	}
	profile := &asset.InstanceProfile{Meta: asset.Meta{Account: account, Region: asset.Global, ID: "AIPA1"}, Roles: []asset.RoleRef{{Name: "web"}}}
	managed := &asset.ManagedInstance{Meta: meta("i-1"), PingStatus: "ConnectionLost", LastPing: noon}
	got = ssm.FactsOf(build(true, profile, managed, table("rtb-main", true, nil, route("0.0.0.0/0", "gateway", "igw-1")), table("rtb-own", false, []string{"subnet-1"}), endpoint("vpce-1", "ssm", "vpc-1"), endpoint("vpce-2", "ssmmessages", "vpc-2")), i)
	want := ssm.Facts{
		State: "running", MetadataOff: ssm.No, Profile: ssm.Yes, Role: "web", Registered: ssm.Yes, Ping: "ConnectionLost", LastPing: noon, Internet: ssm.No,
		EndpointsRead: true, MissingEndpoints: []string{"ssmmessages"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("own table (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		name  string
		route asset.Route
		want  ssm.Known
	}{
		{"internet", route("0.0.0.0/0", "gateway", "igw-1"), ssm.Yes},
		{"nat", route("0.0.0.0/0", "nat", "nat-1"), ssm.Yes},
		{"public_ranges", route("52.0.0.0/8", "nat", "nat-1"), ssm.Yes},
		{"transit", route("0.0.0.0/0", "transit-gateway", "tgw-1"), ssm.Yes},
		{"private_only", route("10.0.0.0/8", "transit-gateway", "tgw-1"), ssm.No},
		{"s3_endpoint", asset.Route{PrefixList: "pl-1", TargetType: "gateway", Target: "vpce-9"}, ssm.No},
		{"blackhole", asset.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), TargetType: "nat", State: "blackhole"}, ssm.No},
	} {
		if got := ssm.FactsOf(build(true, table("rtb-main", true, nil, tc.route)), i); got.Internet != tc.want || got.Registered != ssm.No {
			t.Errorf("%s: got %+v, want internet %v", tc.name, got, tc.want)
		}
	}
}

// roles is IAM with the policies of one role, two a page.
type roles struct {
	arns []string
	err  error
}

// ListAttachedRolePolicies implements ssm.RolePolicies.
func (r roles) ListAttachedRolePolicies(_ context.Context, in *iam.ListAttachedRolePoliciesInput, _ ...func(*iam.Options)) (*iam.ListAttachedRolePoliciesOutput, error) {
	from := len(aws.ToString(in.Marker))
	out := &iam.ListAttachedRolePoliciesOutput{}
	for _, a := range r.arns[from:min(from+2, len(r.arns))] {
		out.AttachedPolicies = append(out.AttachedPolicies, iamtypes.AttachedPolicy{PolicyArn: &a})
	}
	if from+2 < len(r.arns) {
		out.IsTruncated, out.Marker = true, aws.String(strings.Repeat("x", from+2))
	}
	return out, r.err
}

func TestRoleHasCore(t *testing.T) {
	for _, tc := range []struct {
		name string
		api  roles
		want ssm.Known
	}{
		{"none", roles{}, ssm.No},
		{"last_page", roles{arns: []string{"a", "b", "c", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}}, ssm.Yes},
		{"gov", roles{arns: []string{"arn:aws-us-gov:iam::aws:policy/AmazonSSMManagedInstanceCore"}}, ssm.Yes},
		{"of_that_name", roles{arns: []string{"arn:aws:iam::111122223333:policy/AmazonSSMManagedInstanceCore"}}, ssm.No},
		{"refused", roles{err: errors.New("AccessDenied")}, ssm.Unknown},
	} {
		got, err := ssm.RoleHasCore(t.Context(), tc.api, "web")
		if got != tc.want || (err != nil) != (tc.want == ssm.Unknown) {
			t.Errorf("%s: got %v, %v, want %v", tc.name, got, err, tc.want)
		}
	}
}
