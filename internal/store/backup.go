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
	err = copyFile(ctx, db.path, to)
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
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear the way for the backup: %w", err)
	}
	err := private(tmp)
	if err == nil {
		err = copyFile(ctx, from, tmp)
	}
	if err == nil {
		err = check(ctx, tmp)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("restore from %s: %w", from, err), os.Remove(tmp))
	}
	kept := path + ".before-restore"
	if err := os.Remove(kept); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear the way for the database that was there: %w", err)
	}
	if err := os.Link(path, kept); err != nil && !errors.Is(err, os.ErrNotExist) {
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
	db, err := openFile(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	// Leaving WAL mode needs the database for oneself alone (sqlite.org/wal.html).
	var mode string
	_, err = db.ExecContext(ctx, `PRAGMA busy_timeout = 0`)
	if err == nil {
		err = db.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	}
	if err = errors.Join(err, db.Close()); err != nil {
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
	db, err := openFile(path)
	if err != nil {
		return err
	}
	return errors.Join(integrity(ctx, db), db.Close())
}

// copyFile writes a consistent copy of a SQLite database, which may be in use, into an empty file, on a connection of its own: it may
// take minutes, and those for writing and reading are needed.
func copyFile(ctx context.Context, from, to string) error {
	db, err := openFile(from)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, to)
	return errors.Join(err, db.Close())
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
	if version > NewestVersion {
		return fmt.Errorf("%w: version %d, this hinomi knows up to %d", ErrNewer, version, NewestVersion)
	}
	return nil
}
