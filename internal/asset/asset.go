// Package asset holds the words for what an AWS account contains: instances, volumes, images and the parts of a VPC.
// The types are plain data, alike whether they were read from the live API or from a folder of AWS CLI JSON.
// Field names follow the EC2 API reference; optional text is "" and optional numbers are pointers only where 0 has a meaning of its own.
package asset

import "strings"

// Kind says what sort of thing an asset is. The words are those of the AWS resource types' last part, in kebab case.
type Kind string

// The kinds hinomi imports.
const (
	KindInstance              Kind = "instance"
	KindImage                 Kind = "image"
	KindVolume                Kind = "volume"
	KindSnapshot              Kind = "snapshot"
	KindKeyPair               Kind = "key-pair"
	KindNetworkInterface      Kind = "network-interface"
	KindAddress               Kind = "elastic-ip"
	KindVPC                   Kind = "vpc"
	KindSubnet                Kind = "subnet"
	KindRouteTable            Kind = "route-table"
	KindNetworkACL            Kind = "network-acl"
	KindSecurityGroup         Kind = "security-group"
	KindPrefixList            Kind = "prefix-list"
	KindInternetGateway       Kind = "internet-gateway"
	KindEgressOnlyGateway     Kind = "egress-only-internet-gateway"
	KindNATGateway            Kind = "nat-gateway"
	KindVPNGateway            Kind = "vpn-gateway"
	KindCustomerGateway       Kind = "customer-gateway"
	KindVPNConnection         Kind = "vpn-connection"
	KindPeering               Kind = "vpc-peering-connection"
	KindTransitGateway        Kind = "transit-gateway"
	KindTransitAttachment     Kind = "transit-gateway-attachment"
	KindTransitRouteTable     Kind = "transit-gateway-route-table"
	KindEndpoint              Kind = "vpc-endpoint"
	KindFlowLog               Kind = "flow-log"
	KindLoadBalancer          Kind = "load-balancer"
	KindListener              Kind = "listener"
	KindTargetGroup           Kind = "target-group"
	KindFirewall              Kind = "network-firewall"
	KindDirectConnectGateway  Kind = "direct-connect-gateway"
	KindVirtualInterface      Kind = "virtual-interface"
	KindBlockPublicAccess     Kind = "vpc-block-public-access"
	KindBlockPublicAccessExcl Kind = "vpc-block-public-access-exclusion"
	KindManagedInstance       Kind = "managed-instance" // what SSM says of an instance
	KindInstanceProfile       Kind = "instance-profile"
)

// Global is the region of what belongs to an account as a whole: the parts of IAM. AWS Config records such resources under the same word.
const Global = "global"

// Global reports whether assets of the kind belong to an account as a whole and lie in no region.
func (k Kind) Global() bool { return k == KindInstanceProfile }

// Ref names one asset: enough to find it again in a snapshot or in the store.
type Ref struct {
	Account string `json:"account"` // 12 digits
	Region  string `json:"region"`  // Global for what no region holds
	Kind    Kind   `json:"kind"`
	ID      string `json:"id"` // the service's own id (i-…, vpc-…); an ARN or a name where the service has no shorter one
}

// String returns account/region/kind/id.
func (r Ref) String() string {
	return r.Account + "/" + r.Region + "/" + string(r.Kind) + "/" + r.ID
}

// Meta is what every asset has, whatever its kind. It is embedded in each type.
type Meta struct {
	Account string            `json:"account"`
	Region  string            `json:"region"`
	ID      string            `json:"id"`
	ARN     string            `json:"arn,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"` // AWS tags as read
}

// Name returns the asset's Name tag, or "".
func (m Meta) Name() string { return m.Tags["Name"] }

// Label returns the name with the id in brackets, or the id alone. It is text from outside: a face escapes it.
func (m Meta) Label() string {
	if n := m.Name(); n != "" {
		return n + " (" + m.ID + ")"
	}
	return m.ID
}

// Base returns the asset's Meta. It lets code that does not care about the kind handle any asset.
func (m *Meta) Base() *Meta { return m }

// Asset is any of this package's types, behind a pointer.
type Asset interface {
	Base() *Meta
	Kind() Kind
}

// RefOf returns the reference of an asset.
func RefOf(a Asset) Ref {
	m := a.Base()
	return Ref{Account: m.Account, Region: m.Region, Kind: a.Kind(), ID: m.ID}
}

// Partition returns the AWS partition of a region by its name: aws, aws-cn or aws-us-gov
// (AWS General Reference, "Amazon Resource Names").
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// RegionOfZone returns the region of an availability zone's name: ap-northeast-1a gives ap-northeast-1,
// us-west-2-lax-1a (a Local Zone) gives us-west-2. It returns "" if zone has no such form.
func RegionOfZone(zone string) string {
	parts := strings.Split(zone, "-")
	for i, p := range parts {
		if i < 2 || p == "" || p[0] < '0' || p[0] > '9' {
			continue
		}
		digits := strings.TrimRight(p, "abcdefghijklmnopqrstuvwxyz")
		return strings.Join(append(append([]string{}, parts[:i]...), digits), "-")
	}
	return ""
}
