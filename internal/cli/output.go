package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"hinomi/internal/action/export"
	"hinomi/internal/cli/screen"
)

// view is one answer of a command: rows for a person and for CSV, data for JSON and YAML.
type view struct {
	title  string
	header []string
	rows   [][]string
	data   any
	spare  []string // columns that a person can do without, the first first, where the terminal is too narrow for all
	empty  string   // what a person reads instead of an empty table
	notes  []string // printed below a table
}

// tableFormat is the value of --output for a person.
const tableFormat = "table"

// checkFormat refuses a value of --output that the command does not know, before anything is done.
func (c *command) checkFormat(cmd *cobra.Command) error {
	known := []string{tableFormat, "json", "yaml", "csv"}
	known = append(known, formatsOf(cmd)...)
	if !slices.Contains(known, c.output) {
		return usageError("--output %q is none of %s", c.output, strings.Join(known, ", "))
	}
	return nil
}

// show writes a view in the form the user asked for.
func (c *command) show(v view) error {
	switch c.output {
	case "json":
		return writeJSON(c.out, v.data)
	case "yaml":
		return writeYAML(c.out, v.data)
	case "csv":
		return writeCSV(c.out, v)
	default:
		return c.writeTable(v)
	}
}

// say confirms to a person what was done; a program has the exit code.
func (c *command) say(format string, a ...any) {
	if c.output == tableFormat {
		fmt.Fprintln(c.out, printable(fmt.Sprintf(format, a...)))
	}
}

func writeJSON(w io.Writer, data any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(data)
}

// writeYAML writes data as YAML with the names its JSON has.
func writeYAML(w io.Writer, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(b, &plain); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(plain); err != nil {
		return err
	}
	return e.Close()
}

func writeCSV(w io.Writer, v view) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(v.header); err != nil {
		return err
	}
	for _, r := range v.rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = csvCell(printable(c))
		}
		if err := cw.Write(cells); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// table returns what of a view a person sees.
func (v view) table() screen.Table {
	return screen.Table{Title: v.title, Header: v.header, Rows: v.rows, Spare: v.spare, Empty: v.empty, Notes: v.notes}
}

func (c *command) screen() screen.Screen { return screen.Screen{Width: c.width, Colour: c.colour} }

func (c *command) writeTable(v view) error {
	_, err := fmt.Fprint(c.out, c.screen().Draw(v.table()))
	return err
}

func (c *command) wrapped(s string) string { return c.screen().Wrapped(s) }

func (c *command) bold(s string) string { return c.screen().Bold(s) }

func printable(s string) string { return screen.Printable(s) }

// csvCell keeps a spreadsheet from taking text as a formula.
func csvCell(s string) string { return export.Cell(s) }

// newBars makes the progress bars of this command, on standard error.
func (c *command) newBars() *screen.Bars {
	return screen.NewBars(c.errs, c.watched(), c.output != tableFormat && !c.watched(), c.cfg.Now)
}
