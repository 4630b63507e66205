package feed

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
)

// endOfLifeAPI reads endoflife.date's API, https://endoflife.date/api/v1/products/full, schema 1.x.
func endOfLifeAPI() Feed {
	return Feed{
		ID: "eol-api", Title: "endoflife.date, API", files: []string{"eol/*.json", "eol/*.json.gz"},
		name: func(string) string { return "endoflife.date" },
		read: func(_ context.Context, in *Document) error {
			b, err := in.whole()
			if err != nil {
				return err
			}
			return in.endOfLifeAPI(b)
		},
	}
}

func (in *Document) endOfLifeAPI(b []byte) error {
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
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(d.Result) == 0 {
		return fmt.Errorf("%w: no products", ErrFormat)
	}
	in.dated = dateOf(d.Generated)
	for _, p := range d.Result {
		for _, r := range p.Releases {
			l := advisory.Lifecycle{Product: osRelease(p.Name), Release: r.Name, EOL: dateOf(r.EOL), Extended: dateOf(r.EOES), Source: "endoflife.date/" + p.Name}
			if r.Ended && l.EOL.IsZero() {
				l.EOL = advisory.Undated()
			}
			if err := in.lifecycle(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *Document) lifecycle(l advisory.Lifecycle) error {
	in.documents++
	in.rows++
	return in.sink.Lifecycle(l)
}

// endOfLifeProducts reads the repository that endoflife.date is made from: one Markdown file per product whose YAML front matter lists
// the releases (github.com/endoflife-date/endoflife.date, CONTRIBUTING.md).
func endOfLifeProducts() Feed {
	return Feed{
		ID: "eol", Title: "endoflife.date, products", files: []string{"eol/endoflife-products*.zip"},
		name: func(string) string { return "endoflife.date" },
		read: func(ctx context.Context, in *Document) error {
			return in.entries(ctx, func(name string, b []byte) error {
				if !strings.Contains(name, "products/") {
					return nil
				}
				l, err := ParseEndOfLife(strings.TrimSuffix(path.Base(name), ".md"), b)
				if err != nil {
					in.problem(name, err)
					return nil
				}
				for _, r := range l {
					if err := in.lifecycle(r); err != nil {
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

// ParseEndOfLife reads the front matter of one product of endoflife.date. "eol" and "eoes" are a date or a boolean.
func ParseEndOfLife(product string, b []byte) ([]advisory.Lifecycle, error) {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(b, []byte("---\n"))
	front, _, ok2 := bytes.Cut(rest, []byte("\n---"))
	if !ok || !ok2 || len(front) > maxFrontMatter {
		return nil, fmt.Errorf("%w: no front matter", ErrFormat)
	}
	var d struct {
		Releases []struct {
			Cycle string `yaml:"releaseCycle"`
			EOL   any    `yaml:"eol"`
			EOES  any    `yaml:"eoes"`
		} `yaml:"releases"`
	}
	if err := yaml.Unmarshal(front, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
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
		return dateOf(v)
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
