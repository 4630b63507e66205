// Package coverage holds the words for who was looked at, how, and who was not, in the vocabulary of Amazon Inspector's coverage statistics.
package coverage

import (
	"time"

	"hinomi/internal/asset"
)

// Coverage is one instance's status for one type of scan.
type Coverage struct {
	Resource      asset.Ref `json:"resource"`
	Name          string    `json:"name,omitempty"`
	Scan          Scan      `json:"scanType"`
	Status        Status    `json:"scanStatus"`
	Reason        Reason    `json:"reason"`
	Detail        string    `json:"detail,omitempty"`   // in words: what was tried, what to do
	Mode          Method    `json:"scanMode,omitempty"` // how it was scanned last
	LastScanned   time.Time `json:"lastScannedAt,omitzero"`
	Next          time.Time `json:"nextScanAt,omitzero"`
	InventoryHash string    `json:"inventoryHash,omitempty"`
	Calls         int       `json:"calls,omitempty"` // AWS requests the last scan took
	Bytes         int64     `json:"bytes,omitempty"` // read from the disk
}

// Scan is a type of scan.
type Scan string

// The types of scan.
const (
	PackageScan Scan = "PACKAGE"
	NetworkScan Scan = "NETWORK"
	RuleScan    Scan = "CONFIGURATION"
)

// Status says whether the scan type is in force for the instance.
type Status string

// The statuses.
const (
	Active   Status = "ACTIVE"
	Inactive Status = "INACTIVE"
)

// Method is how an instance is scanned (botocore inspector2, ScanMode).
type Method string

// The methods.
const (
	ByAgent   Method = "EC2_SSM_AGENT_BASED" // its inventory comes through Systems Manager
	Agentless Method = "EC2_AGENTLESS"       // its disk is read
)
