package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Hurry makes a job of a kind that waits for its time, because its handler said Later, available again, with the place in the queue that it had
// at first. One that runs, has ended, or is not known stays as it is: whoever waits for Hurry must also come by itself in the end.
func (q *Queue) Hurry(ctx context.Context, kind, key string) error {
	_, err := q.db.Write.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = created_at WHERE state IN ('available', 'scheduled')
 AND id IN (SELECT queue_id FROM job_run WHERE kind = $1 AND job_key = $2 AND ended_at = 0 AND state = $3)`, kind, key, string(Queued))
	if err != nil {
		return fmt.Errorf("hurry job %s of key %s: %w", kind, key, err)
	}
	return nil
}

// Priority returns the priority of the job of a kind and key that has not ended; 0, which a Spec may hold, if there is none.
func (q *Queue) Priority(ctx context.Context, kind, key string) (int, error) {
	var p int
	err := q.db.Read.QueryRowContext(ctx, `SELECT priority FROM job_run WHERE kind = $1 AND job_key = $2 AND job_key <> '' AND ended_at = 0`, kind, key).Scan(&p)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("priority of job %s of key %s: %w", kind, key, err)
	}
	return p, nil
}
