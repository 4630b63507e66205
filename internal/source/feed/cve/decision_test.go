package cve_test

import (
	"slices"
	"testing"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/cve"
	"hinomi/internal/source/feed/feedtest"
)

// TestDecisions: what CISA adds to a record, and scores of every version.
func TestDecisions(t *testing.T) {
	c, err := cve.Parse(feedtest.Testdata(t, "CVE-2011-0611.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.SSVC == nil || *c.SSVC != (advisory.SSVC{Exploitation: "active", Automatable: "no", TechnicalImpact: "total"}) {
		t.Errorf("SSVC %+v", c.SSVC)
	}
	if !slices.Contains(c.Severity, advisory.Severity{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", Source: "CISA-ADP"}) {
		t.Errorf("severity %+v", c.Severity)
	}
	c, err = cve.Parse(feedtest.Testdata(t, "CVE-2021-44529.json"))
	if err != nil || c.SSVC == nil || c.SSVC.Exploitation != "active" {
		t.Errorf("word in capitals: %+v, %v", c.SSVC, err)
	}
	c, err = cve.Parse(feedtest.Testdata(t, "CVE-2024-43795.json"))
	if err != nil || !slices.ContainsFunc(c.Severity, func(s advisory.Severity) bool { return s.Type == "CVSS_V4" }) || c.Description == "" {
		t.Errorf("CVSS 4: %+v, %v", c, err)
	}
}
