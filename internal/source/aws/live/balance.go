package live

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"hinomi/internal/source/aws/mapping"
)

// loadBalancers reads the load balancers with their attributes, listeners and the listeners' rules.
func loadBalancers(ctx context.Context, r *reader) {
	c := r.s.ELBv2(r.region)
	var arns []string
	ok := list(ctx, r, "LoadBalancers", func(ctx context.Context, token *string) ([]elbv2types.LoadBalancer, *string, error) {
		out, err := c.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{PageSize: aws.Int32(maxELB), Marker: token})
		if err != nil {
			return nil, nil, err
		}
		return out.LoadBalancers, out.NextMarker, nil
	}, func(v *elbv2types.LoadBalancer) { arns = append(arns, aws.ToString(v.LoadBalancerArn)) })
	if !ok {
		r.skip("LoadBalancers", "LoadBalancerTags", "LoadBalancerAttributes", "LoadBalancerListeners", "LoadBalancerRules")
		return
	}
	loadBalancerTags(ctx, r, arns)
	details(ctx, r, "LoadBalancerAttributes", arns, func(ctx context.Context, arn string) (*mapping.LoadBalancerAttributes, error) {
		out, err := c.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn})
		if err != nil {
			return nil, err
		}
		return &mapping.LoadBalancerAttributes{LoadBalancerArn: &arn, Attributes: out.Attributes}, nil
	})
	listeners := make(chan []string, 1)
	listeners <- nil
	details(ctx, r, "LoadBalancerListeners", arns, func(ctx context.Context, arn string) (*mapping.LoadBalancerListeners, error) {
		found, err := all(ctx, func(ctx context.Context, token *string) ([]elbv2types.Listener, *string, error) {
			out, err := c.DescribeListeners(ctx, &elbv2.DescribeListenersInput{LoadBalancerArn: &arn, PageSize: aws.Int32(maxELB), Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Listeners, out.NextMarker, nil
		})
		if err != nil {
			return nil, err
		}
		have := <-listeners
		for _, l := range found {
			have = append(have, aws.ToString(l.ListenerArn))
		}
		listeners <- have
		return &mapping.LoadBalancerListeners{LoadBalancerArn: &arn, Listeners: found}, nil
	})
	rules(ctx, r, <-listeners)
}

// maxTagged is the number of load balancers whose tags one call tells (Elastic Load Balancing API Reference, DescribeTags).
const maxTagged = 20

func loadBalancerTags(ctx context.Context, r *reader, arns []string) {
	c, p, at := r.s.ELBv2(r.region), mapping.PartNamed("LoadBalancerTags"), r.w.opts.now()
	got := false
	for some := range slices.Chunk(arns, maxTagged) {
		out, err := c.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: some})
		if err != nil {
			r.fail(p, at, got, err)
			return
		}
		for i := range out.TagDescriptions {
			r.sink.Put(p, &out.TagDescriptions[i])
			got = true
		}
	}
	r.sink.Done(p, at)
}

// rules reads the rules of listeners. Network and gateway load balancers have none beside the default; asking does no harm.
func rules(ctx context.Context, r *reader, listeners []string) {
	c := r.s.ELBv2(r.region)
	details(ctx, r, "LoadBalancerRules", listeners, func(ctx context.Context, arn string) (*mapping.ListenerRules, error) {
		found, err := all(ctx, func(ctx context.Context, token *string) ([]elbv2types.Rule, *string, error) {
			out, err := c.DescribeRules(ctx, &elbv2.DescribeRulesInput{ListenerArn: &arn, PageSize: aws.Int32(maxELB), Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Rules, out.NextMarker, nil
		})
		if err != nil {
			return nil, err
		}
		return &mapping.ListenerRules{ListenerArn: &arn, Rules: found}, nil
	})
}

func classicLoadBalancers(ctx context.Context, r *reader) {
	c := r.s.ELB(r.region)
	list(ctx, r, "ClassicLoadBalancers", func(ctx context.Context, token *string) ([]elbtypes.LoadBalancerDescription, *string, error) {
		out, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(maxELB), Marker: token})
		if err != nil {
			return nil, nil, err
		}
		return out.LoadBalancerDescriptions, out.NextMarker, nil
	}, nil)
}

// targetGroups reads the target groups with their attributes and the health of their targets.
func targetGroups(ctx context.Context, r *reader) {
	c := r.s.ELBv2(r.region)
	var arns []string
	ok := list(ctx, r, "TargetGroups", func(ctx context.Context, token *string) ([]elbv2types.TargetGroup, *string, error) {
		out, err := c.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{PageSize: aws.Int32(maxELB), Marker: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TargetGroups, out.NextMarker, nil
	}, func(v *elbv2types.TargetGroup) { arns = append(arns, aws.ToString(v.TargetGroupArn)) })
	if !ok {
		r.skip("TargetGroups", "TargetGroupAttributes", "LoadBalancerTargetHealth")
		return
	}
	details(ctx, r, "TargetGroupAttributes", arns, func(ctx context.Context, arn string) (*mapping.TargetGroupAttributes, error) {
		out, err := c.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn})
		if err != nil {
			return nil, err
		}
		return &mapping.TargetGroupAttributes{TargetGroupArn: &arn, Attributes: out.Attributes}, nil
	})
	details(ctx, r, "LoadBalancerTargetHealth", arns, func(ctx context.Context, arn string) (*mapping.TargetHealth, error) {
		out, err := c.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
		if err != nil {
			return nil, err
		}
		return &mapping.TargetHealth{TargetGroupArn: &arn, TargetHealthDescriptions: out.TargetHealthDescriptions}, nil
	})
}
