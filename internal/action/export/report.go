package export

import (
	"hinomi/internal/advisory"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Report is what --output json shows of one scan or match. Its form stands in docs/schema/scan.schema.json; that of the findings of an
// installation, which are a list, in docs/schema/findings.schema.json. Fields may be added; none changes its meaning.
type Report struct {
	Target      string            `json:"target"`
	Kind        string            `json:"kind"` // host, folder, image, sbom, snapshot
	OS          inventory.OS      `json:"os"`
	Packages    int               `json:"packages"` // how many the inventory holds
	Cost        Cost              `json:"cost"`
	Findings    []finding.Finding `json:"findings"`
	NotAssessed []string          `json:"notAssessed"` // in words: what could not be judged, and why; the absence of a finding there says nothing
	Notes       []string          `json:"notes"`
	Feeds       []advisory.Feed   `json:"feeds"` // what it was judged with
}

// Cost is what a scan took.
type Cost struct {
	Calls int   // AWS requests
	Bytes int64 // read from the disk
}

// NewReport makes the lists that are empty lists rather than null.
func NewReport(r Report) Report {
	if r.Findings == nil {
		r.Findings = []finding.Finding{}
	}
	if r.NotAssessed == nil {
		r.NotAssessed = []string{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	if r.Feeds == nil {
		r.Feeds = []advisory.Feed{}
	}
	return r
}
