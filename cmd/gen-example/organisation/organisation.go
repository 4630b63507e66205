// Package organisation draws the example organisation: what the AWS CLI answers
// in three accounts and four regions of a web shop that does not exist.
package organisation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// object is one JSON object as the AWS CLI prints it.
type object = map[string]any

// The accounts: ids that AWS's documentation uses for examples.
const (
	shopAccount   = "111122223333"
	sharedAccount = "444455556666"
	devAccount    = "777788889999"
)

// readAt is the moment at which the example organisation was "read".
var readAt = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// daysAgo is the time form of the AWS CLI, so many days before readAt and at a
// minute that depends on the key.
func daysAgo(days int, key string) string {
	minute := int(digest("minute", key)[0])*5 + int(digest("minute", key)[1])%5
	t := readAt.AddDate(0, 0, -days).Add(-time.Duration(minute) * time.Minute)
	return t.Format("2006-01-02T15:04:05+00:00")
}

func digest(parts ...string) []byte {
	sum := sha256.Sum256([]byte("hinomi example\x00" + strings.Join(parts, "\x00")))
	return sum[:]
}

// hexOf returns n hex digits that depend on the parts alone.
func hexOf(n int, parts ...string) string { return hex.EncodeToString(digest(parts...))[:n] }

// region is what one account answers in one region: for each file of a dump,
// the list under its key.
type region struct {
	account, name string
	zones         []zone
	lists         map[string][]object
	unread        []string // files left out on purpose: a gap
	publicNet     string   // public addresses are publicNet + a running number
	nextPublic    int
	images        map[string]image
	used          map[string]int // addresses taken, by subnet id
	roles         []string       // that instances carry, by the name they share with their profile
}

type zone struct{ name, id string }

func newRegion(account, name, publicNet string, firstPublic int, zones ...zone) *region {
	r := &region{
		account: account, name: name, zones: zones, lists: map[string][]object{},
		publicNet: publicNet, nextPublic: firstPublic, images: map[string]image{}, used: map[string]int{},
	}
	for _, z := range zones {
		r.add("AvailabilityZones", object{
			"OptInStatus": "opt-in-not-required", "Messages": []object{}, "RegionName": name, "ZoneName": z.name, "ZoneId": z.id,
			"GroupName": name, "NetworkBorderGroup": name, "ZoneType": "availability-zone", "State": "available",
		})
	}
	r.add("VpcBlockPublicAccessOptions", object{
		"AwsAccountId": account, "AwsRegion": name, "State": "default-state", "InternetGatewayBlockMode": "off",
		"ExclusionsAllowed": "allowed", "ManagedBy": "account", "Reason": "", "LastUpdateTimestamp": daysAgo(700, account+name),
	})
	return r
}

// id returns a well-formed id of 17 hex digits, always the same for a key.
func (r *region) id(prefix, key string) string {
	return prefix + "-0" + hexOf(16, r.account, r.name, prefix, key)
}

func (r *region) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, r.name, r.account, resource)
}

func (r *region) add(list string, o ...object) { r.lists[list] = append(r.lists[list], o...) }

// zoneID is the id of the zone of that name, the same for all accounts.
func (r *region) zoneID(name string) string {
	for _, z := range r.zones {
		if z.name == name {
			return z.id
		}
	}
	return ""
}

// public hands out the next public address of the region's documentation range.
func (r *region) public() string {
	r.nextPublic++
	return fmt.Sprintf("%s.%d", r.publicNet, r.nextPublic-1)
}

// publicDNS is the name AWS gives a public address.
func (r *region) publicDNS(ip string) string {
	zone := r.name + ".compute"
	if r.name == "us-east-1" {
		zone = "compute-1"
	}
	return "ec2-" + strings.ReplaceAll(ip, ".", "-") + "." + zone + ".amazonaws.com"
}

// privateDNS is the name AWS gives a private address.
func (r *region) privateDNS(ip string) string {
	zone := r.name + ".compute.internal"
	if r.name == "us-east-1" {
		zone = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(ip, ".", "-") + "." + zone
}

// tags returns a tag list: Name, then pairs of key and value.
func tags(name string, pairs ...string) []object {
	all := []object{{"Key": "Name", "Value": name}}
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, object{"Key": pairs[i], "Value": pairs[i+1]})
	}
	return all
}

// files are the files of a dump and the key each holds where it is not the
// file's own name. See the layout in the documentation of the dump.
var files = map[string]string{
	"Reservations": "", "NetworkInterfaces": "", "SecurityGroups": "", "NetworkAcls": "", "RouteTables": "", "Subnets": "", "Vpcs": "",
	"Addresses": "", "AvailabilityZones": "", "InternetGateways": "", "EgressOnlyInternetGateways": "", "NatGateways": "",
	"CustomerGateways": "", "VpnGateways": "", "VpnConnections": "", "VpcEndpoints": "", "VpcPeeringConnections": "",
	"TransitGateways": "", "TransitGatewayAttachments": "", "TransitGatewayVpcAttachments": "", "TransitGatewayRouteTables": "",
	"TransitGatewayPropagations": "", "TransitGatewayStaticRoutes": "",
	"Volumes": "", "Snapshots": "", "Images": "", "KeyPairs": "", "FlowLogs": "",
	"VpcEndpointServices": "ServiceDetails", "PrefixLists": "", "ManagedPrefixLists": "PrefixLists", "ManagedPrefixListEntries": "",
	"VpcBlockPublicAccessOptions": "", "VpcBlockPublicAccessExclusions": "",
	"LoadBalancers": "", "TargetGroups": "", "LoadBalancerListeners": "", "LoadBalancerAttributes": "", "LoadBalancerTargetHealth": "",
	"TargetGroupAttributes": "", "ClassicLoadBalancers": "LoadBalancerDescriptions", "NetworkFirewalls": "",
	"DirectConnectGateways": "directConnectGateways", "DirectConnectGatewayAssociations": "directConnectGatewayAssociations",
	"VirtualInterfaces": "virtualInterfaces", "SsmInstanceInformation": "InstanceInformationList", "SsmInventory": "",
}

// write adds every file of the region to out: an empty list where there is
// nothing, no file where it is left out on purpose.
func (r *region) write(out map[string][]byte) error {
	for name := range r.lists {
		if _, ok := files[name]; !ok {
			return fmt.Errorf("%s is not a file of a dump", name)
		}
	}
	for name, key := range files {
		if slices.Contains(r.unread, name) {
			continue
		}
		if key == "" {
			key = name
		}
		list := r.lists[name]
		if list == nil {
			list = []object{}
		}
		content := object{key: list}
		switch name {
		case "VpcBlockPublicAccessOptions":
			content[key] = list[0]
		case "VpcEndpointServices":
			names := make([]string, 0, len(list))
			for _, s := range list {
				names = append(names, s["ServiceName"].(string))
			}
			content["ServiceNames"] = names
		}
		raw, err := indented(content)
		if err != nil {
			return fmt.Errorf("%s of %s in %s: %w", name, r.account, r.name, err)
		}
		out[path.Join("organisation", "accounts", r.account, r.name, name+".json")] = raw
	}
	return nil
}

// indented is the form in which the AWS CLI prints JSON.
func indented(v any) ([]byte, error) {
	raw, err := json.MarshalIndent(v, "", "    ")
	return append(raw, '\n'), err
}

// Files returns the files of the organisation and the list of the disks that
// the example has images of, disks.json, by their slash-separated names.
// The same program always returns the same bytes.
func Files() (map[string][]byte, error) {
	shop, dev, shared := newShop(), newDevelopment(), newShared()
	connectShopAndDevelopment(shop, dev)
	transit(shared, shop)
	out := map[string][]byte{}
	regions := []*region{shop.region, newOsaka(), shared.region, newVirginia(), dev.region, newFrankfurt()}
	for _, r := range regions {
		r.finish()
		if err := r.write(out); err != nil {
			return nil, err
		}
	}
	if err := writeProfiles(out, regions...); err != nil {
		return nil, err
	}
	disk := []object{{
		"account": shopAccount, "region": shop.region.name, "instanceId": shop.id("i", diskHost), "volumeId": shop.id("vol", diskHost+" root"),
		"device": "/dev/sda1", "file": "disk/" + diskHost + ".img.gz", "format": "raw, gzip",
	}}
	raw, err := indented(object{"disks": disk})
	out["disks.json"] = raw
	return out, err
}

// finish fills in what follows from the rest: the free addresses of each
// subnet. Of each IPv4 block AWS keeps five (VPC User Guide, "Subnet sizing").
func (r *region) finish() {
	for _, s := range r.lists["Subnets"] {
		s["AvailableIpAddressCount"] = 256 - 5 - r.used[s["SubnetId"].(string)]
	}
}
