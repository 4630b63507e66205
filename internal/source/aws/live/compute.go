package live

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/awsclient"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// minimalListings are what the three least permissions allow, beside the instances, which are always asked for first.
var minimalListings = []listing{images, interfaces}

// otherListings are all the others. Each may be denied: then its kind is a gap.
var otherListings = []listing{
	volumes, snapshots, keyPairs, managedInstances,
	vpcs, subnets, routeTables, networkACLs, securityGroups, addresses, managedPrefixLists, prefixLists, flowLogs, blockPublicAccess, blockPublicAccessExclusions,
	internetGateways, egressOnlyGateways, natGateways, vpnGateways, customerGateways, vpnConnections, peerings, endpoints,
	transitGateways, transitAttachments, transitVPCAttachments, transitRouteTables,
	loadBalancers, classicLoadBalancers, targetGroups, firewalls, directConnectGateways, virtualInterfaces,
}

// The largest pages that the APIs give (Amazon EC2 API Reference, MaxResults of each action; botocore's models say the same).
const (
	maxPage           = 1000
	maxRouteTables    = 100
	maxPrefixLists    = 100
	maxEgressGateways = 255
	maxELB            = 400
	maxFirewalls      = 100
	maxDirectConnect  = 100
	maxSSM            = 50
	maxFilterValues   = 200 // EC2 User Guide, "Filter your resources": values per request
)

func instances(ctx context.Context, r *reader) bool {
	c := r.s.EC2(r.region)
	first := true
	return list(ctx, r, "Reservations", func(ctx context.Context, token *string) ([]ec2types.Reservation, *string, error) {
		out, err := c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			if first {
				r.wholeRegion(err)
			}
			return nil, nil, err
		}
		first = false
		return out.Reservations, out.NextToken, nil
	}, func(v *ec2types.Reservation) {
		for i := range v.Instances {
			r.images[aws.ToString(v.Instances[i].ImageId)] = true
		}
	})
}

// wholeRegion notes that the region itself cannot be read, if that is what an error says.
func (r *reader) wholeRegion(err error) {
	f := r.s.Classify(err)
	if f.Class == awsclient.RegionDisabled || f.Class == awsclient.Expired || f.Class == awsclient.Network {
		r.whole = true
		r.sink.FailAll(r.w.opts.now(), reasonOf(f.Class), f.String())
	}
}

// images reads the images that the instances use, and no other: a region lists tens of thousands. They are asked for by a filter,
// not by id, because an id that no longer exists would fail the whole request.
func images(ctx context.Context, r *reader) {
	c, p, at := r.s.EC2(r.region), mapping.PartNamed("Images"), r.w.opts.now()
	delete(r.images, "")
	got := false
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(r.images)), maxFilterValues) {
		found, err := all(ctx, func(ctx context.Context, token *string) ([]ec2types.Image, *string, error) {
			out, err := c.DescribeImages(ctx, &ec2.DescribeImagesInput{
				Filters:           []ec2types.Filter{{Name: aws.String("image-id"), Values: ids}},
				IncludeDeprecated: aws.Bool(true), IncludeDisabled: aws.Bool(true),
				MaxResults: aws.Int32(maxPage), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return out.Images, out.NextToken, nil
		})
		for i := range found {
			r.sink.Put(p, &found[i])
			got = true
		}
		if err != nil {
			r.fail(p, at, got, err)
			return
		}
	}
	if r.broken {
		r.sink.Fail(p, at, snapshot.NotRead, "only images in use are read, and the instances were not read to their end")
		return
	}
	r.sink.Done(p, at)
}

func interfaces(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "NetworkInterfaces", func(ctx context.Context, token *string) ([]ec2types.NetworkInterface, *string, error) {
		out, err := c.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.NetworkInterfaces, out.NextToken, nil
	}, nil)
}

func volumes(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "Volumes", func(ctx context.Context, token *string) ([]ec2types.Volume, *string, error) {
		out, err := c.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Volumes, out.NextToken, nil
	}, nil)
}

// snapshots reads the account's own: all that it may use would be everyone's public ones.
func snapshots(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "Snapshots", func(ctx context.Context, token *string) ([]ec2types.Snapshot, *string, error) {
		out, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Snapshots, out.NextToken, nil
	}, nil)
}

func keyPairs(ctx context.Context, r *reader) {
	c := r.s.EC2(r.region)
	list(ctx, r, "KeyPairs", func(ctx context.Context, _ *string) ([]ec2types.KeyPairInfo, *string, error) {
		out, err := c.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{})
		if err != nil {
			return nil, nil, err
		}
		return out.KeyPairs, nil, nil
	}, nil)
}

func managedInstances(ctx context.Context, r *reader) {
	c := r.s.SSM(r.region)
	list(ctx, r, "SsmInstanceInformation", func(ctx context.Context, token *string) ([]ssmtypes.InstanceInformation, *string, error) {
		out, err := c.DescribeInstanceInformation(ctx, &ssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(maxSSM), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.InstanceInformationList, out.NextToken, nil
	}, nil)
}
