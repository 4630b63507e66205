package change

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/source/stream"
	"hinomi/internal/store"
)

// QueueAdded is a queue that was added, and what its owner should know.
type QueueAdded struct {
	Queue    store.Queue `json:"queue"`
	Waiting  int         `json:"waiting"` // messages in it now, about
	Warnings []string    `json:"warnings,omitempty"`
}

// AddQueue adds an SQS queue that events come from. It is asked for its attributes at once: what cannot be read is refused. region is needed only
// where the URL names none, as another endpoint's than AWS's own; idOrName names the connector whose credentials read it, "" for our own.
func (ch *Changes) AddQueue(ctx context.Context, by auth.Principal, url, region, idOrName string) (QueueAdded, error) {
	account, named, err := stream.ParseURL(url)
	if err != nil {
		return QueueAdded{}, err
	}
	if named != "" {
		region = named
	}
	if err := core.Allow(by, auth.WriteConnectors, ""); err != nil { // events of every account come by it
		return QueueAdded{}, err
	}
	q := store.Queue{URL: url, Account: account, Region: region}
	if idOrName != "" {
		c, err := ch.DB.Connector(ctx, by.Scope, idOrName)
		if err != nil {
			return QueueAdded{}, err
		}
		q.Connector = c.ID
	}
	session, err := ch.queueSession(ctx, &q)
	if err != nil {
		return QueueAdded{}, err
	}
	if q.Region == "" {
		q.Region = session.Home() // another endpoint than AWS's own answers
	}
	about, err := stream.Describe(ctx, session.SQS(q.Region), url)
	if err != nil {
		return QueueAdded{}, fmt.Errorf("ask for queue %s: %s", url, session.Classify(err))
	}
	out := QueueAdded{Waiting: about.Waiting}
	q.Region, q.Account = about.Region, about.Account
	switch {
	case about.DeadLetters == "":
		out.Warnings = append(out.Warnings, "the queue has no dead-letter queue: a message that is no event comes again until the queue's retention ends")
	case about.MaxReceive < 3:
		out.Warnings = append(out.Warnings, fmt.Sprintf("after %d deliveries messages go to the dead-letter queue: an event that meets a short fault is lost there; 5 is advised", about.MaxReceive))
	}
	err = ch.DB.InTx(ctx, func(ctx context.Context) error {
		if out.Queue, err = ch.DB.CreateQueue(ctx, q); err != nil {
			return err
		}
		return ch.Audit(ctx, by, "stream.create", "stream "+out.Queue.ID, q.Account, url)
	})
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("queue %s: %w", url, store.ErrExists)
	}
	return out, err
}

// Queues returns the queues that events come from, with what was taken from them.
func (ch *Changes) Queues(ctx context.Context, by auth.Principal) ([]store.QueueState, error) {
	if err := core.Allow(by, auth.ReadConnectors, ""); err != nil {
		return nil, err
	}
	return ch.DB.Queues(ctx)
}

// RemoveQueue takes no more events from a queue, named by its ID or URL. The queue itself is left as it is.
func (ch *Changes) RemoveQueue(ctx context.Context, by auth.Principal, idOrURL string) error {
	if err := core.Allow(by, auth.WriteConnectors, ""); err != nil {
		return err
	}
	list, err := ch.DB.Queues(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(q store.QueueState) bool { return q.ID == idOrURL || q.URL == idOrURL })
	if i < 0 {
		return store.ErrNotFound
	}
	return ch.DB.InTx(ctx, func(ctx context.Context) error {
		if err := ch.DB.RemoveQueue(ctx, list[i].ID); err != nil {
			return err
		}
		return ch.Audit(ctx, by, "stream.remove", "stream "+list[i].ID, list[i].Account, list[i].URL)
	})
}

// queueSession returns the session that reads a queue: the connector's, else the base account's or the process's own.
func (ch *Changes) queueSession(ctx context.Context, q *store.Queue) (*awsclient.Session, error) {
	if q.Connector != "" {
		c, err := ch.DB.Connector(ctx, auth.Everything(), q.Connector)
		if err != nil {
			return nil, err
		}
		return ch.Session(ctx, &c)
	}
	w := awsclient.Who{Type: connector.Commercial}
	if q.Region != "" {
		w.Type = connector.TypeOfRegion(q.Region)
	}
	b, err := ch.DB.BaseAccount(ctx, w.Type)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ch.Clients.Session(w)
	case err != nil:
		return nil, err
	}
	s, err := ch.DB.BaseAccountSecret(ctx, w.Type)
	if err != nil {
		return nil, fmt.Errorf("open the access key of the base account: %w", err)
	}
	w.Account, w.Key = b.Account, &awsclient.Key{ID: b.AccessKeyID, Secret: s.Reveal()}
	return ch.Clients.Session(w)
}

// queuesEvery is how often a worker looks whether queues were added or removed.
const queuesEvery = 30 * time.Second

// Receive takes events from every queue until the context ends. The function that it returns waits until the batches begun are ended.
func (ch *Changes) Receive(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var g sync.WaitGroup
		defer g.Wait()
		running := map[string]context.CancelFunc{}
		for {
			list, err := ch.DB.Queues(ctx)
			if err != nil && ctx.Err() == nil {
				ch.Log.WarnContext(ctx, "queues not listed", slog.Any("err", err))
			}
			for id, stop := range running {
				if err == nil && !slices.ContainsFunc(list, func(q store.QueueState) bool { return q.ID == id }) {
					stop()
					delete(running, id)
				}
			}
			for _, q := range list {
				if running[q.ID] != nil {
					continue
				}
				inner, stop := context.WithCancel(ctx)
				running[q.ID] = stop
				g.Go(func() { ch.receiveFrom(inner, q.Queue) })
			}
			if ch.Sleep(ctx, queuesEvery) != nil {
				return
			}
		}
	}()
	return func() { <-done }
}

// receiveFrom takes events from one queue until the context ends.
func (ch *Changes) receiveFrom(ctx context.Context, q store.Queue) {
	r, err := ch.QueueReader(ctx, q)
	for wait := time.Second; err != nil; wait = min(2*wait, time.Minute) {
		ch.queueReport(ctx, q, stream.Report{Fault: err.Error()})
		if ch.Sleep(ctx, wait) != nil {
			return
		}
		r, err = ch.QueueReader(ctx, q)
	}
	r.Run(ctx)
}

// QueueReader returns the reader of a queue.
func (ch *Changes) QueueReader(ctx context.Context, q store.Queue) (*stream.Reader, error) {
	session, err := ch.queueSession(ctx, &q)
	if err != nil {
		return nil, err
	}
	return stream.New(session.SQS(q.Region), stream.Options{
		URL: q.URL, Handle: ch.HandleEvents, Classify: session.Classify, Now: ch.Now, Log: ch.Log, Sleep: ch.Sleep,
		Report: func(ctx context.Context, r stream.Report) { ch.queueReport(ctx, q, r) },
	}), nil
}

func (ch *Changes) queueReport(ctx context.Context, q store.Queue, r stream.Report) {
	err := ch.DB.AddQueueCounts(ctx, store.QueueState{
		Queue: q, Received: int64(r.Received), Handled: int64(r.Handled), Foreign: int64(r.Foreign), Duplicate: int64(r.Duplicate),
		Malformed: int64(r.Malformed), Failed: int64(r.Failed), Odd: int64(r.Odd), OldestSecs: int64(r.OldestSecs), LastAt: r.LastAt, Fault: r.Fault,
	})
	if err != nil && ctx.Err() == nil {
		ch.Log.WarnContext(ctx, "counts of a queue not kept", slog.String("queue", q.URL), slog.Any("err", err))
	}
}
