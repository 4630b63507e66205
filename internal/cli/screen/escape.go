package screen

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from outside safe for a terminal: control characters (with them every escape sequence), bytes that are not UTF-8,
// and the characters that turn the direction of writing are shown as \x1b, \u202e, \U000e0041 and so on.
func Printable(s string) string {
	clean := utf8.ValidString(s) && strings.IndexFunc(s, unsafeRune) < 0
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unsafeRune(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unsafeRune(r) && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// unsafeRune reports characters that change a terminal's state or hide what is written: Unicode category C, among them the bidirectional
// controls (Unicode Technical Report 36, section 2.10), and line and paragraph separators.
func unsafeRune(r rune) bool {
	return unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029'
}
