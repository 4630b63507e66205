// Package vex reads what users and suppliers say of vulnerabilities in products: OpenVEX and CycloneDX documents (VEX, "Vulnerability
// Exploitability eXchange"). A statement that cannot be heard, because it names no package or asset that we know, is a Problem with its name.
package vex

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory/lockfile/jsontree"
)

// Errors that a caller acts on.
var (
	// ErrUnknown says that a file is of no kind that we read.
	ErrUnknown = errors.New("neither OpenVEX nor CycloneDX")
	// ErrFormat says that a file is not what its first bytes promise.
	ErrFormat = errors.New("malformed VEX document")
	// ErrTooLarge says that a file exceeds MaxSize, or what it says MaxStatements.
	ErrTooLarge = errors.New("VEX document is too large")
)

const (
	// MaxSize bounds a document, in bytes, which is held in memory: a statement has about 500.
	MaxSize = 64 << 20
	// MaxStatements bounds what is taken from one document.
	MaxStatements = 200_000
	// maxProblems bounds what is told one by one; the rest is counted.
	maxProblems = 1000
)

// Document is what one file says.
type Document struct {
	Statements []advisory.Statement
	Problems   []Problem
}

// Problem is a statement that was not heard, and why.
type Problem struct {
	Statement string // which: its vulnerability and product, as far as it says
	Reason    string
}

// Read reads a document. name is its file name, which becomes the statements' Source. Errors wrap ErrUnknown, ErrFormat or ErrTooLarge.
func Read(name string, r io.Reader) (*Document, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("read %s: %w: more than %d bytes", name, ErrTooLarge, MaxSize)
	}
	b = []byte(strings.TrimPrefix(string(b), "\xef\xbb\xbf"))
	d := &reader{source: path.Base(strings.ReplaceAll(name, `\`, "/"))}
	if err := d.read(b); err != nil {
		switch {
		case errors.Is(err, ErrUnknown), errors.Is(err, ErrFormat), errors.Is(err, ErrTooLarge):
			return nil, fmt.Errorf("read %s: %w", name, err)
		default:
			return nil, fmt.Errorf("read %s: %w: %w", name, ErrFormat, err)
		}
	}
	if more := d.problems - maxProblems; more > 0 {
		d.doc.Problems = append(d.doc.Problems, Problem{"others", fmt.Sprintf("%d more statements were not heard", more)})
	}
	return &d.doc, nil
}

// reader gathers statements.
type reader struct {
	doc      Document
	source   string
	problems int
}

// read tells what a document is by its members, up to the place where it breaks.
func (d *reader) read(b []byte) error {
	if isXML(b) {
		return d.cycloneXML(b)
	}
	context, form := "", ""
	broken := jsontree.Members(b, func(key string, v []byte) (err error) {
		switch key {
		case "@context":
			context = string(v[:min(len(v), 4096)])
		case "bomFormat":
			form, err = jsontree.Text(v)
		}
		return err
	})
	switch {
	case strings.Contains(context, "openvex.dev/ns"):
		return d.openVEX(b)
	case form == "CycloneDX":
		return d.cycloneJSON(b)
	case broken != nil && !strings.HasPrefix(strings.TrimSpace(string(b[:min(len(b), 64)])), "{"):
		return ErrUnknown
	case broken != nil:
		return broken
	}
	return ErrUnknown
}

// add keeps a statement.
func (d *reader) add(s advisory.Statement) error {
	if len(d.doc.Statements) >= MaxStatements {
		return fmt.Errorf("%w: more than %d statements", ErrTooLarge, MaxStatements)
	}
	s.Source = d.source
	d.doc.Statements = append(d.doc.Statements, s)
	return nil
}

func (d *reader) problem(what, why string) {
	if d.problems++; d.problems <= maxProblems {
		d.doc.Problems = append(d.doc.Problems, Problem{clip(what), clip(why)})
	}
}

// clip bounds what is quoted of outside bytes.
func clip(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}

// instanceOf returns the id of an EC2 instance that a text names, alone or at the end of its ARN (Service Authorization Reference); "" for any
// other text.
func instanceOf(s string) string {
	if rest, ok := strings.CutPrefix(s, "arn:aws"); ok {
		part := strings.SplitN(rest, ":", 5) // partition's end, service, region, account, resource
		if len(part) != 5 || part[1] != "ec2" {
			return ""
		}
		s, ok = strings.CutPrefix(part[4], "instance/")
		if !ok {
			return ""
		}
	}
	hex, ok := strings.CutPrefix(s, "i-")
	if !ok || len(hex) < 8 || len(hex) > 17 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// place puts what a document names as a product into a statement: a package URL, an instance, or a plain name of a package. It is false for
// anything else, such as an address: no inventory of ours names it.
func place(s *advisory.Statement, id string) bool {
	id = strings.TrimSpace(id)
	if s.Asset = instanceOf(id); s.Asset != "" {
		return true
	}
	if strings.HasPrefix(id, "pkg:") || id != "" && !strings.ContainsAny(id, ":/ \t\n") {
		s.Product = id
		return true
	}
	return false
}

// when reads a time of RFC 3339, with or without fractions; the zero time for what is none.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// unescaped reads a reference whose parts were escaped for an address.
func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
