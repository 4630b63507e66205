package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	agents "hinomi/internal/action/ssm"
	"hinomi/internal/app"
	"hinomi/internal/coverage"
)

// scanPlanCommand shows what scanning with agents would make in accounts, and makes it.
func (c *command) scanPlanCommand() *cobra.Command {
	var o app.AgentOptions
	cmd := &cobra.Command{
		Use: "plan", Short: "Show what scanning with agents would make, repair and remove in Systems Manager", Args: cobra.NoArgs,
		Long: "Looks into every account whose connector allows manage-ssm and says, step by step and with the reason, what would be done so that the\n" +
			"inventories of agents arrive. The server does it every hour; --apply does it now.",
		Example: "  hinomi scan plan --connector shop\n  hinomi scan settings --agents inventory,deep && hinomi scan plan --apply",
	}
	cmd.Flags().StringVar(&o.Connector, "connector", "", "only this connector")
	cmd.Flags().BoolVar(&o.Apply, "apply", false, "do it")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		list, err := a.PlanAgents(ctx, operator(), o)
		if err != nil {
			return err
		}
		return c.showManaged(list, o.Apply, "No connector allows manage-ssm, or none has found an instance: hinomi connector edit NAME --allow manage-ssm")
	})
	return cmd
}

// scanDisableCommand removes what scanning with agents made.
func (c *command) scanDisableCommand() *cobra.Command {
	o := app.AgentOptions{Apply: true, Remove: true}
	var deep, dry bool
	cmd := &cobra.Command{
		Use: "disable", Short: "Remove everything that scanning with agents made, and uninstall the collector from the hosts", Args: cobra.NoArgs,
		Long: "Removes our associations, documents, data sync and bucket, and uninstalls the collector, in every account or in one connector's. For all\n" +
			"accounts the setting is emptied, too, so that nothing is made again. With --deep only deep inspection is switched off and uninstalled.",
	}
	cmd.Flags().StringVar(&o.Connector, "connector", "", "only in this connector's account; withdraw its manage-ssm afterwards, or it is made again")
	cmd.Flags().BoolVar(&deep, "deep", false, "only deep inspection, the collector on Linux and Windows")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would be removed")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if deep && o.Connector != "" {
			return usageError("--deep is for all accounts")
		}
		o.Apply, o.Remove = !dry, !deep
		if deep {
			o.Without = []coverage.AgentPart{coverage.AgentDeep, coverage.AgentWindows}
		}
		if o.Connector == "" && !dry {
			err := a.EditScanSettings(ctx, operator(), func(s *coverage.Settings) error {
				s.Agents = slices.DeleteFunc(s.Agents, func(p coverage.AgentPart) bool { return !deep || slices.Contains(o.Without, p) })
				return nil
			})
			if err != nil {
				return err
			}
		}
		list, err := a.PlanAgents(ctx, operator(), o)
		if err != nil {
			return err
		}
		return c.showManaged(list, o.Apply, "Nothing of ours is in any account's Systems Manager.")
	})
	return cmd
}

// showManaged shows plans and what was done of them.
func (c *command) showManaged(list []app.Managed, applied bool, empty string) error {
	v := view{header: []string{"ACCOUNT", "REGION", "STEP", "WHAT", "NAME", "WHY"}, spare: []string{"WHY"}, data: list, empty: empty}
	for _, m := range list {
		at := m.Plan.Place
		for _, s := range m.Plan.Steps {
			v.rows = append(v.rows, []string{at.Account, at.Region, string(s.Deed), string(s.Kind), s.Name, s.Reason})
			if s.Deed == agents.Blocked {
				c.exit = exitError
			}
		}
		if m.Fault != "" {
			c.exit = exitError
			v.notes = append(v.notes, fmt.Sprintf("%s %s: %s", at.Account, at.Region, m.Fault))
		}
		for _, id := range m.Unconfirmed {
			v.notes = append(v.notes, fmt.Sprintf("%s %s: %s was off or did not answer: it is not known that the collector is uninstalled there", at.Account, at.Region, id))
		}
	}
	if !applied && len(v.rows) > 0 {
		v.notes = append(v.notes, "Nothing was done: --apply does it.")
	}
	return c.show(v)
}

// scanBaselinesCommand lists the snapshots that stay between scans.
func (c *command) scanBaselinesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "baselines", Short: "Snapshots that stay after scans, what they cost at most and when they go", Args: cobra.NoArgs,
		Long: "Connectors with --keep-baseline keep one snapshot of each volume, so that the next scan reads only blocks that changed since.\n" +
			"What one costs is at most the price of the whole volume; AWS charges for the blocks that are stored.",
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Baselines(ctx, operator())
			if err != nil {
				return err
			}
			v := view{header: []string{"SNAPSHOT", "VOLUME", "ACCOUNT", "REGION", "SIZE", "USD A MONTH AT MOST", "MADE", "GOES"}, data: list, empty: "No snapshot stays: hinomi connector edit NAME --keep-baseline keeps one of each volume."}
			for _, b := range list {
				size, usd := "unknown", "unknown"
				if b.SizeGiB > 0 {
					size = fmt.Sprintf("%d GiB", b.SizeGiB)
				}
				if b.MonthlyUSD != nil {
					usd = fmt.Sprintf("%.2f", *b.MonthlyUSD)
				}
				v.rows = append(v.rows, []string{b.ID, b.Of, b.Account, b.Region, size, usd, c.when(b.CreatedAt), c.when(b.ExpiresAt)})
			}
			return c.show(v)
		}),
	}
}
