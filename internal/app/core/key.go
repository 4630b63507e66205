package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// localSealer returns the sealer of a key that is at hand; nil if AWS KMS keeps it.
func (c *Config) localSealer() (*secret.Sealer, error) {
	if c.KMSKeyID != "" {
		return nil, nil //nolint:nilnil // no sealer yet, and no fault: useKMS sets it
	}
	k, err := c.SealingKey()
	if err != nil {
		return nil, err
	}
	return secret.NewSealer(k), nil
}

// SealingKey reads the sealing key from the environment's text or a file; without either a file is made in the data folder.
func (c *Config) SealingKey() (secret.Key, error) {
	if c.KeyText != "" {
		k, err := secret.ParseKey(secret.NewText(c.KeyText))
		if err != nil {
			return k, fmt.Errorf("read the sealing key of the environment: %w", err)
		}
		return k, nil
	}
	if c.KeyFile != "" {
		k, err := secret.ReadKeyFile(c.KeyFile)
		if err != nil {
			return k, fmt.Errorf("read the sealing key: %w", err)
		}
		return k, nil
	}
	path := filepath.Join(c.DataDir, "key")
	k, made, err := secret.EnsureKeyFile(path)
	if err != nil {
		return k, fmt.Errorf("read the sealing key: %w", err)
	}
	if made {
		c.Log.Info("sealing key made: keep a copy apart from the database's backups", slog.String("path", path))
	}
	return k, nil
}

// useKMS seals with a data key that AWS KMS wraps; the wrapped key is kept in the database.
func (c *Core) useKMS(ctx context.Context) error {
	installation, err := c.DB.InstallationID(ctx)
	if err != nil {
		return err
	}
	service, err := c.keyService()
	if err != nil {
		return err
	}
	kept, err := c.DB.Setting(ctx, store.SettingWrappedKey)
	if errors.Is(err, store.ErrNotFound) {
		k, wrapped, err := secret.NewWrapped(ctx, service, c.KMSKeyID, installation)
		if err != nil {
			return fmt.Errorf("make a sealing key with %s: %w", c.KMSKeyID, err)
		}
		text, err := json.Marshal(wrapped)
		if err != nil {
			return fmt.Errorf("write the wrapped key: %w", err)
		}
		if err := c.DB.PutSetting(ctx, store.SettingWrappedKey, string(text)); err != nil {
			return err
		}
		c.DB.UseSealer(secret.NewSealer(k))
		return nil
	}
	if err != nil {
		return err
	}
	wrapped, err := secret.ParseWrapped([]byte(kept))
	if err != nil {
		return err
	}
	k, err := wrapped.Unwrap(ctx, service, installation)
	if err != nil {
		return fmt.Errorf("unwrap the sealing key with %s: %w", c.KMSKeyID, err)
	}
	c.DB.UseSealer(secret.NewSealer(k))
	return nil
}
