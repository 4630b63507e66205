// Package affected judges versions by the ranges that advisories give (OSV schema, "Evaluation").
package affected

import (
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/evaluate/vuln/version"
)

// Verdict is what one row says of one version.
type Verdict struct {
	Affected   bool
	Fixed      string // the lowest version that ends the range; "" if none is known
	Comparison string // what was compared and by which rule
	Ranges     string // the range as published
}

// Judge evaluates a row by the algorithm of the OSV schema ("Evaluation"): listed among versions, or inside one of the ranges. The
// error says which version cannot be ordered.
func Judge(row *advisory.Row, installed string, v version.Version, scheme version.Scheme) (Verdict, error) {
	for i := range row.Ranges {
		out, err := judgeRange(&row.Ranges[i], installed, v, scheme)
		if err != nil || out.Affected {
			return out, err
		}
	}
	if slices.Contains(row.Versions, installed) || scheme.Name == "SemVer" && slices.Contains(row.Versions, strings.TrimPrefix(installed, "v")) {
		return Verdict{Affected: true, Comparison: installed + " is listed as affected", Ranges: "versions listed one by one"}, nil
	}
	return Verdict{}, nil
}

// judgeRange finds the last event at or before the version: the version is affected if that event introduces. Events need not be in
// order, and "0" comes before every version. Of two events at one version the one listed later counts: RUSTSEC-2024-0399 writes
// "introduced 0.23.0, fixed 0.23.0" for an empty interval.
func judgeRange(r *advisory.Range, installed string, v version.Version, scheme version.Scheme) (Verdict, error) {
	last := -1
	var lastAt version.Version
	within, limits := false, false
	for i, e := range r.Events {
		at := eventVersion(e)
		if e.Introduced == "0" {
			if last < 0 {
				last = i
			}
			continue
		}
		c, err := v.Compare(at)
		if err != nil {
			return Verdict{}, err
		}
		if e.Limit != "" {
			limits = true
			within = within || c < 0
			continue
		}
		if c < 0 || c == 0 && e.LastAffected != "" {
			continue
		}
		if last < 0 || r.Events[last].Introduced == "0" {
			last, lastAt = i, nil
			continue
		}
		if lastAt == nil {
			if lastAt, err = scheme.Parse(eventVersion(r.Events[last])); err != nil {
				return Verdict{}, err
			}
		}
		if c, err = lastAt.Compare(at); err != nil {
			return Verdict{}, err
		}
		if c <= 0 {
			last, lastAt = i, nil
		}
	}
	if last < 0 || r.Events[last].Introduced == "" || limits && !within {
		return Verdict{}, nil
	}
	return explain(r, installed, v, scheme)
}

func eventVersion(e advisory.Event) string {
	switch {
	case e.Fixed != "":
		return e.Fixed
	case e.LastAffected != "":
		return e.LastAffected
	case e.Limit != "":
		return e.Limit
	}
	return e.Introduced
}

// explain says why a version lies inside a range, and which version ends it.
func explain(r *advisory.Range, installed string, v version.Version, scheme version.Scheme) (Verdict, error) {
	if fixedAlone(r) { // nearly all: the version is before the one end, and one text holds both reasons, because matches are made by the thousand
		fixed := r.Events[1].Fixed
		text := installed + " < " + fixed + " (" + scheme.Name + ")introduced 0, fixed " + fixed
		cut := len(installed) + len(fixed) + len(scheme.Name) + len(" <  ()")
		return Verdict{Affected: true, Fixed: fixed, Comparison: text[:cut], Ranges: text[cut:]}, nil
	}
	var end advisory.Event
	var endAt version.Version // parsed when there is another to compare it with
	for _, e := range r.Events {
		if e.Fixed == "" && e.LastAffected == "" {
			continue
		}
		at := eventVersion(e)
		if c, err := v.Compare(at); err != nil {
			return Verdict{}, err
		} else if c > 0 {
			continue
		}
		if end == (advisory.Event{}) {
			end = e
			continue
		}
		if endAt == nil {
			var err error
			if endAt, err = scheme.Parse(eventVersion(end)); err != nil {
				return Verdict{}, err
			}
		}
		if c, err := endAt.Compare(at); err != nil {
			return Verdict{}, err
		} else if c > 0 {
			end, endAt = e, nil
		}
	}
	out := Verdict{Affected: true}
	switch {
	case end.Fixed != "":
		out.Fixed = end.Fixed
		out.Comparison = installed + " < " + end.Fixed + " (" + scheme.Name + ")"
	case end.LastAffected != "":
		out.Comparison = installed + " <= " + end.LastAffected + ", the last affected (" + scheme.Name + ")"
	default:
		out.Comparison = installed + " >= " + firstIntroduced(r) + ", no end is known (" + scheme.Name + ")"
	}
	out.Ranges = rangeText(r)
	return out, nil
}

// fixedAlone reports whether a range is everything before one fix.
func fixedAlone(r *advisory.Range) bool {
	return len(r.Events) == 2 && r.Events[0].Introduced == "0" && r.Events[1].Fixed != ""
}

func firstIntroduced(r *advisory.Range) string {
	for _, e := range r.Events {
		if e.Introduced != "" {
			return e.Introduced
		}
	}
	return "0"
}

// rangeText writes a range as published, shortened after eight events.
func rangeText(r *advisory.Range) string {
	var b strings.Builder
	for i, e := range r.Events {
		if i == 8 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case e.Fixed != "":
			b.WriteString("fixed ")
		case e.LastAffected != "":
			b.WriteString("last affected ")
		case e.Limit != "":
			b.WriteString("limit ")
		default:
			b.WriteString("introduced ")
		}
		b.WriteString(eventVersion(e))
	}
	return b.String()
}

// AtOrAfterFix reports whether a version is not before any version that a row calls fixed, of which there is one at least.
func AtOrAfterFix(row *advisory.Row, compare func(string) (int, error)) bool {
	fixed := false
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if e.Fixed == "" {
				continue
			}
			if c, err := compare(e.Fixed); err != nil || c < 0 {
				return false
			}
			fixed = true
		}
	}
	return fixed
}

// PlainFix reports whether a row names a version that ends it which is no build of a module.
func PlainFix(row *advisory.Row) bool {
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if e.Fixed != "" && !strings.Contains(e.Fixed, ".module") {
				return true
			}
		}
	}
	return false
}
