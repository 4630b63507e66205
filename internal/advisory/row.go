package advisory

import "strings"

// Row is one Affected as an index answers it: what a matcher needs to judge a version, with a handle on the document for the rest.
type Row struct {
	Affected
	Doc       Doc  // the advisory it stands in
	Withdrawn bool // the publisher took it back: kept as a tombstone, never a match
}

// Doc is an index's own handle on one advisory document. It means nothing outside the open index that gave it.
type Doc uint32

// Coordinate names what an index is asked for: one package of one release of one ecosystem.
type Coordinate struct {
	Ecosystem string // OSV's base word
	Release   string // "" where the ecosystem has no releases
	Package   string // as CanonicalName writes it
}

// ParseEcosystem splits OSV's ecosystem string at its first colon: "Ubuntu:22.04:LTS" is Ubuntu, release "22.04:LTS"
// (OSV schema, "affected[].package field").
func ParseEcosystem(s string) (base, release string) {
	base, release, _ = strings.Cut(s, ":")
	return base, release
}

// JoinEcosystem is the inverse of ParseEcosystem.
func JoinEcosystem(base, release string) string {
	if release == "" {
		return base
	}
	return base + ":" + release
}

// CanonicalName returns the one spelling under which an ecosystem's package is kept and looked up. PyPI ignores case and treats runs
// of "-", "_" and "." alike (PEP 503); NuGet, Packagist and Hex names ignore case; all others are taken as written.
func CanonicalName(ecosystem, name string) string {
	switch ecosystem {
	case "PyPI":
		return pep503(name)
	case "NuGet", "Packagist", "Hex":
		return strings.ToLower(name)
	default:
		return name
	}
}

// pep503 returns a Python project's normalized name (PEP 503, "Normalized Names").
func pep503(name string) string {
	plain := true
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '-' && i > 0 && name[i-1] == '-' {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-' || c == '_' || c == '.':
			if len(out) == 0 || out[len(out)-1] != '-' {
				out = append(out, '-')
			}
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}
