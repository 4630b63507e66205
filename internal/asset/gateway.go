package asset

import "net/netip"

// InternetGateway is an internet gateway or, with EgressOnly, an egress-only one for IPv6 (API: InternetGateway, EgressOnlyInternetGateway).
type InternetGateway struct {
	Meta
	OwnerID     string          `json:"ownerId,omitempty"`
	EgressOnly  bool            `json:"egressOnly,omitempty"`
	Attachments []VPCAttachment `json:"attachments,omitempty"`
}

// Kind returns KindInternetGateway or KindEgressOnlyGateway.
func (g *InternetGateway) Kind() Kind {
	if g.EgressOnly {
		return KindEgressOnlyGateway
	}
	return KindInternetGateway
}

// VPCAttachment is a gateway's attachment to a VPC.
type VPCAttachment struct {
	VPCID string `json:"vpcId"`
	State string `json:"state"` // available, attached, attaching, detaching, detached
}

// NATGateway is a NAT gateway (API: NatGateway).
type NATGateway struct {
	Meta
	State        string       `json:"state"`
	Connectivity string       `json:"connectivity,omitempty"` // public, private
	VPCID        string       `json:"vpcId,omitempty"`
	SubnetID     string       `json:"subnetId,omitempty"`
	Addresses    []NATAddress `json:"addresses,omitempty"`
}

// Kind returns KindNATGateway.
func (*NATGateway) Kind() Kind { return KindNATGateway }

// NATAddress is one address of a NAT gateway.
type NATAddress struct {
	NetworkInterfaceID string     `json:"networkInterfaceId,omitempty"`
	Private            netip.Addr `json:"private,omitzero"`
	Public             netip.Addr `json:"public,omitzero"`
	AllocationID       string     `json:"allocationId,omitempty"`
}

// VPNGateway is a virtual private gateway (API: VpnGateway).
type VPNGateway struct {
	Meta
	State       string          `json:"state"`
	Type        string          `json:"type,omitempty"`
	ASN         int64           `json:"asn,omitempty"`
	Attachments []VPCAttachment `json:"attachments,omitempty"`
}

// Kind returns KindVPNGateway.
func (*VPNGateway) Kind() Kind { return KindVPNGateway }

// CustomerGateway is the customer's side of a VPN (API: CustomerGateway).
type CustomerGateway struct {
	Meta
	State string     `json:"state"`
	IP    netip.Addr `json:"ip,omitzero"`
	ASN   string     `json:"asn,omitempty"`
}

// Kind returns KindCustomerGateway.
func (*CustomerGateway) Kind() Kind { return KindCustomerGateway }

// VPNConnection is a site-to-site VPN (API: VpnConnection). The pre-shared keys it may carry are never kept.
type VPNConnection struct {
	Meta
	State             string         `json:"state"`
	CustomerGatewayID string         `json:"customerGatewayId,omitempty"`
	VPNGatewayID      string         `json:"vpnGatewayId,omitempty"`
	TransitGatewayID  string         `json:"transitGatewayId,omitempty"`
	StaticRoutesOnly  bool           `json:"staticRoutesOnly,omitempty"`
	Routes            []netip.Prefix `json:"routes,omitempty"` // static routes
	TunnelsUp         int            `json:"tunnelsUp,omitempty"`
}

// Kind returns KindVPNConnection.
func (*VPNConnection) Kind() Kind { return KindVPNConnection }

// Peering is a VPC peering connection (API: VpcPeeringConnection).
type Peering struct {
	Meta
	Status    string      `json:"status"` // active, pending-acceptance, …
	Requester PeeringSide `json:"requester"`
	Accepter  PeeringSide `json:"accepter"`
}

// Kind returns KindPeering.
func (*Peering) Kind() Kind { return KindPeering }

// PeeringSide is one side of a peering connection.
type PeeringSide struct {
	VPCID   string         `json:"vpcId"`
	OwnerID string         `json:"ownerId,omitempty"`
	Region  string         `json:"region,omitempty"`
	CIDRs   []netip.Prefix `json:"cidrs,omitempty"`
}

// TransitGateway is a transit gateway (API: TransitGateway).
type TransitGateway struct {
	Meta
	State              string         `json:"state"`
	OwnerID            string         `json:"ownerId,omitempty"`
	ASN                int64          `json:"asn,omitempty"`
	CIDRs              []netip.Prefix `json:"cidrs,omitempty"`
	AssociationTable   string         `json:"associationTable,omitempty"` // default table
	PropagationTable   string         `json:"propagationTable,omitempty"`
	DefaultAssociation bool           `json:"defaultAssociation,omitempty"`
	DefaultPropagation bool           `json:"defaultPropagation,omitempty"`
	SecurityGroupRefs  bool           `json:"securityGroupRefs,omitempty"` // SecurityGroupReferencingSupport
}

// Kind returns KindTransitGateway.
func (*TransitGateway) Kind() Kind { return KindTransitGateway }

// TransitAttachment attaches a VPC, VPN, Direct Connect gateway, Connect peer or another transit gateway
// (API: TransitGatewayAttachment, with the VPC details of TransitGatewayVpcAttachment where read).
type TransitAttachment struct {
	Meta
	State             string   `json:"state"`
	TransitGatewayID  string   `json:"transitGatewayId"`
	ResourceType      string   `json:"resourceType"` // vpc, vpn, direct-connect-gateway, connect, peering, tgw-peering
	ResourceID        string   `json:"resourceId"`
	ResourceOwner     string   `json:"resourceOwner,omitempty"`
	RouteTableID      string   `json:"routeTableId,omitempty"` // associated
	AssociationState  string   `json:"associationState,omitempty"`
	Subnets           []string `json:"subnets,omitempty"`
	SubnetsRead       bool     `json:"subnetsRead,omitempty"`
	ApplianceMode     bool     `json:"applianceMode,omitempty"`
	SecurityGroupRefs bool     `json:"securityGroupRefs,omitempty"`
}

// Kind returns KindTransitAttachment.
func (*TransitAttachment) Kind() Kind { return KindTransitAttachment }

// TransitRouteTable is a transit gateway's route table with what propagates into it and its static routes
// (API: TransitGatewayRouteTable, TransitGatewayRouteTablePropagation, TransitGatewayRoute).
type TransitRouteTable struct {
	Meta
	State            string         `json:"state"`
	TransitGatewayID string         `json:"transitGatewayId"`
	Propagations     []string       `json:"propagations,omitempty"` // attachment ids, enabled ones
	PropagationsRead bool           `json:"propagationsRead"`
	Routes           []TransitRoute `json:"routes,omitempty"`
	RoutesRead       bool           `json:"routesRead"`
}

// Kind returns KindTransitRouteTable.
func (*TransitRouteTable) Kind() Kind { return KindTransitRouteTable }

// TransitRoute is one route of a transit gateway route table.
type TransitRoute struct {
	Destination netip.Prefix `json:"destination,omitzero"`
	PrefixList  string       `json:"prefixList,omitempty"`
	Type        string       `json:"type"`  // static, propagated
	State       string       `json:"state"` // active, blackhole
	Attachments []string     `json:"attachments,omitempty"`
}

// Endpoint is a VPC endpoint (API: VpcEndpoint).
type Endpoint struct {
	Meta
	Type              string   `json:"type"` // Interface, Gateway, GatewayLoadBalancer, Resource, ServiceNetwork
	Service           string   `json:"service"`
	State             string   `json:"state"`
	VPCID             string   `json:"vpcId"`
	OwnerID           string   `json:"ownerId,omitempty"`
	Subnets           []string `json:"subnets,omitempty"`
	RouteTables       []string `json:"routeTables,omitempty"`
	SecurityGroups    []string `json:"securityGroups,omitempty"`
	NetworkInterfaces []string `json:"networkInterfaces,omitempty"`
	PrivateDNS        bool     `json:"privateDns,omitempty"`
	Policy            string   `json:"policy,omitempty"`
}

// Kind returns KindEndpoint.
func (*Endpoint) Kind() Kind { return KindEndpoint }

// Firewall is an AWS Network Firewall (API: network-firewall DescribeFirewall). Body keeps the gathered answer for the
// reachability engine, as JSON in the CLI's form.
type Firewall struct {
	Meta
	VPCID     string            `json:"vpcId"`
	Endpoints map[string]string `json:"endpoints,omitempty"` // subnet id → vpce-…
	PolicyARN string            `json:"policyArn,omitempty"`
	Body      []byte            `json:"body,omitempty"`
}

// Kind returns KindFirewall.
func (*Firewall) Kind() Kind { return KindFirewall }

// DirectConnectGateway is a Direct Connect gateway with its associations (API: directconnect).
type DirectConnectGateway struct {
	Meta
	State        string                     `json:"state"`
	OwnerID      string                     `json:"ownerId,omitempty"`
	ASN          int64                      `json:"asn,omitempty"`
	Associations []DirectConnectAssociation `json:"associations,omitempty"`
}

// Kind returns KindDirectConnectGateway.
func (*DirectConnectGateway) Kind() Kind { return KindDirectConnectGateway }

// DirectConnectAssociation joins a Direct Connect gateway to a transit or virtual private gateway.
type DirectConnectAssociation struct {
	State    string         `json:"state"`
	Gateway  string         `json:"gateway"` // tgw-… or vgw-…
	Type     string         `json:"type,omitempty"`
	Region   string         `json:"region,omitempty"`
	Owner    string         `json:"owner,omitempty"`
	Prefixes []netip.Prefix `json:"prefixes,omitempty"` // allowed to the Direct Connect gateway
}

// VirtualInterface is a Direct Connect virtual interface (API: directconnect VirtualInterface). Its BGP key is never kept.
type VirtualInterface struct {
	Meta
	Type                   string         `json:"type"` // private, public, transit
	State                  string         `json:"state"`
	VPNGatewayID           string         `json:"vpnGatewayId,omitempty"`
	DirectConnectGatewayID string         `json:"directConnectGatewayId,omitempty"`
	Prefixes               []netip.Prefix `json:"prefixes,omitempty"` // route filter prefixes
}

// Kind returns KindVirtualInterface.
func (*VirtualInterface) Kind() Kind { return KindVirtualInterface }
