package app

import (
	"context"
	"encoding/json"
	"fmt"

	"hinomi/internal/auth"
	"hinomi/internal/evaluate/rule/activation"
	"hinomi/internal/run"
)

// settingSmallTypes names the setting that holds the instance types which connectors do not activate by themselves, as a JSON list.
const settingSmallTypes = "activation-small-types"

// activationPolicy returns the configured policy, or the default.
func (a *App) activationPolicy(ctx context.Context) (activation.Policy, error) {
	text, err := a.db.Setting(ctx, settingSmallTypes)
	if isNotFound(err) {
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
func (a *App) SmallTypes(ctx context.Context) ([]string, error) {
	p, err := a.activationPolicy(ctx)
	return p.SmallTypes, err
}

// SetSmallTypes replaces that list, and decides about every instance again.
func (a *App) SetSmallTypes(ctx context.Context, by auth.Principal, types []string) error {
	if err := allow(by, auth.WriteSettings, ""); err != nil {
		return err
	}
	text, err := json.Marshal(types)
	if err != nil {
		return err
	}
	err = a.db.InTx(ctx, func(ctx context.Context) error {
		if err := a.db.PutSetting(ctx, settingSmallTypes, string(text)); err != nil {
			return err
		}
		return a.audit(ctx, by, "setting.put", settingSmallTypes, "", string(text))
	})
	if err != nil {
		return err
	}
	world, err := a.world(ctx)
	if err != nil {
		return err
	}
	return a.assignModules(ctx, world)
}

// openResources returns what of ours may still lie in the account of a connector.
func (a *App) openResources(ctx context.Context, connectorID string) ([]run.Resource, error) {
	all, err := a.db.ListOpenResources(ctx)
	if err != nil {
		return nil, err
	}
	var out []run.Resource
	for _, r := range all {
		if r.Connector == connectorID {
			out = append(out, r)
		}
	}
	return out, nil
}
