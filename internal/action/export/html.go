package export

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
)

//go:embed findings.html.tmpl
var htmlPage string

// HTML writes findings as one page without scripts or anything from elsewhere: it can be mailed, printed, and kept as it is. It follows the
// reader's choice of a light or dark screen.
func HTML(w io.Writer, d *Document) error {
	t, err := template.New("findings").Funcs(template.FuncMap{
		"stamp": stamp, "what": what, "page": page, "name": func(r asset.Ref) string { return d.Names[r.ID] }, "lower": func(s finding.Severity) string { return strings.ToLower(string(s)) },
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }, "score": func(v float64) string { return fmt.Sprintf("%.1f", v) },
		"id": vulnerability, "base": baseScore,
	}).Parse(htmlPage)
	if err != nil {
		return fmt.Errorf("read the page of findings: %w", err)
	}
	if err := t.Execute(w, d.view()); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

// htmlView is what the page shows.
type htmlView struct {
	*Document

	Title  string
	Counts []htmlCount
	System string
	Assets bool // findings lie on assets: show which
}

type htmlCount struct {
	Severity finding.Severity
	N        int
}

func (d *Document) view() htmlView {
	v := htmlView{Document: d, Title: "Findings"}
	if d.Target != "" {
		v.Title = "Findings in " + d.Target
	}
	if d.Inventory != nil {
		v.System = first(d.Inventory.OS.PrettyName, strings.TrimSpace(d.Inventory.OS.ID+" "+d.Inventory.OS.VersionID), "unknown operating system")
	}
	n := map[finding.Severity]int{}
	for i := range d.Findings {
		n[d.Findings[i].Severity]++
		v.Assets = v.Assets || d.Findings[i].Resource.ID != ""
	}
	for _, s := range finding.Severities() {
		v.Counts = append(v.Counts, htmlCount{s, n[s]})
	}
	return v
}
