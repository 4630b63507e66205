package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/event"
	"hinomi/internal/job"
	"hinomi/internal/pipeline"
	"hinomi/internal/store"
)

// flow is an account whose events come by a rule and a queue.
type flow struct {
	*cloud
	account string
	con     connector.Connector
	queue   store.Queue
	bridge  *eventbridge.Client
	judged  atomic.Int32 // evaluations
	ids     map[string]string
}

// noNetwork is the network of a test: none.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network in tests")
}

func newFlow(t *testing.T) *flow {
	t.Helper()
	f := &flow{ids: map[string]string{}}
	f.cloud = newCloud(t, awstest.Options{}, func(cfg *app.Config) {
		cfg.FeedClient = &http.Client{Transport: noNetwork{}}
		cfg.Progress = func(s pipeline.Step) {
			if s.Stage == "judge" && s.Done == s.Total {
				f.judged.Add(1)
			}
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			jobs, _, err := f.Store().Jobs().List(context.Background(), "", "", "", 20)
			t.Logf("jobs: %+v %v", jobs, err)
			queues, err := f.Store().Queues(context.Background())
			t.Logf("queues: %+v %v", queues, err)
		}
	})
	f.account = f.Account(2)
	n := plain(f.account, "eu-west-1", "eu-west-2")
	n.Modules = connector.Modules()
	f.con = f.add(n)
	for _, region := range n.Regions {
		f.ids[region] = f.SeedInstances(f.account, region, 1)[0].ID
	}
	// Not f.sync, which sets the clock forward: jobs that wait are ready by the database's clock.
	if s, err := f.SyncNow(t.Context(), auth.System(), f.con.ID); err != nil || s.State != connector.FinishedSuccess {
		t.Fatal(s, err)
	}
	cfg := f.Config("eu-west-1", f.AddKey(f.account, "owner"))
	c := sqs.NewFromConfig(cfg)
	f.bridge = eventbridge.NewFromConfig(cfg)
	made, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("hinomi")})
	if err != nil {
		t.Fatal(err)
	}
	patterns := event.Patterns()
	pattern, err := patterns[slices.IndexFunc(patterns, func(p event.Pattern) bool { return p.Name == "EC2" })].JSON("")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.bridge.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("hinomi"), EventPattern: aws.String(string(pattern))})
	if err == nil {
		_, err = f.bridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("hinomi"), Targets: []bridgetypes.Target{{
			Id: aws.String("hinomi"), Arn: aws.String("arn:aws:sqs:eu-west-1:" + f.account + ":hinomi"), InputTransformer: wholeEvent(),
		}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	added, err := f.AddQueue(t.Context(), auth.System(), *made.QueueUrl, "eu-west-1", f.con.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(added.Warnings) != 1 || !strings.Contains(added.Warnings[0], "dead-letter") || added.Queue.Region != "eu-west-1" {
		t.Errorf("added %+v, want a warning about the missing dead-letter queue", added)
	}
	f.queue = added.Queue
	return f
}

// wholeEvent has the rule send the event as AWS does by itself. moto's fault: it leaves the account out, without which nothing is an event.
func wholeEvent() *bridgetypes.InputTransformer {
	t := &bridgetypes.InputTransformer{InputPathsMap: map[string]string{}, InputTemplate: aws.String(`{"version": "0", "id": "<id>", "detail-type": "<kind>", "source": "<source>",
		"account": "<account>", "time": <time>, "region": "<region>", "resources": <resources>, "detail": <detail>}`)}
	for name, path := range map[string]string{
		"id": "id", "kind": "detail-type", "source": "source", "account": "account", "time": "time", "region": "region", "resources": "resources", "detail": "detail",
	} {
		t.InputPathsMap[name] = "$." + path
	}
	return t
}

// work starts a worker and waits until its schedules have passed once.
func (f *flow) work() {
	f.t.Helper()
	ctx, stop := context.WithCancel(f.t.Context())
	var g sync.WaitGroup
	g.Go(func() {
		if err := f.Work(ctx, app.WorkOptions{Poll: 20 * time.Millisecond, Grace: time.Minute}); err != nil {
			f.t.Error(err)
		}
	})
	f.t.Cleanup(func() { stop(); g.Wait() })
	for _, kind := range []string{"due", "scans", "sweep", "agents", "manage", "tags", "changes"} {
		eventually(f.t, "schedule "+kind, func() bool {
			list, _, err := f.Store().Jobs().List(f.t.Context(), kind, "", "", 1)
			return err == nil && len(list) == 1 && !list[0].EndedAt.IsZero()
		})
	}
}

// idle waits until nothing that events named waits any more.
func (f *flow) idle(region string) {
	f.t.Helper()
	eventually(f.t, "all is read", func() bool {
		list, _, err := f.Store().Jobs().List(f.t.Context(), "refresh", "", "", 50)
		return err == nil && len(list) > 0 && !slices.ContainsFunc(list, func(r job.Run) bool { return r.EndedAt.IsZero() })
	})
	if list, err := f.Store().Pending(f.t.Context(), f.account, region); err != nil || len(list) != 0 {
		f.t.Errorf("still waiting in %s: %+v %v", region, list, err)
	}
}

func (f *flow) state(region string) string {
	for _, a := range f.instances(auth.Everything(), store.AssetFilter{Regions: []string{region}}) {
		if i, ok := a.Asset.(*asset.Instance); ok && i.ID == f.ids[region] {
			return i.State
		}
	}
	return ""
}

// TestEventEndToEnd stops two instances. An event tells of one: it comes by rule and queue, and its region's instances and interfaces are
// read again, nothing else and nowhere else.
func TestEventEndToEnd(t *testing.T) {
	f := newFlow(t)
	f.work()
	for region, id := range f.ids {
		f.EC2(f.account, region, "StopInstances", url.Values{"InstanceId.1": {id}})
	}
	f.ResetCalls()
	detail, err := json.Marshal(map[string]string{"instance-id": f.ids["eu-west-1"], "state": "stopped"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.bridge.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []bridgetypes.PutEventsRequestEntry{{
		Source: aws.String("aws.ec2"), DetailType: aws.String("EC2 Instance State-change Notification"), Detail: aws.String(string(detail)),
		Resources: []string{"arn:aws:ec2:eu-west-1:" + f.account + ":instance/" + f.ids["eu-west-1"]},
	}}})
	if err != nil || out.FailedEntryCount != 0 {
		t.Fatal(out, err)
	}
	eventually(t, "the instance is seen to be stopped", func() bool { return f.state("eu-west-1") == "stopped" })
	f.idle("eu-west-1")
	if got := f.state("eu-west-2"); got != "running" {
		t.Errorf("in eu-west-2 it is %s: no event told of it", got)
	}
	calls := map[string]int{}
	for _, c := range f.CallsTo("ec2", "*") {
		calls[c.Region+" "+c.Action]++
	}
	if diff := cmp.Diff(map[string]int{"eu-west-1 DescribeInstances": 1, "eu-west-1 DescribeNetworkInterfaces": 1}, calls); diff != "" {
		t.Errorf("calls of EC2 (-want +got):\n%s", diff)
	}
	if gaps := append(f.gapKinds("eu-west-1"), f.gapKinds("eu-west-2")...); len(gaps) != 0 {
		t.Errorf("gaps: %q", gaps)
	}
	eventually(t, "the counts are kept", func() bool {
		list, err := f.Queues(t.Context(), auth.System())
		return err == nil && len(list) == 1 && list[0].Handled == 1 && list[0].Received == 1 && list[0].Fault == ""
	})
}

// gapKinds returns the kinds of a region that could not be read.
func (f *flow) gapKinds(region string) (out []asset.Kind) {
	f.t.Helper()
	list, err := f.Store().Gaps(f.t.Context(), auth.Everything())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, g := range list {
		if g.Region == region && g.Part == "" {
			out = append(out, g.Kind)
		}
	}
	return out
}

func ingress(account, region, id, group string) event.Envelope {
	return event.Envelope{
		ID: id, Source: "aws.ec2", DetailType: "AWS API Call via CloudTrail", Account: account, Region: region, Time: time.Now(),
		Detail: json.RawMessage(`{"eventSource":"ec2.amazonaws.com","eventName":"AuthorizeSecurityGroupIngress","requestParameters":{"groupId":"` + group + `"}}`),
	}
}

// TestManyEventsOneGroup handles 10,000 events about one security group: they are read and judged about once a second, not once each.
func TestManyEventsOneGroup(t *testing.T) {
	f := newFlow(t)
	f.work()
	f.judged.Store(0)
	f.ResetCalls()
	begun := time.Now()
	const messages = 10_000
	for n := 0; n < messages; n += 10 {
		var list []event.Envelope
		for i := range 10 {
			list = append(list, ingress(f.account, "eu-west-1", fmt.Sprint(n+i), "sg-0123456789abcdef0"))
		}
		if foreign, err := f.HandleEvents(t.Context(), list); err != nil || foreign != 0 {
			t.Fatal(foreign, err)
		}
	}
	took := time.Since(begun)
	f.idle("eu-west-1")
	got, reads := int(f.judged.Load()), len(f.CallsTo("ec2", "DescribeSecurityGroups"))
	if most := int(took/time.Second) + 2; got < 1 || got > most || reads > most {
		t.Errorf("%d evaluations and %d reads of events that took %v, want 1 to %d", got, reads, took, most)
	}
	t.Logf("%d events in %v: %d evaluations, %d calls", messages, took.Round(time.Millisecond), got, reads)
}

// TestEventsForeign handles events of an account and a region that nobody reads, and of a kind that the connector may not read.
func TestEventsForeign(t *testing.T) {
	f := newFlow(t)
	foreign, err := f.HandleEvents(t.Context(), []event.Envelope{
		ingress("999999999999", "eu-west-1", "1", "sg-0123456789abcdef0"), ingress(f.account, "us-east-1", "2", "sg-0123456789abcdef0"),
	})
	if err != nil || foreign != 2 {
		t.Errorf("%d foreign, want 2: %v", foreign, err)
	}
	if list, _, err := f.Store().Jobs().List(t.Context(), "refresh", "", "", 10); err != nil || len(list) != 0 {
		t.Errorf("jobs %+v %v", list, err)
	}
}

// TestEventReadFails keeps what could not be read again: it stays pending, and its kind alone is a gap, until a further try reads it.
func TestEventReadFails(t *testing.T) {
	f := newFlow(t)
	f.work()
	refused := make(chan struct{}, 16)
	repair := f.Before("ec2", "DescribeSecurityGroups", func(c *awstest.Call) *awstest.Reply {
		refused <- struct{}{}
		return awstest.Deny()(c)
	})
	if _, err := f.HandleEvents(t.Context(), []event.Envelope{ingress(f.account, "eu-west-1", "1", "sg-0123456789abcdef0")}); err != nil {
		t.Fatal(err)
	}
	<-refused
	eventually(t, "the gap is kept", func() bool { return slices.Equal(f.gapKinds("eu-west-1"), []asset.Kind{asset.KindSecurityGroup}) })
	if list, err := f.Store().Pending(t.Context(), f.account, "eu-west-1"); err != nil || len(list) != 1 || list[0].Kind != asset.KindSecurityGroup {
		t.Errorf("pending %+v %v", list, err)
	}
	repair()
	eventually(t, "the gap is gone", func() bool { return len(f.gapKinds("eu-west-1")) == 0 })
	f.idle("eu-west-1")
}
