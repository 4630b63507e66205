package vuln

import (
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"hinomi/internal/advisory"
	"hinomi/internal/finding"
)

// scoreOf computes the base score of a published vector. It returns false for a text that is no vector of a version we know: a word, or
// a vector with faults, which is left out rather than guessed at.
func scoreOf(s advisory.Severity, source string) (finding.CVSS, bool) {
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

// scores computes all vectors of a list.
func scores(l []advisory.Severity, source string) []finding.CVSS {
	var out []finding.CVSS
	for _, s := range l {
		if c, ok := scoreOf(s, source); ok {
			out = append(out, c)
		}
	}
	return out
}

// words maps the severity words that publishers use. Red Hat, AlmaLinux, Rocky, SUSE and Amazon: Critical, Important, Moderate (Medium),
// Low (access.redhat.com/security/updates/classification). Ubuntu: Critical, High, Medium, Low, Negligible. GitHub: CRITICAL, HIGH,
// MODERATE, LOW. Debian's urgencies come as they are.
func wordSeverity(word string) (finding.Severity, bool) {
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

// graded is a severity with the one who said it.
type graded struct {
	severity finding.Severity
	score    float64
	source   string
}

// grade decides the severity, in this order: the publisher's CVSS 3 of the package or of the advisory, if it is about one CVE alone; CVSS 3
// of the CVE record; of an advisory about several CVEs; the publisher's word; CVSS 4.0; CVSS 2.0. Otherwise it is untriaged. A word or a
// score of an erratum that fixes ten CVEs is the worst of them, so that it says less of each than the CVE's own record.
func grade(vendor, cve, shared []finding.CVSS, word, wordSource string) graded {
	for _, l := range [][]finding.CVSS{vendor, cve, shared} {
		for _, version := range []string{"3.1", "3.0"} {
			for _, c := range l {
				if c.Version == version {
					return graded{finding.SeverityOf(c.Score), c.Score, "CVSS " + version + " of " + c.Source}
				}
			}
		}
	}
	if s, ok := wordSeverity(word); ok {
		return graded{s, 0, wordSource + " (" + word + ")"}
	}
	for _, version := range []string{"4.0", "2.0"} {
		for _, l := range [][]finding.CVSS{vendor, cve, shared} {
			for _, c := range l {
				if c.Version == version {
					return graded{finding.SeverityOf(c.Score), c.Score, "CVSS " + version + " of " + c.Source}
				}
			}
		}
	}
	return graded{finding.Untriaged, 0, "no severity is published"}
}
