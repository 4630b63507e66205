package lvm

import (
	"fmt"
	"strconv"
	"strings"

	"hinomi/internal/source/disk/volume"
)

const (
	maxNesting = 16        // sections and lists in each other; LVM writes four
	maxItems   = 1_000_000 // names and values in one text
)

// section is a section of LVM's text: "name { … }".
type section struct {
	values   map[string]value
	sections map[string]*section
	order    []string // names of the sections, as they stand
}

// value is a string, a number or a list.
type value struct {
	text   string
	number int64
	list   []value
	kind   byte // 's', 'n' or 'l'
}

func (s *section) text(key string) string { return s.values[key].text }

// number returns a number that must be there and lie between 0 and most.
func (s *section) number(key string, most int64) (int64, error) {
	v, ok := s.values[key]
	if !ok || v.kind != 'n' || v.number < 0 || v.number > most {
		return 0, fmt.Errorf("%s is missing or not a number up to %d: %w", key, most, volume.ErrCorrupt)
	}
	return v.number, nil
}

// has says whether a list of strings holds word.
func (s *section) has(key, word string) bool {
	for _, v := range s.values[key].list {
		if v.text == word {
			return true
		}
	}
	return false
}

// parser reads the configuration text of lvm.conf(5), in which LVM2 also keeps
// the metadata of a volume group.
type parser struct {
	rest  string
	items int
}

// parseConfig reads a whole text.
func parseConfig(text string) (*section, error) {
	p := &parser{rest: text}
	s, err := p.section(0)
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, p.fault("an unexpected %q", p.rest[:1])
	}
	return s, nil
}

func (p *parser) fault(format string, args ...any) error {
	return fmt.Errorf("metadata text, %d bytes before its end: "+format+": %w", append(append([]any{len(p.rest)}, args...), volume.ErrCorrupt)...)
}

// skip passes blanks and comments.
func (p *parser) skip() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if !strings.HasPrefix(p.rest, "#") {
			return
		}
		_, p.rest, _ = strings.Cut(p.rest, "\n")
	}
}

// take passes prefix, if it comes next.
func (p *parser) take(prefix string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

// name takes a name; "" if none comes next.
func (p *parser) name() string {
	p.skip()
	end := strings.IndexFunc(p.rest, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-+./", c)
	})
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	return name
}

// section reads names and values up to the closing brace or the end.
func (p *parser) section(depth int) (*section, error) {
	s := &section{values: map[string]value{}, sections: map[string]*section{}}
	for {
		name := p.name()
		if name == "" {
			return s, nil
		}
		if p.items++; p.items > maxItems || depth > maxNesting {
			return nil, fmt.Errorf("metadata text of more than %d items or %d levels: %w", maxItems, maxNesting, volume.ErrLimit)
		}
		if p.take("=") {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			s.values[name] = v
			continue
		}
		if !p.take("{") {
			return nil, p.fault("%q without a value", name)
		}
		sub, err := p.section(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take("}") {
			return nil, p.fault("section %q does not end", name)
		}
		if s.sections[name] != nil {
			return nil, p.fault("section %q stands twice", name)
		}
		s.sections[name] = sub
		s.order = append(s.order, name)
	}
}

// value reads a string, a number or a list.
func (p *parser) value(depth int) (value, error) {
	if p.items++; p.items > maxItems || depth > maxNesting {
		return value{}, fmt.Errorf("metadata text of more than %d items or %d levels: %w", maxItems, maxNesting, volume.ErrLimit)
	}
	switch {
	case p.take(`"`):
		return p.text()
	case p.take("["):
		v := value{kind: 'l'}
		for !p.take("]") {
			item, err := p.value(depth + 1)
			if err != nil {
				return value{}, err
			}
			v.list = append(v.list, item)
			if !p.take(",") && !strings.HasPrefix(p.rest, "]") {
				return value{}, p.fault("a list that does not end")
			}
		}
		return v, nil
	}
	word := p.name()
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		if _, err := strconv.ParseFloat(word, 64); err != nil {
			return value{}, p.fault("%q is no value", word)
		}
		return value{kind: 'f', text: word}, nil
	}
	return value{kind: 'n', number: n}, nil
}

// text reads a string after its opening quote; a backslash takes the next
// character as it is.
func (p *parser) text() (value, error) {
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return value{kind: 's', text: b.String()}, nil
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return value{}, p.fault("a string that does not end")
}
