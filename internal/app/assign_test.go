package app_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/store"
)

// resize makes an instance another type, which EC2 allows of a stopped one.
func (c *cloud) resize(account, region, id, size string) {
	c.t.Helper()
	c.EC2(account, region, "StopInstances", url.Values{"InstanceId.1": {id}})
	c.EC2(account, region, "ModifyInstanceAttribute", url.Values{"InstanceId": {id}, "InstanceType.Value": {size}})
}

func (c *cloud) rename(account, region, id, name string) {
	c.t.Helper()
	c.EC2(account, region, "CreateTags", url.Values{"ResourceId.1": {id}, "Tag.1.Key": {"Name"}, "Tag.1.Value": {name}})
}

// tags are the tags of ours that an asset has.
func tags(a store.Asset) []string {
	var out []string
	for _, t := range a.OurTags {
		out = append(out, t.Tag)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func active(a store.Asset, m connector.Module) (on bool, why string) {
	for _, v := range a.Active {
		if v.Module == m {
			return v.Active, v.Reason
		}
	}
	return false, "no decision"
}

func TestActivation(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account, region := c.Account(2), "eu-west-1"
	k := c.add(plain(account, region))
	small, large := c.SeedInstances(account, region, 1)[0].ID, c.SeedInstances(account, region, 1)[0].ID
	c.resize(account, region, small, "t2.nano")
	c.sync(k.ID, connector.FinishedSuccess)
	check := func(id string, m connector.Module, want bool, words string) {
		t.Helper()
		if on, why := active(c.instance(account, region, id), m); on != want || !strings.Contains(why, words) {
			t.Errorf("%s of %s: got %v %q, want %v and words about %s", m, id, on, why, want, words)
		}
	}
	check(small, connector.Vulnerability, false, "t2.nano")
	check(large, connector.Vulnerability, true, "connector")
	check(large, connector.Network, false, "does not activate")

	if err := c.SetSmallTypes(t.Context(), auth.System(), []string{"m5.large"}); err != nil {
		t.Fatal(err)
	}
	check(small, connector.Vulnerability, true, "connector")
	check(large, connector.Vulnerability, false, "m5.large")

	ref := asset.RefOf(c.instance(account, region, large).Asset)
	if err := c.ActivateAsset(t.Context(), auth.System(), ref, connector.Vulnerability, true, false); err != nil {
		t.Fatal(err)
	}
	c.sync(k.ID, connector.FinishedSuccess)
	check(large, connector.Vulnerability, true, "by hand")
	c.EC2(account, region, "TerminateInstances", url.Values{"InstanceId.1": {large}})
	c.sync(k.ID, connector.FinishedSuccess)
	check(large, connector.Vulnerability, false, "terminated")
	written := c.rows("asset_activation")
	c.sync(k.ID, connector.FinishedSuccess)
	if diff := cmp.Diff(written, c.rows("asset_activation")); diff != "" {
		t.Errorf("a sync without changes wrote activations:\n%s", diff)
	}
}

func TestTags(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account, region := c.Account(2), "eu-west-1"
	n := plain(account, region)
	n.Tags = []string{"from the connector"}
	k := c.add(n)
	id := c.SeedInstances(account, region, 1)[0].ID
	c.rename(account, region, id, "web-01")
	for name, rule := range map[string]string{
		"web": `asset.name.startsWith("web-")`, "private": `asset.privateIps.exists(a, cidrContains("10.0.0.0/8", a) || cidrContains("172.16.0.0/12", a))`, "big": `asset.type == "m5.24xlarge"`,
	} {
		if _, err := c.PutTagRule(t.Context(), auth.System(), store.TagRule{Name: name, Tag: name, Expression: rule, Enabled: true}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(list ...string) {
		t.Helper()
		if diff := cmp.Diff(list, tags(c.instance(account, region, id))); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	}
	c.sync(k.ID, connector.FinishedSuccess)
	want("from the connector", "private", "web")
	c.rename(account, region, id, "db-01")
	c.sync(k.ID, connector.FinishedSuccess)
	want("from the connector", "private")
	k.Tags = []string{"other"}
	if _, err := c.EditConnector(t.Context(), auth.System(), k, noSecret); err != nil {
		t.Fatal(err)
	}
	want("other", "private")
	if err := c.RemoveTagRule(t.Context(), auth.System(), "private"); err != nil {
		t.Fatal(err)
	}
	want("other")
	if _, err := c.PutTagRule(t.Context(), auth.System(), store.TagRule{Name: "bad", Tag: "bad", Expression: `asset.nmae == "x"`, Enabled: true}); err == nil {
		t.Error("a rule about a field that does not exist was taken")
	}
}

// TestOpenPortTag keeps the tag of an open port while it cannot be seen whether the port is open still.
func TestOpenPortTag(t *testing.T) {
	a := open(t, nil)
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "dump")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "organisation"))); err != nil {
		t.Fatal(err)
	}
	groups, err := filepath.Glob(filepath.Join(dir, "accounts", "*", "*", "SecurityGroups.json"))
	if err != nil || len(groups) == 0 {
		t.Fatalf("no security groups in the example: %v", err)
	}
	rewrite := func(change func(string) string) {
		t.Helper()
		for _, g := range groups {
			b, err := os.ReadFile(g)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(g, []byte(change(string(b))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tagged := func() int {
		t.Helper()
		at = at.Add(time.Hour)
		if _, err := a.ImportDump(t.Context(), auth.System(), dir, dump.Options{TakenAt: at}); err != nil {
			t.Fatal(err)
		}
		list, _, err := a.Store().Assets(t.Context(), auth.Everything(), store.AssetFilter{Tags: []string{"ssh"}}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if _, err := a.PutTagRule(t.Context(), auth.System(), store.TagRule{Name: "ssh", Tag: "ssh", Expression: "22 in asset.openPorts", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	first := tagged()
	if first == 0 {
		t.Fatal("no instance of the example has an open port 22, want its bastion")
	}
	var whole []string
	rewrite(func(s string) string {
		whole = append(whole, s)
		return s[:len(s)/2]
	})
	if got := tagged(); got != first {
		t.Errorf("got %d tagged while the rules could not be read, want %d as before", got, first)
	}
	rewrite(func(string) string {
		s := whole[0]
		whole = whole[1:]
		return strings.NewReplacer("0.0.0.0/0", "10.0.0.0/8", "::/0", "fd00::/8").Replace(s)
	})
	if got := tagged(); got != 0 {
		t.Errorf("got %d tagged after the ports were closed, want none", got)
	}
}

func TestView(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account := c.Account(2)
	n := plain(account, "eu-west-1")
	n.PostureView = true
	k := c.add(n)
	views := func() []connector.View {
		t.Helper()
		list, err := c.Store().Views(t.Context(), auth.Everything())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if v := views(); len(v) != 1 || v[0].Account != account || v[0].Connector != k.ID {
		t.Fatalf("got %+v, want the account's view, fed", v)
	}
	k.PostureView = false
	k, err := c.EditConnector(t.Context(), auth.System(), k, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	if v := views(); len(v) != 1 || v[0].Connector != "" {
		t.Errorf("got %+v, want the view without a feed", v)
	}
	if err := c.RemoveConnector(t.Context(), auth.System(), k.ID); err != nil {
		t.Fatal(err)
	}
	if v := views(); len(v) != 1 {
		t.Errorf("got %+v, want the view still", v)
	}
	if err := c.RemoveView(t.Context(), auth.System(), account); err != nil {
		t.Fatal(err)
	}
	if v := views(); len(v) != 0 {
		t.Errorf("got %+v, want none", v)
	}
}
