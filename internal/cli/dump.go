package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/collect"
	"hinomi/internal/source/aws/dump"
)

func (c *command) importCommand() *cobra.Command {
	var o dump.Options
	cmd := &cobra.Command{
		Use: "import DIR", Short: "Take the assets from a folder of AWS CLI JSON, as a sync would", GroupID: "accounts", Args: cobra.ExactArgs(1),
		Long: "Reads [accounts/<account id>/]<region>/<Name>.json, each the answer of one AWS CLI call: what hinomi collect writes, or folders made for Batfish or CloudMapper.\nA file that is missing was not read: a gap, never an empty list.",
	}
	cmd.Flags().StringVar(&o.Account, "account", "", "account of files that lie in no account's folder")
	cmd.Flags().StringVar(&o.Region, "region", "", "region of files that lie in no region's folder")
	cmd.Flags().BoolVar(&o.Strict, "strict", false, "a broken file ends the import instead of becoming a gap")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b := c.newBars()
		c.cfg.Progress = b.Step
		return c.with(func(ctx context.Context, a *app.App, args []string) error {
			out, err := a.ImportDump(ctx, operator(), args[0], o)
			b.Close(err)
			if err != nil {
				return err
			}
			if out.Gaps > 0 {
				c.exit = exitNotAssessed
			}
			k := out.Observed.Counts
			v := view{
				header: []string{"FILES", "INSTANCES", "ASSETS", "ADDED", "CHANGED", "GONE", "GAPS"}, data: out, notes: out.Notes,
				rows: [][]string{{strconv.Itoa(out.Files), strconv.Itoa(k.Instances), strconv.Itoa(k.Assets), strconv.Itoa(k.Added), strconv.Itoa(k.Changed), strconv.Itoa(k.Gone), strconv.Itoa(out.Gaps)}},
			}
			if out.Gaps > 0 {
				v.notes = append(v.notes, fmt.Sprintf("%d parts were not read: hinomi gaps names them", out.Gaps))
			}
			return c.show(v)
		})(cmd, args)
	}
	return cmd
}

func (c *command) collectCommand() *cobra.Command {
	var out, name, typ string
	var regions []string
	cmd := &cobra.Command{
		Use: "collect --out DIR", Short: "Write an account as a folder of AWS CLI JSON, to be analysed offline", GroupID: "accounts", Args: cobra.NoArgs,
		Long: "Writes what a connector's account (and an organisation's members) holds as a folder that hinomi import reads. Pre-shared keys of VPNs are left out.\nWithout --connector the process's own AWS credentials are used.",
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to write, made if there is none")
	cmd.Flags().StringVar(&name, "connector", "", "whose account")
	cmd.Flags().StringVar(&typ, "type", string(connector.Commercial), "without a connector: account type")
	cmd.Flags().StringSliceVar(&regions, "regions", nil, "without a connector: only these regions")
	_ = cmd.MarkFlagRequired("out") // the flag was defined just above
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		var res *collect.Result
		var err error
		if name != "" {
			res, err = a.Collect(ctx, operator(), name, out)
		} else {
			res, err = a.CollectHere(ctx, connector.AccountType(typ), regions, out)
		}
		if err != nil {
			return c.unknown("connector", name, err)
		}
		v := view{header: []string{"ACCOUNT", "REGION", "INSTANCES", "ASSETS", "ERROR"}, data: res, empty: "No region was read."}
		for _, r := range res.Regions {
			if r.Error != "" {
				c.exit = exitNotAssessed
			}
			v.rows = append(v.rows, []string{r.Account, r.Region, strconv.Itoa(r.Instances), strconv.Itoa(r.Assets), r.Error})
		}
		v.notes = []string{fmt.Sprintf("%d files, %s in %s; %d requests", res.Files, size(res.Bytes), out, res.Calls)}
		return c.show(v)
	})
	return cmd
}
