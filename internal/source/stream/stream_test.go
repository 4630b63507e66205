package stream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/awstest"
	"hinomi/internal/event"
	"hinomi/internal/source/stream"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

// place is a queue with its dead-letter queue, and what a handler was given.
type place struct {
	*awstest.AWS
	t         *testing.T
	c         *sqs.Client
	url, dead string
	log       bytes.Buffer

	mu     sync.Mutex
	seen   []string
	fail   error
	report stream.Report
	counts stream.Counts
	before func()
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{AWS: awstest.New(t, moto, awstest.Options{Quiet: true}), t: t}
	account := p.Account(1)
	p.c = sqs.NewFromConfig(p.Config("eu-west-1", p.AddKey(account, "hinomi")))
	p.dead = p.make("dead", nil)
	p.url = p.make("hinomi", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:` + account + `:dead","maxReceiveCount":"3"}`})
	return p
}

func (p *place) make(name string, attributes map[string]string) string {
	p.t.Helper()
	out, err := p.c.CreateQueue(p.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		p.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (p *place) send(bodies ...string) {
	p.t.Helper()
	for _, b := range bodies {
		if _, err := p.c.SendMessage(p.t.Context(), &sqs.SendMessageInput{QueueUrl: &p.url, MessageBody: aws.String(b)}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// left returns how many messages a queue holds, visible or not.
func (p *place) left(url string) string {
	p.t.Helper()
	out, err := p.c.GetQueueAttributes(p.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// handle is a handler that remembers what it stored.
func (p *place) handle(_ context.Context, list []event.Envelope) (int, error) {
	if p.before != nil {
		p.before()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return 0, p.fail
	}
	foreign := 0
	for _, e := range list {
		p.seen = append(p.seen, e.ID)
		if e.Account != "111122223333" {
			foreign++
		}
	}
	return foreign, nil
}

func (p *place) stored() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(slices.Values(p.seen))
}

func (p *place) reader(change func(*stream.Options)) *stream.Reader {
	o := stream.Options{
		URL: p.url, Handle: p.handle, Wait: time.Second, Visibility: time.Second, Now: time.Now, Log: slog.New(slog.NewTextHandler(&p.log, nil)), Receivers: 1,
		Report: func(_ context.Context, r stream.Report) {
			p.report = r
			p.counts.Add(r.Counts)
		},
	}
	if change != nil {
		change(&o)
	}
	return stream.New(p.c, o)
}

func state(id string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":%q,"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"111122223333","time":%q,
"region":"eu-west-1","resources":[],"detail":{"instance-id":"i-0123456789abcdef0","state":"running"}}`, id, at.Format(time.RFC3339))
}

// TestReader hands on each event once, deletes it afterwards, and leaves what is no event to the dead-letter queue.
func TestReader(t *testing.T) {
	p, now := newPlace(t), time.Now()
	sns, err := json.Marshal(map[string]string{"Type": "Notification", "Message": state("by-sns", now)})
	if err != nil {
		t.Fatal(err)
	}
	p.send(state("a", now), state("b", now), state("a", now), string(sns), "hello", state("future", now.Add(time.Hour)), state("old", now.AddDate(0, 0, -20)),
		strings.Replace(state("foreign", now), "111122223333", "999999999999", 1))
	r := p.reader(nil)
	for p.left(p.dead) != "1+0" && p.counts.Received < 20 { // each turn waits for what comes, for a second at most
		if !r.Once(t.Context()) {
			t.Fatal(p.report.Fault, p.log.String())
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "by-sns", "foreign", "future", "old"}, p.stored()); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
	if got := p.left(p.url); got != "0+0" {
		t.Errorf("%s left in the queue", got)
	}
	p.counts.LastAt, p.counts.OldestSecs = time.Time{}, 0
	if diff := cmp.Diff(stream.Counts{Received: 10, Handled: 6, Foreign: 1, Duplicate: 1, Malformed: 1, Odd: 2}, p.counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if n := strings.Count(p.log.String(), "is no event"); n != 1 {
		t.Errorf("%d lines about the malformed message, want 1:\n%s", n, p.log.String())
	}
	p.send(state("b", now)) // another delivery, later
	r.Once(t.Context())
	if n := len(p.stored()); n != 6 || p.counts.Duplicate != 2 || p.left(p.url) != "0+0" {
		t.Errorf("%d handled and %d duplicates after a second delivery", n, p.counts.Duplicate)
	}
}

// TestKilled loses a message's handler at both moments that matter: what was received and not stored comes again, and so does what was stored and
// not deleted.
func TestKilled(t *testing.T) {
	p := newPlace(t)
	p.send(state("a", time.Now()))
	// The process dies between the receiving and the handling.
	out, err := p.c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &p.url, VisibilityTimeout: 1})
	if err != nil || len(out.Messages) != 1 {
		t.Fatal(out, err)
	}
	remove := p.Before("sqs", "DeleteMessageBatch", awstest.Fail(400, "AccessDeniedException", "no"))
	r := p.reader(nil)
	for len(p.stored()) == 0 && p.report.Fault == "" {
		r.Once(t.Context())
	}
	if !strings.Contains(p.report.Fault, "delete 1 messages") || len(p.stored()) != 1 {
		t.Fatalf("stored %q, fault %q", p.stored(), p.report.Fault)
	}
	remove()
	for p.left(p.url) != "0+0" {
		r.Once(t.Context())
	}
	if n := len(p.stored()); n != 1 || p.counts.Duplicate != 1 || p.left(p.dead) != "0+0" {
		t.Errorf("handled %d times by one process, %d duplicates, %s dead", n, p.counts.Duplicate, p.left(p.dead))
	}
}

// TestNotStored leaves messages whose work could not be stored, and hands them on when it can be.
func TestNotStored(t *testing.T) {
	p := newPlace(t)
	p.send(state("a", time.Now()), state("b", time.Now()))
	p.fail = errors.New("disk full")
	r := p.reader(nil)
	for p.counts.Failed < 2 {
		if r.Once(t.Context()) && p.counts.Received > 0 {
			t.Fatal("a failure counts as a success")
		}
	}
	if !strings.Contains(p.report.Fault, "disk full") {
		t.Errorf("fault %q", p.report.Fault)
	}
	p.fail = nil
	for len(p.stored()) < 2 {
		r.Once(t.Context())
	}
	if p.left(p.url) != "0+0" || p.left(p.dead) != "0+0" || p.report.Fault != "" {
		t.Errorf("left %s, dead %s, fault %q", p.left(p.url), p.left(p.dead), p.report.Fault)
	}
}

// TestHeld keeps a message hidden from others for longer than its visibility while it is handled.
func TestHeld(t *testing.T) {
	p := newPlace(t)
	p.send(state("slow", time.Now()))
	renewed := make(chan struct{}, 8)
	p.After("sqs", "ChangeMessageVisibilityBatch", func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply {
		renewed <- struct{}{}
		return r
	})
	p.before = func() {
		for range 3 {
			<-renewed
		}
		if out, err := p.c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &p.url}); err != nil || len(out.Messages) != 0 {
			t.Errorf("another was given the message: %v %v", out, err)
		}
	}
	p.reader(nil).Once(t.Context())
	if len(p.stored()) != 1 || p.left(p.url) != "0+0" {
		t.Errorf("stored %q, left %s", p.stored(), p.left(p.url))
	}
}

// TestRun backs off while the queue refuses, says so, and ends a batch that it has begun when its context ends.
func TestRun(t *testing.T) {
	p := newPlace(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var waits []time.Duration
	remove := p.Before("sqs", "ReceiveMessage", awstest.Fail(403, "AccessDenied", "not authorized to perform: sqs:ReceiveMessage"))
	p.send(state("a", time.Now()))
	p.before = stop // the context ends while the batch is handled
	p.reader(func(o *stream.Options) {
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			waits = append(waits, d)
			if len(waits) == 3 {
				if !strings.Contains(p.report.Fault, "sqs:ReceiveMessage") {
					t.Errorf("fault %q", p.report.Fault)
				}
				remove()
			}
			return ctx.Err()
		}
	}).Run(ctx)
	if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if len(p.stored()) != 1 || p.left(p.url) != "0+0" || p.report.Fault != "" {
		t.Errorf("stored %q, left %s, fault %q", p.stored(), p.left(p.url), p.report.Fault)
	}
}

func TestParseURL(t *testing.T) {
	tests := map[string]struct{ url, account, region string }{
		"aws":      {"https://sqs.eu-west-1.amazonaws.com/111122223333/hinomi", "111122223333", "eu-west-1"},
		"china":    {"https://sqs.cn-north-1.amazonaws.com.cn/111122223333/hinomi", "111122223333", "cn-north-1"},
		"other":    {"http://127.0.0.1:4566/111122223333/hinomi", "111122223333", ""},
		"plain":    {"http://sqs.eu-west-1.amazonaws.com/111122223333/hinomi", "", ""},
		"arn":      {"arn:aws:sqs:eu-west-1:111122223333:hinomi", "", ""},
		"fifo":     {"https://sqs.eu-west-1.amazonaws.com/111122223333/hinomi.fifo", "", ""},
		"password": {"https://a:b@sqs.eu-west-1.amazonaws.com/111122223333/hinomi", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			account, region, err := stream.ParseURL(tt.url)
			if account != tt.account || region != tt.region || (err == nil) != (tt.account != "") {
				t.Errorf("got %q %q %v", account, region, err)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	p := newPlace(t)
	p.send(state("a", time.Now()))
	q, err := stream.Describe(t.Context(), p.c, p.url)
	if err != nil {
		t.Fatal(err)
	}
	want := stream.Queue{ARN: "arn:aws:sqs:eu-west-1:" + p.Account(1) + ":hinomi", Account: p.Account(1), Region: "eu-west-1", DeadLetters: "arn:aws:sqs:eu-west-1:" + p.Account(1) + ":dead", MaxReceive: 3, Waiting: 1}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
