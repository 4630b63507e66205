package eligible_test

import (
	"strings"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/coverage"
	"hinomi/internal/evaluate/eligible"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// base is a running instance on EBS that nobody manages, in hybrid mode, never scanned.
func base() eligible.Facts {
	return eligible.Facts{
		Instance: &asset.Instance{
			Meta: asset.Meta{Account: "111122223333", Region: "eu-west-1", ID: "i-1"}, State: "running", RootDeviceType: "ebs",
			Volumes: []asset.Attachment{{VolumeID: "vol-1"}}, LaunchTime: now.Add(-48 * time.Hour),
		},
		Mode: coverage.Hybrid, ModeWhy: "set for all", Now: now,
	}
}

func evidence(m coverage.Method, age time.Duration) *eligible.Evidence {
	return &eligible.Evidence{Method: m, ReadAt: now.Add(-age)}
}

func last(r coverage.Reason) coverage.Coverage {
	return coverage.Coverage{Reason: r, LastScanned: now.Add(-time.Hour), InventoryHash: "h"}
}

func TestDecide(t *testing.T) {
	online := &asset.ManagedInstance{PingStatus: "Online"}
	for _, c := range []struct {
		name   string
		edit   func(f *eligible.Facts)
		reason coverage.Reason // "": the row stays
		status coverage.Status
		scan   bool
		close  string // words of the reason for closing
		detail string
	}{
		{name: "new_in_hybrid", edit: func(*eligible.Facts) {}, reason: coverage.PendingInitialScan, status: coverage.Active, scan: true},
		{name: "scan_waits", edit: func(f *eligible.Facts) { f.Open = true; f.Last.Reason = coverage.ScanInProgress }},
		{name: "agent_mode_unmanaged", edit: func(f *eligible.Facts) {
			f.Mode, f.ModeWhy, f.Unmanaged = coverage.AgentBased, "the default", "it has no instance profile"
		}, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "no instance profile; the scan mode is agent-based (the default)"},
		{name: "agent_mode_ssm_not_read", edit: func(f *eligible.Facts) { f.Mode, f.ManagedGap = coverage.AgentBased, "AccessDenied" }, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "not read: AccessDenied"},
		{name: "agent_silent", edit: func(f *eligible.Facts) {
			f.Mode, f.Managed = coverage.AgentBased, &asset.ManagedInstance{PingStatus: "ConnectionLost", LastPing: now.Add(-time.Hour)}
		}, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "ConnectionLost since 2026-08-01T11:00:00Z"},
		{name: "managed_without_inventory", edit: func(f *eligible.Facts) { f.Mode, f.Managed = coverage.AgentBased, online }, reason: coverage.NoInventory, status: coverage.Inactive, detail: "hinomi scan plan"},
		{name: "managed_without_inventory_hybrid", edit: func(f *eligible.Facts) { f.Managed = online }, reason: coverage.PendingInitialScan, status: coverage.Active, scan: true},
		{name: "agent_fresh", edit: func(f *eligible.Facts) {
			f.Managed, f.Evidence, f.Last = online, evidence(coverage.ByAgent, time.Hour), last(coverage.Successful)
		}},
		{name: "agent_stale", edit: func(f *eligible.Facts) {
			f.Mode, f.Managed, f.Evidence, f.Last = coverage.AgentBased, online, evidence(coverage.ByAgent, 8*24*time.Hour), last(coverage.Successful)
		}, reason: coverage.StaleInventory, status: coverage.Inactive, detail: "2026-07-24T12:00:00Z"},
		{name: "agent_stale_hybrid_reads_the_disk", edit: func(f *eligible.Facts) {
			f.Managed, f.Evidence, f.Last = online, evidence(coverage.ByAgent, 8*24*time.Hour), last(coverage.Successful)
		}, reason: coverage.StaleInventory, status: coverage.Active, scan: true},
		{name: "read_today", edit: func(f *eligible.Facts) {
			f.Evidence, f.Last, f.TriedAt = evidence(coverage.Agentless, time.Hour), last(coverage.Successful), now.Add(-time.Hour)
		}},
		{name: "read_yesterday", edit: func(f *eligible.Facts) {
			f.Evidence, f.Last, f.TriedAt = evidence(coverage.Agentless, 25*time.Hour), last(coverage.NotFullyAssessed), now.Add(-25*time.Hour)
		}, scan: true},
		{name: "failed_today", edit: func(f *eligible.Facts) { f.Last, f.TriedAt = last(coverage.AccessDenied), now.Add(-time.Hour) }},
		{name: "mode_back_to_agent", edit: func(f *eligible.Facts) {
			f.Mode, f.Evidence, f.Last = coverage.AgentBased, evidence(coverage.Agentless, time.Hour), last(coverage.Successful)
		}, reason: coverage.UnmanagedInstance, status: coverage.Inactive},
		{name: "read_only_connector", edit: func(f *eligible.Facts) { f.NoSnapshot = "its connector is read-only" }, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "its disk is not read: its connector is read-only"},
		{name: "instance_store", edit: func(f *eligible.Facts) { f.Instance.RootDeviceType = "instance-store" }, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "instance store"},
		{name: "mac", edit: func(f *eligible.Facts) { f.Instance.Architecture = "arm64_mac" }, reason: coverage.UnmanagedInstance, status: coverage.Inactive, detail: "Mac"},
		{name: "excluded", edit: func(f *eligible.Facts) { f.Excluded, f.Last = "InspectorEc2Exclusion", last(coverage.Successful) }, reason: coverage.ExcludedByTag, status: coverage.Inactive, close: "InspectorEc2Exclusion excludes it"},
		{name: "no_longer_excluded", edit: func(f *eligible.Facts) { f.Last, f.TriedAt = last(coverage.ExcludedByTag), now.Add(-time.Hour) }, reason: coverage.PendingRevivalScan, status: coverage.Active, scan: true},
		{name: "terminated", edit: func(f *eligible.Facts) { f.Instance.State, f.Excluded = "terminated", "k" }, reason: coverage.ResourceTerminated, status: coverage.Inactive, close: "terminated"},
		{name: "left_out", edit: func(f *eligible.Facts) { f.Left = "module off" }, reason: coverage.NotActivated, status: coverage.Inactive, detail: "module off"},
		{name: "stopped_never_read", edit: func(f *eligible.Facts) { f.Instance.State = "stopped" }, reason: coverage.PendingInitialScan, status: coverage.Active, scan: true},
		{name: "stopped_and_read", edit: func(f *eligible.Facts) {
			f.Instance.State, f.Evidence, f.Last = "stopped", evidence(coverage.Agentless, 30*time.Hour), last(coverage.Successful)
		}, reason: coverage.InstanceStopped, status: coverage.Inactive, detail: "findings are kept"},
		{name: "stopped_changed_since", edit: func(f *eligible.Facts) { // started and stopped again after it was read
			f.Instance.State, f.Instance.LaunchTime = "stopped", now.Add(-time.Hour)
			f.Evidence, f.Last, f.TriedAt = evidence(coverage.Agentless, 30*time.Hour), last(coverage.Successful), now.Add(-30*time.Hour)
		}, scan: true},
		{name: "stopped_in_agent_mode", edit: func(f *eligible.Facts) { f.Mode, f.Instance.State = coverage.AgentBased, "stopped" }, reason: coverage.InstanceStopped, status: coverage.Inactive},
		{name: "stopped_with_an_agent", edit: func(f *eligible.Facts) {
			f.Instance.State, f.Managed, f.Evidence, f.Last = "stopped", online, evidence(coverage.ByAgent, time.Hour), last(coverage.Successful)
		}, reason: coverage.InstanceStopped, status: coverage.Inactive},
		{name: "started_again", edit: func(f *eligible.Facts) {
			f.Evidence, f.Last = evidence(coverage.Agentless, 30*time.Hour), last(coverage.InstanceStopped)
		}, reason: coverage.PendingRevivalScan, status: coverage.Active, scan: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := base()
			c.edit(&f)
			d := eligible.Decide(f)
			if d.Row.Reason != c.reason || d.Row.Status != c.status || d.Scan != c.scan {
				t.Errorf("got %s %s scan %v (%s), want %s %s scan %v", d.Row.Status, d.Row.Reason, d.Scan, d.Row.Detail, c.status, c.reason, c.scan)
			}
			if !strings.Contains(d.Row.Detail, c.detail) || (d.Close == "") != (c.close == "") || !strings.Contains(d.Close, c.close) {
				t.Errorf("got detail %q, close %q; want words %q, %q", d.Row.Detail, d.Close, c.detail, c.close)
			}
			if d.Row.Reason != "" && !d.Row.LastScanned.Equal(f.Last.LastScanned) {
				t.Error("a decision moved the time of the last scan")
			}
		})
	}
}
