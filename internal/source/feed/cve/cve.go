// Package cve reads records of the CVE list.
package cve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// Feed reads records of the CVE list v5 (github.com/CVEProject/cve-schema, CVE Record Format 5.x), whether from the list itself or
// from CISA's Vulnrichment, whose "CISA-ADP" container adds SSVC, CVSS and CWE to records whose own authority gave none.
func Feed() form.Feed {
	return form.Feed{
		ID: "cve", Title: "CVE list v5 and CISA Vulnrichment", Files: []string{"cve/vulnrichment*.zip", "cve/cvelistV5*.zip", "cve/cvelistV5*.tar.gz"},
		Name: func(file string) string {
			if strings.Contains(file, "vulnrichment") {
				return "cve/vulnrichment"
			}
			return "cve/cvelistV5"
		},
		Read: func(ctx context.Context, in *form.Document) error {
			return in.Entries(ctx, func(name string, b []byte) error {
				c, err := Parse(b)
				if errors.Is(err, errNotARecord) {
					return nil
				}
				if err != nil {
					in.Problem(name, err)
					return nil
				}
				return in.CVE(c)
			}, ".json")
		},
	}
}

// errNotARecord says that a document is one of the list's own indexes (delta.json and its log), not a CVE.
var errNotARecord = errors.New("no CVE record")

type record struct {
	DataType string `json:"dataType"`
	Metadata struct {
		ID        string `json:"cveId"`
		State     string `json:"state"`
		Published string `json:"datePublished"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA container   `json:"cna"`
		ADP []container `json:"adp"`
	} `json:"containers"`
}

type container struct {
	Provider struct {
		Name string `json:"shortName"`
	} `json:"providerMetadata"`
	Descriptions []struct {
		Lang  string `json:"lang"`
		Value string `json:"value"`
	} `json:"descriptions"`
	Metrics []struct {
		V2    vector `json:"cvssV2_0"`
		V30   vector `json:"cvssV3_0"`
		V31   vector `json:"cvssV3_1"`
		V4    vector `json:"cvssV4_0"`
		Other struct {
			Type    string          `json:"type"`
			Content json.RawMessage `json:"content"`
		} `json:"other"`
	} `json:"metrics"`
	Problems []struct {
		Descriptions []struct {
			CWE string `json:"cweId"`
		} `json:"descriptions"`
	} `json:"problemTypes"`
}

type vector struct {
	Vector string `json:"vectorString"`
}

// Parse reads one record of the CVE list v5.
func Parse(b []byte) (*advisory.CVE, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		if trimmed := strings.TrimSpace(string(b[:min(len(b), 64)])); strings.HasPrefix(trimmed, "[") {
			return nil, errNotARecord // deltaLog.json is a list
		}
		return nil, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	if r.DataType != "CVE_RECORD" {
		return nil, errNotARecord
	}
	if !strings.HasPrefix(r.Metadata.ID, "CVE-") {
		return nil, fmt.Errorf("%w: id %q", form.ErrFormat, r.Metadata.ID)
	}
	c := &advisory.CVE{ID: r.Metadata.ID, Published: form.Date(r.Metadata.Published), Rejected: r.Metadata.State == "REJECTED"}
	for _, d := range r.Containers.CNA.Descriptions {
		if strings.HasPrefix(d.Lang, "en") {
			c.Description = d.Value
			break
		}
	}
	for _, k := range append([]container{r.Containers.CNA}, r.Containers.ADP...) {
		k.addTo(c)
	}
	return c, nil
}

// addTo adds a container's scores, weaknesses and SSVC decision.
func (k *container) addTo(c *advisory.CVE) {
	for _, m := range k.Metrics {
		for _, s := range []struct {
			kind  string
			score vector
		}{{"CVSS_V3", m.V31}, {"CVSS_V3", m.V30}, {"CVSS_V4", m.V4}, {"CVSS_V2", m.V2}} {
			if s.score.Vector != "" {
				c.Severity = append(c.Severity, advisory.Severity{Type: s.kind, Score: s.score.Vector, Source: k.Provider.Name})
			}
		}
		switch {
		case m.Other.Type == "ssvc" && c.SSVC == nil:
			c.SSVC = ssvcOf(m.Other.Content)
		case m.Other.Type == "kev" && c.KEV == nil:
			c.KEV = kevOf(m.Other.Content)
		}
	}
	for _, p := range k.Problems {
		for _, d := range p.Descriptions {
			if d.CWE != "" && len(c.CWEs) < 64 {
				c.CWEs = append(c.CWEs, d.CWE)
			}
		}
	}
}

// kevOf reads the entry that CISA's container names for a CVE of its Known Exploited Vulnerabilities catalog: a day and an address.
func kevOf(raw json.RawMessage) *advisory.KEV {
	var d struct {
		Added string `json:"dateAdded"`
	}
	if json.Unmarshal(raw, &d) != nil || d.Added == "" {
		return nil
	}
	return &advisory.KEV{Added: d.Added}
}

// ssvcOf reads CISA's decision points. The words are written in any case, and "-" for "not decided" (seen in records of 2024).
func ssvcOf(raw json.RawMessage) *advisory.SSVC {
	var d struct {
		Options []map[string]string `json:"options"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return nil
	}
	var s advisory.SSVC
	for _, o := range d.Options {
		for k, v := range o {
			v = strings.ToLower(strings.TrimSpace(v))
			if v == "-" {
				v = ""
			}
			switch strings.ToLower(k) {
			case "exploitation":
				s.Exploitation = v
			case "automatable":
				s.Automatable = v
			case "technical impact":
				s.TechnicalImpact = v
			}
		}
	}
	if s.Exploitation == "" {
		return nil
	}
	return &s
}
