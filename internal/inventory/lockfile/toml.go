package lockfile

import (
	"bytes"
	"fmt"
	"strings"
)

// table is one table of a TOML file: its scalars by key, and the beginning of what is no scalar.
type table struct {
	name   string
	values map[string]string
}

// tables calls fn with each table of a TOML file (toml.io, v1.0.0) in the form in which package managers write their locks: one key a line. The tables
// in arrays ("[[package]]") have that name; what stands before the first has none. Nothing is nested, so nothing grows with the depth of a file.
func tables(b []byte, fn func(t table)) error {
	t := table{values: map[string]string{}}
	for n := 1; len(b) > 0; n++ {
		var raw []byte
		raw, b, _ = bytes.Cut(b, []byte("\n"))
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			name, _, ok := strings.Cut(strings.TrimLeft(line, "["), "]")
			if !ok {
				return fmt.Errorf("%w: line %d is no table: %.60q", ErrFormat, n, line)
			}
			fn(t)
			t = table{strings.TrimSpace(name), map[string]string{}}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key = strings.Trim(strings.TrimSpace(key), `"'`); !ok || key == "" || strings.ContainsAny(key, " \t[]{}") {
			return fmt.Errorf("%w: line %d is no key and value: %.60q", ErrFormat, n, line)
		}
		value = strings.TrimSpace(value)
		if t.name == "" && strings.HasPrefix(key, "package") && value != "" && value[0] == '[' && value != "[]" {
			return fmt.Errorf("%w: line %d lists packages in an array of inline tables, which is not read", ErrFormat, n)
		}
		var end int
		var err error
		if b, end, err = passValue(value, b); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		n += end
		t.values[key] = value
	}
	fn(t)
	return nil
}

// passValue passes by the further lines of a value that began on one.
func passValue(first string, b []byte) (rest []byte, lines int, err error) {
	for _, quote := range []string{`"""`, `'''`} {
		if !strings.HasPrefix(first, quote) {
			continue
		}
		if strings.Contains(first[3:], quote) {
			return b, 0, nil
		}
		i := bytes.Index(b, []byte(quote))
		if i < 0 {
			return nil, 0, fmt.Errorf("%w: a string does not end", ErrFormat)
		}
		lines = bytes.Count(b[:i], []byte("\n")) + 1
		_, rest, _ = bytes.Cut(b[i:], []byte("\n"))
		return rest, lines, nil
	}
	open := brackets(first)
	for open > 0 && len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		lines++
		open += brackets(string(line))
	}
	if open > 0 {
		return nil, 0, fmt.Errorf("%w: an array or a table does not end", ErrFormat)
	}
	return b, lines, nil
}

// brackets counts those that a line opens and does not close, outside of strings and comments.
func brackets(line string) int {
	n, quote := 0, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			return n
		case c == '[' || c == '{':
			n++
		case c == ']' || c == '}':
			n--
		}
	}
	return n
}

// text returns the string of a key; "" if it is missing or no string.
func (t table) text(key string) string {
	v := t.values[key]
	if v == "" || v[0] != '"' && v[0] != '\'' {
		return ""
	}
	s, rest := scalar(v)
	if rest == v {
		return ""
	}
	return s
}

// first returns the first key of an inline table.
func (t table) first(key string) string {
	s, ok := strings.CutPrefix(t.values[key], "{")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(s, "=")
	return strings.TrimSpace(name)
}
