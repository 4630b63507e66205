package microsoft

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// WESNG reads the definitions of WES-NG (github.com/bitsadmin/wesng), one CSV of all updates that Microsoft has published since 1998, with
// what each supersedes, drawn from the Microsoft Security Response Center's bulletins, CVRF documents and update catalogue. The older file of
// updates that Microsoft never listed, Custom_….csv, is read, too.
//
// Rows without a CVE are of updates that no vulnerability belongs to; they are kept as errata, because they continue the chain of what
// supersedes what. A vulnerability without an update is undecided: the file does not say what mends it.
func WESNG() form.Feed {
	return form.Feed{
		ID: "wesng", Title: "Windows updates and what they supersede, by WES-NG", Files: []string{"microsoft/wesng-definitions*.zip", "native/windows/wesng-definitions*.zip"},
		Name: form.Always("microsoft/wesng"),
		Read: func(ctx context.Context, in *form.Document) error {
			d := newDefinitions()
			err := in.Readers(ctx, func(name string, r io.Reader) error {
				if !strings.HasPrefix(path.Base(name), "CVEs_") && !strings.HasPrefix(path.Base(name), "Custom_") {
					return nil
				}
				return d.read(ctx, in, r)
			}, ".csv")
			if err == nil && len(d.known) == 0 {
				err = fmt.Errorf("%w: no definitions", form.ErrFormat)
			}
			if err != nil {
				return err
			}
			return d.handOn(in)
		},
	}
}

// columns are those of a definition, by their names in the header.
type columns struct{ date, cve, kb, title, product, component, severity, supersedes int }

func columnsOf(head []string) (c columns, err error) {
	for _, k := range []struct {
		to   *int
		name string
	}{
		{&c.date, "DatePosted"},
		{&c.cve, "CVE"},
		{&c.kb, "BulletinKB"},
		{&c.title, "Title"},
		{&c.product, "AffectedProduct"},
		{&c.component, "AffectedComponent"},
		{&c.severity, "Severity"},
		{&c.supersedes, "Supersedes"},
	} {
		if *k.to = slices.Index(head, k.name); *k.to < 0 {
			return c, fmt.Errorf("%w: no column %s", form.ErrFormat, k.name)
		}
	}
	return c, nil
}

// maxDefinitions bounds the rows that are kept until all are read: thirty times those of 2026.
const maxDefinitions = 8 << 20

// definitions collects what the files say of each vulnerability: it stands in several places of them, and what it says of one product are
// alternatives, which belong together. Texts that are the same are kept once.
type definitions struct {
	known      map[string]*defined
	places     map[string]int // by product and component
	rows       []placed       // by place
	supersedes map[string][]string
	texts      map[string]string
	kept       int
}

// placed is where a product stands; ok is false for what is no Windows.
type placed struct {
	row advisory.Affected
	ok  bool
}

// defined is one vulnerability.
type defined struct {
	title, word string
	date        time.Time
	rows        map[definedRow][]string // what the update supersedes
}

type definedRow struct {
	place  int
	update string
}

func newDefinitions() *definitions {
	return &definitions{known: map[string]*defined{}, places: map[string]int{}, supersedes: map[string][]string{}, texts: map[string]string{}}
}

func (d *definitions) read(ctx context.Context, in *form.Document, r io.Reader) error {
	part := form.NewPart(r, 1<<20) // one line; the longest known has 4 kB
	c := csv.NewReader(part)
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	c.Comment = '#'
	head, err := c.Read()
	if err != nil {
		return form.Format(err)
	}
	col, err := columnsOf(head)
	if err != nil {
		return err
	}
	want := len(head)
	for n := 0; ; n++ {
		part.Next()
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return form.Format(err)
		}
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			in.Progress()
		}
		if len(rec) != want {
			line, _ := c.FieldPos(0)
			in.Problem(fmt.Sprintf("line %d", line), fmt.Errorf("%w: %d fields, want %d", form.ErrFormat, len(rec), want))
			continue
		}
		if d.line(rec, &col); d.kept > maxDefinitions {
			return fmt.Errorf("%w: more than %d definitions", form.ErrLimit, maxDefinitions)
		}
	}
}

// once returns the one copy of a text.
func (d *definitions) once(s string) string {
	t, ok := d.texts[s]
	if !ok {
		t = strings.Clone(s)
		d.texts[t] = t
	}
	return t
}

// place returns where a row's product stands, and whether it is a Windows.
func (d *definitions) place(product, component string) (int, bool) {
	if !browser.MatchString(component) {
		component = ""
	}
	key := product + "\x00" + component
	i, ok := d.places[key]
	if !ok {
		var p placed
		p.row, p.ok = place(product)
		if p.row.Package == p.row.Release && component != "" { // browsers had updates of their own, and one of several may be installed
			p.row.Package = strings.TrimPrefix(component, "Windows ")
		}
		i = len(d.rows)
		d.rows = append(d.rows, p)
		d.places[strings.Clone(key)] = i
	}
	return i, d.rows[i].ok
}

var browser = regexp.MustCompile(`^(Windows )?Internet Explorer [0-9]+$`)

func (d *definitions) line(rec []string, col *columns) {
	id, update := rec[col.cve], kb(rec[col.kb])
	if !strings.HasPrefix(id, "CVE-") && !strings.HasPrefix(id, "ADV") && !strings.HasPrefix(id, "MS") {
		id = update
	}
	at, ok := d.place(rec[col.product], rec[col.component])
	if id == "" || !ok {
		return // neither a vulnerability nor an update, or a Linux distribution
	}
	f := d.known[id]
	if f == nil {
		f = &defined{title: d.once(rec[col.title]), date: date(rec[col.date]), rows: map[definedRow][]string{}}
		d.known[strings.Clone(id)] = f
	}
	if t := date(rec[col.date]); t.Before(f.date) {
		f.date = t
	}
	f.word = worse(f.word, rec[col.severity])
	k := definedRow{at, d.once(update)}
	have, there := f.rows[k]
	if !there {
		d.kept++
	}
	f.rows[k] = d.join(have, rec[col.supersedes])
}

// join adds a text's updates to a sorted list.
func (d *definitions) join(have []string, text string) []string {
	if text == "" {
		return have
	}
	l, ok := d.supersedes[text]
	if !ok {
		l = kbs(text)
		for i := range l {
			l[i] = d.once(l[i])
		}
		d.supersedes[strings.Clone(text)] = l
	}
	if len(have) == 0 || slices.Equal(have, l) {
		return l
	}
	l = slices.Concat(have, l)
	slices.Sort(l)
	return slices.Compact(l)
}

// handOn hands on an advisory for each vulnerability. An undecided row is left out where another says what mends the same package.
func (d *definitions) handOn(in *form.Document) error {
	for _, id := range slices.Sorted(maps.Keys(d.known)) {
		f := d.known[id]
		a := &advisory.Advisory{Source: in.Feed, ID: id, Summary: f.title, Word: f.word, Published: f.date, Modified: f.date, Errata: strings.HasPrefix(id, "KB")}
		keys := slices.SortedFunc(maps.Keys(f.rows), func(a, b definedRow) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.update, b.update))
		})
		decided := map[[2]string]bool{}
		for _, k := range keys {
			if p := &d.rows[k.place].row; k.update != "" {
				decided[[2]string{p.Release, p.Package}] = true
			}
		}
		var out rows
		for _, k := range keys {
			row := d.rows[k.place].row
			row.State, row.KB, row.Supersedes = advisory.StateFixed, k.update, f.rows[k]
			if k.update == "" {
				if decided[[2]string{row.Release, row.Package}] {
					continue
				}
				row.State, row.Ranges = advisory.StateUndecided, until("")
			}
			out.add(row)
		}
		a.Affected = out.list
		if err := handOn(in, a); err != nil {
			return err
		}
	}
	return nil
}

// date reads "20240312".
func date(s string) time.Time {
	t, err := time.Parse("20060102", s)
	if err != nil {
		return time.Time{}
	}
	return t
}
