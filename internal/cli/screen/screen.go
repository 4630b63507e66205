// Package screen draws what a person sees on a terminal: tables that fit its width, text in which nothing from outside can give orders.
package screen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	columnGap = 2  // spaces between two columns
	lastFloor = 24 // what the last column, the one with the text, keeps before columns are left out
	anyFloor  = 8  // what any column keeps
)

// Table is what is drawn.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
	Spare  []string // columns that a person can do without, the first first, where the terminal is too narrow for all
	Empty  string   // what a person reads instead of an empty table
	Notes  []string // below it
}

// Screen is a terminal, or something else that text is written to.
type Screen struct {
	Width  int // columns; 0: nothing is wrapped or left out
	Colour bool
}

// Draw returns a table as it stands on the screen, lines and all.
func (c Screen) Draw(v Table) string {
	var b strings.Builder
	if v.Title != "" {
		b.WriteString(c.Bold(Printable(v.Title)) + "\n")
	}
	left := []string(nil)
	if len(v.Rows) == 0 {
		if v.Empty != "" {
			b.WriteString(v.Empty + "\n")
		}
	} else {
		g := gridOf(v)
		left = g.fit(v.Spare, c.Width)
		c.draw(&b, g)
	}
	if len(left) > 0 {
		fmt.Fprintf(&b, "Too narrow for %s: a wider terminal, --output csv or json show all.\n", strings.Join(left, ", "))
	}
	for _, n := range v.Notes {
		b.WriteString(c.Wrapped(Printable(n)) + "\n")
	}
	return b.String()
}

// grid is a table about to be drawn: safe text, and how wide each column may be.
type grid struct {
	header []string
	rows   [][]string
	widths []int
}

func gridOf(v Table) *grid {
	g := &grid{header: slices.Clone(v.Header), widths: make([]int, len(v.Header))}
	for i, h := range v.Header {
		g.widths[i] = columns(h)
	}
	for _, r := range v.Rows {
		cells := make([]string, len(v.Header))
		for i := range cells {
			if i < len(r) {
				cells[i] = Printable(r[i])
			}
			g.widths[i] = max(g.widths[i], columns(cells[i]))
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// columns is how many columns of a terminal a text takes.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

func (g *grid) total() int {
	n := columnGap * (len(g.widths) - 1)
	for _, w := range g.widths {
		n += w
	}
	return n
}

// fit makes the grid as narrow as width, 0 being any: the last column gives way first, then spare columns go, then the widest ones shrink.
// It returns the columns that were left out.
func (g *grid) fit(spare []string, width int) (left []string) {
	if width <= 0 {
		return nil
	}
	for {
		last := len(g.widths) - 1
		over := g.total() - width
		floor := min(g.widths[last], lastFloor)
		if over <= g.widths[last]-floor {
			g.widths[last] -= max(over, 0)
			return left
		}
		if len(spare) == 0 {
			break
		}
		if i := slices.Index(g.header, spare[0]); i >= 0 && len(g.header) > 1 {
			left = append(left, spare[0])
			g.remove(i)
		}
		spare = spare[1:]
	}
	for g.total() > width {
		i := 0
		for k, w := range g.widths {
			if w > g.widths[i] {
				i = k
			}
		}
		if g.widths[i] <= anyFloor {
			break // so narrow a terminal wraps by itself
		}
		g.widths[i]--
	}
	return left
}

func (g *grid) remove(i int) {
	g.header = slices.Delete(g.header, i, i+1)
	g.widths = slices.Delete(g.widths, i, i+1)
	for k := range g.rows {
		g.rows[k] = slices.Delete(g.rows[k], i, i+1)
	}
}

// draw writes a grid: no vertical lines, two spaces between columns, one line below the header.
func (c Screen) draw(b *strings.Builder, g *grid) {
	head := make([]string, len(g.header))
	for i, h := range g.header {
		head[i] = c.Bold(padded(h, g.widths[i], i == len(g.header)-1))
	}
	b.WriteString(strings.Join(head, strings.Repeat(" ", columnGap)) + "\n" + strings.Repeat("─", g.total()) + "\n")
	for _, r := range g.rows {
		lines := make([][]string, len(r))
		height := 1
		for i, cell := range r {
			lines[i] = wrap(cell, g.widths[i])
			height = max(height, len(lines[i]))
		}
		for n := range height {
			var line strings.Builder
			space := 0 // owed: written only if something follows
			for i := range r {
				cell := ""
				if n < len(lines[i]) {
					cell = lines[i][n]
				}
				if cell != "" {
					line.WriteString(strings.Repeat(" ", space) + c.paint(cell))
					space = 0
				}
				space += g.widths[i] - columns(cell) + columnGap
			}
			b.WriteString(line.String() + "\n")
		}
	}
}

// padded fills a text with spaces up to a width; the last one of a line needs none.
func padded(s string, width int, last bool) string {
	if n := width - columns(s); n > 0 && !last {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// wrap breaks a text into lines of at most width columns: at spaces, and within a word only where the word alone is wider.
func wrap(s string, width int) []string {
	if columns(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
		for columns(line) > width {
			head := cut(line, width)
			lines = append(lines, head)
			line = line[len(head):]
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// cut returns the longest beginning of a word that takes at most width columns, at least one character of it; after a separator of paths
// and names if one stands in its second half.
func cut(s string, width int) string {
	n := 0
	end, nice := len(s), 0
	for i, r := range s {
		w := columns(string(r))
		if n+w > width && i > 0 {
			end = i
			break
		}
		n += w
		if strings.ContainsRune("/-_.:,;", r) && n > width/2 {
			nice = i + 1
		}
	}
	if nice > 0 && nice < end {
		end = nice
	}
	return s[:end]
}

// Wrapped returns a line as several that fit, indented as it was.
func (c Screen) Wrapped(s string) string {
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	if c.Width <= len(indent)+anyFloor {
		return s
	}
	return indent + strings.Join(wrap(s[len(indent):], c.Width-len(indent)), "\n"+indent)
}

// paint colours the words that a person looks for first.
func (c Screen) paint(cell string) string {
	if !c.Colour {
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

// Bold returns a text in bold, where there are colours.
func (c Screen) Bold(s string) string {
	if !c.Colour {
		return s
	}
	return text.Bold.Sprint(s)
}
