package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/cli/choice"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
)

type findingFlags struct {
	severities, types, accounts, regions, assets, tags, ids, statuses []string
	text, failOn                                                      string
	limit                                                             int
	count                                                             bool
	want                                                              choice.Choice
	scanned                                                           string               // the instance that was scanned, for a document of it
	inventory                                                         *inventory.Inventory // its inventory
}

func (c *command) findingsCommand() *cobra.Command {
	f := &findingFlags{}
	cmd := &cobra.Command{
		Use: "findings", Aliases: []string{"finding"}, Short: "What is wrong, the worst first", GroupID: "results", Args: cobra.NoArgs,
		Long:    "Lists what is wrong with the assets that connectors have read, the worst first.\n\nBeside table, json, yaml and csv, --output takes sarif, cyclonedx, spdx, ocsf, asff, csv-wide and html: these hold all findings unless --limit is given.",
		Example: "  hinomi findings --severity critical,high\n  hinomi findings --type network --fail-on high\n  hinomi findings show ID",
	}
	s := cmd.Flags()
	s.StringSliceVar(&f.severities, "severity", nil, "critical, high, medium, low, informational, untriaged")
	s.StringSliceVar(&f.types, "type", nil, "package, network, configuration, eol, secret")
	s.StringSliceVar(&f.accounts, "account", nil, "only these accounts")
	s.StringSliceVar(&f.regions, "region", nil, "only these regions")
	s.StringSliceVar(&f.assets, "asset", nil, "only on these assets (ids)")
	s.StringSliceVar(&f.tags, "tag", nil, "only on assets with one of these tags of ours")
	s.StringSliceVar(&f.ids, "id", nil, "CVE, advisory or rule ids")
	s.StringSliceVar(&f.statuses, "status", []string{"active"}, "active, suppressed, closed")
	s.StringVar(&f.text, "text", "", "part of the evidence")
	s.StringVar(&f.failOn, "fail-on", "", "exit with 1 if a finding is at least this severe, else with 3 if an instance was not fully assessed")
	s.IntVar(&f.limit, "limit", 100, "at most so many; 0 is all")
	s.BoolVar(&f.count, "count", false, "only count them")
	f.want.Flags(cmd, false)
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if err := f.want.Read(); err != nil {
			return err
		}
		if c.exported() && !cmd.Flags().Changed("limit") {
			f.limit = 0 // what other tools read is whole
		}
		return c.listFindings(ctx, a, f)
	})
	cmd.AddCommand(c.findingShow(), c.findingSuppress(), c.findingUnsuppress())
	return cmd
}

func (c *command) listFindings(ctx context.Context, a *app.App, f *findingFlags) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	fetch := func(limit int) ([]finding.Finding, bool, error) {
		return pages(limit, func(from string, n int) ([]finding.Finding, string, error) {
			return a.Store().Findings(ctx, operator().Scope, filter, from, n)
		})
	}
	if f.want.Narrows() {
		return c.listNarrowed(ctx, a, f, fetch)
	}
	counts, err := a.Store().CountFindings(ctx, operator().Scope, filter)
	if err != nil {
		return err
	}
	if err := c.failOnCounts(ctx, a, f, counts); err != nil {
		return err
	}
	if f.count {
		return c.show(severityTable(counts))
	}
	list, more, err := fetch(f.limit)
	if err != nil {
		return err
	}
	return c.showFindings(ctx, a, f, list, more, nil)
}

// failOnCounts sets the exit code by counted findings.
func (c *command) failOnCounts(ctx context.Context, a *app.App, f *findingFlags, counts []store.FindingCount) error {
	if err := c.failOn(f.failOn, func(limit finding.Severity) bool {
		for _, k := range counts {
			if k.Status == finding.Active && k.Severity.Rank() >= limit.Rank() {
				return true
			}
		}
		return false
	}); err != nil {
		return err
	}
	return c.gate(ctx, a, f)
}

// failOn sets the exit code if a finding is at least as severe as the word says.
func (c *command) failOn(word string, reached func(finding.Severity) bool) error {
	if word == "" {
		return nil
	}
	limit, ok := finding.ParseSeverity(word)
	if !ok {
		return usageError("--fail-on %q is no severity: critical, high, medium, low, informational or untriaged", word)
	}
	if reached(limit) {
		c.exit = exitFindings
	}
	return nil
}

// gate keeps --fail-on from passing what was not looked at: without a finding that is severe enough the exit code is 3 unless all instances
// that the filter names were fully assessed.
func (c *command) gate(ctx context.Context, a *app.App, f *findingFlags) error {
	if f.failOn == "" || c.exit != exitClean {
		return nil
	}
	of := store.CoverageFilter{Accounts: f.accounts, Regions: f.regions, Assets: f.assets, Tags: f.tags}
	for _, t := range f.types {
		of.Scans = append(of.Scans, scansOf[strings.ToLower(t)])
	}
	missing, err := unassessed(ctx, a, of)
	if missing {
		c.exit = exitNotAssessed
	}
	return err
}

// scansOf are the scans that find a type of --type.
var scansOf = map[string]coverage.Scan{
	"package": coverage.PackageScan, "network": coverage.NetworkScan, "configuration": coverage.RuleScan, "eol": coverage.PackageScan, "secret": coverage.PackageScan,
}

var findingTypes = map[string]finding.Type{
	"package": finding.PackageVulnerability, "network": finding.NetworkReachability, "configuration": finding.Configuration, "eol": finding.EndOfLife, "secret": finding.ExposedSecret,
}

func (f *findingFlags) filter() (store.FindingFilter, error) {
	out := store.FindingFilter{Accounts: f.accounts, Regions: f.regions, Assets: f.assets, Tags: f.tags, Vulnerabilities: f.ids, Text: f.text}
	for _, s := range f.severities {
		v, ok := finding.ParseSeverity(s)
		if !ok {
			return out, usageError("--severity %q is none: critical, high, medium, low, informational or untriaged", s)
		}
		out.Severities = append(out.Severities, v)
	}
	for _, t := range f.types {
		v, ok := findingTypes[strings.ToLower(t)]
		if !ok {
			return out, usageError("--type %q is none of package, network, configuration, eol, secret", t)
		}
		out.Types = append(out.Types, v)
	}
	var err error
	out.Statuses, err = words("--status", f.statuses, finding.Active, finding.Suppressed, finding.Closed)
	return out, err
}

// instanceNames returns the Name tags of instances by id.
func instanceNames(ctx context.Context, a *app.App) (map[string]string, error) {
	list, _, err := pages(0, func(from string, n int) ([]store.Asset, string, error) {
		return a.Store().Assets(ctx, operator().Scope, store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance, asset.KindSecurityGroup, asset.KindVolume}, Gone: true}, from, n)
	})
	names := make(map[string]string, len(list))
	for _, v := range list {
		names[v.Base().ID] = v.Base().Name()
	}
	return names, err
}

func findingView(title string, list []finding.Finding, names map[string]string) view {
	v := view{title: title, header: []string{"SEVERITY", "ID", "ASSET", "WHAT"}, data: list, empty: "No findings. hinomi coverage says who was looked at."}
	for _, f := range list {
		what := f.Title
		if f.Package != nil && len(f.Package.Packages) > 0 {
			p := f.Package.Packages[0]
			what = f.Package.VulnerabilityID + " in " + p.Name + " " + p.Version
			if p.FixedVersion != "" {
				what += ", fixed in " + p.FixedVersion
			}
			if f.Package.KEVAdded != "" {
				what += "; exploited (KEV)"
			}
		}
		if f.Rule != nil {
			what = f.Title + ": " + f.Rule.Detail
		}
		v.rows = append(v.rows, []string{string(f.Severity), short(f.ID), strings.TrimSpace(names[f.Resource.ID] + " " + f.Resource.ID), what})
	}
	return v
}

// short is the part of a finding's id that a person types.
func short(id string) string { return id[:min(len(id), 12)] }

// findingByID finds a finding by its id or the beginning of it.
func (c *command) findingByID(ctx context.Context, a *app.App, id string) (finding.Finding, error) {
	f, err := a.Store().Finding(ctx, operator().Scope, id)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return f, err
	}
	all := store.FindingFilter{Statuses: []finding.Status{finding.Active, finding.Suppressed, finding.Closed}}
	list, _, err := pages(0, func(from string, n int) ([]finding.Finding, string, error) {
		return a.Store().Findings(ctx, operator().Scope, all, from, n)
	})
	if err != nil {
		return f, err
	}
	var hits []finding.Finding
	for _, x := range list {
		if strings.HasPrefix(x.ID, id) {
			hits = append(hits, x)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return f, hinted(fmt.Errorf("there is no finding %q", id), "hinomi findings lists them")
	default:
		return f, fmt.Errorf("%q begins the ids of %d findings: give more of it", id, len(hits))
	}
}

func (c *command) findingShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "One finding with its evidence and what to do", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			f, err := c.findingByID(ctx, a, args[0])
			if err != nil {
				return err
			}
			return c.show(oneFinding(c, f))
		}),
	}
}

func oneFinding(c *command, f finding.Finding) view {
	v := view{title: f.Title, header: []string{"FIELD", "VALUE"}, data: f}
	row := func(k, val string) {
		if val != "" {
			v.rows = append(v.rows, []string{k, val})
		}
	}
	row("id", f.ID)
	row("severity", string(f.Severity))
	row("asset", f.Resource.String())
	row("status", strings.TrimSuffix(string(f.Status)+": "+f.StatusWhy, ": "))
	row("first seen", c.when(f.FirstSeen))
	row("last seen", c.when(f.LastSeen))
	if !f.ClosedAt.IsZero() {
		row("closed", c.when(f.ClosedAt))
	}
	row("description", f.Description)
	if p := f.Package; p != nil {
		for _, k := range p.Packages {
			row("package", strings.TrimSpace(k.Name+" "+k.Version+" "+k.Arch)+" at "+k.Path)
		}
		row("severity by", p.SeveritySource)
		for _, s := range p.CVSS {
			row("CVSS "+s.Version, fmt.Sprintf("%.1f %s (%s)", s.Score, s.Vector, s.Source))
		}
		if p.EPSS > 0 {
			row("EPSS", fmt.Sprintf("%.5f, percentile %.3f", p.EPSS, p.EPSSPercentile))
		}
		row("CISA KEV", strings.TrimSuffix(p.KEVAdded+", due "+p.KEVDue, ", due "))
		row("advisories", strings.Join(p.Advisories, ", "))
		row("fix available", p.FixAvailable)
		row("source", p.SourceURL)
	}
	if n := f.Network; n != nil {
		row("path", strings.Join(n.Path, " → "))
	}
	for _, w := range f.Why {
		row("why", w)
	}
	row("what to do", f.Remediation)
	return v
}

func (c *command) findingSuppress() *cobra.Command {
	var why string
	var days int
	cmd := &cobra.Command{Use: "suppress ID --reason TEXT", Short: "Take a finding out of the active ones, with a reason", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&why, "reason", "", "why")
	cmd.Flags().IntVar(&days, "days", 90, "days until it is active again; 0 leaves it suppressed for good")
	_ = cmd.MarkFlagRequired("reason") // the flag was defined just above
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		f, err := c.findingByID(ctx, a, args[0])
		if err != nil {
			return err
		}
		if days < 0 {
			return usageError("--days %d is negative", days)
		}
		until := time.Time{}
		if days > 0 {
			until = c.cfg.Now().Add(time.Duration(days) * 24 * time.Hour)
		}
		if err := a.SuppressFinding(ctx, operator(), f.ID, why, until); err != nil {
			return err
		}
		if days > 0 {
			c.say("suppressed until %s: %s", c.when(until), f.Title)
		} else {
			c.say("suppressed until hinomi findings unsuppress %s: %s", short(f.ID), f.Title)
		}
		return nil
	})
	return cmd
}

func (c *command) findingUnsuppress() *cobra.Command {
	return &cobra.Command{
		Use: "unsuppress ID", Short: "Make a suppressed finding active again", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			f, err := c.findingByID(ctx, a, args[0])
			if err != nil {
				return err
			}
			if err := a.UnsuppressFinding(ctx, operator(), f.ID); err != nil {
				return err
			}
			c.say("active again: %s", f.Title)
			return nil
		}),
	}
}
