package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/event"
	"hinomi/internal/store"
)

// testStream stores what events name and takes away what was read, but not what was named again meanwhile.
func testStream(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	const account, region = "111122223333", "eu-west-1"
	touch := func(kind asset.Kind, ids ...string) event.Touch {
		return event.Touch{Account: account, Region: region, Kind: kind, IDs: ids}
	}
	waiting := func() (out []string) {
		for _, p := range must(db.Pending(ctx, account, region))(t) {
			out = append(out, string(p.Kind)+" "+p.ID)
		}
		return out
	}
	ok(t, db.PutTouches(ctx, []event.Touch{touch(asset.KindInstance, "i-1", "i-2"), touch(asset.KindInstance, "i-1"), touch(asset.KindVPC)}))
	ok(t, db.PutTouches(ctx, []event.Touch{{Account: account, Region: "eu-west-2", Kind: asset.KindVPC}}))
	before := must(db.Pending(ctx, account, region))(t)
	if len(before) != 3 {
		t.Fatalf("got %+v, want two instances and a VPC", before)
	}
	clock.Add(time.Second)
	if must(db.HasUntried(ctx, account, region))(t) {
		t.Error("what is being read counts as untried")
	}
	ok(t, db.PutTouches(ctx, []event.Touch{touch(asset.KindInstance, "i-2")})) // while the instances are read
	if !must(db.HasUntried(ctx, account, region))(t) {
		t.Error("what came meanwhile does not count as untried")
	}
	ok(t, db.DropPending(ctx, account, region, []asset.Kind{asset.KindInstance}, before))
	if diff := cmp.Diff([]string{"vpc ", "instance i-2"}, waiting()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	now := clock.Add(time.Minute)
	places := must(db.PendingPlaces(ctx, now, now.Add(-time.Hour), now.Add(-time.Hour)))(t)
	if diff := cmp.Diff([]store.Place{{Account: account, Region: "eu-west-2"}}, places); diff != "" {
		t.Errorf("never tried (-want +got):\n%s", diff)
	}
	if n := len(must(db.PendingPlaces(ctx, now, now, now.Add(-time.Hour)))(t)); n != 2 {
		t.Errorf("%d places to try again, want 2", n)
	}
	if n := len(must(db.PendingPlaces(ctx, now, now, now))(t)); n != 0 {
		t.Errorf("%d places after all was forgotten", n)
	}
}

// testQueues adds queues and counts of two workers.
func testQueues(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	const url = "https://sqs.eu-west-1.amazonaws.com/111122223333/hinomi"
	q := must(db.CreateQueue(ctx, store.Queue{URL: url, Account: "111122223333", Region: "eu-west-1"}))(t)
	if _, err := db.CreateQueue(ctx, store.Queue{URL: url}); err == nil {
		t.Error("the same queue twice")
	}
	late := clock.Add(time.Minute)
	ok(t, db.AddQueueCounts(ctx, store.QueueState{Queue: q, Received: 10, Handled: 9, Malformed: 1, OldestSecs: 3, LastAt: late}))
	ok(t, db.AddQueueCounts(ctx, store.QueueState{Queue: q, Received: 5, Handled: 5, OldestSecs: 60, LastAt: late.Add(-time.Minute)})) // another worker's, older
	ok(t, db.AddQueueCounts(ctx, store.QueueState{Queue: q, Fault: "access denied"}))
	at := clock.Now()
	clock.Add(time.Minute)
	ok(t, db.AddQueueCounts(ctx, store.QueueState{Queue: q, Fault: "access denied"}))
	want := []store.QueueState{{Queue: q, Received: 15, Handled: 14, Malformed: 1, OldestSecs: 3, LastAt: late, Fault: "access denied", FaultAt: at}}
	if diff := cmp.Diff(want, must(db.Queues(ctx))(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ok(t, db.RemoveQueue(ctx, q.ID))
	ok(t, db.AddQueueCounts(ctx, store.QueueState{Queue: q, Received: 1}))
	if n := len(must(db.Queues(ctx))(t)); n != 0 {
		t.Errorf("%d queues left", n)
	}
}
