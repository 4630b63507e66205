package awstest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
)

// TestFaults shows that the SDK understands each fault as it would AWS's.
func TestFaults(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	cfg := a.Config("us-east-1", a.AddKey(a.Account(1), "base"))
	cfg.RetryMaxAttempts = 1
	ctx := t.Context()
	calls := map[string]func() error{
		"ec2": func() error { _, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil); return err },
		"sts": func() error { _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); return err },
		"elbv2": func() error {
			_, err := elasticloadbalancingv2.NewFromConfig(cfg).DescribeLoadBalancers(ctx, nil)
			return err
		},
		"organizations": func() error { _, err := organizations.NewFromConfig(cfg).ListAccounts(ctx, nil); return err },
		"ebs": func() error {
			_, err := ebs.NewFromConfig(cfg).ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: aws.String("snap-1")})
			return err
		},
	}
	for _, tc := range []struct {
		name   string
		hook   awstest.Hook
		code   map[string]string
		status map[string]int
	}{
		{"throttle", awstest.Throttle(), map[string]string{
			"ec2": "RequestLimitExceeded", "sts": "Throttling", "elbv2": "Throttling", "organizations": "TooManyRequestsException", "ebs": "RequestThrottledException",
		}, map[string]int{"ec2": 503, "sts": 400}},
		{"expire", awstest.Expire(), map[string]string{
			"ec2": "RequestExpired", "sts": "ExpiredToken", "elbv2": "ExpiredToken", "organizations": "ExpiredTokenException", "ebs": "ExpiredTokenException",
		}, map[string]int{"ec2": 400, "sts": 403}},
		{"deny", awstest.Deny(), map[string]string{
			"ec2": "UnauthorizedOperation", "sts": "AccessDenied", "elbv2": "AccessDenied", "organizations": "AccessDeniedException", "ebs": "AccessDeniedException",
		}, map[string]int{"ec2": 403, "sts": 403, "ebs": 403}},
		{"fail", awstest.Fail(http.StatusBadRequest, "OptInRequired", "You are not subscribed to this service."), map[string]string{
			"ec2": "OptInRequired", "sts": "OptInRequired", "elbv2": "OptInRequired", "organizations": "OptInRequired", "ebs": "OptInRequired",
		}, nil},
	} {
		remove := a.Before("*", "*", tc.hook)
		for service, call := range calls {
			err := call()
			if got := code(t, err); got != tc.code[service] {
				t.Errorf("%s, %s: got %q (%v), want %q", tc.name, service, got, err, tc.code[service])
			}
			var re *smithyhttp.ResponseError
			if want := tc.status[service]; want != 0 && (!errors.As(err, &re) || re.HTTPStatusCode() != want) {
				t.Errorf("%s, %s: got %v, want status %d", tc.name, service, err, want)
			}
		}
		remove()
	}
	if err := calls["ec2"](); err != nil {
		t.Errorf("got %v with no hook left", err)
	}
}

func TestHookScope(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	one, two := a.AddKey(a.Account(1), "base"), a.AddKey(a.Account(2), "base")
	try := func(k awstest.Key, region string) string {
		_, err := ec2.NewFromConfig(a.Config(region, k), once).DescribeVpcs(t.Context(), nil)
		return code(t, err)
	}
	remove := a.Before("ec2", "DescribeVpcs", awstest.InAccount(a.Account(1), awstest.InRegion("eu-west-1", awstest.Times(2, awstest.Throttle()))))
	for i, tc := range []struct {
		key    awstest.Key
		region string
		want   string
	}{
		{two, "eu-west-1", ""}, {one, "eu-west-2", ""}, {one, "eu-west-1", "RequestLimitExceeded"}, {one, "eu-west-1", "RequestLimitExceeded"}, {one, "eu-west-1", ""},
	} {
		if got := try(tc.key, tc.region); got != tc.want {
			t.Errorf("call %d: got %q, want %q", i+1, got, tc.want)
		}
	}
	remove()
	a.Before("ec2", "*", awstest.Every(2, awstest.Deny()))
	if first, second := try(one, "eu-west-1"), try(one, "eu-west-1"); first != "" || second != "UnauthorizedOperation" {
		t.Errorf("got %q and %q, want every second call refused", first, second)
	}
	calls := a.CallsTo("ec2", "DescribeVpcs")
	if len(calls) != 7 || calls[2].Code != "RequestLimitExceeded" || calls[2].Status != 503 || calls[6].Number != 7 {
		t.Errorf("got calls %+v", calls)
	}
	a.ResetCalls()
	if len(a.Calls()) != 0 {
		t.Error("got calls after ResetCalls")
	}
}

// TestBroken shows a page of HTML, a connection that ends in the middle of an answer, and one that ends before it.
func TestBroken(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")), once)
	try := func() error { _, err := c.DescribeVpcs(t.Context(), nil); return err }
	remove := a.Before("ec2", "*", awstest.Broken())
	var re *smithyhttp.ResponseError
	if err := try(); !errors.As(err, &re) || re.HTTPStatusCode() != http.StatusInternalServerError {
		t.Errorf("got %v, want a 500 that is no API error", err)
	}
	remove()
	remove = a.After("ec2", "*", awstest.AfterTimes(1, awstest.Cut(200)))
	if err := try(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want an answer that ends too early", err)
	}
	if err := try(); err != nil {
		t.Errorf("got %v, want only the first one cut", err)
	}
	remove()
	remove = a.Before("ec2", "*", func(*awstest.Call) *awstest.Reply { return awstest.Drop() })
	if err := try(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want no answer", err)
	}
	remove()
	a.After("ec2", "DescribeVpcs", awstest.EditXML(func(_ *awstest.Call, root *model.Node) {
		root.Child("vpcSet").Children[0].Set("state", "pending")
	}))
	out, err := c.DescribeVpcs(t.Context(), nil)
	if err != nil || out.Vpcs[0].State != "pending" {
		t.Errorf("got %v, %v, want the state as edited", out, err)
	}
}

func TestLatency(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")), once)
	const wait = 100 * time.Millisecond
	a.Before("ec2", "*", awstest.Latency(wait))
	begin := time.Now()
	if _, err := c.DescribeVpcs(t.Context(), nil); err != nil || time.Since(begin) < wait {
		t.Errorf("got %v after %s, want an answer after %s", err, time.Since(begin), wait)
	}
}

// TestKillAt kills the caller before and after every call of a sequence: what was done is known by number.
func TestKillAt(t *testing.T) {
	for number := 1; number <= 3; number++ {
		for _, m := range []awstest.Moment{awstest.BeforeCall, awstest.AfterCall} {
			t.Run(fmt.Sprintf("call_%d_after_%t", number, m), func(t *testing.T) {
				a := awstest.New(t, moto, awstest.Options{})
				account := a.Account(1)
				c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "base")), once)
				s := a.SeedInstance(account, "us-east-1", 0)
				killed := false
				a.KillAt(number, m, func() { killed = true })
				var id *string
				var err error
				for step := 1; step <= 3 && err == nil; step++ {
					switch step {
					case 1:
						_, err = c.DescribeVolumes(t.Context(), nil)
					case 2:
						var out *ec2.CreateSnapshotOutput
						if out, err = c.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &s.Volumes[0]}); err == nil {
							id = out.SnapshotId
						}
					case 3:
						_, err = c.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: id})
					}
				}
				calls := a.Calls()
				if !killed || err == nil || len(calls) != number || calls[number-1].Status != 0 {
					t.Fatalf("got killed=%t, %v, %d calls, want the connection dropped at call %d", killed, err, len(calls), number)
				}
				left := map[int]map[awstest.Moment]int{1: {}, 2: {awstest.AfterCall: 1}, 3: {awstest.BeforeCall: 1}}[number][m]
				if got := len(a.Snapshots()); got != left {
					t.Errorf("got %d snapshots left, want %d", got, left)
				}
			})
		}
	}
}

func TestCallRecord(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	k := a.AddKey(account, "base")
	s := a.SeedInstances(account, "us-east-1", 11)
	var ids []string
	for _, i := range s {
		ids = append(ids, i.ID)
	}
	c := ec2.NewFromConfig(a.Config("us-east-1", k), once)
	if _, err := c.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: ids}); err != nil {
		t.Fatal(err)
	}
	calls := a.Calls()
	if len(calls) != 1 {
		t.Fatalf("got %d calls, want one: seeds are not recorded", len(calls))
	}
	got := calls[0]
	if got.Service != "ec2" || got.Action != "DescribeInstances" || got.AccessKey != k.ID || got.Principal != "arn:aws:iam::"+account+":user/base" {
		t.Errorf("got %+v", got)
	}
	if list := got.List("InstanceId"); strings.Join(list, " ") != strings.Join(ids, " ") {
		t.Errorf("got %v, want the IDs in order", list)
	}
}
