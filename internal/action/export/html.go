package export

import (
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"hinomi/internal/finding"
)

//go:embed findings.css
var htmlStyle markup

// HTML writes findings as one page without scripts or anything from elsewhere: it can be mailed, printed, and kept as it is. It follows the
// reader's choice of a light or dark screen. An error is that of w.
func HTML(w io.Writer, d *Document) error {
	p := newPen(w)
	p.head(d)
	p.summary(d)
	if len(d.Findings) == 0 {
		p.put(`<p>Nothing found in what could be assessed.</p>`)
	} else {
		p.table(d)
	}
	p.foot(d)
	if err := p.close(); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

func (d *Document) title() string {
	if d.Target == "" {
		return "Findings"
	}
	return "Findings in " + d.Target
}

func (p *pen) head(d *Document) {
	p.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hinomi {}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{}</title>
<style>
`, d.Version, d.title())
	p.put(htmlStyle)
	p.put("</style>\n</head>\n<body>\n<main>\n")
}

// summary says what was looked at, how many findings of each severity there are, and what could not be judged.
func (p *pen) summary(d *Document) {
	p.put("<h1>{}</h1>\n<p class=\"soft\">", d.title())
	if d.Inventory != nil {
		os := d.Inventory.OS
		p.put("{}, {} packages, ", first(os.PrettyName, strings.TrimSpace(os.ID+" "+os.VersionID), "unknown operating system"), strconv.Itoa(len(d.Inventory.Packages)))
	}
	p.put("{}</p>\n<ul class=\"counts\">\n", stamp(d.Now))
	n := map[finding.Severity]int{}
	for i := range d.Findings {
		n[d.Findings[i].Severity]++
	}
	for _, s := range finding.Severities() {
		if n[s] == 0 {
			p.put(`<li class="none">`)
		} else {
			p.put(`<li>`)
		}
		p.put("<b>{}</b><span class=\"{}\">{}</span></li>\n", strconv.Itoa(n[s]), lower(s), string(s))
	}
	p.put("</ul>\n")
	if len(d.NotAssessed) > 0 {
		p.put(`<section class="missing"><h2>Not assessed ({})</h2>
<p>For the following, the absence of a finding says nothing.</p>
<ul>`, strconv.Itoa(len(d.NotAssessed)))
		p.each(`<li>{}</li>`, d.NotAssessed)
		p.put(`</ul></section>`)
	}
	p.put("\n")
}

func (p *pen) table(d *Document) {
	assets := false // findings lie on assets: show which
	for i := range d.Findings {
		assets = assets || d.Findings[i].Resource.ID != ""
	}
	p.put("<table>\n<thead><tr><th scope=\"col\">Severity</th><th scope=\"col\">What</th>")
	if assets {
		p.put(`<th scope="col">Where</th>`)
	}
	p.put("<th scope=\"col\">Installed → fixed in</th></tr></thead>\n<tbody>\n")
	for i := range d.Findings {
		f := &d.Findings[i]
		p.put("<tr>\n<td><span class=\"{}\">{}</span>", lower(f.Severity), string(f.Severity))
		if f.Score != 0 {
			p.put(`<br><span class="soft">{}</span>`, score(f.Score))
		}
		p.put("</td>\n<td>")
		p.subject(f)
		p.put("\n<details><summary>Why, and what to do</summary>\n")
		p.reasons(f)
		p.put("</details></td>\n")
		if assets {
			p.put(`<td>`)
			p.some(`{}<br>`, d.Names[f.Resource.ID])
			p.put(`<code>{}</code>`, f.Resource.ID)
			p.some(`<br><span class="soft">{}</span>`, f.Resource.Account)
			p.some(` <span class="soft">{}</span>`, f.Resource.Region)
			p.put(`</td>`)
		}
		p.put("\n<td>")
		p.extent(f)
		p.put("</td>\n</tr>\n")
	}
	p.put("</tbody>\n</table>")
}

// subject names what is wrong, with a link to where it can be read.
func (p *pen) subject(f *finding.Finding) {
	if f.Package == nil {
		p.put(`{}`, what(f))
		return
	}
	if address := webAddress(page(f)); address != "" {
		p.put(`<a href="{}" rel="noreferrer">{}</a> `, address, vulnerability(f))
	} else {
		p.put(`{} `, vulnerability(f))
	}
	if f.Package.KEVAdded != "" {
		p.put(`<span class="tag critical">exploited</span> `)
	}
	if f.Package.ExploitAvailable == "YES" {
		p.put(`<span class="tag high">exploit public</span> `)
	}
	if f.Status != finding.Active {
		p.some(`<span class="tag soft">{}</span> `, string(f.Status))
	}
	p.put(`<br>{}`, f.Title)
}

// reasons says why it is a finding, how bad it is and what to do.
func (p *pen) reasons(f *finding.Finding) {
	p.some(`<p>{}</p>`, f.Description)
	p.some(`<p><b>{}</b></p>`, f.Remediation)
	p.put("\n")
	if len(f.Why) > 0 {
		p.put(`<ul>`)
		p.each(`<li>{}</li>`, f.Why)
		p.put(`</ul>`)
	}
	p.put("\n")
	if v := f.Package; v != nil {
		for _, c := range v.CVSS {
			p.put(`<p class="soft">CVSS {} {} <code>{}</code>`, c.Version, score(c.Score), c.Vector)
			p.some(`, {}`, c.Source)
			p.put(`</p>`)
		}
		p.put("\n")
		if v.EPSS != 0 {
			p.put(`<p class="soft">EPSS {} %: chance of exploitation within 30 days</p>`, score(v.EPSS*100))
		}
		p.some(`<p class="soft">CISA wants it mended by {}</p>`, v.KEVDue)
		if len(v.Advisories) > 0 {
			p.put(`<p class="soft">`)
			p.each(`{} `, v.Advisories)
			p.put(`</p>`)
		}
	}
	p.put("\n<p class=\"soft\">")
	p.some(`First seen {}. `, stamp(f.FirstSeen))
	p.put("Finding <code>{}</code></p>\n", f.ID)
}

// extent says how far it goes: packages with where each is mended, a file, ports.
func (p *pen) extent(f *finding.Finding) {
	if f.Package != nil {
		for _, v := range f.Package.Packages {
			p.put(`<div class="package">{} {} <span class="soft">→ {}</span>`, v.Name, v.Version, first(v.FixedVersion, "no fix known"))
			p.some(`<br><code class="soft">{}</code>`, v.Path)
			p.put(`</div>`)
		}
	}
	if f.Secret != nil {
		p.put(`<code class="soft">{}</code>`, f.Secret.Path)
	}
	if n := f.Network; n != nil {
		p.put(`{} {}`, n.Protocol, strconv.Itoa(n.FromPort))
		if n.ToPort != n.FromPort {
			p.put(`–{}`, strconv.Itoa(n.ToPort))
		}
		p.put(` <span class="soft">from {}</span>`, n.From)
	}
}

func (p *pen) foot(d *Document) {
	p.put("\n<footer class=\"soft\">")
	for i, f := range d.Feeds {
		if i == 0 {
			p.put(`<p>Judged with `)
		} else {
			p.put(`, `)
		}
		p.put(`{}`, f.Name)
		p.some(` as of {}`, stamp(f.AsOf))
	}
	if len(d.Feeds) > 0 {
		p.put(`.</p>`)
	}
	p.put("<p>hinomi {}</p></footer>\n</main>\n</body>\n</html>\n", d.Version)
}

// lower is the class of a severity in the style sheet.
func lower(s finding.Severity) string { return strings.ToLower(string(s)) }

// score writes a score, or a share in percent, with one decimal.
func score(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
