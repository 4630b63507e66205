package store

import (
	"context"
	"fmt"

	"hinomi/internal/run"
)

// settingTurn and an account's number name the row that is locked while it is decided whose turn it is in that account.
const settingTurn = "scan-turn/"

// BeginScan stores s, which is to be a scan that runs, unless it is not its turn: as many scans run in its account as may at once, or those that
// come before it will be as many. ahead is how many scans of the account must end or begin first; 0: it runs. Of many workers that ask at
// the same time one is answered after the other.
func (db *DB) BeginScan(ctx context.Context, s run.Scan, atOnce int) (ahead int, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		if err := db.PutSetting(ctx, settingTurn+s.Instance.Account, s.ID); err != nil { // a lock, on both databases, to the transaction's end
			return err
		}
		running, err := db.runningScans(ctx, s.Instance.Account)
		if err != nil {
			return err
		}
		before, err := one(ctx, db.q(ctx), number, `SELECT COUNT(*)`+scansInTurn+` AND (r.priority, r.created_at, r.id) <
 (SELECT m.priority, m.created_at, m.id FROM job_run m WHERE m.kind = 'scan' AND m.job_key = $2 AND m.ended_at = 0)`, s.Instance.Account, s.ID)
		if err != nil {
			return err
		}
		if ahead = max(0, running+before+1-atOnce); ahead > 0 {
			return nil
		}
		s.State = run.Running
		return db.PutScan(ctx, s)
	})
	if err != nil {
		return 0, fmt.Errorf("begin scan %s: %w", s.ID, err)
	}
	return ahead, nil
}

// scansInTurn are the scans of an account that wait, with the jobs that will do them.
const scansInTurn = ` FROM scan c JOIN job_run r ON r.kind = 'scan' AND r.job_key = c.id AND r.ended_at = 0 AND r.state IN ('QUEUED', 'RUNNING')
 WHERE c.account = $1 AND c.state = 'QUEUED'`

// NextScans returns the IDs of the scans of an account whose turn it is: those that wait and come first, as many as may begin now.
func (db *DB) NextScans(ctx context.Context, account string, atOnce int) ([]string, error) {
	running, err := db.runningScans(ctx, account)
	if err != nil || running >= atOnce {
		return nil, err
	}
	return query(ctx, db.q(ctx), text, `SELECT c.id`+scansInTurn+` ORDER BY r.priority, r.created_at, r.id LIMIT $2`, account, atOnce-running)
}

func (db *DB) runningScans(ctx context.Context, account string) (int, error) {
	return one(ctx, db.q(ctx), number, `SELECT COUNT(*) FROM scan WHERE account = $1 AND state = 'RUNNING'`, account)
}

func number(row scanner) (int, error) {
	var n int
	err := row.Scan(&n)
	return n, err
}
