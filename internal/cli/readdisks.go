package cli

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app/reading"
)

// readDisksCommand is the child that reads disks for another hinomi, which talks to it over its standard input and output. It is no verb of a
// person's: it is hidden, takes nothing from flags or the environment, and does nothing until it has walled itself in.
func (c *command) readDisksCommand() *cobra.Command {
	return &cobra.Command{
		Use: reading.Argument, Short: "Read disks for the hinomi that started this", Hidden: true, Args: cobra.NoArgs, DisableFlagParsing: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // no configuration: there is no home here
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reading.InChild(cmd.Context(), os.Stdin, os.Stdout, time.Now)
		},
	}
}
