package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/source/aws/mapping"
)

func internetGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "InternetGateways", func(ctx context.Context, token *string) ([]ec2types.InternetGateway, *string, error) {
		out, err := c.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.InternetGateways, out.NextToken, nil
	}, nil)
}

func egressOnlyGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "EgressOnlyInternetGateways", func(ctx context.Context, token *string) ([]ec2types.EgressOnlyInternetGateway, *string, error) {
		out, err := c.DescribeEgressOnlyInternetGateways(ctx, &ec2.DescribeEgressOnlyInternetGatewaysInput{MaxResults: aws.Int32(maxEgressGateways), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.EgressOnlyInternetGateways, out.NextToken, nil
	}, nil)
}

func natGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "NatGateways", func(ctx context.Context, token *string) ([]ec2types.NatGateway, *string, error) {
		out, err := c.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.NatGateways, out.NextToken, nil
	}, nil)
}

func vpnGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpnGateways", func(ctx context.Context, _ *string) ([]ec2types.VpnGateway, *string, error) {
		out, err := c.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{})
		if err != nil {
			return nil, nil, err
		}
		return out.VpnGateways, nil, nil
	}, nil)
}

func customerGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "CustomerGateways", func(ctx context.Context, _ *string) ([]ec2types.CustomerGateway, *string, error) {
		out, err := c.DescribeCustomerGateways(ctx, &ec2.DescribeCustomerGatewaysInput{})
		if err != nil {
			return nil, nil, err
		}
		return out.CustomerGateways, nil, nil
	}, nil)
}

func vpnConnections(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpnConnections", func(ctx context.Context, _ *string) ([]ec2types.VpnConnection, *string, error) {
		out, err := c.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{})
		if err != nil {
			return nil, nil, err
		}
		return out.VpnConnections, nil, nil
	}, nil)
}

func peerings(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpcPeeringConnections", func(ctx context.Context, token *string) ([]ec2types.VpcPeeringConnection, *string, error) {
		out, err := c.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.VpcPeeringConnections, out.NextToken, nil
	}, nil)
}

func endpoints(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpcEndpoints", func(ctx context.Context, token *string) ([]ec2types.VpcEndpoint, *string, error) {
		out, err := c.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.VpcEndpoints, out.NextToken, nil
	}, nil)
}

func transitGateways(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "TransitGateways", func(ctx context.Context, token *string) ([]ec2types.TransitGateway, *string, error) {
		out, err := c.DescribeTransitGateways(ctx, &ec2.DescribeTransitGatewaysInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TransitGateways, out.NextToken, nil
	}, nil)
}

func transitAttachments(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "TransitGatewayAttachments", func(ctx context.Context, token *string) ([]ec2types.TransitGatewayAttachment, *string, error) {
		out, err := c.DescribeTransitGatewayAttachments(ctx, &ec2.DescribeTransitGatewayAttachmentsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TransitGatewayAttachments, out.NextToken, nil
	}, nil)
}

func transitVPCAttachments(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "TransitGatewayVpcAttachments", func(ctx context.Context, token *string) ([]ec2types.TransitGatewayVpcAttachment, *string, error) {
		out, err := c.DescribeTransitGatewayVpcAttachments(ctx, &ec2.DescribeTransitGatewayVpcAttachmentsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TransitGatewayVpcAttachments, out.NextToken, nil
	}, nil)
}

// transitRouteTables reads the tables of the transit gateways, what propagates into each, and its routes.
func transitRouteTables(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	var ids []string
	ok := list(ctx, r, "TransitGatewayRouteTables", func(ctx context.Context, token *string) ([]ec2types.TransitGatewayRouteTable, *string, error) {
		out, err := c.DescribeTransitGatewayRouteTables(ctx, &ec2.DescribeTransitGatewayRouteTablesInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TransitGatewayRouteTables, out.NextToken, nil
	}, func(v *ec2types.TransitGatewayRouteTable) {
		ids = append(ids, aws.ToString(v.TransitGatewayRouteTableId))
	})
	if !ok && len(ids) == 0 {
		r.skip("TransitGatewayRouteTables", "TransitGatewayPropagations", "TransitGatewayStaticRoutes")
		return
	}
	details(ctx, r, "TransitGatewayPropagations", ids, func(ctx context.Context, id string) (*mapping.Propagations, error) {
		found, err := all(ctx, func(ctx context.Context, token *string) ([]ec2types.TransitGatewayRouteTablePropagation, *string, error) {
			out, err := c.GetTransitGatewayRouteTablePropagations(ctx, &ec2.GetTransitGatewayRouteTablePropagationsInput{TransitGatewayRouteTableId: &id, MaxResults: aws.Int32(maxPage), NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.TransitGatewayRouteTablePropagations, out.NextToken, nil
		})
		if err != nil {
			return nil, err
		}
		return &mapping.Propagations{TransitGatewayRouteTableId: &id, TransitGatewayRouteTablePropagations: found}, nil
	})
	details(ctx, r, "TransitGatewayStaticRoutes", ids, func(ctx context.Context, id string) (*mapping.TransitRoutes, error) {
		return searchRoutes(ctx, c, id)
	})
}

// searchRoutes returns the routes of a table. A search must have a filter; every route is active or a blackhole. Where a table has more
// routes than the answer holds and AWS gives no next page, the answer says so and the routes count as not read.
func searchRoutes(ctx context.Context, c *ec2.Client, table string) (*mapping.TransitRoutes, error) {
	out := &mapping.TransitRoutes{TransitGatewayRouteTableId: &table, AdditionalRoutesAvailable: aws.Bool(false)}
	routes, err := all(ctx, func(ctx context.Context, token *string) ([]ec2types.TransitGatewayRoute, *string, error) {
		res, err := c.SearchTransitGatewayRoutes(ctx, &ec2.SearchTransitGatewayRoutesInput{
			TransitGatewayRouteTableId: &table, MaxResults: aws.Int32(maxPage), NextToken: token,
			Filters: []ec2types.Filter{{Name: aws.String("state"), Values: []string{"active", "blackhole"}}},
		})
		if err != nil {
			return nil, nil, err
		}
		out.AdditionalRoutesAvailable = aws.Bool(aws.ToBool(res.AdditionalRoutesAvailable) && aws.ToString(res.NextToken) == "")
		return res.Routes, res.NextToken, nil
	})
	out.Routes = routes
	return out, err
}
