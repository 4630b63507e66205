package live_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
)

// whatMotoLacks answers the calls that moto has not, with what an account has that uses none of it.
func (w *world) whatMotoLacks() {
	for action, body := range map[string]map[string]any{
		"DescribeDirectConnectGateways": {"directConnectGateways": []any{}}, "DescribeVirtualInterfaces": {"virtualInterfaces": []any{}},
		"DescribeDirectConnectGatewayAssociations": {"directConnectGatewayAssociations": []any{}},
	} {
		w.Before("directconnect", action, func(c *awstest.Call) *awstest.Reply { return c.JSON(body) })
	}
	w.Before("ssm", "DescribeInstanceInformation", func(c *awstest.Call) *awstest.Reply {
		return c.JSON(map[string]any{"InstanceInformationList": []any{}})
	})
}

func TestThreeAccountsSeventeenRegions(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	want := map[string]string{} // instance → account/region
	var targets []live.Target
	for _, account := range []string{"210000000001", "210000000002", "210000000003"} {
		target := w.target(t, w.connect(account))
		target.Minimal = true // what the rest of a region's listings give, TestWholeRegion tells
		targets = append(targets, target)
		for _, region := range awstest.DefaultRegions() {
			for _, s := range w.SeedInstances(account, region, 20) {
				want[s.ID] = account + "/" + region
			}
		}
	}
	if len(awstest.DefaultRegions()) != 17 || len(want) != 3*17*20 {
		t.Fatalf("seeded %d instances in %d regions, want 1020 in 17", len(want), len(awstest.DefaultRegions()))
	}
	res, err := live.Read(t.Context(), targets, options)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range snapshot.All[asset.Instance](res.Snapshot) {
		got[i.ID] = i.Account + "/" + i.Region
		if !strings.Contains(i.ARN, ":"+i.Region+":"+i.Account+":instance/"+i.ID) {
			t.Errorf("ARN %s of %s in %s %s", i.ARN, i.ID, i.Account, i.Region)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	if n, m := res.Snapshot.Len(asset.KindNetworkInterface), res.Snapshot.Len(asset.KindImage); n != 1020 || m != 51 {
		t.Errorf("got %d network interfaces and %d images, want 1020 and 51", n, m)
	}
	for _, g := range res.Snapshot.Gaps() {
		if g.Reason != snapshot.NotRead {
			t.Errorf("got gap %+v", g)
		}
	}
	if len(res.Regions) != 51 {
		t.Errorf("got %d region results, want 51", len(res.Regions))
	}
	for _, r := range res.Regions {
		if r.Instances != 20 || r.Error != "" {
			t.Errorf("got %+v, want 20 instances and no error", r)
		}
	}
	if len(res.Disabled) == 0 {
		t.Error("no region that is not opted in is told")
	}
	for _, c := range w.CallsTo("ec2", "*") {
		if c.Account == base {
			t.Errorf("%s was asked as the base account", c.Action)
		}
	}
	t.Logf("%d calls, %d assumed roles", res.Calls, len(w.CallsTo("sts", "AssumeRole")))
}

func TestRegionFails(t *testing.T) {
	tests := map[string]struct {
		hook   awstest.Hook
		reason snapshot.Reason
		words  string
		kind   asset.Kind // of the gap; "" is the whole region
	}{
		"denied":    {awstest.Deny(), snapshot.AccessDenied, "ec2:DescribeInstances", asset.KindInstance},
		"throttled": {awstest.Throttle(), snapshot.Throttled, "RequestLimitExceeded", asset.KindInstance},
		"broken":    {awstest.Broken(), snapshot.Failed, "", asset.KindInstance},
		"expired":   {awstest.Expire(), snapshot.Expired, "RequestExpired", ""},
		"opt_in":    {awstest.Fail(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials"), snapshot.Disabled, "enable the region", ""},
		"cut":       {func(*awstest.Call) *awstest.Reply { return awstest.Drop() }, snapshot.Failed, "", ""},
	}
	account := 220000000000
	for name, tt := range tests {
		account++
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{Quiet: true})
			acc := fmt.Sprint(account)
			c := w.connect(acc, "eu-west-1", "eu-west-2")
			for _, r := range c.Regions {
				w.SeedInstances(acc, r, 2)
			}
			w.Before("ec2", "DescribeInstances", awstest.InRegion("eu-west-2", tt.hook))
			target := w.target(t, c)
			target.Minimal = true
			res, err := live.Read(t.Context(), []live.Target{target}, options)
			if err != nil {
				t.Fatal(err)
			}
			s := res.Snapshot
			if !s.WasRead(acc, "eu-west-1", asset.KindInstance) || s.Len(asset.KindInstance) != 2 {
				t.Errorf("the other region: read %v, %d instances, want true and 2", s.WasRead(acc, "eu-west-1", asset.KindInstance), s.Len(asset.KindInstance))
			}
			g, ok := s.GapFor(acc, "eu-west-2", asset.KindInstance)
			if !ok || g.Reason != tt.reason || g.Kind != tt.kind || !strings.Contains(g.Detail, tt.words) {
				t.Errorf("got gap %+v, want reason %q, kind %q, words %q", g, tt.reason, tt.kind, tt.words)
			}
			if s.WasRead(acc, "eu-west-2", asset.KindInstance) || s.WasRead(acc, "eu-west-2", asset.KindImage) {
				t.Error("the failed region counts as read")
			}
			if i := slices.IndexFunc(res.Regions, func(r connector.RegionResult) bool { return r.Region == "eu-west-2" }); i < 0 || res.Regions[i].Error == "" {
				t.Errorf("no error is told of the region: %+v", res.Regions)
			}
		})
	}
}

func TestOptionalCallDenied(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	w.whatMotoLacks()
	c := w.connect("230000000001", "eu-west-1")
	w.SeedInstances("230000000001", "eu-west-1", 2)
	w.Before("ec2", "DescribeVolumes", awstest.Deny())
	w.Before("ec2", "GetManagedPrefixListEntries", awstest.Deny())
	res, err := live.Read(t.Context(), []live.Target{w.target(t, c)}, options)
	if err != nil {
		t.Fatal(err)
	}
	s := res.Snapshot
	gaps := s.Gaps()
	if len(gaps) != 2 {
		t.Fatalf("got gaps %+v, want two", gaps)
	}
	if g := gaps[1]; g.Kind != asset.KindVolume || g.Reason != snapshot.AccessDenied || g.Part != "" || !strings.Contains(g.Detail, "ec2:DescribeVolumes is not allowed") {
		t.Errorf("got %+v, want the volumes' gap", g)
	}
	// What more there is of the prefix lists is missing, but which lists there are is known.
	if g := gaps[0]; g.Kind != asset.KindPrefixList || g.Part != "entries" || !strings.Contains(g.Detail, "ec2:GetManagedPrefixListEntries") {
		t.Errorf("got %+v, want the entries' gap", g)
	}
	if !s.WasRead("230000000001", "eu-west-1", asset.KindPrefixList) || s.WasRead("230000000001", "eu-west-1", asset.KindVolume) {
		t.Error("prefix lists must count as read, volumes not")
	}
	if len(s.Reads()) != len(kinds(res))-1 {
		t.Errorf("got %d scopes read of %d", len(s.Reads()), len(kinds(res)))
	}
}

// kinds returns all kinds that a region's reading tells of.
func kinds(res *live.Result) map[asset.Kind]bool {
	all := map[asset.Kind]bool{}
	for _, r := range res.Snapshot.Reads() {
		all[r.Kind] = true
	}
	for _, g := range res.Snapshot.Gaps() {
		all[g.Kind] = true
	}
	return all
}

func TestPagesAndPartialPages(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true, PageLimit: 1})
	acc, region := "240000000001", "eu-central-1"
	c := w.connect(acc, region)
	for range 3 {
		w.SeedInstances(acc, region, 1) // a reservation each
	}
	target := w.target(t, c)
	target.Minimal = true
	res, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.CallsTo("ec2", "DescribeInstances")); n < 3 {
		t.Errorf("got %d calls, want a page per reservation", n)
	}
	if n := res.Snapshot.Len(asset.KindInstance); n != 3 {
		t.Errorf("got %d instances, want 3", n)
	}
	for _, g := range res.Snapshot.Gaps() {
		if g.Detail == "" || g.Reason != snapshot.NotRead || res.Regions[0].Error != "" {
			t.Errorf("got gap %+v, error %s", g, res.Regions[0].Error)
		}
	}
	for _, kind := range []asset.Kind{asset.KindInstance, asset.KindImage, asset.KindNetworkInterface} {
		if !res.Snapshot.WasRead(acc, region, kind) {
			t.Errorf("%s does not count as read", kind)
		}
	}
	w.Before("ec2", "DescribeInstances", func(c *awstest.Call) *awstest.Reply {
		if c.Param("NextToken") == "" {
			return nil
		}
		return awstest.Deny()(c)
	})
	res, err = live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	g, ok := res.Snapshot.GapFor(acc, region, asset.KindInstance)
	if !ok || g.Reason != snapshot.Partial || res.Snapshot.Len(asset.KindInstance) != 1 {
		t.Errorf("got %d instances and gap %+v, want the first page's and partly read", res.Snapshot.Len(asset.KindInstance), g)
	}
	if g, ok := res.Snapshot.GapFor(acc, region, asset.KindImage); !ok || g.Reason != snapshot.NotRead {
		t.Errorf("images in use cannot be known: got gap %+v", g)
	}
}

func TestBrokenPage(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc, region := "240000000002", "eu-central-1"
	c := w.connect(acc, region)
	w.SeedInstances(acc, region, 4)
	w.After("ec2", "DescribeNetworkInterfaces", awstest.Cut(900))
	target := w.target(t, c)
	target.Minimal = true
	res, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	g, ok := res.Snapshot.GapFor(acc, region, asset.KindNetworkInterface)
	if !ok || g.Reason != snapshot.Failed || !strings.Contains(g.Detail, "check the connection") || res.Snapshot.WasRead(acc, region, asset.KindNetworkInterface) {
		t.Errorf("got gap %+v, want that the answer broke off", g)
	}
}

func TestThrottledButDone(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	acc, region := "240000000003", "eu-central-1"
	c := w.connect(acc, region)
	w.SeedInstances(acc, region, 4)
	w.Before("ec2", "*", awstest.Times(2, awstest.Throttle()))
	target := w.target(t, c)
	target.Minimal = true
	res, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	if res.Snapshot.Len(asset.KindInstance) != 4 || !res.Snapshot.WasRead(acc, region, asset.KindInstance) {
		t.Errorf("got %d instances, want 4 after two refusals", res.Snapshot.Len(asset.KindInstance))
	}
	throttled := 0
	for _, n := range target.Session.Counts() {
		throttled += n.Throttled
	}
	if throttled != 2 {
		t.Errorf("got %d refusals counted, want 2", throttled)
	}
}

func TestExternalID(t *testing.T) {
	for account, id := range map[string]string{"250000000001": "hinomi-another", "250000000002": ""} {
		t.Run("id_"+id, func(t *testing.T) {
			w := newWorld(t, awstest.Options{Quiet: true})
			c := w.connect(account)
			c.Credentials.ExternalID = id
			res, err := live.Read(t.Context(), []live.Target{w.target(t, c)}, options)
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Failed) != 1 || res.Failed[0].Reason != snapshot.AccessDenied || !strings.Contains(res.Failed[0].Detail, "external ID") {
				t.Errorf("got %+v, want access denied and a word on the external ID", res.Failed)
			}
			g, ok := res.Snapshot.GapFor(account, "eu-west-1", asset.KindInstance)
			if !ok || g.Reason != snapshot.AccessDenied {
				t.Errorf("got gap %+v, want access denied for the whole account", g)
			}
			if len(w.CallsTo("ec2", "*")) > 0 {
				t.Error("EC2 was asked all the same")
			}
		})
	}
}

func TestWrongAccountKey(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	k := w.AddKey("260000000002", "someone")
	w.SeedInstances("260000000002", "eu-west-1", 1)
	c := &connector.Connector{
		ID: "c", Name: "key", Type: connector.Commercial, Account: "260000000001", Regions: []string{"eu-west-1"},
		Credentials: connector.Credentials{AccessKeyID: k.ID},
	}
	who, err := awsclient.For(c, &awsclient.Key{ID: k.ID, Secret: k.Secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.clients.Session(who)
	if err != nil {
		t.Fatal(err)
	}
	res, err := live.Read(t.Context(), []live.Target{{Session: s, Regions: c.Regions}}, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Detail, "260000000002") || res.Snapshot.Len(asset.KindInstance) != 0 {
		t.Errorf("got %+v, want that the key is of another account", res.Failed)
	}
	if _, err := s.Identity(t.Context()); !errors.Is(err, awsclient.ErrWrongAccount) {
		t.Errorf("got %v, want ErrWrongAccount", err)
	}
}

func TestExpiredInTheMiddle(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true, PageLimit: 1})
	acc, region := "260000000003", "eu-central-1"
	c := w.connect(acc, region)
	for range 3 {
		w.SeedInstances(acc, region, 1)
	}
	w.Before("ec2", "DescribeInstances", func(c *awstest.Call) *awstest.Reply {
		if c.Param("NextToken") == "" {
			return nil
		}
		return awstest.Expire()(c)
	})
	target := w.target(t, c)
	target.Minimal = true
	res, err := live.Read(t.Context(), []live.Target{target}, options)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := res.Snapshot.GapFor(acc, region, asset.KindInstance)
	if g.Reason != snapshot.Partial || !strings.Contains(g.Detail, "credentials") {
		t.Errorf("got %+v, want partly read, and that the credentials ended", g)
	}
}

func TestCanceled(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	c := w.connect("260000000004", "eu-central-1")
	ctx, cancel := context.WithCancel(t.Context())
	w.Before("ec2", "DescribeNetworkInterfaces", func(*awstest.Call) *awstest.Reply { cancel(); return nil })
	if _, err := live.Read(ctx, []live.Target{w.target(t, c)}, options); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled: half a world must not pass for one", err)
	}
}

// A role that is assumed with another role's credentials: once for all that happens in its hour, and again before that ends.
func TestRoleChainAndRenewal(t *testing.T) {
	for name, tt := range map[string]struct {
		hub, account string
		age          time.Duration // of the sessions when they are handed out
		renewed      bool
	}{
		"fresh":    {"260000000005", "260000000006", 0, false},
		"near_end": {"260000000007", "260000000008", 58 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{Quiet: true, Now: func() time.Time { return time.Now().Add(-tt.age) }})
			first := w.AddRole(awstest.Role{Account: tt.hub, Name: "hub", Trust: []string{base}, ExternalID: "hub-id"})
			last := w.AddRole(awstest.Role{Account: tt.account, Name: roleName, Trust: []string{first}, ExternalID: externalID})
			w.SeedInstances(tt.account, "eu-west-1", 2)
			s, err := w.clients.Session(awsclient.Who{
				Connector: "c", Account: tt.account, Type: connector.Commercial, Key: &w.key,
				Chain: []awsclient.Role{{ARN: first, ExternalID: "hub-id"}, {ARN: last, ExternalID: externalID}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				res, err := live.Read(t.Context(), []live.Target{{Session: s, Regions: []string{"eu-west-1"}, Minimal: true}}, options)
				if err != nil {
					t.Fatal(err)
				}
				if res.Snapshot.Len(asset.KindInstance) != 2 {
					t.Errorf("got %d instances, %+v", res.Snapshot.Len(asset.KindInstance), res.Failed)
				}
			}
			calls := w.CallsTo("sts", "AssumeRole")
			if (len(calls) > 2) != tt.renewed || calls[0].Param("RoleSessionName") != "hinomi-c" || calls[1].Param("ExternalId") != externalID {
				t.Errorf("got %d roles assumed for two readings, renewed must be %v", len(calls), tt.renewed)
			}
		})
	}
}
