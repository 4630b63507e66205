package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/event"
	"hinomi/internal/job"
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
func (a *App) AddQueue(ctx context.Context, by auth.Principal, url, region, idOrName string) (QueueAdded, error) {
	account, named, err := stream.ParseURL(url)
	if err != nil {
		return QueueAdded{}, err
	}
	if named != "" {
		region = named
	}
	if err := allow(by, auth.WriteConnectors, ""); err != nil { // events of every account come by it
		return QueueAdded{}, err
	}
	q := store.Queue{URL: url, Account: account, Region: region}
	if idOrName != "" {
		c, err := a.db.Connector(ctx, by.Scope, idOrName)
		if err != nil {
			return QueueAdded{}, err
		}
		q.Connector = c.ID
	}
	session, err := a.queueSession(ctx, &q)
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
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		if out.Queue, err = a.db.CreateQueue(ctx, q); err != nil {
			return err
		}
		return a.audit(ctx, by, "stream.create", "stream "+out.Queue.ID, q.Account, url)
	})
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("queue %s: %w", url, store.ErrExists)
	}
	return out, err
}

// Queues returns the queues that events come from, with what was taken from them.
func (a *App) Queues(ctx context.Context, by auth.Principal) ([]store.QueueState, error) {
	if err := allow(by, auth.ReadConnectors, ""); err != nil {
		return nil, err
	}
	return a.db.Queues(ctx)
}

// RemoveQueue takes no more events from a queue, named by its ID or URL. The queue itself is left as it is.
func (a *App) RemoveQueue(ctx context.Context, by auth.Principal, idOrURL string) error {
	if err := allow(by, auth.WriteConnectors, ""); err != nil {
		return err
	}
	list, err := a.db.Queues(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(q store.QueueState) bool { return q.ID == idOrURL || q.URL == idOrURL })
	if i < 0 {
		return store.ErrNotFound
	}
	return a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.RemoveQueue(ctx, list[i].ID); err != nil {
			return err
		}
		return a.audit(ctx, by, "stream.remove", "stream "+list[i].ID, list[i].Account, list[i].URL)
	})
}

// queueSession returns the session that reads a queue: the connector's, else the base account's or the process's own.
func (a *App) queueSession(ctx context.Context, q *store.Queue) (*awsclient.Session, error) {
	if q.Connector != "" {
		c, err := a.db.Connector(ctx, auth.Everything(), q.Connector)
		if err != nil {
			return nil, err
		}
		return a.session(ctx, &c)
	}
	w := awsclient.Who{Type: connector.Commercial}
	if q.Region != "" {
		w.Type = connector.TypeOfRegion(q.Region)
	}
	b, err := a.db.BaseAccount(ctx, w.Type)
	switch {
	case isNotFound(err):
		return a.clients.Session(w)
	case err != nil:
		return nil, err
	}
	s, err := a.db.BaseAccountSecret(ctx, w.Type)
	if err != nil {
		return nil, fmt.Errorf("open the access key of the base account: %w", err)
	}
	w.Account, w.Key = b.Account, &awsclient.Key{ID: b.AccessKeyID, Secret: s.Reveal()}
	return a.clients.Session(w)
}

// queuesEvery is how often a worker looks whether queues were added or removed.
const queuesEvery = 30 * time.Second

// receive takes events from every queue until the context ends. The function that it returns waits until the batches begun are ended.
func (a *App) receive(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var g sync.WaitGroup
		defer g.Wait()
		running := map[string]context.CancelFunc{}
		for {
			list, err := a.db.Queues(ctx)
			if err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "queues not listed", slog.Any("err", err))
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
				g.Go(func() { a.receiveFrom(inner, q.Queue) })
			}
			if a.cfg.Sleep(ctx, queuesEvery) != nil {
				return
			}
		}
	}()
	return func() { <-done }
}

// receiveFrom takes events from one queue until the context ends.
func (a *App) receiveFrom(ctx context.Context, q store.Queue) {
	r, err := a.QueueReader(ctx, q)
	for wait := time.Second; err != nil; wait = min(2*wait, time.Minute) {
		a.queueReport(ctx, q, stream.Report{Fault: err.Error()})
		if a.cfg.Sleep(ctx, wait) != nil {
			return
		}
		r, err = a.QueueReader(ctx, q)
	}
	r.Run(ctx)
}

// QueueReader returns the reader of a queue.
func (a *App) QueueReader(ctx context.Context, q store.Queue) (*stream.Reader, error) {
	session, err := a.queueSession(ctx, &q)
	if err != nil {
		return nil, err
	}
	return stream.New(session.SQS(q.Region), stream.Options{
		URL: q.URL, Handle: a.HandleEvents, Classify: session.Classify, Now: a.now, Log: a.log, Sleep: a.cfg.Sleep,
		Report: func(ctx context.Context, r stream.Report) { a.queueReport(ctx, q, r) },
	}), nil
}

func (a *App) queueReport(ctx context.Context, q store.Queue, r stream.Report) {
	err := a.db.AddQueueCounts(ctx, store.QueueState{
		Queue: q, Received: int64(r.Received), Handled: int64(r.Handled), Foreign: int64(r.Foreign), Duplicate: int64(r.Duplicate),
		Malformed: int64(r.Malformed), Failed: int64(r.Failed), Odd: int64(r.Odd), OldestSecs: int64(r.OldestSecs), LastAt: r.LastAt, Fault: r.Fault,
	})
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "counts of a queue not kept", slog.String("queue", q.URL), slog.Any("err", err))
	}
}

// debounce is how long a place's events are gathered before it is read: an API call of somebody makes several, and AWS's answers follow its
// events by about as much.
const debounce = time.Second

// HandleEvents stores what events say must be read again, and queues the reading, in one transaction. foreign is how many are of accounts
// or regions that no connector reads; nothing follows from those.
func (a *App) HandleEvents(ctx context.Context, events []event.Envelope) (foreign int, err error) {
	readers := map[string][]connector.Connector{}
	var touches []event.Touch
	for _, e := range events {
		list := event.Touched(e)
		strange := false
		for _, t := range list {
			if _, ok := readers[t.Account]; !ok {
				if readers[t.Account], err = a.readersOf(ctx, t.Account); err != nil {
					return 0, err
				}
			}
			if readerOf(readers[t.Account], t.Region) == nil {
				strange = true
				continue
			}
			touches = append(touches, t)
		}
		if strange {
			foreign++
		}
	}
	if len(touches) == 0 {
		return foreign, nil
	}
	return foreign, a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.PutTouches(ctx, touches); err != nil {
			return err
		}
		places := map[store.Place]bool{}
		for _, t := range touches {
			places[store.Place{Account: t.Account, Region: t.Region}] = true
		}
		for p := range places {
			if err := a.queueRefresh(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// readerOf returns the connector that reads a region: one that sees everything before one with the least permissions; nil if there is none.
func readerOf(list []connector.Connector, region string) *connector.Connector {
	var best *connector.Connector
	for i := range list {
		c := &list[i]
		if !c.Enabled || region != asset.Global && !reads(c, region) || region == asset.Global && leastOf(c) {
			continue
		}
		if best == nil || leastOf(best) && !leastOf(c) {
			best = c
		}
	}
	return best
}

// queueRefresh queues the reading of a place, unless it waits already; called in a transaction.
func (a *App) queueRefresh(ctx context.Context, p store.Place) error {
	_, err := a.db.Enqueue(ctx, job.Spec{
		Kind: jobRefresh, Key: p.Account + "/" + p.Region, Args: refreshArgs(p), Priority: 1, MaxAttempts: 3, NotBefore: a.now().Add(debounce),
	})
	return err
}
