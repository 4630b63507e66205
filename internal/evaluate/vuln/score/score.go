// Package score turns what publishers say of a vulnerability's severity into numbers: base scores of vectors, the severity that counts, the
// contextual score of one place, and the default order of work.
package score

import (
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"hinomi/internal/advisory"
	"hinomi/internal/finding"
)

// Of computes the base score of a published vector. It returns false for a text that is no vector of a version we know: a word, or
// a vector with faults, which is left out rather than guessed at.
func Of(s advisory.Severity, source string) (finding.CVSS, bool) {
	if s.Source != "" {
		source = s.Source
	}
	out := finding.CVSS{Vector: s.Score, Source: source}
	switch {
	case strings.HasPrefix(s.Score, "CVSS:3.1/"):
		v, err := cvss31.ParseVector(s.Score)
		if err != nil {
			return out, false
		}
		out.Version, out.Score = "3.1", v.BaseScore()
	case strings.HasPrefix(s.Score, "CVSS:3.0/"):
		v, err := cvss30.ParseVector(s.Score)
		if err != nil {
			return out, false
		}
		out.Version, out.Score = "3.0", v.BaseScore()
	case strings.HasPrefix(s.Score, "CVSS:4.0/"):
		v, err := cvss40.ParseVector(s.Score)
		if err != nil {
			return out, false
		}
		out.Version, out.Score = "4.0", v.Score()
	case s.Type == "CVSS_V2":
		v, err := cvss20.ParseVector(strings.Trim(s.Score, "()"))
		if err != nil {
			return out, false
		}
		out.Version, out.Score = "2.0", v.BaseScore()
	default:
		return out, false
	}
	return out, true
}

// All computes all vectors of a list.
func All(l []advisory.Severity, source string) []finding.CVSS {
	var out []finding.CVSS
	for _, s := range l {
		if c, ok := Of(s, source); ok {
			out = append(out, c)
		}
	}
	return out
}

// Word maps the severity words that publishers use. Red Hat, AlmaLinux, Rocky, SUSE and Amazon: Critical, Important, Moderate (Medium),
// Low (access.redhat.com/security/updates/classification). Ubuntu: Critical, High, Medium, Low, Negligible. GitHub: CRITICAL, HIGH,
// MODERATE, LOW. Debian's urgencies come as they are.
func Word(word string) (finding.Severity, bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical":
		return finding.Critical, true
	case "important", "high":
		return finding.High, true
	case "moderate", "medium":
		return finding.Medium, true
	case "low":
		return finding.Low, true
	case "negligible", "unimportant", "none", "informational":
		return finding.Informational, true
	}
	return "", false
}

// Graded is a severity with the one who said it.
type Graded struct {
	Severity finding.Severity
	CVSS     finding.CVSS // the score that it follows from; the zero CVSS where it follows from a word or from nothing
	Source   string
}

// Said is what is published about one vulnerability, by the one who says it.
type Said struct {
	Vendor []finding.CVSS // of the package, or of the publisher's advisory about this vulnerability alone
	Record []finding.CVSS // of the CVE's own record: its CNA, CISA, NVD
	Shared []finding.CVSS // of an advisory about several vulnerabilities: the worst of them
	Word   string         // the publisher's
	WordBy string
	// WordFirst lets the word decide: Canonical sets a priority for each CVE, by what it means on Ubuntu, and Amazon Inspector follows it
	// (user guide: no Inspector score for Ubuntu, "because Ubuntu defines its own severity levels").
	WordFirst bool
}

// Grade decides the severity, in this order: the publisher's CVSS 3 of the package or of the advisory, if it is about one CVE alone; CVSS 3
// of the CVE record; of an advisory about several CVEs; the publisher's word; CVSS 4.0; CVSS 2.0. Otherwise it is untriaged. A word or a
// score of an erratum that fixes ten CVEs is the worst of them, so that it says less of each than the CVE's own record. Where the word
// decides, the score beside it is still the one that would have.
func Grade(s Said) Graded {
	word, said := Word(s.Word)
	byWord := Graded{Severity: word, Source: s.WordBy + " (" + s.Word + ")"}
	c, by := s.pick("3.1", "3.0")
	if by && (!said || !s.WordFirst) {
		return ofCVSS(c)
	}
	if said {
		byWord.CVSS = c
		return byWord
	}
	if c, ok := s.pick("4.0"); ok {
		return ofCVSS(c)
	}
	if c, ok := s.pick("2.0"); ok {
		return ofCVSS(c)
	}
	return Graded{Severity: finding.Untriaged, Source: "no severity is published"}
}

func ofCVSS(c finding.CVSS) Graded {
	return Graded{finding.SeverityOf(c.Score), c, "CVSS " + c.Version + " of " + c.Source}
}

// pick returns the score that counts of some versions.
func (s *Said) pick(versions ...string) (finding.CVSS, bool) {
	for _, l := range [][]finding.CVSS{s.Vendor, s.Record, s.Shared} {
		for _, version := range versions {
			for _, c := range l {
				if c.Version == version {
					return c, true
				}
			}
		}
	}
	return finding.CVSS{}, false
}
