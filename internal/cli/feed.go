package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/source/feed"
)

func (c *command) feedCommand() *cobra.Command {
	top := &cobra.Command{Use: "feed", Aliases: []string{"feeds"}, Short: "The advisories that matching uses", GroupID: "start"}
	top.AddCommand(c.feedList(), c.feedUpdate(), c.feedImport(), c.feedExport(), c.feedStatus())
	return top
}

func (c *command) feedList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "What hinomi feed update fetches, and from where", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list := feed.Catalogue(feed.DefaultEcosystems())
			v := view{header: []string{"FILE", "LICENCE", "FROM"}, data: list, spare: []string{"LICENCE"}}
			for _, r := range list {
				v.rows = append(v.rows, []string{r.File, r.Licence, r.URL})
			}
			return c.show(v)
		},
	}
}

func (c *command) feedUpdate() *cobra.Command {
	var o app.UpdateOptions
	cmd := &cobra.Command{
		Use: "update", Short: "Fetch what publishers have new, and judge what is kept again", Args: cobra.NoArgs,
		Long: "Fetches what publishers have new (conditional requests, resumed where they were cut), builds the advisory database and swaps it in at once.\nIf anything fails the old database stays in use.",
	}
	cmd.Flags().StringVar(&o.Mirror, "mirror", "", "base URL of a mirror in the layout of hinomi feed list (HINOMI_FEED_MIRROR)")
	cmd.Flags().StringSliceVar(&o.Ecosystems, "ecosystem", nil, "only these OSV archives: AlmaLinux, Debian, Go …")
	cmd.Flags().BoolVar(&o.Import.AllowShrink, "allow-shrink", false, "accept a feed that lost more than a fifth of its rows")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b := c.newBars()
		c.cfg.Progress = b.Step
		return c.with(func(ctx context.Context, a *app.App, _ []string) error {
			if o.Mirror == "" {
				o.Mirror = c.cfg.FeedMirror
			}
			out, err := a.UpdateFeeds(ctx, operator(), o)
			b.Close(err)
			v := view{header: []string{"FILE", "STATUS", "TRANSFERRED", "ERROR"}, data: out, empty: "Nothing to fetch."}
			for _, f := range out.Files {
				text := ""
				if f.Err != nil {
					text = f.Err.Error()
				}
				v.rows = append(v.rows, []string{f.File, f.Status, size(f.Bytes), text})
			}
			if out.Imported {
				v.notes = append(v.notes, fmt.Sprintf("%d rows imported; %d inventories judged again", out.Report.Rows, out.Rejudged))
			}
			if serr := c.show(v); serr != nil {
				return serr
			}
			return hinted(err, "the feeds that could not be fetched stay as they were; try again, or use --mirror")
		})(cmd, args)
	}
	return cmd
}

func (c *command) feedImport() *cobra.Command {
	var o app.FeedOptions
	cmd := &cobra.Command{
		Use: "import DIR|FILE", Short: "Take the advisories from a folder or a file (air-gapped networks)", Args: cobra.ExactArgs(1),
		Long: "Imports a folder of feeds with its MANIFEST.json of SHA-256 sums (what hinomi feed update keeps in its data folder, or a copy carried in),\nor, in one step, the file that hinomi feed export wrote.",
	}
	cmd.Flags().BoolVar(&o.Unlisted, "unlisted", false, "also files that the manifest does not list")
	cmd.Flags().BoolVar(&o.AllowShrink, "allow-shrink", false, "accept a feed that lost more than a fifth of its rows")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b := c.newBars()
		c.cfg.Progress = b.Step
		return c.with(func(ctx context.Context, a *app.App, args []string) error {
			take := a.ImportFeeds
			if st, err := os.Stat(args[0]); err == nil && !st.IsDir() {
				take = a.ImportDatabase
			}
			r, err := take(ctx, operator(), args[0], o)
			if err != nil {
				b.Close(err)
				return hinted(err, "the advisories in use before stay in use")
			}
			n, err := a.RejudgeInventories(ctx)
			b.Close(err)
			if err != nil {
				return err
			}
			v := view{header: []string{"FEED", "ROWS", "AS OF", "COMPLETE", "SPEAKS FOR"}, data: r, empty: "No feed in the folder."}
			for _, f := range r.Feeds {
				v.rows = append(v.rows, []string{f.Name, strconv.Itoa(f.Rows), c.when(f.Published), yesNo(f.Complete), clipped(strings.Join(f.Ecosystems, ", "))})
			}
			for _, u := range r.Unread {
				v.notes = append(v.notes, "not read: "+u.File+": "+u.Reason)
			}
			for _, p := range r.Problems {
				v.notes = append(v.notes, "not understood: "+p.File+" "+p.Document+": "+p.Reason)
			}
			v.notes = append(v.notes, fmt.Sprintf("%d rows; %d inventories judged again", r.Rows, n))
			return c.show(v)
		})(cmd, args)
	}
	return cmd
}

func (c *command) feedExport() *cobra.Command {
	return &cobra.Command{
		Use: "export FILE", Short: "Write the advisories in use into one file, for hinomi feed import elsewhere", Args: cobra.ExactArgs(1),
		Long: "Writes the advisory database as it is in use into one file: checked whole, complete or not there at all. Carry it to a network without a way\nout and give it to hinomi feed import.",
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			meta, err := a.ExportAdvisories(ctx, operator(), args[0])
			if err != nil {
				return err
			}
			v := view{header: []string{"FEED", "ROWS", "AS OF", "COMPLETE", "LICENCE"}, data: meta, spare: []string{"LICENCE"}}
			for _, f := range meta.Feeds {
				v.rows = append(v.rows, []string{f.Name, strconv.Itoa(f.Rows), c.when(f.Published), yesNo(f.Complete), f.Licence})
			}
			v.notes = append(v.notes, fmt.Sprintf("%d documents and %d rows in %s", meta.Documents, meta.Rows, args[0]))
			return c.show(v)
		}),
	}
}

// clipped cuts a list that only gives an idea to 60 characters.
func clipped(s string) string {
	r := []rune(s)
	if len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (c *command) feedStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What is loaded, how old it is, and what the last try said", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Store().Feeds(ctx)
			if err != nil {
				return err
			}
			v := view{header: []string{"FEED", "ROWS", "AS OF", "LOADED", "COMPLETE", "ERROR"}, data: list, empty: "No advisories yet: hinomi feed update"}
			for _, f := range list {
				v.rows = append(v.rows, []string{f.Name, strconv.Itoa(f.Rows), c.when(f.Published), c.when(f.LoadedAt), yesNo(f.Complete), f.Error})
			}
			return c.show(v)
		}),
	}
}
