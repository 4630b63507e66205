package live_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/aws/mapping"
	"hinomi/internal/source/aws/policy"
)

const installation = "i-7f3a"

// verdicts returns the verdict of each action; the worst where one is tried twice.
func verdicts(checks []live.Check) map[string]live.Verdict {
	out := map[string]live.Verdict{}
	for _, c := range checks {
		if out[c.Action] == "" || out[c.Action] == live.Allowed {
			out[c.Action] = c.Verdict
		}
	}
	return out
}

func TestChecks(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	acc := "270000000001"
	c := w.connect(acc)
	c.Verbs = []connector.Verb{connector.SnapshotVolumes}
	w.SeedInstances(acc, c.Type.HomeRegion(), 1)
	role, err := policy.Role(policy.NeedOf(c, true, installation))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := role.JSON()
	if err != nil {
		t.Fatal(err)
	}
	w.AllowPolicy(acc, roleName, string(doc))
	checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(checks)
	for _, a := range role.Actions() {
		want := live.Allowed
		switch a {
		case "ec2:CreateTags", "ec2:DeleteSnapshot", "ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks", "kms:Decrypt", "kms:ListResourceTags":
			want = live.CannotTest
		case "kms:DescribeKey", "ec2:CreateSnapshot":
			continue // follow from the others
		}
		if got[a] != want {
			t.Errorf("%s: got %q, want %q", a, got[a], want)
		}
	}
	if !live.OK(checks) || got["sts:ExternalId"] != live.Allowed {
		t.Errorf("got %+v", checks[:3])
	}
	for _, call := range w.CallsTo("ec2", "*") {
		if call.Param("DryRun") != "true" && call.Action != "DescribeInstances" {
			t.Errorf("%s was called without DryRun", call.Action)
		}
	}
	for _, p := range mapping.Parts() {
		for _, a := range p.Actions {
			if _, tried := got[a]; !tried {
				t.Errorf("%s, which %s needs, is not tried", a, p.Name)
			}
		}
	}
}

func TestChecksTellWhatIsMissing(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc := "270000000002"
	c := w.connect(acc, "eu-west-1")
	w.Allow(acc, roleName, "ec2:DescribeInstances", "ec2:DescribeImages")
	checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(checks)
	want := map[string]live.Verdict{
		"sts:AssumeRole": live.Allowed, "sts:GetCallerIdentity": live.Allowed, "ec2:DescribeInstances": live.Allowed, "ec2:DescribeImages": live.Allowed,
		"ec2:DescribeNetworkInterfaces": live.NotAllowed, "ec2:DescribeVolumes": live.NotAllowed, "elasticloadbalancing:DescribeRules": live.NotAllowed,
	}
	for a, v := range want {
		if got[a] != v {
			t.Errorf("%s: got %q, want %q", a, got[a], v)
		}
	}
	if live.OK(checks) {
		t.Error("a test without DescribeNetworkInterfaces counts as good")
	}
	if _, tried := got["ec2:DescribeRegions"]; tried {
		t.Error("DescribeRegions is tried though the regions are listed")
	}
}

func TestChecksOfTheRole(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	t.Run("no_external_id_asked", func(t *testing.T) {
		acc := "270000000003"
		c := &connector.Connector{ID: "c", Name: "open", Type: connector.Commercial, Account: acc, Regions: []string{"eu-west-1"}}
		c.Credentials.RoleARN = w.AddRole(awstest.Role{Account: acc, Name: roleName, Trust: []string{base}})
		c.Credentials.ExternalID = externalID
		checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(checks)["sts:ExternalId"]; got != live.Warning {
			t.Errorf("a role that anyone may assume: got %q, want a warning", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		c := w.connect("270000000004", "eu-west-1")
		c.Credentials.ExternalID = "hinomi-wrong"
		checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
		if err != nil {
			t.Fatal(err)
		}
		got := verdicts(checks)
		if got["sts:AssumeRole"] != live.NotAllowed || got["ec2:DescribeInstances"] != live.CannotTest || live.OK(checks) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("of_another_account", func(t *testing.T) {
		c := w.connect("270000000005", "eu-west-1")
		c.Account = "270000000006"
		if _, err := awsclient.For(c, nil, &w.key); err == nil || !strings.Contains(err.Error(), "belongs to account 270000000005") {
			t.Errorf("got %v, want that the role is of another account", err)
		}
	})
}

func TestBaseAccount(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	good, bad := w.connect("270000000007"), w.connect("270000000008")
	bad.Credentials.ExternalID = "hinomi-wrong"
	var users []awsclient.Who
	for _, c := range []*connector.Connector{good, bad} {
		who, err := awsclient.For(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, who)
	}
	b := connector.BaseAccount{Name: "base", Type: connector.Commercial, Account: base, AccessKeyID: w.key.ID}
	checks, err := live.TestBase(t.Context(), w.clients, b, w.key, users)
	if err != nil {
		t.Fatal(err)
	}
	var got []live.Verdict
	for _, c := range checks {
		got = append(got, c.Verdict)
	}
	if diff := cmp.Diff([]live.Verdict{live.Allowed, live.Allowed, live.NotAllowed}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Account = "270000000009"
	if checks, err = live.TestBase(t.Context(), w.clients, b, w.key, nil); err != nil || checks[0].Verdict != live.NotAllowed {
		t.Errorf("a key of another account: got %+v, %v", checks, err)
	}
}

// managed returns the documents of AWS's managed policies, as moto ships them.
func managed(t *testing.T) map[string]string {
	t.Helper()
	const script = `
import json
from moto.iam.aws_managed_policies import aws_managed_policies_data
d = json.loads(aws_managed_policies_data)
print(json.dumps({n: d[n]["Document"] for n in ("ReadOnlyAccess", "AmazonEC2ReadOnlyAccess", "SecurityAudit")}))`
	out, err := exec.Command("python3", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	var docs map[string]json.RawMessage
	if err := json.Unmarshal(out, &docs); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for n, d := range docs {
		got[n] = string(d)
	}
	return got
}

func TestManagedPoliciesSuffice(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	account := 280000000000
	for name, doc := range managed(t) {
		account++
		t.Run(name, func(t *testing.T) {
			acc := fmt.Sprint(account)
			c := w.connect(acc) // all regions
			w.OnlyRegions(acc, "us-east-1", "eu-west-1")
			w.AllowPolicy(acc, roleName, doc)
			w.SeedInstances(acc, "eu-west-1", 2)
			target := w.target(t, c)
			target.Minimal = true
			res, err := live.Read(t.Context(), []live.Target{target}, options)
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Failed) > 0 || res.Snapshot.Len(asset.KindInstance) != 2 {
				t.Fatalf("got %d instances, %+v", res.Snapshot.Len(asset.KindInstance), res.Failed)
			}
			for _, r := range res.Regions {
				if r.Error != "" {
					t.Errorf("%s: %s", r.Region, r.Error)
				}
			}
			// Read in full, what a policy leaves out is a gap: AmazonEC2ReadOnlyAccess knows nothing of IAM.
			if res, err = live.Read(t.Context(), []live.Target{w.target(t, c)}, options); err != nil {
				t.Fatal(err)
			}
			g, missing := res.Snapshot.GapFor(acc, asset.Global, asset.KindInstanceProfile)
			if missing != (name == "AmazonEC2ReadOnlyAccess") || missing && g.Reason != snapshot.AccessDenied || res.Snapshot.Len(asset.KindInstance) != 2 {
				t.Errorf("got %d instances, and of the instance profiles gap %+v", res.Snapshot.Len(asset.KindInstance), g)
			}
			checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
			if err != nil {
				t.Fatal(err)
			}
			if got := verdicts(checks)["iam:ListInstanceProfiles"]; (got == live.NotAllowed) != missing || got != live.Allowed && !missing {
				t.Errorf("iam:ListInstanceProfiles: got %q", got)
			}
			if !live.OK(checks) {
				t.Errorf("the connector's test fails: %+v", checks)
			}
		})
	}
	t.Run("and_none_does_not", func(t *testing.T) {
		c := w.connect("280000000099", "eu-west-1")
		w.AllowPolicy("280000000099", roleName, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
		checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
		if err != nil {
			t.Fatal(err)
		}
		if live.OK(checks) {
			t.Error("a policy for S3 alone counts as good: the test above proves nothing")
		}
	})
}

func TestCountImportsNothing(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc := "290000000001"
	c := w.connect(acc)
	w.OnlyRegions(acc, "us-east-1", "eu-west-1", "eu-west-2")
	w.SeedInstances(acc, "eu-west-1", 3)
	gone := w.SeedInstances(acc, "us-east-1", 2)
	w.EC2(acc, "us-east-1", "TerminateInstances", map[string][]string{"InstanceId.1": {gone[0].ID}})
	w.EC2(acc, "us-east-1", "StopInstances", map[string][]string{"InstanceId.1": {gone[1].ID}})
	w.Before("ec2", "DescribeInstances", awstest.InRegion("eu-west-2", awstest.Deny()))
	got, err := live.Count(t.Context(), w.target(t, c), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Instances != 3 || got[0].Running != 3 || got[1].Error == "" || got[2].Instances != 1 || got[2].Running != 0 {
		t.Errorf("got %+v", got)
	}
	for _, call := range w.CallsTo("ec2", "*") {
		if call.Action != "DescribeInstances" && call.Action != "DescribeRegions" {
			t.Errorf("%s was asked", call.Action)
		}
	}
}

func TestRegionsEnabledLater(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc := "290000000002"
	c := w.connect(acc)
	w.OnlyRegions(acc, "us-east-1")
	target := w.target(t, c)
	target.Minimal = true
	regions := func() (names []string, disabled bool) {
		res, err := live.Read(t.Context(), []live.Target{target}, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Regions {
			names = append(names, r.Region)
		}
		for _, g := range res.Snapshot.Gaps() {
			if g.Region == "ap-east-1" && len(names) == 1 {
				t.Errorf("a region that is not enabled is a gap: %+v", g)
			}
		}
		return names, slices.ContainsFunc(res.Disabled, func(d live.Disabled) bool { return d.Region == "ap-east-1" })
	}
	if names, disabled := regions(); !slices.Equal(names, []string{"us-east-1"}) || !disabled {
		t.Errorf("got %v, ap-east-1 told as disabled %v", names, disabled)
	}
	w.OnlyRegions(acc, "us-east-1", "ap-east-1")
	if names, disabled := regions(); !slices.Equal(names, []string{"ap-east-1", "us-east-1"}) || disabled {
		t.Errorf("got %v, ap-east-1 told as disabled %v", names, disabled)
	}
}

func TestOrganization(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	management := "290000000003"
	c := w.connect(management)
	names := make([]string, 24) // two pages
	for i := range names {
		names[i] = fmt.Sprintf("team-%02d", i)
	}
	ids := w.SeedOrganization(management, "hinomi-member", names...)
	s := w.session(t, c)
	got, err := live.Organization(t.Context(), s, []string{ids[3]})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]live.Member{}
	for _, m := range got {
		seen[m.Account] = m
	}
	for i, id := range ids {
		if m := seen[id]; !m.Active || m.Excluded != (i == 3) || m.Own || m.Name != names[i] {
			t.Errorf("%s: got %+v", id, m)
		}
	}
	if !seen[management].Own || len(got) != len(ids)+1 {
		t.Errorf("got %d accounts, own %+v", len(got), seen[management])
	}
	who := s.Who().Member(ids[0], "hinomi-member")
	if who.Chain[len(who.Chain)-1].ARN != "arn:aws:iam::"+ids[0]+":role/hinomi-member" || who.Chain[len(who.Chain)-1].ExternalID != externalID {
		t.Errorf("got %+v", who)
	}
	w.Before("organizations", "ListAccounts", awstest.Deny())
	if _, err := live.Organization(t.Context(), s, nil); s.Classify(err).Class != awsclient.Denied {
		t.Errorf("got %v, want that it is not allowed", err)
	}
}
