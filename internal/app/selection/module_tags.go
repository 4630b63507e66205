package selection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/app/core"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/pipeline"
	"hinomi/internal/store"
)

// settingModuleTags returns the name of the setting that holds the tags which a module's assets must have, as a JSON list.
func settingModuleTags(m connector.Module) string { return "module-tags-" + string(m) }

// ModuleTags returns the tags that a module is set to: it looks at assets with one of them. None: at all of them.
func (a *Assets) ModuleTags(ctx context.Context, m connector.Module) ([]string, error) {
	var tags []string
	text, err := a.DB.Setting(ctx, settingModuleTags(m))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &tags); err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", settingModuleTags(m), err)
	}
	return tags, nil
}

// SetModuleTags sets a module to assets with one of the tags, or with none given to all, and judges the kept world again.
func (a *Assets) SetModuleTags(ctx context.Context, by auth.Principal, m connector.Module, tags []string) error {
	if err := core.Allow(by, auth.WriteSettings, ""); err != nil {
		return err
	}
	if !slices.Contains(connector.Modules(), m) {
		return fmt.Errorf("module %q is none of vulnerability, network, configuration", m)
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	err = a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutSetting(ctx, settingModuleTags(m), string(text)); err != nil {
			return err
		}
		return a.Audit(ctx, by, "setting.put", settingModuleTags(m), "", string(text))
	})
	if err != nil {
		return err
	}
	world, err := a.World(ctx)
	if err != nil {
		return err
	}
	_, err = a.Line().JudgeWorld(ctx, world, nil)
	return err
}

// Select returns what a module looks at: instances that are activated for it, and any other asset; and where the module is set to tags,
// of these only assets with one of them. What an exclusion tag keeps from scans is kept from the network's judgement, too.
func (a *Assets) Select(ctx context.Context, m connector.Module) (pipeline.Selection, error) {
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return pipeline.Selection{}, err
	}
	active, excluded := map[asset.Ref]bool{}, map[asset.Ref]string{}
	err = a.eachAsset(ctx, store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Module: m}, func(v store.Asset) {
		ref := asset.RefOf(v.Asset)
		active[ref], excluded[ref] = true, settings.Excluding(v.Base().Tags)
	})
	if err != nil {
		return pipeline.Selection{}, err
	}
	tags, err := a.ModuleTags(ctx, m)
	if err != nil {
		return pipeline.Selection{}, err
	}
	var tagged map[asset.Ref]bool
	if len(tags) > 0 {
		tagged = map[asset.Ref]bool{}
		if err := a.eachAsset(ctx, store.AssetFilter{Tags: tags}, func(v store.Asset) { tagged[asset.RefOf(v.Asset)] = true }); err != nil {
			return pipeline.Selection{}, err
		}
	}
	return pipeline.Selection{Why: func(r asset.Ref) (coverage.Reason, string) {
		switch {
		case r.Kind == asset.KindInstance && !active[r]:
			return coverage.NotActivated, fmt.Sprintf("module %s is not activated for it: hinomi asset show %s says why", m, r.ID)
		case len(tags) > 0 && !tagged[r]:
			return coverage.NotActivated, fmt.Sprintf("module %s looks only at assets with the tags %s (hinomi setting module-tags %s)", m, strings.Join(tags, ", "), m)
		case m == connector.Network && excluded[r] != "":
			return coverage.ExcludedByTag, "its tag " + excluded[r] + " excludes it from scans"
		}
		return "", ""
	}}, nil
}

// eachAsset calls do for every asset that a filter selects.
func (a *Assets) eachAsset(ctx context.Context, f store.AssetFilter, do func(store.Asset)) error {
	for from := ""; ; {
		page, next, err := a.DB.Assets(ctx, auth.Everything(), f, from, 1000)
		if err != nil {
			return err
		}
		for _, v := range page {
			do(v)
		}
		if next == "" {
			return nil
		}
		from = next
	}
}
