package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
)

// settingScans names the setting that holds how instances are scanned, as JSON.
const settingScans = "scans"

// ErrMember refuses a setting of an organisation's member: its organisation decides.
var ErrMember = errors.New("a member of an organisation")

// ScanSettings returns how instances are scanned.
func (a *App) ScanSettings(ctx context.Context) (coverage.Settings, error) {
	s := coverage.DefaultSettings()
	text, err := a.db.Setting(ctx, settingScans)
	if isNotFound(err) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("read the setting %s: %w", settingScans, err)
	}
	return s, nil
}

// EditScanSettings changes how instances are scanned, and decides of every instance again.
func (a *App) EditScanSettings(ctx context.Context, by auth.Principal, edit func(*coverage.Settings) error) error {
	if err := allow(by, auth.WriteSettings, ""); err != nil {
		return err
	}
	err := a.db.InTx(ctx, func(ctx context.Context) error {
		s, err := a.ScanSettings(ctx)
		if err != nil {
			return err
		}
		if err := edit(&s); err != nil {
			return err
		}
		if err := s.Validate(); err != nil {
			return err
		}
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := a.db.PutSetting(ctx, settingScans, string(text)); err != nil {
			return err
		}
		return a.audit(ctx, by, "setting.put", settingScans, "", string(text))
	})
	if err != nil {
		return err
	}
	world, err := a.world(ctx)
	if err != nil {
		return err
	}
	return a.assignCoverage(ctx, world)
}

// SetScanMode sets the scan mode of a place ("" for all, an account, account/region), or with no mode forgets it. An organisation's member
// cannot be set: its organisation's account decides.
func (a *App) SetScanMode(ctx context.Context, by auth.Principal, account, region string, m coverage.Mode) error {
	_, owners, err := a.scanReaders(ctx)
	if err != nil {
		return err
	}
	if owner := owners[account]; owner != "" {
		return fmt.Errorf("account %s is %w: account %s decides for all its members", account, ErrMember, owner)
	}
	place := account
	if region != "" {
		place += "/" + region
	}
	return a.EditScanSettings(ctx, by, func(s *coverage.Settings) error {
		if m == "" {
			delete(s.Modes, place)
			return nil
		}
		if s.Modes == nil {
			s.Modes = map[string]coverage.Mode{}
		}
		s.Modes[place] = m
		return nil
	})
}

// PlaceMode is the scan mode of an account's region or of all its regions, and where it comes from.
type PlaceMode struct {
	Account string        `json:"account"`
	Region  string        `json:"region,omitempty"`
	Mode    coverage.Mode `json:"scanMode"`
	Why     string        `json:"why"`
}

// ScanModes returns the mode of every account that a connector reads, and of the regions that have one of their own.
func (a *App) ScanModes(ctx context.Context, by auth.Principal) ([]PlaceMode, error) {
	f, err := a.scanFacts(ctx)
	if err != nil {
		return nil, err
	}
	var out []PlaceMode
	for _, account := range slices.Sorted(maps.Keys(f.readers)) {
		if !by.Scope.SeesAccount(account) {
			continue
		}
		m, why := f.mode(account, "")
		out = append(out, PlaceMode{Account: account, Mode: m, Why: why})
		owner := f.owners[account]
		if owner == "" {
			owner = account
		}
		for _, place := range slices.Sorted(maps.Keys(f.settings.Modes)) {
			if n := len(owner) + 1; len(place) > n && place[:n] == owner+"/" {
				m, why := f.mode(account, place[n:])
				out = append(out, PlaceMode{Account: account, Region: place[n:], Mode: m, Why: why})
			}
		}
	}
	return out, nil
}
