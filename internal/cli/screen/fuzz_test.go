package screen_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"hinomi/internal/cli/screen"
)

// hostile are names that somebody in a scanned account may choose.
func hostile() []string {
	return []string{
		"\x1b[2J\x1b]0;owned\x07web", "web\u009b31m", "web\rroot", "web\nHIGH", "web\u202egnp.exe", "we\u200bb", "web\U000e0041", "web\xff",
		"火の見櫓から街を見る", "a security group opens a port to all the world",
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := screen.Printable(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, screen.UnsafeRune) {
			t.Errorf("%q: got %q, which is not safe", s, got)
		}
		if again := screen.Printable(got); again != got {
			t.Errorf("%q: got %q, then %q", s, got, again)
		}
	})
}

func FuzzWrap(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = min(max(width, 2), 200)
		s = screen.Printable(s)
		lines := screen.Wrap(s, width)
		for _, l := range lines {
			if screen.Columns(l) > width {
				t.Errorf("%q: line %q takes %d columns of %d", s, l, screen.Columns(l), width)
			}
		}
		if got, want := strings.Join(strings.Fields(strings.Join(lines, "")), ""), strings.Join(strings.Fields(s), ""); got != want {
			t.Errorf("%q: got %q, something was lost", s, got)
		}
	})
}
