package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directconnect"
	dctypes "github.com/aws/aws-sdk-go-v2/service/directconnect/types"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	nftypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"hinomi/internal/source/aws/mapping"
)

// firewalls lists the network firewalls and describes each.
func firewalls(ctx context.Context, r *reader) {
	c := r.s.NetworkFirewall(r.region)
	found, err := all(ctx, func(ctx context.Context, token *string) ([]nftypes.FirewallMetadata, *string, error) {
		out, err := c.ListFirewalls(ctx, &networkfirewall.ListFirewallsInput{MaxResults: aws.Int32(maxFirewalls), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Firewalls, out.NextToken, nil
	})
	if err != nil {
		r.fail(mapping.PartNamed("NetworkFirewalls"), r.w.opts.now(), false, err)
		return
	}
	arns := make([]string, len(found))
	for i, f := range found {
		arns[i] = aws.ToString(f.FirewallArn)
	}
	details(ctx, r, "NetworkFirewalls", arns, func(ctx context.Context, arn string) (*mapping.Firewall, error) {
		out, err := c.DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallArn: &arn})
		if err != nil {
			return nil, err
		}
		return &mapping.Firewall{Firewall: out.Firewall, FirewallStatus: out.FirewallStatus}, nil
	})
}

// directConnectGateways reads the gateways, which every region lists alike, and what is associated with each.
func directConnectGateways(ctx context.Context, r *reader) {
	c := r.s.DirectConnect(r.region)
	var ids []string
	ok := list(ctx, r, "DirectConnectGateways", func(ctx context.Context, token *string) ([]dctypes.DirectConnectGateway, *string, error) {
		out, err := c.DescribeDirectConnectGateways(ctx, &directconnect.DescribeDirectConnectGatewaysInput{MaxResults: aws.Int32(maxDirectConnect), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.DirectConnectGateways, out.NextToken, nil
	}, func(v *dctypes.DirectConnectGateway) { ids = append(ids, aws.ToString(v.DirectConnectGatewayId)) })
	if !ok {
		r.skip("DirectConnectGateways", "DirectConnectGatewayAssociations")
		return
	}
	p, at, got := mapping.PartNamed("DirectConnectGatewayAssociations"), r.w.opts.now(), false
	for _, id := range ids {
		found, err := all(ctx, func(ctx context.Context, token *string) ([]dctypes.DirectConnectGatewayAssociation, *string, error) {
			out, err := c.DescribeDirectConnectGatewayAssociations(ctx, &directconnect.DescribeDirectConnectGatewayAssociationsInput{
				DirectConnectGatewayId: &id, MaxResults: aws.Int32(maxDirectConnect), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return out.DirectConnectGatewayAssociations, out.NextToken, nil
		})
		for i := range found {
			r.sink.Put(p, &found[i])
			got = true
		}
		if err != nil && !isGone(err) {
			r.fail(p, at, got, err)
			return
		}
	}
	r.sink.Done(p, at)
}

func virtualInterfaces(ctx context.Context, r *reader) {
	c := r.s.DirectConnect(r.region)
	list(ctx, r, "VirtualInterfaces", func(ctx context.Context, token *string) ([]dctypes.VirtualInterface, *string, error) {
		out, err := c.DescribeVirtualInterfaces(ctx, &directconnect.DescribeVirtualInterfacesInput{MaxResults: aws.Int32(maxDirectConnect), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.VirtualInterfaces, out.NextToken, nil
	}, nil)
}
