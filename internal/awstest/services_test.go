package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directconnect"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	lbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	lb2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/awstest"
)

// step is one call of a sequence.
type step struct {
	name string
	call func() error
}

func run(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		if err := s.call(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// TestLoadBalancers holds moto's answers on both kinds of load balancer against their models.
func TestLoadBalancers(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	cfg := a.Config("us-east-1", a.AddKey(account, "base"))
	ctx := t.Context()
	s := a.SeedInstance(account, "us-east-1", 0)
	subnets, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	two := []string{*subnets.Subnets[0].SubnetId, *subnets.Subnets[1].SubnetId}
	c := elasticloadbalancingv2.NewFromConfig(cfg)
	var lb, tg, listener *string
	run(t, []step{
		{"create", func() error {
			out, err := c.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: two})
			if err == nil {
				lb = out.LoadBalancers[0].LoadBalancerArn
			}
			return err
		}},
		{"target group", func() error {
			out, err := c.CreateTargetGroup(ctx, &elasticloadbalancingv2.CreateTargetGroupInput{
				Name: aws.String("web"), Port: aws.Int32(80), Protocol: lb2types.ProtocolEnumHttp, VpcId: &s.VPC,
			})
			if err == nil {
				tg = out.TargetGroups[0].TargetGroupArn
			}
			return err
		}},
		{"register", func() error {
			_, err := c.RegisterTargets(ctx, &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: tg, Targets: []lb2types.TargetDescription{{Id: &s.ID}}})
			return err
		}},
		{"listener", func() error {
			out, err := c.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
				LoadBalancerArn: lb, Port: aws.Int32(80), Protocol: lb2types.ProtocolEnumHttp,
				DefaultActions: []lb2types.Action{{Type: lb2types.ActionTypeEnumForward, TargetGroupArn: tg}},
			})
			if err == nil {
				listener = out.Listeners[0].ListenerArn
			}
			return err
		}},
		{"load balancers", func() error {
			_, err := c.DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{PageSize: aws.Int32(400)})
			return err
		}},
		{"listeners", func() error {
			_, err := c.DescribeListeners(ctx, &elasticloadbalancingv2.DescribeListenersInput{LoadBalancerArn: lb})
			return err
		}},
		{"rules", func() error {
			_, err := c.DescribeRules(ctx, &elasticloadbalancingv2.DescribeRulesInput{ListenerArn: listener})
			return err
		}},
		{"target groups", func() error { _, err := c.DescribeTargetGroups(ctx, nil); return err }},
		{"health", func() error {
			_, err := c.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: tg})
			return err
		}},
		{"tags", func() error {
			_, err := c.DescribeTags(ctx, &elasticloadbalancingv2.DescribeTagsInput{ResourceArns: []string{*lb}})
			return err
		}},
		{"attributes", func() error {
			_, err := c.DescribeLoadBalancerAttributes(ctx, &elasticloadbalancingv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb})
			return err
		}},
	})
	classic := elasticloadbalancing.NewFromConfig(cfg)
	run(t, []step{
		{"create classic", func() error {
			_, err := classic.CreateLoadBalancer(ctx, &elasticloadbalancing.CreateLoadBalancerInput{
				LoadBalancerName: aws.String("old"), Subnets: two[:1],
				Listeners: []lbtypes.Listener{{Protocol: aws.String("TCP"), LoadBalancerPort: 80, InstancePort: aws.Int32(80)}},
			})
			return err
		}},
		{"register classic", func() error {
			_, err := classic.RegisterInstancesWithLoadBalancer(ctx, &elasticloadbalancing.RegisterInstancesWithLoadBalancerInput{
				LoadBalancerName: aws.String("old"), Instances: []lbtypes.Instance{{InstanceId: &s.ID}},
			})
			return err
		}},
		{"describe classic", func() error { _, err := classic.DescribeLoadBalancers(ctx, nil); return err }},
		{"health classic", func() error {
			_, err := classic.DescribeInstanceHealth(ctx, &elasticloadbalancing.DescribeInstanceHealthInput{LoadBalancerName: aws.String("old")})
			return err
		}},
	})
}

// TestOtherServices holds moto's answers of the services beside EC2 against their models.
func TestOtherServices(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	a.SeedOrganization(account, "hinomi", "one")
	cfg := a.Config("us-east-1", a.AddKey(account, "base"))
	ctx := t.Context()
	i, k, o := iam.NewFromConfig(cfg), kms.NewFromConfig(cfg), organizations.NewFromConfig(cfg)
	var key *string
	run(t, []step{
		{"create profile", func() error {
			_, err := i.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")})
			return err
		}},
		{"profiles", func() error { _, err := i.ListInstanceProfiles(ctx, nil); return err }},
		{"roles", func() error { _, err := i.ListRoles(ctx, nil); return err }},
		{"users", func() error { _, err := i.ListUsers(ctx, nil); return err }},
		{"summary", func() error { _, err := i.GetAccountSummary(ctx, nil); return err }},
		{"details", func() error { _, err := i.GetAccountAuthorizationDetails(ctx, nil); return err }},
		{"aliases", func() error { _, err := i.ListAccountAliases(ctx, nil); return err }},
		{"create key", func() error {
			out, err := k.CreateKey(ctx, nil)
			if err == nil {
				key = out.KeyMetadata.KeyId
			}
			return err
		}},
		{"key", func() error { _, err := k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key}); return err }},
		{"keys", func() error { _, err := k.ListKeys(ctx, nil); return err }},
		{"key tags", func() error { _, err := k.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key}); return err }},
		{"encrypt", func() error {
			_, err := k.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})
			return err
		}},
		{"grant", func() error {
			_, err := k.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key, GranteePrincipal: aws.String("arn:aws:iam::" + account + ":user/base"), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt}})
			return err
		}},
		{"grants", func() error { _, err := k.ListGrants(ctx, &kms.ListGrantsInput{KeyId: key}); return err }},
		{"organization", func() error { _, err := o.DescribeOrganization(ctx, nil); return err }},
		{"roots", func() error { _, err := o.ListRoots(ctx, nil); return err }},
		{"delegated", func() error { _, err := o.ListDelegatedAdministrators(ctx, nil); return err }},
		{"firewalls", func() error { _, err := networkfirewall.NewFromConfig(cfg).ListFirewalls(ctx, nil); return err }},
		{"direct connect", func() error { _, err := directconnect.NewFromConfig(cfg).DescribeConnections(ctx, nil); return err }},
		{"parameters", func() error { _, err := ssm.NewFromConfig(cfg).DescribeParameters(ctx, nil); return err }},
	})
	// A fault that moto no longer has must leave the list.
	if diff := cmp.Diff(awstest.MotoFaults(), a.Tolerated()); diff != "" {
		t.Errorf("known faults and seen ones (-known +seen):\n%s", diff)
	}
	for _, f := range awstest.MotoFaults() {
		if f.Reason == "" {
			t.Errorf("%+v has no reason", f)
		}
	}
}
