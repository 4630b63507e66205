package microsoft

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
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
			read := 0
			err := in.Readers(ctx, func(name string, r io.Reader) error {
				if !strings.HasPrefix(path.Base(name), "CVEs_") && !strings.HasPrefix(path.Base(name), "Custom_") {
					return nil
				}
				read++
				return readDefinitions(ctx, in, r)
			}, ".csv")
			if err == nil && read == 0 {
				err = fmt.Errorf("%w: no definitions", form.ErrFormat)
			}
			return err
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

// definitions reads one file: rows in sequence about one vulnerability are one advisory.
type definitions struct {
	in     *form.Document
	now    *advisory.Advisory
	rows   rows
	places map[string]placed
}

type placed struct {
	row advisory.Affected
	ok  bool
}

func readDefinitions(ctx context.Context, in *form.Document, r io.Reader) error {
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
	d := definitions{in: in, places: map[string]placed{}}
	for n := 0; ; n++ {
		part.Next()
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return d.finish()
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
		if err := d.line(rec, &col); err != nil {
			return err
		}
	}
}

func (d *definitions) line(rec []string, col *columns) error {
	id, update := rec[col.cve], kb(rec[col.kb])
	if !strings.HasPrefix(id, "CVE-") && !strings.HasPrefix(id, "ADV") && !strings.HasPrefix(id, "MS") {
		id = update
	}
	p, known := d.places[rec[col.product]]
	if !known {
		name := strings.Clone(rec[col.product])
		p.row, p.ok = place(name)
		d.places[name] = p
	}
	if id == "" || !p.ok {
		return nil // neither a vulnerability nor an update, or a Linux distribution
	}
	if d.now == nil || d.now.ID != id {
		if err := d.finish(); err != nil {
			return err
		}
		id = strings.Clone(id)
		d.now = &advisory.Advisory{
			Source: d.in.Feed, ID: id, Summary: strings.Clone(rec[col.title]), Published: date(rec[col.date]), Modified: date(rec[col.date]), Errata: strings.HasPrefix(id, "KB"),
		}
	}
	d.now.Word = worse(d.now.Word, rec[col.severity])
	row := p.row
	if row.Package == row.Release && (strings.HasPrefix(rec[col.component], "Windows Internet Explorer") || strings.HasPrefix(rec[col.component], "Internet Explorer")) {
		// Browsers have had updates of their own, and one of several may be installed.
		row.Package = strings.Clone(rec[col.component])
	}
	row.KB, row.Supersedes, row.State = update, kbs(rec[col.supersedes]), advisory.StateFixed
	if update == "" {
		row.State, row.Ranges = advisory.StateUndecided, until("")
	}
	d.rows.add(row)
	return nil
}

// finish hands on the advisory at hand. An undecided row is left out where another says what mends the same package.
func (d *definitions) finish() error {
	if d.now == nil {
		return nil
	}
	decided := map[[2]string]bool{}
	for _, f := range d.rows.list {
		if f.KB != "" {
			decided[[2]string{f.Release, f.Package}] = true
		}
	}
	a := d.now
	for _, f := range d.rows.list {
		if f.KB != "" || !decided[[2]string{f.Release, f.Package}] {
			a.Affected = append(a.Affected, f)
		}
	}
	d.now, d.rows = nil, rows{}
	return handOn(d.in, a)
}

// date reads "20240312".
func date(s string) time.Time {
	t, err := time.Parse("20060102", s)
	if err != nil {
		return time.Time{}
	}
	return t
}
