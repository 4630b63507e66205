// Package job is the queue: work that is enqueued in the transaction that changes the state, done by workers with retries, and never lost
// by a killed process. River (riverqueue.com) is behind it, on SQLite and on PostgreSQL; its own record of every job is a row that outlives River's.
// Jobs may run more than once: handlers are safe to run twice.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Spec is a job to be enqueued.
type Spec struct {
	Kind        string    // which handler
	Key         string    // while a job of this kind and key has not ended, another is not enqueued; "" for no such rule
	Args        any       // encoded as JSON, never a secret
	Priority    int       // 1 first, 4 last; 2 if 0
	MaxAttempts int       // DefaultAttempts if 0
	NotBefore   time.Time // zero: now
}

// DefaultAttempts is how often a job is tried if its Spec does not say.
const DefaultAttempts = 5

// Ticket is what enqueuing returns.
type Ticket struct {
	ID       string `json:"id"`
	Existing bool   `json:"existing,omitempty"` // a job of the same key had not ended: this is its ID
}

// State is where a job stands.
type State string

// The states of a job.
const (
	Queued   State = "QUEUED"
	Running  State = "RUNNING"
	Retrying State = "RETRYING" // failed and will be tried again
	Finished State = "FINISHED"
	Failed   State = "FAILED" // tried as often as it may, or not worth another try
	Canceled State = "CANCELED"
)

// Run is the record of a job.
type Run struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Key         string          `json:"key,omitempty"`
	State       State           `json:"state"`
	Args        json.RawMessage `json:"args"`
	Attempt     int             `json:"attempt"`
	MaxAttempts int             `json:"maxAttempts"`
	Progress    Progress        `json:"progress"`
	Error       string          `json:"error,omitempty"` // of the last attempt
	Canceling   bool            `json:"canceling,omitempty"`
	CreatedAt   time.Time       `json:"createdAt"`
	StartedAt   time.Time       `json:"startedAt,omitzero"`
	EndedAt     time.Time       `json:"endedAt,omitzero"`
}

// Progress is how far a job has come, in its handler's own units.
type Progress struct {
	Stage string `json:"stage,omitempty"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0: not known
}

// Handler does a job of one kind. A returned error is retried with back-off unless it is Permanent or the job was cancelled.
// The context ends when the job is cancelled, when the worker stops, or when the worker has lost its claim on the job.
type Handler func(ctx context.Context, j *Job) error

// Job is a job being done.
type Job struct {
	ID      string
	Kind    string
	Attempt int  // 1 the first time
	Last    bool // no further attempt follows
	args    json.RawMessage
	q       *Queue
}

// Args decodes the job's arguments.
func (j *Job) Args(v any) error {
	if err := json.Unmarshal(j.args, v); err != nil {
		return Permanent(fmt.Errorf("decode the arguments of job %s: %w", j.Kind, err))
	}
	return nil
}

// Progress stores how far the job has come. Callers report at most a few times a second, and never inside a transaction of the store:
// SQLite has one connection for writing.
func (j *Job) Progress(ctx context.Context, p Progress) error {
	_, err := j.q.db.Write.ExecContext(ctx, `UPDATE job_run SET stage = $2, done = $3, total = $4 WHERE id = $1`, j.ID, p.Stage, p.Done, p.Total)
	if err != nil {
		return fmt.Errorf("store the job's progress: %w", err)
	}
	return nil
}

// Permanent marks an error after which another attempt would be in vain.
func Permanent(err error) error { return permanent{err} }

// Later gives a job back to the queue for a time, because it is not its turn: no fault, and no attempt is counted.
func Later(d time.Duration) error { return later(d) }

type later time.Duration

func (l later) Error() string { return "not its turn for " + time.Duration(l).String() }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Errors that callers and handlers meet.
var (
	ErrNotFound = errors.New("job not found")
	ErrCanceled = errors.New("job was cancelled")     // the cause of a handler's context
	ErrLost     = errors.New("claim on job was lost") // the cause of a handler's context: this worker could not reach the database in time
	ErrStopping = errors.New("worker is stopping")    // the cause of a handler's context
)
