package cli

import (
	"context"
	"fmt"
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
	s.StringSliceVar(&reasons, "reason", nil, "successful, not_activated, pending_initial_scan …")
	s.StringSliceVar(&accounts, "account", nil, "only these accounts")
	s.StringSliceVar(&regions, "region", nil, "only these regions")
	s.StringSliceVar(&assets, "asset", nil, "only these instances")
	s.StringSliceVar(&tags, "tag", nil, "only assets with one of these tags of ours")
	s.IntVar(&limit, "limit", 200, "at most so many; 0 is all")
	s.BoolVar(&count, "count", false, "only count them")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		f := store.CoverageFilter{Accounts: accounts, Regions: regions, Assets: assets, Tags: tags,
			Scans: words[coverage.Scan](scans), Statuses: words[coverage.Status](statuses), Reasons: words[coverage.Reason](reasons)}
		if count {
			list, err := a.Store().CountCoverage(ctx, operator().Scope, f)
			if err != nil {
				return err
			}
			v := view{header: []string{"SCAN", "STATUS", "REASON", "INSTANCES"}, data: list, empty: "No instances."}
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
		v := view{header: []string{"INSTANCE", "NAME", "ACCOUNT", "REGION", "SCAN", "STATUS", "REASON", "LAST", "DETAIL"}, data: list, empty: "No instances."}
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

// words turns flags into words of a vocabulary in capitals.
func words[T ~string](list []string) []T {
	var out []T
	for _, s := range list {
		out = append(out, T(strings.ToUpper(s)))
	}
	return out
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
		v.rows = append(v.rows, []string{orEvery(g.Account), orEvery(g.Region), orEvery(string(g.Kind)), g.At.Local().Format("2006-01-02 15:04"), string(g.Reason), g.Detail})
	}
	return v
}

func orEvery(s string) string {
	if s == "" {
		return "all"
	}
	return s
}
