package version

import (
	"fmt"
	"strings"
)

// dpkgVersion is an epoch, upstream version and revision as dpkg orders them (deb-version(7); Debian Policy 5.6.12).
type dpkgVersion struct{ epoch, upstream, revision string }

func parseDpkg(s string) (Version, error) {
	v, ok := splitDpkg(s)
	if !ok {
		return nil, ErrUnreadable
	}
	return v, nil
}

// splitDpkg reads [epoch:]upstream[-revision]. Like dpkg it takes an upstream version that does not begin with a digit, which old
// packages have, but nothing outside the allowed characters.
func splitDpkg(s string) (dpkgVersion, bool) {
	s = strings.TrimSpace(s)
	if !plain(s) {
		return dpkgVersion{}, false
	}
	v := dpkgVersion{epoch: "0", upstream: s}
	if e, rest, ok := strings.Cut(s, ":"); ok {
		v.epoch, v.upstream = e, rest
		for i := range len(e) {
			if !isDigit(e[i]) {
				return dpkgVersion{}, false
			}
		}
		if e == "" {
			return dpkgVersion{}, false
		}
	}
	if i := strings.LastIndexByte(v.upstream, '-'); i >= 0 {
		v.upstream, v.revision = v.upstream[:i], v.upstream[i+1:]
	}
	if !hasAlnum(v.upstream) {
		return dpkgVersion{}, false
	}
	for _, part := range []string{v.upstream, v.revision} {
		for i := range len(part) {
			if c := part[i]; !isDigit(c) && !isLetter(c) && !strings.ContainsRune(".+-~:_", rune(c)) {
				return dpkgVersion{}, false
			}
		}
	}
	return v, true
}

// Compare orders by epoch, upstream version and revision; an absent revision equals "0".
func (v dpkgVersion) Compare(other string) (int, error) {
	w, ok := splitDpkg(other)
	if !ok {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	if c := compareNumber(v.epoch, w.epoch); c != 0 {
		return c, nil
	}
	if c := verrevcmp(v.upstream, w.upstream); c != 0 {
		return c, nil
	}
	return verrevcmp(v.revision, w.revision), nil
}

// verrevcmp compares, by turns, the leading text and the leading number of what is left. In text "~" is before the end, the end before
// letters, letters before all else.
func verrevcmp(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if c := dpkgOrder(a) - dpkgOrder(b); c != 0 {
				return sign(c)
			}
			a, b = rest(a), rest(b)
		}
		as, bs := segment(a, true), segment(b, true)
		if c := compareNumber(as, bs); c != 0 {
			return c
		}
		a, b = a[len(as):], b[len(bs):]
	}
	return 0
}

// rest takes the first character off, if it is not a digit.
func rest(s string) string {
	if s == "" || isDigit(s[0]) {
		return s
	}
	return s[1:]
}

// dpkgOrder weighs the first character; a digit counts as the end of the text before it.
func dpkgOrder(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case isLetter(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}
