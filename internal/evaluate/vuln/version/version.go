// Package version orders versions by the rule of the ecosystem they belong to.
//
// The orders of rpm, dpkg, apk and Semantic Versioning are written here, because a scan makes them by the hundred thousand and they must not
// allocate; those of the language ecosystems come from github.com/google/osv-scalibr/semantic, held to published vectors by the tests.
package version

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// ErrUnreadable says that a text is no version by its ecosystem's rule, so that nothing can be said about its place in a range.
var ErrUnreadable = errors.New("version cannot be ordered")

// Version is a parsed version, to be compared with others of its scheme.
type Version interface {
	// Compare returns -1, 0 or +1 as the version is before, equal to or after other. It returns an error that wraps ErrUnreadable
	// if other is no version.
	Compare(other string) (int, error)
}

// Scheme is one rule of ordering.
type Scheme struct {
	Name  string // "rpm", "dpkg", "PEP 440" …: for people
	parse func(s string) (Version, error)
}

// Parse reads a version. It returns an error that wraps ErrUnreadable if v is none, and always for the zero Scheme.
func (s Scheme) Parse(v string) (Version, error) {
	if s.parse == nil {
		return nil, fmt.Errorf("%q by no rule: %w", v, ErrUnreadable)
	}
	p, err := s.parse(v)
	if err != nil {
		return nil, fmt.Errorf("%q by the rule of %s: %w", v, s.Name, err)
	}
	return p, nil
}

// Compare orders two versions.
func (s Scheme) Compare(a, b string) (int, error) {
	v, err := s.Parse(a)
	if err != nil {
		return 0, err
	}
	return v.Compare(b)
}

// Of returns the scheme of an ecosystem, by OSV's base word for it. It returns false for an ecosystem whose order we do not know.
func Of(ecosystem string) (Scheme, bool) {
	switch ecosystem {
	case "AlmaLinux", "Rocky Linux", "Red Hat", "SUSE", "openSUSE", "openEuler", "Mageia", "Amazon Linux", "Oracle Linux", "Fedora",
		"CentOS", "Azure Linux", "Bottlerocket":
		return Scheme{"rpm", parseRPM}, true
	case "Debian", "Ubuntu":
		return Scheme{"dpkg", parseDpkg}, true
	case "Alpine", "Wolfi", "Chainguard", "MinimOS":
		return Scheme{"apk", parseAPK}, true
	case "Go", "npm", "crates.io", "Hex", "SwiftURL", "Bitnami":
		return Scheme{"SemVer", parseSemVer}, true
	case "Windows":
		return Scheme{"OS build", parseBuild}, true
	case "macOS":
		return Scheme{"ProductVersion", parseProduct}, true
	case "PyPI":
		return Scheme{"PEP 440", library("PyPI", hasDigit)}, true
	case "Maven":
		return Scheme{"Maven", library("Maven", mavenLike)}, true
	case "NuGet":
		return Scheme{"NuGet", library("NuGet", numberFirst)}, true
	case "RubyGems":
		return Scheme{"RubyGems", library("RubyGems", gemLike)}, true
	case "Packagist":
		return Scheme{"Composer", library("Packagist", numberFirst)}, true
	case "Pub":
		return Scheme{"Pub", library("Pub", numberFirst)}, true
	}
	return Scheme{}, false
}

// maxLength bounds a version: the longest known is 120 bytes, and some orders take time that grows with the square of the length.
const maxLength = 512

// library wraps an order of osv-scalibr, which accepts any text, with a test of what is a version at all.
func library(ecosystem string, valid func(string) bool) func(string) (Version, error) {
	return func(s string) (Version, error) {
		s = strings.TrimSpace(s)
		if !plain(s) || !valid(s) {
			return nil, ErrUnreadable
		}
		v, err := semantic.Parse(s, ecosystem)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		return libraryVersion{v, valid}, nil
	}
}

type libraryVersion struct {
	v     semantic.Version
	valid func(string) bool
}

func (l libraryVersion) Compare(other string) (int, error) {
	other = strings.TrimSpace(other)
	if !plain(other) || other != "0" && !l.valid(other) {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	c, err := l.v.CompareStr(other)
	if err != nil {
		return 0, fmt.Errorf("%q: %w: %w", other, ErrUnreadable, err)
	}
	return sign(c), nil
}

func sign(c int) int {
	switch {
	case c < 0:
		return -1
	case c > 0:
		return 1
	}
	return 0
}

// plain reports whether s is a short, non-empty text of printable ASCII without blanks: what every ecosystem demands of a version.
func plain(s string) bool {
	if s == "" || len(s) > maxLength {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// hasDigit accepts what pip once did: legacy versions ("2004d") are ordered before all others, PEP 440, "Appendix A".
func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// numberFirst accepts a number after an optional "v"; a branch ("dev-master") or "latest" is no version.
func numberFirst(s string) bool {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "v"), "V")
	return s != "" && isDigit(s[0])
}

// mavenLike accepts any text (Maven, "Version Order Specification"), but not a property that nobody has replaced.
func mavenLike(s string) bool {
	return !strings.Contains(s, "${") && s != "unknown" && s != "RELEASE" && s != "LATEST"
}

// gemLike accepts what Gem::Version::VERSION_PATTERN does: a number, then segments of letters and digits.
func gemLike(s string) bool {
	if !isDigit(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && !isLetter(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
