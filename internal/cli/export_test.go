package cli

import (
	"io"
	"testing"

	"github.com/spf13/cobra"

	"hinomi/internal/cli/screen"
)

// What the tests look at from outside.
var (
	Printable = printable
	CSVCell   = csvCell
)

// Table draws a table as a person sees it on a terminal that is width columns wide.
func Table(header []string, rows [][]string, spare []string, width int) string {
	return screen.Screen{Width: width}.Draw(screen.Table{Header: header, Rows: rows, Spare: spare})
}

// Painted draws one column with or without colours.
func Painted(rows [][]string, colour bool) string {
	return screen.Screen{Colour: colour}.Draw(screen.Table{Header: []string{"SEVERITY"}, Rows: rows})
}

// Coloured reports whether a command on a terminal uses colours in this environment, with --no-color or without.
func Coloured(t *testing.T, flag bool) bool {
	t.Helper()
	c := &command{terminal: true, noColour: flag, output: tableFormat, errs: io.Discard}
	if err := c.prepare(&cobra.Command{Use: "hinomi"}); err != nil {
		t.Fatal(err)
	}
	return c.colour
}
