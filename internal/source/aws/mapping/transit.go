package mapping

import (
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/go-json-experiment/json"

	"hinomi/internal/asset"
)

func putTransitGateway(r *Region, v *ec2types.TransitGateway) {
	o := r.of(asset.KindTransitGateway, v.TransitGatewayId)
	arn := deref(v.TransitGatewayArn)
	if arn == "" {
		arn = r.ec2ARN("transit-gateway", deref(v.OwnerId), v.TransitGatewayId)
	}
	g := &asset.TransitGateway{
		Meta:    r.meta(asset.KindTransitGateway, v.TransitGatewayId, arn, r.tags(v.Tags)),
		State:   r.intern(string(v.State)),
		OwnerID: r.text(v.OwnerId),
	}
	if p := v.Options; p != nil {
		g.ASN = deref(p.AmazonSideAsn)
		g.AssociationTable, g.PropagationTable = r.text(p.AssociationDefaultRouteTableId), r.text(p.PropagationDefaultRouteTableId)
		g.DefaultAssociation = p.DefaultRouteTableAssociation == ec2types.DefaultRouteTableAssociationValueEnable
		g.DefaultPropagation = p.DefaultRouteTablePropagation == ec2types.DefaultRouteTablePropagationValueEnable
		g.SecurityGroupRefs = p.SecurityGroupReferencingSupport == ec2types.SecurityGroupReferencingSupportValueEnable
		for i := range p.TransitGatewayCidrBlocks {
			g.CIDRs = append(g.CIDRs, o.prefixes("TransitGatewayCidrBlock", &p.TransitGatewayCidrBlocks[i])...)
		}
	}
	r.add(g)
}

func putTransitAttachment(r *Region, v *ec2types.TransitGatewayAttachment) {
	a := &asset.TransitAttachment{
		Meta:             r.meta(asset.KindTransitAttachment, v.TransitGatewayAttachmentId, r.ec2ARN("transit-gateway-attachment", deref(v.ResourceOwnerId), v.TransitGatewayAttachmentId), r.tags(v.Tags)),
		State:            r.intern(string(v.State)),
		TransitGatewayID: r.text(v.TransitGatewayId),
		ResourceType:     r.intern(string(v.ResourceType)),
		ResourceID:       r.text(v.ResourceId),
		ResourceOwner:    r.text(v.ResourceOwnerId),
	}
	if v.Association != nil {
		a.RouteTableID, a.AssociationState = r.text(v.Association.TransitGatewayRouteTableId), r.intern(string(v.Association.State))
	}
	keep(r, a)
}

func putTransitVPCAttachment(r *Region, v *ec2types.TransitGatewayVpcAttachment) {
	join(r, deref(v.TransitGatewayAttachmentId), func(a *asset.TransitAttachment) {
		a.Subnets, a.SubnetsRead = r.texts(v.SubnetIds), true
		if v.Options != nil {
			a.ApplianceMode = v.Options.ApplianceModeSupport == ec2types.ApplianceModeSupportValueEnable
			a.SecurityGroupRefs = v.Options.SecurityGroupReferencingSupport == ec2types.SecurityGroupReferencingSupportValueEnable
		}
	})
}

func putTransitRouteTable(r *Region, v *ec2types.TransitGatewayRouteTable) {
	keep(r, &asset.TransitRouteTable{
		Meta:             r.meta(asset.KindTransitRouteTable, v.TransitGatewayRouteTableId, r.ec2ARN("transit-gateway-route-table", "", v.TransitGatewayRouteTableId), r.tags(v.Tags)),
		State:            r.intern(string(v.State)),
		TransitGatewayID: r.text(v.TransitGatewayId),
	})
}

func putPropagations(r *Region, v *Propagations) {
	join(r, deref(v.TransitGatewayRouteTableId), func(t *asset.TransitRouteTable) {
		t.PropagationsRead = true
		for _, p := range v.TransitGatewayRouteTablePropagations {
			if p.State == ec2types.TransitGatewayPropagationStateEnabled {
				t.Propagations = append(t.Propagations, r.text(p.TransitGatewayAttachmentId))
			}
		}
	})
}

func putTransitRoutes(r *Region, v *TransitRoutes) {
	o := r.of(asset.KindTransitRouteTable, v.TransitGatewayRouteTableId)
	join(r, deref(v.TransitGatewayRouteTableId), func(t *asset.TransitRouteTable) {
		t.RoutesRead = !deref(v.AdditionalRoutesAvailable)
		if !t.RoutesRead {
			r.partial("TransitGatewayStaticRoutes", deref(v.TransitGatewayRouteTableId)+" has more routes than a search returns")
		}
		for _, route := range v.Routes {
			out := asset.TransitRoute{
				Destination: o.prefix("DestinationCidrBlock", route.DestinationCidrBlock), PrefixList: r.text(route.PrefixListId),
				Type: r.intern(string(route.Type)), State: r.intern(string(route.State)),
			}
			for _, a := range route.TransitGatewayAttachments {
				out.Attachments = append(out.Attachments, r.text(a.TransitGatewayAttachmentId))
			}
			t.Routes = append(t.Routes, out)
		}
	})
}

func putFirewall(r *Region, v *Firewall) {
	if v.Firewall == nil {
		r.fault(asset.KindFirewall, "network firewall", "an element has no Firewall member")
		return
	}
	f := v.Firewall
	id := f.FirewallId
	if id == nil {
		id = f.FirewallName
	}
	tags := map[string]string{}
	for _, t := range f.Tags {
		tags[r.text(t.Key)] = r.text(t.Value)
	}
	if len(tags) == 0 {
		tags = nil
	}
	out := &asset.Firewall{
		Meta:      r.meta(asset.KindFirewall, id, deref(f.FirewallArn), tags),
		VPCID:     r.text(f.VpcId),
		PolicyARN: r.text(f.FirewallPolicyArn),
	}
	if v.FirewallStatus != nil {
		for _, s := range v.FirewallStatus.SyncStates {
			if s.Attachment == nil {
				continue
			}
			if out.Endpoints == nil {
				out.Endpoints = map[string]string{}
			}
			out.Endpoints[r.text(s.Attachment.SubnetId)] = r.text(s.Attachment.EndpointId)
		}
	}
	body, err := json.Marshal(v, encodeOptions)
	if err != nil {
		r.fault(asset.KindFirewall, out.ID, "%v", err)
	}
	out.Body = body
	r.add(out)
}

func putDirectConnectGateway(r *Region, v *dcGateway) {
	g := &asset.DirectConnectGateway{
		Meta:    r.meta(asset.KindDirectConnectGateway, v.DirectConnectGatewayId, "", nil),
		State:   r.intern(string(v.DirectConnectGatewayState)),
		OwnerID: r.text(v.OwnerAccount),
		ASN:     deref(v.AmazonSideAsn),
	}
	owner := g.OwnerID
	if owner == "" {
		owner = r.Account
	}
	g.ARN = "arn:" + asset.Partition(r.Name) + ":directconnect::" + owner + ":dx-gateway/" + g.ID
	for _, t := range v.Tags {
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		g.Tags[r.text(t.Key)] = r.text(t.Value)
	}
	if g.Tags == nil && v.DirectConnectGatewayName != nil {
		g.Tags = map[string]string{"Name": deref(v.DirectConnectGatewayName)}
	}
	keep(r, g)
}

func putDirectConnectAssociation(r *Region, v *dcAssociation) {
	o := r.of(asset.KindDirectConnectGateway, v.DirectConnectGatewayId)
	a := asset.DirectConnectAssociation{State: r.intern(string(v.AssociationState))}
	switch {
	case v.AssociatedGateway != nil:
		g := v.AssociatedGateway
		a.Gateway, a.Type, a.Region, a.Owner = r.text(g.Id), r.intern(string(g.Type)), r.text(g.Region), r.text(g.OwnerAccount)
	case v.VirtualGatewayId != nil:
		a.Gateway, a.Type = r.text(v.VirtualGatewayId), "virtualPrivateGateway"
		a.Region, a.Owner = r.text(v.VirtualGatewayRegion), r.text(v.VirtualGatewayOwnerAccount) //nolint:staticcheck // deprecated, but in answers to old calls and in dumps
	case v.AssociatedCoreNetwork != nil:
		a.Gateway, a.Type, a.Owner = r.text(v.AssociatedCoreNetwork.Id), "coreNetwork", r.text(v.AssociatedCoreNetwork.OwnerAccount)
	default:
		o.fault("an association names no gateway")
	}
	for _, p := range v.AllowedPrefixesToDirectConnectGateway {
		a.Prefixes = append(a.Prefixes, o.prefixes("AllowedPrefix", p.Cidr)...)
	}
	join(r, deref(v.DirectConnectGatewayId), func(g *asset.DirectConnectGateway) { g.Associations = append(g.Associations, a) })
}

// putVirtualInterface keeps no BGP key and no router configuration, which holds it too.
func putVirtualInterface(r *Region, v *dcVIF) {
	o := r.of(asset.KindVirtualInterface, v.VirtualInterfaceId)
	i := &asset.VirtualInterface{
		Meta:                   r.meta(asset.KindVirtualInterface, v.VirtualInterfaceId, "", nil),
		Type:                   r.text(v.VirtualInterfaceType),
		State:                  r.intern(string(v.VirtualInterfaceState)),
		VPNGatewayID:           r.text(v.VirtualGatewayId),
		DirectConnectGatewayID: r.text(v.DirectConnectGatewayId),
	}
	for _, t := range v.Tags {
		if i.Tags == nil {
			i.Tags = map[string]string{}
		}
		i.Tags[r.text(t.Key)] = r.text(t.Value)
	}
	for _, p := range v.RouteFilterPrefixes {
		i.Prefixes = append(i.Prefixes, o.prefixes("RouteFilterPrefix", p.Cidr)...)
	}
	r.add(i)
}
