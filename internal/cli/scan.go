package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/action/export"
	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/cli/choice"
	"hinomi/internal/finding"
)

func (c *command) scanCommand() *cobra.Command {
	var failOn, region, file string
	var want choice.Choice
	var tags []string
	var wait, secrets, owned bool
	cmd := &cobra.Command{
		Use: "scan TARGET", Short: "Scan this host, a folder, a disk image, an SBOM, an EBS snapshot or an instance", GroupID: "start", Args: cobra.MaximumNArgs(1),
		Long: `Scans TARGET and says what is vulnerable. No server and no database are needed, only advisories (hinomi feed update).

TARGET is
  /                 this host's own file system
  DIR               a folder that holds one
  FILE              a raw disk image (also .gz), an SBOM (CycloneDX, SPDX), or a lock file
  ebs:snap-…        an EBS snapshot, read through the EBS direct APIs without downloading it
  i-…               an instance that a connector has read: its volumes are snapshotted, read, and the snapshots deleted

Beside table, json, yaml and csv, --output takes sarif, cyclonedx, spdx, ocsf, asff, csv-wide and html: cyclonedx is the inventory
alone, which needs no advisories, cyclonedx-vex the inventory with what was found in it.

With --tag instead of TARGET every activated instance with one of these tags of ours is scanned.

Exit codes: 0 clean, 1 findings at or above --fail-on, 2 an error, 3 not fully assessed, even without findings.`,
		Example: "  hinomi scan / --fail-on high\n  hinomi scan disk.img --output json\n  hinomi scan ebs:snap-0123456789abcdef0 --region eu-west-1\n  hinomi scan disk.img --output cyclonedx",
	}
	cmd.Flags().StringVar(&failOn, "fail-on", "untriaged", "exit with 1 if a finding is at least this severe (untriaged: any finding)")
	cmd.Flags().StringVar(&region, "region", "", "region of ebs:snap-…; AWS_REGION if left out")
	cmd.Flags().StringVar(&file, "advisories", "", "advisory database to use instead of the installation's")
	cmd.Flags().BoolVar(&wait, "wait", true, "of an instance: scan now, in this process; --wait=false leaves it to a server or worker")
	cmd.Flags().BoolVar(&secrets, "secrets", false, "also look for private keys and tokens that lie about; only place and fingerprint are shown")
	cmd.Flags().BoolVar(&owned, "owned", false, "list, too, what the distribution's packages brought, with its owner: for a complete SBOM")
	want.Flags(cmd, true)
	want.VEXFlag(cmd)
	cmd.Flags().StringSliceVar(&tags, "tag", nil, "scan the activated instances that carry one of these tags of ours")
	cmd.AddCommand(c.scanList(), c.scanModeCommand(), c.scanSettingsCommand(), c.scanPlanCommand(), c.scanDisableCommand(), c.scanBaselinesCommand())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (len(tags) > 0) {
			return usageError("scan takes one TARGET, or --tag")
		}
		if owned && (len(tags) > 0 || strings.HasPrefix(args[0], "i-")) {
			return usageError("--owned is for a TARGET that is not an instance: scan its snapshot, ebs:snap-…")
		}
		if file != "" {
			c.cfg.Advisories = file
		}
		if err := want.Read(); err != nil {
			return err
		}
		if len(tags) > 0 {
			return c.with(func(ctx context.Context, a *app.App, _ []string) error {
				return c.scanTagged(ctx, a, tags, wait, failOn, &want)
			})(cmd, args)
		}
		if strings.HasPrefix(args[0], "i-") {
			return c.with(func(ctx context.Context, a *app.App, args []string) error {
				return c.scanInstance(ctx, a, args[0], wait, failOn, &want)
			})(cmd, args)
		}
		return c.scanTarget(cmd.Context(), args[0], app.TargetOptions{Region: region, Kernel: runningKernel(), Secrets: secrets, Owned: owned}, failOn, &want)
	}
	return cmd
}

// scanTarget scans without an installation.
func (c *command) scanTarget(ctx context.Context, target string, o app.TargetOptions, failOn string, want *choice.Choice) error {
	if _, ok := finding.ParseSeverity(failOn); !ok {
		return c.failOn(failOn, nil) // refused before the disk is read
	}
	if o.Region == "" {
		o.Region = os.Getenv("AWS_REGION")
	}
	b := c.newBars()
	cfg := c.cfg
	cfg.Progress = b.Step
	s, err := app.ReadTarget(ctx, cfg, target, o)
	b.Close(err)
	if err != nil {
		if errors.Is(err, app.ErrTarget) {
			return hinted(err, "hinomi scan --help lists what can be scanned")
		}
		return err
	}
	if c.output == "cyclonedx" {
		return export.CycloneDX(c.out, s.Inventory, app.Version)
	}
	s.Statements = want.Statements()
	if err := app.MatchTarget(cfg, s); err != nil {
		if errors.Is(err, app.ErrNoAdvisories) {
			return hinted(err, "hinomi feed update fetches them; hinomi feed import DIR takes them from a folder")
		}
		return err
	}
	return c.showScan(s, failOn, want)
}

// showScan shows a scan's result; its exit code says findings before "not fully assessed".
func (c *command) showScan(s *app.Scanned, failOn string, want *choice.Choice) error {
	found, notes := want.Apply(s.Matched.Findings, c.cfg.Now())
	notes = append(notes, s.Inventory.Notes...)
	missing := s.Matched.NotAssessed
	if len(missing) > 0 {
		c.exit = exitNotAssessed
	}
	if err := c.failOn(failOn, func(limit finding.Severity) bool {
		for _, f := range found {
			if f.Severity.Rank() >= limit.Rank() {
				return true
			}
		}
		return false
	}); err != nil {
		return err
	}
	if c.exported() {
		return c.exportScan(s, found, notes)
	}
	v := view{header: []string{"SEVERITY", "VULNERABILITY", "PACKAGE", "INSTALLED", "FIXED IN", "WHERE"}, spare: []string{"WHERE"}, empty: "Nothing found in what could be assessed."}
	for _, f := range found {
		v.rows = append(v.rows, scanRow(f))
	}
	if c.output != tableFormat {
		v.data = export.NewReport(export.Report{
			Target: s.Target, Kind: s.Kind, OS: s.Inventory.OS, Packages: len(s.Inventory.Packages), Cost: export.Cost(s.Cost),
			Findings: found, NotAssessed: missing, Notes: notes, Feeds: s.Matched.Feeds,
		})
		return c.show(v)
	}
	system := s.Inventory.OS.PrettyName
	if system == "" {
		system = "unknown operating system"
	}
	fmt.Fprintf(c.out, "%s  %s, %d packages\n\n", c.bold(printable(s.Target)), printable(system), len(s.Inventory.Packages))
	v.notes = append(v.notes, notesOf(missing, notes)...)
	return c.show(v)
}

func scanRow(f finding.Finding) []string {
	if f.Secret != nil {
		return []string{string(f.Severity), f.Secret.Kind, "", "", "", f.Secret.Path}
	}
	if f.Package == nil || len(f.Package.Packages) == 0 {
		return []string{string(f.Severity), f.Title, "", "", "", ""}
	}
	p := f.Package.Packages[0]
	where := p.Path
	if n := len(f.Package.Packages); n > 1 {
		where = fmt.Sprintf("%s and %d more", where, n-1)
	}
	id := f.Package.VulnerabilityID
	if f.Package.KEVAdded != "" {
		id += " (exploited)"
	}
	return []string{string(f.Severity), id, p.Name, p.Version, p.FixedVersion, where}
}

func notesOf(missing, notes []string) []string {
	var out []string
	if len(missing) > 0 {
		out = append(out, "", fmt.Sprintf("Not assessed (%d):", len(missing)))
		for _, m := range missing[:min(len(missing), 20)] {
			out = append(out, "  "+m)
		}
		if len(missing) > 20 {
			out = append(out, fmt.Sprintf("  … and %d more: --output json has all", len(missing)-20))
		}
	}
	for _, n := range notes {
		out = append(out, "note: "+n)
	}
	return out
}

// runningKernel is uname -r of this host, "" where it is not known.
func runningKernel() string {
	f, err := os.Open("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// scanInstance scans an instance that a connector has read.
func (c *command) scanInstance(ctx context.Context, a *app.App, id string, wait bool, failOn string, want *choice.Choice) error {
	if err := c.exportWaits(wait, want); err != nil {
		return err
	}
	v, err := c.find(ctx, a, id)
	if err != nil {
		return err
	}
	do := a.ScanNow
	if !wait {
		do = a.ScanInstance
	}
	s, err := do(ctx, operator(), asset.RefOf(v.Asset))
	if err != nil {
		return err
	}
	if s.Reason != "" {
		c.exit = exitError
	}
	flags := scannedFlags([]string{id}, failOn, want)
	if c.exported() && s.Reason == "" {
		_, inv, err := a.Store().AssetInventory(ctx, operator().Scope, asset.RefOf(v.Asset))
		if err != nil {
			return err
		}
		if c.output == "cyclonedx" {
			return export.CycloneDX(c.out, inv, app.Version)
		}
		flags.scanned, flags.inventory, flags.limit = id, inv, 0
	}
	if err := c.showScans([]scanLine{{s, v.Base().Name()}}); err != nil || !wait || s.Reason != "" {
		return err
	}
	return c.listFindings(ctx, a, flags)
}
