package awstest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"hinomi/internal/awstest"
)

func TestPages(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "base")
	var want []string
	for range 12 {
		want = append(want, a.SeedInstances(a.Account(1), "us-east-1", 1)[0].ID)
	}
	c := ec2.NewFromConfig(a.Config("us-east-1", k), once)
	for _, size := range []int32{5, 6, 12, 1000} {
		t.Run(fmt.Sprintf("instances_by_%d", size), func(t *testing.T) {
			var got []string
			var pages int
			for p := ec2.NewDescribeInstancesPaginator(c, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(size)}); p.HasMorePages(); pages++ {
				out, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Reservations) > int(size) {
					t.Errorf("got a page of %d, want at most %d", len(out.Reservations), size)
				}
				for _, r := range out.Reservations {
					got = append(got, *r.Instances[0].InstanceId)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || pages != (len(want)+int(size)-1)/int(size) {
				t.Errorf("got %d instances in %d pages, want %d", len(got), pages, len(want))
			}
		})
	}
	t.Run("volumes", func(t *testing.T) { // moto does not page these itself
		var got, pages int
		for p := ec2.NewDescribeVolumesPaginator(c, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)}); p.HasMorePages(); pages++ {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got += len(out.Volumes)
		}
		if got != 12 || pages != 3 {
			t.Errorf("got %d volumes in %d pages, want 12 in 3", got, pages)
		}
	})
	refused := func(name, want string, in *ec2.DescribeInstancesInput) {
		t.Run(name, func(t *testing.T) {
			if _, err := c.DescribeInstances(t.Context(), in); code(t, err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
	refused("too_small", "InvalidParameterValue", &ec2.DescribeInstancesInput{MaxResults: aws.Int32(2)})
	refused("bad_token", "InvalidParameterValue", &ec2.DescribeInstancesInput{NextToken: aws.String("x")})
	refused("ids_and_pages", "InvalidParameterCombination", &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), InstanceIds: want[:1]})
	out, err := c.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5)})
	if err != nil {
		t.Fatal(err)
	}
	refused("token_of_another_question", "InvalidParameterValue", &ec2.DescribeInstancesInput{
		MaxResults: aws.Int32(5), NextToken: out.NextToken, Filters: []types.Filter{{Name: aws.String("instance-state-name"), Values: []string{"running"}}},
	})
	again, err := c.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), NextToken: out.NextToken})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := c.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), NextToken: out.NextToken})
	if err != nil || len(twice.Reservations) != 5 || *twice.Reservations[0].ReservationId != *again.Reservations[0].ReservationId {
		t.Errorf("got %v, want the same page for the same token", err)
	}
}

func TestPageLimit(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{PageLimit: 2})
	c := ec2.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")))
	var got, pages int
	for p := ec2.NewDescribeSubnetsPaginator(c, &ec2.DescribeSubnetsInput{}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got += len(out.Subnets)
	}
	if got != 6 || pages != 3 {
		t.Errorf("got %d subnets in %d pages, want the default VPC's 6 in 3", got, pages)
	}
}

func TestOrganization(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	k := a.AddKey(a.Account(1), "base")
	members := a.SeedOrganization(a.Account(1), "hinomi", "one", "two", "three", "four")
	c := organizations.NewFromConfig(a.Config("us-east-1", k))
	var got []string
	var pages int
	for p := organizations.NewListAccountsPaginator(c, &organizations.ListAccountsInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Accounts {
			got = append(got, *m.Id)
		}
	}
	want := append([]string{a.Account(1)}, members...)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("got %v in %d pages, want %v in 3", got, pages, want)
	}
	if _, err := c.ListAccounts(t.Context(), &organizations.ListAccountsInput{NextToken: aws.String("x")}); code(t, err) != "InvalidInputException" {
		t.Errorf("got %v for a bad token, want InvalidInputException", err)
	}
	made, err := c.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("five"), Email: aws.String("five@example.org")})
	if err != nil {
		t.Fatal(err)
	}
	for id, role := range map[string]string{members[0]: "hinomi", *made.CreateAccountStatus.AccountId: "OrganizationAccountAccessRole"} {
		arn := "arn:aws:iam::" + id + ":role/" + role
		mk, err := assume(t, a, k, arn, "")
		if err != nil {
			t.Errorf("assume %s: %v", arn, err)
			continue
		}
		if got, want := whoami(t, a, mk), "arn:aws:sts::"+id+":assumed-role/"+role+"/hinomi"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
