package change

import (
	"context"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/event"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

// debounce is how long a place's events are gathered before it is read: an API call of somebody makes several, and AWS's answers follow its
// events by about as much.
const debounce = time.Second

// HandleEvents stores what events say must be read again, and queues the reading, in one transaction. foreign is how many are of accounts
// or regions that no connector reads; nothing follows from those.
func (ch *Changes) HandleEvents(ctx context.Context, events []event.Envelope) (foreign int, err error) {
	readers := map[string][]connector.Connector{}
	var touches []event.Touch
	for _, e := range events {
		list := event.Touched(e)
		strange := false
		for _, t := range list {
			if _, ok := readers[t.Account]; !ok {
				if readers[t.Account], err = ch.ReadersOf(ctx, t.Account); err != nil {
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
	return foreign, ch.DB.InTx(ctx, func(ctx context.Context) error {
		if err := ch.DB.PutTouches(ctx, touches); err != nil {
			return err
		}
		places := map[store.Place]bool{}
		for _, t := range touches {
			places[store.Place{Account: t.Account, Region: t.Region}] = true
		}
		for p := range places {
			if err := ch.queueRefresh(ctx, p); err != nil {
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
		if !c.Enabled || region != asset.Global && !core.Reads(c, region) || region == asset.Global && core.ReadsLeast(c) {
			continue
		}
		if best == nil || core.ReadsLeast(best) && !core.ReadsLeast(c) {
			best = c
		}
	}
	return best
}

// queueRefresh queues the reading of a place, unless it waits already; called in a transaction.
func (ch *Changes) queueRefresh(ctx context.Context, p store.Place) error {
	_, err := ch.DB.Enqueue(ctx, job.Spec{
		Kind: core.JobRefresh, Key: p.Account + "/" + p.Region, Args: refreshArgs(p), Priority: 1, MaxAttempts: 3, NotBefore: ch.Now().Add(debounce),
	})
	return err
}
