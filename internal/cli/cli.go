// Package cli is the command line: it reads flags and the environment once, calls the app, and shows answers as a table, JSON, YAML or CSV.
// Exit codes: 0 done and nothing at or above --fail-on; 1 findings at or above --fail-on; 2 an error; 3 not everything could be assessed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hinomi/internal/app"
)

// The exit codes.
const (
	exitClean       = 0
	exitFindings    = 1
	exitError       = 2
	exitNotAssessed = 3
)

// command is what every verb shares: where it reads and writes, and the flags that all verbs know.
type command struct {
	in       io.Reader
	out      io.Writer
	errs     io.Writer
	terminal bool // out is a terminal
	colour   bool
	width    int // columns of the terminal; 0 if out is none
	output   string
	verbose  bool
	noColour bool
	database string
	cfg      app.Config
	exit     int // what Run returns if there is no error
}

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := &command{in: in, out: out, errs: errs}
	c.look()
	root := c.root() //nolint:contextcheck // cobra hands each verb the context of ExecuteContext
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	if err := root.ExecuteContext(ctx); err != nil {
		c.complain(err)
		return exitError
	}
	return c.exit
}

// look finds out whether a person is watching.
func (c *command) look() {
	f, ok := c.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	c.terminal = true
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		c.width = w
	}
}

// watched reports whether progress bars make sense: standard error is a terminal.
func (c *command) watched() bool {
	f, ok := c.errs.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (c *command) root() *cobra.Command {
	r := &cobra.Command{
		Use:   "hinomi",
		Short: "The fire lookout over Amazon EC2: what runs, what is wrong with it, who can reach it",
		Long: `hinomi connects to AWS accounts, finds every EC2 instance, scans its disk without an agent, and says what is wrong and who can reach it.

Exit codes: 0 done, no finding at or above --fail-on; 1 findings at or above --fail-on; 2 an error; 3 not everything could be assessed.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.prepare(cmd) },
	}
	f := r.PersistentFlags()
	f.StringVarP(&c.output, "output", "o", tableFormat, "table, json, yaml or csv")
	f.StringVar(&c.database, "database", "", "where the state is kept: a file, sqlite:FILE or postgres://… (HINOMI_DATABASE)")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "log what is done to standard error")
	f.BoolVar(&c.noColour, "no-color", false, "no colours (also NO_COLOR, and whenever the output is not a terminal)")
	r.AddGroup(&cobra.Group{ID: "start", Title: "Start here:"}, &cobra.Group{ID: "accounts", Title: "Accounts:"},
		&cobra.Group{ID: "results", Title: "Results:"}, &cobra.Group{ID: "run", Title: "Run and keep:"})
	r.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hinted(err, "%s --help lists its flags", cmd.CommandPath())
	})
	for _, add := range c.verbs() {
		r.AddCommand(add)
	}
	refuseUnknown(r)
	return r
}

// refuseUnknown makes a command that only groups others refuse a word that is none of them: cobra would show help and call it a success.
func refuseUnknown(top *cobra.Command) {
	for _, cmd := range top.Commands() {
		refuseUnknown(cmd)
		if !cmd.HasSubCommands() || cmd.Runnable() {
			continue
		}
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return hinted(fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0]), "%s --help lists them", cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
}

// prepare turns flags and environment into the configuration, before any verb runs.
func (c *command) prepare(cmd *cobra.Command) error {
	if err := c.checkFormat(cmd); err != nil {
		return err
	}
	c.colour = c.terminal && !c.noColour && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	level := slog.LevelWarn
	if c.verbose {
		level = slog.LevelInfo
	}
	log := slog.New(tint.NewTextHandler(c.errs, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !c.colour}))
	cfg, err := c.config(log)
	if err != nil {
		return err
	}
	c.cfg = cfg
	return nil
}

// hint is an error with the next thing to do.
type hint struct {
	err  error
	what string
}

func (h *hint) Error() string { return h.err.Error() }
func (h *hint) Unwrap() error { return h.err }

// hinted adds what to do next to an error.
func hinted(err error, format string, a ...any) error {
	if err == nil {
		return nil
	}
	return &hint{err, fmt.Sprintf(format, a...)}
}

// usageError is a wrong command line.
func usageError(format string, a ...any) error {
	return hinted(fmt.Errorf(format, a...), "see hinomi help")
}

// complain prints an error, each of several joined ones on a line, and below it what to do.
func (c *command) complain(err error) {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' })
	for i, l := range lines {
		lines[i] = printable(strings.TrimSpace(l))
	}
	fmt.Fprintln(c.errs, "hinomi: "+strings.Join(lines, "\n  "))
	var h *hint
	if errors.As(err, &h) {
		fmt.Fprintln(c.errs, "  → "+printable(h.what))
	}
}
