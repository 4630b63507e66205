package job

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// WorkOptions say what a worker does.
type WorkOptions struct {
	Handlers    map[string]Handler
	Schedules   []Schedule
	Concurrency int           // jobs at once; 4 if 0
	Poll        time.Duration // how often it looks for work, schedules and cancels; 1 s if 0. On PostgreSQL new work also announces itself
	Beat        time.Duration // how often it says that it lives; 5 s if 0
	DeadAfter   time.Duration // silence after which others take its jobs; 30 s if 0, at least twice Beat
	Backoff     time.Duration // wait before the second attempt, doubled for each further one up to an hour; 10 s if 0
}

func (o *WorkOptions) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Poll, time.Second)
	set(&o.Beat, 5*time.Second)
	set(&o.DeadAfter, 30*time.Second)
	set(&o.Backoff, 10*time.Second)
	o.DeadAfter = max(o.DeadAfter, 2*o.Beat)
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
}

// longestRun is when River itself, beside the heartbeat, takes a job for stuck.
const longestRun = 24 * time.Hour

// finishTimeout bounds the writes that must happen although the job's context has ended.
const finishTimeout = 10 * time.Second

// Worker does jobs until it is stopped.
type Worker struct {
	q       *Queue
	o       WorkOptions
	id      string
	client  client
	stop    context.CancelFunc
	done    chan struct{}
	mu      sync.Mutex
	running map[string]context.CancelCauseFunc
	suspect map[string]time.Time // jobs that River runs and no worker has claimed, since when
	beaten  time.Time            // last heartbeat written
}

// client is what River's clients of both drivers share.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// Work starts a worker on the queue. Stop must be called before the database is closed; the end of ctx does not stop it.
func (q *Queue) Work(ctx context.Context, o WorkOptions) (*Worker, error) {
	o.defaults()
	w := &Worker{
		q: q, o: o, id: "worker-" + strings.ToLower(rand.Text()), done: make(chan struct{}),
		running: map[string]context.CancelCauseFunc{}, suspect: map[string]time.Time{},
	}
	workers := river.NewWorkers()
	for kind := range o.Handlers {
		river.AddWorkerArgs(workers, task{Name: kind}, &taskWorker{w: w})
	}
	cfg := &river.Config{
		ID: w.id, Logger: slog.New(quiet{q.log.Handler()}), Workers: workers,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Concurrency}},
		FetchCooldown:     min(o.Poll, 100*time.Millisecond),
		FetchPollInterval: o.Poll,
		JobTimeout:        longestRun, RescueStuckJobsAfter: longestRun + time.Hour,
		RetryPolicy: backoff{w},
	}
	var err error
	if q.db.Pool != nil {
		w.client, err = river.NewClient(riverpgxv5.New(q.db.Pool), cfg)
	} else {
		w.client, err = river.NewClient(riversqlite.New(q.db.Write), cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("make a worker: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	if err := w.beat(ctx); err != nil {
		return nil, err
	}
	loop, stop := context.WithCancel(ctx)
	w.stop = stop
	if err := w.client.Start(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("start the worker: %w", err)
	}
	go w.watch(loop)
	return w, nil
}

// Stop takes no new jobs and waits for those that run. When ctx ends first, their contexts end too: they are done again later, and the
// attempt does not count.
func (w *Worker) Stop(ctx context.Context) error {
	err := w.client.Stop(ctx)
	if ctx.Err() != nil {
		w.mu.Lock()
		for _, cancel := range w.running {
			cancel(ErrStopping)
		}
		w.mu.Unlock()
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
		defer cancel()
		err = w.client.StopAndCancel(hard)
	}
	w.stop()
	<-w.done
	if err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	_, err = w.q.db.Write.ExecContext(bye, `DELETE FROM job_worker WHERE id = $1`, w.id)
	return err
}

// taskWorker is the worker that River knows, one for each kind.
type taskWorker struct {
	river.WorkerDefaults[task]
	w *Worker
}

// Work claims the job's record, runs its handler and stores how it ended.
func (t *taskWorker) Work(ctx context.Context, rj *river.Job[task]) error {
	w, id := t.w, rj.Args.ID
	j := &Job{ID: id, Attempt: rj.Attempt, Last: rj.Attempt >= rj.MaxAttempts, q: w.q}
	var args string
	var cancelAt int64
	err := w.q.db.Write.QueryRowContext(ctx, `UPDATE job_run SET state = $2, worker = $3, attempt = $4,
 started_at = CASE WHEN started_at = 0 THEN $5 ELSE started_at END WHERE id = $1 AND ended_at = 0 RETURNING kind, args, cancel_at`,
		id, string(Running), w.id, rj.Attempt, w.q.now().UnixMicro()).Scan(&j.Kind, &args, &cancelAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // it has ended already: the process was killed before the queue learned of it
	case err != nil:
		return fmt.Errorf("claim job %s: %w", id, err)
	}
	j.args = []byte(args)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.mu.Lock()
	w.running[id] = cancel
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.running, id)
		w.mu.Unlock()
	}()
	if cancelAt != 0 {
		cancel(ErrCanceled)
	} else {
		err = w.handle(ctx, j)
	}
	return w.finish(ctx, j, err)
}

// handle runs the handler; a panic is an error of the job.
func (w *Worker) handle(ctx context.Context, j *Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.q.log.ErrorContext(ctx, "job panicked", slog.String("job", j.ID), slog.String("kind", j.Kind), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("job %s panicked: %v", j.Kind, p)
		}
	}()
	return w.o.Handlers[j.Kind](ctx, j)
}

// finish stores how an attempt ended and tells River.
func (w *Worker) finish(ctx context.Context, j *Job, err error) error {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	var state State
	var wait later
	answer := err
	switch {
	case errors.Is(cause, ErrLost):
		return err // another worker has it: its record is no longer ours
	case errors.Is(cause, ErrCanceled):
		state, err = Canceled, ErrCanceled
		answer = river.JobCancel(err)
	case err == nil:
		state = Finished
	case cause != nil: // the worker stops
		state, answer = Queued, river.JobSnooze(0)
	case errors.As(err, &wait):
		state, err, answer = Queued, nil, river.JobSnooze(time.Duration(wait))
	case errors.As(err, new(permanent)):
		state, answer = Failed, river.JobCancel(err)
	case j.Last:
		state = Failed
	default:
		state = Retrying
	}
	var text string
	if err != nil {
		text = err.Error()
	}
	ended, open := int64(0), 1
	if state == Finished || state == Failed || state == Canceled {
		ended, open = w.q.now().UnixMicro(), 0
	}
	// An ended record lets go of River's number, which SQLite may give to a later job.
	if _, e := w.q.db.Write.ExecContext(ctx, `UPDATE job_run SET state = $3, error = $4, ended_at = $5, worker = '',
 queue_id = queue_id * $6 WHERE id = $1 AND worker = $2 AND ended_at = 0`, j.ID, w.id, string(state), text, ended, open); e != nil {
		return errors.Join(err, fmt.Errorf("store how job %s ended: %w", j.ID, e))
	}
	return answer
}

// backoff is the time of the next attempt.
type backoff struct{ w *Worker }
