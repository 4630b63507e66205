// Package finding holds the words for what is wrong: severity, score, evidence, fingerprint and life.
// Field names follow Amazon Inspector 2's Finding (API reference) where one exists, so that its users' scripts carry over.
package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"hinomi/internal/asset"
)

// Finding is one thing that is wrong with one asset.
type Finding struct {
	ID          string    `json:"id"` // Fingerprint: stable over time
	Type        Type      `json:"type"`
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	Severity    Severity  `json:"severity"`
	Score       float64   `json:"inspectorScore,omitempty"` // contextual score, 0.0–10.0; 0 if no score is published
	Resource    asset.Ref `json:"resource"`
	Scoring     *Scoring  `json:"inspectorScoreDetails,omitempty"`
	Package     *Package  `json:"packageVulnerabilityDetails,omitempty"`
	Network     *Network  `json:"networkReachabilityDetails,omitempty"`
	Rule        *Rule     `json:"configurationRuleDetails,omitempty"`
	Secret      *Secret   `json:"exposedSecretDetails,omitempty"`
	Remediation string    `json:"remediation,omitempty"`
	Why         []string  `json:"why"` // the reasons in order: comparison, range, hop …
	Status      Status    `json:"status"`
	StatusWhy   string    `json:"statusReason,omitempty"`
	FirstSeen   time.Time `json:"firstObservedAt"`
	LastSeen    time.Time `json:"lastObservedAt"`
	ClosedAt    time.Time `json:"closedAt,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt,omitzero"`
}

// Type says what kind of evaluation found it.
type Type string

// The types. The first two are Inspector's; CONFIGURATION is a rule's, END_OF_LIFE an unsupported system's, EXPOSED_SECRET a key or token
// that lies on a disk.
const (
	PackageVulnerability Type = "PACKAGE_VULNERABILITY"
	NetworkReachability  Type = "NETWORK_REACHABILITY"
	Configuration        Type = "CONFIGURATION"
	EndOfLife            Type = "END_OF_LIFE"
	ExposedSecret        Type = "EXPOSED_SECRET"
)

// Status is where a finding stands in its life.
type Status string

// The states of a finding's life.
const (
	Active     Status = "ACTIVE"
	Suppressed Status = "SUPPRESSED"
	Closed     Status = "CLOSED"
)

// Severity is a finding's severity in Inspector's words.
type Severity string

// The severities, from "nothing known" to the worst.
const (
	Untriaged     Severity = "UNTRIAGED"
	Informational Severity = "INFORMATIONAL"
	Low           Severity = "LOW"
	Medium        Severity = "MEDIUM"
	High          Severity = "HIGH"
	Critical      Severity = "CRITICAL"
)

// Severities lists them from the worst down.
func Severities() []Severity {
	return []Severity{Critical, High, Medium, Low, Informational, Untriaged}
}

// Rank orders severities: 5 for CRITICAL down to 0 for UNTRIAGED, -1 for no severity.
func (s Severity) Rank() int {
	for i, v := range Severities() {
		if s == v {
			return 5 - i
		}
	}
	return -1
}

// SeverityOf returns the word for a CVSS v3.1 or v4.0 score as Inspector maps it: 0 Informational, 0.1–3.9 Low, 4.0–6.9 Medium,
// 7.0–8.9 High, 9.0–10.0 Critical (Inspector user guide, "Severity levels").
func SeverityOf(score float64) Severity {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	default:
		return Informational
	}
}

// Package is the evidence of a vulnerable package.
type Package struct {
	VulnerabilityID  string              `json:"vulnerabilityId"` // CVE where there is one, else the advisory's id
	Advisories       []string            `json:"advisories"`      // ids that say so
	Source           string              `json:"source"`
	SourceURL        string              `json:"sourceUrl,omitempty"`
	Related          []string            `json:"relatedVulnerabilities,omitempty"`
	Packages         []VulnerablePackage `json:"vulnerablePackages"`
	CVSS             []CVSS              `json:"cvss,omitempty"`
	VendorSeverity   string              `json:"vendorSeverity,omitempty"`
	SeveritySource   string              `json:"severitySource,omitempty"`   // who said the severity, and in which version
	FixAvailable     string              `json:"fixAvailable"`               // YES, NO, PARTIAL
	ExploitAvailable string              `json:"exploitAvailable,omitempty"` // YES, NO
	EPSS             float64             `json:"epss,omitempty"`
	EPSSPercentile   float64             `json:"epssPercentile,omitempty"`
	KEVAdded         string              `json:"cisaDateAdded,omitempty"`
	KEVDue           string              `json:"cisaDateDue,omitempty"`
	KEVAction        string              `json:"cisaAction,omitempty"`
	Ransomware       bool                `json:"knownRansomwareCampaignUse,omitempty"` // CISA's catalog
	ExploitObserved  string              `json:"exploitObserved,omitempty"`            // YES: it has been attacked, by CISA's word
	SSVC             string              `json:"ssvcExploitation,omitempty"`           // none, poc, active
	SSVCAutomatable  string              `json:"ssvcAutomatable,omitempty"`            // yes, no
	SSVCImpact       string              `json:"ssvcTechnicalImpact,omitempty"`        // partial, total
	SSVCDecision     string              `json:"ssvcDecision,omitempty"`               // Track, Track*, Attend, Act
	RebootNeeded     bool                `json:"rebootNeeded,omitempty"`               // the fix is installed and not running
	CWEs             []string            `json:"cwes,omitempty"`
	Published        time.Time           `json:"vendorCreatedAt,omitzero"`
}

// Scoring is how a contextual score came about.
type Scoring struct {
	Adjusted Contextual `json:"adjustedCvss"`
	Reach    string     `json:"reach,omitempty"` // internet, network, local: from where the package can be attacked; "" if that is not known
	ReachWhy string     `json:"reachReason,omitempty"`
}

// Contextual is a base score with what is known of one place, and each step between them.
type Contextual struct {
	Score       float64      `json:"score"`
	Version     string       `json:"version"`       // of CVSS
	Vector      string       `json:"scoringVector"` // with the modified metrics
	Source      string       `json:"cvssSource"`    // who gave the base vector
	BaseScore   float64      `json:"baseScore"`
	BaseVector  string       `json:"baseVector"`
	Adjustments []Adjustment `json:"adjustments,omitempty"`
}

// Adjustment is one metric that was changed, and why.
type Adjustment struct {
	Metric string `json:"metric"` // as the vector abbreviates it: MAV, E
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

// VulnerablePackage is one installed package that the vulnerability is in.
type VulnerablePackage struct {
	Ecosystem    string `json:"packageManager"`
	Name         string `json:"name"`
	Version      string `json:"version"`
	Arch         string `json:"arch,omitempty"`
	SourceName   string `json:"sourceName,omitempty"`
	FixedVersion string `json:"fixedInVersion,omitempty"` // "" if none is known
	Path         string `json:"filePath,omitempty"`
	PURL         string `json:"purl,omitempty"`
}

// CVSS is one score with where it came from.
type CVSS struct {
	Version string  `json:"version"` // 2.0, 3.0, 3.1, 4.0
	Score   float64 `json:"baseScore"`
	Vector  string  `json:"scoringVector"`
	Source  string  `json:"source"`
}

// Network is the evidence of an open way in.
type Network struct {
	Protocol string   `json:"protocol"`
	FromPort int      `json:"openPortRangeBegin"`
	ToPort   int      `json:"openPortRangeEnd"`
	From     string   `json:"from"` // internet, vpc-…, a prefix
	Address  string   `json:"address,omitempty"`
	Path     []string `json:"networkPath"` // component ids in order
}

// Rule is the evidence of a broken configuration rule.
type Rule struct {
	ID     string `json:"ruleId"`
	Source string `json:"source"` // document and clause
	Detail string `json:"detail"`
}

// Secret is where a key or token lies. The secret itself is in none of the fields.
type Secret struct {
	Kind        string `json:"kind"`
	Path        string `json:"filePath"`
	Line        int    `json:"line,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Mode        string `json:"mode"` // permission bits, octal
	Encrypted   bool   `json:"encrypted,omitempty"`
}

// Fingerprint returns the stable ID of a finding: the SHA-256 of its type, its asset and what names it among the asset's findings.
func Fingerprint(t Type, ref asset.Ref, parts ...string) string {
	h := sha256.New()
	h.Write([]byte(string(t) + "\x00" + ref.String()))
	for _, p := range parts {
		h.Write([]byte("\x00" + p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ParseSeverity reads a severity's word in any case. It returns false for an unknown one.
func ParseSeverity(s string) (Severity, bool) {
	v := Severity(strings.ToUpper(s))
	return v, v.Rank() >= 0
}
