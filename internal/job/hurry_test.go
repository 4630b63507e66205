package job_test

import (
	"context"
	"testing"
	"time"

	"hinomi/internal/job"
	"hinomi/internal/store"
)

// TestHurry has a job wait for an hour because it is not its turn, and then not wait: it comes before another of its priority that was enqueued
// after it. One that has ended stays so, and so do jobs of another key.
func TestHurry(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		q := db.Jobs()
		ran, turn := make(chan string, 9), make(chan bool, 1)
		o := quick(map[string]job.Handler{"turn": func(_ context.Context, j *job.Job) error {
			var a args
			if err := j.Args(&a); err != nil {
				return err
			}
			if len(turn) == 0 {
				return job.Later(time.Hour)
			}
			ran <- a.Connector
			return nil
		}})
		o.Concurrency = 1
		w, err := q.Work(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]string{}
		for _, key := range []string{"first", "second"} {
			ids[key] = enqueue(t, db, job.Spec{Kind: "turn", Key: key, Args: args{key}, Priority: 3})
		}
		waits := func(key string) bool {
			r, err := q.Get(t.Context(), ids[key])
			return err == nil && r.State == job.Queued && !r.StartedAt.IsZero()
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !waits("first") || !waits("second") {
			<-tick.C
		}
		if err := w.Stop(t.Context()); err != nil { // what it said of its jobs is written now
			t.Fatal(err)
		}
		turn <- true
		enqueue(t, db, job.Spec{Kind: "turn", Key: "third", Args: args{"third"}, Priority: 3})
		for _, key := range []string{"first", "unknown"} {
			if err := q.Hurry(t.Context(), "turn", key); err != nil {
				t.Fatal(err)
			}
		}
		work(t, q, o)
		if got := receive(t, ran) + " " + receive(t, ran); got != "first third" {
			t.Errorf("got %s, want first third", got)
		}
		until(t, q, ids["first"], job.Finished)
		for key, want := range map[string]int{"first": 0, "second": 3, "unknown": 0} {
			if got, err := q.Priority(t.Context(), "turn", key); err != nil || got != want {
				t.Errorf("priority of the %s: got %d, %v, want %d", key, got, err, want)
			}
		}
		if !waits("second") {
			t.Error("the second did not go on waiting")
		}
		if err := q.Hurry(t.Context(), "turn", "first"); err != nil {
			t.Fatal(err)
		}
		if r, err := q.Get(t.Context(), ids["first"]); err != nil || r.State != job.Finished || len(ran) != 0 {
			t.Errorf("hurried after its end: %+v %v", r, err)
		}
	})
}
