package awstest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"hinomi/internal/awstest"
)

func assume(t *testing.T, a *awstest.AWS, k awstest.Key, arn, externalID string) (awstest.Key, error) {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("hinomi")}
	if externalID != "" {
		in.ExternalId = aws.String(externalID)
	}
	out, err := sts.NewFromConfig(a.Config("us-east-1", k)).AssumeRole(t.Context(), in)
	if err != nil {
		return awstest.Key{}, err
	}
	c := out.Credentials
	return awstest.Key{ID: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}, nil
}

func whoami(t *testing.T, a *awstest.AWS, k awstest.Key) string {
	t.Helper()
	out, err := sts.NewFromConfig(a.Config("us-east-1", k)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatalf("get caller identity: %v", err)
	}
	if *out.Account != strings.Split(*out.Arn, ":")[4] {
		t.Errorf("got account %s in %s", *out.Account, *out.Arn)
	}
	return *out.Arn
}

func TestAssumeRole(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	base := a.AddKey(a.Account(1), "base")
	other := a.AddKey(a.Account(2), "other")
	guarded := a.AddRole(awstest.Role{Account: a.Account(3), Name: "guarded", Trust: []string{a.Account(1)}, ExternalID: "ext-1"})
	open := a.AddRole(awstest.Role{Account: a.Account(3), Name: "open", Trust: []string{a.Account(1)}})
	anyone := a.AddRole(awstest.Role{Account: a.Account(3), Name: "anyone", Trust: []string{"*"}, ExternalID: "ext-2"})
	user := a.AddRole(awstest.Role{Account: a.Account(3), Name: "user", Trust: []string{"arn:aws:iam::" + a.Account(1) + ":user/base"}})
	const denied = "AccessDenied"
	for _, tc := range []struct {
		name     string
		key      awstest.Key
		arn, ext string
		want     string
	}{
		{"right_external_id", base, guarded, "ext-1", ""},
		{"wrong_external_id", base, guarded, "ext-2", denied},
		{"missing_external_id", base, guarded, "", denied},
		{"account_not_trusted", other, guarded, "ext-1", denied},
		{"none_required", base, open, "", ""},
		{"none_required_one_given", base, open, "anything", ""},
		{"anyone_with_id", other, anyone, "ext-2", ""},
		{"anyone_without_id", other, anyone, "", denied},
		{"user_trusted", base, user, "", ""},
		{"user_not_trusted", other, user, "", denied},
		{"no_such_role", base, "arn:aws:iam::" + a.Account(3) + ":role/none", "", denied},
		{"unknown_key", awstest.Key{ID: "AKIA00000000000000XX", Secret: "x"}, open, "", "InvalidClientTokenId"},
		{"wrong_secret", awstest.Key{ID: base.ID, Secret: "x" + base.Secret}, open, "", "SignatureDoesNotMatch"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, err := assume(t, a, tc.key, tc.arn, tc.ext)
			if got := code(t, err); got != tc.want {
				t.Fatalf("got %q (%v), want %q", got, err, tc.want)
			}
			if tc.want == denied && !strings.Contains(err.Error(), "is not authorized to perform: sts:AssumeRole on resource: "+tc.arn) {
				t.Errorf("got %v, not AWS's words", err)
			}
			if tc.want == "" {
				name := tc.arn[strings.LastIndex(tc.arn, "/")+1:]
				if got, want := whoami(t, a, k), "arn:aws:sts::"+a.Account(3)+":assumed-role/"+name+"/hinomi"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// TestSessionAccount shows that a session acts in its role's account, and nobody sees another's.
func TestSessionAccount(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	base := a.AddKey(a.Account(1), "base")
	for i, account := range []string{a.Account(2), a.Account(3)} {
		arn := a.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{a.Account(1)}, ExternalID: account})
		seeded := a.SeedInstances(account, "eu-west-1", i+1)
		k, err := assume(t, a, base, arn, account)
		if err != nil {
			t.Fatal(err)
		}
		out, err := ec2.NewFromConfig(a.Config("eu-west-1", k)).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		if err != nil {
			t.Fatal(err)
		}
		r := out.Reservations
		if len(r) != 1 || *r[0].OwnerId != account || len(r[0].Instances) != i+1 || *r[0].Instances[0].InstanceId != seeded[0].ID {
			t.Errorf("account %s: got %d reservations, want its own with %d instances", account, len(r), i+1)
		}
	}
	calls := a.CallsTo("ec2", "DescribeInstances")
	if len(calls) != 2 || calls[0].Account != a.Account(2) || calls[1].Account != a.Account(3) || calls[1].Region != "eu-west-1" || calls[1].Status != 200 {
		t.Errorf("got calls %+v", calls)
	}
}

func TestRoleChain(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	base := a.AddKey(a.Account(1), "base")
	first := a.AddRole(awstest.Role{Account: a.Account(2), Name: "first", Trust: []string{a.Account(1)}})
	second := a.AddRole(awstest.Role{Account: a.Account(3), Name: "second", Trust: []string{first}, ExternalID: "x", MaxSession: 4 * time.Hour})
	k1, err := assume(t, a, base, first, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := assume(t, a, base, second, "x"); code(t, err) != "AccessDenied" {
		t.Errorf("got %v, want the base key refused by the second role", err)
	}
	k2, err := assume(t, a, k1, second, "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := whoami(t, a, k2), "arn:aws:sts::"+a.Account(3)+":assumed-role/second/hinomi"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	info, err := sts.NewFromConfig(a.Config("us-east-1", base)).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String(k2.ID)})
	if err != nil || *info.Account != a.Account(3) {
		t.Errorf("got %v, %v, want the second role's account", info, err)
	}
	long := &sts.AssumeRoleInput{RoleArn: &second, RoleSessionName: aws.String("long"), ExternalId: aws.String("x"), DurationSeconds: aws.Int32(7200)}
	if _, err = sts.NewFromConfig(a.Config("us-east-1", k1)).AssumeRole(t.Context(), long); code(t, err) != "ValidationError" {
		t.Errorf("got %v, want a chained session of two hours refused", err)
	}
}

func TestSessionExpires(t *testing.T) {
	now := time.Now()
	a := awstest.New(t, moto, awstest.Options{Now: func() time.Time { return now }})
	base := a.AddKey(a.Account(1), "base")
	arn := a.AddRole(awstest.Role{Account: a.Account(2), Name: "hinomi", Trust: []string{a.Account(1)}})
	k, err := assume(t, a, base, arn, "")
	if err != nil {
		t.Fatal(err)
	}
	describe := func(k awstest.Key) error {
		_, err := ec2.NewFromConfig(a.Config("us-east-1", k), once).DescribeVpcs(context.Background(), &ec2.DescribeVpcsInput{})
		return err
	}
	if err := describe(k); err != nil {
		t.Fatal(err)
	}
	forged := k
	forged.Token = "other"
	if got := code(t, describe(forged)); got != "AuthFailure" {
		t.Errorf("got %q with another session's token, want AuthFailure", got)
	}
	now = now.Add(time.Hour)
	if got := code(t, describe(k)); got != "RequestExpired" {
		t.Errorf("got %q after an hour, want RequestExpired", got)
	}
	if _, err := assume(t, a, k, arn, ""); code(t, err) != "ExpiredToken" {
		t.Errorf("got %v from STS after an hour, want ExpiredToken", err)
	}
	if k, err = assume(t, a, base, arn, ""); err != nil {
		t.Fatal(err)
	}
	a.ExpireSessions()
	if got := code(t, describe(k)); got != "RequestExpired" {
		t.Errorf("got %q after ExpireSessions, want RequestExpired", got)
	}
	if err := describe(base); err != nil {
		t.Errorf("got %v with a user's key, which has no end", err)
	}
}

// TestTrustPolicyFromIAM shows that a trust policy made through the API is enforced as one made by AddRole.
func TestTrustPolicyFromIAM(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	base := a.AddKey(a.Account(1), "base")
	admin := a.AddKey(a.Account(2), "admin")
	c := iam.NewFromConfig(a.Config("us-east-1", admin))
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("made"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a.Account(1) + `:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"one"}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := assume(t, a, base, *out.Role.Arn, ""); code(t, err) != "AccessDenied" {
		t.Errorf("got %v without external ID, want AccessDenied", err)
	}
	if _, err := assume(t, a, base, *out.Role.Arn, "one"); err != nil {
		t.Errorf("got %v with the external ID", err)
	}
	if _, err := c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("made"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"},
		{"Effect":"Deny","Principal":{"AWS":"` + a.Account(1) + `"},"Action":"sts:AssumeRole"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := assume(t, a, base, *out.Role.Arn, "one"); code(t, err) != "AccessDenied" {
		t.Errorf("got %v, want the account denied by name", err)
	}
	if _, err := assume(t, a, admin, *out.Role.Arn, ""); err != nil {
		t.Errorf("got %v, want anyone else allowed", err)
	}
}
