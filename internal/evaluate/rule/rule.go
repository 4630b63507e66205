// Package rule judges the configuration of assets: one rule looks at one asset of a snapshot and says whether it is as it should be, and why not.
// The words for results are AWS Config's (API reference, Evaluation).
package rule

import (
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/snapshot"
)

// Rule is one check on one kind of asset. An ID, once released, never changes.
type Rule struct {
	ID       string // AWS Config's identifier where it has one
	Title    string
	Source   string // document and clause
	Severity finding.Severity
	Kind     asset.Kind
	Mend     string // how to put it right
	// Needs names the kinds, beside Kind, that must have been read in the asset's account and region;
	// inside a gap the result is INSUFFICIENT_DATA without asking Check.
	Needs []asset.Kind
	Check func(s *snapshot.Snapshot, a asset.Asset) Result
}

// Result is what a rule says of one asset.
type Result struct {
	Status Status
	Detail string // what was seen; for INSUFFICIENT_DATA what is missing
}

// Status is one of AWS Config's compliance words.
type Status string

// The statuses.
const (
	StatusCompliant     Status = "COMPLIANT"
	StatusNonCompliant  Status = "NON_COMPLIANT"
	StatusNotApplicable Status = "NOT_APPLICABLE"
	StatusInsufficient  Status = "INSUFFICIENT_DATA"
)

// Compliant says that the asset is as it should be.
func Compliant() Result { return Result{Status: StatusCompliant} }

// NonCompliant says that it is not, and what was seen.
func NonCompliant(detail string) Result { return Result{Status: StatusNonCompliant, Detail: detail} }

// NotApplicable says that the rule has nothing to say of this asset, and why.
func NotApplicable(why string) Result { return Result{Status: StatusNotApplicable, Detail: why} }

// InsufficientData says what is missing for a judgement.
func InsufficientData(missing string) Result {
	return Result{Status: StatusInsufficient, Detail: missing}
}

// Evaluation is one rule's result for one asset.
type Evaluation struct {
	Rule   *Rule
	Ref    asset.Ref
	Result Result
}

// Evaluate applies every rule to every asset of its kind that selected accepts, in the order of rules and references.
// A nil selected accepts all.
func Evaluate(s *snapshot.Snapshot, rules []Rule, selected func(asset.Ref) bool) []Evaluation {
	var out []Evaluation
	for i := range rules {
		r := &rules[i]
		for a := range s.Assets(r.Kind) {
			ref := asset.RefOf(a)
			if selected != nil && !selected(ref) {
				continue
			}
			out = append(out, Evaluation{Rule: r, Ref: ref, Result: judge(s, r, a)})
		}
	}
	return out
}

func judge(s *snapshot.Snapshot, r *Rule, a asset.Asset) Result {
	m := a.Base()
	for _, kind := range r.Needs {
		if g, missing := s.GapFor(m.Account, m.Region, kind); missing {
			return InsufficientData(string(kind) + " of " + m.Account + "/" + m.Region + ": " + string(g.Reason))
		}
	}
	return r.Check(s, a)
}

// Findings turns the NON_COMPLIANT evaluations into findings without times: who keeps them sets first and last seen.
func Findings(evals []Evaluation) []finding.Finding {
	var out []finding.Finding
	for _, e := range evals {
		if e.Result.Status != StatusNonCompliant {
			continue
		}
		out = append(out, finding.Finding{
			ID:          finding.Fingerprint(finding.Configuration, e.Ref, e.Rule.ID),
			Type:        finding.Configuration,
			Title:       e.Rule.Title,
			Description: e.Result.Detail,
			Severity:    e.Rule.Severity,
			Resource:    e.Ref,
			Rule:        &finding.Rule{ID: e.Rule.ID, Source: e.Rule.Source, Detail: e.Result.Detail},
			Remediation: e.Rule.Mend,
			Why:         []string{e.Rule.ID + " (" + e.Rule.Source + "): " + e.Result.Detail},
			Status:      finding.Active,
		})
	}
	return out
}

// Undecided returns the references about which at least one rule had too little data: their open findings must not be closed.
func Undecided(evals []Evaluation) []Evaluation {
	return slices.DeleteFunc(slices.Clone(evals), func(e Evaluation) bool { return e.Result.Status != StatusInsufficient })
}
