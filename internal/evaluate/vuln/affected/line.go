package affected

import (
	"strings"

	"hinomi/internal/advisory"
)

// Stream cuts a module's label down to name and stream.
func Stream(label string) string {
	name, rest, ok := strings.Cut(label, ":")
	if !ok {
		return ""
	}
	s, _, _ := strings.Cut(rest, ":")
	return name + ":" + s
}

// StreamIn finds name:stream in an erratum's title, "" if it has none: "Moderate: container-tools:rhel8 security update".
func StreamIn(summary string) string {
	for word := range strings.FieldsSeq(summary) {
		name, s, ok := strings.Cut(word, ":")
		if ok && name != "" && s != "" && !strings.Contains(s, ":") {
			return word
		}
	}
	return ""
}

// OracleLine returns the line of builds of Oracle Linux that a row is about: it is what its feed says, or what the fix itself shows.
func OracleLine(row *advisory.Row) string {
	if row.Repo != "" {
		return row.Repo
	}
	for i := range row.Ranges {
		for _, e := range row.Ranges[i].Events {
			if line := advisory.OracleFlavor(e.Fixed); line != "" {
				return line
			}
		}
	}
	return ""
}

// WithoutEpoch cuts an rpm version down to version and release.
func WithoutEpoch(evr string) string {
	if _, rest, ok := strings.Cut(evr, ":"); ok {
		return rest
	}
	return evr
}
