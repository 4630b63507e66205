package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"hinomi/internal/app/rejudge"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/store/part"
)

// Line returns the pipeline with its machines put in.
func (c *Core) Line() *pipeline.Line {
	return &pipeline.Line{
		Keep: c.Keeper(), Judges: judges(), Match: c.matchKept, Assign: c.Assign, Selected: c.Selected,
		Progress: c.Progress, Now: c.Now, Log: c.Log,
	}
}

// World loads all that is kept, for judges whose paths cross accounts.
func (c *Core) World(ctx context.Context) (*snapshot.Snapshot, error) {
	return c.DB.LoadSnapshot(ctx, auth.Everything())
}

// Match judges an inventory at a time with the newest advisories.
func (l *Library) Match(inv *inventory.Inventory, now time.Time) (pipeline.Matched, error) {
	m, _, err := l.MatchWith(inv, vuln.Options{Now: now})
	return m, err
}

// MatchWith judges an inventory with the newest advisories and what the caller decides; notes say which statements were not heard and why, and
// what the others left out.
func (l *Library) MatchWith(inv *inventory.Inventory, o vuln.Options) (m pipeline.Matched, notes []string, err error) {
	db, release, err := l.Use()
	if err != nil {
		return m, nil, err
	}
	defer release()
	res := vuln.Match(inv, db, o)
	found, err := vuln.Findings(&res, asset.Ref{}, db, o.Now)
	if err != nil {
		return m, nil, fmt.Errorf("describe what was found: %w", err)
	}
	for _, r := range res.Refused {
		notes = append(notes, "not heard: "+r)
	}
	if n := res.Counts.Dismissed[vuln.VEX]; n > 0 && len(o.Statements) > 0 {
		notes = append(notes, fmt.Sprintf("left out: %d matches that are not affected, as statements (VEX) say", n))
	}
	return pipeline.Matched{Findings: found, NotAssessed: notAssessed(res.NotAssessed), Feeds: res.Feeds, Packages: res.Counts.Packages}, notes, nil
}

// Judge returns what judges units with the advisories in use, and what to call when done with it. Without any it returns ErrNoAdvisories.
func (c *Core) Judge(ctx context.Context) (rejudge.Judge, func(), error) {
	db, release, err := c.Library.Use()
	if err != nil {
		return rejudge.Judge{}, nil, err
	}
	with, err := c.DB.JudgedWith(ctx)
	if err != nil {
		release()
		return rejudge.Judge{}, nil, err
	}
	options, rules, err := c.judging(ctx)
	if err != nil {
		release()
		return rejudge.Judge{}, nil, err
	}
	j := rejudge.Judge{DB: db, Options: options, Rules: rules, Workers: runtime.GOMAXPROCS(0)}
	if with.File == db.ID() {
		j.Edition = with.Edition
	}
	return j, release, nil
}

// matchKept implements pipeline.Matcher. Without advisories nothing is assessed yet, and it says so; the first ones judge it again.
func (c *Core) matchKept(ctx context.Context, hash string, inv *inventory.Inventory) (pipeline.Matched, error) {
	for range 3 { // newer advisories may come meanwhile; who brings them judges it again then
		units, err := c.DB.UnitsToJudge(ctx, hash)
		if err != nil {
			return pipeline.Matched{}, err
		}
		if len(units) == 0 {
			break
		}
		known, err := c.judge(ctx, units)
		if errors.Is(err, ErrNoAdvisories) {
			return pipeline.Matched{Packages: len(inv.Packages), NotAssessed: []string{"no advisories have been imported yet: hinomi feed update"}}, nil
		}
		if err != nil {
			return pipeline.Matched{}, err
		}
		if !known {
			break
		}
	}
	return c.Kept(ctx, hash, len(inv.Packages))
}

// judge judges units and keeps the verdicts. It reports whether the advisories in use are those that everything was judged with.
func (c *Core) judge(ctx context.Context, units []part.Unit) (known bool, err error) {
	j, release, err := c.Judge(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	verdicts, err := j.Units(ctx, units)
	if err != nil {
		return false, err
	}
	_, _, err = c.DB.PutVerdicts(ctx, j.Options.Now, verdicts)
	return j.Edition > 0, err
}

// Kept says what could not be judged in a kept inventory of so many packages.
func (c *Core) Kept(ctx context.Context, hash string, packages int) (pipeline.Matched, error) {
	notes, _, err := c.DB.InventoryNotes(ctx, hash)
	if err != nil {
		return pipeline.Matched{}, err
	}
	list := make([]vuln.NotAssessed, len(notes))
	for i, n := range notes {
		list[i] = vuln.NotAssessed{Reason: vuln.Reason(n.Reason), Ecosystem: n.Ecosystem, Package: n.Package, Version: n.Version, Packages: n.Packages, Detail: n.Detail}
	}
	return pipeline.Matched{NotAssessed: notAssessed(list), Packages: packages}, nil
}

// notAssessed says in words what could not be judged.
func notAssessed(list []vuln.NotAssessed) []string {
	out := make([]string, 0, len(list))
	for _, n := range list {
		if n.Reason == vuln.InventoryGap {
			out = append(out, n.Package+": "+n.Detail) // the path, and why it was not read
			continue
		}
		var b strings.Builder
		if n.Packages > 0 {
			fmt.Fprintf(&b, "%d packages", n.Packages)
			if n.Packages == 1 && n.Package != "" {
				b.Reset()
				b.WriteString(n.Package + " " + n.Version)
			}
		}
		if n.Ecosystem != "" {
			if b.Len() > 0 {
				b.WriteString(" of ")
			}
			b.WriteString(n.Ecosystem)
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(string(n.Reason))
		if n.Detail != "" {
			b.WriteString(" (" + n.Detail + ")")
		}
		out = append(out, b.String())
	}
	return out
}
