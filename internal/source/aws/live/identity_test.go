package live_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"hinomi/internal/asset"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
)

// addProfile makes an instance profile with a role in an account and returns its ARN.
func (w *world) addProfile(t *testing.T, account, name string, role bool) string {
	t.Helper()
	c := iam.NewFromConfig(w.Config("us-east-1", w.AddKey(account, "seeder")))
	out, err := c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name, Path: aws.String("/app/")})
	if err != nil {
		t.Fatal(err)
	}
	if role {
		const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	arn, id := aws.ToString(out.InstanceProfile.Arn), aws.ToString(out.InstanceProfile.InstanceProfileId)
	// EC2 tells the profile's own id; moto makes one up (EC2 API Reference, IamInstanceProfile).
	w.After("ec2", "DescribeInstances", awstest.EditXML(func(_ *awstest.Call, n *model.Node) { correctID(n, arn, id) }))
	return arn
}

// correctID sets the id in every iamInstanceProfile with that ARN.
func correctID(n *model.Node, arn, id string) {
	if n.Name == "iamInstanceProfile" && n.Path("arn") == arn {
		n.Set("id", id)
	}
	for _, c := range n.Children {
		correctID(c, arn, id)
	}
}

// Two accounts have a profile of the same name: each instance finds its own account's, in whatever region it runs, and each account
// is asked once, page by page.
func TestInstanceProfilesOfTwoAccounts(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true, PageLimit: 1})
	w.whatMotoLacks()
	accounts, regions := []string{"261000000001", "261000000002"}, []string{"eu-west-1", "eu-central-1"}
	var targets []live.Target
	wears := map[string]string{} // instance → profile's ARN
	for _, account := range accounts {
		targets = append(targets, w.target(t, w.connect(account, regions...)))
		w.addProfile(t, account, "bare", false)
		arn := w.addProfile(t, account, "web", true)
		for _, region := range regions {
			id := w.SeedInstances(account, region, 1)[0].ID
			w.EC2(account, region, "AssociateIamInstanceProfile", url.Values{"InstanceId": {id}, "IamInstanceProfile.Arn": {arn}})
			wears[id] = arn
		}
		w.SeedInstances(account, regions[0], 1) // wears none
	}
	res, err := live.Read(t.Context(), targets, options)
	if err != nil {
		t.Fatal(err)
	}
	s := res.Snapshot
	if n := s.Len(asset.KindInstanceProfile); n != 4 {
		t.Errorf("got %d instance profiles, want 4", n)
	}
	found := 0
	for i := range snapshot.All[asset.Instance](s) {
		p, ok := s.ProfileOf(i)
		if i.InstanceProfile != wears[i.ID] || ok != (wears[i.ID] != "") {
			t.Errorf("%s in %s: got profile %q, found %v, want %q", i.ID, i.Account, i.InstanceProfile, ok, wears[i.ID])
		}
		if !ok {
			continue
		}
		found++
		role := "arn:aws:iam::" + i.Account + ":role/web"
		if p.Account != i.Account || p.Region != asset.Global || p.ARN != wears[i.ID] || p.ProfileName != "web" || p.Path != "/app/" || p.CreatedAt.IsZero() ||
			p.ID != i.InstanceProfileID || len(p.Roles) != 1 || p.Roles[0].ARN != role || p.Roles[0].Name != "web" {
			t.Errorf("%s: got %+v", i.ID, p)
		}
	}
	if found != 4 {
		t.Errorf("got %d instances with a profile, want 4", found)
	}
	for _, account := range accounts {
		if !s.WasRead(account, asset.Global, asset.KindInstanceProfile) {
			t.Errorf("%s: the profiles do not count as read", account)
		}
		pages := 0
		for _, c := range w.CallsTo("iam", "ListInstanceProfiles") {
			if c.Account == account {
				pages++
			}
		}
		if pages != 2 { // a page each, for two regions
			t.Errorf("%s was asked %d times, want twice", account, pages)
		}
	}
	if r := res.Regions; len(r) != 6 || r[2].Region != asset.Global || r[2].Assets != 2 || r[2].Error != "" {
		t.Errorf("got %+v, want three results for each account, the last its own", r)
	}
}

func TestInstanceProfilesNotRead(t *testing.T) {
	account := 262000000000
	for name, tt := range map[string]struct {
		fault  func(w *world)
		reason snapshot.Reason
		words  string
		kept   int
	}{
		"denied":    {func(w *world) { w.Before("iam", "ListInstanceProfiles", awstest.Deny()) }, snapshot.AccessDenied, "iam:ListInstanceProfiles is not allowed", 0},
		"throttled": {func(w *world) { w.Before("iam", "ListInstanceProfiles", awstest.Throttle()) }, snapshot.Throttled, "", 0},
		"half": {func(w *world) {
			w.Before("iam", "ListInstanceProfiles", func(c *awstest.Call) *awstest.Reply {
				if c.Param("Marker") == "" {
					return nil
				}
				return awstest.Deny()(c)
			})
		}, snapshot.Partial, "not all pages came", 1},
		"no_marker": {func(w *world) {
			w.After("iam", "ListInstanceProfiles", awstest.EditXML(func(_ *awstest.Call, n *model.Node) { n.Children[0].Remove("Marker") }))
		}, snapshot.Failed, "names none", 0},
	} {
		account++
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{Quiet: true, PageLimit: 1})
			w.whatMotoLacks()
			acc := strconv.Itoa(account)
			w.addProfile(t, acc, "a", false)
			w.addProfile(t, acc, "b", false)
			c := w.connect(acc, "eu-west-1")
			w.SeedInstances(acc, "eu-west-1", 1)
			tt.fault(w)
			res, err := live.Read(t.Context(), []live.Target{w.target(t, c)}, options)
			if err != nil {
				t.Fatal(err)
			}
			s := res.Snapshot
			g, ok := s.GapFor(acc, asset.Global, asset.KindInstanceProfile)
			if !ok || g.Reason != tt.reason || !strings.Contains(g.Detail, tt.words) || s.WasRead(acc, asset.Global, asset.KindInstanceProfile) {
				t.Errorf("got gap %+v, want %q with %q", g, tt.reason, tt.words)
			}
			if n := s.Len(asset.KindInstanceProfile); n != tt.kept {
				t.Errorf("got %d profiles kept, want %d", n, tt.kept)
			}
			if !s.WasRead(acc, "eu-west-1", asset.KindInstance) {
				t.Error("the region does not count as read")
			}
			want := []connector.RegionResult{{Account: acc, Region: "eu-west-1"}, {Account: acc, Region: asset.Global}}
			for i, r := range res.Regions {
				if r.Region != want[i].Region || (r.Error != "") != (r.Region == asset.Global) {
					t.Errorf("got %+v, want an error of the account's own part alone", r)
				}
			}
		})
	}
}

// The least permissions do not allow IAM: it is not asked, the profiles are a gap, and no result pretends that they were read.
func TestInstanceProfilesAreNotMinimal(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc := "262000000009"
	w.addProfile(t, acc, "a", false)
	target := w.target(t, w.connect(acc, "eu-west-1"))
	target.Minimal = true
	res, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	gaps := res.Snapshot.Gaps()
	told := false
	for _, g := range gaps {
		told = told || g.Scope == snapshot.Scope{Account: acc, Region: asset.Global, Kind: asset.KindInstanceProfile} && g.Reason == snapshot.NotRead
	}
	if n := len(w.CallsTo("iam", "ListInstanceProfiles")); n != 0 || !told || len(res.Regions) != 1 {
		t.Errorf("got %d calls, gap %v, results %+v", n, told, res.Regions)
	}
}
