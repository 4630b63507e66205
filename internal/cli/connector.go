package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/connector"
)

// connectorFlags are the parts of a connector that add and edit share.
type connectorFlags struct {
	name, description, typ, account, role, key, enrolRole, reader string
	regions, modules, tags, exclude, verbs                        []string
	period                                                        time.Duration
	view, enrol, secretStdin, baseline                            bool
}

func (f *connectorFlags) register(c *cobra.Command, adding bool) {
	s := c.Flags()
	s.StringVar(&f.name, "name", "", "what people call it")
	s.StringVar(&f.description, "description", "", "what it is for")
	s.StringSliceVar(&f.regions, "regions", nil, "regions to read; all (the default) takes in those enabled later")
	s.DurationVar(&f.period, "period", time.Duration(connector.DefaultPeriod), "time between two syncs")
	s.StringSliceVar(&f.modules, "modules", []string{"vulnerability", "network", "configuration"}, "what its assets are activated for: vulnerability, network, configuration, or none")
	s.StringSliceVar(&f.tags, "tags", nil, "tags of ours that everything it imports gets")
	s.BoolVar(&f.view, "posture-view", false, "also feed the posture view (hinomi view)")
	s.BoolVar(&f.enrol, "organization", false, "enrol every member account of the organisation, new ones as they appear")
	s.StringVar(&f.enrolRole, "member-role", "hinomi", "name of the role in each member account")
	s.StringSliceVar(&f.exclude, "exclude-accounts", nil, "member accounts to leave out")
	s.StringSliceVar(&f.verbs, "allow", nil, "what hinomi may write in the account: snapshot-volumes (for agentless scans), manage-ssm (what scans by agents need); nothing by default")
	s.BoolVar(&f.baseline, "keep-baseline", false, "keep one snapshot of each volume after a scan, so that the next reads only what changed (costs storage: hinomi scan baselines)")
	s.StringVar(&f.reader, "reader", "", "account that reads the snapshots, by its own connector; they are shared with it. '' is the account itself")
	s.StringVar(&f.key, "access-key-id", "", "read with an access key pair instead of a role")
	s.BoolVar(&f.secretStdin, "secret-stdin", false, "read the secret access key from standard input (else HINOMI_SECRET_ACCESS_KEY)")
	s.StringVar(&f.role, "role", "", "ARN of the role to assume, e.g. arn:aws:iam::111122223333:role/hinomi")
	if adding {
		s.StringVar(&f.typ, "type", string(connector.Commercial), "account type: commercial, govcloud or china")
		s.StringVar(&f.account, "account", "", "12 digits; taken from the role's ARN if left out")
	}
}

// fill puts the flags into a connector; with only those that were given if changed is not nil.
func (f *connectorFlags) fill(c *connector.Connector, changed func(string) bool) {
	set := func(flag string, do func()) {
		if changed == nil || changed(flag) {
			do()
		}
	}
	set("name", func() { c.Name = f.name })
	set("description", func() { c.Description = f.description })
	set("regions", func() { c.Regions = regionList(f.regions) })
	set("period", func() { c.Period = connector.Duration(f.period) })
	set("modules", func() { c.Modules = moduleList(f.modules) })
	set("tags", func() { c.Tags = f.tags })
	set("posture-view", func() { c.PostureView = f.view })
	set("organization", func() { c.Organization.Enroll = f.enrol })
	if c.Organization.Enroll {
		set("member-role", func() { c.Organization.RoleName = f.enrolRole })
		set("exclude-accounts", func() { c.Organization.Exclude = f.exclude })
	}
	set("keep-baseline", func() { c.KeepBaseline = f.baseline })
	set("reader", func() { c.Reader = f.reader })
	set("allow", func() { c.Verbs = verbList(f.verbs) })
	set("role", func() { c.Credentials.RoleARN = f.role })
	set("access-key-id", func() { c.Credentials.AccessKeyID = f.key })
}

func regionList(in []string) []string {
	if slices.Equal(in, []string{"all"}) {
		return nil
	}
	return in
}

func moduleList(in []string) []connector.Module {
	var out []connector.Module
	for _, m := range in {
		if m != "none" {
			out = append(out, connector.Module(m))
		}
	}
	return out
}

func verbList(in []string) []connector.Verb {
	var out []connector.Verb
	for _, v := range in {
		out = append(out, connector.Verb(v))
	}
	return out
}

func (c *command) connectorCommand() *cobra.Command {
	top := &cobra.Command{
		Use: "connector", Short: "Which AWS accounts are read: as whom, which regions, how often", GroupID: "accounts", Aliases: []string{"connectors"},
	}
	top.AddCommand(c.connectorAdd(), c.connectorList(), c.connectorShow(), c.connectorEdit(), c.connectorSwitch("disable", false), c.connectorSwitch("enable", true),
		c.connectorRemove(), c.connectorTest(), c.connectorSync(), c.connectorCount(), c.connectorPolicy())
	return top
}

func (c *command) connectorAdd() *cobra.Command {
	f := &connectorFlags{}
	cmd := &cobra.Command{
		Use: "add", Short: "Make a connector; prints the external ID for the role's trust policy", Args: cobra.NoArgs,
		Example: "  hinomi connector add --name production --role arn:aws:iam::111122223333:role/hinomi",
	}
	f.register(cmd, true)
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		n := connector.Connector{Type: connector.AccountType(f.typ), Account: f.account, Enabled: true}
		f.fill(&n, nil)
		if n.Account == "" {
			n.Account = connector.RoleAccount(f.role)
		}
		key, err := c.secretKey(f.secretStdin, f.key != "")
		if err != nil {
			return err
		}
		added, err := a.AddConnector(ctx, operator(), n, key)
		if err != nil {
			return c.taken("connector", n.Name, err)
		}
		for _, w := range added.Warnings {
			fmt.Fprintln(c.errs, "warning: "+printable(w))
		}
		return c.show(connectorView(added.Connector, "next: hinomi connector policy "+added.Connector.Name+" prints the role; then hinomi connector test "+added.Connector.Name))
	})
	return cmd
}

func (c *command) connectorEdit() *cobra.Command {
	f := &connectorFlags{}
	cmd := &cobra.Command{Use: "edit NAME", Short: "Change a connector; only the flags given change", Args: cobra.ExactArgs(1)}
	f.register(cmd, false)
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		n, err := a.Store().Connector(ctx, operator().Scope, args[0])
		if err != nil {
			return c.unknown("connector", args[0], err)
		}
		f.fill(&n, cmd.Flags().Changed)
		key, err := c.secretKey(f.secretStdin, f.secretStdin)
		if err != nil {
			return err
		}
		out, err := a.EditConnector(ctx, operator(), n, key)
		if err != nil {
			return c.taken("connector", n.Name, err)
		}
		return c.show(connectorView(out, ""))
	})
	return cmd
}

func (c *command) connectorSwitch(verb string, on bool) *cobra.Command {
	short := "Stop syncing a connector; what it read stays"
	if on {
		short = "Sync a connector again"
	}
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			n, err := a.Store().Connector(ctx, operator().Scope, args[0])
			if err != nil {
				return c.unknown("connector", args[0], err)
			}
			n.Enabled = on
			out, err := a.EditConnector(ctx, operator(), n, noSecret)
			if err != nil {
				return err
			}
			return c.show(connectorView(out, ""))
		}),
	}
}

func (c *command) connectorRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a connector and its credentials; its assets stay, stale", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RemoveConnector(ctx, operator(), args[0]); err != nil {
				return c.unknown("connector", args[0], err)
			}
			fmt.Fprintf(c.out, "connector %s removed\n", printable(args[0]))
			return nil
		}),
	}
}

func (c *command) connectorList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All connectors with their last and next sync", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.ConnectorStates(ctx, operator())
			if err != nil {
				return err
			}
			v := view{
				header: []string{"NAME", "ACCOUNT", "TYPE", "REGIONS", "STATE", "LAST SYNC", "NEXT", "INSTANCES", "ERROR"}, data: list,
				spare: []string{"TYPE", "NEXT", "REGIONS"}, empty: "No connectors yet: hinomi connector add --name … --role …",
			}
			for _, s := range list {
				n := s.Connector
				state := string(s.Last.State)
				if state == "" {
					state = "never synced"
				}
				if !n.Enabled {
					state = "disabled"
				}
				v.rows = append(v.rows, []string{
					n.Name, n.Account, string(n.Type), orAll(n.Regions), state, c.when(s.Last.EndedAt), c.when(s.Next),
					strconv.Itoa(s.Last.Counts.Instances), firstError(s.Last),
				})
			}
			return c.show(v)
		}),
	}
}

// firstError is the sync's error, or its first region's with how many more there are.
func firstError(s connector.Sync) string {
	if s.Error != "" {
		return s.Error
	}
	var all []string
	for _, r := range s.Regions {
		if r.Error != "" {
			all = append(all, r.Account+"/"+r.Region+": "+r.Error)
		}
	}
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		return fmt.Sprintf("%s (and %d more regions)", all[0], len(all)-1)
	}
}

func orAll(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, ",")
}
