package version

import (
	"fmt"
	"strings"
)

// rpmVersion is an epoch, version and release as rpm orders them (rpm-version(7), rpmvercmp in rpmio/rpmvercmp.c).
type rpmVersion struct{ epoch, version, release string }

func parseRPM(s string) (Version, error) {
	v, ok := splitRPM(s)
	if !ok {
		return nil, ErrUnreadable
	}
	return v, nil
}

// splitRPM reads [epoch:]version[-release].
func splitRPM(s string) (rpmVersion, bool) {
	if !plain(s) {
		return rpmVersion{}, false
	}
	v := rpmVersion{epoch: "0", version: s}
	if e, rest, ok := strings.Cut(s, ":"); ok {
		if e == "(none)" || e == "" {
			e = "0"
		}
		for i := range len(e) {
			if !isDigit(e[i]) {
				return rpmVersion{}, false
			}
		}
		v.epoch, v.version = e, rest
	}
	if i := strings.LastIndexByte(v.version, '-'); i >= 0 {
		v.version, v.release = v.version[:i], v.version[i+1:]
		if v.release == "" {
			return rpmVersion{}, false
		}
	}
	return v, hasAlnum(v.version)
}

func hasAlnum(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) || isLetter(s[i]) {
			return true
		}
	}
	return false
}

// Compare orders by epoch, then version, then release. A version without release is before one with, as in rpm 4.16 and later.
func (v rpmVersion) Compare(other string) (int, error) {
	w, ok := splitRPM(other)
	if !ok {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	if c := compareNumber(v.epoch, w.epoch); c != 0 {
		return c, nil
	}
	if c := rpmvercmp(v.version, w.version); c != 0 {
		return c, nil
	}
	switch {
	case v.release == "" && w.release == "":
		return 0, nil
	case v.release == "":
		return -1, nil
	case w.release == "":
		return 1, nil
	}
	return rpmvercmp(v.release, w.release), nil
}

// compareNumber orders two runs of digits of any length.
func compareNumber(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return sign(len(a) - len(b))
	}
	return strings.Compare(a, b)
}

// rpmvercmp orders two segments: runs of digits by number, runs of letters by text, digits after letters, "~" before everything
// including the end, "^" after the end but before anything else.
func rpmvercmp(a, b string) int {
	for a != b {
		a, b = skipRPM(a), skipRPM(b)
		if c, done := rpmTilde(&a, &b); done {
			return c
		} else if c == again {
			continue
		}
		if a == "" || b == "" {
			break
		}
		numeric := isDigit(a[0])
		as, bs := segment(a, numeric), segment(b, numeric)
		if bs == "" {
			if numeric {
				return 1
			}
			return -1
		}
		a, b = a[len(as):], b[len(bs):]
		c := strings.Compare(as, bs)
		if numeric {
			c = compareNumber(as, bs)
		}
		if c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}

// again says that both texts began with the same sign, which has been taken off.
const again = 2

// rpmTilde handles a leading "~" or "^" of either text.
func rpmTilde(a, b *string) (c int, done bool) {
	at, bt := strings.HasPrefix(*a, "~"), strings.HasPrefix(*b, "~")
	ac, bc := strings.HasPrefix(*a, "^"), strings.HasPrefix(*b, "^")
	switch {
	case at && bt, !at && !bt && ac && bc:
		*a, *b = (*a)[1:], (*b)[1:]
		return again, false
	case at:
		return -1, true
	case bt:
		return 1, true
	case ac && *b == "", bc && *a != "":
		return 1, true
	case ac, bc:
		return -1, true
	}
	return 0, false
}

// skipRPM takes off what separates segments.
func skipRPM(s string) string {
	for s != "" && !isDigit(s[0]) && !isLetter(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

// segment returns the leading run of digits, or of letters.
func segment(s string, numeric bool) string {
	i := 0
	for i < len(s) && (numeric && isDigit(s[i]) || !numeric && isLetter(s[i])) {
		i++
	}
	return s[:i]
}
