package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

// verbs lists the commands, one line each.
func (c *command) verbs() []*cobra.Command {
	return []*cobra.Command{
		c.demoCommand(), c.scanCommand(), c.matchCommand(), c.feedCommand(),
		c.connectorCommand(), c.baseAccountCommand(), c.importCommand(), c.collectCommand(), c.tagCommand(), c.viewCommand(), c.streamCommand(),
		c.findingsCommand(), c.vexCommand(), c.assetCommand(), c.coverageCommand(), c.gapsCommand(), c.reachCommand(),
		c.serveCommand(), c.workerCommand(), c.jobCommand(), c.sweepCommand(), c.collectHostCommand(), c.backupCommand(), c.restoreCommand(), c.resealCommand(), c.settingCommand(),
		c.userCommand(), c.tokenCommand(), c.auditCommand(), c.versionCommand(), c.readDisksCommand(),
	}
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Version and commit", GroupID: "run", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return c.show(view{header: []string{"VERSION", "COMMIT"}, rows: [][]string{{app.Version, app.Commit}}, data: map[string]string{"version": app.Version, "commit": app.Commit}})
		},
	}
}

func (c *command) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write a consistent copy of the SQLite database, also while the server runs", GroupID: "run", Args: cobra.ExactArgs(1),
		Long: "Writes a consistent copy with mode 0600. The sealing key is not in it: keep that apart, without it the secrets in the copy cannot be opened.\nPostgreSQL is backed up with pg_dump.",
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.Store().Backup(ctx, args[0]); err != nil {
				if errors.Is(err, store.ErrBackup) {
					return hinted(err, "pg_dump --format=custom")
				}
				return err
			}
			fmt.Fprintln(c.out, "written: "+printable(args[0])+"; keep the sealing key apart")
			return nil
		}),
	}
}

func (c *command) restoreCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in the place of the SQLite database; nothing may be running", GroupID: "run", Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a database that exists (it is kept beside it as .before-restore)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := app.Restore(cmd.Context(), c.cfg, args[0], force); err != nil {
			if errors.Is(err, store.ErrBackup) {
				return hinted(err, "pg_restore")
			}
			return err
		}
		fmt.Fprintln(c.out, "restored to "+printable(strings.TrimPrefix(c.cfg.Database, "sqlite:")))
		return nil
	}
	return cmd
}

func (c *command) resealCommand() *cobra.Command {
	var old string
	cmd := &cobra.Command{
		Use: "reseal --old-key-file FILE", Short: "Seal every stored secret with the present key, after the key was changed", GroupID: "run", Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&old, "old-key-file", "", "the key that sealed them")
	_ = cmd.MarkFlagRequired("old-key-file") // the flag was defined just above
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		n, err := a.Reseal(ctx, operator(), old)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%d secrets sealed again\n", n)
		return nil
	})
	return cmd
}

func (c *command) jobCommand() *cobra.Command {
	top := &cobra.Command{Use: "job", Aliases: []string{"jobs"}, Short: "The queue", GroupID: "run"}
	var kind, state string
	var limit int
	list := &cobra.Command{Use: "list", Short: "Jobs, the newest first", Args: cobra.NoArgs}
	list.Flags().StringVar(&kind, "kind", "", "sync, scan, feeds, sweep …")
	list.Flags().StringVar(&state, "state", "", "queued, running, retrying, finished, failed, canceled")
	list.Flags().IntVar(&limit, "limit", 50, "at most so many; 0 is all")
	list.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		var of job.State
		if state != "" {
			only, err := words("--state", []string{state}, job.Queued, job.Running, job.Retrying, job.Finished, job.Failed, job.Canceled)
			if err != nil {
				return err
			}
			of = only[0]
		}
		runs, _, err := pages(limit, func(from string, n int) ([]job.Run, string, error) {
			return a.Store().Jobs().List(ctx, kind, of, from, n)
		})
		if err != nil {
			return err
		}
		v := view{header: []string{"ID", "KIND", "STATE", "ATTEMPT", "CREATED", "ENDED", "ERROR"}, data: runs, empty: "No jobs."}
		for _, r := range runs {
			v.rows = append(v.rows, []string{r.ID, r.Kind, string(r.State), fmt.Sprintf("%d of %d", r.Attempt, r.MaxAttempts), c.when(r.CreatedAt), c.when(r.EndedAt), r.Error})
		}
		return c.show(v)
	})
	cancel := &cobra.Command{
		Use: "cancel ID", Short: "Cancel a job that waits or runs", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			err := a.CancelJob(ctx, operator(), args[0])
			if errors.Is(err, job.ErrNotFound) {
				err = store.ErrNotFound
			}
			if err != nil {
				return c.unknown("job", args[0], err)
			}
			c.say("job %s canceled", args[0])
			return nil
		}),
	}
	top.AddCommand(list, cancel)
	return top
}
