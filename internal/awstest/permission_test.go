package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"hinomi/internal/awstest"
)

func TestAllow(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(2)
	base := a.AddKey(a.Account(1), "base")
	arn := a.AddRole(awstest.Role{Account: account, Name: "least", Trust: []string{a.Account(1)}, Allow: []string{"ec2:DescribeInstances", "elasticloadbalancing:Describe*"}})
	k, err := assume(t, a, base, arn, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := a.Config("us-east-1", k)
	c := ec2.NewFromConfig(cfg, once)
	if _, err := c.DescribeInstances(t.Context(), nil); err != nil {
		t.Errorf("got %v for what is allowed", err)
	}
	_, err = c.DescribeImages(t.Context(), nil)
	if code(t, err) != "UnauthorizedOperation" || !strings.Contains(err.Error(), "assumed-role/least/hinomi is not authorized to perform: ec2:DescribeImages") {
		t.Errorf("got %v, want UnauthorizedOperation in AWS's words", err)
	}
	if _, err := elasticloadbalancing.NewFromConfig(cfg).DescribeLoadBalancers(t.Context(), nil); err != nil {
		t.Errorf("got %v for classic load balancers", err)
	}
	if _, err := elasticloadbalancingv2.NewFromConfig(cfg).DescribeLoadBalancers(t.Context(), nil); err != nil {
		t.Errorf("got %v for load balancers", err)
	}
	if got := whoami(t, a, k); !strings.HasSuffix(got, "assumed-role/least/hinomi") {
		t.Errorf("got %s", got)
	}
	if _, err := ec2.NewFromConfig(a.Config("us-east-1", base)).DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"self"}}); err != nil {
		t.Errorf("got %v for a user without limits", err)
	}
	a.AllowAll(account, "least")
	if _, err := c.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"self"}}); err != nil {
		t.Errorf("got %v with the limits taken away", err)
	}
}

// TestManagedPolicies shows that AWS's own policies can be tried: their documents are moto's copies.
func TestManagedPolicies(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	admin := a.AddKey(account, "admin")
	c := iam.NewFromConfig(a.Config("us-east-1", admin))
	document := func(arn string) string {
		p, err := c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: p.Policy.DefaultVersionId})
		if err != nil {
			t.Fatal(err)
		}
		return *v.PolicyVersion.Document
	}
	for name, arn := range map[string]string{
		"ReadOnlyAccess": "arn:aws:iam::aws:policy/ReadOnlyAccess", "AmazonEC2ReadOnlyAccess": "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess",
		"SecurityAudit": "arn:aws:iam::aws:policy/SecurityAudit",
	} {
		t.Run(name, func(t *testing.T) {
			k := a.AddKey(account, name)
			a.AllowPolicy(account, name, document(arn))
			r := ec2.NewFromConfig(a.Config("us-east-1", k), once)
			if _, err := r.DescribeInstances(t.Context(), nil); err != nil {
				t.Errorf("got %v for DescribeInstances", err)
			}
			if _, err := r.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1)}); code(t, err) != "UnauthorizedOperation" {
				t.Errorf("got %v for CreateVolume, want UnauthorizedOperation", err)
			}
		})
	}
}

// TestConditions shows a policy that lets a principal delete only what bears its tag.
func TestConditions(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	admin := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "admin")), once)
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "scanner")), once)
	a.AllowPolicy(account, "scanner", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ec2:CreateSnapshot"],"Resource":"*"},
		{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*","Condition":{"StringEquals":{"ec2:CreateAction":["CreateSnapshot"],"aws:RequestTag/Owner":"ours"}}},
		{"Effect":"Allow","Action":"ec2:DeleteSnapshot","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Owner":"ours"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}}}]}`)
	volume := a.SeedInstance(account, "us-east-1", 0).Volumes[0]
	make := func(by *ec2.Client, owner string) (*string, error) {
		in := &ec2.CreateSnapshotInput{VolumeId: &volume}
		if owner != "" {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{{Key: aws.String("Owner"), Value: &owner}}}}
		}
		out, err := by.CreateSnapshot(t.Context(), in)
		if err != nil {
			return nil, err
		}
		return out.SnapshotId, nil
	}
	ours, err := make(c, "ours")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := make(c, "theirs"); code(t, err) != "UnauthorizedOperation" {
		t.Errorf("got %v for another's tag, want UnauthorizedOperation", err)
	}
	theirs, err := make(admin, "theirs")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := make(c, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		id   *string
		want string
	}{"theirs": {theirs, "UnauthorizedOperation"}, "no_tag": {bare, "UnauthorizedOperation"}, "ours": {ours, ""}} {
		if _, err := c.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: tc.id}); code(t, err) != tc.want {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	elsewhere := ec2.NewFromConfig(a.Config("eu-west-1", a.AddKey(account, "other")), once)
	a.AllowPolicy(account, "other", `{"Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1"]}}}}`)
	if _, err := elsewhere.DescribeVpcs(t.Context(), nil); code(t, err) != "UnauthorizedOperation" {
		t.Errorf("got %v in another region, want UnauthorizedOperation", err)
	}
}

// TestUnknownCondition shows that a condition that is not understood is an error and allows nothing.
func TestUnknownCondition(t *testing.T) {
	w := &witness{TB: t}
	a := awstest.New(w, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "odd")
	a.AllowPolicy(a.Account(1), "odd", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}`)
	if _, err := ec2.NewFromConfig(a.Config("us-east-1", k), once).DescribeVpcs(t.Context(), nil); code(t, err) != "UnauthorizedOperation" {
		t.Errorf("got %v, want UnauthorizedOperation", err)
	}
	if got := w.take(); len(got) != 1 || !strings.Contains(got[0], "IpAddress") {
		t.Errorf("got %v, want the operator named", got)
	}
}
