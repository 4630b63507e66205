package finding_test

import (
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
)

func TestSeverityOf(t *testing.T) {
	for _, c := range []struct {
		score float64
		want  finding.Severity
	}{
		{0, finding.Informational},
		{0.1, finding.Low},
		{3.9, finding.Low},
		{4, finding.Medium},
		{6.9, finding.Medium},
		{7, finding.High},
		{8.9, finding.High},
		{9, finding.Critical},
		{10, finding.Critical},
	} {
		if got := finding.SeverityOf(c.score); got != c.want {
			t.Errorf("%.1f: got %s, want %s", c.score, got, c.want)
		}
	}
}

func TestRankFallsFromTheWorst(t *testing.T) {
	list := finding.Severities()
	for i := 1; i < len(list); i++ {
		if list[i-1].Rank() <= list[i].Rank() {
			t.Errorf("%s ranks %d, %s after it %d", list[i-1], list[i-1].Rank(), list[i], list[i].Rank())
		}
	}
	if finding.Severity("BAD").Rank() != -1 {
		t.Error("a word that is no severity has a rank")
	}
}

func TestParseSeverity(t *testing.T) {
	if got, ok := finding.ParseSeverity("high"); !ok || got != finding.High {
		t.Errorf("high: got %s %t", got, ok)
	}
	if _, ok := finding.ParseSeverity("grave"); ok {
		t.Error("grave was taken for a severity")
	}
}

func TestFingerprint(t *testing.T) {
	a := asset.Ref{Account: "111122223333", Region: "eu-west-1", Kind: asset.KindInstance, ID: "i-1"}
	b := a
	b.ID = "i-2"
	seen := map[string]string{}
	for name, id := range map[string]string{
		"one":         finding.Fingerprint(finding.PackageVulnerability, a, "x", "y"),
		"other asset": finding.Fingerprint(finding.PackageVulnerability, b, "x", "y"),
		"other type":  finding.Fingerprint(finding.NetworkReachability, a, "x", "y"),
		"other parts": finding.Fingerprint(finding.PackageVulnerability, a, "xy"),
		"cut anew":    finding.Fingerprint(finding.PackageVulnerability, a, "xy", ""),
	} {
		if len(id) != 32 {
			t.Errorf("%s: %d characters, want 32", name, len(id))
		}
		if other, dup := seen[id]; dup {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[id] = name
	}
}
