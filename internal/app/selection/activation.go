package selection

import (
	"context"
	"fmt"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/evaluate/rule/activation"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// assignModules decides the activation of every instance.
func (a *Assets) assignModules(ctx context.Context, world *snapshot.Snapshot) error {
	automatic, err := a.automaticModules(ctx)
	if err != nil {
		return err
	}
	policy, err := a.activationPolicy(ctx)
	if err != nil {
		return err
	}
	var list []store.AssetActivation
	for i := range snapshot.All[asset.Instance](world) {
		// Decisions by hand stand in the store and win there; the end of the instance wins over them here.
		for _, d := range activation.Decide(policy, i, automatic(i.Account), nil) {
			list = append(list, store.AssetActivation{Ref: asset.RefOf(i), Activation: store.Activation{Module: d.Module, Active: d.Active, Reason: d.Why}})
		}
	}
	if _, err = a.DB.SetActivations(ctx, list); err != nil {
		return err
	}
	return a.endByHand(ctx)
}

// endByHand ends what a person activated on instances that were terminated since: they do not come back.
func (a *Assets) endByHand(ctx context.Context) error {
	var list []store.AssetActivation
	for _, m := range connector.Modules() {
		f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, States: []string{"terminated", "shutting-down"}, Module: m}
		for from := ""; ; {
			page, next, err := a.DB.Assets(ctx, auth.Everything(), f, from, 1000)
			if err != nil {
				return fmt.Errorf("terminated instances of module %s: %w", m, err)
			}
			for _, v := range page {
				list = append(list, store.AssetActivation{Ref: asset.RefOf(v.Asset), Activation: store.Activation{Module: m, Hand: true, Reason: "instance is terminated"}})
			}
			if from = next; next == "" {
				break
			}
		}
	}
	_, err := a.DB.SetActivations(ctx, list)
	return err
}

// automaticModules returns the modules that the connectors of an account activate. An account that no connector reads (a dump) has all.
func (a *Assets) automaticModules(ctx context.Context) (func(account string) []connector.Module, error) {
	byAccount := map[string][]connector.Module{}
	err := a.EachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
		byAccount[c.Account] = append(byAccount[c.Account], c.Modules...)
		return nil
	})
	return func(account string) []connector.Module {
		if m, ok := byAccount[account]; ok {
			return m
		}
		return connector.Modules()
	}, err
}
