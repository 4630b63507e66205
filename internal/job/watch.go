package job

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// Schedule enqueues a job again and again. Its next time is kept in the database: it survives restarts, and of many workers one enqueues it.
// The first time is at once. A job of the schedule that has not ended yet is not enqueued a second time.
type Schedule struct {
	Name  string
	Every time.Duration
	Spec  Spec // Key: the schedule's name if ""
}

// longestBackoff is the longest wait between two attempts.
const longestBackoff = time.Hour

// NextRetry returns when a failed job is tried again.
func (b backoff) NextRetry(j *rivertype.JobRow) time.Time {
	wait := longestBackoff
	if n := len(j.Errors); n < 20 {
		wait = min(wait, b.w.o.Backoff<<n)
	}
	return b.w.q.now().Add(wait)
}

// watch does what a worker does beside its jobs: heartbeat, cancels, schedules, and the jobs of workers that died.
func (w *Worker) watch(ctx context.Context) {
	defer close(w.done)
	poll := time.NewTicker(min(w.o.Poll, w.o.Beat))
	defer poll.Stop()
	warn := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			w.q.log.WarnContext(ctx, "worker's round failed", slog.String("part", what), slog.Any("err", err))
		}
	}
	for {
		if w.q.now().Sub(w.beaten) >= w.o.Beat {
			warn("heartbeat", w.beat(ctx))
			warn("rescue", w.rescue(ctx))
		}
		w.lost()
		warn("cancel", w.cancels(ctx))
		for _, s := range w.o.Schedules {
			warn("schedule", w.schedule(ctx, s))
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// beat says that this worker lives.
func (w *Worker) beat(ctx context.Context) error {
	now := w.q.now()
	if _, err := w.q.db.Write.ExecContext(ctx, `INSERT INTO job_worker (id, beat_at) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at`, w.id, now.UnixMicro()); err != nil {
		return fmt.Errorf("write the worker's heartbeat: %w", err)
	}
	w.beaten = now
	return nil
}

// lost ends this worker's jobs if it could not say for so long that it lives that others may have taken them.
func (w *Worker) lost() {
	if w.q.now().Sub(w.beaten) < w.o.DeadAfter {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cancel := range w.running {
		cancel(ErrLost)
	}
}

// cancels ends the contexts of this worker's jobs that somebody cancelled.
func (w *Worker) cancels(ctx context.Context) error {
	ids, err := column(ctx, w.q.db.Read, `SELECT id FROM job_run WHERE worker = $1 AND state = $2 AND cancel_at > 0`, w.id, string(Running))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if cancel := w.running[id]; cancel != nil {
			cancel(ErrCanceled)
		}
	}
	return nil
}

func column(ctx context.Context, db *sql.DB, query string, args ...any) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// schedule enqueues a schedule's job if it is due.
func (w *Worker) schedule(ctx context.Context, s Schedule) error {
	now := w.q.now()
	var next int64
	err := w.q.db.Read.QueryRowContext(ctx, `SELECT COALESCE(MAX(next_at), 0) FROM job_schedule WHERE name = $1`, s.Name).Scan(&next)
	if err != nil {
		return fmt.Errorf("read schedule %s: %w", s.Name, err)
	}
	last := now.Add(s.Every).UnixMicro() // a schedule that was made denser is not waited for
	if next > now.UnixMicro() && next <= last {
		return nil
	}
	return w.q.inTx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO job_schedule (name, next_at) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE job_schedule.next_at <= $3 OR job_schedule.next_at > $2`, s.Name, last, now.UnixMicro())
		if err != nil {
			return fmt.Errorf("claim schedule %s: %w", s.Name, err)
		}
		if n, err := r.RowsAffected(); n == 0 || err != nil {
			return err
		}
		spec := s.Spec
		if spec.Key == "" {
			spec.Key = "schedule " + s.Name
		}
		_, err = w.q.EnqueueTx(ctx, tx, spec)
		return err
	})
}

// orphan is a job that River takes for running, or for ended while its record is open.
type orphan struct {
	river, attempt, max int64
	id, worker          string
	state               State
	running, alive      bool
}

// rescue gives back the jobs of workers that no longer say that they live, and those that a process took and did not live to claim.
func (w *Worker) rescue(ctx context.Context) error {
	dead := w.q.now().Add(-w.o.DeadAfter).UnixMicro()
	rows, err := w.q.db.Read.QueryContext(ctx, `SELECT j.id, r.id, r.worker, r.state, j.attempt, j.max_attempts, CASE WHEN j.state = 'running' THEN 1 ELSE 0 END,
 CASE WHEN EXISTS (SELECT 1 FROM job_worker w WHERE w.id = r.worker AND w.beat_at > $1) THEN 1 ELSE 0 END
 FROM river_job j JOIN job_run r ON r.queue_id = j.id AND r.ended_at = 0
 WHERE j.state IN ('running', 'completed', 'cancelled', 'discarded')`, dead)
	if err != nil {
		return fmt.Errorf("look for jobs of dead workers: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var found []orphan
	for rows.Next() {
		var o orphan
		var running, alive int
		if err := rows.Scan(&o.river, &o.id, &o.worker, &o.state, &o.attempt, &o.max, &running, &alive); err != nil {
			return err
		}
		o.running, o.alive = running == 1, alive == 1
		found = append(found, o)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	seen := map[string]time.Time{}
	for _, o := range found {
		if o.alive && o.worker != w.id || w.runs(o.id) {
			continue
		}
		if o.state != Running || o.alive || !o.running { // taken and not claimed, or ended and not noted: that may be under way
			since, known := w.suspect[o.id]
			if !known {
				since = w.q.now()
			}
			if w.q.now().Sub(since) < w.o.DeadAfter {
				seen[o.id] = since
				continue
			}
		}
		if err := w.giveBack(ctx, o); err != nil {
			return err
		}
		w.q.log.WarnContext(ctx, "job of a dead worker taken back", slog.String("job", o.id), slog.String("worker", o.worker), slog.Int64("attempt", o.attempt))
	}
	w.suspect = seen
	_, err = w.q.db.Write.ExecContext(ctx, `DELETE FROM job_worker WHERE beat_at < $1`, w.q.now().Add(-longestRun).UnixMicro())
	return err
}

func (w *Worker) runs(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id] != nil
}

// giveBack makes a job available again, or ends it if it has been tried as often as it may.
func (w *Worker) giveBack(ctx context.Context, o orphan) error {
	return w.q.inTx(ctx, func(tx *sql.Tx) error {
		state, ended, why := Retrying, int64(0), fmt.Sprintf("its worker died in attempt %d", o.attempt)
		toRiver := `UPDATE river_job SET state = 'available' WHERE id = $1 AND state = 'running'`
		if o.attempt >= o.max || !o.running {
			state, ended = Failed, w.q.now().UnixMicro()
			toRiver = `UPDATE river_job SET state = 'discarded', finalized_at = CURRENT_TIMESTAMP WHERE id = $1 AND state = 'running'`
		}
		if !o.running {
			why = "the queue gave it up and its end could not be noted"
		}
		// The worker is named so that one that claimed the job meanwhile keeps it.
		r, err := tx.ExecContext(ctx, `UPDATE job_run SET state = $2, ended_at = $3, error = $4, worker = '' WHERE id = $1 AND worker = $5 AND state = $6 AND ended_at = 0`,
			o.id, string(state), ended, why, o.worker, string(o.state))
		if err != nil {
			return fmt.Errorf("take back job %s: %w", o.id, err)
		}
		if n, err := r.RowsAffected(); n == 0 || err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, toRiver, o.river); err != nil {
			return fmt.Errorf("take back job %s: %w", o.id, err)
		}
		return nil
	})
}
