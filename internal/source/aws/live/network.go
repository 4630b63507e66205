package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"hinomi/internal/source/aws/mapping"
)

func vpcs(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "Vpcs", func(ctx context.Context, token *string) ([]ec2types.Vpc, *string, error) {
		out, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Vpcs, out.NextToken, nil
	}, nil)
}

func subnets(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "Subnets", func(ctx context.Context, token *string) ([]ec2types.Subnet, *string, error) {
		out, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Subnets, out.NextToken, nil
	}, nil)
}

func routeTables(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "RouteTables", func(ctx context.Context, token *string) ([]ec2types.RouteTable, *string, error) {
		out, err := c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(maxRouteTables), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.RouteTables, out.NextToken, nil
	}, nil)
}

func networkACLs(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "NetworkAcls", func(ctx context.Context, token *string) ([]ec2types.NetworkAcl, *string, error) {
		out, err := c.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.NetworkAcls, out.NextToken, nil
	}, nil)
}

func securityGroups(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "SecurityGroups", func(ctx context.Context, token *string) ([]ec2types.SecurityGroup, *string, error) {
		out, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.SecurityGroups, out.NextToken, nil
	}, nil)
}

func addresses(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "Addresses", func(ctx context.Context, _ *string) ([]ec2types.Address, *string, error) {
		out, err := c.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
		if err != nil {
			return nil, nil, err
		}
		return out.Addresses, nil, nil
	}, nil)
}

// managedPrefixLists reads the lists and the entries of each.
func managedPrefixLists(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	var ids []string
	ok := list(ctx, r, "ManagedPrefixLists", func(ctx context.Context, token *string) ([]ec2types.ManagedPrefixList, *string, error) {
		out, err := c.DescribeManagedPrefixLists(ctx, &ec2.DescribeManagedPrefixListsInput{MaxResults: aws.Int32(maxPrefixLists), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.PrefixLists, out.NextToken, nil
	}, func(v *ec2types.ManagedPrefixList) { ids = append(ids, aws.ToString(v.PrefixListId)) })
	if !ok && len(ids) == 0 {
		r.skip("ManagedPrefixLists", "ManagedPrefixListEntries")
		return
	}
	details(ctx, r, "ManagedPrefixListEntries", ids, func(ctx context.Context, id string) (*mapping.PrefixListEntries, error) {
		entries, err := all(ctx, func(ctx context.Context, token *string) ([]ec2types.PrefixListEntry, *string, error) {
			out, err := c.GetManagedPrefixListEntries(ctx, &ec2.GetManagedPrefixListEntriesInput{PrefixListId: &id, MaxResults: aws.Int32(maxPrefixLists), NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Entries, out.NextToken, nil
		})
		if err != nil {
			return nil, err
		}
		return &mapping.PrefixListEntries{PrefixListId: &id, Entries: entries}, nil
	})
}

func prefixLists(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "PrefixLists", func(ctx context.Context, token *string) ([]ec2types.PrefixList, *string, error) {
		out, err := c.DescribePrefixLists(ctx, &ec2.DescribePrefixListsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.PrefixLists, out.NextToken, nil
	}, nil)
}

func flowLogs(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "FlowLogs", func(ctx context.Context, token *string) ([]ec2types.FlowLog, *string, error) {
		out, err := c.DescribeFlowLogs(ctx, &ec2.DescribeFlowLogsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.FlowLogs, out.NextToken, nil
	}, nil)
}

func blockPublicAccess(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpcBlockPublicAccessOptions", func(ctx context.Context, _ *string) ([]ec2types.VpcBlockPublicAccessOptions, *string, error) {
		out, err := c.DescribeVpcBlockPublicAccessOptions(ctx, &ec2.DescribeVpcBlockPublicAccessOptionsInput{})
		if err != nil || out.VpcBlockPublicAccessOptions == nil {
			return nil, nil, err
		}
		return []ec2types.VpcBlockPublicAccessOptions{*out.VpcBlockPublicAccessOptions}, nil, nil
	}, nil)
}

func blockPublicAccessExclusions(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "VpcBlockPublicAccessExclusions", func(ctx context.Context, token *string) ([]ec2types.VpcBlockPublicAccessExclusion, *string, error) {
		out, err := c.DescribeVpcBlockPublicAccessExclusions(ctx, &ec2.DescribeVpcBlockPublicAccessExclusionsInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.VpcBlockPublicAccessExclusions, out.NextToken, nil
	}, nil)
}
