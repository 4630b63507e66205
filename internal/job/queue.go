package job

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// Database is where the queue lives: the store's own.
type Database struct {
	Write *sql.DB       // on SQLite the one connection for writing
	Read  *sql.DB       // may be the same
	Pool  *pgxpool.Pool // PostgreSQL; nil on SQLite
}

// Options of a queue. Now and Logger must be set.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger
}

// Queue enqueues jobs and answers for them. It is safe for concurrent use. Work starts a worker on it.
type Queue struct {
	db     Database
	now    func() time.Time
	log    *slog.Logger
	insert *river.Client[*sql.Tx]
}

// New brings River's tables up to date and returns the queue. The store has made the tables job_run, job_worker and job_schedule before.
func New(ctx context.Context, db Database, o Options) (*Queue, error) {
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(db.Write)
	if db.Pool != nil {
		driver = riverdatabasesql.New(db.Write)
	}
	quiet := slog.New(quiet{o.Logger.Handler()})
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("prepare the queue's migrations: %w", err)
	}
	if err := migrate(ctx, m); err != nil {
		return nil, fmt.Errorf("migrate the queue: %w", err)
	}
	c, err := river.NewClient(driver, &river.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	return &Queue{db: db, now: o.Now, log: o.Logger, insert: c}, nil
}

// migrate brings River's tables up to date. Another process may do so at the same time: a failure counts only if nothing moves any more.
func migrate(ctx context.Context, m *rivermigrate.Migrator[*sql.Tx]) error {
	for had := -1; ; {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err == nil {
			return nil
		}
		have, e := m.ExistingVersions(ctx)
		if e != nil || len(have) <= had {
			return errors.Join(err, e)
		}
		had = len(have)
	}
}

// task is what River stores of a job: the rest is in job_run.
type task struct {
	Name string `json:"-"`
	ID   string `json:"id"`
}

// Kind returns the job's kind, by which River finds its worker.
func (t task) Kind() string { return t.Name }

// defaultPriority lies between what people wait for and what can wait.
const defaultPriority = 2

// EnqueueTx enqueues a job in a transaction of the database's Write: it exists exactly if the transaction commits.
func (q *Queue) EnqueueTx(ctx context.Context, tx *sql.Tx, s Spec) (Ticket, error) {
	args, err := json.Marshal(s.Args)
	if err != nil {
		return Ticket{}, fmt.Errorf("encode the arguments of job %s: %w", s.Kind, err)
	}
	if s.Priority == 0 {
		s.Priority = defaultPriority
	}
	if s.MaxAttempts == 0 {
		s.MaxAttempts = DefaultAttempts
	}
	id, now := "job-"+strings.ToLower(rand.Text()), q.now()
	r, err := tx.ExecContext(ctx, `INSERT INTO job_run (id, kind, job_key, state, args, priority, max_attempts, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, job_key) WHERE ended_at = 0 AND job_key <> '' DO NOTHING`,
		id, s.Kind, s.Key, string(Queued), string(args), s.Priority, s.MaxAttempts, now.UnixMicro())
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue job %s: %w", s.Kind, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue job %s: %w", s.Kind, err)
	}
	if n == 0 {
		t := Ticket{Existing: true}
		err := tx.QueryRowContext(ctx, `SELECT id FROM job_run WHERE kind = $1 AND job_key = $2 AND ended_at = 0`, s.Kind, s.Key).Scan(&t.ID)
		if errors.Is(err, sql.ErrNoRows) {
			// PostgreSQL: the other job ended between the two statements. The caller's transaction is intact; enqueue anew.
			return q.EnqueueTx(ctx, tx, s)
		}
		if err != nil {
			return Ticket{}, fmt.Errorf("find the job of key %s: %w", s.Key, err)
		}
		return t, nil
	}
	opts := &river.InsertOpts{MaxAttempts: s.MaxAttempts, Priority: s.Priority, ScheduledAt: s.NotBefore}
	res, err := q.insert.InsertTx(ctx, tx, task{Name: s.Kind, ID: id}, opts)
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue job %s: %w", s.Kind, err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE job_run SET queue_id = $2 WHERE id = $1`, id, res.Job.ID); err != nil {
		return Ticket{}, fmt.Errorf("enqueue job %s: %w", s.Kind, err)
	}
	return Ticket{ID: id}, nil
}

// Enqueue enqueues a job in a transaction of its own.
func (q *Queue) Enqueue(ctx context.Context, s Spec) (t Ticket, err error) {
	err = q.inTx(ctx, func(tx *sql.Tx) error {
		t, err = q.EnqueueTx(ctx, tx, s)
		return err
	})
	return t, err
}

func (q *Queue) inTx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := q.db.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

const runColumns = `id, kind, job_key, state, args, attempt, max_attempts, stage, done, total, error, cancel_at, created_at, started_at, ended_at`

func scanRun(scan func(...any) error) (Run, error) {
	var r Run
	var args string
	var cancel, created, started, ended int64
	err := scan(&r.ID, &r.Kind, &r.Key, &r.State, &args, &r.Attempt, &r.MaxAttempts, &r.Progress.Stage, &r.Progress.Done, &r.Progress.Total,
		&r.Error, &cancel, &created, &started, &ended)
	r.Args = json.RawMessage(args)
	r.Canceling = cancel != 0 && ended == 0
	r.CreatedAt, r.StartedAt, r.EndedAt = moment(created), moment(started), moment(ended)
	return r, err
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Get returns the record of a job. It returns ErrNotFound if there is none.
func (q *Queue) Get(ctx context.Context, id string) (Run, error) {
	r, err := scanRun(q.db.Read.QueryRowContext(ctx, `SELECT `+runColumns+` FROM job_run WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	return r, err
}

// List returns a page of jobs, the newest first, of one kind or of all if kind is "", and of one state or of all if state is "".
func (q *Queue) List(ctx context.Context, kind string, state State, cursor string, limit int) (runs []Run, next string, err error) {
	before, id, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 || limit > 1000 {
		limit = 100
	}
	rows, err := q.db.Read.QueryContext(ctx, `SELECT `+runColumns+` FROM job_run
WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR state = $2) AND (created_at < $3 OR created_at = $3 AND id < $4)
ORDER BY created_at DESC, id DESC LIMIT $5`, kind, string(state), before, id, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	for rows.Next() {
		r, err := scanRun(rows.Scan)
		if err != nil {
			return nil, "", fmt.Errorf("list jobs: %w", err)
		}
		runs = append(runs, r)
	}
	if len(runs) > limit {
		runs = runs[:limit]
		last := runs[limit-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + " " + last.ID))
	}
	return runs, next, rows.Err()
}

// ErrCursor marks a cursor that List did not make.
var ErrCursor = errors.New("cursor is not one of the list of jobs")

func parseCursor(s string) (before int64, id string, err error) {
	if s == "" {
		return 1<<63 - 1, "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, "", ErrCursor
	}
	at, id, ok := strings.Cut(string(b), " ")
	before, err = strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return 0, "", ErrCursor
	}
	return before, id, nil
}

// Cancel cancels a job: at once if it waits, else by ending its handler's context, wherever it runs. One that has ended stays as it is.
// It returns ErrNotFound for an unknown job.
func (q *Queue) Cancel(ctx context.Context, id string) error {
	return q.inTx(ctx, func(tx *sql.Tx) error {
		var riverID, ended int64
		var state State
		err := tx.QueryRowContext(ctx, `UPDATE job_run SET cancel_at = CASE WHEN ended_at = 0 THEN $2 ELSE cancel_at END WHERE id = $1
RETURNING queue_id, state, ended_at`, id, q.now().UnixMicro()).Scan(&riverID, &state, &ended)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return fmt.Errorf("cancel job %s: %w", id, err)
		case ended != 0 || state == Running:
			return nil // its worker looks for cancel_at
		}
		if _, err := q.insert.JobCancelTx(ctx, tx, riverID); err != nil && !errors.Is(err, river.ErrNotFound) {
			return fmt.Errorf("cancel job %s: %w", id, err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE job_run SET state = $2, ended_at = $3 WHERE id = $1 AND state <> $4`, id, string(Canceled), q.now().UnixMicro(), string(Running))
		return err
	})
}

// Forget deletes the records of jobs that ended before a time and returns how many.
func (q *Queue) Forget(ctx context.Context, before time.Time) (int64, error) {
	r, err := q.db.Write.ExecContext(ctx, `DELETE FROM job_run WHERE ended_at > 0 AND ended_at < $1`, before.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("forget old jobs: %w", err)
	}
	return r.RowsAffected()
}
