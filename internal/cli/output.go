package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"gopkg.in/yaml.v3"
)

// view is one answer of a command: rows for a person and for CSV, data for JSON and YAML.
type view struct {
	title  string
	header []string
	rows   [][]string
	data   any
	empty  string   // what a person reads instead of an empty table
	notes  []string // printed below a table
}

// formats are the values of --output that every listing command knows.
var formats = [...]string{"table", "json", "yaml", "csv"}

// show writes a view in the form the user asked for.
func (c *command) show(v view) error {
	switch c.output {
	case "json":
		return writeJSON(c.out, v.data)
	case "yaml":
		return writeYAML(c.out, v.data)
	case "csv":
		return writeCSV(c.out, v)
	case "table", "":
		return c.writeTable(v)
	default:
		return usageError("--output %q is none of %s", c.output, strings.Join(formats[:], ", "))
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
			cells[i] = csvCell(c)
		}
		if err := cw.Write(cells); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

func (c *command) writeTable(v view) error {
	if v.title != "" {
		fmt.Fprintln(c.out, c.bold(printable(v.title)))
	}
	if len(v.rows) == 0 {
		fmt.Fprintln(c.out, v.empty)
	} else {
		t := table.NewWriter()
		t.SetStyle(c.tableStyle())
		t.AppendHeader(row(v.header))
		for _, r := range v.rows {
			cells := make(table.Row, len(r))
			for i, cell := range r {
				cells[i] = c.paint(printable(cell))
			}
			t.AppendRow(cells)
		}
		if c.width > 0 {
			t.Style().Size.WidthMax = c.width
			t.SetColumnConfigs(wrapLast(v, c.width))
		}
		fmt.Fprintln(c.out, t.Render())
	}
	for _, n := range v.notes {
		fmt.Fprintln(c.out, printable(n))
	}
	return nil
}

// wrapLast gives the last column what the others leave of a terminal's width, at least 20 columns, and wraps its text at words.
func wrapLast(v view, width int) []table.ColumnConfig {
	left := width - 1
	for i := range v.header[:len(v.header)-1] {
		widest := text.StringWidthWithoutEscSequences(v.header[i])
		for _, r := range v.rows {
			if i < len(r) {
				widest = max(widest, text.StringWidthWithoutEscSequences(r[i]))
			}
		}
		left -= widest + 2
	}
	return []table.ColumnConfig{{Number: len(v.header), WidthMax: max(left, 20), WidthMaxEnforcer: text.WrapSoft}}
}

func row(cells []string) table.Row {
	out := make(table.Row, len(cells))
	for i, c := range cells {
		out[i] = c
	}
	return out
}

// tableStyle is a table without vertical lines: two spaces between columns, a line below the header.
func (c *command) tableStyle() table.Style {
	s := table.StyleLight
	s.Options = table.Options{SeparateHeader: true}
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	s.Format.Header = text.FormatDefault
	if c.colour {
		s.Color.Header = text.Colors{text.Bold}
	}
	return s
}

// paint colours the words that a person looks for first.
func (c *command) paint(cell string) string {
	if !c.colour {
		return cell
	}
	var colours text.Colors
	switch cell {
	case "CRITICAL":
		colours = text.Colors{text.FgHiWhite, text.BgRed, text.Bold}
	case "HIGH", "NON_COMPLIANT", "FINISHED_ERRORS", "FAILED", "no":
		colours = text.Colors{text.FgRed, text.Bold}
	case "MEDIUM", "stale":
		colours = text.Colors{text.FgYellow}
	case "LOW", "INFORMATIONAL", "UNTRIAGED":
		colours = text.Colors{text.FgCyan}
	case "SUCCESSFUL", "FINISHED_SUCCESS", "yes", "allowed":
		colours = text.Colors{text.FgGreen}
	default:
		return cell
	}
	return colours.Sprint(cell)
}

func (c *command) bold(s string) string {
	if !c.colour {
		return s
	}
	return text.Bold.Sprint(s)
}
