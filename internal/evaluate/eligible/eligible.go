// Package eligible decides how an instance's packages are scanned and what its coverage says: by an agent, without one, or not at all, and why.
// The rules are those of Amazon Inspector's EC2 scanning (user guide, "Scanning Amazon EC2 instances").
package eligible

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/coverage"
)

// The model's times.
const (
	Rescan    = 24 * time.Hour     // between two agentless scans
	Reinspect = 30 * time.Minute   // between two looks at the inventories of agents
	Stale     = 7 * 24 * time.Hour // an inventory older than this no longer counts
)

// Evidence is the inventory that an instance has now.
type Evidence struct {
	Method coverage.Method
	ReadAt time.Time
}

// Facts is what the decision rests on.
type Facts struct {
	Instance *asset.Instance
	Left     string // why the module does not look at it, "" if it does
	Excluded string // the tag key that excludes it, "" if none does
	Mode     coverage.Mode
	ModeWhy  string                 // where the mode comes from, in words
	Managed  *asset.ManagedInstance // what Systems Manager says of it; nil: nothing
	// ManagedGap says why it is not known whether Systems Manager manages it, "" if it is.
	ManagedGap string
	Unmanaged  string            // why it is not managed and what to do, as far as is known
	Evidence   *Evidence         // nil: never read
	Last       coverage.Coverage // the row as it is; zero if there is none
	NoSnapshot string            // why its disk may not be read, "" if it may
	Open       bool              // a scan of it waits or runs
	TriedAt    time.Time         // when an agentless scan was last begun
	Now        time.Time
}

// Decision is what follows.
type Decision struct {
	Row   coverage.Coverage // the row to be kept; an empty Reason: the one there is stays
	Scan  bool              // an agentless scan is due
	Close string            // why its open package findings are closed; "" if they stay
}

// Decide decides about one instance.
func Decide(f Facts) Decision {
	if d, out := leftOut(f); out {
		return d
	}
	agent := agentReason(f)
	stopped := f.Instance.State == "stopped" || f.Instance.State == "stopping"
	switch {
	case agent == "" && stopped:
		return f.row(coverage.Inactive, coverage.InstanceStopped, "it is stopped, its findings are kept")
	case agent == "":
		return waiting(f)
	}
	reason, detail := agent, agentDetail(f, agent)
	if f.Mode == coverage.Hybrid {
		why := without(f)
		if why == "" {
			return agentless(f)
		}
		detail += "; its disk is not read: " + why
	} else {
		detail += "; the scan mode is agent-based (" + f.ModeWhy + "), hybrid would read its disk"
	}
	if stopped {
		return f.row(coverage.Inactive, coverage.InstanceStopped, "it is stopped, its findings are kept")
	}
	return f.row(coverage.Inactive, reason, detail)
}

// leftOut decides about instances that are not scanned at all.
func leftOut(f Facts) (Decision, bool) {
	switch i := f.Instance; {
	case i.State == "terminated" || i.State == "shutting-down":
		d := f.row(coverage.Inactive, coverage.ResourceTerminated, "")
		d.Close = "the instance was terminated"
		return d, true
	case f.Excluded != "":
		why := "its tag " + f.Excluded + " excludes it from scans"
		d := f.row(coverage.Inactive, coverage.ExcludedByTag, why)
		d.Close = why
		return d, true
	case f.Left != "":
		return f.row(coverage.Inactive, coverage.NotActivated, f.Left), true
	}
	return Decision{}, false
}

// agentReason says why an instance is not scanned by its agent, "" if it is.
func agentReason(f Facts) coverage.Reason {
	byAgent := f.Evidence != nil && f.Evidence.Method == coverage.ByAgent
	switch {
	case byAgent && f.Now.Sub(f.Evidence.ReadAt) <= Stale:
		return ""
	case f.Managed == nil:
		return coverage.UnmanagedInstance
	case byAgent:
		return coverage.StaleInventory
	case f.Managed.PingStatus != "Online":
		return coverage.UnmanagedInstance
	default:
		return coverage.NoInventory
	}
}

func agentDetail(f Facts, r coverage.Reason) string {
	switch {
	case r == coverage.StaleInventory:
		return "Systems Manager's last inventory is of " + f.Evidence.ReadAt.UTC().Format(time.RFC3339)
	case r == coverage.NoInventory:
		return "Systems Manager manages it and has no inventory of its software: hinomi scan plan shows what collects one"
	case f.Managed != nil:
		return fmt.Sprintf("its agent does not answer (%s since %s)", f.Managed.PingStatus, f.Managed.LastPing.UTC().Format(time.RFC3339))
	case f.ManagedGap != "":
		return "whether Systems Manager manages it was not read: " + f.ManagedGap
	case f.Unmanaged != "":
		return "Systems Manager does not manage it: " + f.Unmanaged
	default:
		return "Systems Manager does not manage it"
	}
}

// without says why an instance's disk cannot be read, "" if it can.
func without(f Facts) string {
	switch {
	case f.Instance.RootDeviceType == "instance-store":
		return "its root is an instance store, of which there is no snapshot"
	case len(f.Instance.Volumes) == 0:
		return "it has no EBS volume"
	case strings.HasSuffix(f.Instance.Architecture, "_mac"):
		return "the file system of a Mac is not read"
	default:
		return f.NoSnapshot
	}
}

// agentless decides about an instance whose disk may be read.
func agentless(f Facts) Decision {
	read := f.Evidence != nil && f.Evidence.Method == coverage.Agentless
	stopped := f.Instance.State == "stopped" || f.Instance.State == "stopping"
	if stopped && read && !f.Evidence.ReadAt.Before(f.Instance.LaunchTime) && !f.Open {
		return f.row(coverage.Inactive, coverage.InstanceStopped, "it is stopped and was read since it started last; its findings are kept")
	}
	d := waiting(f)
	d.Scan = !f.Open && (d.Row.Reason == coverage.PendingRevivalScan || f.Now.Sub(f.TriedAt) >= Rescan)
	return d
}

// waiting leaves the row of an instance that is scanned as its last scan left it; one that says nothing of a scan says now that one is to come.
func waiting(f Facts) Decision {
	switch last := f.Last.Reason; {
	case last == coverage.PendingInitialScan || last == coverage.PendingRevivalScan:
		return Decision{}
	case !decided(last) && f.Evidence != nil && f.Now.Sub(f.Evidence.ReadAt) > Stale:
		return f.row(coverage.Active, coverage.StaleInventory, "what is known of it was read at "+f.Evidence.ReadAt.UTC().Format(time.RFC3339))
	case !decided(last):
		return Decision{}
	case f.Last.LastScanned.IsZero():
		return f.row(coverage.Active, coverage.PendingInitialScan, "")
	default:
		return f.row(coverage.Active, coverage.PendingRevivalScan, "it was "+string(last)+" before")
	}
}

// decided reports whether a row's reason was given here, or by nobody, and not by a scan.
func decided(r coverage.Reason) bool {
	return slices.Contains([]coverage.Reason{
		"", coverage.ExcludedByTag, coverage.InstanceStopped, coverage.NotActivated, coverage.UnmanagedInstance, coverage.NoInventory,
		coverage.ResourceTerminated, coverage.PendingInitialScan, coverage.PendingRevivalScan,
	}, r)
}

// row is a decision that keeps a new row; what earlier scans told stays in it.
func (f Facts) row(s coverage.Status, r coverage.Reason, detail string) Decision {
	return Decision{Row: coverage.Coverage{
		Resource: asset.RefOf(f.Instance), Name: f.Instance.Name(), Scan: coverage.PackageScan, Status: s, Reason: r, Detail: detail,
		LastScanned: f.Last.LastScanned, InventoryHash: f.Last.InventoryHash, Mode: f.Last.Mode, Calls: f.Last.Calls, Bytes: f.Last.Bytes,
	}}
}
