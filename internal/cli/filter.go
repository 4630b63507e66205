package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/action/export"
	"hinomi/internal/app"
	"hinomi/internal/cli/choice"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/store"
)

// listNarrowed lists findings of which some are left out after they were fetched: counts and limits are of those that stay.
func (c *command) listNarrowed(ctx context.Context, a *app.App, f *findingFlags, fetch func(limit int) ([]finding.Finding, bool, error)) error {
	all, _, err := fetch(0)
	if err != nil {
		return err
	}
	list, notes := f.want.Apply(all, c.cfg.Now())
	counts := countOf(list)
	if err := c.failOnCounts(ctx, a, f, counts); err != nil {
		return err
	}
	if f.count {
		v := severityTable(counts)
		v.notes = append(v.notes, notes...)
		return c.show(v)
	}
	more := f.limit > 0 && len(list) > f.limit
	if more {
		list = list[:f.limit]
	}
	return c.showFindings(ctx, a, f, list, more, notes)
}

// countOf counts findings as the store does.
func countOf(list []finding.Finding) []store.FindingCount {
	var out []store.FindingCount
	for i := range list {
		x := &list[i]
		at := slices.IndexFunc(out, func(k store.FindingCount) bool {
			return k.Type == x.Type && k.Severity == x.Severity && k.Status == x.Status
		})
		if at < 0 {
			out, at = append(out, store.FindingCount{Type: x.Type, Severity: x.Severity, Status: x.Status}), len(out)
		}
		out[at].Count++
	}
	return out
}

// showFindings shows the findings of an installation.
func (c *command) showFindings(ctx context.Context, a *app.App, f *findingFlags, list []finding.Finding, more bool, notes []string) error {
	names, err := instanceNames(ctx, a)
	if err != nil {
		return err
	}
	if c.exported() {
		missing, err := missingOf(ctx, a, f)
		if err != nil {
			return err
		}
		if more {
			missing = append(missing, fmt.Sprintf("only the first %d findings are in this document: --limit 0 writes all", f.limit))
		}
		c.aside(notes)
		return c.export(&export.Document{Target: f.scanned, Kind: "instance", Inventory: f.inventory, Findings: list, NotAssessed: missing, Names: names})
	}
	v := findingView("", list, names)
	v.notes = append(v.notes, notes...)
	if more {
		v.notes = append(v.notes, fmt.Sprintf("… the first %d; --limit 0 shows all, hinomi findings --count counts them", f.limit))
	}
	return c.show(v)
}

// missingOf says which instances that the flags name were not looked at, or not fully.
func missingOf(ctx context.Context, a *app.App, f *findingFlags) ([]string, error) {
	of := store.CoverageFilter{Accounts: f.accounts, Regions: f.regions, Assets: f.assets, Tags: f.tags}
	for _, t := range f.types {
		of.Scans = append(of.Scans, scansOf[strings.ToLower(t)])
	}
	list, _, err := pages(0, func(from string, n int) ([]coverage.Coverage, string, error) {
		return a.Store().Coverage(ctx, operator().Scope, of, from, n)
	})
	var out []string
	for _, k := range list {
		if assessed(k.Reason) {
			continue
		}
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s %s: %s: %s", k.Resource.ID, strings.ToLower(string(k.Scan)), k.Reason, k.Detail), ": "))
	}
	if len(list) == 0 {
		out = append(out, "no instance is known here")
	}
	return out, err
}

// assessed reports whether a reason of coverage leaves nothing to be looked at.
func assessed(r coverage.Reason) bool {
	switch r {
	case coverage.Successful, coverage.NotActivated, coverage.ExcludedByTag, coverage.ResourceTerminated:
		return true
	default:
		return false
	}
}

// scannedFlags are those by which the findings of scanned instances are shown.
func scannedFlags(ids []string, failOn string, want *choice.Choice) *findingFlags {
	return &findingFlags{assets: ids, statuses: []string{"active"}, types: []string{"package", "eol", "secret"}, failOn: failOn, limit: 100, severities: want.Severities, want: *want}
}

// showScans shows the scans themselves, where a person reads or the scans are all there is.
func (c *command) showScans(list []scanLine) error {
	if !c.exported() {
		return c.show(scanView(list))
	}
	for _, s := range list {
		if s.Reason != "" {
			fmt.Fprintln(c.errs, printable(s.Instance.ID+": "+s.Reason))
		}
	}
	return nil
}

// exportWaits refuses a form for other tools of a scan that is not waited for, and statements that kept findings do not hear.
func (c *command) exportWaits(wait bool, want *choice.Choice) error {
	switch {
	case !wait && c.exported():
		return usageError("--output %s writes what was found: it needs --wait", c.output)
	case want.HearsStatements():
		return usageError("--vex is for a TARGET that is scanned without an installation")
	}
	return nil
}
