package export

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
)

// markup is HTML of our own. A constant is markup as it stands; a value from outside never becomes one, it goes into a hole.
type markup string

// hole is where markup takes a value: between tags, or in an attribute in double quotes. Nowhere else, where escaping would not be enough.
const hole = "{}"

// pen writes HTML without html/template: that package calls methods by names that are read at run time, so a binary that holds it keeps every
// method of every type that it can reach, and with the AWS SDK becomes twice as large.
type pen struct {
	w   *bufio.Writer // it keeps the first error of what it writes to
	err error         // holes and values that do not match
}

func newPen(w io.Writer) *pen { return &pen{w: bufio.NewWriter(w)} }

// put writes markup with a value in each of its holes, escaped.
func (p *pen) put(m markup, values ...string) {
	rest := string(m)
	for _, v := range values {
		before, after, found := strings.Cut(rest, hole)
		if !found {
			p.mismatch(m, len(values))
			return
		}
		p.write(before)
		p.write(escape(v))
		rest = after
	}
	if strings.Contains(rest, hole) {
		p.mismatch(m, len(values))
		return
	}
	p.write(rest)
}

// some is put if the value is not empty.
func (p *pen) some(m markup, value string) {
	if value != "" {
		p.put(m, value)
	}
}

// each is put for every value.
func (p *pen) each(m markup, values []string) {
	for _, v := range values {
		p.put(m, v)
	}
}

func (p *pen) write(s string) { _, _ = p.w.WriteString(s) } // close says the error

func (p *pen) mismatch(m markup, values int) {
	if p.err == nil {
		p.err = fmt.Errorf("%d values for %q", values, m)
	}
}

// close writes what is left and returns the first error of all that was written.
func (p *pen) close() error {
	if err := p.w.Flush(); err != nil {
		return err
	}
	return p.err
}

// escape makes a text one that HTML shows and nothing else, between tags and in quotes. NUL may not stand in HTML at all (HTML Living Standard,
// 13.1.4): U+FFFD stands for it.
func escape(s string) string { return html.EscapeString(strings.ReplaceAll(s, "\x00", "\uFFFD")) }

// webAddress returns the address in the form that a link takes, "" for one that is not of the web: javascript: and data: are addresses too.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}
