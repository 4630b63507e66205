// Package nvd reads the National Vulnerability Database (nvd.nist.gov): its yearly feeds, its feed of what changed in the last eight days, and
// pages of its API, all in the format of the CVE API 2.0 (nvd.nist.gov/developers/vulnerabilities).
package nvd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"hinomi/internal/source/feed/form"
)

// Feed reads NVD's files. The feed of changes goes before the years' own.
func Feed() form.Feed {
	return form.Feed{
		ID: "nvd", Title: "National Vulnerability Database", Files: []string{"nvd/nvdcve-2.0-*.json.gz", "nvd/nvdcve-2.0-*.json", "nvd/api/*.json", "nvd/api/*.json.gz"},
		Name: form.Always("nvd"), Changes: changes, Read: read,
	}
}

// changes reports whether a file is the feed of the last eight days, or one of the last additions.
func changes(file string) bool {
	b := path.Base(file)
	return strings.Contains(b, "-modified.") || strings.Contains(b, "-recent.")
}

// read hands on every CVE of a file, one at a time: a year has some 300 MB.
func read(ctx context.Context, in *form.Document) error {
	s, err := in.Stream()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	part := form.NewPart(s, in.Limits().Document)
	d := json.NewDecoder(part)
	if err := delim(d, '{'); err != nil {
		return err
	}
	seen := false
	for d.More() {
		part.Next()
		t, err := d.Token()
		if err != nil {
			return form.Format(err)
		}
		switch t {
		case "vulnerabilities":
			seen = true
			if err := list(ctx, in, d, part); err != nil {
				return err
			}
		case "timestamp":
			var at string
			if err := d.Decode(&at); err != nil {
				return form.Format(err)
			}
			in.Dated(form.Date(at))
		default:
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				return form.Format(err)
			}
		}
	}
	if err := delim(d, '}'); err != nil {
		return err
	}
	if !seen {
		return fmt.Errorf("%w: no vulnerabilities", form.ErrFormat)
	}
	part.Next()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one object", form.ErrFormat)
	}
	return nil
}

// list hands on the CVEs of the array.
func list(ctx context.Context, in *form.Document, d *json.Decoder, part *form.Part) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for n := 0; d.More(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.Next()
		var b json.RawMessage
		if err := d.Decode(&b); err != nil {
			return form.Format(err)
		}
		c, modified, err := Parse(b)
		if err != nil {
			in.Problem(fmt.Sprintf("vulnerability %d", n), err)
			continue
		}
		if err := in.CVEAt(c, modified); err != nil {
			return err
		}
		if n%256 == 0 {
			in.Progress()
		}
	}
	return delim(d, ']')
}

// delim reads one bracket.
func delim(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return form.Format(err)
	}
	if t != want {
		return fmt.Errorf("%w: %v, want %v", form.ErrFormat, t, want)
	}
	return nil
}
