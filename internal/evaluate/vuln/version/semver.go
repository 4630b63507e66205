package version

import (
	"fmt"
	"strings"
)

// semVer is a version by Semantic Versioning 2.0.0, clause 11, taken a little wider: a leading "v" or "go", any number of numbers (a
// missing one is 0) and a pre-release without its hyphen ("1.21rc1"), as the ecosystems that use the order write them.
type semVer struct{ core, pre string }

func parseSemVer(s string) (Version, error) {
	v, ok := splitSemVer(s)
	if !ok {
		return nil, ErrUnreadable
	}
	return v, nil
}

func splitSemVer(s string) (semVer, bool) {
	s = strings.TrimSpace(s)
	if !plain(s) {
		return semVer{}, false
	}
	s = strings.TrimPrefix(s, "go")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "v"), "V")
	if s == "" || !isDigit(s[0]) {
		return semVer{}, false
	}
	s, _, _ = strings.Cut(s, "+") // build metadata has no order, clause 10
	i := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == '.' && i+1 < len(s) && isDigit(s[i+1])) {
		i++
	}
	return semVer{s[:i], strings.TrimPrefix(strings.TrimLeft(s[i:], "."), "-")}, true
}

// Compare orders by the numbers, then by the pre-release; a version with pre-release is before the one without.
func (v semVer) Compare(other string) (int, error) {
	w, ok := splitSemVer(other)
	if !ok {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	for a, b := v.core, w.core; a != "" || b != ""; {
		var as, bs string
		as, a, _ = strings.Cut(a, ".")
		bs, b, _ = strings.Cut(b, ".")
		if c := compareNumber(as, bs); c != 0 {
			return c, nil
		}
	}
	switch {
	case v.pre == w.pre:
		return 0, nil
	case v.pre == "":
		return 1, nil
	case w.pre == "":
		return -1, nil
	}
	return comparePre(v.pre, w.pre), nil
}

// comparePre orders pre-releases by their identifiers: numbers by value and before texts, texts by ASCII, and a longer list after a
// shorter one that it begins with.
func comparePre(a, b string) int {
	for moreA, moreB := true, true; moreA && moreB; {
		var as, bs string
		as, a, moreA = strings.Cut(a, ".")
		bs, b, moreB = strings.Cut(b, ".")
		an, bn := segment(as, true) == as && as != "", segment(bs, true) == bs && bs != ""
		var c int
		switch {
		case an && bn:
			c = compareNumber(as, bs)
		case an:
			c = -1
		case bn:
			c = 1
		default:
			c = strings.Compare(as, bs)
		}
		if c != 0 {
			return c
		}
		if moreA != moreB {
			if moreA {
				return 1
			}
			return -1
		}
	}
	return 0
}
