package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/evaluate/reach"
)

func (c *command) reachCommand() *cobra.Command {
	var dir string
	var all bool
	cmd := &cobra.Command{
		Use: "reach", Short: "What the internet reaches, by which hops, without sending a packet", GroupID: "results", Args: cobra.NoArgs,
		Long: "Judges the way in from the internet to every address of every running instance: gateway, route back, network ACL in both directions, security groups,\nVPC Block Public Access. Three verdicts: reachable, blocked, unknown (something was not read). Ways through load balancers, peering and transit gateways are not judged.",
	}
	cmd.Flags().StringVar(&dir, "dump", "", "judge a folder of AWS CLI JSON instead of the installation")
	cmd.Flags().BoolVar(&all, "all", false, "also what is blocked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if dir != "" {
			rows, err := app.ReachDump(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return c.show(c.reachView(rows, all))
		}
		return c.with(func(ctx context.Context, a *app.App, _ []string) error {
			rows, err := a.Reach(ctx, operator())
			if err != nil {
				return err
			}
			return c.show(c.reachView(rows, all))
		})(cmd, args)
	}
	return cmd
}

func (c *command) reachView(rows []reach.Exposure, all bool) view {
	v := view{header: []string{"VERDICT", "INSTANCE", "ADDRESS", "PROTOCOL", "PORTS", "PATH OR WHY"}, spare: []string{"ADDRESS"}, empty: "The internet reaches nothing that was judged; --all shows why."}
	kept := []reach.Exposure{}
	for _, e := range rows {
		if e.Verdict == reach.Unknown {
			c.exit = exitNotAssessed
		}
		if e.Verdict == reach.Blocked && !all {
			continue
		}
		kept = append(kept, e)
		var ports []string
		for _, p := range e.Ports {
			ports = append(ports, p.String())
		}
		how := strings.Join(e.Path, " → ")
		if e.Verdict != reach.Reachable {
			how = strings.Join(e.Why, "; ")
		}
		v.rows = append(v.rows, []string{string(e.Verdict), e.Instance, e.Address.String(), e.Protocol, strings.Join(ports, ","), how})
	}
	v.data = kept
	return v
}
