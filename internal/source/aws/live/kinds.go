package live

import (
	"context"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// kindListings says which listings read a kind of a region, beside instances, whose listing stands first and for itself.
// Kinds that one listing reads together stand with all of it.
var kindListings = map[asset.Kind][]listing{
	asset.KindInstance:              nil,
	asset.KindImage:                 {images}, // of the instances, which are read with them
	asset.KindNetworkInterface:      {interfaces},
	asset.KindVolume:                {volumes},
	asset.KindSnapshot:              {snapshots},
	asset.KindKeyPair:               {keyPairs},
	asset.KindManagedInstance:       {managedInstances},
	asset.KindVPC:                   {vpcs},
	asset.KindSubnet:                {subnets},
	asset.KindRouteTable:            {routeTables},
	asset.KindNetworkACL:            {networkACLs},
	asset.KindSecurityGroup:         {securityGroups},
	asset.KindAddress:               {addresses},
	asset.KindPrefixList:            {managedPrefixLists, prefixLists},
	asset.KindFlowLog:               {flowLogs},
	asset.KindBlockPublicAccess:     {blockPublicAccess},
	asset.KindBlockPublicAccessExcl: {blockPublicAccessExclusions},
	asset.KindInternetGateway:       {internetGateways},
	asset.KindEgressOnlyGateway:     {egressOnlyGateways},
	asset.KindNATGateway:            {natGateways},
	asset.KindVPNGateway:            {vpnGateways},
	asset.KindCustomerGateway:       {customerGateways},
	asset.KindVPNConnection:         {vpnConnections},
	asset.KindPeering:               {peerings},
	asset.KindEndpoint:              {endpoints},
	asset.KindTransitGateway:        {transitGateways},
	asset.KindTransitAttachment:     {transitAttachments, transitVPCAttachments},
	asset.KindTransitRouteTable:     {transitRouteTables},
	asset.KindFirewall:              {firewalls},
	asset.KindDirectConnectGateway:  {directConnectGateways},
	asset.KindVirtualInterface:      {virtualInterfaces},
	asset.KindLoadBalancer:          {loadBalancers, classicLoadBalancers},
	asset.KindListener:              nil, // read with the load balancers
	asset.KindTargetGroup:           {targetGroups},
	asset.KindInstanceProfile:       {instanceProfiles},
}

// together are the kinds that are read with another one.
var together = map[asset.Kind][]asset.Kind{
	asset.KindImage:        {asset.KindInstance, asset.KindImage},
	asset.KindLoadBalancer: balanced,
	asset.KindListener:     balanced,
}

var balanced = []asset.Kind{asset.KindLoadBalancer, asset.KindListener}

// ReadKinds reads some kinds of one region of an account, asset.Global for those that no region holds, and nothing else: of other kinds the
// snapshot says neither that they were read nor that they are a gap, so nothing may be concluded about them. Where the account or the region
// as a whole cannot be read, the kinds asked for are gaps. Kinds that only come with another are read with it. The error is the context's alone.
func ReadKinds(ctx context.Context, t Target, region string, kinds []asset.Kind, opts Options) (*Result, error) {
	kinds = closure(kinds, region == asset.Global)
	t.Regions, opts.kinds = []string{region}, kinds
	if len(kinds) == 0 {
		return &Result{Snapshot: snapshot.NewBuilder().Build(opts.now())}, nil
	}
	res, err := Read(ctx, []Target{t}, opts)
	if err != nil {
		return nil, err
	}
	res.Snapshot = only(res.Snapshot, t.Session.Account(), region, kinds)
	return res, nil
}

// closure adds the kinds that others are read with, and leaves out those that do not lie there.
func closure(kinds []asset.Kind, global bool) (out []asset.Kind) {
	for _, k := range kinds {
		with := together[k]
		if with == nil {
			with = []asset.Kind{k}
		}
		for _, k := range with {
			if _, known := kindListings[k]; known && k.Global() == global && !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

// only returns what a snapshot says of some kinds of a place. A gap of the whole place becomes one for each of them.
func only(snap *snapshot.Snapshot, account, region string, kinds []asset.Kind) *snapshot.Snapshot {
	b := snapshot.NewBuilder()
	for _, k := range kinds {
		for a := range snap.Assets(k) {
			b.Add(a)
		}
	}
	for _, r := range snap.Reads() {
		if slices.Contains(kinds, r.Kind) {
			b.MarkRead(r.Account, r.Region, r.Kind, r.At, r.Count)
		}
	}
	for _, g := range snap.Gaps() {
		if g.Kind != "" && !slices.Contains(kinds, g.Kind) {
			continue
		}
		g.Account, g.Region = account, region
		if g.Kind != "" {
			b.AddGap(g)
			continue
		}
		for _, k := range kinds {
			g.Kind = k
			b.AddGap(g)
		}
	}
	return b.Build(snap.TakenAt)
}

// readKinds runs the listings of some kinds.
func (r *reader) readKinds(ctx context.Context, kinds []asset.Kind) {
	if slices.Contains(kinds, asset.KindInstance) {
		r.images = map[string]bool{}
		r.slot(ctx, func(ctx context.Context, r *reader) { r.broken = !instances(ctx, r) })
		if r.whole || ctx.Err() != nil {
			return
		}
	}
	var lists []listing
	for _, k := range kinds {
		lists = append(lists, kindListings[k]...)
	}
	r.run(ctx, lists)
}
