// Package examples_test checks that the example which the demo runs on is whole and consistent.
package examples_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type object = map[string]any

// place is one account in one region.
type place struct{ account, region string }

func (p place) String() string { return p.account + "/" + p.region }

// load reads what lies in the organisation's regions: place, file, content. What belongs to an account as a whole, loadGlobal reads.
func load(t *testing.T) map[place]map[string]object {
	t.Helper()
	names, err := filepath.Glob("organisation/accounts/*/*/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of the organisation (%v)", err)
	}
	all := map[place]map[string]object{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var content object
		if err := json.Unmarshal(raw, &content); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		dir := filepath.Dir(name)
		p := place{filepath.Base(filepath.Dir(dir)), filepath.Base(dir)}
		if p.region == "global" {
			continue
		}
		if all[p] == nil {
			all[p] = map[string]object{}
		}
		all[p][strings.TrimSuffix(filepath.Base(name), ".json")] = content
	}
	return all
}

// list returns the objects of a file whose key is the file's name.
func list(files map[string]object, name string) []object {
	var found []object
	values, _ := files[name][name].([]any)
	for _, v := range values {
		found = append(found, v.(object))
	}
	return found
}

func instances(files map[string]object) []object {
	var found []object
	for _, r := range list(files, "Reservations") {
		for _, i := range r["Instances"].([]any) {
			found = append(found, i.(object))
		}
	}
	return found
}

func nameOf(o object) string {
	values, _ := o["Tags"].([]any)
	for _, v := range values {
		if v.(object)["Key"] == "Name" {
			return v.(object)["Value"].(string)
		}
	}
	return ""
}

func TestCounts(t *testing.T) {
	accounts, regions := map[string]bool{}, map[string]bool{}
	total, states, bastions := 0, map[string]int{}, []string{}
	for p, files := range load(t) {
		accounts[p.account], regions[p.region] = true, true
		for _, i := range instances(files) {
			total++
			states[i["State"].(object)["Name"].(string)]++
			if strings.HasPrefix(nameOf(i), "bastion-") {
				bastions = append(bastions, p.String()+" "+nameOf(i))
			}
		}
	}
	if len(accounts) != 3 || len(regions) != 4 {
		t.Errorf("got %d accounts and %d regions, want 3 and 4", len(accounts), len(regions))
	}
	if total != 61 {
		t.Errorf("got %d instances, want 61", total)
	}
	if diff := cmp.Diff(map[string]int{"running": 54, "stopped": 4, "terminated": 3}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if want := []string{"444455556666/ap-northeast-1 bastion-tokyo-01"}; !slices.Equal(bastions, want) {
		t.Errorf("got bastions %v, want %v", bastions, want)
	}
}

// TestFiles wants every file in every place, but for the one gap.
func TestFiles(t *testing.T) {
	all := load(t)
	names := map[string]bool{}
	for _, files := range all {
		for name := range files {
			names[name] = true
		}
	}
	if len(names) != 47 {
		t.Errorf("got %d kinds of file, want 47", len(names))
	}
	var missing []string
	for p, files := range all {
		for name := range names {
			if files[name] == nil {
				missing = append(missing, p.String()+" "+name)
			}
		}
	}
	if want := []string{"777788889999/eu-central-1 NetworkAcls"}; !slices.Equal(missing, want) {
		t.Errorf("got gaps %v, want %v", missing, want)
	}
}

// defining is, for each file, the member that names its objects.
var defining = map[string]string{
	"NetworkInterfaces": "NetworkInterfaceId", "SecurityGroups": "GroupId", "NetworkAcls": "NetworkAclId", "RouteTables": "RouteTableId", "Subnets": "SubnetId", "Vpcs": "VpcId",
	"Addresses": "AllocationId", "InternetGateways": "InternetGatewayId", "EgressOnlyInternetGateways": "EgressOnlyInternetGatewayId", "NatGateways": "NatGatewayId",
	"CustomerGateways": "CustomerGatewayId", "VpnGateways": "VpnGatewayId", "VpnConnections": "VpnConnectionId", "VpcEndpoints": "VpcEndpointId",
	"VpcPeeringConnections": "VpcPeeringConnectionId", "TransitGateways": "TransitGatewayId", "TransitGatewayAttachments": "TransitGatewayAttachmentId",
	"TransitGatewayRouteTables": "TransitGatewayRouteTableId", "Volumes": "VolumeId", "Snapshots": "SnapshotId", "Images": "ImageId",
	"ManagedPrefixLists": "PrefixListId",
}

// reference is an id of one of those kinds.
var reference = regexp.MustCompile(`^(vpc|subnet|sg|eni|acl|rtb|igw|eigw|nat|cgw|vgw|vpn|vpce|pcx|tgw|tgw-attach|tgw-rtb|vol|snap|ami|pl|i|eipalloc)-([0-9a-f]{17}|[0-9a-f]{8})$`)

// TestReferences wants every id that is named somewhere to be of something
// that the example has, in the same place unless it can cross accounts.
func TestReferences(t *testing.T) {
	all := load(t)
	defined, anywhere := map[string]bool{}, map[string]bool{}
	define := func(p place, id any) {
		name, _ := id.(string)
		if name == "" {
			t.Fatalf("%s: an object without id", p)
		}
		defined[p.String()+" "+name], anywhere[name] = true, true
	}
	for p, files := range all {
		for name, key := range defining {
			content, ok := files[name]
			if !ok {
				continue
			}
			if name == "ManagedPrefixLists" {
				name = "PrefixLists"
			}
			for _, v := range content[name].([]any) {
				define(p, v.(object)[key])
			}
		}
		for _, i := range instances(files) {
			define(p, i["InstanceId"])
		}
	}
	crossing := regexp.MustCompile(`^(tgw|tgw-attach|tgw-rtb|vpc|subnet|sg|pcx)-`)
	unknown := map[string]int{}
	for p, files := range all {
		walk(files, nil, func(path []string, value string) {
			if !reference.MatchString(value) || defined[p.String()+" "+value] || anywhere[value] && crossing.MatchString(value) {
				return
			}
			unknown[exception(p, path, value)]++
		})
	}
	want := map[string]int{
		"the snapshot of a publisher's image":              23, // not ours to see
		"the origin of a volume: a publisher's snapshot":   58,
		"a volume of another region":                       1,
		"a deleted security group of the peer":             1,
		"a deleted NAT gateway, in a route with blackhole": 1,
	}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Errorf("references to nothing (-want +got):\n%s", diff)
	}
}

// exception says which of the known holes a reference to nothing is.
func exception(p place, path []string, value string) string {
	last, file := path[len(path)-1], path[0]
	switch {
	case file == "Images" && last == "SnapshotId":
		return "the snapshot of a publisher's image"
	case file == "Volumes" && last == "SnapshotId":
		return "the origin of a volume: a publisher's snapshot"
	case value == "vol-ffffffff" && file == "Snapshots":
		return "a volume of another region"
	case file == "SecurityGroups" && slices.Contains(path, "UserIdGroupPairs") && last == "GroupId":
		return "a deleted security group of the peer"
	case file == "RouteTables" && last == "NatGatewayId" && p.region == "eu-central-1":
		return "a deleted NAT gateway, in a route with blackhole"
	}
	return fmt.Sprintf("%s %s %s", p, strings.Join(path, "."), value)
}

// walk calls f for every string of v with the members that lead to it.
func walk(v any, path []string, f func(path []string, value string)) {
	switch v := v.(type) {
	case map[string]object:
		for k, e := range v {
			walk(e, append(slices.Clip(path), k), f)
		}
	case object:
		for k, e := range v {
			walk(e, append(slices.Clip(path), k), f)
		}
	case []any:
		for _, e := range v {
			walk(e, path, f)
		}
	case string:
		f(path, v)
	}
}

// harmless are the private, documentation and link-local ranges (RFC 1918,
// RFC 5737, RFC 3849, RFC 3927): nobody real is named.
var harmless = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("169.254.0.0/16"),
}

func TestAddressesNameNobody(t *testing.T) {
	public, seen := map[string]string{}, 0
	for p, files := range load(t) {
		walk(files, nil, func(path []string, value string) {
			text, _, isPrefix := strings.Cut(value, "/")
			a, err := netip.ParseAddr(text)
			if err != nil || isPrefix && (value == "0.0.0.0/0" || value == "::/0") {
				return
			}
			seen++
			if !slices.ContainsFunc(harmless, func(h netip.Prefix) bool { return h.Contains(a) }) {
				t.Errorf("%s %s: %s is somebody's", p, strings.Join(path, "."), value)
			}
			if path[0] == "Addresses" && path[len(path)-1] == "PublicIp" {
				if other, ok := public[value]; ok {
					t.Errorf("%s is an Elastic IP of %s and of %s", value, other, p)
				}
				public[value] = p.String()
			}
		})
	}
	if seen < 500 || len(public) < 10 {
		t.Errorf("only %d addresses and %d Elastic IPs seen", seen, len(public))
	}
}

// TestInterfacesAgree holds DescribeInstances to DescribeNetworkInterfaces.
func TestInterfacesAgree(t *testing.T) {
	for p, files := range load(t) {
		enis, inside := map[string]object{}, map[string]bool{}
		private := map[string]string{}
		for _, e := range list(files, "NetworkInterfaces") {
			id := e["NetworkInterfaceId"].(string)
			enis[id] = e
			key := e["SubnetId"].(string) + " " + e["PrivateIpAddress"].(string)
			if private[key] != "" {
				t.Errorf("%s: %s and %s have the same address", p, id, private[key])
			}
			private[key] = id
		}
		for _, i := range instances(files) {
			for _, v := range i["NetworkInterfaces"].([]any) {
				in := v.(object)
				id := in["NetworkInterfaceId"].(string)
				inside[id] = true
				out := enis[id]
				for _, key := range []string{"PrivateIpAddress", "SubnetId", "VpcId", "Groups", "MacAddress", "SourceDestCheck", "Status", "InterfaceType", "Ipv6Addresses"} {
					if diff := cmp.Diff(out[key], in[key]); diff != "" {
						t.Errorf("%s %s %s (-interfaces +instances):\n%s", p, id, key, diff)
					}
				}
				if got := out["Attachment"].(object)["InstanceId"]; got != i["InstanceId"] {
					t.Errorf("%s %s: attached to %v, want %v", p, id, got, i["InstanceId"])
				}
			}
		}
		for id, e := range enis {
			if e["Attachment"].(object)["InstanceId"] != nil && !inside[id] {
				t.Errorf("%s %s: its instance does not have it", p, id)
			}
		}
	}
}

func TestTruths(t *testing.T) {
	all := load(t)
	shared := all[place{"444455556666", "ap-northeast-1"}]
	shop := all[place{"111122223333", "ap-northeast-1"}]
	open := map[float64]bool{}
	for _, g := range list(shared, "SecurityGroups") {
		if g["GroupName"] != "bastion" {
			continue
		}
		for _, v := range g["IpPermissions"].([]any) {
			for _, r := range v.(object)["IpRanges"].([]any) {
				open[v.(object)["FromPort"].(float64)] = r.(object)["CidrIp"] == "0.0.0.0/0"
			}
		}
	}
	if diff := cmp.Diff(map[float64]bool{22: true, 3389: true}, open); diff != "" {
		t.Errorf("ports the bastion opens to the world (-want +got):\n%s", diff)
	}
	kinds := map[string]bool{}
	for _, files := range all {
		for _, i := range instances(files) {
			kinds[i["InstanceType"].(string)] = true
			if i["State"].(object)["Name"] == "terminated" && len(i["NetworkInterfaces"].([]any)) != 0 {
				t.Errorf("%s is terminated and has an interface", nameOf(i))
			}
		}
	}
	for _, kind := range []string{"m1.small", "t1.micro", "t2.nano", "t3.nano"} {
		if !kinds[kind] {
			t.Errorf("no instance of type %s", kind)
		}
	}
	if n := len(list(shop, "TransitGatewayAttachments")); n != 1 {
		t.Errorf("the participant sees %d attachments, want its own", n)
	}
	if n := len(list(shared, "TransitGatewayAttachments")); n != 3 {
		t.Errorf("the owner sees %d attachments, want 3", n)
	}
}
