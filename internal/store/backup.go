package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrBackup says that PostgreSQL is backed up with its own tools.
var ErrBackup = errors.New("back up PostgreSQL with pg_dump --format=custom and restore it with pg_restore --clean --if-exists into a stopped hinomi's database")

// Backup writes a consistent copy of a SQLite database to a new file with mode 0600, while it is in use. The sealing key is not in it:
// keep that apart. It returns ErrBackup on PostgreSQL, and an error if the file exists.
func (db *DB) Backup(ctx context.Context, to string) error {
	if db.path == "" {
		return ErrBackup
	}
	f, err := os.OpenFile(filepath.Clean(to), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	// A connection of its own: the copy may take minutes, and those for writing and reading are needed. VACUUM INTO fills an empty file.
	write, read, err := openSQLite(db.path, 1)
	if err == nil {
		_, err = write.ExecContext(ctx, `VACUUM INTO $1`, to)
		err = errors.Join(err, write.Close(), read.Close())
	}
	if err == nil {
		err = check(ctx, to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("back up to %s: %w", to, err), os.Remove(to))
	}
	return nil
}

// Restore replaces a SQLite database by a backup. hinomi must be stopped; what was there before is kept beside it, its name ending in
// .before-restore. The backup is checked first, and the database is replaced by one rename.
func Restore(ctx context.Context, url, from string) error {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return ErrBackup
	}
	if err := check(ctx, from); err != nil {
		return fmt.Errorf("restore from %s: %w", from, err)
	}
	if err := unused(ctx, path); err != nil {
		return err
	}
	tmp := path + ".restoring"
	write, read, err := openSQLite(from, 1)
	if err != nil {
		return fmt.Errorf("restore from %s: %w", from, err)
	}
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, write.Close(), read.Close())
	}
	if err := private(tmp); err == nil {
		_, err = read.ExecContext(ctx, `VACUUM INTO $1`, tmp)
	}
	if err = errors.Join(err, write.Close(), read.Close()); err != nil {
		return fmt.Errorf("restore from %s: %w", from, err)
	}
	if err := os.Rename(path, path+".before-restore"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the database that was there: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("put the backup in place: %w", err)
	}
	return nil
}

// unused makes sure that nobody has the database open, and that all of it is in the one file.
func unused(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	write, read, err := openSQLite(path, 1)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	// Leaving WAL mode needs the database for oneself alone (sqlite.org/wal.html).
	var mode string
	_, err = write.ExecContext(ctx, `PRAGMA busy_timeout = 0`)
	if err == nil {
		err = write.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	}
	if err = errors.Join(err, write.Close(), read.Close()); err != nil {
		return fmt.Errorf("the database %s is in use, stop hinomi first: %w", path, err)
	}
	if mode != "delete" {
		return fmt.Errorf("the database %s is in use, stop hinomi first", path)
	}
	return nil
}

// check makes sure that a file is a whole database of hinomi.
func check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	write, read, err := openSQLite(path, 1)
	if err != nil {
		return err
	}
	return errors.Join(integrity(ctx, read), write.Close(), read.Close())
}

func integrity(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("check the copy: %s", verdict)
	}
	var version int64
	if err := db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM hinomi_version`).Scan(&version); err != nil {
		return fmt.Errorf("it is no database of hinomi: %w", err)
	}
	if version > newestVersion {
		return fmt.Errorf("%w: version %d, this hinomi knows up to %d", ErrNewer, version, newestVersion)
	}
	return nil
}
