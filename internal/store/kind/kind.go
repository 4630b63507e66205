// Package kind knows what a store must of each kind of asset: how a stored one is decoded, its state, and what of it moves by itself.
package kind

import (
	"encoding/json"
	"fmt"

	"hinomi/internal/asset"
)

// blankAsset returns an empty asset of a kind, to decode a stored body into. It returns an error for a kind that this version does not know.
func blankAsset(k asset.Kind) (asset.Asset, error) {
	makeOne, ok := blanks()[k]
	if !ok {
		return nil, fmt.Errorf("kind %q is not known to this version", k)
	}
	return makeOne(), nil
}

func blanks() map[asset.Kind]func() asset.Asset {
	return map[asset.Kind]func() asset.Asset{
		asset.KindInstance:              func() asset.Asset { return &asset.Instance{} },
		asset.KindImage:                 func() asset.Asset { return &asset.Image{} },
		asset.KindVolume:                func() asset.Asset { return &asset.Volume{} },
		asset.KindSnapshot:              func() asset.Asset { return &asset.Snapshot{} },
		asset.KindKeyPair:               func() asset.Asset { return &asset.KeyPair{} },
		asset.KindNetworkInterface:      func() asset.Asset { return &asset.NetworkInterface{} },
		asset.KindAddress:               func() asset.Asset { return &asset.Address{} },
		asset.KindVPC:                   func() asset.Asset { return &asset.VPC{} },
		asset.KindSubnet:                func() asset.Asset { return &asset.Subnet{} },
		asset.KindRouteTable:            func() asset.Asset { return &asset.RouteTable{} },
		asset.KindNetworkACL:            func() asset.Asset { return &asset.NetworkACL{} },
		asset.KindSecurityGroup:         func() asset.Asset { return &asset.SecurityGroup{} },
		asset.KindPrefixList:            func() asset.Asset { return &asset.PrefixList{} },
		asset.KindInternetGateway:       func() asset.Asset { return &asset.InternetGateway{} },
		asset.KindEgressOnlyGateway:     func() asset.Asset { return &asset.InternetGateway{EgressOnly: true} },
		asset.KindNATGateway:            func() asset.Asset { return &asset.NATGateway{} },
		asset.KindVPNGateway:            func() asset.Asset { return &asset.VPNGateway{} },
		asset.KindCustomerGateway:       func() asset.Asset { return &asset.CustomerGateway{} },
		asset.KindVPNConnection:         func() asset.Asset { return &asset.VPNConnection{} },
		asset.KindPeering:               func() asset.Asset { return &asset.Peering{} },
		asset.KindTransitGateway:        func() asset.Asset { return &asset.TransitGateway{} },
		asset.KindTransitAttachment:     func() asset.Asset { return &asset.TransitAttachment{} },
		asset.KindTransitRouteTable:     func() asset.Asset { return &asset.TransitRouteTable{} },
		asset.KindEndpoint:              func() asset.Asset { return &asset.Endpoint{} },
		asset.KindFlowLog:               func() asset.Asset { return &asset.FlowLog{} },
		asset.KindLoadBalancer:          func() asset.Asset { return &asset.LoadBalancer{} },
		asset.KindListener:              func() asset.Asset { return &asset.Listener{} },
		asset.KindTargetGroup:           func() asset.Asset { return &asset.TargetGroup{} },
		asset.KindFirewall:              func() asset.Asset { return &asset.Firewall{} },
		asset.KindDirectConnectGateway:  func() asset.Asset { return &asset.DirectConnectGateway{} },
		asset.KindVirtualInterface:      func() asset.Asset { return &asset.VirtualInterface{} },
		asset.KindBlockPublicAccess:     func() asset.Asset { return &asset.BlockPublicAccess{} },
		asset.KindBlockPublicAccessExcl: func() asset.Asset { return &asset.BlockPublicAccessExclusion{} },
		asset.KindManagedInstance:       func() asset.Asset { return &asset.ManagedInstance{} },
		asset.KindInstanceProfile:       func() asset.Asset { return &asset.InstanceProfile{} },
	}
}

// Volatile reports the fields that move by themselves: their change is stored, but it is no entry in an asset's history.
func Volatile(k asset.Kind, path string) bool {
	switch k {
	case asset.KindManagedInstance:
		return path == "/lastPing"
	case asset.KindSubnet:
		return path == "/freeIpv4Addresses"
	default:
		return false
	}
}

// Decode decodes a stored asset of a kind. It returns an error for a kind that this version does not know.
func Decode(k asset.Kind, body string) (asset.Asset, error) {
	a, err := blankAsset(k)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(body), a); err != nil {
		return nil, fmt.Errorf("decode stored %s: %w", k, err)
	}
	return a, nil
}

// State returns the life-cycle state of the kinds that have one, for filters.
func State(a asset.Asset) string {
	switch v := a.(type) {
	case *asset.Instance:
		return v.State
	case *asset.Volume:
		return v.State
	case *asset.Snapshot:
		return v.State
	case *asset.Image:
		return v.State
	case *asset.NetworkInterface:
		return v.Status
	case *asset.LoadBalancer:
		return v.State
	case *asset.ManagedInstance:
		return v.PingStatus
	}
	return ""
}
