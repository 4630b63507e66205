package version

import (
	"fmt"
	"strings"
)

// apkVersion is a version as apk orders them (apk-package(5), "Package version":
// number{.number}...{letter}{_suffix{number}}...{~hash}{-r#}). A number after the letter, which old packages have ("5.1p1-r0"), is taken,
// too. Any other text outside that grammar is no version: apk itself calls it invalid.
type apkVersion struct {
	numbers string // joined by dots
	letter  string
	after   string // the number after the letter
	suffix  string // "_rc1_p2"
	rev     string
}

func parseAPK(s string) (Version, error) {
	v, ok := splitAPK(s)
	if !ok {
		return nil, ErrUnreadable
	}
	return v, nil
}

func splitAPK(s string) (apkVersion, bool) {
	var v apkVersion
	if !plain(s) || !isDigit(s[0]) {
		return v, false
	}
	i := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == '.' && i+1 < len(s) && isDigit(s[i+1])) {
		i++
	}
	v.numbers, s = s[:i], s[i:]
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		v.letter = s[:1]
		v.after = segment(s[1:], true)
		s = s[1+len(v.after):]
	}
	rest := s
	for strings.HasPrefix(rest, "_") {
		_, _, after, ok := cutSuffix(rest)
		if !ok {
			return v, false
		}
		rest = after
	}
	v.suffix, s = s[:len(s)-len(rest)], rest
	if strings.HasPrefix(s, "~") {
		n := 1
		for n < len(s) && (isDigit(s[n]) || s[n] >= 'a' && s[n] <= 'f') {
			n++
		}
		if n == 1 {
			return v, false
		}
		s = s[n:]
	}
	if r, ok := strings.CutPrefix(s, "-r"); ok {
		v.rev = segment(r, true)
		return v, v.rev != "" && v.rev == r
	}
	return v, s == ""
}

// apkSuffixes lists the suffixes in order; the empty one is a version without suffix.
func apkSuffixes() [10]string {
	return [10]string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}
}

// cutSuffix takes a leading "_word number" off; no suffix is the empty word.
func cutSuffix(s string) (weight int, number, rest string, ok bool) {
	word := ""
	if strings.HasPrefix(s, "_") {
		word = segment(s[1:], false)
		if word == "" {
			return 0, "", s, false
		}
		s = s[1+len(word):]
		number = segment(s, true)
		s = s[len(number):]
	}
	for i, w := range apkSuffixes() {
		if w == word {
			return i, number, s, true
		}
	}
	return 0, "", s, false
}

// Compare orders by the numbers, the letter, the suffixes and the package's own revision; the hash has no order.
func (v apkVersion) Compare(other string) (int, error) {
	w, ok := splitAPK(other)
	if !ok {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	if c := compareAPKNumbers(v.numbers, w.numbers); c != 0 {
		return c, nil
	}
	if c := strings.Compare(v.letter, w.letter); c != 0 {
		return c, nil
	}
	if c := compareNumber(v.after, w.after); c != 0 {
		return c, nil
	}
	for a, b := v.suffix, w.suffix; a != "" || b != ""; {
		var aw, bw int
		var an, bn string
		aw, an, a, _ = cutSuffix(a)
		bw, bn, b, _ = cutSuffix(b)
		if aw != bw {
			return sign(aw - bw), nil
		}
		if c := compareNumber(an, bn); c != 0 {
			return c, nil
		}
	}
	return compareNumber(v.rev, w.rev), nil
}

// compareAPKNumbers orders the numbers: the first by value; a later one that begins with 0 as the digits of a fraction; and what ends
// earlier is before what goes on.
func compareAPKNumbers(a, b string) int {
	moreA, moreB := true, true
	for first := true; moreA && moreB; first = false {
		var as, bs string
		as, a, moreA = strings.Cut(a, ".")
		bs, b, moreB = strings.Cut(b, ".")
		c := compareNumber(as, bs)
		if !first && (as[0] == '0' || bs[0] == '0') {
			c = strings.Compare(as, bs)
		}
		if c != 0 {
			return c
		}
	}
	switch {
	case moreA:
		return 1
	case moreB:
		return -1
	}
	return 0
}
