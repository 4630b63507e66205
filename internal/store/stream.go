package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/event"
)

// Queue is an SQS queue from which events come.
type Queue struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Account   string    `json:"account"` // that owns it
	Region    string    `json:"region"`
	Connector string    `json:"connector,omitempty"` // whose credentials read it; "": the base account's, or the process's own
	CreatedAt time.Time `json:"createdAt"`
}

// QueueState is a queue with what was taken from it, by all workers since it was added.
type QueueState struct {
	Queue
	Received   int64     `json:"received"`   // deliveries
	Handled    int64     `json:"handled"`    // events whose work was stored, foreign ones included
	Foreign    int64     `json:"foreign"`    // of accounts or regions that no connector reads
	Duplicate  int64     `json:"duplicate"`  // handled before
	Malformed  int64     `json:"malformed"`  // no events: left for the dead-letter queue
	Failed     int64     `json:"failed"`     // could not be stored and came again
	Odd        int64     `json:"odd"`        // dated in the future, or older than a queue keeps messages
	OldestSecs int64     `json:"oldestSecs"` // age of the oldest message of the newest batch
	LastAt     time.Time `json:"lastAt,omitzero"`
	Fault      string    `json:"fault,omitempty"` // why it cannot be read
	FaultAt    time.Time `json:"faultAt,omitzero"`
}

// CreateQueue stores a queue. ErrExists: it is there already.
func (db *DB) CreateQueue(ctx context.Context, q Queue) (Queue, error) {
	q.ID, q.CreatedAt = newID("que"), moment(micros(db.now()))
	body, err := asJSON(q)
	if err != nil {
		return q, err
	}
	_, err = db.exec(ctx, `INSERT INTO stream_queue (id, url, body) VALUES ($1, $2, $3)`, q.ID, q.URL, body)
	return q, err
}

// Queues returns every queue, in the order of their URLs.
func (db *DB) Queues(ctx context.Context) ([]QueueState, error) {
	return query(ctx, db.q(ctx), func(row scanner) (QueueState, error) {
		var s QueueState
		var body string
		var last, fault int64
		if err := row.Scan(&body, &s.Received, &s.Handled, &s.Foreign, &s.Duplicate, &s.Malformed, &s.Failed, &s.Odd, &s.OldestSecs, &last, &s.Fault, &fault); err != nil {
			return s, err
		}
		s.LastAt, s.FaultAt = moment(last), moment(fault)
		return s, fromJSON(body, &s.Queue)
	}, `SELECT body, received, handled, strange, duplicate, malformed, failed, odd, oldest_secs, last_at, fault, fault_at FROM stream_queue ORDER BY url`)
}

// RemoveQueue forgets a queue by its ID. What events of it are not read yet is read all the same.
func (db *DB) RemoveQueue(ctx context.Context, id string) error {
	return db.mustChange(ctx, `DELETE FROM stream_queue WHERE id = $1`, id)
}

// AddQueueCounts adds what was taken from a queue since the last call, and says whether it can be read now. A queue that was removed meanwhile
// is no fault.
func (db *DB) AddQueueCounts(ctx context.Context, d QueueState) error {
	_, err := db.exec(ctx, `UPDATE stream_queue SET received = received + $2, handled = handled + $3, strange = strange + $4, duplicate = duplicate + $5,
 malformed = malformed + $6, failed = failed + $7, odd = odd + $8,
 oldest_secs = CASE WHEN $10 >= last_at AND $10 > 0 THEN $9 ELSE oldest_secs END, last_at = CASE WHEN $10 > last_at THEN $10 ELSE last_at END,
 fault_at = CASE WHEN fault = $11 THEN fault_at ELSE $12 END, fault = $11 WHERE id = $1`,
		d.ID, d.Received, d.Handled, d.Foreign, d.Duplicate, d.Malformed, d.Failed, d.Odd, d.OldestSecs, micros(d.LastAt), d.Fault, micros(db.now()))
	return err
}

// Pending is what an event says must be read again.
type Pending struct {
	Kind  asset.Kind
	ID    string // "": the event named none
	Token string
}

// PutTouches stores what events say must be read again; called in the transaction that queues the reading.
func (db *DB) PutTouches(ctx context.Context, list []event.Touch) error {
	type key struct {
		account, region string
		kind            asset.Kind
		id              string
	}
	rows := map[key]bool{}
	for _, t := range list {
		for _, id := range t.IDs {
			rows[key{t.Account, t.Region, t.Kind, id}] = true
		}
		if len(t.IDs) == 0 {
			rows[key{t.Account, t.Region, t.Kind, ""}] = true
		}
	}
	sorted := make([]key, 0, len(rows))
	for k := range rows {
		sorted = append(sorted, k)
	}
	slices.SortFunc(sorted, func(a, b key) int { // one order for all, or two transactions wait for each other
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	token, now := newID("evt"), micros(db.now())
	return db.InTx(ctx, func(ctx context.Context) error {
		in := db.inserter(db.q(ctx), "stream_pending", "account region kind asset_id token at", ` ON CONFLICT (account, region, kind, asset_id) DO UPDATE SET token = excluded.token, at = excluded.at, tried_at = 0`)
		for _, k := range sorted {
			if err := in.Add(ctx, k.account, k.region, string(k.kind), k.id, token, now); err != nil {
				return fmt.Errorf("store what events touched: %w", err)
			}
		}
		if err := in.Flush(ctx); err != nil {
			return fmt.Errorf("store what events touched: %w", err)
		}
		return nil
	})
}

// maxPending bounds what one reading looks at: kinds are few, and what is left over is seen by the next.
const maxPending = 5000

// Pending returns what must be read again in a place, the longest waiting first, and notes that it is tried.
func (db *DB) Pending(ctx context.Context, account, region string) (list []Pending, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		if list, err = query(ctx, db.q(ctx), func(row scanner) (Pending, error) {
			var p Pending
			return p, row.Scan(&p.Kind, &p.ID, &p.Token)
		}, `SELECT kind, asset_id, token FROM stream_pending WHERE account = $1 AND region = $2 ORDER BY at LIMIT $3`, account, region, maxPending); err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		_, err := db.exec(ctx, `UPDATE stream_pending SET tried_at = $3 WHERE account = $1 AND region = $2`, account, region, micros(db.now()))
		return err
	})
	return list, err
}

// DropPending removes what was read: of some kinds, what Pending returned before the reading began. What an event named since stays.
func (db *DB) DropPending(ctx context.Context, account, region string, kinds []asset.Kind, list []Pending) error {
	byKind := map[asset.Kind][]string{}
	for _, p := range list {
		if slices.Contains(kinds, p.Kind) {
			byKind[p.Kind] = append(byKind[p.Kind], p.Token)
		}
	}
	return db.InTx(ctx, func(ctx context.Context) error {
		for kind, tokens := range byKind {
			slices.Sort(tokens)
			for some := range slices.Chunk(slices.Compact(tokens), 500) {
				var w where
				w.add("account = ?", account)
				w.add("region = ?", region)
				w.add("kind = ?", string(kind))
				in(&w, "token", some)
				if _, err := db.exec(ctx, `DELETE FROM stream_pending`+w.sql(), w.args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Place is an account and a region.
type Place struct{ Account, Region string }

// PendingPlaces returns where something waits that was never tried and came before untried, or was tried last before tried, and forgets what
// was named last before forgotten: the syncs have read it by then.
func (db *DB) PendingPlaces(ctx context.Context, untried, tried, forgotten time.Time) (list []Place, err error) {
	err = db.InTx(ctx, func(ctx context.Context) error {
		if _, err := db.exec(ctx, `DELETE FROM stream_pending WHERE at < $1`, micros(forgotten)); err != nil {
			return err
		}
		list, err = query(ctx, db.q(ctx), func(row scanner) (Place, error) {
			var p Place
			return p, row.Scan(&p.Account, &p.Region)
		}, `SELECT DISTINCT account, region FROM stream_pending WHERE tried_at = 0 AND at < $1 OR tried_at > 0 AND tried_at < $2 ORDER BY account, region`,
			micros(untried), micros(tried))
		return err
	})
	return list, err
}

// HasUntried reports whether something waits in a place that came after the last try.
func (db *DB) HasUntried(ctx context.Context, account, region string) (bool, error) {
	n, err := one(ctx, db.q(ctx), func(row scanner) (int, error) {
		var n int
		return n, row.Scan(&n)
	}, `SELECT COUNT(*) FROM stream_pending WHERE account = $1 AND region = $2 AND tried_at = 0`, account, region)
	return n > 0, err
}
