package ebs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// row is what the store knows of a scan's snapshot.
func (w *world) row(scan, volume, id string, s run.ResourceState) run.Resource {
	r := run.Resource{
		ScanID: scan, Connector: at.Connector, Account: at.Account, Region: at.Region, Kind: asset.KindSnapshot, Of: volume, ID: id, State: s, CreatedAt: w.now,
	}
	w.kept = append(w.kept, r)
	return r
}

// crowd puts snapshots into the account that must never be touched.
func (w *world) crowd() []string {
	w.add("snap-theirs", "vol-a", run.TagInstallation, other, run.TagScan, "scan-1")
	w.add("snap-plain", "vol-a")
	w.add("snap-tagged-by-others", "vol-a", "Name", "hinomi scan of i-1", run.TagScan, "scan-1")
	w.add("snap-empty-tag", "vol-a", run.TagInstallation, "")
	return w.left()
}

func TestRelease(t *testing.T) {
	for _, tc := range []struct {
		name   string
		set    func(*world)
		later  time.Duration
		states string
		left   []string // beside the crowd
		fault  string
	}{
		{"made_and_known", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "snap-1", run.Created)
		}, 0, "vol-a DELETED", nil, ""},
		{"made_and_not_known", func(w *world) { // killed before the answer was kept
			w.ours("snap-1", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "", run.Intended)
		}, 0, "vol-a DELETED", nil, ""},
		{"made_twice", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.ours("snap-2", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "snap-2", run.Created)
		}, 0, "vol-a DELETED", nil, ""},
		{"made_twice_and_one_stuck", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.ours("snap-2", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "snap-2", run.Created)
			w.fails["DeleteSnapshot snap-1"] = apiError("UnauthorizedOperation")
		}, 0, "vol-a STUCK", []string{"snap-1"}, "delete snapshot snap-1"},
		{"made_without_a_row", func(w *world) { w.ours("snap-1", "vol-a", "scan-1") }, 0, "vol-a DELETED", nil, ""},
		{"of_another_scan", func(w *world) { w.ours("snap-1", "vol-a", "scan-2") }, 0, "", []string{"snap-1"}, ""},
		{"not_seen_yet", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.hidden["snap-1"] = w.now.Add(time.Minute)
			w.row("scan-1", "vol-a", "", run.Intended)
		}, 0, "vol-a INTENDED", []string{"snap-1"}, ""},
		{"known_and_not_seen_yet", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.hidden["snap-1"] = w.now.Add(time.Minute)
			w.row("scan-1", "vol-a", "snap-1", run.Created)
		}, 0, "vol-a CREATED", []string{"snap-1"}, ""},
		{"never_made", func(w *world) { w.row("scan-1", "vol-a", "", run.Intended) }, 6 * time.Minute, "vol-a DELETED", nil, ""},
		{"gone_already", func(w *world) { w.row("scan-1", "vol-a", "snap-1", run.Created) }, 6 * time.Minute, "vol-a DELETED", nil, ""},
		{"deleted_before", func(w *world) { w.row("scan-1", "vol-a", "snap-1", run.Deleted) }, 0, "vol-a DELETED", nil, ""},
		{"tag_was_changed", func(w *world) { // by its ID it would be ours, by its tag it is not any more
			w.add("snap-1", "vol-a", run.TagInstallation, other)
			w.row("scan-1", "vol-a", "snap-1", run.Created)
		}, 0, "vol-a STUCK", []string{"snap-1"}, "left alone"},
		{"scan_tag_was_removed", func(w *world) {
			w.add("snap-1", "vol-a", run.TagInstallation, mine)
			w.row("scan-1", "vol-a", "snap-1", run.Created)
		}, 0, "vol-a DELETED", nil, ""},
		{"delete_denied", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "snap-1", run.Created)
			w.ours("snap-2", "vol-b", "scan-1")
			w.row("scan-1", "vol-b", "snap-2", run.Created)
			w.fails["DeleteSnapshot snap-1"] = apiError("UnauthorizedOperation")
		}, 0, "vol-a STUCK, vol-b DELETED", []string{"snap-1"}, "delete snapshot snap-1 in 111122223333/eu-west-1"},
		{"in_use", func(w *world) { // somebody registered an image from it
			w.ours("snap-1", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "", run.Intended)
			w.fails["DeleteSnapshot"] = apiError("InvalidSnapshot.InUse")
		}, 0, "vol-a STUCK", []string{"snap-1"}, "InvalidSnapshot.InUse"},
		{"describe_denied", func(w *world) {
			w.ours("snap-1", "vol-a", "scan-1")
			w.row("scan-1", "vol-a", "snap-1", run.Created)
			w.row("scan-1", "vol-b", "", run.Intended)
			w.fails["DescribeSnapshots"] = apiError("UnauthorizedOperation")
		}, 0, "vol-a STUCK, vol-b INTENDED", []string{"snap-1"}, "find our snapshots in 111122223333/eu-west-1"},
		{"many_pages", func(w *world) {
			w.perPage = 1
			for _, v := range []string{"a", "b", "c", "d", "e"} {
				w.ours("snap-"+v, "vol-"+v, "scan-1")
			}
		}, 0, "vol-a DELETED, vol-b DELETED, vol-c DELETED, vol-d DELETED, vol-e DELETED", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			crowd := w.crowd()
			tc.set(w)
			w.now = w.now.Add(tc.later)
			err := w.maker().Release(t.Context(), at, "scan-1", slices.Clone(w.kept))
			if (tc.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("got %v, want %q", err, tc.fault)
			}
			if w.states() != tc.states {
				t.Errorf("kept %q, want %q", w.states(), tc.states)
			}
			for _, r := range w.kept {
				if r.State == run.Stuck && (r.ID == "" || r.Detail == "") {
					t.Errorf("got %+v, want its ID and why it is stuck", r)
				}
			}
			want := slices.Concat(crowd, tc.left)
			slices.Sort(want)
			if diff := cmp.Diff(want, w.left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if tc.states == "" || tc.fault == "left alone" {
				return
			}
			// What was refused, or not seen, is tried again and goes.
			clear(w.fails)
			w.now = w.now.Add(10 * time.Minute)
			if _, err := w.maker().Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil {
				t.Errorf("sweep: %v", err)
			}
			if diff := cmp.Diff(crowd, w.left()); diff != "" {
				t.Errorf("left by the sweep (-want +got):\n%s", diff)
			}
			if strings.ContainsAny(w.states(), "ICS") { // INTENDED, CREATED, STUCK
				t.Errorf("kept %q after the sweep, want all DELETED", w.states())
			}
		})
	}
}

// TestSweep deletes what no running scan needs, and spares what it cannot know of.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	crowd := w.crowd()
	w.ours("snap-1", "vol-a", "scan-running")
	w.ours("snap-2", "vol-a", "scan-ended")
	w.ours("snap-3", "vol-b", "scan-unknown-to-us")
	w.ours("snap-4", "vol-b", "scan-cannot-say")
	w.add("snap-5", "vol-b", run.TagInstallation, mine) // ours, of no scan
	open := []run.Resource{
		w.row("scan-running", "vol-a", "snap-1", run.Created), w.row("scan-running", "vol-x", "", run.Intended),
		w.row("scan-ended", "vol-a", "", run.Stuck), w.row("scan-ended", "vol-z", "", run.Intended), w.row("scan-cannot-say", "vol-b", "snap-4", run.Created),
	}
	w.now = w.now.Add(time.Hour)
	asked := map[string]int{}
	noDatabase := errors.New("database is locked")
	deleted, err := w.maker().Sweep(t.Context(), at, open, func(_ context.Context, scan string) (bool, error) {
		asked[scan]++
		if scan == "scan-cannot-say" {
			return false, noDatabase
		}
		return scan == "scan-running", nil
	})
	if !errors.Is(err, noDatabase) {
		t.Errorf("got %v, want the database's error told", err)
	}
	var ids []string
	for _, r := range deleted {
		ids = append(ids, r.ID)
		if r.State != run.Deleted || r.DeletedAt.IsZero() {
			t.Errorf("got %+v", r)
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"snap-2", "snap-3", "snap-5"}, ids); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	want := slices.Concat(crowd, []string{"snap-1", "snap-4"})
	slices.Sort(want)
	if diff := cmp.Diff(want, w.left()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if got, want := w.states(), "vol-a CREATED, vol-x INTENDED, vol-a DELETED, vol-z DELETED, vol-b CREATED, vol-b DELETED, vol-b DELETED"; got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	for scan, n := range asked {
		if n != 1 {
			t.Errorf("asked %d times for %s", n, scan)
		}
	}
}

// TestSweepBesideScan begins a scan while a sweep runs: its snapshots are seen and spared, because scans are asked for after the look.
func TestSweepBesideScan(t *testing.T) {
	w := newWorld(t)
	w.ours("snap-1", "vol-a", "scan-new")
	looked := false
	deleted, err := w.maker().Sweep(t.Context(), at, nil, func(context.Context, string) (bool, error) {
		looked = true
		return true, nil // it was queued after the sweep had begun
	})
	if err != nil || len(deleted) != 0 || !looked || len(w.snaps) != 1 {
		t.Errorf("got %v, %v, left %v", deleted, err, w.left())
	}
}
