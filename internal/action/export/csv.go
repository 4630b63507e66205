package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"hinomi/internal/finding"
)

// CSV writes findings as comma-separated values (RFC 4180) with a header: a row for each vulnerable package of a finding, or one for a finding
// that is about none. What was not assessed has rows of the type NOT_ASSESSED. Cells are safe to open in a spreadsheet.
func CSV(w io.Writer, d *Document) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader()); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	write := func(row []string) error {
		for i := range row {
			row[i] = Cell(row[i])
		}
		return c.Write(row)
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		packages := []finding.VulnerablePackage{{}}
		if f.Package != nil && len(f.Package.Packages) > 0 {
			packages = f.Package.Packages
		}
		for j := range packages {
			if err := write(d.csvRow(f, &packages[j])); err != nil {
				return fmt.Errorf("write CSV: %w", err)
			}
		}
	}
	for _, n := range d.NotAssessed {
		row := make([]string, len(csvHeader()))
		row[1], row[5], row[9] = "NOT_ASSESSED", n, d.Target
		if err := write(row); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func csvHeader() []string {
	return []string{
		"FINDING", "TYPE", "SEVERITY", "SCORE", "VULNERABILITY", "TITLE", "ACCOUNT", "REGION", "ASSET", "NAME", "ECOSYSTEM", "PACKAGE", "VERSION", "FIXED IN", "PATH",
		"CVSS", "EPSS", "KEV ADDED", "KEV DUE", "EXPLOIT", "FIX", "STATUS", "FIRST SEEN", "LAST SEEN", "ADVISORIES", "REMEDIATION",
	}
}

func (d *Document) csvRow(f *finding.Finding, p *finding.VulnerablePackage) []string {
	info := f.Package
	if info == nil {
		info = &finding.Package{}
	}
	path := p.Path
	if f.Secret != nil {
		path = f.Secret.Path
		if f.Secret.Line > 0 {
			path += ":" + strconv.Itoa(f.Secret.Line)
		}
	}
	name := d.Names[f.Resource.ID]
	if f.Resource.ID == "" {
		name = d.Target
	}
	return []string{
		f.ID, string(f.Type), string(f.Severity), number(f.Score), info.VulnerabilityID, f.Title, f.Resource.Account, f.Resource.Region, f.Resource.ID, name,
		p.Ecosystem, p.Name, p.Version, p.FixedVersion, path, number(baseScore(f)), number(info.EPSS), info.KEVAdded, info.KEVDue, info.ExploitAvailable, info.FixAvailable,
		string(f.Status), stamp(f.FirstSeen), stamp(f.LastSeen), strings.Join(info.Advisories, " "), f.Remediation,
	}
}

// Cell keeps a spreadsheet from taking text as a formula (OWASP, "CSV Injection"): a cell that begins with = + - @, their full-width forms,
// a tab, a carriage return or a line feed, spaces before it or not, is given a leading apostrophe, unless it is a plain number.
func Cell(s string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " "))
	if !strings.ContainsRune("=+-@＝＋－＠\t\r\n", r) || plainNumber(s) {
		return s
	}
	return "'" + s
}

func plainNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1
}
