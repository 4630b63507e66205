package awstest_test

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"hinomi/internal/awstest"
)

// TestEnforceIAM shows that moto's own judgement works through the server: it verifies the signature and the caller's policies.
func TestEnforceIAM(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	user := a.AddKey(account, "reader")
	admin := iam.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "admin")))
	if _, err := admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: aws.String("reader"), PolicyName: aws.String("least"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeInstances"],"Resource":"*"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	c := ec2.NewFromConfig(a.Config("us-east-1", user), once)
	try := func() (instances, vpcs string) {
		_, one := c.DescribeInstances(t.Context(), nil)
		_, two := c.DescribeVpcs(t.Context(), nil)
		return code(t, one), code(t, two)
	}
	if i, v := try(); i != "" || v != "" {
		t.Errorf("got %q and %q with nothing enforced", i, v)
	}
	lift := moto.EnforceIAM(t)
	if i, v := try(); i != "" || v != "UnauthorizedOperation" {
		t.Errorf("got %q and %q, want only DescribeInstances allowed", i, v)
	}
	lift()
	if i, v := try(); i != "" || v != "" {
		t.Errorf("got %q and %q after it was lifted", i, v)
	}
}

// TestOwnMoto shows that a test can have a moto of its own, and that Reset empties it.
func TestOwnMoto(t *testing.T) {
	own := awstest.StartMoto(t)
	if own.URL() == moto.URL() {
		t.Fatalf("got %s twice", own.URL())
	}
	a := awstest.New(t, own, awstest.Options{})
	a.SeedInstances(a.Account(1), "us-east-1", 1)
	count := func() int {
		n := a.EC2(a.Account(1), "us-east-1", "DescribeInstances", url.Values{})
		return len(n.Child("reservationSet").Children)
	}
	if got := count(); got != 1 {
		t.Errorf("got %d reservations, want 1", got)
	}
	own.Reset(t)
	if got := count(); got != 0 {
		t.Errorf("got %d reservations after Reset, want 0", got)
	}
}
