package change

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/store"
)

// refreshArgs are the arguments of a refresh: the place that is read.
type refreshArgs struct{ Account, Region string }

// leastKinds are the kinds that the least permissions allow.
var leastKinds = []asset.Kind{asset.KindInstance, asset.KindImage, asset.KindNetworkInterface}

// doRefresh reads in a place what events have named, keeps and judges it. What is named meanwhile is read in the next turn.
func (ch *Changes) doRefresh(ctx context.Context, j *job.Job) error {
	var p refreshArgs
	if err := j.Args(&p); err != nil {
		return err
	}
	if err := ch.refresh(ctx, store.Place(p), j.ID); err != nil {
		return err
	}
	more, err := ch.DB.HasUntried(ctx, p.Account, p.Region)
	if err == nil && more {
		return job.Later(debounce)
	}
	return err
}

// refresh reads what waits in a place. id stands in the history of what changed.
func (ch *Changes) refresh(ctx context.Context, p store.Place, id string) error {
	list, err := ch.DB.Pending(ctx, p.Account, p.Region)
	if err != nil || len(list) == 0 {
		return err
	}
	kinds := map[asset.Kind]bool{}
	for _, x := range list {
		kinds[x.Kind] = true
	}
	readers, err := ch.ReadersOf(ctx, p.Account)
	if err != nil {
		return err
	}
	c := readerOf(readers, p.Region)
	var want, unread []asset.Kind
	for k := range kinds {
		if c == nil || core.ReadsLeast(c) && !slices.Contains(leastKinds, k) {
			unread = append(unread, k) // nobody reads it: nothing is kept of it either
		} else {
			want = append(want, k)
		}
	}
	if err := ch.DB.DropPending(ctx, p.Account, p.Region, unread, list); err != nil || len(want) == 0 {
		return err
	}
	target, err := ch.Target(ctx, c)
	if err != nil {
		return err
	}
	before, err := ch.statesIn(ctx, p)
	if err != nil {
		return err
	}
	res, err := live.ReadKinds(ctx, target, p.Region, want, live.Options{Now: ch.Now, Log: ch.Log})
	if err != nil {
		return fmt.Errorf("read %s in %s again: %w", p.Account, p.Region, err)
	}
	if _, err := ch.Line().Observe(ctx, c, id, res.Snapshot, ch.World); err != nil {
		return err
	}
	ch.Log.InfoContext(ctx, "read again after events", slog.String("account", p.Account), slog.String("region", p.Region), slog.Any("kinds", want), slog.Int("calls", res.Calls))
	return ch.afterRefresh(ctx, p, res.Snapshot, want, list, before)
}

// afterRefresh takes away what was read, and lets agents be asked and scans be queued where an instance appeared or an inventory changed.
func (ch *Changes) afterRefresh(ctx context.Context, p store.Place, snap *snapshot.Snapshot, want []asset.Kind, list []store.Pending, before map[string]string) error {
	var done []asset.Kind
	var faults []string
	for _, k := range want {
		if snap.WasRead(p.Account, p.Region, k) {
			done = append(done, k)
			continue
		}
		g, _ := snap.GapFor(p.Account, p.Region, k)
		faults = append(faults, string(k)+": "+g.Detail)
	}
	appeared := slices.Contains(done, asset.KindManagedInstance)
	for i := range snapshot.All[asset.Instance](snap) {
		if old, known := before[i.ID]; !known || old != i.State && (i.State == "running" || i.State == "pending") {
			appeared = true
		}
	}
	err := ch.DB.InTx(ctx, func(ctx context.Context) error {
		if err := ch.DB.DropPending(ctx, p.Account, p.Region, done, list); err != nil || !appeared {
			return err
		}
		for _, kind := range []string{core.JobAgents, core.JobScans} { // under the keys of their schedules: one that waits is enough
			if _, err := ch.DB.Enqueue(ctx, job.Spec{Kind: kind, Key: "schedule " + kind, MaxAttempts: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("read %s in %s again: %s", p.Account, p.Region, strings.Join(faults, "; "))
	}
	return err
}

// statesIn returns the states of the instances that are kept of a place.
func (ch *Changes) statesIn(ctx context.Context, p store.Place) (map[string]string, error) {
	out := map[string]string{}
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Accounts: []string{p.Account}, Regions: []string{p.Region}}
	for from := ""; ; {
		page, next, err := ch.DB.Assets(ctx, auth.Everything(), f, from, 1000)
		if err != nil {
			return nil, err
		}
		for _, v := range page {
			if i, ok := v.Asset.(*asset.Instance); ok {
				out[i.ID] = i.State
			}
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}

// When what waits is looked at again, should its own job have missed it or failed.
const (
	missedAfter    = 10 * time.Second // it was stored while the job was ending
	retriedAfter   = 15 * time.Minute // the read failed
	forgottenAfter = 24 * time.Hour   // six syncs have repaired it
)

// doChanges queues the reading of places where something still waits.
func (ch *Changes) doChanges(ctx context.Context, _ *job.Job) error {
	now := ch.Now()
	places, err := ch.DB.PendingPlaces(ctx, now.Add(-missedAfter), now.Add(-retriedAfter), now.Add(-forgottenAfter))
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := ch.queueRefresh(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
