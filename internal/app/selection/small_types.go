package selection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hinomi/internal/app/core"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/rule/activation"
	"hinomi/internal/store"
)

// settingSmallTypes names the setting that holds the instance types which connectors do not activate by themselves, as a JSON list.
const settingSmallTypes = "activation-small-types"

// activationPolicy returns the configured policy, or the default.
func (a *Assets) activationPolicy(ctx context.Context) (activation.Policy, error) {
	text, err := a.DB.Setting(ctx, settingSmallTypes)
	if errors.Is(err, store.ErrNotFound) {
		return activation.DefaultPolicy(), nil
	}
	if err != nil {
		return activation.Policy{}, err
	}
	var p activation.Policy
	if err := json.Unmarshal([]byte(text), &p.SmallTypes); err != nil {
		return p, fmt.Errorf("read the setting %s: %w", settingSmallTypes, err)
	}
	return p, nil
}

// SmallTypes returns the instance types that are imported but not activated by default.
func (a *Assets) SmallTypes(ctx context.Context) ([]string, error) {
	p, err := a.activationPolicy(ctx)
	return p.SmallTypes, err
}

// SetSmallTypes replaces that list, and decides about every instance again.
func (a *Assets) SetSmallTypes(ctx context.Context, by auth.Principal, types []string) error {
	if err := core.Allow(by, auth.WriteSettings, ""); err != nil {
		return err
	}
	text, err := json.Marshal(types)
	if err != nil {
		return err
	}
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutSetting(ctx, settingSmallTypes, string(text)); err != nil {
			return err
		}
		return a.Audit(ctx, by, "setting.put", settingSmallTypes, "", string(text))
	})
	if err != nil {
		return err
	}
	world, err := a.World(ctx)
	if err != nil {
		return err
	}
	return a.assignModules(ctx, world)
}
