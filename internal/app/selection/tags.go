package selection

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/reach"
	"hinomi/internal/evaluate/rule/tag"
	"hinomi/internal/finding"
	"hinomi/internal/job"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

func (a *Assets) doTags(ctx context.Context, _ *job.Job) error { return a.Retag(ctx) }

// Retag evaluates the dynamic tags after findings have changed. Without rules the world is not even loaded.
func (a *Assets) Retag(ctx context.Context) error {
	rules, err := a.DB.TagRules(ctx)
	if err != nil || len(rules) == 0 {
		return err
	}
	world, err := a.World(ctx)
	if err != nil {
		return err
	}
	return a.assignTags(ctx, world)
}

// assignTags evaluates every dynamic tag's rule. An asset about which a rule could not be evaluated keeps the tag as it was.
func (a *Assets) assignTags(ctx context.Context, world *snapshot.Snapshot) error {
	rules, err := a.DB.TagRules(ctx)
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
		tags, faults := set.Eval(world, facts, a.Now())
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
			a.Log.WarnContext(ctx, "tag rule not evaluated on some assets", slog.String("rule", r.Name), slog.Int("assets", len(faults)), slog.Any("first", faults[0].Err))
		}
		if _, err := a.DB.SetRuleTags(ctx, r, append(refs, kept...)); err != nil {
			return err
		}
	}
	return nil
}

// keptTags returns those of some assets that have a rule's tag already.
func (a *Assets) keptTags(ctx context.Context, r store.TagRule, open []asset.Ref) ([]asset.Ref, error) {
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
		page, next, err := a.DB.Assets(ctx, auth.Everything(), f, from, 1000)
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
func (a *Assets) tagFacts(ctx context.Context, world *snapshot.Snapshot) (facts tag.Facts, unclear []asset.Ref, err error) {
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

// vulnerabilities returns the ids of every asset's active package findings.
func (a *Assets) vulnerabilities(ctx context.Context) (map[asset.Ref][]string, error) {
	out := map[asset.Ref][]string{}
	f := store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability}}
	for from := ""; ; {
		page, next, err := a.DB.Findings(ctx, auth.Everything(), f, from, 1000)
		if err != nil {
			return nil, err
		}
		for _, v := range page {
			if v.Package != nil {
				out[v.Resource] = append(out[v.Resource], v.Package.VulnerabilityID)
			}
		}
		if next == "" {
			return out, nil
		}
		from = next
	}
}
