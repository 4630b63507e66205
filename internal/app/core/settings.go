package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hinomi/internal/coverage"
	"hinomi/internal/store"
)

// SettingScans names the setting that holds how instances are scanned, as JSON.
const SettingScans = "scans"

// ScanSettings returns how instances are scanned.
func (c *Core) ScanSettings(ctx context.Context) (coverage.Settings, error) {
	s := coverage.DefaultSettings()
	text, err := c.DB.Setting(ctx, SettingScans)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("read the setting %s: %w", SettingScans, err)
	}
	return s, nil
}
