package lockfile

import (
	"bytes"
	"fmt"
	"strings"
)

// maxIndents bounds how deep mappings may nest: pnpm's go four deep.
const maxIndents = 64

// block calls fn with each key of nested block mappings, with its depth and the scalar behind it: the part of YAML 1.2 in which pnpm, pub and Yarn
// write their locks, and the form of Yarn's first version, which has a space for the colon. Sequences, flow mappings and the text of long scalars
// are passed by; anchors and aliases, which no package manager writes, are refused, so that a small file stays small.
func block(b []byte, fn func(depth int, key, value string)) error {
	var indents []int
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		text := bytes.TrimRight(line, "\r\t ")
		indent := len(text) - len(bytes.TrimLeft(text, " "))
		if text = text[indent:]; len(text) == 0 || text[0] == '#' {
			continue
		}
		if indent == 0 && (string(text) == "---" || text[0] == '%') {
			indents = indents[:0] // the next document
			continue
		}
		if text[0] == ':' && len(text) > 2 && text[1] == ' ' { // the value of a long key
			indent, text = indent+2, bytes.TrimLeft(text[2:], " ")
		}
		for len(indents) > 0 && indents[len(indents)-1] >= indent {
			indents = indents[:len(indents)-1]
		}
		if text[0] == '-' || text[0] == '}' || text[0] == ']' {
			continue
		}
		depth := len(indents)
		if depth >= maxIndents {
			return fmt.Errorf("%w: line %d nests more than %d deep", ErrFormat, n, maxIndents)
		}
		key, value, ok := pair(string(text))
		switch {
		case ok && value != "" && (value[0] == '&' || value[0] == '*') && bytes.HasSuffix(text, []byte(value)): // not in quotes
			return fmt.Errorf("%w: line %d has an anchor or an alias", ErrFormat, n)
		case !ok && depth == 0:
			return fmt.Errorf("%w: line %d is no key and value: %.60q", ErrFormat, n, text)
		case !ok:
			continue // goes on with a long scalar
		}
		indents = append(indents, indent)
		fn(depth, key, value)
	}
	return nil
}

// pair cuts "key: value", "key:", "? key", and Yarn's "key value".
func pair(s string) (key, value string, ok bool) {
	if rest, long := strings.CutPrefix(s, "? "); long {
		key, _ = scalar(rest)
		return key, "", key != ""
	}
	var rest string
	if s[0] == '"' || s[0] == '\'' {
		if key, rest = scalar(s); rest == s {
			return "", "", false
		}
		if rest != "" && rest[0] == ',' { // Yarn's list of keys: the first names the package
			return key, "", strings.HasSuffix(rest, ":")
		}
	} else {
		i := strings.Index(s, ": ")
		switch {
		case i >= 0:
		case strings.HasSuffix(s, ":"):
			i = len(s) - 1
		default:
			if i = strings.IndexByte(s, ' '); i < 0 {
				return "", "", false
			}
		}
		key, rest = s[:i], s[i:]
	}
	rest = strings.TrimSpace(strings.TrimPrefix(rest, ":"))
	value, _ = scalar(rest)
	return key, value, true
}

// scalar reads a quoted or plain scalar, and returns what follows a quoted one.
func scalar(s string) (value, rest string) {
	if s == "" {
		return "", ""
	}
	quote := s[0]
	if quote != '"' && quote != '\'' {
		if i := strings.Index(s, " #"); i >= 0 {
			s = strings.TrimRight(s[:i], " ")
		}
		return s, ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case quote == '"' && s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] != quote:
			b.WriteByte(s[i])
		case quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
			b.WriteByte(quote)
		default:
			return b.String(), s[i+1:]
		}
	}
	return s, s // the quote does not end
}
