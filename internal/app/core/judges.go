package core

import (
	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/evaluate/reach"
	"hinomi/internal/evaluate/rule"
	"hinomi/internal/evaluate/rule/ec2"
	"hinomi/internal/finding"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
)

// judges lists what is evaluated on a world: one line each.
func judges() []pipeline.Judge {
	return []pipeline.Judge{
		{Name: "ways in from the internet", Module: connector.Network, Scan: coverage.NetworkScan, Judge: judgeNetwork},
		{Name: "configuration rules", Module: connector.Configuration, Scan: coverage.RuleScan, Judge: judgeRules},
	}
}

// judgeNetwork finds what the internet reaches. An instance counts as judged if every one of its addresses has a definite verdict.
func judgeNetwork(snap *snapshot.Snapshot, selected func(asset.Ref) bool) pipeline.Verdicts {
	var rows []reach.Exposure
	unclear := map[asset.Ref]bool{}
	for _, e := range reach.FromInternet(snap) {
		if !selected(e.Ref()) {
			continue
		}
		rows = append(rows, e)
		if e.Verdict == reach.Unknown {
			unclear[e.Ref()] = true
		}
	}
	v := pipeline.Verdicts{Types: []finding.Type{finding.NetworkReachability}, Found: reach.Findings(rows)}
	for i := range snapshot.All[asset.Instance](snap) {
		ref := asset.RefOf(i)
		_, gap := snap.GapFor(i.Account, i.Region, asset.KindNetworkInterface)
		if selected(ref) && !unclear[ref] && !gap {
			v.Judged = append(v.Judged, ref)
		}
	}
	return v
}

// judgeRules applies the configuration rules to every asset that the module looks at.
func judgeRules(snap *snapshot.Snapshot, selected func(asset.Ref) bool) pipeline.Verdicts {
	evals := rule.Evaluate(snap, ec2.All(), selected)
	v := pipeline.Verdicts{Types: []finding.Type{finding.Configuration}, Found: rule.Findings(evals)}
	unclear := map[asset.Ref]bool{}
	for _, e := range rule.Undecided(evals) {
		unclear[e.Ref] = true
	}
	seen := map[asset.Ref]bool{}
	for _, e := range evals {
		if !unclear[e.Ref] && !seen[e.Ref] {
			seen[e.Ref] = true
			v.Judged = append(v.Judged, e.Ref)
		}
	}
	return v
}
