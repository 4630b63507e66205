package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/store"
)

func (c *command) tagCommand() *cobra.Command {
	top := &cobra.Command{
		Use: "tag", Aliases: []string{"tags"}, Short: "Dynamic tags of ours: a rule each, in CEL over the asset", GroupID: "accounts",
		Long: `A dynamic tag stands on every instance that its rule is true of, and is judged again whenever an asset changes.

The rule is CEL over asset: id, name, account, region, zone, vpc, subnet, state, type, architecture, platform, image, imageName, keyName,
instanceProfile, imdsv2, launchTime, privateIps, publicIps, securityGroups, tags, openPorts, vulnerabilities; and now, cidrContains(prefix, address),
ageDays(from, to).`,
		Example: `  hinomi tag add web --rule 'asset.name.contains("web")'
  hinomi tag add dmz --rule 'asset.privateIps.exists(a, cidrContains("10.20.0.0/16", a))'
  hinomi tag add exposed-ssh --rule '22 in asset.openPorts'`,
	}
	top.AddCommand(c.tagAdd(), c.tagList(), c.tagRemove())
	return top
}

func (c *command) tagAdd() *cobra.Command {
	var expr, name string
	cmd := &cobra.Command{Use: "add TAG --rule EXPRESSION", Short: "Make a dynamic tag, or change the rule of that name", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&expr, "rule", "", "CEL expression over asset")
	cmd.Flags().StringVar(&name, "name", "", "name of the rule; the tag's name if left out")
	_ = cmd.MarkFlagRequired("rule") // the flag was defined just above
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		r := store.TagRule{Tag: args[0], Name: name, Expression: expr, Enabled: true}
		if r.Name == "" {
			r.Name = r.Tag
		}
		rules, err := a.Store().TagRules(ctx)
		if err != nil {
			return err
		}
		for _, old := range rules {
			if old.Name == r.Name {
				r.ID = old.ID
			}
		}
		r, err = a.PutTagRule(ctx, operator(), r)
		if err != nil {
			return err
		}
		list, _, err := a.Store().Assets(ctx, operator().Scope, store.AssetFilter{Tags: []string{r.Tag}}, "", 1000)
		if err != nil {
			return err
		}
		if c.output == tableFormat {
			fmt.Fprintf(c.out, "tag %s stands on %d assets now\n", printable(r.Tag), len(list))
			return nil
		}
		return c.show(view{data: r, header: []string{"ID", "NAME", "TAG", "RULE"}, rows: [][]string{{r.ID, r.Name, r.Tag, r.Expression}}})
	})
	return cmd
}

func (c *command) tagList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All rules", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			rules, err := a.Store().TagRules(ctx)
			if err != nil {
				return err
			}
			v := view{header: []string{"NAME", "TAG", "RULE"}, data: rules, empty: "No dynamic tags yet: hinomi tag add web --rule 'asset.name.contains(\"web\")'"}
			for _, r := range rules {
				v.rows = append(v.rows, []string{r.Name, r.Tag, r.Expression})
			}
			return c.show(v)
		}),
	}
}

func (c *command) tagRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a rule and every tag it gave", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RemoveTagRule(ctx, operator(), args[0]); err != nil {
				return c.unknown("tag", args[0], err)
			}
			c.say("rule %s and its tags removed", args[0])
			return nil
		}),
	}
}

func (c *command) viewCommand() *cobra.Command {
	top := &cobra.Command{Use: "view", Short: "The posture view: the accounts it shows, which live on without their connector", GroupID: "accounts"}
	list := &cobra.Command{
		Use: "list", Short: "Accounts of the posture view and the connector that feeds each", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			views, err := a.Store().Views(ctx, operator().Scope)
			if err != nil {
				return err
			}
			v := view{header: []string{"ACCOUNT", "NAME", "TYPE", "FED BY"}, data: views, empty: "The posture view is empty: hinomi connector edit NAME --posture-view"}
			for _, p := range views {
				fed := p.Connector
				if fed == "" {
					fed = "nobody any more"
				}
				v.rows = append(v.rows, []string{p.Account, p.Name, string(p.Type), fed})
			}
			return c.show(v)
		}),
	}
	remove := &cobra.Command{
		Use: "remove ACCOUNT", Short: "Take an account out of the posture view: the only way it goes", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RemoveView(ctx, operator(), args[0]); err != nil {
				return c.unknown("view", args[0], err)
			}
			c.say("account %s taken out of the posture view", args[0])
			return nil
		}),
	}
	top.AddCommand(list, remove)
	return top
}
