package ssm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The schedules that are used where none is set. The model collects every 30 minutes and scans Windows every 6 hours (Amazon Inspector
// User Guide, "Scanning Amazon EC2 instances").
const (
	DefaultInventory = "rate(30 minutes)"
	DefaultWindows   = "rate(6 hours)"
	DefaultLinux     = "rate(6 hours)"
	distribute       = "rate(1 day)"
)

var ratePattern = regexp.MustCompile(`^rate\(([1-9][0-9]{0,8}) (minutes?|hours?|days?)\)$`)

// CheckSchedule says why an association cannot have a schedule, or returns nil. It may be rate(n minutes|hours|days), at least half an
// hour, or a cron expression of six fields, or seven with seconds (Systems Manager User Guide, "Cron and rate expressions").
func CheckSchedule(s string) error {
	if g := ratePattern.FindStringSubmatch(s); g != nil {
		n, err := strconv.Atoi(g[1])
		if err != nil {
			return fmt.Errorf("schedule %q: %w", s, err)
		}
		if one := !strings.HasSuffix(g[2], "s"); one != (n == 1) {
			return fmt.Errorf("schedule %q: %d takes %s", s, n, map[bool]string{true: "the singular", false: "the plural"}[n == 1])
		}
		if strings.HasPrefix(g[2], "minute") && n < 30 {
			return fmt.Errorf("schedule %q: an association runs at most every 30 minutes", s)
		}
		return nil
	}
	inner, ok := strings.CutPrefix(s, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed {
		return fmt.Errorf("schedule %q is neither rate(…) nor cron(…)", s)
	}
	fields := strings.Fields(inner)
	if len(fields) == 7 {
		if err := checkField("seconds", fields[0], 0, 59, nil); err != nil {
			return fmt.Errorf("schedule %q: %w", s, err)
		}
		fields = fields[1:]
	}
	if len(fields) != 6 || len(s) > 256 {
		return fmt.Errorf("schedule %q: cron has six fields (minutes, hours, day of month, month, day of week, year), or seven with seconds first", s)
	}
	for i, f := range cronFields() {
		if err := checkField(f.name, fields[i], f.low, f.high, f.words); err != nil {
			return fmt.Errorf("schedule %q: %w", s, err)
		}
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return fmt.Errorf("schedule %q: exactly one of day of month and day of week is ?", s)
	}
	return nil
}

type cronField struct {
	name      string
	low, high int
	words     []string // names of the values, from low
}

func cronFields() []cronField {
	return []cronField{
		{"minutes", 0, 59, nil},
		{"hours", 0, 23, nil},
		{"day of month", 1, 31, nil},
		{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
		{"day of week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
		{"year", 1970, 2199, nil},
	}
}

// checkField checks one field: * or a list of values, ranges and steps; ?, L, W and # for days.
func checkField(name, field string, low, high int, words []string) error {
	day := strings.HasPrefix(name, "day")
	if field == "*" || day && (field == "?" || field == "L" || field == "LW") {
		return nil
	}
	value := func(v string) (int, bool) {
		for i, w := range words {
			if strings.EqualFold(v, w) {
				return low + i, true
			}
		}
		n, err := strconv.Atoi(v)
		return n, err == nil && n >= low && n <= high
	}
	for part := range strings.SplitSeq(field, ",") {
		base, step, stepped := strings.Cut(part, "/")
		if stepped {
			if n, err := strconv.Atoi(step); err != nil || n < 1 || n > high {
				return fmt.Errorf("%s: %q is no step", name, step)
			}
			if base == "*" {
				continue
			}
		}
		if day {
			base = strings.TrimSuffix(strings.TrimSuffix(base, "L"), "W")
			if b, nth, ok := strings.Cut(base, "#"); ok {
				if n, err := strconv.Atoi(nth); err != nil || n < 1 || n > 5 {
					return fmt.Errorf("%s: %q is no week of a month", name, nth)
				}
				base = b
			}
		}
		from, to, ranged := strings.Cut(base, "-")
		a, ok := value(from)
		if !ok {
			return fmt.Errorf("%s: %q is not between %d and %d", name, from, low, high)
		}
		if b, ok := value(to); ranged && (!ok || b < a) {
			return fmt.Errorf("%s: %q is no range", name, base)
		}
	}
	return nil
}
