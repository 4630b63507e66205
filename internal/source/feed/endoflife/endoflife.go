// Package endoflife reads when releases stop being supported, as endoflife.date keeps it.
package endoflife

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// API reads endoflife.date's API, https://endoflife.date/api/v1/products/full, schema 1.x.
func API() form.Feed {
	return form.Feed{
		ID: "eol-api", Title: "endoflife.date, API", Files: []string{"eol/*.json", "eol/*.json.gz"},
		Name: form.Always("endoflife.date"),
		Read: func(_ context.Context, in *form.Document) error {
			b, err := in.Whole()
			if err != nil {
				return err
			}
			return readAPI(in, b)
		},
	}
}

func readAPI(in *form.Document, b []byte) error {
	var d struct {
		Generated string `json:"generated_at"`
		Result    []struct {
			Name     string `json:"name"`
			Releases []struct {
				Name  string `json:"name"`
				Ended bool   `json:"isEol"`
				EOL   string `json:"eolFrom"`
				EOES  string `json:"eoesFrom"`
			} `json:"releases"`
		} `json:"result"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if len(d.Result) == 0 {
		return fmt.Errorf("%w: no products", form.ErrFormat)
	}
	in.Dated(form.Date(d.Generated))
	for _, p := range d.Result {
		for _, r := range p.Releases {
			l := advisory.Lifecycle{Product: osRelease(p.Name), Release: r.Name, EOL: form.Date(r.EOL), Extended: form.Date(r.EOES), Source: "endoflife.date/" + p.Name}
			if r.Ended && l.EOL.IsZero() {
				l.EOL = advisory.Undated()
			}
			if err := in.Lifecycle(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Products reads the repository that endoflife.date is made from: one Markdown file per product whose YAML front matter lists
// the releases (github.com/endoflife-date/endoflife.date, CONTRIBUTING.md).
func Products() form.Feed {
	return form.Feed{
		ID: "eol", Title: "endoflife.date, products", Files: []string{"eol/endoflife-products*.zip"},
		Name: form.Always("endoflife.date"),
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Entries(ctx, func(name string, b []byte) error {
				if !strings.Contains(name, "products/") {
					return nil
				}
				l, err := Parse(strings.TrimSuffix(path.Base(name), ".md"), b)
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				for _, r := range l {
					if err := in.Lifecycle(r); err != nil {
						return err
					}
				}
				return nil
			}, ".md")
		},
	}
}

// maxFrontMatter bounds what is given to the YAML parser; the largest known is 60 kB.
const maxFrontMatter = 1 << 20

// Parse reads the front matter of one product of endoflife.date. "eol" and "eoes" are a date or a boolean.
func Parse(product string, b []byte) ([]advisory.Lifecycle, error) {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(b, []byte("---\n"))
	front, _, ok2 := bytes.Cut(rest, []byte("\n---"))
	if !ok || !ok2 || len(front) > maxFrontMatter {
		return nil, fmt.Errorf("%w: no front matter", form.ErrFormat)
	}
	var d struct {
		Releases []struct {
			Cycle string `yaml:"releaseCycle"`
			EOL   any    `yaml:"eol"`
			EOES  any    `yaml:"eoes"`
		} `yaml:"releases"`
	}
	if err := yaml.Unmarshal(front, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	out := make([]advisory.Lifecycle, 0, len(d.Releases))
	for _, r := range d.Releases {
		out = append(out, advisory.Lifecycle{
			Product: osRelease(product), Release: r.Cycle, EOL: endOf(r.EOL), Extended: endOf(r.EOES), Source: "endoflife.date/" + product,
		})
	}
	return out, nil
}

// endOf reads a date or a boolean: true is an end whose date is not said, false is none announced.
func endOf(v any) time.Time {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case string:
		return form.Date(v)
	case bool:
		if v {
			return advisory.Undated()
		}
	}
	return time.Time{}
}

// osRelease returns the os-release ID of a product of endoflife.date, or the product's own name.
func osRelease(product string) string {
	for _, p := range [][2]string{
		{"alpine-linux", "alpine"},
		{"amazon-linux", "amzn"},
		{"rocky-linux", "rocky"},
		{"oracle-linux", "ol"},
		{"opensuse", "opensuse-leap"},
		{"linuxmint", "linuxmint"},
		{"redhat", "rhel"},
	} {
		if p[0] == product {
			return p[1]
		}
	}
	return product
}
