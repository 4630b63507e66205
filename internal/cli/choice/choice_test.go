package choice_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/cli/choice"
	"hinomi/internal/finding"
)

// chosen reads a command line.
func chosen(t *testing.T, args ...string) (*choice.Choice, error) {
	t.Helper()
	var c choice.Choice
	cmd := &cobra.Command{Use: "x"}
	c.Flags(cmd, true)
	c.VEXFlag(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return &c, c.Read()
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func findings() []finding.Finding {
	p := func(id, fix string) *finding.Package {
		return &finding.Package{VulnerabilityID: id, FixAvailable: fix, Packages: []finding.VulnerablePackage{{Name: "a", Version: "1"}}}
	}
	return []finding.Finding{
		{ID: "1", Type: finding.PackageVulnerability, Severity: finding.Critical, Package: p("CVE-1", "YES")},
		{ID: "2", Type: finding.PackageVulnerability, Severity: finding.High, Package: p("CVE-2", "NO")},
		{ID: "3", Type: finding.PackageVulnerability, Severity: finding.Low, Package: p("CVE-3", "PARTIAL")},
		{ID: "4", Type: finding.EndOfLife, Severity: finding.Critical},
	}
}

func TestApply(t *testing.T) {
	list := file(t, "- {id: CVE-1, reason: r, expires: 2026-01-01}\n- {id: CVE-3, reason: s}\n")
	for _, c := range []struct {
		name  string
		args  []string
		kept  string
		notes []string
	}{
		{"nothing", nil, "1234", nil},
		{"fixed_only", []string{"--ignore-unfixed"}, "134", []string{"left out: 1 without a fix"}},
		{"severities", []string{"--severity", "critical,low"}, "134", []string{"left out: 1 of other severities than critical, low"}},
		{"list", []string{"--ignore-file", list}, "124", []string{"ignored: 1 of CVE-3: s", "no longer ignored: CVE-1, until 2026-01-01: r"}},
		{"all", []string{"--ignore-file", list, "--ignore-unfixed", "--severity", "low"}, "", []string{
			"ignored: 1 of CVE-3: s", "no longer ignored: CVE-1, until 2026-01-01: r", "left out: 1 without a fix", "left out: 2 of other severities than low",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := chosen(t, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			in := findings()
			out, notes := f.Apply(in, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
			got := ""
			for _, x := range out {
				got += x.ID
			}
			if got != c.kept || !slices.Equal(notes, c.notes) || len(in) != 4 || in[3].ID != "4" {
				t.Errorf("kept %s, notes %q; want %s, %q", got, notes, c.kept, c.notes)
			}
		})
	}
}

func TestStatements(t *testing.T) {
	name := file(t, `{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","statements":[{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"fixed"},{"status":"fixed"}]}`)
	f, err := chosen(t, "--vex", name)
	if err != nil || !f.HearsStatements() || len(f.Statements()) != 1 || f.Statements()[0].Vulnerability != "CVE-1" {
		t.Fatalf("got %+v, %v", f.Statements(), err)
	}
	if _, notes := f.Apply(nil, time.Time{}); len(notes) != 1 || !strings.HasPrefix(notes[0], "not heard in ") {
		t.Errorf("notes %q", notes)
	}
}

func TestRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--severity", "dreadful"},
		{"--ignore-file", "nowhere"},
		{"--ignore-file", file(t, "- {id: x}")},
		{"--vex", "nowhere"},
		{"--vex", file(t, "hello")},
	} {
		if _, err := chosen(t, args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
