package store

import (
	"context"
	"time"

	"hinomi/internal/auth"
)

// AuditEntry is one change that somebody made. Entries are never changed or deleted: the database itself refuses it.
type AuditEntry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	ActorID string    `json:"actorId"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`            // connector.create, finding.suppress …
	Object  string    `json:"object"`            // what was changed: its kind and ID
	Account string    `json:"account,omitempty"` // "" where no AWS account is touched
	Detail  string    `json:"detail,omitempty"`  // what changed, never a secret
	Remote  string    `json:"remote,omitempty"`  // where the request came from
}

// Audit appends an entry, best in the transaction of the change itself (InTx). Seq and At are the store's.
func (db *DB) Audit(ctx context.Context, e AuditEntry) error {
	_, err := db.exec(ctx, `INSERT INTO audit (at, actor_id, actor, action, object, account, detail, remote) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		micros(db.now()), e.ActorID, e.Actor, e.Action, e.Object, e.Account, e.Detail, e.Remote)
	return err
}

// AuditLog returns entries, the newest first. A caller whose scope names accounts sees those of these accounts only;
// one restricted by tags alone sees none, since an entry has no tags.
func (db *DB) AuditLog(ctx context.Context, s auth.Scope, from string, limit int) ([]AuditEntry, string, error) {
	var w where
	w.account(s, "account")
	if len(s.Tags) > 0 {
		w.add("1 = 0")
	}
	var seq int64
	if ok, err := after(from, &seq); err != nil {
		return nil, "", err
	} else if ok {
		w.add("seq < ?", seq)
	}
	return list(ctx, db.q(ctx), func(row scanner) (AuditEntry, error) {
		var e AuditEntry
		var at int64
		err := row.Scan(&e.Seq, &at, &e.ActorID, &e.Actor, &e.Action, &e.Object, &e.Account, &e.Detail, &e.Remote)
		e.At = moment(at)
		return e, err
	}, &w, limit, `SELECT seq, at, actor_id, actor, action, object, account, detail, remote FROM audit`, "seq DESC",
		func(e AuditEntry) any { return e.Seq })
}
