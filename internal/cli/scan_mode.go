package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/coverage"
	"hinomi/internal/run"
)

// scanModeCommand shows and sets which methods scan the instances of accounts.
func (c *command) scanModeCommand() *cobra.Command {
	var account, region string
	var clear bool
	cmd := &cobra.Command{
		Use: "mode [agent-based|hybrid]", Short: "Show or set how instances are scanned: by agents only, or hybrid", Args: cobra.MaximumNArgs(1),
		Long: `Agent-based: only instances that Systems Manager manages, by the inventory of their agents.
Hybrid: these, and the others without an agent, by reading their disks; the connector must allow snapshot-volumes.

Without --account the mode is for all accounts; the nearest setting wins: region, account, all. Where none is set, a connector that allows
snapshot-volumes means hybrid. An organisation's account decides for all its members, who cannot be set one by one.`,
		Example: "  hinomi scan mode\n  hinomi scan mode hybrid --account 111122223333 --region eu-west-1\n  hinomi scan mode --account 111122223333 --clear",
	}
	cmd.Flags().StringVar(&account, "account", "", "set it for this account")
	cmd.Flags().StringVar(&region, "region", "", "and only for this region of it")
	cmd.Flags().BoolVar(&clear, "clear", false, "forget what was set there")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		var mode coverage.Mode
		if len(args) == 1 {
			var err error
			if mode, err = coverage.ParseMode(args[0]); err != nil {
				return usageError("%v", err)
			}
		}
		switch {
		case clear && mode != "":
			return usageError("--clear takes no mode")
		case region != "" && account == "":
			return usageError("--region needs --account")
		case clear || mode != "":
			err := a.SetScanMode(ctx, operator(), account, region, mode)
			if errors.Is(err, app.ErrMember) {
				return hinted(err, "set it for the organisation's account")
			}
			if err != nil {
				return err
			}
		}
		list, err := a.ScanModes(ctx, operator())
		if err != nil {
			return err
		}
		v := view{header: []string{"ACCOUNT", "REGION", "MODE", "WHY"}, data: list, empty: "No connector reads an account yet: hinomi connector add"}
		for _, m := range list {
			if account != "" && m.Account != account {
				continue
			}
			where := m.Region
			if where == "" {
				where = "all others"
			}
			v.rows = append(v.rows, []string{m.Account, where, string(m.Mode), m.Why})
		}
		return c.show(v)
	})
	return cmd
}

// scanSettingsCommand shows and changes what scans leave out, where agents look, and how much runs at once.
func (c *command) scanSettingsCommand() *cobra.Command {
	var keys, paths, agents []string
	var account, windows, syncName, scanTag string
	var atOnce, days, syncFrom int
	var secrets bool
	cmd := &cobra.Command{
		Use: "settings", Short: "Show or change exclusion tags, further paths of agents, the Windows schedule and scans at once", Args: cobra.NoArgs,
		Long: `Exclusion: an instance that carries one of the tag keys, whatever the value, is not scanned and its open findings are closed with that reason;
a volume whose KMS key carries one is not read without an agent.
Agents: what is made, and repaired hourly, in the Systems Manager of accounts whose connectors allow manage-ssm (hinomi scan plan shows it):
the software inventory of AWS's agent, hinomi's collector on Linux (deep inspection) and Windows, a resource data sync for large fleets: where a
region has as many managed instances as --sync-from says, their inventories are read from its bucket. --sync-name uses one that is there already.
Further paths: up to 5 folders per account, and 5 for all accounts, in which agents look for language packages beside the default ones.`,
	}
	cmd.Flags().StringSliceVar(&keys, "exclude-tags", nil, "replace the tag keys that exclude; '' empties them")
	cmd.Flags().StringSliceVar(&paths, "paths", nil, "replace the further paths, of --account or of all accounts; '' empties them")
	cmd.Flags().StringVar(&account, "account", "", "the account that --paths is for")
	cmd.Flags().StringVar(&windows, "windows-schedule", "", "when agents collect on Windows: rate(6 hours) or cron(…)")
	cmd.Flags().StringSliceVar(&agents, "agents", nil, "what is kept in Systems Manager: inventory, deep, windows, data-sync; '' for nothing")
	cmd.Flags().StringVar(&syncName, "sync-name", "", "an existing resource data sync whose bucket is read, in place of hinomi's own; '' for hinomi's own")
	cmd.Flags().IntVar(&syncFrom, "sync-from", 0, "with how many managed instances in a region the data sync's bucket is read")
	cmd.Flags().StringVar(&scanTag, "scan-tag", "", "key of the tag that holds a scan's ID on its snapshots; '' is "+run.TagScan)
	cmd.Flags().BoolVar(&secrets, "secrets", false, "also look for private keys and tokens that lie on disks; only place and fingerprint are kept")
	cmd.Flags().IntVar(&days, "baseline-days", 0, "how long the snapshot of a volume may stay as its baseline")
	cmd.Flags().IntVar(&atOnce, "per-account", 0, "agentless scans at once in one account")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		changed := cmd.Flags().Changed
		parts, err := words("--agents", slices.DeleteFunc(agents, func(s string) bool { return s == "" }), coverage.AgentParts()...)
		if err != nil {
			return err
		}
		if slices.ContainsFunc([]string{
			"scan-tag", "agents", "baseline-days", "secrets", "exclude-tags", "paths", "windows-schedule", "per-account", "sync-name", "sync-from",
		}, changed) {
			if err := a.EditScanSettings(ctx, operator(), func(s *coverage.Settings) error {
				if changed("exclude-tags") {
					s.ExcludeKeys = append([]string{}, keys...)
				}
				if changed("agents") {
					s.Agents = append([]coverage.AgentPart{}, parts...)
				}
				if changed("paths") {
					setPaths(s, account, paths)
				}
				s.WindowsSchedule = either(changed("windows-schedule"), windows, s.WindowsSchedule)
				s.SyncName = either(changed("sync-name"), syncName, s.SyncName)
				s.SyncFrom = either(changed("sync-from"), syncFrom, s.SyncFrom)
				if changed("scan-tag") {
					s.SetScanTag(scanTag)
				}
				s.Secrets = either(changed("secrets"), secrets, s.Secrets)
				s.BaselineDays = either(changed("baseline-days"), days, s.BaselineDays)
				s.PerAccount = either(changed("per-account"), atOnce, s.PerAccount)
				return nil
			}); err != nil {
				if errors.Is(err, coverage.ErrSettings) {
					return usageError("%v", err)
				}
				return err
			}
		}
		s, err := a.ScanSettings(ctx)
		if err != nil {
			return err
		}
		v := settingsView(&s)
		if changed("scan-tag") {
			v.notes = append(v.notes, "the policies of roles ask for this tag: renew them with hinomi connector policy, or snapshots are refused")
		}
		return c.show(v)
	})
	return cmd
}

// either returns a flag's value where it was given, else what there was.
func either[T any](given bool, value, before T) T {
	if given {
		return value
	}
	return before
}

// settingsView is how settings of scans are shown.
func settingsView(s *coverage.Settings) view {
	v := view{header: []string{"SETTING", "VALUE"}, data: s}
	var kept []string
	for _, p := range s.Agents {
		kept = append(kept, string(p))
	}
	v.rows = append(v.rows, []string{"kept in Systems Manager", orNone(kept)}, []string{"exclusion tags", orNone(s.ExcludeKeys)},
		[]string{"scans at once in an account", fmt.Sprint(s.PerAccount)},
		[]string{"looks for secrets", fmt.Sprint(s.Secrets)}, []string{"days of a baseline", fmt.Sprint(s.BaselineDays)}, []string{"tag of scans", scanTagName(s)}, []string{"schedule on Windows", s.WindowsSchedule},
		[]string{"data sync's bucket is read", fmt.Sprintf("%s, from %d instances in a region", cmp.Or(s.SyncName, "hinomi's own"), s.SyncFrom)})
	for _, at := range slices.Sorted(maps.Keys(s.DeepPaths)) {
		name := "further paths, all accounts"
		if at != "" {
			name = "further paths, " + at
		}
		v.rows = append(v.rows, []string{name, orNone(s.DeepPaths[at])})
	}
	return v
}

// scanTagName is the key of the tag of scans, with those that it had before.
func scanTagName(s *coverage.Settings) string {
	name := cmp.Or(s.ScanTag, run.TagScan)
	if len(s.FormerScanTags) > 0 {
		name += " (before: " + strings.Join(s.FormerScanTags, ", ") + ")"
	}
	return name
}

func setPaths(s *coverage.Settings, account string, paths []string) {
	if s.DeepPaths == nil {
		s.DeepPaths = map[string][]string{}
	}
	s.DeepPaths[account] = paths
	if len(paths) == 0 {
		delete(s.DeepPaths, account)
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
