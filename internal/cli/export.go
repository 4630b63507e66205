package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/action/export"
	"hinomi/internal/app"
	"hinomi/internal/finding"
)

// formatsOf lists the values of --output that a command knows beside those that all know.
func formatsOf(cmd *cobra.Command) []string {
	var out []string
	switch cmd.CommandPath() {
	case "hinomi scan":
		out = append(out, "cyclonedx-vex")
	case "hinomi match":
		out = append(out, "tsv")
	case "hinomi findings":
	default:
		return nil
	}
	for _, f := range export.Formats() {
		out = append(out, f.ID)
	}
	return out
}

// aside tells a person what has no place in a form for other tools.
func (c *command) aside(notes []string) {
	for _, n := range notes {
		fmt.Fprintln(c.errs, "note: "+printable(n))
	}
}

// exported reports whether the user wants a form for other tools.
func (c *command) exported() bool {
	_, ok := c.format()
	return ok
}

// format finds the form for other tools that the user wants.
func (c *command) format() (export.Format, bool) {
	for _, f := range export.Formats() {
		if f.ID == c.output || f.ID == strings.TrimSuffix(c.output, "-vex") {
			return f, true
		}
	}
	return export.Format{}, false
}

// export writes findings in the form that the user wants.
func (c *command) export(d *export.Document) error {
	f, ok := c.format()
	if !ok {
		return usageError("--output %q is no form for other tools", c.output)
	}
	d.Version, d.Now = app.Version, c.cfg.Now()
	err := f.Write(c.out, d)
	if errors.Is(err, export.ErrNoAccount) {
		return hinted(err, "the AWS Security Finding Format is for assets of AWS: scan an instance, or use another form")
	}
	return err
}

// exportScan writes the result of one scan. What a person reads below a table goes to standard error.
func (c *command) exportScan(s *app.Scanned, list []finding.Finding, notes []string) error {
	c.aside(notes)
	return c.export(&export.Document{
		Target: s.Target, Kind: s.Kind, Inventory: s.Inventory, Findings: list, NotAssessed: s.Matched.NotAssessed, Feeds: s.Matched.Feeds,
	})
}
