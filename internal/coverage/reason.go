package coverage

// Reason says why. The words are those of botocore's inspector2 model (ScanStatusReason, 2020-06-08), as far as they are about instances, and ours
// where it has none.
type Reason string

// The reasons.
const (
	PendingInitialScan Reason = "PENDING_INITIAL_SCAN"
	PendingRevivalScan Reason = "PENDING_REVIVAL_SCAN" // it was left out, or stopped, and is looked at again
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
	EligibilityExpired Reason = "SCAN_ELIGIBILITY_EXPIRED"
	PendingDisable     Reason = "PENDING_DISABLE"

	DeepPackageLimit Reason = "DEEP_INSPECTION_PACKAGE_COLLECTION_LIMIT_EXCEEDED"
	DeepDailyLimit   Reason = "DEEP_INSPECTION_DAILY_SSM_INVENTORY_LIMIT_EXCEEDED"
	DeepTimeLimit    Reason = "DEEP_INSPECTION_COLLECTION_TIME_LIMIT_EXCEEDED"
	DeepNoInventory  Reason = "DEEP_INSPECTION_NO_INVENTORY"

	AgentlessStorageLimit Reason = "AGENTLESS_INSTANCE_STORAGE_LIMIT_EXCEEDED"
	AgentlessTimeLimit    Reason = "AGENTLESS_INSTANCE_COLLECTION_TIME_LIMIT_EXCEEDED"

	NotActivated     Reason = "NOT_ACTIVATED"      // ours: the module is off for this asset, the detail says why
	NotFullyAssessed Reason = "NOT_FULLY_ASSESSED" // ours: read, but some part or feed was missing
	AssetStale       Reason = "ASSET_STALE"        // ours: the asset itself lies in a gap of the last sync
)

// Who found a gap of deep inspection (inventory.Gap, FoundBy): by these the coverage of an instance tells why its language packages were not seen.
const (
	GapDeepNone     = "deep-inspection"          // the collector has not delivered
	GapDeepTime     = "deep-inspection-time"     // it ran into the limit of its time
	GapDeepPackages = "deep-inspection-packages" // what it found is more than can be delivered
	GapDeepDaily    = "deep-inspection-daily"    // Systems Manager takes no more inventory of that instance for now
)

// ReasonOfGap returns the reason that a gap stands for, by who found it; "" if it stands for none of its own.
func ReasonOfGap(foundBy string) Reason {
	switch foundBy {
	case GapDeepNone:
		return DeepNoInventory
	case GapDeepTime:
		return DeepTimeLimit
	case GapDeepPackages:
		return DeepPackageLimit
	case GapDeepDaily:
		return DeepDailyLimit
	}
	return ""
}

// Reasons lists them, for filters.
func Reasons() []Reason {
	return []Reason{
		PendingInitialScan, PendingRevivalScan, ScanInProgress, Successful, AccessDenied, AccessDeniedToKey, InternalError, UnmanagedInstance,
		NoInventory, StaleInventory, UnsupportedOS, UnsupportedConfig, ExcludedByTag, InstanceStopped, ResourceTerminated, NoResourcesFound,
		EligibilityExpired, PendingDisable, DeepPackageLimit, DeepDailyLimit, DeepTimeLimit, DeepNoInventory,
		AgentlessStorageLimit, AgentlessTimeLimit, NotActivated, NotFullyAssessed, AssetStale,
	}
}
