package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/store"
)

func (c *command) demoCommand() *cobra.Command {
	var examples, keep string
	var serve bool
	var listen string
	cmd := &cobra.Command{
		Use: "demo", Short: "Run the whole line on the example organisation that the repository ships", GroupID: "start", Args: cobra.NoArgs,
		Long: "Opens a database in a temporary folder, loads the example organisation, its advisories and the disk of one instance, and shows what is wrong.\nNothing is asked of AWS.",
	}
	cmd.Flags().StringVar(&examples, "examples", "examples", "the repository's folder of examples")
	cmd.Flags().StringVar(&keep, "keep", "", "keep the database in this folder instead of a temporary one")
	cmd.Flags().BoolVar(&serve, "serve", false, "go on as a server on the result")
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "address of the server with --serve")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		dir := keep
		if dir == "" {
			if dir, err = os.MkdirTemp("", "hinomi-demo-"); err != nil {
				return err
			}
			if serve {
				defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
			}
		}
		if _, err := os.Stat(filepath.Join(examples, "disks.json")); err != nil {
			return hinted(fmt.Errorf("no example in %s: %w", examples, err), "run make demo in the repository, or give --examples")
		}
		cfg := c.cfg
		cfg.DataDir, cfg.Database, cfg.Advisories = dir, "sqlite:"+filepath.Join(dir, "hinomi.db"), filepath.Join(dir, "advisories.db")
		b := c.newBars()
		cfg.Progress = b.Step
		a, err := app.Open(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		out, err := a.Demonstrate(cmd.Context(), examples)
		b.Close(err)
		if err != nil {
			return err
		}
		if err := c.showDemo(cmd.Context(), a, out, dir); err != nil {
			return err
		}
		if serve {
			return c.serve(cmd.Context(), a, serveOptions{listen: listen})
		}
		return nil
	}
	return cmd
}

// showDemo prints the summary: what there is, what is wrong, what was not assessed, how to go on.
func (c *command) showDemo(ctx context.Context, a *app.App, out app.Demonstrated, dir string) error {
	if c.output != tableFormat {
		v := severityTable(out.Findings)
		v.data = map[string]any{"world": out.World, "findings": out.Findings, "coverage": out.Coverage}
		return c.show(v)
	}
	fmt.Fprintln(c.out)
	assets, err := a.Store().CountAssets(ctx, operator().Scope, store.AssetFilter{})
	if err != nil {
		return err
	}
	n := 0
	for _, k := range assets {
		n += k
	}
	fmt.Fprintf(c.out, "%s  %d accounts, %d regions: %d instances, %d assets in all. %d advisories.\n", c.bold("Read"), len(accountsOf(out)), regionsOf(out),
		assets["instance"], n, out.Advisories)
	for _, d := range out.Disks {
		fmt.Fprintf(c.out, "%s  the disk of %s (%s):\n      %s, %d packages, without an agent and without mounting it.\n\n", c.bold("Read"), printable(d.Name), d.Instance.ID, printable(d.OS), d.Packages)
	}
	if err := c.show(severityTable(out.Findings)); err != nil {
		return err
	}
	if err := c.showWorst(ctx, a); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "\n"+c.bold("Not assessed, and why"))
	for _, d := range out.Disks {
		for _, text := range d.Outcome.Matched.NotAssessed {
			fmt.Fprintln(c.out, c.wrapped("  "+printable(d.Name+": "+text)))
		}
	}
	for _, k := range out.Coverage {
		if k.Reason != "SUCCESSFUL" {
			fmt.Fprintf(c.out, "  %s: %s %s\n", counted(k.Count, "instance"), strings.ToLower(string(k.Scan)), strings.ToLower(string(k.Reason)))
		}
	}
	fmt.Fprintf(c.out, "\n%s\n  export HINOMI_HOME=%s\n  bin/hinomi findings --severity critical,high\n  bin/hinomi findings show ID          why: the comparison, or the way in hop by hop\n  bin/hinomi coverage                  who was looked at, and who not\n  bin/hinomi asset list\n  make demo DEMO_FLAGS=--serve         the same behind the API\n",
		c.bold("Go on with"), dir)
	return nil
}

func accountsOf(out app.Demonstrated) []string {
	var list []string
	for _, r := range out.World.Scopes {
		if !slices.Contains(list, r.Account) {
			list = append(list, r.Account)
		}
	}
	return list
}

func regionsOf(out app.Demonstrated) int {
	var list []string
	for _, r := range out.World.Scopes {
		if r.Region != asset.Global && !slices.Contains(list, r.Region) {
			list = append(list, r.Region)
		}
	}
	return len(list)
}

// counted writes a number with its word, in the plural unless it is one.
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// severityTable counts findings by severity and type.
func severityTable(counts []store.FindingCount) view {
	types := []finding.Type{finding.PackageVulnerability, finding.NetworkReachability, finding.Configuration, finding.EndOfLife}
	v := view{header: []string{"FINDINGS", "PACKAGES", "NETWORK", "CONFIGURATION", "END OF LIFE"}, data: counts, empty: "No findings."}
	if slices.ContainsFunc(counts, func(k store.FindingCount) bool { return k.Type == finding.ExposedSecret }) { // most installations do not look for them
		types, v.header = append(types, finding.ExposedSecret), append(v.header, "SECRETS")
	}
	for _, s := range finding.Severities() {
		row, any := []string{string(s)}, false
		for _, t := range types {
			n := 0
			for _, k := range counts {
				if k.Severity == s && k.Type == t {
					n += k.Count
				}
			}
			any = any || n > 0
			row = append(row, strconv.Itoa(n))
		}
		if any {
			v.rows = append(v.rows, row)
		}
	}
	return v
}

// showWorst prints the worst findings of each type: ways in, packages (known to be exploited first), rules with how many assets break them.
func (c *command) showWorst(ctx context.Context, a *app.App) error {
	list, _, err := pages(0, func(from string, n int) ([]finding.Finding, string, error) {
		return a.Store().Findings(ctx, operator().Scope, store.FindingFilter{Severities: []finding.Severity{finding.Critical, finding.High, finding.Medium}}, from, n)
	})
	if err != nil {
		return err
	}
	names, err := instanceNames(ctx, a)
	if err != nil {
		return err
	}
	var network, packages []finding.Finding
	rules, order := map[string]int{}, []finding.Finding{}
	for _, f := range list {
		switch f.Type {
		case finding.NetworkReachability:
			network = append(network, f)
		case finding.PackageVulnerability:
			packages = append(packages, f)
		case finding.Configuration:
			if rules[f.Rule.ID]++; rules[f.Rule.ID] == 1 {
				order = append(order, f)
			}
		case finding.EndOfLife, finding.ExposedSecret:
		}
	}
	slices.SortStableFunc(packages, func(x, y finding.Finding) int { return cmp.Compare(exploited(y), exploited(x)) })
	for _, part := range []struct {
		title string
		list  []finding.Finding
	}{{"Ways in from the internet", network}, {"Vulnerable packages, exploited ones first", packages[:min(len(packages), 6)]}} {
		fmt.Fprintln(c.out)
		if err := c.show(findingView(part.title, part.list, names)); err != nil {
			return err
		}
	}
	v := view{title: "Configuration rules that are broken", header: []string{"SEVERITY", "ASSETS", "RULE", "WHAT"}, empty: "None."}
	for _, f := range order {
		v.rows = append(v.rows, []string{string(f.Severity), strconv.Itoa(rules[f.Rule.ID]), f.Rule.ID, f.Title})
	}
	fmt.Fprintln(c.out)
	return c.show(v)
}

// exploited is 1 for a vulnerability that is known to be exploited.
func exploited(f finding.Finding) int {
	if f.Package != nil && f.Package.KEVAdded != "" {
		return 1
	}
	return 0
}
