package live

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"hinomi/internal/snapshot"
)

// RegionCount is the number of instances in one region.
type RegionCount struct {
	Account, Region string
	Instances       int             // of any state but terminated
	Running         int             // of them
	Reason          snapshot.Reason // why the numbers are not whole; "" if they are
	Error           string          // in words
}

// Count answers how many instances each region of a target has, without importing anything. The error is that of entering the
// account or listing its regions; a region that fails is told in its row.
func Count(ctx context.Context, t Target, opts Options) ([]RegionCount, error) {
	w := &walk{opts: opts.withDefaults()}
	regions, err := w.enter(ctx, t)
	if err != nil {
		return nil, err
	}
	out := make([]RegionCount, len(regions))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.opts.Parallel)
	for i, region := range regions {
		g.Go(func() error {
			out[i] = count(ctx, t, region)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b RegionCount) int { return cmp.Compare(a.Region, b.Region) })
	return out, nil
}

func count(ctx context.Context, t Target, region string) RegionCount {
	n := RegionCount{Account: t.Session.Account(), Region: region}
	c := t.Session.EC2(region)
	_, err := all(ctx, func(ctx context.Context, token *string) ([]struct{}, *string, error) {
		out, err := c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(maxPage), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				switch {
				case i.State == nil || i.State.Name == ec2types.InstanceStateNameTerminated:
					continue
				case i.State.Name == ec2types.InstanceStateNameRunning:
					n.Running++
				}
				n.Instances++
			}
		}
		return nil, out.NextToken, nil
	})
	if err != nil {
		f := t.Session.Classify(err)
		n.Reason, n.Error = reasonOf(f.Class), f.String()
	}
	return n
}
