package app_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// TestSyncThreeAccounts reads 1020 instances by three roles: each account has exactly its own, and a second sync writes nothing.
func TestSyncThreeAccounts(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	want := map[string]map[string]string{}
	var connectors []connector.Connector
	for n := 2; n <= 4; n++ {
		account := c.Account(n)
		connectors = append(connectors, c.add(plain(account)))
		want[account] = map[string]string{}
		for _, region := range awstest.DefaultRegions() {
			for _, s := range c.SeedInstances(account, region, 20) {
				want[account][s.ID] = account + "/" + region
			}
		}
	}
	first := map[string]connector.Counts{}
	for _, k := range connectors {
		s := c.sync(k.ID, connector.FinishedSuccess)
		if s.Counts.Instances != 340 || s.Counts.Added != s.Counts.Assets || s.Counts.Added < 2*340 || len(s.Regions) != 17 {
			t.Errorf("got %+v in %d regions, want 340 instances with their interfaces in 17, all added", s.Counts, len(s.Regions))
		}
		first[k.ID] = s.Counts
	}
	for account, ids := range want {
		if diff := cmp.Diff(ids, placed(c.instances(auth.Everything(), store.AssetFilter{Accounts: []string{account}}))); diff != "" {
			t.Errorf("instances of %s (-want +got):\n%s", account, diff)
		}
		if diff := cmp.Diff(ids, placed(c.instances(auth.Scope{Accounts: []string{account}}, store.AssetFilter{}))); diff != "" {
			t.Errorf("instances in the scope of %s (-want +got):\n%s", account, diff)
		}
	}
	seen := c.instances(auth.Everything(), store.AssetFilter{})[0].LastSeen
	assets, history := c.rows("asset"), c.rows("asset_history")
	for _, k := range connectors {
		s := c.sync(k.ID, connector.FinishedSuccess)
		if s.Counts.Added != 0 || s.Counts.Changed != 0 || s.Counts.Gone != 0 || s.Counts.Assets != first[k.ID].Assets {
			t.Errorf("second sync: got %+v, want nothing added, changed or gone of %d", s.Counts, first[k.ID].Assets)
		}
	}
	if diff := cmp.Diff(assets, c.rows("asset")); diff != "" {
		t.Errorf("the second sync wrote assets:\n%s", diff)
	}
	if diff := cmp.Diff(history, c.rows("asset_history")); diff != "" {
		t.Errorf("the second sync wrote history:\n%s", diff)
	}
	if again := c.instances(auth.Everything(), store.AssetFilter{})[0].LastSeen; !again.After(seen) {
		t.Errorf("last seen stays at %s", seen)
	}
	for _, call := range c.CallsTo("ec2", "*") {
		if call.Account == c.Account(1) {
			t.Fatalf("%s was asked as hinomi's own account", call.Action)
		}
	}
	t.Logf("%d assets, %d calls of the last sync", len(assets), first[connectors[0].ID].Calls)
}

// TestSyncRegionFails makes a region unreadable, wholly or from its second page on: nothing is deleted, it is stale until it comes back.
func TestSyncRegionFails(t *testing.T) {
	tests := map[string]struct {
		hook  awstest.Hook
		words string
	}{
		"denied":      {awstest.Deny(), "ec2:DescribeInstances"},
		"second_page": {secondPage(awstest.Deny()), "ec2:DescribeInstances"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, awstest.Options{PageLimit: 2}, nil)
			account := c.Account(2)
			k := c.add(plain(account, "eu-west-1", "eu-west-2"))
			for range 3 { // a reservation each: pages are cut between them
				c.SeedInstances(account, "eu-west-1", 1)
				c.SeedInstances(account, "eu-west-2", 1)
			}
			c.sync(k.ID, connector.FinishedSuccess)

			repair := c.Before("ec2", "DescribeInstances", awstest.InRegion("eu-west-2", tt.hook))
			s := c.sync(k.ID, connector.FinishedErrors)
			if s.Counts.Gone != 0 || s.Counts.Changed != 0 || s.Counts.Gaps == 0 {
				t.Errorf("got %+v, want a gap and nothing gone", s.Counts)
			}
			i := slices.IndexFunc(s.Regions, func(r connector.RegionResult) bool { return r.Region == "eu-west-2" })
			if i < 0 || !strings.Contains(s.Regions[i].Error, tt.words) {
				t.Errorf("got regions %+v, want words about %s", s.Regions, tt.words)
			}
			if g := c.gaps(account, "eu-west-2"); len(g) == 0 || !strings.Contains(strings.Join(g, " "), tt.words) {
				t.Errorf("got gaps %q, want one about %s", g, tt.words)
			}
			for _, a := range c.instances(auth.Everything(), store.AssetFilter{}) {
				if got, want := a.Stale, a.Base().Region == "eu-west-2"; got != want {
					t.Errorf("%s in %s: stale %v, want %v", a.Base().ID, a.Base().Region, got, want)
				}
			}
			if n := len(c.instances(auth.Everything(), store.AssetFilter{})); n != 6 {
				t.Errorf("got %d instances, want 6", n)
			}

			repair()
			c.sync(k.ID, connector.FinishedSuccess)
			if n := len(c.instances(auth.Everything(), store.AssetFilter{Stale: true})); n != 0 {
				t.Errorf("got %d stale instances after the repair, want none", n)
			}
			if g := c.gaps(account, "eu-west-2"); len(g) != 0 {
				t.Errorf("got gaps %q after the repair", g)
			}
		})
	}
}

// secondPage applies a hook to calls for a further page.
func secondPage(h awstest.Hook) awstest.Hook {
	return func(c *awstest.Call) *awstest.Reply {
		if c.Param("NextToken") == "" {
			return nil
		}
		return h(c)
	}
}

// TestSyncTerminated keeps an instance that was terminated, and after AWS has forgotten it too.
func TestSyncTerminated(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account, region := c.Account(2), "eu-west-1"
	k := c.add(plain(account, region))
	id := c.SeedInstances(account, region, 2)[0].ID
	c.sync(k.ID, connector.FinishedSuccess)
	c.EC2(account, region, "TerminateInstances", url.Values{"InstanceId.1": {id}})
	if s := c.sync(k.ID, connector.FinishedSuccess); s.Counts.Changed == 0 {
		t.Errorf("got %+v, want a change", s.Counts)
	}
	a := c.instance(account, region, id)
	if a.Asset.(*asset.Instance).State != "terminated" || !a.GoneAt.IsZero() {
		t.Errorf("got %+v, want it terminated", a)
	}
	for _, d := range a.Active {
		if d.Active || d.Reason != "instance is terminated" {
			t.Errorf("got activation %+v of a terminated instance", d)
		}
	}
	c.After("ec2", "DescribeInstances", awstest.EditXML(func(_ *awstest.Call, n *model.Node) { forget(n, id) }))
	if s := c.sync(k.ID, connector.FinishedSuccess); s.Counts.Gone != 1 {
		t.Errorf("got %+v, want one gone", s.Counts)
	}
	if a := c.instance(account, region, id); a.GoneAt.IsZero() || a.FirstSeen.IsZero() {
		t.Errorf("got %+v, want it kept as gone", a)
	}
	if n := len(c.instances(auth.Everything(), store.AssetFilter{})); n != 1 {
		t.Errorf("got %d present instances, want 1", n)
	}
	if n := len(c.instances(auth.Everything(), store.AssetFilter{Gone: true})); n != 2 {
		t.Errorf("got %d instances with those gone, want 2", n)
	}
	events := all(t, func(from string) ([]store.Event, string, error) {
		return c.Store().History(t.Context(), auth.Everything(), asset.Ref{Account: account, Region: region, Kind: asset.KindInstance, ID: id}, from, 50)
	})
	var what []string
	for _, e := range events {
		what = append(what, e.What)
	}
	slices.Sort(what)
	if diff := cmp.Diff([]string{store.EventChanged, store.EventGone}, what); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

// forget takes an instance out of an answer of DescribeInstances.
func forget(n *model.Node, id string) {
	if n == nil {
		return
	}
	n.Children = slices.DeleteFunc(n.Children, func(i *model.Node) bool { return i.Path("instanceId") == id && i.Child("instanceState") != nil })
	for _, c := range n.Children {
		forget(c, id)
	}
}

// TestSyncRegionsComeAndGo picks up a region that is enabled later, and does not take one for read that was disabled or left out.
func TestSyncRegionsComeAndGo(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account := c.Account(2)
	c.OnlyRegions(account, "us-east-1", "eu-west-1")
	k := c.add(plain(account))
	c.SeedInstances(account, "eu-west-1", 1)
	c.SeedInstances(account, "eu-south-1", 2)
	if s := c.sync(k.ID, connector.FinishedSuccess); s.Counts.Instances != 1 || len(s.Regions) != 2 {
		t.Errorf("got %+v, want 1 instance in 2 regions", s)
	}
	c.OptIn(account, "eu-south-1")
	if s := c.sync(k.ID, connector.FinishedSuccess); s.Counts.Instances != 3 || len(s.Regions) != 3 {
		t.Errorf("got %+v, want 3 instances in 3 regions", s)
	}
	c.OnlyRegions(account, "us-east-1") // eu-west-1 is disabled: what runs there runs on, unseen
	c.sync(k.ID, connector.FinishedSuccess)
	list := c.instances(auth.Everything(), store.AssetFilter{})
	if len(list) != 3 {
		t.Fatalf("got %d instances, want 3", len(list))
	}
	for _, a := range list {
		if got, want := a.Stale, a.Base().Region == "eu-west-1"; got != want {
			t.Errorf("%s: stale %v, want %v", a.Base().Region, got, want)
		}
	}
	if g := c.gaps(account, "eu-west-1"); len(g) != 1 || !strings.HasPrefix(g[0], string(snapshot.Disabled)) {
		t.Errorf("got gaps %q, want that the region is disabled", g)
	}
	k.Regions = []string{"us-east-1"} // and eu-south-1 is left out by the connector
	if _, err := c.EditConnector(t.Context(), auth.System(), k, noSecret); err != nil {
		t.Fatal(err)
	}
	c.sync(k.ID, connector.FinishedSuccess)
	if n := len(c.instances(auth.Everything(), store.AssetFilter{Stale: true})); n != 3 {
		t.Errorf("got %d stale instances, want all 3", n)
	}
	k.Regions = nil
	if _, err := c.EditConnector(t.Context(), auth.System(), k, noSecret); err != nil {
		t.Fatal(err)
	}
	c.OptIn(account, "eu-west-1")
	c.sync(k.ID, connector.FinishedSuccess)
	if n := len(c.instances(auth.Everything(), store.AssetFilter{Stale: true})); n != 0 {
		t.Errorf("got %d stale instances after all were read again, want none", n)
	}
}

// TestSyncBesideAnother leaves alone what another connector of the same account reads.
func TestSyncBesideAnother(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account := c.Account(2)
	first := c.add(plain(account, "eu-west-1"))
	other := plain(account, "eu-west-2")
	other.Name, other.Credentials.RoleARN = "another", roleARN(account, "another")
	added, err := c.AddConnector(t.Context(), auth.System(), other, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	c.AddRole(awstest.Role{Account: account, Name: "another", Trust: []string{c.Account(1)}, ExternalID: added.Connector.Credentials.ExternalID})
	c.SeedInstances(account, "eu-west-1", 1)
	c.SeedInstances(account, "eu-west-2", 1)
	c.sync(first.ID, connector.FinishedSuccess)
	c.sync("another", connector.FinishedSuccess)
	c.sync(first.ID, connector.FinishedSuccess)
	for _, a := range c.instances(auth.Everything(), store.AssetFilter{}) {
		if a.Stale {
			t.Errorf("%s is stale", a.Base().Region)
		}
	}
}

// TestDeadSync: a sync whose process died stands in nobody's way for ever.
func TestDeadSync(t *testing.T) {
	ctx := t.Context()
	c := newCloud(t, awstest.Options{}, nil)
	made, err := c.AddConnector(ctx, auth.System(), connector.Connector{
		Name: "dead", Account: c.Account(2), Enabled: true,
		Credentials: connector.Credentials{RoleARN: "arn:aws:iam::" + c.Account(2) + ":role/hinomi"},
	}, secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.SyncConnector(ctx, auth.System(), made.Connector.ID)
	if err != nil {
		t.Fatal(err)
	}
	first.State, first.StartedAt = connector.Running, c.now()
	if err := c.Store().PutSync(ctx, first); err != nil {
		t.Fatal(err)
	}
	if again, err := c.SyncConnector(ctx, auth.System(), made.Connector.ID); err != nil || again.ID != first.ID {
		t.Errorf("got %s (%v), want the sync that runs", again.ID, err)
	}
	c.tick(3 * time.Hour)
	if again, err := c.SyncConnector(ctx, auth.System(), made.Connector.ID); err != nil || again.ID == first.ID || again.State != connector.Queued {
		t.Errorf("got %s %s (%v), want another sync", again.ID, again.State, err)
	}
}
