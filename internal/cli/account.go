package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/live"
)

func (c *command) connectorTest() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Try what the connector needs, line by line; changes nothing", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			checks, err := a.TestConnector(ctx, operator(), args[0])
			if err != nil {
				return c.unknown("connector", args[0], err)
			}
			return c.showChecks(checks)
		}),
	}
}

// showChecks shows the lines of a test; a required one that failed makes the exit code 2.
func (c *command) showChecks(checks []live.Check) error {
	v := view{header: []string{"RESULT", "ACTION", "NEEDED FOR", "DETAIL"}, data: checks, empty: "Nothing to test."}
	for _, k := range checks {
		use := k.Use
		if !k.Required {
			use += " (optional)"
		}
		v.rows = append(v.rows, []string{string(k.Verdict), k.Action, use, k.Detail})
	}
	if err := c.show(v); err != nil {
		return err
	}
	if !live.OK(checks) {
		c.exit = exitError
	}
	return nil
}

func (c *command) connectorSync() *cobra.Command {
	var queue bool
	cmd := &cobra.Command{
		Use: "sync NAME", Short: "Read the account now", Args: cobra.ExactArgs(1),
		Long: "Reads every region of the connector's account now, in this process. With --queue a running server or worker does it.",
	}
	cmd.Flags().BoolVar(&queue, "queue", false, "leave it to a server or worker")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b := c.newBars()
		c.cfg.Progress = b.Step
		return c.with(func(ctx context.Context, a *app.App, args []string) error {
			do := a.SyncNow
			if queue {
				do = a.SyncConnector
			}
			s, err := do(ctx, operator(), args[0])
			b.Close(err)
			if err != nil {
				return c.unknown("connector", args[0], err)
			}
			if s.State == connector.FinishedErrors {
				c.exit = exitNotAssessed
			}
			return c.show(syncView(s))
		})(cmd, args)
	}
	return cmd
}

func syncView(s connector.Sync) view {
	v := view{title: string(s.State), header: []string{"ACCOUNT", "REGION", "INSTANCES", "ASSETS", "ERROR"}, data: s, empty: "No region was read."}
	for _, r := range s.Regions {
		v.rows = append(v.rows, []string{r.Account, r.Region, strconv.Itoa(r.Instances), strconv.Itoa(r.Assets), r.Error})
	}
	k := s.Counts
	v.notes = []string{fmt.Sprintf("%d instances, %d assets: %d added, %d changed, %d gone; %d gaps; %d requests", k.Instances, k.Assets, k.Added, k.Changed, k.Gone, k.Gaps, k.Calls)}
	if s.Error != "" {
		v.notes = append(v.notes, "error: "+s.Error)
	}
	return v
}

func (c *command) connectorCount() *cobra.Command {
	return &cobra.Command{
		Use: "count NAME", Short: "How many instances each region has, without importing anything", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			list, err := a.CountInstances(ctx, operator(), args[0])
			if err != nil {
				return c.unknown("connector", args[0], err)
			}
			v := view{header: []string{"ACCOUNT", "REGION", "INSTANCES", "RUNNING", "ERROR"}, data: list, empty: "No region."}
			for _, r := range list {
				if r.Error != "" {
					c.exit = exitNotAssessed
				}
				v.rows = append(v.rows, []string{r.Account, r.Region, strconv.Itoa(r.Instances), strconv.Itoa(r.Running), r.Error})
			}
			return c.show(v)
		}),
	}
}

func (c *command) connectorPolicy() *cobra.Command {
	var format, principal, part string
	var full, delegated bool
	cmd := &cobra.Command{
		Use: "policy NAME", Short: "The role for the account: least permissions and trust policy", Args: cobra.ExactArgs(1),
		Long: "Prints the role that the connector needs: the least permissions for what it is configured to do, and the trust policy with its external ID.\n" +
			"AWS's own policies ReadOnlyAccess, AmazonEC2ReadOnlyAccess and SecurityAudit suffice for reading, too.",
	}
	cmd.Flags().StringVar(&format, "format", "json", "json, cloudformation, terraform or stackset (the role in every member account)")
	cmd.Flags().StringVar(&part, "part", "both", "of json: permissions, trust or both")
	cmd.Flags().StringVar(&principal, "principal", "", "ARN of whoever hinomi runs as; the base account or the process's own account if left out")
	cmd.Flags().BoolVar(&full, "full", false, "everything that reading can use, also for modules that are off")
	cmd.Flags().BoolVar(&delegated, "delegated", false, "of stackset: for a delegated administrator")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		t, n, err := a.ConnectorTemplate(ctx, operator(), args[0], principal, full)
		if errors.Is(err, app.ErrNoPrincipal) {
			return hinted(err, "give --principal arn:aws:iam::<account>:role/<name>, or set a base account")
		}
		if err != nil {
			return c.unknown("connector", args[0], err)
		}
		var out []byte
		switch format {
		case "json":
			return c.policyJSON(t.Permissions.JSON, t.Trust.JSON, part, n.Credentials.RoleARN != "")
		case "cloudformation":
			out, err = t.CloudFormation()
		case "terraform":
			out, err = t.Terraform()
		case "stackset":
			out, err = t.StackSet(n.Type, delegated)
		default:
			return usageError("--format %q is none of json, cloudformation, terraform, stackset", format)
		}
		if err == nil {
			_, err = c.out.Write(out)
		}
		return err
	})
	return cmd
}

func (c *command) policyJSON(permissions, trust func() ([]byte, error), part string, role bool) error {
	print := func(title string, render func() ([]byte, error)) error {
		b, err := render()
		if err != nil {
			return err
		}
		if part == "both" {
			fmt.Fprintln(c.out, "# "+title)
		}
		fmt.Fprintln(c.out, string(b))
		return nil
	}
	switch part {
	case "permissions", "trust", "both":
	default:
		return usageError("--part %q is none of permissions, trust, both", part)
	}
	if part != "trust" {
		if err := print("permissions", permissions); err != nil {
			return err
		}
	}
	if part != "permissions" && role {
		return print("trust policy", trust)
	}
	return nil
}

func (c *command) baseAccountCommand() *cobra.Command {
	top := &cobra.Command{
		Use: "base-account", Short: "The account whose access key assumes the roles, one per account type; optional", GroupID: "accounts",
	}
	var typ string
	top.PersistentFlags().StringVar(&typ, "type", string(connector.Commercial), "account type: commercial, govcloud or china")
	kind := func() connector.AccountType { return connector.AccountType(typ) }
	show := &cobra.Command{
		Use: "show", Short: "The base accounts; their secrets are never shown", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Store().BaseAccounts(ctx)
			if err != nil {
				return err
			}
			return c.show(baseView(list))
		}),
	}
	remove := &cobra.Command{
		Use: "remove", Short: "Remove the base account; the process's own credentials assume the roles again", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			if err := a.RemoveBaseAccount(ctx, operator(), kind()); err != nil {
				return c.noBase(kind(), err)
			}
			c.say("base account of type %s removed", kind())
			return nil
		}),
	}
	test := &cobra.Command{
		Use: "test", Short: "Whose key it is, and whether it can assume the connectors' roles", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			checks, err := a.TestBaseAccount(ctx, operator(), kind())
			if err != nil {
				return c.noBase(kind(), err)
			}
			return c.showChecks(checks)
		}),
	}
	policy := &cobra.Command{
		Use: "policy", Short: "What the base account's user must be allowed", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			doc, err := a.BasePolicy(ctx, operator(), kind())
			if err != nil {
				return err
			}
			b, err := doc.JSON()
			if err != nil {
				return err
			}
			fmt.Fprintln(c.out, string(b))
			return nil
		}),
	}
	top.AddCommand(c.baseAccountSet(kind), show, remove, test, policy)
	return top
}

func (c *command) baseAccountSet(kind func() connector.AccountType) *cobra.Command {
	var b connector.BaseAccount
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "set --account ID --access-key-id KEY", Short: "Set the base account of an account type", Args: cobra.NoArgs,
		Long: "Sets the base account. The secret access key is read from standard input with --secret-stdin, else from HINOMI_SECRET_ACCESS_KEY, and kept sealed.",
	}
	cmd.Flags().StringVar(&b.Name, "name", "base", "what people call it")
	cmd.Flags().StringVar(&b.Account, "account", "", "12 digits")
	cmd.Flags().StringVar(&b.AccessKeyID, "access-key-id", "", "access key of its user")
	cmd.Flags().BoolVar(&fromStdin, "secret-stdin", false, "read the secret access key from standard input")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		b.Type = kind()
		var key secret.Text
		key, err := c.secretKey(fromStdin, true)
		if err != nil {
			return err
		}
		out, err := a.SetBaseAccount(ctx, operator(), b, key)
		if err != nil {
			return err
		}
		return c.show(baseView([]connector.BaseAccount{out}))
	})
	return cmd
}

func baseView(list []connector.BaseAccount) view {
	v := view{header: []string{"TYPE", "NAME", "ACCOUNT", "ACCESS KEY"}, data: list, empty: "No base account: the process's own AWS credentials assume the roles."}
	for _, b := range list {
		v.rows = append(v.rows, []string{string(b.Type), b.Name, b.Account, b.AccessKeyID})
	}
	return v
}

func (c *command) noBase(t connector.AccountType, err error) error {
	if err == nil {
		return nil
	}
	if e := c.unknown("base account", string(t), err); e.Error() != err.Error() {
		return hinted(fmt.Errorf("there is no base account of type %s", t), "hinomi base-account set")
	}
	return err
}
