package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"hinomi/internal/auth"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Restore puts a backup in the place of a SQLite database, after opening it once to see that it is one of ours and not of a newer hinomi.
// A database that exists is replaced only with force, and kept beside it as .before-restore. Nothing may be running on it.
func Restore(ctx context.Context, cfg Config, backup, to string, force bool) error {
	if _, err := os.Stat(to); err == nil && !force {
		return fmt.Errorf("%s exists: give --force to replace it", to)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := to + ".restoring"
	if err := copyFile(backup, part); err != nil {
		return fmt.Errorf("restore %s: %w", backup, err)
	}
	db, err := store.Open(ctx, "sqlite:"+part, store.Options{Now: cfg.Now, Logger: cfg.Log})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s is not a backup that can be used: %w", backup, err), removeDatabase(part))
	}
	if err := os.Rename(to, to+".before-restore"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, removeDatabase(part))
	}
	for _, suffix := range []string{"-wal", "-shm"} { // of the replaced database: they would be taken for the new one's
		if err := os.Remove(to + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(part, to)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(out.Sync(), out.Close())
}

func removeDatabase(path string) error {
	var faults []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Reseal seals every stored secret with the present key; oldKeyFile holds the key that sealed them.
func (a *App) Reseal(ctx context.Context, by auth.Principal, oldKeyFile string) (int, error) {
	if err := allow(by, auth.WriteSettings, ""); err != nil {
		return 0, err
	}
	old, err := secret.ReadKeyFile(oldKeyFile)
	if err != nil {
		return 0, fmt.Errorf("read the old sealing key: %w", err)
	}
	present, err := a.presentKey()
	if err != nil {
		return 0, err
	}
	a.db.UseSealer(secret.NewSealer(present, old))
	n, err := a.db.Reseal(ctx)
	if err != nil {
		return n, err
	}
	return n, a.audit(ctx, by, "secrets.reseal", "sealing key", "", fmt.Sprintf("%d secrets", n))
}
