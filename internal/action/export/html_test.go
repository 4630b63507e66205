package export_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"hinomi/internal/action/export"
	"hinomi/internal/finding"
)

// written are the elements and attributes that the page is made of. None runs anything, none loads anything.
var written = map[string][]string{
	"html": {"lang"}, "head": {}, "meta": {"charset", "name", "content", "http-equiv"}, "title": {}, "style": {}, "body": {}, "main": {}, "h1": {}, "h2": {}, "p": {"class"},
	"ul": {"class"}, "li": {"class"}, "b": {}, "span": {"class"}, "section": {"class"}, "table": {}, "thead": {}, "tr": {}, "th": {"scope"}, "tbody": {}, "td": {}, "br": {},
	"a": {"href", "rel"}, "details": {}, "summary": {}, "code": {"class"}, "div": {"class"}, "footer": {"class"},
}

// readPage holds a page against written, and returns its text and where its links lead. Elements must be closed in the order of XML.
func readPage(tb testing.TB, page []byte) (text string, links []string) {
	tb.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var b strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), links
		}
		if err != nil {
			tb.Fatalf("the page cannot be read: %v", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			b.Write(token)
		case xml.Comment, xml.ProcInst:
			tb.Errorf("the page holds %T %s", token, token)
		case xml.StartElement:
			known, ok := written[token.Name.Local]
			if !ok {
				tb.Errorf("the page holds an element %s", token.Name.Local)
			}
			for _, a := range token.Attr {
				if !strings.Contains(" "+strings.Join(known, " ")+" ", " "+a.Name.Local+" ") {
					tb.Errorf("the element %s has an attribute %s", token.Name.Local, a.Name.Local)
				}
				if a.Name.Local == "href" {
					links = append(links, a.Value)
				}
			}
		}
	}
}

// fill sets every text that a value holds, and makes one of everything that may be there.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text)
		fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(day(1)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Float64:
		v.SetFloat(9.8)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	default: // no texts
	}
}

// TestHTMLShowsTextsAsTexts puts hostile texts into every field that there is: the page shows them, and is made of what it always is.
func TestHTMLShowsTextsAsTexts(t *testing.T) {
	for name, text := range map[string]string{
		"element":     `<script>alert(1)</script>`,
		"end":         `</style></title></code></td></table><svg onload=alert(1)>`,
		"attribute":   `"><img src=x onerror=alert(1)>`,
		"quotes":      `" onmouseover="alert(1)" x='`,
		"single":      `' onmouseover='alert(1)`,
		"comment":     `<!-- --!> --> <![CDATA[ ]]> <?php ?>`,
		"entity":      `&lt;script&gt; &amp; &#60; &`,
		"hole":        `{} {{.Title}} %s %!`,
		"nul":         "a\x00<b>\x00",
		"not utf-8":   "\xff<b>\xc3\"",
		"address":     `https://example.org/"onclick="alert(1)`,
		"script":      `javascript:alert(1)`,
		"late script": "java\nscript:alert(1)",
	} {
		t.Run(name, func(t *testing.T) {
			var d export.Document
			fill(reflect.ValueOf(&d).Elem(), text)
			d.Findings[0].Secret, d.Findings[0].Network = nil, nil
			got := write(t, "html", &d)
			got = bytes.ToValidUTF8(got, []byte("\uFFFD")) // a reader of HTML sees it so; one of XML does not go on
			shown, links := readPage(t, got)
			want := strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
			// The title, its heading, and of each finding at least: id, title, description, remediation, two reasons.
			if n := strings.Count(shown, want); n < 20 {
				t.Errorf("the page shows the text %d times", n)
			}
			for _, l := range links {
				if !strings.HasPrefix(l, "https://") {
					t.Errorf("a link leads to %s", l)
				}
			}
		})
	}
}

// TestHTMLLinks follows only addresses of the web.
func TestHTMLLinks(t *testing.T) {
	for _, c := range []struct{ name, id, source, want string }{
		{"source", "CVE-2021-44228", "https://osv.dev/vulnerability/GHSA-jfh8-c2jp-5v3q", "https://osv.dev/vulnerability/GHSA-jfh8-c2jp-5v3q"},
		{"query", "CVE-2021-44228", "http://example.org/a?b=1&c=%22", "http://example.org/a?b=1&c=%22"},
		{"blank", "CVE-2021-44228", "https://example.org/a b", "https://example.org/a%20b"},
		{"script", "CVE-2021-44228", "javascript:alert(1)", "https://www.cve.org/CVERecord?id=CVE-2021-44228"},
		{"data", "RHSA-2024:1", "data:text/html,x", "https://osv.dev/vulnerability/RHSA-2024:1"},
		{"no_host", "CVE-2021-44228", "https:///etc/passwd", ""},
		{"control", "CVE-2021-44228", "https://example.org/\x01", ""},
		{"none", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := sample()
			d.Findings = d.Findings[:1]
			d.Findings[0].Package.VulnerabilityID, d.Findings[0].Package.SourceURL = c.id, c.source
			_, links := readPage(t, write(t, "html", d))
			if got := strings.Join(links, " "); got != c.want {
				t.Errorf("got a link to %q, want %q", got, c.want)
			}
		})
	}
}

// TestHTMLWithoutAssets leaves out what a scan of one target does not have.
func TestHTMLWithoutAssets(t *testing.T) {
	d := sample()
	d.Findings = []finding.Finding{{ID: "1", Title: "Ports", Severity: finding.Low, Status: finding.Active, Network: &finding.Network{Protocol: "udp", FromPort: 1, ToPort: 9, From: "vpc-1"}}}
	d.NotAssessed, d.Feeds, d.Inventory = nil, nil, nil
	text, _ := readPage(t, write(t, "html", d))
	for _, bad := range []string{"Where", "Not assessed", "Judged with", "packages,", "First seen"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page says %q", bad)
		}
	}
	if want := "udp 1–9 from vpc-1"; !strings.Contains(text, want) {
		t.Errorf("the page does not say %q", want)
	}
}

// full is a disk without room after n bytes.
type full struct{ n int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.n {
		return 0, io.ErrShortWrite
	}
	f.n -= len(b)
	return len(b), nil
}

// TestHTMLNotWritten says that a page is not whole, wherever it ended.
func TestHTMLNotWritten(t *testing.T) {
	size := len(write(t, "html", sample()))
	for _, n := range []int{0, 1, size / 2, size - 1} {
		if err := export.HTML(&full{n}, sample()); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d of %d bytes: got %v, want %v", n, size, err, io.ErrShortWrite)
		}
	}
}
