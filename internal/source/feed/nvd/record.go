package nvd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
)

// record is one element of "vulnerabilities" (CVE API 2.0 schema, cve_item).
type record struct {
	CVE struct {
		ID           string `json:"id"`
		Published    string `json:"published"`
		Modified     string `json:"lastModified"`
		Status       string `json:"vulnStatus"`
		Descriptions []text `json:"descriptions"`
		Metrics      struct {
			V2   []metric `json:"cvssMetricV2"`
			V30  []metric `json:"cvssMetricV30"`
			V31  []metric `json:"cvssMetricV31"`
			V40  []metric `json:"cvssMetricV40"`
			SSVC []struct {
				Data struct {
					Options []map[string]string `json:"options"`
				} `json:"ssvcData"`
			} `json:"ssvcV203"`
		} `json:"metrics"`
		Weaknesses []struct {
			Description []text `json:"description"`
		} `json:"weaknesses"`
		Added  string `json:"cisaExploitAdd"`
		Due    string `json:"cisaActionDue"`
		Action string `json:"cisaRequiredAction"`
	} `json:"cve"`
}

type text struct {
	Lang  string `json:"lang"`
	Value string `json:"value"`
}

type metric struct {
	Source string `json:"source"`
	Type   string `json:"type"` // "Primary" or "Secondary"
	Data   struct {
		Vector string `json:"vectorString"`
	} `json:"cvssData"`
}

// maxWeaknesses is how many are kept of one CVE; the largest number known is a dozen.
const maxWeaknesses = 64

// Parse reads one element of "vulnerabilities": {"cve": {…}}. modified is when NVD last changed it, zero if that is not said.
func Parse(b []byte) (c *advisory.CVE, modified time.Time, err error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, modified, fmt.Errorf("%w: %w", form.ErrFormat, err)
	}
	v := &r.CVE
	if !strings.HasPrefix(v.ID, "CVE-") {
		return nil, modified, fmt.Errorf("%w: id %q", form.ErrFormat, v.ID)
	}
	c = &advisory.CVE{ID: v.ID, Published: form.Date(v.Published), Status: v.Status, Rejected: v.Status == "Rejected"}
	modified = instant(v.Modified)
	for _, d := range v.Descriptions {
		if strings.HasPrefix(d.Lang, "en") {
			c.Description = d.Value
			break
		}
	}
	for _, kind := range []string{"Primary", "Secondary", ""} {
		for _, l := range []struct {
			kind    string
			metrics []metric
		}{{"CVSS_V3", v.Metrics.V31}, {"CVSS_V3", v.Metrics.V30}, {"CVSS_V4", v.Metrics.V40}, {"CVSS_V2", v.Metrics.V2}} {
			for _, m := range l.metrics {
				if m.Data.Vector != "" && place(m.Type) == kind {
					c.Severity = append(c.Severity, advisory.Severity{Type: l.kind, Score: m.Data.Vector, Source: scorer(m.Source)})
				}
			}
		}
	}
	for _, w := range v.Weaknesses {
		for _, d := range w.Description {
			if strings.HasPrefix(d.Value, "CWE-") && len(c.CWEs) < maxWeaknesses && !slices.Contains(c.CWEs, d.Value) {
				c.CWEs = append(c.CWEs, d.Value)
			}
		}
	}
	if v.Added != "" {
		c.KEV = &advisory.KEV{Added: v.Added, Due: v.Due, Action: v.Action}
	}
	for _, s := range v.Metrics.SSVC {
		if c.SSVC == nil {
			c.SSVC = decision(s.Data.Options)
		}
	}
	return c, modified, nil
}

// instant reads a time of NVD: UTC, without saying so ("2024-11-21T06:20:43.243").
func instant(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		return form.Date(s)
	}
	return t.UTC()
}

// place says in which order a score counts: NVD's primary ones first.
func place(kind string) string {
	if kind == "Primary" || kind == "Secondary" {
		return kind
	}
	return ""
}

// scorer names who gave a score. NVD names itself and others by an address, or by the id that the CVE programme gave them.
func scorer(source string) string {
	switch source {
	case "nvd@nist.gov":
		return "NVD"
	case "134c704f-9b21-4f2e-91b3-4a467353bcc0":
		return "CISA-ADP"
	}
	return source
}

// decision reads CISA's SSVC 2.0.3: a list of single choices.
func decision(options []map[string]string) *advisory.SSVC {
	var s advisory.SSVC
	for _, o := range options {
		for k, v := range o {
			switch strings.ToLower(k) {
			case "exploitation":
				s.Exploitation = strings.ToLower(v)
			case "automatable":
				s.Automatable = strings.ToLower(v)
			case "technicalimpact":
				s.TechnicalImpact = strings.ToLower(v)
			}
		}
	}
	if s.Exploitation == "" {
		return nil
	}
	return &s
}
