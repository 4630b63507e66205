// Package stream takes events from queues. A message is deleted only after its handler has stored what it asks for: what a process that died
// had received comes again. Events come at least once and in no order, so handlers may be called twice with one.
package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"hinomi/internal/awsclient"
	"hinomi/internal/event"
)

// Client is what is asked of SQS; *sqs.Client is one.
type Client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Handler stores what events ask for, all or nothing. foreign is how many are of accounts or regions that nobody reads. After an error the
// messages stay in the queue and come again.
type Handler func(ctx context.Context, events []event.Envelope) (foreign int, err error)

// Counts is what a reader did. All but OldestSecs add up.
type Counts struct {
	Received   int       `json:"received"`   // messages, each delivery of one counted
	Handled    int       `json:"handled"`    // events whose work was stored, foreign ones included
	Foreign    int       `json:"foreign"`    // of accounts or regions that no connector reads; deleted
	Duplicate  int       `json:"duplicate"`  // handled before; deleted
	Malformed  int       `json:"malformed"`  // not understood; left for the dead-letter queue
	Failed     int       `json:"failed"`     // not stored; they come again
	Odd        int       `json:"odd"`        // handled, but dated in the future or older than 14 days
	OldestSecs int       `json:"oldestSecs"` // age of the oldest message of the newest batch: how far behind we are
	LastAt     time.Time `json:"lastAt,omitzero"`
}

// Add adds counts; the newer one's age and time stay.
func (c *Counts) Add(o Counts) {
	c.Received += o.Received
	c.Handled += o.Handled
	c.Foreign += o.Foreign
	c.Duplicate += o.Duplicate
	c.Malformed += o.Malformed
	c.Failed += o.Failed
	c.Odd += o.Odd
	if o.LastAt.After(c.LastAt) {
		c.LastAt, c.OldestSecs = o.LastAt, o.OldestSecs
	}
}

// Report is what a reader tells of itself: what it did since the last report, and what is wrong now.
type Report struct {
	Counts
	Fault string // why the queue cannot be read, in words; "" if it can
}

// Options of a reader. URL, Handle, Now and Log must be set.
type Options struct {
	URL        string
	Handle     Handler
	Report     func(context.Context, Report) // after batches, and when a fault begins or ends; called one at a time, may be nil
	Classify   func(error) awsclient.Fault   // nil: awsclient.Classify
	Receivers  int                           // receive at once; 0 means DefaultReceivers
	Wait       time.Duration                 // of long polling; 0 means 20 s, the longest there is (SQS API Reference, ReceiveMessage)
	Visibility time.Duration                 // before a message that is being handled is given to another; 0 means DefaultVisibility
	Now        func() time.Time
	Log        *slog.Logger
	Sleep      func(context.Context, time.Duration) error // nil: a timer
}

// DefaultReceivers is how many receive from a queue at once. Ten messages come per call, and each batch is one short transaction.
const DefaultReceivers = 2

// DefaultVisibility is how long received messages are hidden from others. It is renewed at half of it while they are handled.
const DefaultVisibility = time.Minute

// Limits.
const (
	maxBatch   = 10                  // messages of one call (SQS API Reference, ReceiveMessage)
	retention  = 14 * 24 * time.Hour // the longest that SQS keeps a message (SQS Developer Guide, "Message quotas")
	future     = 5 * time.Minute     // that clocks may differ
	finishTime = 30 * time.Second    // that a batch may take to end after the context did
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// Reader reads one queue.
type Reader struct {
	c    Client
	o    Options
	seen *recent // of events that are stored
	bad  *recent // of messages that are not understood, so that each is logged and counted once

	mu    sync.Mutex
	fault string
}

// New returns a reader.
func New(c Client, o Options) *Reader {
	if o.Receivers <= 0 {
		o.Receivers = DefaultReceivers
	}
	if o.Wait <= 0 || o.Wait > 20*time.Second {
		o.Wait = 20 * time.Second
	}
	if o.Visibility <= 0 {
		o.Visibility = DefaultVisibility
	}
	if o.Classify == nil {
		o.Classify = awsclient.Classify
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Reader{c: c, o: o, seen: newRecent(remembered), bad: newRecent(remembered)}
}

// Run reads until the context ends, then ends the batches that it has begun and returns.
func (r *Reader) Run(ctx context.Context) {
	var g sync.WaitGroup
	for range r.o.Receivers {
		g.Go(func() { r.receive(ctx) })
	}
	g.Wait()
}

func (r *Reader) receive(ctx context.Context) {
	wait := minBackoff
	for ctx.Err() == nil {
		ok := r.Once(ctx)
		if ok {
			wait = minBackoff
			continue
		}
		if r.o.Sleep(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, maxBackoff)
	}
}

// report tells what was done and whether the queue could be read.
func (r *Reader) report(ctx context.Context, c Counts, fault string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := fault != r.fault
	r.fault = fault
	if r.o.Report != nil && (changed || c != (Counts{})) {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
		defer done()
		r.o.Report(ctx, Report{Counts: c, Fault: fault})
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
