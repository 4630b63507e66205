package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is all that differs between the two databases.
type dialect struct {
	name  string
	goose goose.Dialect
	words *strings.Replacer // of the migrations' text
	// reading opens a transaction that sees one state.
	reading *sql.TxOptions
	// inOrder joins tables in the order they are written, so that a page is read along the first one's index: SQLite's planner has
	// no statistics and would begin elsewhere (sqlite.org/optoverview.html#crossjoin); PostgreSQL's has them.
	inOrder string
	batch   int // rows of one INSERT: round trips cost on PostgreSQL, and parameters on SQLite's driver
	// lock makes the transaction the only one that holds this name, until it ends.
	lock func(ctx context.Context, tx *sql.Tx, name string) error
	// appendOnly returns the statements that refuse UPDATE and DELETE on a table.
	appendOnly func(table string) string
	// conflict reports whether an error says that a unique key exists already.
	conflict func(error) bool
}

func sqliteDialect() dialect {
	return dialect{
		name: "sqlite", goose: goose.DialectSQLite3, batch: 1, inOrder: "CROSS JOIN", reading: &sql.TxOptions{},
		words: strings.NewReplacer("ROWID64", "INTEGER", "SERIAL64", "INTEGER PRIMARY KEY AUTOINCREMENT", "NOROWID", "WITHOUT ROWID"),
		lock:  func(context.Context, *sql.Tx, string) error { return nil }, // there is one writer
		appendOnly: func(t string) string {
			return fmt.Sprintf(`CREATE TRIGGER %[1]s_no_update BEFORE UPDATE ON %[1]s BEGIN SELECT RAISE(ABORT, '%[1]s is append-only'); END;
CREATE TRIGGER %[1]s_no_delete BEFORE DELETE ON %[1]s BEGIN SELECT RAISE(ABORT, '%[1]s is append-only'); END;`, t)
		},
		conflict: func(err error) bool {
			var e *sqlite.Error
			return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
		},
	}
}

func postgresDialect() dialect {
	return dialect{
		name: "postgres", goose: goose.DialectPostgres, batch: 100, inOrder: "JOIN", reading: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		words: strings.NewReplacer("ROWID64", "BIGINT", "SERIAL64", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "NOROWID", "",
			"BLOB", "BYTEA", " TEXT", ` TEXT COLLATE "C"`),
		lock: func(ctx context.Context, tx *sql.Tx, name string) error {
			_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, key63("lock", name))
			return err
		},
		appendOnly: func(t string) string {
			return fmt.Sprintf(`CREATE FUNCTION %[1]s_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%[1]s is append-only'; END $$;
CREATE TRIGGER %[1]s_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %[1]s FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_refuse();`, t)
		},
		conflict: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && e.Code == "23505" // unique_violation, PostgreSQL appendix A
		},
	}
}

// busyMillis is how long a SQLite connection waits for another's lock: a second process may hold the write lock for a large sync.
const busyMillis = 30_000

func sqliteDSN(path, lock string, pragmas ...string) string {
	v := url.Values{"_txlock": {lock}}
	for _, p := range append([]string{fmt.Sprintf("busy_timeout(%d)", busyMillis), "foreign_keys(1)"}, pragmas...) {
		v.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
}

// openFile opens a SQLite file as it is, with one connection, for copies and checks.
func openFile(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", sqliteDSN(path, "deferred"))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// openSQLite opens one connection for writing, which the queue shares, and a pool for reading.
func openSQLite(path string, readers int) (write, read *sql.DB, err error) {
	// synchronous NORMAL in WAL mode keeps the database consistent through a crash (sqlite.org/pragma.html#pragma_synchronous);
	// FULL also keeps the last commits through a power loss, which the intents of what we create in accounts need.
	write, err = sql.Open("sqlite", sqliteDSN(path, "immediate", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-65536)"))
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	read, err = sql.Open("sqlite", sqliteDSN(path, "deferred", "query_only(1)", "cache_size(-16384)"))
	if err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// openPostgres opens one pool for everything.
func openPostgres(ctx context.Context, dsn string) (*pgxpool.Pool, *sql.DB, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	return pool, stdlib.OpenDBFromPool(pool), nil
}
