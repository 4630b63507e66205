package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/evaluate/reach"
	"hinomi/internal/evaluate/rule/activation"
	"hinomi/internal/evaluate/rule/tag"
	"hinomi/internal/job"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// assign gives the assets of a world their dynamic tags and decides for which modules they are activated.
func (a *App) assign(ctx context.Context, world *snapshot.Snapshot, _ []string) error {
	if err := a.assignTags(ctx, world); err != nil {
		return err
	}
	if err := a.assignModules(ctx, world); err != nil {
		return err
	}
	return a.assignCoverage(ctx, world)
}

func (a *App) doTags(ctx context.Context, _ *job.Job) error { return a.retag(ctx) }

// retag evaluates the dynamic tags after findings have changed. Without rules the world is not even loaded.
func (a *App) retag(ctx context.Context) error {
	rules, err := a.db.TagRules(ctx)
	if err != nil || len(rules) == 0 {
		return err
	}
	world, err := a.world(ctx)
	if err != nil {
		return err
	}
	return a.assignTags(ctx, world)
}

// assignTags evaluates every dynamic tag's rule. An asset about which a rule could not be evaluated keeps the tag as it was.
func (a *App) assignTags(ctx context.Context, world *snapshot.Snapshot) error {
	rules, err := a.db.TagRules(ctx)
	if err != nil || len(rules) == 0 {
		return err
	}
	facts, unclear, err := a.tagFacts(ctx, world)
	if err != nil {
		return err
	}
	for _, r := range rules {
		set, err := tag.Compile([]asset.TagRule{r})
		if err != nil {
			return err
		}
		tags, faults := set.Eval(world, facts, a.now())
		var refs []asset.Ref
		for ref := range tags {
			refs = append(refs, ref)
		}
		var open []asset.Ref // about which the rule says nothing now
		for _, f := range faults {
			open = append(open, f.Ref)
		}
		if strings.Contains(r.Expression, "openPorts") {
			open = append(open, unclear...)
		}
		kept, err := a.keptTags(ctx, r, open)
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			a.log.WarnContext(ctx, "tag rule not evaluated on some assets", slog.String("rule", r.Name), slog.Int("assets", len(faults)), slog.Any("first", faults[0].Err))
		}
		if _, err := a.db.SetRuleTags(ctx, r, append(refs, kept...)); err != nil {
			return err
		}
	}
	return nil
}

// keptTags returns those of some assets that have a rule's tag already.
func (a *App) keptTags(ctx context.Context, r store.TagRule, open []asset.Ref) ([]asset.Ref, error) {
	if len(open) == 0 {
		return nil, nil
	}
	wanted := make(map[asset.Ref]bool, len(open))
	for _, ref := range open {
		wanted[ref] = true
	}
	var out []asset.Ref
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Tags: []string{r.Tag}}
	for from := ""; ; {
		page, next, err := a.db.Assets(ctx, auth.Everything(), f, from, 1000)
		if err != nil {
			return nil, fmt.Errorf("assets with the tag %s: %w", r.Tag, err)
		}
		for _, v := range page {
			ref := asset.RefOf(v.Asset)
			if wanted[ref] && slices.ContainsFunc(v.OurTags, func(t store.Tag) bool { return t.Origin == r.ID && t.Tag == r.Tag }) {
				out = append(out, ref)
			}
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}

// tagFacts gathers what rules may ask beside the asset itself. unclear are the instances whose open ports are not known wholly.
func (a *App) tagFacts(ctx context.Context, world *snapshot.Snapshot) (facts tag.Facts, unclear []asset.Ref, err error) {
	ports := map[asset.Ref][]int64{}
	for i := range snapshot.All[asset.Instance](world) {
		if _, gap := world.GapFor(i.Account, i.Region, asset.KindNetworkInterface); gap {
			unclear = append(unclear, asset.RefOf(i))
		}
	}
	for _, e := range reach.FromInternet(world) {
		if e.Verdict == reach.Unknown {
			unclear = append(unclear, e.Ref())
		}
		if e.Verdict != reach.Reachable {
			continue
		}
		for _, p := range e.Ports {
			for n := int64(p.From); n <= int64(p.To) && len(ports[e.Ref()]) < 65536; n++ {
				ports[e.Ref()] = append(ports[e.Ref()], n)
			}
		}
	}
	vulnerable, err := a.vulnerabilities(ctx)
	if err != nil {
		return tag.Facts{}, nil, err
	}
	return tag.Facts{
		OpenPorts:       func(r asset.Ref) []int64 { return ports[r] },
		Vulnerabilities: func(r asset.Ref) []string { return vulnerable[r] },
	}, unclear, nil
}

// assignModules decides the activation of every instance.
func (a *App) assignModules(ctx context.Context, world *snapshot.Snapshot) error {
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
	if _, err = a.db.SetActivations(ctx, list); err != nil {
		return err
	}
	return a.endByHand(ctx)
}

// endByHand ends what a person activated on instances that were terminated since: they do not come back.
func (a *App) endByHand(ctx context.Context) error {
	var list []store.AssetActivation
	for _, m := range connector.Modules() {
		f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, States: []string{"terminated", "shutting-down"}, Module: m}
		for from := ""; ; {
			page, next, err := a.db.Assets(ctx, auth.Everything(), f, from, 1000)
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
	_, err := a.db.SetActivations(ctx, list)
	return err
}

// automaticModules returns the modules that the connectors of an account activate. An account that no connector reads (a dump) has all.
func (a *App) automaticModules(ctx context.Context) (func(account string) []connector.Module, error) {
	byAccount := map[string][]connector.Module{}
	err := a.eachConnector(ctx, auth.Everything(), func(c *connector.Connector) error {
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

// eachConnector calls do for every connector in a scope.
func (a *App) eachConnector(ctx context.Context, s auth.Scope, do func(*connector.Connector) error) error {
	for from := ""; ; {
		page, next, err := a.db.Connectors(ctx, s, from, 200)
		if err != nil {
			return err
		}
		for i := range page {
			if err := do(&page[i]); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		from = next
	}
}
