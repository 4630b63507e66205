package score

import (
	"fmt"
	"strings"

	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"hinomi/internal/finding"
)

// Reach is how far away somebody can be who talks to the vulnerable service.
type Reach string

// The reaches. UnknownReach changes nothing: what was not seen is not safe.
const (
	UnknownReach Reach = ""
	Internet     Reach = "internet" // a path from the internet to the service's port is open
	Network      Reach = "network"  // it listens, and no path from the internet to it is open
	Local        Reach = "local"    // nothing of it listens on the network
)

// Place is what is known of where a vulnerable package runs.
type Place struct {
	Reach Reach
	Why   string // the reason in words: "tcp 22 is reachable from the internet"
}

// Exploit is what is known of exploits of a vulnerability.
type Exploit struct {
	Listed   bool   // in CISA's catalog of known exploited vulnerabilities
	Decision string // CISA's SSVC decision point "Exploitation": none, poc, active; "" if CISA made none
	Public   bool   // code is public by another source
}

// Context computes the contextual score: the base vector with modified metrics for what is known of the place and of exploits, by the
// standard's own equations (CVSS v3.1 specification, 7.2 and 7.3; v4.0, 8.2). Each change is told with its reason; none is made for what is
// not known.
//
//   - Modified Attack Vector: a vulnerability that is attacked over a network (AV:N) is "adjacent" (MAV:A) where no path from the internet to
//     the service is open, and "local" (MAV:L) where nothing of it listens. A vector that needs a user (UI:R, UI:P, UI:A) stays: the user
//     fetches the attack from inside. An open path changes nothing: the base score assumes one.
//   - Exploit Code Maturity (v3.1) and Exploit Maturity (v4.0): "high" and "attacked" for exploitation that CISA lists or has decided on,
//     "proof of concept" for public code, "unproven" and "unreported" only where CISA decided that there is none.
//
// Remediation Level is left undefined: it would lower what can be mended today. All of these only lower, and the base score bounds the result:
// the equations of v3.1 for a modified impact of changed scope end elsewhere in the last digit. ok is false for a vector of another version.
func Context(base finding.CVSS, place Place, e Exploit) (c finding.Contextual, ok bool) {
	c = finding.Contextual{Source: base.Source, Version: base.Version, BaseVector: base.Vector, BaseScore: base.Score}
	switch base.Version {
	case "3.1", "3.0":
		c.Score, c.Vector, ok = context3(base.Vector, place, e, &c)
		c.Version = "3.1"
	case "4.0":
		c.Score, c.Vector, ok = context4(base.Vector, place, e, &c)
	}
	c.Score = min(c.Score, base.Score)
	return c, ok
}

// vector is what both versions' vectors offer.
type vector interface {
	Get(abv string) (string, error)
	Set(abv, value string) error
	Vector() string
}

func context3(text string, place Place, e Exploit, c *finding.Contextual) (score float64, out string, ok bool) {
	// The base metrics of 3.0 are those of 3.1; the rules of rounding and of the modified scope's impact are the newer ones.
	v, err := cvss31.ParseVector(strings.Replace(text, "CVSS:3.0/", "CVSS:3.1/", 1))
	if err != nil {
		return 0, "", false
	}
	adjust(v, place, c)
	m := maturity(e)
	if m.v3 != "" {
		set(v, "E", m.v3, m.why, c)
	}
	return v.EnvironmentalScore(), v.Vector(), true
}

func context4(text string, place Place, e Exploit, c *finding.Contextual) (score float64, out string, ok bool) {
	v, err := cvss40.ParseVector(text)
	if err != nil {
		return 0, "", false
	}
	adjust(v, place, c)
	m := maturity(e)
	if m.v4 != "" {
		set(v, "E", m.v4, m.why, c)
	}
	return v.Score(), v.Vector(), true
}

// adjust modifies the attack vector.
func adjust(v vector, place Place, c *finding.Contextual) {
	av, err := v.Get("AV")
	if err != nil || av != "N" && av != "A" {
		return
	}
	if ui, err := v.Get("UI"); err != nil || ui != "N" {
		return
	}
	switch {
	case place.Reach == Local:
		set(v, "MAV", "L", place.Why, c)
	case place.Reach == Network && av == "N":
		set(v, "MAV", "A", place.Why, c)
	}
}

// set changes one metric and tells it.
func set(v vector, metric, value, why string, c *finding.Contextual) {
	from, err := v.Get(metric)
	if err != nil || v.Set(metric, value) != nil {
		return
	}
	c.Adjustments = append(c.Adjustments, finding.Adjustment{Metric: metric, From: from, To: value, Reason: why})
}

type mature struct{ v3, v4, why string }

// maturity returns the metric of exploits, with its source.
func maturity(e Exploit) mature {
	switch {
	case e.Listed:
		return mature{"H", "A", "CISA lists it as exploited"}
	case e.Decision == "active":
		return mature{"H", "A", "CISA decided that it is exploited (SSVC)"}
	case e.Decision == "poc":
		return mature{"P", "P", "CISA decided that exploit code is public (SSVC)"}
	case e.Public:
		return mature{"P", "P", "exploit code is public"}
	case e.Decision == "none":
		return mature{"U", "U", "CISA knows of no exploit (SSVC)"}
	}
	return mature{}
}

// Arithmetic tells a contextual score on one line: the vector, each change with its reason, the vector that follows, and both scores.
func Arithmetic(c finding.Contextual) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.1f (%s)", c.BaseScore, c.BaseVector)
	for _, a := range c.Adjustments {
		fmt.Fprintf(&b, "; %s %s→%s: %s", a.Metric, a.From, a.To, a.Reason)
	}
	fmt.Fprintf(&b, "; = %.1f (%s)", c.Score, c.Vector)
	return b.String()
}
