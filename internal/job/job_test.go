package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/job"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

var cluster storetest.Postgres

func TestMain(m *testing.M) {
	if child() {
		return
	}
	code := m.Run()
	cluster.Stop()
	os.Exit(code)
}

// patience bounds every wait of these tests: a loaded machine may need seconds.
const patience = 30 * time.Second

// both runs a test on SQLite and on PostgreSQL.
func both(t *testing.T, run func(t *testing.T, db *store.DB)) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) { run(t, open(t, kind.url(t))) })
	}
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db") }

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url, store.Options{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// quick are options of a worker that does not keep a test waiting.
func quick(h map[string]job.Handler) job.WorkOptions {
	return job.WorkOptions{Handlers: h, Poll: 50 * time.Millisecond, Beat: 200 * time.Millisecond, DeadAfter: time.Second, Backoff: 20 * time.Millisecond}
}

// work starts a worker and stops it at the end of the test.
func work(t testing.TB, q *job.Queue, o job.WorkOptions) *job.Worker {
	t.Helper()
	w, err := q.Work(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return w
}

func enqueue(t testing.TB, db *store.DB, s job.Spec) string {
	t.Helper()
	tk, err := db.Enqueue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return tk.ID
}

// until waits for a job's state.
func until(t testing.TB, q *job.Queue, id string, want ...job.State) job.Run {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		r, err := q.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range want {
			if r.State == s {
				return r
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("job stays %s (%s), want %v", r.State, r.Error, want)
		}
	}
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("not reached")
	}
}

type args struct{ Connector string }

func TestRun(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		q := db.Jobs()
		work(t, q, quick(map[string]job.Handler{"sync": func(ctx context.Context, j *job.Job) error {
			var a args
			if err := j.Args(&a); err != nil {
				return err
			}
			if a.Connector != "con-1" || j.Attempt != 1 || j.Last {
				return fmt.Errorf("args %+v, attempt %d, last %v", a, j.Attempt, j.Last)
			}
			return j.Progress(ctx, job.Progress{Stage: "regions", Done: 3, Total: 17})
		}}))
		id := enqueue(t, db, job.Spec{Kind: "sync", Args: args{"con-1"}})
		r := until(t, q, id, job.Finished, job.Failed, job.Retrying)
		if r.State != job.Finished || r.Progress != (job.Progress{Stage: "regions", Done: 3, Total: 17}) || r.StartedAt.IsZero() || r.EndedAt.Before(r.StartedAt) {
			t.Errorf("run: %+v", r)
		}
		if _, err := q.Get(t.Context(), "job-x"); !errors.Is(err, job.ErrNotFound) {
			t.Errorf("unknown job: %v", err)
		}
		if n, err := q.Forget(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
			t.Errorf("forgot %d: %v", n, err)
		}
	})
}

func TestEnqueueIsOfTheTransaction(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		no := errors.New("no")
		err := db.InTx(t.Context(), func(ctx context.Context) error {
			if _, err := db.Enqueue(ctx, job.Spec{Kind: "sync"}); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		if runs, _, err := db.Jobs().List(t.Context(), "", "", "", 0); err != nil || len(runs) != 0 {
			t.Errorf("a job outlived its transaction: %+v %v", runs, err)
		}
		var id string
		err = db.InTx(t.Context(), func(ctx context.Context) error {
			tk, err := db.Enqueue(ctx, job.Spec{Kind: "sync"})
			id = tk.ID
			if err != nil {
				return err
			}
			return db.PutSetting(ctx, "state", "changed")
		})
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan string, 9)
		work(t, db.Jobs(), quick(map[string]job.Handler{"sync": func(_ context.Context, j *job.Job) error {
			ran <- j.ID
			return nil
		}}))
		if got := receive(t, ran); got != id {
			t.Errorf("ran %s, want %s", got, id)
		}
		until(t, db.Jobs(), id, job.Finished)
		if len(ran) != 0 {
			t.Error("the job of the rolled back transaction ran")
		}
	})
}

func TestUnique(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		spec := job.Spec{Kind: "sync", Key: "con-1"}
		first := enqueue(t, db, spec)
		tk, err := db.Enqueue(t.Context(), spec)
		if err != nil || !tk.Existing || tk.ID != first {
			t.Errorf("same key: %+v %v", tk, err)
		}
		if enqueue(t, db, job.Spec{Kind: "sync", Key: "con-2"}) == first || enqueue(t, db, job.Spec{Kind: "scan", Key: "con-1"}) == first {
			t.Error("another key or kind is the same job")
		}
		// Many at once, as several servers would: one job.
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := map[string]int{}
		for range 8 {
			wg.Go(func() {
				tk, err := db.Enqueue(t.Context(), job.Spec{Kind: "sync", Key: "crowd"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				made[tk.ID]++
			})
		}
		wg.Wait()
		if len(made) != 1 {
			t.Errorf("8 at once made %d jobs", len(made))
		}
		done := func(context.Context, *job.Job) error { return nil }
		work(t, db.Jobs(), quick(map[string]job.Handler{"sync": done, "scan": done}))
		until(t, db.Jobs(), first, job.Finished)
		if tk, err := db.Enqueue(t.Context(), spec); err != nil || tk.Existing {
			t.Errorf("after it ended: %+v %v", tk, err)
		}
	})
}

func TestRetries(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		q := db.Jobs()
		var flaky, waits atomic.Int32
		work(t, q, quick(map[string]job.Handler{
			"flaky": func(_ context.Context, j *job.Job) error {
				if n := flaky.Add(1); n < 3 {
					return fmt.Errorf("throttled %d", n)
				}
				return nil
			},
			"hopeless":  func(context.Context, *job.Job) error { return errors.New("always") },
			"permanent": func(context.Context, *job.Job) error { return job.Permanent(errors.New("access denied")) },
			"panic":     func(context.Context, *job.Job) error { panic("boom") },
			"badargs":   func(_ context.Context, j *job.Job) error { return j.Args(new(int)) },
			"later": func(context.Context, *job.Job) error {
				if waits.Add(1) < 6 { // more often than it may be tried
					return job.Later(time.Millisecond)
				}
				return nil
			},
		}))
		ids := map[string]string{}
		for _, k := range []string{"flaky", "hopeless", "permanent", "panic", "badargs", "later"} {
			ids[k] = enqueue(t, db, job.Spec{Kind: k, MaxAttempts: 3, Args: args{"x"}})
		}
		for _, c := range []struct {
			kind    string
			state   job.State
			attempt int
			err     string
		}{
			{"flaky", job.Finished, 3, ""},
			{"hopeless", job.Failed, 3, "always"},
			{"permanent", job.Failed, 1, "access denied"},
			{"panic", job.Failed, 3, "boom"},
			{"badargs", job.Failed, 1, "decode the arguments"},
		} {
			r := until(t, q, ids[c.kind], job.Finished, job.Failed)
			if r.State != c.state || r.Attempt != c.attempt || !strings.Contains(r.Error, c.err) || c.err == "" && r.Error != "" {
				t.Errorf("%s: %+v", c.kind, r)
			}
		}
		// Five waits are more than three attempts; a round of rescue may have taken one that began and ended in a millisecond for lost.
		if r := until(t, q, ids["later"], job.Finished, job.Failed); r.State != job.Finished || r.Attempt >= r.MaxAttempts || r.Error != "" {
			t.Errorf("later: %+v", r)
		}
		failed, _, err := q.List(t.Context(), "", job.Failed, "", 0)
		if err != nil || len(failed) != 4 {
			t.Errorf("failed: %d %v", len(failed), err)
		}
	})
}

func TestPriorityAndPages(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		for _, p := range []int{4, 2, 1, 3} {
			enqueue(t, db, job.Spec{Kind: "order", Priority: p, Args: p})
		}
		later := enqueue(t, db, job.Spec{Kind: "order", Priority: 1, Args: 9, NotBefore: time.Now().Add(time.Hour)})
		ran := make(chan int, 9)
		o := quick(map[string]job.Handler{"order": func(_ context.Context, j *job.Job) error {
			var p int
			err := j.Args(&p)
			ran <- p
			return err
		}})
		o.Concurrency = 1
		work(t, db.Jobs(), o)
		for want := 1; want <= 4; want++ {
			if got := receive(t, ran); got != want {
				t.Errorf("ran priority %d, want %d", got, want)
			}
		}
		if r, err := db.Jobs().Get(t.Context(), later); err != nil || r.State != job.Queued {
			t.Errorf("a job of the next hour: %+v %v", r, err)
		}
		seen := map[string]bool{}
		for cursor := ""; ; {
			runs, next, err := db.Jobs().List(t.Context(), "order", "", cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range runs {
				seen[r.ID] = true
			}
			if cursor = next; next == "" {
				break
			}
		}
		if len(seen) != 5 {
			t.Errorf("pages give %d jobs, want 5", len(seen))
		}
		if _, _, err := db.Jobs().List(t.Context(), "", "", "!", 0); !errors.Is(err, job.ErrCursor) {
			t.Errorf("bad cursor: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		q := db.Jobs()
		waiting := enqueue(t, db, job.Spec{Kind: "slow", Key: "k", NotBefore: time.Now().Add(time.Hour)})
		if err := q.Cancel(t.Context(), waiting); err != nil {
			t.Fatal(err)
		}
		if r := until(t, q, waiting, job.Canceled); r.EndedAt.IsZero() {
			t.Errorf("canceled in the queue: %+v", r)
		}
		if tk, err := db.Enqueue(t.Context(), job.Spec{Kind: "other", Key: "k"}); err != nil || tk.Existing {
			t.Errorf("the key of a canceled job is not free: %+v %v", tk, err)
		}
		started, causes := make(chan bool, 1), make(chan error, 1)
		work(t, q, quick(map[string]job.Handler{"other": func(context.Context, *job.Job) error { return nil }, "slow": func(ctx context.Context, _ *job.Job) error {
			started <- true
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}}))
		running := enqueue(t, db, job.Spec{Kind: "slow"})
		receive(t, started)
		if err := q.Cancel(t.Context(), running); err != nil {
			t.Fatal(err)
		}
		if cause := receive(t, causes); !errors.Is(cause, job.ErrCanceled) {
			t.Errorf("cause: %v", cause)
		}
		if r := until(t, q, running, job.Canceled, job.Retrying, job.Failed); r.State != job.Canceled {
			t.Errorf("canceled while running: %+v", r)
		}
		if err := q.Cancel(t.Context(), running); err != nil {
			t.Errorf("canceled twice: %v", err)
		}
		if err := q.Cancel(t.Context(), "job-x"); !errors.Is(err, job.ErrNotFound) {
			t.Errorf("unknown job: %v", err)
		}
	})
}

func TestSchedule(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		ran := make(chan string, 99)
		o := quick(map[string]job.Handler{"tick": func(_ context.Context, j *job.Job) error {
			ran <- j.ID
			return nil
		}})
		o.Schedules = []job.Schedule{{Name: "tick", Every: 300 * time.Millisecond, Spec: job.Spec{Kind: "tick"}}, {Name: "rare", Every: time.Hour, Spec: job.Spec{Kind: "tick"}}}
		began := time.Now()
		work(t, db.Jobs(), o)
		work(t, db.Jobs(), o) // of two workers one enqueues
		for range 5 {
			receive(t, ran)
		}
		took := time.Since(began)
		runs, _, err := db.Jobs().List(t.Context(), "tick", "", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		rare := 0
		for _, r := range runs {
			if r.Key == "schedule rare" {
				rare++
			}
		}
		if rare != 1 {
			t.Errorf("the hourly one ran %d times, want once", rare)
		}
		if most := int(time.Since(began)/(300*time.Millisecond)) + 2; len(runs)-rare > most {
			t.Errorf("%d runs in %s, at most %d are due", len(runs)-rare, took, most)
		}
	})
}

func TestStop(t *testing.T) {
	both(t, func(t *testing.T, db *store.DB) {
		q := db.Jobs()
		started, release := make(chan bool, 2), make(chan bool)
		o := quick(map[string]job.Handler{
			"polite": func(context.Context, *job.Job) error {
				started <- true
				<-release
				return nil
			},
			"stubborn": func(ctx context.Context, j *job.Job) error {
				if j.Attempt > 1 {
					return fmt.Errorf("the attempt that was stopped counts: %d", j.Attempt)
				}
				select {
				case started <- true:
				default:
					return nil // the second time
				}
				<-ctx.Done()
				return ctx.Err()
			},
		})
		w, err := q.Work(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		polite := enqueue(t, db, job.Spec{Kind: "polite"})
		receive(t, started)
		stopped := make(chan error, 1)
		go func() { stopped <- w.Stop(context.Background()) }()
		later := enqueue(t, db, job.Spec{Kind: "stubborn"})
		close(release)
		if err := receive(t, stopped); err != nil {
			t.Fatal(err)
		}
		if r, err := q.Get(t.Context(), polite); err != nil || r.State != job.Finished {
			t.Errorf("a graceful stop did not wait: %+v %v", r, err)
		}

		started = make(chan bool, 1)
		w, err = q.Work(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for len(started) == 0 {
			<-tick.C
		}
		hurry, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Stop(hurry); err != nil {
			t.Fatal(err)
		}
		if r, err := q.Get(t.Context(), later); err != nil || r.State != job.Queued {
			t.Errorf("a hard stop: %+v %v", r, err)
		}
		work(t, q, o)
		until(t, q, later, job.Finished)
	})
}
