package pipeline

import (
	"fmt"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/snapshot"
)

// Cost is what a scan took.
type Cost struct {
	Calls int   // AWS requests
	Bytes int64 // read from the disk
}

// ScanMethod returns Inspector's word for how an inventory was taken, or ours where it has none.
func ScanMethod(m inventory.Method) coverage.Method {
	switch m {
	case inventory.Agentless:
		return coverage.Agentless
	case inventory.Agent:
		return coverage.ByAgent
	default:
		return coverage.Method(strings.ToUpper(string(m)))
	}
}

// InspectedCoverage is the status of an instance whose inventory, read before, was judged again: last scanned moves, nothing was read.
func InspectedCoverage(ref asset.Ref, inv *inventory.Inventory, hash string, m Matched, now time.Time) coverage.Coverage {
	return inspectedCoverage(ref, "", inv, hash, m, Cost{}, now)
}

// inspectedCoverage is the status of an instance whose inventory was read and matched.
func inspectedCoverage(ref asset.Ref, name string, inv *inventory.Inventory, hash string, m Matched, cost Cost, now time.Time) coverage.Coverage {
	c := coverage.Coverage{
		Resource: ref, Name: name, Scan: coverage.PackageScan, Status: coverage.Active, Reason: coverage.Successful,
		Mode: ScanMethod(inv.Method), LastScanned: now, InventoryHash: hash, Calls: cost.Calls, Bytes: cost.Bytes,
	}
	var missing []string
	if !inv.OS.Known() {
		c.Reason = coverage.UnsupportedOS
		missing = append(missing, "the operating system could not be identified")
	}
	for _, g := range inv.Gaps {
		if r := coverage.ReasonOfGap(g.FoundBy); r != "" && c.Reason == coverage.Successful {
			c.Reason = r
			missing = append(missing, g.Reason) // first: it says what is the matter
		}
	}
	missing = append(missing, m.NotAssessed...) // the inventory's own gaps are among them
	if len(missing) > 0 {
		if c.Reason == coverage.Successful {
			c.Reason = coverage.NotFullyAssessed
		}
		c.Detail = some(missing, 5)
	}
	return c
}

// some joins the first n texts and says how many more there are.
func some(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:n], "; "), len(list)-n)
}

// JudgedCoverage is the status of every instance for one judge of the world.
func JudgedCoverage(world *snapshot.Snapshot, j Judge, selected Selection, v Verdicts, now time.Time) []coverage.Coverage {
	judged := map[asset.Ref]bool{}
	for _, r := range v.Judged {
		judged[r] = true
	}
	var out []coverage.Coverage
	for i := range snapshot.All[asset.Instance](world) {
		ref := asset.RefOf(i)
		c := coverage.Coverage{Resource: ref, Name: i.Name(), Scan: j.Scan, Status: coverage.Active, Reason: coverage.Successful, LastScanned: now}
		switch {
		case i.State == "terminated" || i.State == "shutting-down":
			c.Status, c.Reason, c.LastScanned = coverage.Inactive, coverage.ResourceTerminated, time.Time{}
		case !selected.Has(ref):
			c.Status, c.LastScanned = coverage.Inactive, time.Time{}
			c.Reason, c.Detail = selected.Why(ref)
		case !judged[ref]:
			c.Reason, c.Detail = coverage.NotFullyAssessed, "part of what the judgement needs was not read: see hinomi gaps"
		}
		out = append(out, c)
	}
	return out
}
