package asset

import "net/netip"

// VPC is a virtual private cloud (API: Vpc).
type VPC struct {
	Meta
	State     string         `json:"state,omitempty"`
	OwnerID   string         `json:"ownerId,omitempty"`
	IsDefault bool           `json:"isDefault,omitempty"`
	CIDRs     []netip.Prefix `json:"cidrs"` // associated IPv4 and IPv6 blocks
	Tenancy   string         `json:"tenancy,omitempty"`
}

// Kind returns KindVPC.
func (*VPC) Kind() Kind { return KindVPC }

// Subnet is a subnet of a VPC (API: Subnet). A shared subnet is seen by its owner and by its participants.
type Subnet struct {
	Meta
	State           string         `json:"state,omitempty"`
	OwnerID         string         `json:"ownerId,omitempty"`
	VPCID           string         `json:"vpcId"`
	Zone            string         `json:"zone,omitempty"`
	CIDRs           []netip.Prefix `json:"cidrs"`
	MapPublicIP     bool           `json:"mapPublicIp,omitempty"`
	AssignIPv6      bool           `json:"assignIpv6,omitempty"`
	DefaultForZone  bool           `json:"defaultForZone,omitempty"`
	FreeIPv4Address int            `json:"freeIpv4Addresses,omitempty"`
}

// Kind returns KindSubnet.
func (*Subnet) Kind() Kind { return KindSubnet }

// NetworkInterface is an ENI (API: NetworkInterface), the unit of reachability.
type NetworkInterface struct {
	Meta
	Type             string         `json:"type,omitempty"`   // interface, network_load_balancer, nat_gateway, gateway_load_balancer_endpoint, vpc_endpoint …
	Status           string         `json:"status,omitempty"` // available, associated, attaching, in-use, detaching
	Description      string         `json:"description,omitempty"`
	OwnerID          string         `json:"ownerId,omitempty"`
	RequesterManaged bool           `json:"requesterManaged,omitempty"`
	VPCID            string         `json:"vpcId,omitempty"`
	SubnetID         string         `json:"subnetId,omitempty"`
	Zone             string         `json:"zone,omitempty"`
	SecurityGroups   []string       `json:"securityGroups,omitempty"`
	Addresses        []PrivateIP    `json:"addresses,omitempty"` // IPv4, the primary first
	IPv6             []netip.Addr   `json:"ipv6,omitempty"`
	Prefixes         []netip.Prefix `json:"prefixes,omitempty"`        // delegated IPv4 and IPv6 prefixes
	SourceDestCheck  *bool          `json:"sourceDestCheck,omitempty"` // nil: not read
	InstanceID       string         `json:"instanceId,omitempty"`
	InstanceOwnerID  string         `json:"instanceOwnerId,omitempty"`
	AttachmentStatus string         `json:"attachmentStatus,omitempty"`
	DeviceIndex      int            `json:"deviceIndex,omitempty"`
	MACAddress       string         `json:"macAddress,omitempty"`
}

// Kind returns KindNetworkInterface.
func (*NetworkInterface) Kind() Kind { return KindNetworkInterface }

// PrivateIP is one private IPv4 address of an ENI with the public one mapped to it, if any.
type PrivateIP struct {
	Private      netip.Addr `json:"private"`
	Public       netip.Addr `json:"public,omitzero"`
	Primary      bool       `json:"primary,omitempty"`
	AllocationID string     `json:"allocationId,omitempty"` // of an Elastic IP; "" for an automatic public address
	PublicDNS    string     `json:"publicDns,omitempty"`
}

// Address is an Elastic IP (API: Address).
type Address struct {
	Meta
	Public             netip.Addr `json:"public"`
	Private            netip.Addr `json:"private,omitzero"`
	AssociationID      string     `json:"associationId,omitempty"`
	InstanceID         string     `json:"instanceId,omitempty"`
	NetworkInterfaceID string     `json:"networkInterfaceId,omitempty"`
}

// Kind returns KindAddress.
func (*Address) Kind() Kind { return KindAddress }

// RouteTable is a route table with its associations (API: RouteTable).
type RouteTable struct {
	Meta
	OwnerID         string   `json:"ownerId,omitempty"`
	VPCID           string   `json:"vpcId"`
	Main            bool     `json:"main,omitempty"`
	Subnets         []string `json:"subnets,omitempty"`  // explicit associations
	Gateways        []string `json:"gateways,omitempty"` // edge associations: igw-… or vgw-…
	PropagatingVGWs []string `json:"propagatingVgws,omitempty"`
	Routes          []Route  `json:"routes"`
}

// Kind returns KindRouteTable.
func (*RouteTable) Kind() Kind { return KindRouteTable }

// Route is one route (API: Route). Exactly one of Destination and PrefixList is set.
type Route struct {
	Destination netip.Prefix `json:"destination,omitzero"`
	PrefixList  string       `json:"prefixList,omitempty"`
	TargetType  string       `json:"targetType"`       // local, gateway, nat, egress-only, peering, transit-gateway, interface, instance, carrier, local-gateway, core-network, odb-network
	Target      string       `json:"target"`           // "local", igw-…, vgw-…, vpce-…, nat-…, eigw-…, pcx-…, tgw-…, eni-…, i-…
	State       string       `json:"state,omitempty"`  // active, blackhole
	Origin      string       `json:"origin,omitempty"` // CreateRouteTable, CreateRoute, EnableVgwRoutePropagation
}

// NetworkACL is a stateless filter at subnet borders (API: NetworkAcl).
type NetworkACL struct {
	Meta
	OwnerID   string     `json:"ownerId,omitempty"`
	VPCID     string     `json:"vpcId"`
	IsDefault bool       `json:"isDefault,omitempty"`
	Subnets   []string   `json:"subnets,omitempty"`
	Entries   []ACLEntry `json:"entries"`
}

// Kind returns KindNetworkACL.
func (*NetworkACL) Kind() Kind { return KindNetworkACL }

// ACLEntry is one numbered rule of a network ACL. Rule 32767 is the final deny.
type ACLEntry struct {
	Number   int          `json:"number"`
	Egress   bool         `json:"egress,omitempty"`
	Allow    bool         `json:"allow,omitempty"`
	Protocol int          `json:"protocol"` // IANA number; -1 means all
	CIDR     netip.Prefix `json:"cidr"`
	FromPort int          `json:"fromPort"` // 0–65535; with protocol -1 the whole range
	ToPort   int          `json:"toPort"`
	ICMPType int          `json:"icmpType"` // -1 means all; meaningful for protocols 1 and 58 only
	ICMPCode int          `json:"icmpCode"`
}

// SecurityGroup is a stateful filter at an interface (API: SecurityGroup).
type SecurityGroup struct {
	Meta
	GroupName   string `json:"groupName"`
	Description string `json:"description,omitempty"`
	OwnerID     string `json:"ownerId,omitempty"`
	VPCID       string `json:"vpcId,omitempty"`
	Rules       []Rule `json:"rules"` // in the API's order: ingress, then egress, one row per source
}

// Kind returns KindSecurityGroup.
func (*SecurityGroup) Kind() Kind { return KindSecurityGroup }

// Rule is one allowing rule of a security group for one peer. Exactly one of CIDR, PrefixList and Group is set.
type Rule struct {
	Egress       bool         `json:"egress,omitempty"`
	Protocol     int          `json:"protocol"` // IANA number; -1 means all
	FromPort     int          `json:"fromPort"` // 0–65535; ICMP: the type, -1 means all
	ToPort       int          `json:"toPort"`   // ICMP: the code, -1 means all
	CIDR         netip.Prefix `json:"cidr,omitzero"`
	PrefixList   string       `json:"prefixList,omitempty"`
	Group        string       `json:"group,omitempty"`
	GroupOwner   string       `json:"groupOwner,omitempty"`
	GroupPeering string       `json:"groupPeering,omitempty"` // pcx-… where the group is a peer VPC's
	GroupStatus  string       `json:"groupStatus,omitempty"`  // peering status: active, deleted …
	Description  string       `json:"description,omitempty"`
}

// PrefixList is a managed prefix list, AWS's or a customer's (API: ManagedPrefixList with its entries).
type PrefixList struct {
	Meta
	ListName    string         `json:"listName"`
	OwnerID     string         `json:"ownerId,omitempty"` // "AWS" for AWS's own
	MaxEntries  int            `json:"maxEntries,omitempty"`
	Entries     []netip.Prefix `json:"entries,omitempty"`
	EntriesRead bool           `json:"entriesRead"` // false: the entries are not known, so nothing can be concluded from their absence
}

// Kind returns KindPrefixList.
func (*PrefixList) Kind() Kind { return KindPrefixList }

// FlowLog is a VPC, subnet or interface flow log (API: FlowLog).
type FlowLog struct {
	Meta
	ResourceID  string `json:"resourceId"`
	Status      string `json:"status"`
	TrafficType string `json:"trafficType,omitempty"`
	Destination string `json:"destination,omitempty"`
}

// Kind returns KindFlowLog.
func (*FlowLog) Kind() Kind { return KindFlowLog }

// BlockPublicAccess is a region's VPC Block Public Access setting (API: VpcBlockPublicAccessOptions). Its ID is the account.
type BlockPublicAccess struct {
	Meta
	Mode              string `json:"mode"` // off, block-bidirectional, block-ingress
	State             string `json:"state,omitempty"`
	ExclusionsAllowed string `json:"exclusionsAllowed,omitempty"`
}

// Kind returns KindBlockPublicAccess.
func (*BlockPublicAccess) Kind() Kind { return KindBlockPublicAccess }

// BlockPublicAccessExclusion frees one VPC or subnet from it (API: VpcBlockPublicAccessExclusion).
type BlockPublicAccessExclusion struct {
	Meta
	Resource string `json:"resource"` // ARN of a VPC or subnet
	Mode     string `json:"mode"`     // allow-bidirectional, allow-egress
	State    string `json:"state"`
}

// Kind returns KindBlockPublicAccessExcl.
func (*BlockPublicAccessExclusion) Kind() Kind { return KindBlockPublicAccessExcl }
