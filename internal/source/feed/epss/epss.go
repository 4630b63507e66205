// Package epss reads FIRST's Exploit Prediction Scoring System.
package epss

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Feed reads FIRST's Exploit Prediction Scoring System: a CSV whose first line, since 2022, is a comment with the model's version and
// the date ("#model_version:v2023.03.01,score_date:2023-03-07T00:00:00+0000"), then a header, then one line per CVE (www.first.org/epss/data_stats).
// Columns are found by name, so that subsets in another order and older files without percentile are read too.
func Feed() form.Feed {
	return form.Feed{
		ID: "epss", Title: "FIRST EPSS scores", Files: []string{"epss/*.csv", "epss/*.csv.gz"},
		Name: form.Always("epss"),
		Read: func(ctx context.Context, in *form.Document) error {
			r, err := in.Stream()
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }() // only read
			return read(ctx, in, r)
		},
	}
}

func read(ctx context.Context, in *form.Document, r io.Reader) error {
	buf := bufio.NewReaderSize(r, 1<<16)
	date, err := scoreDate(in, buf)
	if err != nil {
		return err
	}
	c := csv.NewReader(buf)
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil {
		return fmt.Errorf("%w: header: %w", form.ErrFormat, err)
	}
	id, score, percentile := column(head, "cve"), column(head, "epss"), column(head, "epss percentile", "percentile")
	if id < 0 || score < 0 {
		return fmt.Errorf("%w: header %q has no columns cve and epss", form.ErrFormat, strings.Join(head, ","))
	}
	for n := 0; ; n++ {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", form.ErrFormat, err)
		}
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			in.Progress()
		}
		if err := row(in, rec, id, score, percentile, date); err != nil {
			return err
		}
	}
}

func row(in *form.Document, rec []string, id, score, percentile int, date string) error {
	e := &advisory.EPSS{Date: date}
	var err error
	if e.Score, err = probability(rec[score]); err == nil && percentile >= 0 {
		e.Percentile, err = probability(rec[percentile])
	}
	if err == nil && !strings.HasPrefix(rec[id], "CVE-") {
		err = fmt.Errorf("%w: id %q", form.ErrFormat, rec[id])
	}
	if err != nil {
		in.Problem(strings.Clone(rec[id]), err)
		return nil
	}
	return in.CVE(&advisory.CVE{ID: strings.Clone(rec[id]), EPSS: e})
}

// probability reads a number from 0 to 1.
func probability(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("%w: probability %q", form.ErrFormat, s)
	}
	return v, nil
}

// scoreDate reads the comment before the header, if there is one, else the date in the file's name.
func scoreDate(in *form.Document, r *bufio.Reader) (string, error) {
	b, err := r.Peek(1)
	if err != nil {
		return "", fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	date := ""
	if b[0] == '#' {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", fmt.Errorf("%w: first line: %w", form.ErrFormat, err)
		}
		if _, after, ok := strings.Cut(string(line), "score_date:"); ok && len(after) >= 10 {
			date = after[:10]
		}
	} else if _, after, ok := strings.Cut(in.File, "epss_scores-"); ok && len(after) >= 10 {
		date = after[:10]
	}
	dated := form.Date(date)
	in.Dated(dated)
	if dated.IsZero() {
		date = ""
	}
	return date, nil
}

// column returns the index of the first header among names, ignoring case, or -1.
func column(head []string, names ...string) int {
	for i, h := range head {
		for _, n := range names {
			if strings.EqualFold(strings.TrimSpace(h), n) {
				return i
			}
		}
	}
	return -1
}
