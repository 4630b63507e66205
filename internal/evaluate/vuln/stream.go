package vuln

import (
	"slices"

	"hinomi/internal/advisory"
	"hinomi/internal/inventory"
)

// streams is which documents spoke of the package at hand as a module's: with the stream's name, or without it as OSV's rows do ("*").
type streams struct {
	any   []advisory.Doc
	named []namedStream
}

// namedStream is a row about builds of one stream.
type namedStream struct {
	doc   advisory.Doc
	other bool // of another stream than the installed one
}

// modular keeps what a row says of streams. OSV and the distributions' own errata (almalinux/errata, rocky/errata) publish the same documents.
func (m *matcher) modular(p *inventory.Package, row *advisory.Row) {
	switch {
	case row.Module == "" || row.Withdrawn || p.Ecosystem != inventory.AlmaLinux && p.Ecosystem != inventory.Rocky:
	case row.Module == "*":
		m.streams.any = append(m.streams.any, row.Doc)
	default:
		m.streams.named = append(m.streams.named, namedStream{row.Doc, m.otherModule(p, row, nil)})
	}
}

// preferNamed settles matches by rows without a stream's name where another document of the same id names the streams: if it speaks of the
// installed stream, what it says stands alone; if it speaks of others only, the erratum is about those.
func (m *matcher) preferNamed(p *inventory.Package) {
	if len(m.streams.any) == 0 || len(m.streams.named) == 0 {
		return
	}
	type said struct{ own, matched bool }
	by := map[string]said{}
	for _, n := range m.streams.named {
		a, _, err := m.document(n.doc)
		if err != nil {
			m.failed(p, p.Version, err)
			continue
		}
		s := by[a.ID]
		s.own = s.own || !n.other
		s.matched = s.matched || slices.ContainsFunc(m.res.Matches[m.first:], func(h Hit) bool { return h.Doc == n.doc })
		by[a.ID] = s
	}
	kept := m.res.Matches[:m.first]
	for _, h := range m.res.Matches[m.first:] {
		if s, ok := by[h.Advisory.ID]; ok && slices.Contains(m.streams.any, h.Doc) {
			if s.own || s.matched {
				continue
			}
			h.Dismissed = OtherModule
		}
		kept = append(kept, h)
	}
	m.res.Matches = kept
}
