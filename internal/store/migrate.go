package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"

	"hinomi/internal/store/part"
)

//go:embed migrations/*.sql
var migrations embed.FS

// NewestVersion is the schema's version of this hinomi: the number of the newest file in migrations.
const NewestVersion = 7

// steps returns the migrations in this database's words.
func (db *DB) steps() ([]*goose.Migration, error) {
	names := []string{"installation", "asset", "finding", "work", "agent", "stream", "part"}
	steps := make([]*goose.Migration, 0, NewestVersion)
	for i, name := range names {
		text, err := migrations.ReadFile(fmt.Sprintf("migrations/%05d_%s.sql", i+1, name))
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		script := db.script(string(text))
		up := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, script)
			if err == nil && name == "part" {
				err = part.Home{Conn: tx, Rows: db.d.batch, InOrder: db.d.inOrder}.Upgrade(ctx, micros(db.now()), db.log)
			}
			return err
		}
		steps = append(steps, goose.NewGoMigration(int64(i+1), &goose.GoFunc{RunTx: up}, nil))
	}
	return steps, nil
}

// OpenAt makes or upgrades a database up to an earlier version of the schema and closes it again: what a test of upgrades starts from.
func OpenAt(ctx context.Context, url string, o Options, version int64) error {
	db, err := connect(ctx, url, o)
	if err != nil {
		return err
	}
	return errors.Join(db.migrate(ctx, version), db.Close())
}

// script puts a migration into the database's words.
func (db *DB) script(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if table, ok := strings.CutPrefix(line, "-- append-only: "); ok {
			out.WriteString(db.d.appendOnly(strings.TrimSpace(table)) + "\n")
			continue
		}
		code, _, _ := strings.Cut(line, "--")
		out.WriteString(db.d.words.Replace(strings.TrimRight(code, " \n")) + "\n")
	}
	return out.String()
}

// migrate brings the schema up to a version, or to the newest one if it is 0. One process does it while others wait.
func (db *DB) migrate(ctx context.Context, to int64) error {
	steps, err := db.steps()
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(db.d.goose, db.write, nil, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true),
		goose.WithTableName("hinomi_version"), goose.WithSlog(db.log))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	return db.alone(ctx, func() error {
		have, err := p.GetDBVersion(ctx)
		if err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
		if have > NewestVersion {
			return fmt.Errorf("%w: its schema has version %d, this hinomi knows up to %d: use the newer hinomi or restore a backup", ErrNewer, have, NewestVersion)
		}
		if to == 0 {
			to = NewestVersion
		}
		for {
			_, err := p.UpTo(ctx, to)
			if err == nil {
				return nil
			}
			// On SQLite another process may have been faster: then there is progress, and no more of it than versions.
			now, e := p.GetDBVersion(ctx)
			if e != nil || now <= have {
				return fmt.Errorf("migrate the schema from version %d: %w", have, err)
			}
			have = now
		}
	})
}

// alone keeps other processes from migrating at the same time. On SQLite the write lock does that for each step and goose's
// own table decides; on PostgreSQL a session's lock is held on a connection of its own.
func (db *DB) alone(ctx context.Context, fn func() error) (err error) {
	if db.pool == nil {
		return fn()
	}
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer conn.Release()
	key := key63("lock", "migrate")
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	defer func() {
		_, unlockErr := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, key)
		err = errors.Join(err, unlockErr)
	}()
	return fn()
}

// Version returns the schema's version in the database.
func (db *DB) Version(ctx context.Context) (int64, error) {
	var v int64
	err := db.q(ctx).QueryRowContext(ctx, `SELECT MAX(version_id) FROM hinomi_version`).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return v, nil
}
