package advisory

import (
	"slices"
	"strings"
	"time"
)

// Statement is what somebody says of one vulnerability in one product: a VEX statement of a user or a supplier (OpenVEX 0.2.0, "Statements";
// CycloneDX 1.6, "vulnerabilities[].analysis").
type Statement struct {
	Product       string        `json:"product,omitempty"`       // purl; without a version it is about all of them, without a type it is a plain package name
	Asset         string        `json:"asset,omitempty"`         // the asset's id (i-…) that it is about; "" for all
	Vulnerability string        `json:"vulnerability"`           // CVE or advisory id
	Aliases       []string      `json:"aliases,omitempty"`       // other ids of the vulnerability
	Status        Status        `json:"status"`                  // OpenVEX's word
	Justification Justification `json:"justification,omitempty"` // OpenVEX's word; required with not_affected unless Impact is given
	Impact        string        `json:"impact,omitempty"`        // in free words, why it is not affected
	Author        string        `json:"author"`
	At            time.Time     `json:"at,omitzero"`      // when it was made: of two about the same the later holds
	Until         time.Time     `json:"until,omitzero"`   // when it lapses; zero: never
	Source        string        `json:"source,omitempty"` // the document it stands in
}

// Status is a VEX status (CISA, "Minimum Requirements for VEX", 2.3).
type Status string

// The statuses.
const (
	NotAffected        Status = "not_affected"
	AffectedStatus     Status = "affected"
	FixedStatus        Status = "fixed"
	UnderInvestigation Status = "under_investigation"
)

// Justification is why a product is not affected (CISA, "Vulnerability Exploitability eXchange (VEX) - Status Justifications").
type Justification string

// The justifications.
const (
	ComponentNotPresent    Justification = "component_not_present"
	CodeNotPresent         Justification = "vulnerable_code_not_present"
	CodeNotInPath          Justification = "vulnerable_code_not_in_execute_path"
	CodeNotControllable    Justification = "vulnerable_code_cannot_be_controlled_by_adversary"
	InlineMitigationsExist Justification = "inline_mitigations_already_exist"
)

// Names reports whether the statement is about a vulnerability, by its id or one of its aliases.
func (s *Statement) Names(id string) bool {
	return strings.EqualFold(s.Vulnerability, id) || slices.ContainsFunc(s.Aliases, func(a string) bool { return strings.EqualFold(a, id) })
}

// Reasoned reports whether a statement that something is not affected says why, as OpenVEX demands ("justification" or "impact_statement"):
// without a reason it changes nothing.
func (s *Statement) Reasoned() bool {
	return s.Justification != "" || strings.TrimSpace(s.Impact) != ""
}
