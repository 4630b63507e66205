// Package oval reads OVAL definitions (OVAL Language 5.11, oval.mitre.org; oval-community.github.io) of any size: definitions one at a time,
// and the tests they refer to, which stand behind them in the file, in a compact index that a first pass makes.
package oval

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"hinomi/internal/source/feed/form"
)

// Definition is one definition: an erratum (class "patch"), or a vulnerability.
type Definition struct {
	ID          string      `xml:"id,attr"`
	Class       string      `xml:"class,attr"`
	Title       string      `xml:"metadata>title"`
	Platforms   []string    `xml:"metadata>affected>platform"`
	References  []Reference `xml:"metadata>reference"`
	Description string      `xml:"metadata>description"`
	Severity    string      `xml:"metadata>advisory>severity"`
	Issued      date        `xml:"metadata>advisory>issued"`
	Updated     date        `xml:"metadata>advisory>updated"`
	CVEs        []CVE       `xml:"metadata>advisory>cve"`
	Criteria    Criteria    `xml:"criteria"`
}

type date struct {
	Day string `xml:"date,attr"`
}

// Reference names the erratum or a CVE.
type Reference struct {
	Source string `xml:"source,attr"`
	ID     string `xml:"ref_id,attr"`
	URL    string `xml:"ref_url,attr"`
}

// CVE is what the Red Hat family of publishers says of a CVE beside its id.
type CVE struct {
	ID    string `xml:",chardata"`
	CVSS2 string `xml:"cvss2,attr"` // "7.8/AV:N/…"
	CVSS3 string `xml:"cvss3,attr"` // "7.0/CVSS:3.1/AV:N/…", or the vector alone
	CWE   string `xml:"cwe,attr"`
}

// Criteria is a logical tree over tests.
type Criteria struct {
	Operator string      `xml:"operator,attr"` // "AND" if it is missing
	Negate   string      `xml:"negate,attr"`
	Criteria []Criteria  `xml:"criteria"`
	Tests    []Criterion `xml:"criterion"`
	Extends  []struct{}  `xml:"extend_definition"`
}

// Criterion is one test in a tree.
type Criterion struct {
	Ref     string `xml:"test_ref,attr"`
	Comment string `xml:"comment,attr"`
	Negate  string `xml:"negate,attr"`
}

// Negated reports whether an attribute "negate" says so.
func Negated(s string) bool { return s == "true" || s == "1" }

// Definitions calls do with each definition of a document, in order.
func Definitions(ctx context.Context, r io.Reader, limit int64, do func(*Definition) error) error {
	return elements(ctx, r, limit, func(d *xml.Decoder, start *xml.StartElement) error {
		if start.Name.Local != "definition" {
			return d.Skip()
		}
		var v Definition
		if err := d.DecodeElement(&v, start); err != nil {
			return err
		}
		if err := do(&v); err != nil {
			return errStop{err}
		}
		return nil
	})
}

// errStop carries an error of a caller out of the walk as it is.
type errStop struct{ error }

func (e errStop) Unwrap() error { return e.error }

// elements calls do with each element of the lists that an OVAL document is made of: definitions, tests, objects, states. do must consume
// the element.
func elements(ctx context.Context, r io.Reader, limit int64, do func(*xml.Decoder, *xml.StartElement) error) error {
	part := form.NewPart(r, limit)
	d := xml.NewDecoder(part)
	seen := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		part.Next()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && seen {
			return nil
		}
		if err != nil {
			return form.Format(err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "oval_definitions":
			seen = true
			continue
		case "definitions", "tests", "objects", "states":
			if seen {
				continue
			}
		case "generator", "variables", "Signature":
			if seen {
				if err := d.Skip(); err != nil {
					return form.Format(err)
				}
				continue
			}
		}
		if !seen {
			return fmt.Errorf("%w: element %q", form.ErrFormat, start.Name.Local)
		}
		if err := do(d, &start); err != nil {
			if stop := (errStop{}); errors.As(err, &stop) {
				return stop.error
			}
			return form.Format(err)
		}
	}
}

// suffix reports whether an element is one of a kind: "rpminfo_test", "textfilecontent54_object".
func suffix(e *xml.StartElement, kind string) bool { return strings.HasSuffix(e.Name.Local, "_"+kind) }
