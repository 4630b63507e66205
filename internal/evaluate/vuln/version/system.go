package version

import (
	"fmt"
	"strings"
)

// numbers is a version of nothing but numbers between dots, with at most one letter of a small update behind: a build of Windows
// ("10.0.17763.5329": major, minor, build, revision), a ProductVersion of macOS ("14.4.1", "13.4.1 (c)" for a Rapid Security Response,
// support.apple.com/102657). A number that is missing is 0.
type numbers struct {
	list   string
	letter string
	split  func(string) (numbers, bool)
}

func parseNumbers(split func(string) (numbers, bool)) func(string) (Version, error) {
	return func(s string) (Version, error) {
		v, ok := split(s)
		if !ok {
			return nil, ErrUnreadable
		}
		v.split = split
		return v, nil
	}
}

func parseBuild(s string) (Version, error)   { return parseNumbers(splitBuild)(s) }
func parseProduct(s string) (Version, error) { return parseNumbers(splitProduct)(s) }

func splitBuild(s string) (numbers, bool) {
	return numbers{list: s}, onlyNumbers(s)
}

func splitProduct(s string) (numbers, bool) {
	s = strings.TrimSpace(s)
	v := numbers{list: s}
	if list, letter, ok := strings.Cut(s, " ("); ok && len(letter) == 2 && letter[0] >= 'a' && letter[0] <= 'z' && letter[1] == ')' {
		v.list, v.letter = list, letter[:1]
	}
	return v, onlyNumbers(v.list)
}

// onlyNumbers reports whether s is numbers between dots.
func onlyNumbers(s string) bool {
	if s == "" || len(s) > maxLength {
		return false
	}
	digit := false
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
			digit = true
		case s[i] == '.' && digit:
			digit = false
		default:
			return false
		}
	}
	return digit
}

// Compare orders by the numbers, then by the letter.
func (v numbers) Compare(other string) (int, error) {
	w, ok := v.split(other)
	if !ok {
		return 0, fmt.Errorf("%q: %w", other, ErrUnreadable)
	}
	for a, b := v.list, w.list; a != "" || b != ""; {
		var as, bs string
		as, a, _ = strings.Cut(a, ".")
		bs, b, _ = strings.Cut(b, ".")
		if c := compareNumber(as, bs); c != 0 {
			return c, nil
		}
	}
	return strings.Compare(v.letter, w.letter), nil
}
