// Package tag gives hinomi's own dynamic tags to assets: each tag has a rule, a CEL expression over the typed asset.
package tag

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"hinomi/internal/asset"
	"hinomi/internal/snapshot"
)

// costLimit bounds one expression's work on one asset, in CEL's cost units (cel-go, cel.CostLimit). A pass over a
// few hundred list entries with a prefix test each stays far below it.
const costLimit = 100_000

// Set is a list of compiled rules.
type Set struct {
	rules []compiled
}

type compiled struct {
	rule asset.TagRule
	prog cel.Program
}

// Facts is what evaluation knows of assets beside the snapshot: both may be nil.
type Facts struct {
	// OpenPorts lists the TCP and UDP ports of an asset that the internet can reach.
	OpenPorts func(asset.Ref) []int64
	// Vulnerabilities lists the ids of an asset's active package findings.
	Vulnerabilities func(asset.Ref) []string
}

// Error is a rule that could not be used, with the place in its expression.
type Error struct {
	Tag          string
	Line, Column int // from 1; 0 where the place is not known
	Msg          string
}

// Error says which rule is wrong, where and why.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("rule of tag %q: %s", e.Tag, e.Msg)
	}
	return fmt.Sprintf("rule of tag %q: line %d, column %d: %s", e.Tag, e.Line, e.Column, e.Msg)
}

// Compile checks and compiles the enabled rules. The error is an *Error and names the first rule that is wrong.
func Compile(rules []asset.TagRule) (*Set, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("make the rule language: %w", err)
	}
	set := &Set{}
	for _, r := range rules {
		if !r.Enabled {
			continue
		}
		prog, err := compile(env, r)
		if err != nil {
			return nil, err
		}
		set.rules = append(set.rules, compiled{r, prog})
	}
	return set, nil
}

func compile(env *cel.Env, r asset.TagRule) (cel.Program, error) {
	if strings.TrimSpace(r.Tag) == "" {
		return nil, &Error{Tag: r.Tag, Msg: "the tag's name is empty"}
	}
	ast, issues := env.Compile(r.Expression)
	if issues != nil && issues.Err() != nil {
		e := &Error{Tag: r.Tag, Msg: issues.Err().Error()}
		if list := issues.Errors(); len(list) > 0 {
			e.Line, e.Column, e.Msg = list[0].Location.Line(), list[0].Location.Column()+1, list[0].Message
		}
		return nil, e
	}
	if ast.OutputType() != cel.BoolType {
		return nil, &Error{Tag: r.Tag, Msg: "the expression is a " + ast.OutputType().String() + ", not true or false"}
	}
	prog, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, &Error{Tag: r.Tag, Msg: err.Error()}
	}
	return prog, nil
}

// Fault is one rule that could not be evaluated on one asset. The asset keeps the tag as it was: not knowing is not "no".
type Fault struct {
	Ref asset.Ref
	Tag string
	Err error
}

// Eval returns the tags of every instance, sorted, at a time, and the rules that failed on an asset.
func (s *Set) Eval(snap *snapshot.Snapshot, facts Facts, now time.Time) (map[asset.Ref][]string, []Fault) {
	out := map[asset.Ref][]string{}
	var faults []Fault
	if len(s.rules) == 0 {
		return out, nil
	}
	for i := range snapshot.All[asset.Instance](snap) {
		ref := asset.RefOf(i)
		vars := map[string]any{"asset": view(snap, i, facts), "now": now}
		for _, c := range s.rules {
			v, _, err := c.prog.Eval(vars)
			if err != nil {
				faults = append(faults, Fault{ref, c.rule.Tag, err})
				continue
			}
			if yes, ok := v.Value().(bool); ok && yes && !slices.Contains(out[ref], c.rule.Tag) {
				out[ref] = append(out[ref], c.rule.Tag)
			}
		}
		slices.Sort(out[ref])
	}
	return out, faults
}
