// Package oracle reads Oracle Linux's errata: the OVAL definitions of all ELSA (linux.oracle.com/security/oval).
package oracle

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/nevra"
	"hinomi/internal/source/feed/oval"
)

// ecosystem is our word: OSV has none for Oracle Linux.
const ecosystem = "Oracle Linux"

// Feed reads Oracle's document of all errata.
func Feed() form.Feed {
	return form.Feed{
		ID: "oracle", Title: "Oracle Linux errata (OVAL)",
		Files: []string{"oracle/*.xml.bz2", "oracle/*.xml.gz", "oracle/*.xml"}, Name: form.Always("oracle/oval"), Read: read,
	}
}

// read goes through the file twice: tests stand behind the definitions that refer to them.
func read(ctx context.Context, in *form.Document) error {
	tests, err := pass(in, func(r io.Reader) (*oval.Tests, error) { return oval.Index(ctx, r, in.Limits().Document) })
	if err != nil {
		return err
	}
	_, err = pass(in, func(r io.Reader) (*oval.Tests, error) {
		return nil, oval.Definitions(ctx, r, in.Limits().Document, func(d *oval.Definition) error {
			if d.Class != "patch" {
				return nil
			}
			a, err := advisoryOf(d, tests, in.Feed)
			if err != nil {
				in.Problem(d.ID, err)
			}
			if a == nil {
				return nil
			}
			for i := range a.Affected {
				in.SpeaksFor(ecosystem, a.Affected[i].Release)
			}
			in.Progress()
			return in.Advisory(a)
		})
	})
	return err
}

// pass reads the file from its beginning.
func pass(in *form.Document, do func(io.Reader) (*oval.Tests, error)) (*oval.Tests, error) {
	s, err := in.Stream()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // only read
	return do(s)
}

// advisoryOf makes the advisory of a definition. It may return both: what was understood, and an error for the rest.
func advisoryOf(d *oval.Definition, tests *oval.Tests, source string) (*advisory.Advisory, error) {
	a := &advisory.Advisory{
		Source: source, Summary: strings.Join(strings.Fields(d.Title), " "), Details: strings.TrimSpace(d.Description), Errata: true,
		Word: strings.TrimSpace(d.Severity), Published: form.Date(d.Issued.Day), Modified: form.Date(d.Issued.Day),
	}
	for _, r := range d.References {
		switch {
		case strings.EqualFold(r.Source, "elsa") && a.ID == "":
			a.ID = r.ID
			a.URLs = append([]string{r.URL}, a.URLs...)
		case r.Source == "CVE":
			a.Related = append(a.Related, r.ID)
		}
	}
	if a.ID == "" {
		return nil, fmt.Errorf("%w: no erratum is named", form.ErrFormat)
	}
	if len(a.Related) == 1 { // a score of one among many is not the erratum's
		for _, c := range d.CVEs {
			a.Severity = append(a.Severity, scores(c)...)
		}
	}
	w := walk{tests: tests}
	w.criteria(&d.Criteria, &scope{})
	a.Affected = w.rows.Affected()
	if len(a.Affected) == 0 {
		w.fault("no package is named")
	}
	if len(w.faults) > 0 {
		return a, fmt.Errorf("%w: %s", form.ErrFormat, strings.Join(w.faults, "; "))
	}
	return a, nil
}

// scores returns the vectors of a CVE: "7.8/AV:N/…" has the score in front.
func scores(c oval.CVE) []advisory.Severity {
	var out []advisory.Severity
	if _, v, ok := strings.Cut(c.CVSS3, "CVSS:"); ok {
		out = append(out, advisory.Severity{Type: "CVSS_V3", Score: "CVSS:" + v, Source: "Oracle"})
	}
	if i := strings.Index(c.CVSS2, "AV:"); i >= 0 {
		out = append(out, advisory.Severity{Type: "CVSS_V2", Score: c.CVSS2[i:], Source: "Oracle"})
	}
	return out
}

// scope is what holds along a branch of a tree.
type scope struct {
	release, module string
	arches          []string
}

// walk collects the packages of a tree.
type walk struct {
	tests  *oval.Tests
	rows   nevra.Rows
	faults []string
}

// maxFaults is how many faults of one definition are named.
const maxFaults = 8

func (w *walk) fault(format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

// criteria walks a tree. Conditions of an AND hold for all that stands in it; each branch of an OR is on its own.
func (w *walk) criteria(c *oval.Criteria, outer *scope) {
	if oval.Negated(c.Negate) || len(c.Extends) > 0 {
		w.fault("criteria are negated or extend another definition")
	}
	inner := *outer
	var rows []fix
	for _, t := range c.Tests {
		if f, ok := w.test(t, &inner); ok {
			rows = append(rows, f)
		}
		if strings.EqualFold(c.Operator, "OR") && inner.differs(outer) {
			w.fault("%q is one of several ways", t.Comment)
			inner = *outer
		}
	}
	for _, f := range rows {
		w.add(f, &inner)
	}
	for i := range c.Criteria {
		w.criteria(&c.Criteria[i], &inner)
	}
}

func (c *scope) differs(o *scope) bool {
	return c.release != o.release || c.module != o.module || !slices.Equal(c.arches, o.arches)
}

// fix is a package with the version that mends it.
type fix struct{ name, evr string }

// test reads one test: a condition goes into the context, a package is returned.
func (w *walk) test(c oval.Criterion, in *scope) (fix, bool) {
	if m := moduleEnabled.FindStringSubmatch(c.Comment); m != nil { // asked of a text file
		in.module = m[1]
		return fix{}, false
	}
	if flavored.MatchString(c.Comment) {
		return fix{}, false // the version says the same
	}
	t, ok := w.tests.Of(c)
	if !ok || len(t.States) != 1 || oval.Negated(c.Negate) {
		w.fault("test %q (%s) is not understood", c.Ref, c.Comment)
		return fix{}, false
	}
	s := t.States[0]
	switch {
	case s.EVROp == "less than" && s.EVR != "" && t.Object != "":
		return fix{t.Object, strings.TrimPrefix(s.EVR, "0:")}, true
	case s.Key != "": // signed by Oracle: a condition that every package of Oracle's meets
	case s.Version != "" && strings.HasSuffix(t.Object, "-release"):
		in.release = strings.TrimRight(strings.TrimPrefix(s.Version, "^"), "$.\\")
	case s.Arch != "" && strings.HasSuffix(t.Object, "-release"):
		in.arches = packagesOf(s.Arch)
	default:
		w.fault("test %q (%s) is not understood", c.Ref, c.Comment)
	}
	return fix{}, false
}

var (
	moduleEnabled = regexp.MustCompile(`^Module (\S+:\S+) is enabled$`)
	flavored      = regexp.MustCompile(` is (ksplice-based|fips patched)$`)
)

// packagesOf returns which packages run on a system's architecture: x86_64 carries those of i686, too.
func packagesOf(system string) []string {
	var out []string
	for _, s := range strings.Split(strings.Trim(system, "^$()"), "|") {
		switch s {
		case "x86_64":
			out = append(out, "x86_64", "i386", "i586", "i686")
		case "i386", "i586", "i686":
			out = append(out, "i386", "i586", "i686")
		default:
			out = append(out, s)
		}
	}
	return out
}

// add adds a package, with its architectures.
func (w *walk) add(f fix, in *scope) {
	if in.release == "" {
		w.fault("%s is fixed in no release", f.name)
		return
	}
	w.rows.Add(nevra.Fix{
		Ecosystem: ecosystem, Release: in.release, Package: f.name, EVR: f.evr, Module: in.module, Repo: advisory.OracleFlavor(f.evr),
	}, in.arches...)
}
