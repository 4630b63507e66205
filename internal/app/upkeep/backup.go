package upkeep

import (
	"context"
	"fmt"
	"os"
	"strings"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Restore puts a backup in the place of the SQLite database. A database that exists is replaced only with force, and is kept beside it.
// Nothing may be running on it.
func Restore(ctx context.Context, c core.Config, backup string, force bool) error {
	path, ok := strings.CutPrefix(c.Database, "sqlite:")
	if !ok {
		return store.ErrBackup
	}
	if _, err := os.Stat(path); err == nil && !force {
		return fmt.Errorf("%s exists: give --force to replace it", path)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the folder of hinomi's state: %w", err)
	}
	return store.Restore(ctx, c.Database, backup)
}

// Reseal seals every stored secret with the present key; oldKeyFile holds the key that sealed them.
func (up *Upkeep) Reseal(ctx context.Context, by auth.Principal, oldKeyFile string) (int, error) {
	if err := core.Allow(by, auth.WriteSettings, ""); err != nil {
		return 0, err
	}
	old, err := secret.ReadKeyFile(oldKeyFile)
	if err != nil {
		return 0, fmt.Errorf("read the old sealing key: %w", err)
	}
	present, err := up.SealingKey()
	if err != nil {
		return 0, err
	}
	up.DB.UseSealer(secret.NewSealer(present, old))
	n, err := up.DB.Reseal(ctx)
	if err != nil {
		return n, err
	}
	return n, up.Audit(ctx, by, "secrets.reseal", "sealing key", "", fmt.Sprintf("%d secrets", n))
}
