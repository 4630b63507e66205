package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/connector"
)

func (c *command) settingCommand() *cobra.Command {
	top := &cobra.Command{Use: "setting", Aliases: []string{"settings"}, Short: "Settings of the installation", GroupID: "run"}
	var types []string
	small := &cobra.Command{Use: "small-types", Short: "Instance types that are imported but not activated by default", Args: cobra.NoArgs}
	small.Flags().StringSliceVar(&types, "set", nil, "replace the list; --set '' empties it")
	small.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if small.Flags().Changed("set") {
			for _, t := range types {
				if family, size, ok := strings.Cut(t, "."); !ok || family == "" || size == "" || strings.ContainsAny(t, " \t/*") {
					return usageError("--set: %q is no instance type such as t3.nano", t)
				}
			}
			if err := a.SetSmallTypes(ctx, operator(), types); err != nil {
				return err
			}
		}
		list, err := a.SmallTypes(ctx)
		if err != nil {
			return err
		}
		v := view{header: []string{"INSTANCE TYPE"}, data: list, empty: "Every instance type is activated by its connector."}
		for _, t := range list {
			v.rows = append(v.rows, []string{t})
		}
		return c.show(v)
	})
	top.AddCommand(small, c.moduleTagsCommand(), c.matchingCommand())
	return top
}

// moduleTagsCommand sets which assets the modules look at, by tag.
func (c *command) moduleTagsCommand() *cobra.Command {
	var tags []string
	cmd := &cobra.Command{
		Use: "module-tags [MODULE]", Short: "Let a module look only at assets with certain tags", Args: cobra.MaximumNArgs(1),
		Long: "A module (vulnerability, network, configuration) looks at every asset that it is activated for, or, where tags are set here, only at those\n" +
			"with one of these tags of ours. What it judged before stays as it is, and the coverage says which assets are left out.",
		Example: "  hinomi setting module-tags configuration --set production",
	}
	cmd.Flags().StringSliceVar(&tags, "set", nil, "replace the module's tags; --set '' empties them")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		mods, err := words("MODULE", args, connector.Modules()...)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("set") {
			if len(mods) == 0 {
				return usageError("--set needs a module: vulnerability, network or configuration")
			}
			if err := a.SetModuleTags(ctx, operator(), mods[0], tags); err != nil {
				return err
			}
		}
		if len(mods) == 0 {
			mods = connector.Modules()
		}
		all := map[connector.Module][]string{}
		v := view{header: []string{"MODULE", "ONLY ASSETS WITH"}, data: all}
		for _, m := range mods {
			list, err := a.ModuleTags(ctx, m)
			if err != nil {
				return err
			}
			all[m] = append([]string{}, list...)
			shown := "any tags, or none"
			if len(list) > 0 {
				shown = strings.Join(list, ", ")
			}
			v.rows = append(v.rows, []string{string(m), shown})
		}
		return c.show(v)
	})
	return cmd
}
