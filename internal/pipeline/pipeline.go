// Package pipeline is hinomi's line on one screen: a world that was read is kept and judged, an inventory that was read is kept and matched,
// and what is found is kept with its life. It knows the words and nothing of where data comes from or where it is kept.
package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/snapshot"
)

// Keeper keeps what the line produces; the store is one.
type Keeper interface {
	// ApplySnapshot keeps a read world for a connector.
	ApplySnapshot(ctx context.Context, connectorID, syncID string, snap *snapshot.Snapshot) (connector.Counts, error)
	// KeepVerdicts keeps what a judge said: found findings are opened or seen again, others of the type on the judged assets are closed.
	KeepVerdicts(ctx context.Context, v Verdicts) (Changes, error)
	// KeepInventory keeps an inventory under the hash of its content, once for all instances that share it.
	KeepInventory(ctx context.Context, inv *inventory.Inventory) (hash string, err error)
	// LinkInventory makes a kept and judged inventory the current one of an instance and returns how many findings that closed.
	LinkInventory(ctx context.Context, ref asset.Ref, hash string, inv *inventory.Inventory) (closed int, err error)
	// KeepCoverage keeps instances' statuses.
	KeepCoverage(ctx context.Context, list []coverage.Coverage) error
}

// Verdicts is what one judge said about some assets at one time.
type Verdicts struct {
	Types      []finding.Type
	Judged     []asset.Ref // fully judged: their findings of the types that are not in Found are closed. An asset in a gap is not in it
	Found      []finding.Finding
	EvidenceAt time.Time // when the evidence was read: nothing seen later than this is closed by it
}

// Changes counts what keeping verdicts changed.
type Changes struct {
	Opened   int `json:"opened"`
	Changed  int `json:"changed"`
	Reopened int `json:"reopened"`
	Closed   int `json:"closed"`
}

// Add adds counts.
func (c *Changes) Add(o Changes) {
	c.Opened += o.Opened
	c.Reopened += o.Reopened
	c.Closed += o.Closed
	c.Changed += o.Changed
}

// Judge evaluates the configuration of a world: pure.
type Judge struct {
	Name   string // for progress
	Module connector.Module
	Scan   coverage.Scan
	Judge  func(snap *snapshot.Snapshot, selected func(asset.Ref) bool) Verdicts
}

// Matcher judges a kept inventory by its hash: what of it nobody has judged with the advisories in use is judged and kept, for every instance
// that has it. It says what of the whole could not be judged.
type Matcher func(ctx context.Context, hash string, inv *inventory.Inventory) (Matched, error)

// Matched is what a matcher says of one inventory.
type Matched struct {
	Findings    []finding.Finding // of no asset: their Resource is empty; none of a kept inventory, which has them already
	NotAssessed []string          // in words: what could not be judged and why
	Feeds       []advisory.Feed   // what it was judged with
	Packages    int
}

// Whole reports whether everything in the inventory was judged: only then what is no longer found is closed.
func (m *Matched) Whole() bool { return len(m.NotAssessed) == 0 }

// Selection says whether a module looks at an asset: it is activated for it (instances only), and has one of the tags that the module is
// set to. Why says what speaks against it, a coverage reason and words; both are "" if nothing does.
type Selection struct {
	Why func(ref asset.Ref) (coverage.Reason, string)
}

// Has reports whether the module looks at an asset.
func (s Selection) Has(ref asset.Ref) bool {
	r, _ := s.Why(ref)
	return r == ""
}

// Left says in words why the module does not look at an asset, "" if it does.
func (s Selection) Left(ref asset.Ref) string {
	_, words := s.Why(ref)
	return words
}

// Line is the line with its machines. All fields must be set.
type Line struct {
	Keep     Keeper
	Judges   []Judge
	Match    Matcher
	Assign   func(ctx context.Context, snap *snapshot.Snapshot, connectors []string) error // own tags and activation
	Selected func(ctx context.Context, m connector.Module) (Selection, error)              // what a module looks at
	Progress func(Step)
	Now      func() time.Time
	Log      *slog.Logger
}

// Step is progress: Done of Total things of a stage. Total 0 means not known.
type Step struct {
	Stage string
	Done  int
	Total int
	What  string
}

// Observed is the outcome of Observe.
type Observed struct {
	Counts  connector.Counts
	Changes Changes
}

// Observe keeps a world that was read and judges it: first the assets, then their tags and activation, then every judge on the activated ones.
// whole is the world the judges see: all that is kept of every connector, since paths cross accounts.
func (l *Line) Observe(ctx context.Context, c *connector.Connector, syncID string, snap *snapshot.Snapshot,
	whole func(context.Context) (*snapshot.Snapshot, error),
) (Observed, error) {
	var out Observed
	l.Progress(Step{Stage: "keep", Total: 1, What: c.Name})
	counts, err := l.Keep.ApplySnapshot(ctx, c.ID, syncID, snap)
	if err != nil {
		return out, fmt.Errorf("keep what connector %s read: %w", c.Name, err)
	}
	out.Counts = counts
	l.Progress(Step{Stage: "keep", Done: 1, Total: 1, What: c.Name})
	world, err := whole(ctx)
	if err != nil {
		return out, fmt.Errorf("load the kept world: %w", err)
	}
	out.Changes, err = l.JudgeWorld(ctx, world, []string{c.ID})
	return out, err
}

// JudgeWorld assigns tags and activation and runs every judge on a kept world.
func (l *Line) JudgeWorld(ctx context.Context, world *snapshot.Snapshot, connectors []string) (Changes, error) {
	var out Changes
	if err := l.Assign(ctx, world, connectors); err != nil {
		return out, fmt.Errorf("assign tags and activation: %w", err)
	}
	for i, j := range l.Judges {
		l.Progress(Step{Stage: "judge", Done: i, Total: len(l.Judges), What: j.Name})
		selected, err := l.Selected(ctx, j.Module)
		if err != nil {
			return out, fmt.Errorf("select assets of module %s: %w", j.Module, err)
		}
		v := j.Judge(world, selected.Has)
		v.EvidenceAt = world.TakenAt
		changes, err := l.Keep.KeepVerdicts(ctx, v)
		if err != nil {
			return out, fmt.Errorf("keep the verdicts of %s: %w", j.Name, err)
		}
		out.Add(changes)
		if err := l.Keep.KeepCoverage(ctx, JudgedCoverage(world, j, selected, v, l.Now())); err != nil {
			return out, fmt.Errorf("keep the coverage of %s: %w", j.Name, err)
		}
	}
	l.Progress(Step{Stage: "judge", Done: len(l.Judges), Total: len(l.Judges)})
	return out, nil
}

// Inspected is the outcome of Inspect.
type Inspected struct {
	Hash     string
	Matched  Matched
	Closed   int // findings that its evidence closed
	Coverage coverage.Coverage
}

// Inspect keeps an inventory that was read from an instance, judges it and makes it the instance's own. cost is part of the coverage row.
func (l *Line) Inspect(ctx context.Context, ref asset.Ref, name string, inv *inventory.Inventory, cost Cost) (Inspected, error) {
	var out Inspected
	hash, err := l.Keep.KeepInventory(ctx, inv)
	if err != nil {
		return out, fmt.Errorf("keep the inventory of %s: %w", ref.ID, err)
	}
	out.Hash = hash
	out.Matched, err = l.Match(ctx, hash, inv)
	if err != nil {
		return out, fmt.Errorf("match the inventory of %s: %w", ref.ID, err)
	}
	if out.Closed, err = l.Keep.LinkInventory(ctx, ref, hash, inv); err != nil {
		return out, fmt.Errorf("link the inventory of %s: %w", ref.ID, err)
	}
	out.Coverage = inspectedCoverage(ref, name, inv, hash, out.Matched, cost, l.Now())
	if err := l.Keep.KeepCoverage(ctx, []coverage.Coverage{out.Coverage}); err != nil {
		return out, fmt.Errorf("keep the coverage of %s: %w", ref.ID, err)
	}
	return out, nil
}
