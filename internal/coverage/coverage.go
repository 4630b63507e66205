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
	Mode          string    `json:"scanMode,omitempty"` // EC2_AGENTLESS, EC2_SSM_AGENT_BASED
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

// Reason says why. The words are those of botocore's inspector2 model (ScanStatusReason), and ours where it has none.
type Reason string

// The reasons.
const (
	PendingInitialScan Reason = "PENDING_INITIAL_SCAN"
	ScanInProgress     Reason = "SCAN_IN_PROGRESS"
	Successful         Reason = "SUCCESSFUL"
	AccessDenied       Reason = "ACCESS_DENIED"
	AccessDeniedToKey  Reason = "ACCESS_DENIED_TO_ENCRYPTION_KEY"
	InternalError      Reason = "INTERNAL_ERROR"
	UnmanagedInstance  Reason = "UNMANAGED_EC2_INSTANCE"
	NoInventory        Reason = "NO_INVENTORY"
	StaleInventory     Reason = "STALE_INVENTORY"
	UnsupportedOS      Reason = "UNSUPPORTED_OS"
	UnsupportedConfig  Reason = "UNSUPPORTED_CONFIG_FILE"
	ExcludedByTag      Reason = "EXCLUDED_BY_TAG"
	InstanceStopped    Reason = "EC2_INSTANCE_STOPPED"
	ResourceTerminated Reason = "RESOURCE_TERMINATED"
	NoResourcesFound   Reason = "NO_RESOURCES_FOUND"
	NotActivated       Reason = "NOT_ACTIVATED"      // ours: the module is off for this asset, the detail says why
	NotFullyAssessed   Reason = "NOT_FULLY_ASSESSED" // ours: read, but some part or feed was missing
	AssetStale         Reason = "ASSET_STALE"        // ours: the asset itself lies in a gap of the last sync
)
