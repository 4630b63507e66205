package stream

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"hinomi/internal/awsclient"
	"hinomi/internal/event"
)

// message is one that was understood.
type message struct {
	receipt *string
	event   event.Envelope
}

// Once receives one batch and sees it to its end. It reports false if the queue could not be read or the batch not be stored: wait before the next.
// A context that ends while a batch is handled does not end the handling.
func (r *Reader) Once(ctx context.Context) bool {
	out, err := r.c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &r.o.URL, MaxNumberOfMessages: maxBatch, WaitTimeSeconds: int32(r.o.Wait.Seconds()), VisibilityTimeout: int32(r.o.Visibility.Seconds()),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount},
	})
	if err != nil {
		if f := r.o.Classify(err); f.Class != awsclient.Canceled && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "queue not read", slog.String("queue", r.o.URL), slog.String("detail", f.String()))
			r.report(ctx, Counts{}, f.String())
		}
		return false
	}
	if len(out.Messages) == 0 {
		r.report(ctx, Counts{}, "")
		return true
	}
	ctx, done := outlive(ctx, finishTime)
	defer done()
	counts, fault := r.batch(ctx, out.Messages)
	r.report(ctx, counts, fault)
	return fault == ""
}

// outlive returns a context that ends some time after another has.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(by)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-inner.Done():
		}
	})
	return inner, func() { stop(); cancel() }
}

// batch handles messages and deletes those that are done with.
func (r *Reader) batch(ctx context.Context, list []types.Message) (c Counts, fault string) {
	now := r.o.Now()
	c.Received, c.LastAt = len(list), now
	var fresh []message
	var gone []*string // receipts of what is done with
	in := map[string]bool{}
	for i := range list {
		m := &list[i]
		if at, ok := sentAt(m); ok {
			c.OldestSecs = max(c.OldestSecs, int(now.Sub(at).Seconds()))
		}
		e, err := event.Parse([]byte(aws.ToString(m.Body)))
		switch {
		case err != nil:
			c.Malformed += r.malformed(ctx, m, err)
		case r.seen.has(eventKey(&e)) || in[eventKey(&e)]:
			c.Duplicate++
			gone = append(gone, m.ReceiptHandle)
		default:
			in[eventKey(&e)] = true
			c.Odd += r.odd(ctx, &e, now)
			fresh = append(fresh, message{m.ReceiptHandle, e})
		}
	}
	if len(fresh) > 0 {
		stored, foreign, err := r.handle(ctx, fresh)
		if err != nil {
			// What is a duplicate of an event of this very batch must come again with it.
			r.o.Log.WarnContext(ctx, "events not stored: they come again", slog.String("queue", r.o.URL), slog.Int("events", len(fresh)), slog.Any("err", err))
			c.Failed, c.Duplicate = len(fresh)+c.Duplicate, 0
			return c, fmt.Sprintf("events could not be stored: %v", err)
		}
		c.Handled, c.Foreign = len(stored), foreign
		gone = append(gone, stored...)
	}
	if err := r.remove(ctx, gone); err != nil {
		r.o.Log.WarnContext(ctx, "messages not deleted: they come again", slog.String("queue", r.o.URL), slog.Any("err", err))
		return c, err.Error()
	}
	return c, ""
}

// eventKey tells an event from others: its id, which its account's bus gave it.
func eventKey(e *event.Envelope) string { return e.Account + "/" + e.Region + "/" + e.ID }

// handle stores what events ask for while it keeps their messages hidden from others, and returns the receipts of those that may be deleted.
func (r *Reader) handle(ctx context.Context, list []message) (stored []*string, foreign int, err error) {
	events := make([]event.Envelope, len(list))
	for i, m := range list {
		events[i] = m.event
		stored = append(stored, m.receipt)
	}
	held, release := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.hold(held, stored)
	}()
	foreign, err = r.o.Handle(ctx, events)
	release()
	<-ended
	if err != nil {
		return nil, 0, err
	}
	for i := range events {
		r.seen.add(eventKey(&events[i]))
	}
	return stored, foreign, nil
}

// hold renews the time for which messages are hidden until the context ends.
func (r *Reader) hold(ctx context.Context, receipts []*string) {
	t := time.NewTicker(r.o.Visibility / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(receipts))
		for i, h := range receipts {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: h, VisibilityTimeout: int32(r.o.Visibility.Seconds())}
		}
		if _, err := r.c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &r.o.URL, Entries: entries}); err != nil && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "messages not held: another may be given them", slog.String("queue", r.o.URL), slog.Any("err", err))
		}
	}
}

// remove deletes messages. Some may be refused alone.
func (r *Reader) remove(ctx context.Context, receipts []*string) error {
	if len(receipts) == 0 {
		return nil
	}
	entries := make([]types.DeleteMessageBatchRequestEntry, len(receipts))
	for i, h := range receipts {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: h}
	}
	out, err := r.c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &r.o.URL, Entries: entries})
	if err != nil {
		return fmt.Errorf("delete %d messages: %s", len(receipts), r.o.Classify(err))
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("delete %d of %d messages: %s", len(out.Failed), len(receipts), aws.ToString(out.Failed[0].Message))
	}
	return nil
}

// malformed notes a message that is no event, once, and leaves it to the queue: after as many deliveries as its redrive policy says it is in the
// dead-letter queue, where a person can look at it.
func (r *Reader) malformed(ctx context.Context, m *types.Message, err error) int {
	id := aws.ToString(m.MessageId)
	if r.bad.has(id) {
		return 0
	}
	r.bad.add(id)
	r.o.Log.WarnContext(ctx, "message is no event: left for the dead-letter queue", slog.String("queue", r.o.URL), slog.String("message_id", id),
		slog.String("received", m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)]), slog.Any("err", err))
	return 1
}

// odd notes an event whose time cannot be right. It is handled all the same: what it names is read as it is now.
func (r *Reader) odd(ctx context.Context, e *event.Envelope, now time.Time) int {
	if age := now.Sub(e.Time); age > -future && age < retention {
		return 0
	}
	r.o.Log.WarnContext(ctx, "event has an odd time", slog.String("queue", r.o.URL), slog.String("event_id", e.ID), slog.Time("time", e.Time))
	return 1
}

func sentAt(m *types.Message) (time.Time, bool) {
	ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	return time.UnixMilli(ms), err == nil
}
