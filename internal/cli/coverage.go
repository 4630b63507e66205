package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/coverage"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
)

func (c *command) coverageCommand() *cobra.Command {
	var scans, statuses, reasons, accounts, regions, assets, tags []string
	var limit int
	var count bool
	cmd := &cobra.Command{
		Use: "coverage", Short: "Who was looked at, how and when, and who was not and why", GroupID: "results", Args: cobra.NoArgs,
	}
	s := cmd.Flags()
	s.StringSliceVar(&scans, "scan", nil, "package, network, configuration")
	s.StringSliceVar(&statuses, "status", nil, "active, inactive")
	s.StringSliceVar(&reasons, "reason", nil, "successful, not_fully_assessed, no_inventory, not_activated …")
	s.StringSliceVar(&accounts, "account", nil, "only these accounts")
	s.StringSliceVar(&regions, "region", nil, "only these regions")
	s.StringSliceVar(&assets, "asset", nil, "only these instances")
	s.StringSliceVar(&tags, "tag", nil, "only assets with one of these tags of ours")
	s.IntVar(&limit, "limit", 200, "at most so many; 0 is all")
	s.BoolVar(&count, "count", false, "only count them")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		f := store.CoverageFilter{Accounts: accounts, Regions: regions, Assets: assets, Tags: tags}
		var err error
		if f.Scans, err = words("--scan", scans, coverage.PackageScan, coverage.NetworkScan, coverage.RuleScan); err != nil {
			return err
		}
		if f.Reasons, err = words("--reason", reasons, coverage.Reasons()...); err != nil {
			return err
		}
		if f.Statuses, err = words("--status", statuses, coverage.Active, coverage.Inactive); err != nil {
			return err
		}
		if count {
			list, err := a.Store().CountCoverage(ctx, operator().Scope, f)
			if err != nil {
				return err
			}
			v := view{header: []string{"SCAN", "STATUS", "REASON", "INSTANCES"}, data: list, empty: noInstances}
			for _, k := range list {
				v.rows = append(v.rows, []string{string(k.Scan), string(k.Status), string(k.Reason), strconv.Itoa(k.Count)})
			}
			return c.show(v)
		}
		list, more, err := pages(limit, func(from string, n int) ([]coverage.Coverage, string, error) {
			return a.Store().Coverage(ctx, operator().Scope, f, from, n)
		})
		if err != nil {
			return err
		}
		v := view{
			header: []string{"INSTANCE", "NAME", "ACCOUNT", "REGION", "SCAN", "STATUS", "REASON", "LAST", "DETAIL"}, data: list, empty: noInstances,
			spare: []string{"LAST", "STATUS", "ACCOUNT", "REGION"},
		}
		for _, k := range list {
			v.rows = append(v.rows, []string{k.Resource.ID, k.Name, k.Resource.Account, k.Resource.Region, string(k.Scan), string(k.Status), string(k.Reason), c.when(k.LastScanned), k.Detail})
		}
		if more {
			v.notes = append(v.notes, fmt.Sprintf("… the first %d; --limit 0 shows all", limit))
		}
		return c.show(v)
	})
	return cmd
}

// noInstances is what a person reads instead of an empty coverage.
const noInstances = "No instance matches; hinomi asset count says what there is."

// unassessed reports whether somebody who should have been looked at was not, or not fully: an instance that is switched off by hand or by
// rule, or is gone, does not count. Where no instance is known at all nothing was assessed.
func unassessed(ctx context.Context, a *app.App, f store.CoverageFilter) (bool, error) {
	list, err := a.Store().CountCoverage(ctx, operator().Scope, f)
	for _, k := range list {
		if !assessed(k.Reason) {
			return true, err
		}
	}
	return len(list) == 0, err
}

// words turns a flag's values into words of a closed vocabulary in capitals. A word that is none is refused: an empty list would look like
// "nothing found".
func words[T ~string](flag string, list []string, known ...T) ([]T, error) {
	var out []T
	for _, s := range list {
		i := slices.IndexFunc(known, func(k T) bool { return strings.EqualFold(string(k), s) })
		if i < 0 {
			var names []string
			for _, k := range known {
				names = append(names, strings.ToLower(string(k)))
			}
			return nil, usageError("%s %q is none of %s", flag, s, strings.Join(names, ", "))
		}
		out = append(out, known[i])
	}
	return out, nil
}

func (c *command) gapsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "gaps", Short: "What could not be read: nothing in it was concluded, closed or deleted", GroupID: "results", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			world, err := a.Store().LoadSnapshot(ctx, operator().Scope)
			if err != nil {
				return err
			}
			return c.show(gapView(world.Gaps()))
		}),
	}
}

func gapView(list []snapshot.Gap) view {
	v := view{header: []string{"ACCOUNT", "REGION", "KIND", "SINCE", "REASON", "DETAIL"}, data: list, empty: "No gaps: everything that was asked for was read."}
	for _, g := range list {
		row := []string{orEvery(g.Account), orEvery(g.Region), orEvery(string(g.Kind)), g.At.Local().Format("2006-01-02 15:04"), string(g.Reason), g.Detail}
		if n := len(v.rows); n > 0 && slices.Equal(v.rows[n-1], row) {
			continue // the same missing detail of several assets
		}
		v.rows = append(v.rows, row)
	}
	return v
}

func orEvery(s string) string {
	if s == "" {
		return "all"
	}
	return s
}
