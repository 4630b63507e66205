package app_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/coverage"
	"hinomi/internal/store"
)

// syncCloud is an account with two managed instances and a data sync.
type syncCloud struct {
	*agentCloud
	s3    *s3.Client
	asked int // ListInventoryEntries
	log   bytes.Buffer
}

func newSyncCloud(t *testing.T) *syncCloud {
	t.Helper()
	c := &syncCloud{}
	c.agentCloud = newAgentCloud(t, func(cfg *app.Config) { cfg.Log = slog.New(slog.NewTextHandler(&c.log, nil)) })
	c.s3 = s3.NewFromConfig(c.Config(region, c.AddKey(c.account, "systems-manager")), func(o *s3.Options) { o.UsePathStyle = true })
	c.ssm.AddNode(c.account, region, ssmtest.Node{ID: c.ids[1], Ping: "Online", Platform: "Linux", Name: "AlmaLinux", Version: "10.2", LastPing: c.now(), Agent: "3.3.1", Latest: true})
	c.Before("ssm", "ListInventoryEntries", func(*awstest.Call) *awstest.Reply { c.asked++; return nil })
	return c
}

func (c *syncCloud) settings(edit func(*coverage.Settings)) {
	c.t.Helper()
	if err := c.EditScanSettings(c.t.Context(), auth.System(), func(s *coverage.Settings) error { edit(s); return nil }); err != nil {
		c.t.Fatal(err)
	}
	list, err := c.PlanAgents(c.t.Context(), auth.System(), app.AgentOptions{Apply: true})
	if err != nil || len(list) != 1 || list[0].Fault != "" {
		c.t.Fatalf("%+v %v", list, err)
	}
}

// look reads the inventories and returns how the bucket was read. asked is what Systems Manager was asked meanwhile.
func (c *syncCloud) look() store.AgentSync {
	c.t.Helper()
	c.asked = 0
	c.log.Reset()
	c.read()
	places, err := c.Store().AgentPlaces(c.t.Context())
	if err != nil || len(places) != 1 {
		c.t.Fatalf("%+v %v", places, err)
	}
	if places[0].Sync == nil {
		return store.AgentSync{}
	}
	return *places[0].Sync
}

// version returns which version of bash an instance has in what was read of it.
func (c *syncCloud) version(id string) string {
	c.t.Helper()
	_, inv, err := c.Store().AssetInventory(c.t.Context(), auth.Everything(), asset.Ref{Account: c.account, Region: region, Kind: asset.KindInstance, ID: id})
	if err != nil || len(inv.Packages) != 1 {
		c.t.Fatalf("%s: %+v %v", id, inv, err)
	}
	return inv.Packages[0].Version
}

// changed lets half an hour pass and gives instances another version of bash.
func (c *syncCloud) changed(version string, ids ...string) {
	c.tick(30 * time.Minute)
	for _, id := range ids {
		c.capturedOn(id, map[string]string{"bash": version})
	}
}

func (c *syncCloud) want(when, version string, ids ...string) {
	c.t.Helper()
	for _, id := range ids {
		if got := c.version(id); got != version {
			c.t.Errorf("%s: bash of %s is %s, want %s", when, id, got, version)
		}
	}
}

// TestAgentsByBucket reads a fleet by its data sync's bucket: what is new there and nothing else, and by Systems Manager where the bucket cannot be
// read or does not hold what Systems Manager knows.
func TestAgentsByBucket(t *testing.T) {
	c := newSyncCloud(t)
	all := c.ids
	c.settings(func(s *coverage.Settings) {
		s.Agents, s.SyncFrom = []coverage.AgentPart{coverage.AgentInventory, coverage.AgentDataSync}, 2
	})
	name := c.ssm.Syncs(c.account, region)[0]
	written := func() int { return c.ssm.RunSync(t.Context(), c.s3, c.account, region, name) }

	c.changed("1-1.el10", all...)
	if s := c.look(); !strings.Contains(s.Fault, "has not run to its end") || c.asked == 0 {
		t.Errorf("before the first run: %+v, %d asked", s, c.asked)
	}
	c.want("before the first run", "1-1.el10", all...)

	c.changed("2-1.el10", all...)
	if n := written(); n != 4 {
		t.Fatalf("%d objects were written, want 4", n)
	}
	s := c.look()
	if s.Fault != "" || s.Read != 2 || s.Asked != 0 || c.asked != 0 || s.Bucket == "" || !strings.Contains(c.log.String(), "calls_saved=") {
		t.Errorf("all new: %+v, %d asked, log %s", s, c.asked, c.log.String())
	}
	c.want("all new", "2-1.el10", all...)

	// One list of data syncs, and one list for each of four types.
	want := store.AgentSync{Name: name, Bucket: s.Bucket, Unchanged: 2, Calls: 5, Saved: 2*6 - 5}
	if diff := cmp.Diff(want, c.look()); diff != "" || c.asked != 0 {
		t.Errorf("nothing new, %d asked (-want +got):\n%s", c.asked, diff)
	}
	c.changed("3-1.el10", all[1])
	written()
	if s := c.look(); s.Read != 1 || s.Unchanged != 1 || s.Asked != 0 || c.asked != 0 {
		t.Errorf("one new: %+v, %d asked", s, c.asked)
	}
	c.want("one new", "2-1.el10", all[0])
	c.want("one new", "3-1.el10", all[1])

	refuse := func(what string, match func(*awstest.Call) bool) {
		remove := c.Before("s3", "*", func(call *awstest.Call) *awstest.Reply {
			if !match(call) {
				return nil
			}
			const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`
			return &awstest.Reply{Status: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/xml"}}, Body: []byte(body), Code: "AccessDenied"}
		})
		version := map[string]string{"objects": "4-1.el10", "list": "5-1.el10"}[what]
		c.changed(version, all...)
		written()
		s := c.look()
		if !strings.Contains(s.Fault, "AccessDenied") || !strings.Contains(s.Fault, "s3:ListBucket") || !strings.Contains(s.Fault, "s3:GetObject") || s.Read != 0 || c.asked == 0 ||
			!strings.Contains(c.log.String(), "level=WARN") {
			t.Errorf("%s refused: %+v, %d asked, log %s", what, s, c.asked, c.log.String())
		}
		c.want(what+" refused", version, all...)
		remove()
	}
	refuse("objects", func(call *awstest.Call) bool {
		return strings.HasPrefix(call.Action, "GET ") && strings.HasSuffix(call.Action, ".json")
	})
	refuse("list", func(call *awstest.Call) bool { return call.Params.Get("list-type") == "2" })

	c.ssm.FailSync(c.account, region, name, "the key is disabled")
	c.changed("6-1.el10", all...)
	if s := c.look(); !strings.Contains(s.Fault, "the key is disabled") || c.asked == 0 {
		t.Errorf("the sync failed: %+v", s)
	}
	c.want("the sync failed", "6-1.el10", all...)
	written()
	c.look()

	// It stops and does not say so: found within a day.
	c.changed("7-1.el10", all...)
	if s := c.look(); s.Unchanged != 2 || s.Asked != 0 {
		t.Errorf("half an hour without a word: %+v", s)
	}
	c.tick(25 * time.Hour)
	if s := c.look(); s.Asked != 2 || s.Behind != 2 || !strings.Contains(c.log.String(), "behind Systems Manager") {
		t.Errorf("a day without a word: %+v, log %s", s, c.log.String())
	}
	c.want("a day without a word", "7-1.el10", all...)
	if s := c.look(); s.Asked != 0 || s.Unchanged != 2 {
		t.Errorf("asked again at once: %+v", s)
	}

	c.settings(func(s *coverage.Settings) { s.SyncFrom = 3 })
	if s := c.look(); s.Name != "" || c.asked == 0 {
		t.Errorf("fewer instances than the setting says: %+v, %d asked", s, c.asked)
	}
}

// TestAgentsByNamedBucket reads by a data sync that was there before, and makes none of its own beside it.
func TestAgentsByNamedBucket(t *testing.T) {
	c := newSyncCloud(t)
	bucket := "central-" + c.account
	if _, err := c.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	client := awsssm.NewFromConfig(c.Config(region, c.AddKey(c.account, "owner")))
	if _, err := client.CreateResourceDataSync(t.Context(), &awsssm.CreateResourceDataSyncInput{SyncName: aws.String("central"), S3Destination: &ssmtypes.ResourceDataSyncS3Destination{
		BucketName: &bucket, Region: aws.String(region), SyncFormat: ssmtypes.ResourceDataSyncS3FormatJsonSerde,
	}}); err != nil {
		t.Fatal(err)
	}
	c.settings(func(s *coverage.Settings) {
		s.Agents, s.SyncFrom, s.SyncName = []coverage.AgentPart{coverage.AgentInventory, coverage.AgentDataSync}, 1, "central"
	})
	if got := c.ssm.Syncs(c.account, region); !slices.Equal(got, []string{"central"}) {
		t.Errorf("data syncs %v, want that which was there alone", got)
	}
	c.changed("1-1.el10", c.ids...)
	c.ssm.RunSync(t.Context(), c.s3, c.account, region, "central")
	if s := c.look(); s.Fault != "" || s.Bucket != bucket || s.Read != 2 || c.asked != 0 {
		t.Errorf("%+v, %d asked", s, c.asked)
	}
	c.want("by a sync that was named", "1-1.el10", c.ids...)
	c.ssm.DeleteSync(c.account, region, "central")
	if s := c.look(); !strings.Contains(s.Fault, "there is no resource data sync central") || c.asked == 0 {
		t.Errorf("the sync is gone: %+v", s)
	}
}
