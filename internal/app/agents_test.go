package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// agentCloud is an account with two instances, of which Systems Manager manages the first.
type agentCloud struct {
	*cloud
	ssm     *ssmtest.Server
	account string
	con     connector.Connector
	ids     []string
}

func newAgentCloud(t *testing.T, change ...func(*app.Config)) *agentCloud {
	t.Helper()
	c := &agentCloud{cloud: newCloud(t, awstest.Options{}, func(cfg *app.Config) {
		for _, edit := range change {
			edit(cfg)
		}
	})}
	c.managed = true
	c.ssm = ssmtest.Serve(t, c.AWS, ssmtest.Options{Now: c.now})
	if _, err := c.ImportFeeds(t.Context(), auth.System(), examples+"/feeds", app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	c.account = c.Account(2)
	n := plain(c.account, region)
	n.Modules, n.Verbs = connector.Modules(), []connector.Verb{connector.ManageSSM}
	c.con = c.add(n)
	for _, s := range c.SeedInstances(c.account, region, 2) {
		c.ids = append(c.ids, s.ID)
	}
	c.ssm.AddNode(c.account, region, ssmtest.Node{ID: c.ids[0], Ping: "Online", Platform: "Linux", Name: "AlmaLinux", Version: "10.2", LastPing: c.now(), Agent: "3.3.1", Latest: true})
	if err := c.SetSmallTypes(t.Context(), auth.System(), nil); err != nil {
		t.Fatal(err)
	}
	c.sync(c.con.ID, connector.FinishedSuccess)
	return c
}

// captured sets what the agent of the first instance lists, and lets half an hour pass.
func (c *agentCloud) captured(versions map[string]string) {
	c.tick(30 * time.Minute)
	c.capturedOn(c.ids[0], versions)
}

// capturedOn sets what the agent of an instance lists now.
func (c *agentCloud) capturedOn(id string, versions map[string]string) {
	at := c.now()
	c.ssm.SetInventory(c.account, region, id, "AWS:InstanceInformation", "1.0", at, []map[string]string{{
		"InstanceId": id, "PlatformName": "AlmaLinux", "PlatformVersion": "10.2", "PlatformType": "Linux", "AgentType": "amazon-ssm-agent", "AgentVersion": "3.3.1",
		"ComputerName": "web", "IpAddress": "10.0.0.5", "ResourceType": "EC2Instance", "InstanceStatus": "Active",
	}})
	var apps []map[string]string
	for name, v := range versions {
		version, release, _ := strings.Cut(v, "-")
		apps = append(apps, map[string]string{
			"Name": name, "Version": version, "Release": release, "Epoch": "0", "Architecture": "x86_64", "Publisher": "AlmaLinux", "ApplicationType": "System Environment/Libraries",
			"InstalledTime": "2026-06-01T00:00:00Z", "PackageId": name + "-" + v + ".src.rpm", "Summary": name, "URL": "https://example.com/",
		})
	}
	slices.SortFunc(apps, func(a, b map[string]string) int { return strings.Compare(a["Name"], b["Name"]) })
	c.ssm.SetInventory(c.account, region, id, "AWS:Application", "1.1", at, apps)
}

func (c *agentCloud) read() {
	c.t.Helper()
	if err := c.ReadAgents(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// packages returns the row of an instance's package scan.
func (c *agentCloud) packages(id string) coverage.Coverage {
	c.t.Helper()
	list, _, err := c.Store().Coverage(c.t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}, Assets: []string{id}}, "", 10)
	if err != nil || len(list) != 1 {
		c.t.Fatalf("coverage of %s: %+v %v", id, list, err)
	}
	return list[0]
}

// open returns the vulnerabilities that are open on an instance.
func (c *agentCloud) open(id string, status finding.Status) []string {
	c.t.Helper()
	var out []string
	for _, f := range all(c.t, func(from string) ([]finding.Finding, string, error) {
		return c.Store().Findings(c.t.Context(), auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability}, Assets: []string{id}, Statuses: []finding.Status{status}}, from, 500)
	}) {
		out = append(out, f.Package.VulnerabilityID)
	}
	return out
}

// TestAgents follows an instance from unmanaged to judged by its agent's inventory.
func TestAgents(t *testing.T) {
	c := newAgentCloud(t)
	if r := c.packages(c.ids[0]); r.Reason != coverage.NoInventory || !strings.Contains(r.Detail, "hinomi scan plan") {
		t.Errorf("managed without inventory: %+v", r)
	}
	if r := c.packages(c.ids[1]); r.Reason != coverage.UnmanagedInstance || !strings.Contains(r.Detail, "instance profile") {
		t.Errorf("unmanaged: %+v", r)
	}
	c.captured(map[string]string{"libtiff": "4.6.0-5.el10", "bash": "5.2.26-6.el10"})
	c.read()
	r := c.packages(c.ids[0])
	if r.Status != coverage.Active || r.Mode != coverage.ByAgent || r.LastScanned.IsZero() || r.Calls == 0 {
		t.Errorf("judged by the agent: %+v", r)
	}
	before := c.open(c.ids[0], finding.Active)
	if len(before) == 0 {
		t.Fatal("nothing is found in an old libtiff")
	}

	// Nothing new: nothing is judged again.
	c.tick(30 * time.Minute)
	at := c.packages(c.ids[0]).LastScanned
	c.read()
	if got := c.packages(c.ids[0]).LastScanned; !got.Equal(at) {
		t.Errorf("an inventory that is not new was judged again at %s", got)
	}
	c.captured(map[string]string{"libtiff": "9.9.9-1.el10", "bash": "5.2.26-6.el10"})
	c.read()
	if got := c.open(c.ids[0], finding.Active); !slices.Equal(got, before) { // the example's feeds are not current: nothing is closed by them
		t.Errorf("open after the update: %v, want %v kept", got, before)
	}
	_, inv, err := c.Store().AssetInventory(t.Context(), auth.Everything(), asset.Ref{Account: c.account, Region: region, Kind: asset.KindInstance, ID: c.ids[0]})
	if err != nil || len(inv.Packages) != 2 || inv.Method != inventory.Agent || slices.Contains(inv.Covered, "/") {
		t.Errorf("inventory of the agent: %+v %v", inv, err)
	}

	// A week without an inventory is stale; a place that cannot be read says why.
	c.tick(8 * 24 * time.Hour)
	c.read()
	if r := c.packages(c.ids[0]); r.Reason != coverage.StaleInventory {
		t.Errorf("after a week: %+v", r)
	}
	c.Before("ssm", "DescribeInstanceInformation", awstest.Deny())
	c.sync(c.con.ID, connector.FinishedErrors)
	if r := c.packages(c.ids[1]); !strings.Contains(r.Detail, "was not read: access denied") {
		t.Errorf("Systems Manager refuses: %+v", r)
	}
}

// TestManageAgents makes, repairs and removes what agents need.
func TestManageAgents(t *testing.T) {
	c := newAgentCloud(t)
	ctx := t.Context()
	second := plain(c.account, region) // of the same account
	second.Name, second.Verbs = "again", []connector.Verb{connector.ManageSSM}
	if _, err := c.AddConnector(ctx, auth.System(), second, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	plan := func(o app.AgentOptions) []app.Managed {
		t.Helper()
		list, err := c.PlanAgents(ctx, auth.System(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.Fault != "" {
				t.Errorf("%s: %s", m.Connector, m.Fault)
			}
		}
		return list
	}
	names := func() (out []string) {
		for _, a := range c.ssm.Associations(c.account, region) {
			name, _, _ := strings.Cut(a.Name, "-do-not-delete")
			out = append(out, name)
		}
		slices.Sort(out)
		return out
	}
	if list := plan(app.AgentOptions{}); len(list) != 1 || list[0].Plan.Idle() || len(names()) != 0 {
		t.Fatalf("a plan: %+v, made %v", list, names())
	}
	if err := c.EditScanSettings(ctx, auth.System(), func(s *coverage.Settings) error {
		s.Agents = []coverage.AgentPart{coverage.AgentInventory, coverage.AgentDeep, coverage.AgentDataSync}
		s.DeepPaths = map[string][]string{"": {"/srv"}, c.account: {"/opt/apps"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	plan(app.AgentOptions{Apply: true})
	want := []string{"HinomiInventoryCollection", "HinomiLinuxDistributor", "InvokeHinomiLinuxSsmPlugin"}
	if !slices.Equal(names(), want) || len(c.ssm.Syncs(c.account, region)) != 1 {
		t.Errorf("made %v and %v, want %v and a data sync", names(), c.ssm.Syncs(c.account, region), want)
	}
	if list := plan(app.AgentOptions{Apply: true}); len(list) != 1 || list[0].Done {
		t.Errorf("done a second time: %+v", list)
	}
	for _, name := range c.ssm.Documents(c.account, region) {
		if strings.HasPrefix(name, "HinomiInvokeLinux") && !strings.Contains(c.ssm.Content(c.account, region, name), "--path '/opt/apps' --path '/srv'") {
			t.Errorf("what the association runs has not the further folders: %s", c.ssm.Content(c.account, region, name))
		}
	}
	if !slices.ContainsFunc(c.ssm.Documents(c.account, region), func(n string) bool { return strings.HasPrefix(n, "HinomiInvokeLinux") }) {
		t.Errorf("no document runs the collector on Linux: %v", c.ssm.Documents(c.account, region))
	}
	for _, a := range c.ssm.Associations(c.account, region) { // somebody deletes one
		if strings.HasPrefix(a.Name, "HinomiInventoryCollection") {
			c.ssm.DeleteAssociation(c.account, region, a.Name)
		}
	}
	plan(app.AgentOptions{Apply: true})
	if !slices.Equal(names(), want) {
		t.Errorf("after repair: %v", names())
	}
	if err := c.RemoveConnector(ctx, auth.System(), c.con.ID); err == nil || !strings.Contains(err.Error(), "hinomi scan disable") {
		t.Errorf("a connector was removed while things of ours are in its account: %v", err)
	}
	plan(app.AgentOptions{Apply: true, Without: []coverage.AgentPart{coverage.AgentDeep, coverage.AgentWindows}})
	if got := names(); !slices.Equal(got, want[:1]) {
		t.Errorf("without deep inspection: %v", got)
	}
	plan(app.AgentOptions{Apply: true, Remove: true})
	open, err := c.Store().ListOpenResources(ctx)
	if err != nil || len(open) != 0 || len(names()) != 0 || len(c.ssm.Syncs(c.account, region)) != 0 || len(c.ssm.Documents(c.account, region)) != 0 {
		t.Errorf("left: %v %v %v, kept %+v %v", names(), c.ssm.Syncs(c.account, region), c.ssm.Documents(c.account, region), open, err)
	}
	if err := c.RemoveConnector(ctx, auth.System(), c.con.ID); err != nil {
		t.Errorf("remove the connector afterwards: %v", err)
	}
}
