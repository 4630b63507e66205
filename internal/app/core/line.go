package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
)

// Line returns the pipeline with its machines put in.
func (c *Core) Line() *pipeline.Line {
	return &pipeline.Line{
		Keep: c.Keeper(), Judges: judges(), Match: c.matchOrWait, Assign: c.Assign, Selected: c.Selected,
		Progress: c.Progress, Now: c.Now, Log: c.Log,
	}
}

// World loads all that is kept, for judges whose paths cross accounts.
func (c *Core) World(ctx context.Context) (*snapshot.Snapshot, error) {
	return c.DB.LoadSnapshot(ctx, auth.Everything())
}

// Match judges an inventory with the advisories in use. Without any it returns ErrNoAdvisories.
func (c *Core) Match(inv *inventory.Inventory) (pipeline.Matched, error) {
	return c.Library.Match(inv, c.Now())
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

// matchOrWait is Match for inventories that are kept: without advisories nothing is assessed yet, and it says so; the first ones judge it again.
func (c *Core) matchOrWait(_ context.Context, inv *inventory.Inventory) (pipeline.Matched, error) {
	m, err := c.Match(inv)
	if errors.Is(err, ErrNoAdvisories) {
		return pipeline.Matched{Packages: len(inv.Packages), NotAssessed: []string{"no advisories have been imported yet: hinomi feed update"}}, nil
	}
	return m, err
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
