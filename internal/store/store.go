// Package store keeps the state: connectors, assets with their history, inventories, findings, scans, users and the audit log,
// in a SQLite file or in PostgreSQL behind one type. Every list takes the caller's auth.Scope.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"hinomi/internal/job"
	"hinomi/internal/secret"
	"hinomi/internal/store/row"
)

// Errors that callers act on.
var (
	ErrNotFound   = errors.New("not found")
	ErrExists     = errors.New("exists already")
	ErrNewer      = errors.New("the database was made by a newer hinomi")
	ErrNoKey      = errors.New("no sealing key is configured, secrets cannot be kept")
	ErrURL        = errors.New("database URL is neither sqlite:PATH nor postgres://…")
	ErrExternalID = errors.New("external ID refused")
	ErrCursor     = errors.New("cursor is not one of this list")
)

// Options of a database. Now and Logger must be set.
type Options struct {
	Now     func() time.Time
	Logger  *slog.Logger
	Sealer  *secret.Sealer // nil: secrets can be neither kept nor read, ErrNoKey says so
	Readers int            // connections for reading on SQLite; 4 if 0
}

// DB is an open database. Its methods are safe for concurrent use. Inside InTx they join the transaction of the context.
type DB struct {
	d      dialect
	write  *sql.DB
	read   *sql.DB // the same as write on PostgreSQL
	pool   *pgxpool.Pool
	path   string // of a SQLite file
	now    func() time.Time
	log    *slog.Logger
	sealer *secret.Sealer
	jobs   *job.Queue
}

// Open opens the database and brings its schema to this version. The URL is sqlite:PATH or postgres://….
// It returns ErrNewer if a newer hinomi has changed the schema, and ErrURL for another URL.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	db, err := connect(ctx, url, o)
	if err != nil {
		return nil, err
	}
	if err := db.start(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connect opens the pools without touching the schema.
func connect(ctx context.Context, url string, o Options) (*DB, error) {
	db := &DB{now: o.Now, log: o.Logger, sealer: o.Sealer}
	path, isFile := strings.CutPrefix(url, "sqlite:")
	var err error
	switch {
	case isFile && path != "":
		readers := o.Readers
		if readers == 0 {
			readers = 4
		}
		if db.path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		if err := private(db.path); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		db.d = sqliteDialect()
		db.write, db.read, err = openSQLite(db.path, readers)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		db.d = postgresDialect()
		db.pool, db.write, err = openPostgres(ctx, url)
		db.read = db.write
	default:
		return nil, ErrURL // the URL may hold a password: it is not repeated
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// private makes the file, if there is none, readable by its owner alone: it holds hashes and sealed secrets.
func private(path string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// start migrates and opens the queue.
func (db *DB) start(ctx context.Context) error {
	if err := db.write.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the %s database: %w", db.d.name, err)
	}
	if err := db.migrate(ctx, 0); err != nil {
		return err
	}
	q, err := job.New(ctx, job.Database{Write: db.write, Read: db.read, Pool: db.pool}, job.Options{Now: db.now, Logger: db.log})
	if err != nil {
		return fmt.Errorf("open the queue: %w", err)
	}
	db.jobs = q
	return nil
}

// Close closes the database. Workers must have been stopped before.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	if db.pool != nil {
		db.pool.Close()
	}
	return err
}

// UseSealer sets the key that seals secrets, for a key that is itself found in the settings (secret.Wrapped). Call it before the database is shared.
func (db *DB) UseSealer(s *secret.Sealer) { db.sealer = s }

// Kind returns "sqlite" or "postgres".
func (db *DB) Kind() string { return db.d.name }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.read.PingContext(ctx) }

// Jobs returns the queue in this database.
func (db *DB) Jobs() *job.Queue { return db.jobs }

// Enqueue puts a job into the queue, in the context's transaction if there is one: the job exists exactly if the state change does.
func (db *DB) Enqueue(ctx context.Context, s job.Spec) (job.Ticket, error) {
	var t job.Ticket
	err := db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		t, err = db.jobs.EnqueueTx(ctx, tx, s)
		return err
	})
	return t, err
}

type txKey struct{}

type heldTx struct {
	db *DB
	tx *sql.Tx
}

// InTx runs fn in one transaction: every method of db that fn calls with the context it is given takes part. It commits if fn returns nil.
// Inside another InTx it joins that one. On SQLite there is one writer: fn must use its own context, never the outer one, and no network.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return db.tx(ctx, func(ctx context.Context, _ *sql.Tx) error { return fn(ctx) })
}

func (db *DB) tx(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) (err error) {
	if h, ok := ctx.Value(txKey{}).(heldTx); ok && h.db == db {
		return fn(ctx, h.tx)
	}
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := fn(context.WithValue(ctx, txKey{}, heldTx{db, tx}), tx); err != nil {
		return err
	}
	done = true
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// q returns the context's transaction, or the pool for reading.
func (db *DB) q(ctx context.Context) row.Conn {
	if h, ok := ctx.Value(txKey{}).(heldTx); ok && h.db == db {
		return h.tx
	}
	return db.read
}

// exec runs one statement for writing and returns how many rows it changed.
func (db *DB) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			if db.d.conflict(err) {
				return fmt.Errorf("%w: %w", ErrExists, err)
			}
			return err
		}
		n, err = r.RowsAffected()
		return err
	})
	return n, err
}

// reading runs fn in one transaction for reading, so that all its statements see the same state.
func (db *DB) reading(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	if h, ok := ctx.Value(txKey{}).(heldTx); ok && h.db == db {
		return fn(ctx)
	}
	tx, err := db.read.BeginTx(ctx, db.d.reading)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if e := tx.Rollback(); err == nil && !errors.Is(e, sql.ErrTxDone) {
			err = e
		}
	}()
	return fn(context.WithValue(ctx, txKey{}, heldTx{db, tx}))
}
