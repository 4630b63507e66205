// Package mapping turns what AWS answers into assets. It is the only place where that is done: the live reader hands it the SDK's
// types, the dump reader the same types decoded from AWS CLI JSON. A Part is one listing, a Region gathers the parts of one account
// and region and joins those that belong together.
package mapping

import (
	"strings"

	"github.com/go-json-experiment/json"

	"hinomi/internal/asset"
)

// Part is one listing: one file of a dump, one list call of the API.
type Part struct {
	Name    string     // of the file in a dump, without .json
	Key     string     // top-level key, as the AWS CLI prints it
	Kind    asset.Kind // of the assets it lists or completes
	Detail  string     // not "": it completes assets that another part lists; what it tells of them, in words
	Minimal bool       // read even with the least permissions
	Object  bool       // the key holds one object, not a list
	Global  bool       // it belongs to the account as a whole: its region is asset.Global, and it is read once
	Actions []string   // IAM actions that reading it needs
	decode  func([]byte) (any, error)
	put     func(*Region, any)
	lower   bool // the CLI prints members in lower camel case
	scrub   func(any) any
}

// Decode reads one element of the part's list from the CLI's JSON. The value is of the type that Region.Put takes.
func (p *Part) Decode(element []byte) (any, error) { return p.decode(element) }

// part makes a Part for elements of type T.
func part[T any](name, key string, kind asset.Kind, actions string, put func(*Region, *T)) *Part {
	return &Part{
		Name: name, Key: key, Kind: kind, Global: kind.Global(), Actions: strings.Fields(actions),
		decode: func(b []byte) (any, error) {
			v := new(T)
			if err := json.Unmarshal(b, v, decodeOptions); err != nil {
				return nil, err
			}
			return v, nil
		},
		put: func(r *Region, v any) { put(r, v.(*T)) },
	}
}

func (p *Part) minimal() *Part                { p.Minimal = true; return p }
func (p *Part) object() *Part                 { p.Object = true; return p }
func (p *Part) detail(what string) *Part      { p.Detail = what; return p }
func (p *Part) lowerCamel() *Part             { p.lower = true; return p }
func (p *Part) without(f func(any) any) *Part { p.scrub = f; return p }

// Parts returns every part in the order in which a person would read them. The slice is the caller's own.
func Parts() []*Part { return append([]*Part(nil), parts...) }

// PartNamed returns the part with a file name, in hinomi's and Batfish's form (Reservations) or CloudMapper's
// (ec2-describe-instances); nil if there is none.
func PartNamed(name string) *Part { return byName[strings.ToLower(name)] }

// ByKind returns the parts that list or complete a kind.
func ByKind(kind asset.Kind) (out []*Part) {
	for _, p := range parts {
		if p.Kind == kind {
			out = append(out, p)
		}
	}
	return out
}

// Ignored says what a file holds that dumps are known to have and that no asset is made of; "" for any other file.
func Ignored(name string) string { return ignored[strings.ToLower(name)] }

var ignored = map[string]string{
	"availabilityzones":               "availability zones: they only tell the region",
	"ec2-describe-availability-zones": "availability zones: they only tell the region",
	"describe-regions":                "the account's regions",
	"sts-get-caller-identity":         "the account's id",
	"vpcendpointservices":             "services that endpoints can be made for",
	"ssminventory":                    "Systems Manager inventory: read by a scan, not as an asset",
}

var byName = func() map[string]*Part {
	m := make(map[string]*Part, 2*len(parts))
	for _, p := range parts {
		m[strings.ToLower(p.Name)] = p
	}
	for alias, name := range cloudMapper {
		m[alias] = m[strings.ToLower(name)]
	}
	return m
}()

// cloudMapper are the names that CloudMapper gives to the same answers: service-command.json.
var cloudMapper = map[string]string{
	"ec2-describe-instances":                          "Reservations",
	"ec2-describe-images":                             "Images",
	"ec2-describe-volumes":                            "Volumes",
	"ec2-describe-snapshots":                          "Snapshots",
	"ec2-describe-key-pairs":                          "KeyPairs",
	"ec2-describe-network-interfaces":                 "NetworkInterfaces",
	"ec2-describe-addresses":                          "Addresses",
	"ec2-describe-vpcs":                               "Vpcs",
	"ec2-describe-subnets":                            "Subnets",
	"ec2-describe-route-tables":                       "RouteTables",
	"ec2-describe-network-acls":                       "NetworkAcls",
	"ec2-describe-security-groups":                    "SecurityGroups",
	"ec2-describe-prefix-lists":                       "PrefixLists",
	"ec2-describe-managed-prefix-lists":               "ManagedPrefixLists",
	"ec2-describe-internet-gateways":                  "InternetGateways",
	"ec2-describe-egress-only-internet-gateways":      "EgressOnlyInternetGateways",
	"ec2-describe-nat-gateways":                       "NatGateways",
	"ec2-describe-vpn-gateways":                       "VpnGateways",
	"ec2-describe-customer-gateways":                  "CustomerGateways",
	"ec2-describe-vpn-connections":                    "VpnConnections",
	"ec2-describe-vpc-peering-connections":            "VpcPeeringConnections",
	"ec2-describe-transit-gateways":                   "TransitGateways",
	"ec2-describe-transit-gateway-attachments":        "TransitGatewayAttachments",
	"ec2-describe-transit-gateway-vpc-attachments":    "TransitGatewayVpcAttachments",
	"ec2-describe-transit-gateway-route-tables":       "TransitGatewayRouteTables",
	"ec2-describe-vpc-endpoints":                      "VpcEndpoints",
	"ec2-describe-flow-logs":                          "FlowLogs",
	"ec2-describe-vpc-block-public-access-options":    "VpcBlockPublicAccessOptions",
	"ec2-describe-vpc-block-public-access-exclusions": "VpcBlockPublicAccessExclusions",
	"elbv2-describe-load-balancers":                   "LoadBalancers",
	"elbv2-describe-target-groups":                    "TargetGroups",
	"elb-describe-load-balancers":                     "ClassicLoadBalancers",
	"ssm-describe-instance-information":               "SsmInstanceInformation",
	"iam-list-instance-profiles":                      "InstanceProfiles",
	"directconnect-describe-direct-connect-gateways":  "DirectConnectGateways",
	"directconnect-describe-virtual-interfaces":       "VirtualInterfaces",
}
