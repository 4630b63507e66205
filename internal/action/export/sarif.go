package export

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/finding"
)

// The parts of SARIF 2.1.0 (OASIS Standard, errata 01) that are written. Numbers in comments are its sections.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool                   `json:"tool"`
		Invocations []sarifInvocation           `json:"invocations"`
		Bases       map[string]sarifArtifactLoc `json:"originalUriBaseIds"`
		Results     []sarifResult               `json:"results"`
		Properties  map[string]any              `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string         `json:"id"`
		Short      sarifText      `json:"shortDescription"`
		Full       *sarifText     `json:"fullDescription,omitempty"`
		HelpURI    string         `json:"helpUri,omitempty"`
		Help       *sarifText     `json:"help,omitempty"`
		Default    sarifConfig    `json:"defaultConfiguration"`
		Properties map[string]any `json:"properties"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		End           string              `json:"endTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level      string          `json:"level"`
		Message    sarifText       `json:"message"`
		Descriptor sarifDescriptor `json:"descriptor"`
	}
	sarifDescriptor struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Rank         float64            `json:"rank,omitempty"` // 3.27.25: 0 to 100
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"fingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifactLoc `json:"artifactLocation"`
		Region   *sarifRegion     `json:"region,omitempty"`
	}
	sarifArtifactLoc struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Start int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind   string `json:"kind"`
		Status string `json:"status"`
		Why    string `json:"justification,omitempty"`
	}
)

// sarifRoot is the base of paths: the root of the file system that was read.
const sarifRoot = "ROOT"

// SARIF writes findings as a SARIF 2.1.0 log of one run. A rule is a vulnerability, a rule of configuration or a type; closed findings are left
// out, suppressed ones are marked as such; what was not assessed is a notification of the invocation.
func SARIF(w io.Writer, d *Document) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "hinomi", Version: d.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true, End: stamp(d.Now)}},
		Bases:       map[string]sarifArtifactLoc{sarifRoot: {URI: "file:///"}},
		Results:     []sarifResult{},
	}
	for _, n := range d.NotAssessed {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{"warning", sarifText{"Not assessed: " + n}, sarifDescriptor{"NOT_ASSESSED"}})
	}
	if d.Target != "" {
		run.Properties = map[string]any{"target": d.Target}
	}
	index := map[string]int{}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Status == finding.Closed {
			continue
		}
		id := vulnerability(f)
		n, ok := index[id]
		if !ok {
			n = len(run.Tool.Driver.Rules)
			index[id] = n
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule(id, f))
		}
		sharpen(&run.Tool.Driver.Rules[n], f)
		run.Results = append(run.Results, d.sarifResult(f, id, n))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	log := sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}}
	if err := e.Encode(log); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return nil
}

// level is the level of a severity (3.27.10).
func level(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "error"
	case finding.Low, finding.Informational:
		return "note"
	default: // what nobody has judged is no note
		return "warning"
	}
}

// baseScore is the score of a finding's vulnerability without its surroundings: the highest of CVSS 3, else of any.
func baseScore(f *finding.Finding) float64 {
	best, three := 0.0, 0.0
	if f.Package != nil {
		for _, c := range f.Package.CVSS {
			best = max(best, c.Score)
			if strings.HasPrefix(c.Version, "3") {
				three = max(three, c.Score)
			}
		}
	}
	if three > 0 {
		return three
	}
	return best
}

// rule makes the rule of the first finding that has it.
func rule(id string, f *finding.Finding) sarifRule {
	r := sarifRule{ID: id, Short: sarifText{f.Title}, HelpURI: page(f), Default: sarifConfig{level(f.Severity)}, Properties: map[string]any{}}
	if r.Short.Text == "" {
		r.Short.Text = id
	}
	if f.Description != "" {
		r.Full = &sarifText{f.Description}
	}
	if f.Remediation != "" {
		r.Help = &sarifText{f.Remediation}
	}
	tags := []string{"security", strings.ToLower(strings.ReplaceAll(string(f.Type), "_", "-"))}
	for _, n := range cwes(f) {
		tags = append(tags, fmt.Sprintf("external/cwe/cwe-%03d", n))
	}
	if f.Package != nil && f.Package.KEVAdded != "" {
		tags = append(tags, "exploited")
	}
	r.Properties["tags"], r.Properties["precision"] = tags, "high"
	if f.Rule != nil && f.Rule.Source != "" {
		r.Properties["source"] = f.Rule.Source
	}
	return r
}

// sharpen gives a rule the worst severity of its findings. security-severity is GitHub's word for a score that orders results.
func sharpen(r *sarifRule, f *finding.Finding) {
	order := []string{"note", "warning", "error"}
	if l := level(f.Severity); slices.Index(order, l) > slices.Index(order, r.Default.Level) {
		r.Default.Level = l
	}
	score := max(baseScore(f), f.Score)
	if score == 0 {
		score = map[finding.Severity]float64{finding.Critical: 9, finding.High: 7, finding.Medium: 4, finding.Low: 0.1}[f.Severity]
	}
	old, _ := strconv.ParseFloat(fmt.Sprint(r.Properties["security-severity"]), 64)
	if score > old {
		r.Properties["security-severity"] = strconv.FormatFloat(score, 'f', 1, 64)
	}
}

func (d *Document) sarifResult(f *finding.Finding, id string, index int) sarifResult {
	r := sarifResult{
		RuleID: id, RuleIndex: index, Level: level(f.Severity), Rank: min(max(f.Score, baseScore(f))*10, 100), Message: sarifText{d.sarifMessage(f)},
		Fingerprints: map[string]string{"hinomi/v1": f.ID}, Properties: map[string]any{"severity": f.Severity, "type": f.Type, "status": f.Status},
	}
	loc := sarifLocation{Physical: sarifPhysical{Artifact: artifact(d.place(f))}}
	if f.Secret != nil && f.Secret.Line > 0 {
		loc.Physical.Region = &sarifRegion{f.Secret.Line}
	}
	if f.Resource.ID != "" {
		loc.Logical = append(loc.Logical, sarifLogical{f.Resource.String(), "resource"})
	}
	r.Locations = []sarifLocation{loc}
	if f.Package != nil {
		for i, p := range f.Package.Packages[:min(len(f.Package.Packages), 100)] {
			if i == 0 || p.Path == "" || p.Path == f.Package.Packages[0].Path {
				continue
			}
			r.Locations = append(r.Locations, sarifLocation{Physical: sarifPhysical{Artifact: artifact(p.Path)}})
		}
		r.Properties["packages"] = f.Package.Packages
		if f.Package.EPSS > 0 {
			r.Properties["epss"] = f.Package.EPSS
		}
		if f.Package.KEVAdded != "" {
			r.Properties["kevAdded"] = f.Package.KEVAdded
		}
	}
	if f.Status == finding.Suppressed {
		r.Suppressions = []sarifSuppression{{"external", "accepted", f.StatusWhy}}
	}
	return r
}

func (d *Document) sarifMessage(f *finding.Finding) string {
	s := what(f)
	if name := d.assetName(f.Resource); name != "" && f.Resource.ID != "" {
		s += " on " + name
	}
	if f.Remediation != "" {
		s += ". " + f.Remediation
	}
	if s == "" {
		return string(f.Type)
	}
	return s
}

// artifact writes a path as a reference relative to the root of the file system (3.4.3), with what a URI cannot hold escaped.
func artifact(path string) sarifArtifactLoc {
	u := url.URL{Path: strings.TrimLeft(path, "/")}
	s := u.EscapedPath()
	if first, _, _ := strings.Cut(s, "/"); strings.Contains(first, ":") {
		s = "./" + s // the first segment of a relative reference holds no colon (RFC 3986, 4.2)
	}
	return sarifArtifactLoc{URI: s, Base: sarifRoot}
}
