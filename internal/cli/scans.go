package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/cli/choice"
	"hinomi/internal/connector"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// scanLine is a scan with its instance's name.
type scanLine struct {
	run.Scan
	Name string `json:"name,omitempty"`
}

func scanView(list []scanLine) view {
	v := view{header: []string{"SCAN", "INSTANCE", "STATE", "REQUESTS", "READ", "REASON"}, data: list, empty: "No scans yet."}
	for _, s := range list {
		v.rows = append(v.rows, []string{s.ID, strings.TrimSpace(s.Instance.ID + " " + s.Name), string(s.State), fmt.Sprint(s.Calls), size(s.Bytes), s.Reason})
	}
	return v
}

// size writes bytes as a person reads them.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// scanTagged scans every activated instance that carries one of the tags, one after the other, or queues them.
func (c *command) scanTagged(ctx context.Context, a *app.App, tags []string, wait bool, failOn string, want *choice.Choice) error {
	if err := c.exportWaits(wait, want); err != nil {
		return err
	}
	f := store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Tags: tags, Module: connector.Vulnerability}
	list, _, err := pages(0, func(from string, n int) ([]store.Asset, string, error) {
		return a.Store().Assets(ctx, operator().Scope, f, from, n)
	})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return hinted(fmt.Errorf("no activated instance carries the tag %s", strings.Join(tags, " or ")), "hinomi asset list shows tags; hinomi asset show ID says why one is not activated")
	}
	do := a.ScanNow
	if !wait {
		do = a.ScanInstance
	}
	var lines []scanLine
	var ids []string
	var faults []error
	for _, v := range list {
		ids = append(ids, v.Base().ID)
		s, err := do(ctx, operator(), asset.RefOf(v))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", v.Base().ID, err))
			continue
		}
		if s.Reason != "" {
			c.exit = exitError
		}
		lines = append(lines, scanLine{s, v.Base().Name()})
	}
	if err := c.showScans(lines); err != nil {
		return err
	}
	if err := errors.Join(faults...); err != nil || !wait || c.exit == exitError {
		return err
	}
	flags := scannedFlags(ids, failOn, want)
	if c.exported() {
		flags.limit = 0
	}
	return c.listFindings(ctx, a, flags)
}

func (c *command) scanList() *cobra.Command {
	var limit int
	var states []string
	cmd := &cobra.Command{Use: "list", Short: "Agentless scans of instances, the newest first", Args: cobra.NoArgs}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many; 0 is all")
	cmd.Flags().StringSliceVar(&states, "state", nil, "queued, deferred, running, finished, failed, canceled")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		only, err := words("--state", states, run.Queued, run.Deferred, run.Running, run.Finished, run.Failed, run.Canceled)
		if err != nil {
			return err
		}
		list, _, err := pages(limit, func(from string, n int) ([]run.Scan, string, error) {
			return a.Store().Scans(ctx, operator().Scope, store.ScanFilter{States: only}, from, n)
		})
		if err != nil {
			return err
		}
		lines := make([]scanLine, 0, len(list))
		for _, s := range list {
			lines = append(lines, scanLine{Scan: s})
		}
		return c.show(scanView(lines))
	})
	return cmd
}

func (c *command) sweepCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sweep", Short: "Delete snapshots of ours that a crash left behind; never another installation's", GroupID: "run", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			out, err := a.Sweep(ctx, operator())
			if err != nil {
				return err
			}
			v := view{header: []string{"SNAPSHOT", "ACCOUNT", "REGION", "SCAN", "STATE", "DETAIL"}, data: out, empty: "Nothing of ours was found in any account."}
			for _, r := range out.Deleted {
				v.rows = append(v.rows, []string{r.ID, r.Account, r.Region, r.ScanID, "deleted", ""})
			}
			for _, r := range out.Open {
				v.rows = append(v.rows, []string{r.ID, r.Account, r.Region, r.ScanID, string(r.State), r.Detail})
			}
			v.notes = out.Faults
			if len(out.Faults)+len(out.Open) > 0 {
				c.exit = exitError
			}
			return c.show(v)
		}),
	}
}
