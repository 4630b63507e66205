package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

// line puts the machines into the pipeline.
func (a *App) line() *pipeline.Line {
	return &pipeline.Line{
		Keep: keeper{a.db}, Judges: judges(), Match: a.matchOrWait, Assign: a.assign, Selected: a.selected,
		Progress: a.cfg.Progress, Now: a.now, Log: a.log,
	}
}

// world loads all that is kept, for judges whose paths cross accounts.
func (a *App) world(ctx context.Context) (*snapshot.Snapshot, error) {
	return a.db.LoadSnapshot(ctx, auth.Everything())
}

// match judges an inventory with the advisories in use. Without any, nothing is assessed, and that is what it says.
func (a *App) match(_ context.Context, inv *inventory.Inventory) (pipeline.Matched, error) {
	db, release, err := a.lib().use()
	if err != nil {
		return pipeline.Matched{}, err
	}
	defer release()
	res := vuln.Match(inv, db, vuln.Options{Now: a.now()})
	found, err := vuln.Findings(&res, asset.Ref{}, db, a.now())
	if err != nil {
		return pipeline.Matched{}, fmt.Errorf("describe what was found: %w", err)
	}
	return pipeline.Matched{Findings: found, NotAssessed: notAssessed(res.NotAssessed), Feeds: res.Feeds, Packages: res.Counts.Packages}, nil
}

// matchOrWait is match for inventories that are kept: without advisories nothing is assessed yet, and it says so; the first ones judge it again.
func (a *App) matchOrWait(ctx context.Context, inv *inventory.Inventory) (pipeline.Matched, error) {
	m, err := a.match(ctx, inv)
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

// vulnerabilities returns the ids of every asset's active package findings.
func (a *App) vulnerabilities(ctx context.Context) (map[asset.Ref][]string, error) {
	out := map[asset.Ref][]string{}
	f := store.FindingFilter{Types: []finding.Type{finding.PackageVulnerability}}
	for from := ""; ; {
		page, next, err := a.db.Findings(ctx, auth.Everything(), f, from, 1000)
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
