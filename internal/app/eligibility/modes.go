package eligibility

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/coverage"
)

// ErrMember refuses a setting of an organisation's member: its organisation decides.
var ErrMember = errors.New("a member of an organisation")

// EditScanSettings changes how instances are scanned, and decides of every instance again.
func (el *Eligibility) EditScanSettings(ctx context.Context, by auth.Principal, edit func(*coverage.Settings) error) error {
	if err := core.Allow(by, auth.WriteSettings, ""); err != nil {
		return err
	}
	err := el.DB.InTx(ctx, func(ctx context.Context) error {
		s, err := el.ScanSettings(ctx)
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
		if err := el.DB.PutSetting(ctx, core.SettingScans, string(text)); err != nil {
			return err
		}
		return el.Audit(ctx, by, "setting.put", core.SettingScans, "", string(text))
	})
	if err != nil {
		return err
	}
	world, err := el.World(ctx)
	if err != nil {
		return err
	}
	return el.AssignCoverage(ctx, world)
}

// SetScanMode sets the scan mode of a place ("" for all, an account, account/region), or with no mode forgets it. An organisation's member
// cannot be set: its organisation's account decides.
func (el *Eligibility) SetScanMode(ctx context.Context, by auth.Principal, account, region string, m coverage.Mode) error {
	_, owners, err := el.scanReaders(ctx)
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
	return el.EditScanSettings(ctx, by, func(s *coverage.Settings) error {
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
func (el *Eligibility) ScanModes(ctx context.Context, by auth.Principal) ([]PlaceMode, error) {
	f, err := el.Facts(ctx)
	if err != nil {
		return nil, err
	}
	var out []PlaceMode
	for _, account := range slices.Sorted(maps.Keys(f.Readers)) {
		if !by.Scope.SeesAccount(account) {
			continue
		}
		m, why := f.mode(account, "")
		out = append(out, PlaceMode{Account: account, Mode: m, Why: why})
		owner := f.Owners[account]
		if owner == "" {
			owner = account
		}
		for _, place := range slices.Sorted(maps.Keys(f.Settings.Modes)) {
			if n := len(owner) + 1; len(place) > n && place[:n] == owner+"/" {
				m, why := f.mode(account, place[n:])
				out = append(out, PlaceMode{Account: account, Region: place[n:], Mode: m, Why: why})
			}
		}
	}
	return out, nil
}
