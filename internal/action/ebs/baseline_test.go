package ebs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ebs"
	"hinomi/internal/run"
)

const month = 30 * 24 * time.Hour

var keeping = ebs.Options{Baselines: true, BaselineLife: month}

// scan does a scan that keeps baselines, with a maker of any kind.
func scan(ctx context.Context, w *world, m *ebs.Maker, id string) error {
	made, err := m.Capture(ctx, at, id, instance("vol-a", "vol-b"))
	if err == nil {
		_, err = m.Keep(ctx, at, made, slices.Clone(w.kept))
	}
	var mine []run.Resource
	for _, r := range w.kept {
		if r.ScanID == id {
			mine = append(mine, r)
		}
	}
	return errors.Join(err, m.Release(ctx, at, id, mine))
}

// baselines are the Kept ones, volume and ID.
func (w *world) baselines() []string {
	out := []string{}
	for _, r := range w.kept {
		if r.State == run.Kept {
			out = append(out, r.Of+" "+r.ID)
		}
	}
	slices.Sort(out)
	return out
}

func TestKeep(t *testing.T) {
	w := newWorld(t, "vol-a", "vol-b")
	crowd := w.crowd()
	m := w.maker().With(keeping)
	for n, want := range [][]string{{"vol-a snap-1", "vol-b snap-2"}, {"vol-a snap-3", "vol-b snap-4"}} {
		w.log = nil
		if err := scan(t.Context(), w, m, fmt.Sprintf("scan-%d", n+1)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.baselines()); diff != "" {
			t.Errorf("scan %d: baselines (-want +got):\n%s", n+1, diff)
		}
		if got := len(w.snaps) - len(crowd); got != 2 {
			t.Errorf("scan %d: %d snapshots are there, want one a volume: %v", n+1, got, w.left())
		}
		w.now = w.now.Add(time.Hour)
	}
	if diff := cmp.Diff([]string{
		"keep vol-a INTENDED", "keep vol-b INTENDED", "create i-1", "keep vol-a CREATED", "keep vol-b CREATED",
		"keep vol-a KEPT", "delete snap-1", "keep vol-a DELETED", "keep vol-b KEPT", "delete snap-2", "keep vol-b DELETED",
	}, w.log); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for id, s := range w.snaps {
		for _, tag := range s.Tags {
			if *tag.Key == run.TagBaseline && *tag.Value != "i-1" {
				t.Errorf("%s has tag %s=%s", id, *tag.Key, *tag.Value)
			}
		}
	}
	if deleted, err := m.Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil || len(deleted) != 0 {
		t.Errorf("sweep of live baselines: got %v, %v", deleted, err)
	}
	// Expired: all go, and a maker that knows of no baselines spares none.
	for name, o := range map[string]ebs.Options{"expired": {Baselines: true, BaselineLife: time.Minute}, "switched_off": {}} {
		c := *w
		c.snaps = map[string]*types.Snapshot{}
		for id, s := range w.snaps {
			c.snaps[id] = s
		}
		c.kept = slices.Clone(w.kept)
		if _, err := c.maker().With(o).Sweep(t.Context(), at, slices.Clone(c.kept), nobody); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(crowd, c.left()); diff != "" || len(c.baselines()) != 0 {
			t.Errorf("%s: left (-want +got):\n%s", name, diff)
		}
	}
	// The connector is disabled.
	w.fails["DeleteSnapshot snap-3"] = apiError("UnauthorizedOperation")
	deleted, err := m.RemoveBaselines(t.Context(), at, slices.Clone(w.kept))
	if err == nil || len(deleted) != 1 || deleted[0].ID != "snap-4" || !strings.Contains(w.states(), "vol-a STUCK") {
		t.Errorf("got %v, %v, kept %q", deleted, err, w.states())
	}
	clear(w.fails)
	if _, err := m.Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(crowd, w.left()); diff != "" || strings.ContainsAny(strings.ReplaceAll(w.states(), "DELETED", ""), "ICSK") {
		t.Errorf("kept %q, left (-want +got):\n%s", w.states(), diff)
	}
}

// TestKeepKilled kills the process before and after every call of a second scan. A sweep then leaves one snapshot of each volume, the newest that
// is stored as kept, and a third scan goes on from there.
func TestKeepKilled(t *testing.T) {
	points := 0
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t, "vol-a", "vol-b")
			crowd := w.crowd()
			if err := scan(t.Context(), w, w.maker().With(keeping), "scan-1"); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(time.Hour)
			dying := &mortal{w, n, after}
			m, err := ebs.New(dying, dying, ebs.Clock{Now: func() time.Time { return w.now }, Sleep: func(context.Context, time.Duration) error { return nil }}, mine)
			if err != nil {
				t.Fatal(err)
			}
			_ = scan(t.Context(), w, m.With(keeping), "scan-2")
			if dying.left > 0 {
				break
			}
			points++
			w.now = w.now.Add(time.Hour)
			for range 2 {
				if _, err := w.maker().With(keeping).Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil {
					t.Errorf("call %d, after %v: sweep: %v", n, after, err)
				}
			}
			of := map[string]int{}
			for _, r := range w.kept {
				switch {
				case r.State == run.Kept && w.snaps[r.ID] == nil:
					t.Errorf("call %d, after %v: %s is kept and gone", n, after, r.ID)
				case r.State == run.Kept:
					of[r.Of]++
				case r.State != run.Deleted:
					t.Errorf("call %d, after %v: %s is %s", n, after, r.Of, r.State)
				}
			}
			if of["vol-a"] != 1 || of["vol-b"] != 1 || len(w.snaps) != len(crowd)+2 {
				t.Errorf("call %d, after %v: kept %q, left %v", n, after, w.states(), w.left())
			}
			if err := scan(t.Context(), w, w.maker().With(keeping), "scan-3"); err != nil || len(w.snaps) != len(crowd)+2 {
				t.Errorf("call %d, after %v: next scan: %v, left %v", n, after, err, w.left())
			}
		}
	}
	if points < 20 {
		t.Errorf("killed at %d points only", points)
	}
}

// TestDoubledBaseline deletes what a repeated request made a second time, and not the baseline beside it.
func TestDoubledBaseline(t *testing.T) {
	w := newWorld(t)
	w.ours("snap-1", "vol-a", "scan-1")
	w.ours("snap-2", "vol-a", "scan-1")
	w.row("scan-1", "vol-a", "snap-2", run.Kept)
	w.now = w.now.Add(time.Hour)
	m := w.maker().With(keeping)
	w.fails["DeleteSnapshot snap-1"] = apiError("UnauthorizedOperation")
	if err := m.Release(t.Context(), at, "scan-1", slices.Clone(w.kept)); err == nil || w.states() != "vol-a KEPT" {
		t.Errorf("refused: got %v, kept %q", err, w.states())
	}
	clear(w.fails)
	if deleted, err := m.Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil || len(deleted) != 1 || deleted[0].ID != "snap-1" {
		t.Errorf("got %v, %v", deleted, err)
	}
	if diff := cmp.Diff([]string{"snap-2"}, w.left()); diff != "" || w.states() != "vol-a KEPT" {
		t.Errorf("kept %q, left (-want +got):\n%s", w.states(), diff)
	}
	// Somebody deletes the baseline itself.
	clear(w.snaps)
	if _, err := m.Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil || w.states() != "vol-a DELETED" {
		t.Errorf("deleted by somebody: got %v, kept %q", err, w.states())
	}
	// Or takes our tag away.
	w.add("snap-3", "vol-b", run.TagInstallation, other)
	w.row("scan-2", "vol-b", "snap-3", run.Kept)
	w.now = w.now.Add(time.Hour)
	if _, err := m.Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err == nil || w.states() != "vol-a DELETED, vol-b STUCK" || len(w.snaps) != 1 {
		t.Errorf("not ours any more: got %v, kept %q", err, w.states())
	}
}

// TestScanTag uses another key for the scan's ID, when making, finding and deleting.
func TestScanTag(t *testing.T) {
	w := newWorld(t, "vol-a")
	m := w.maker().With(ebs.Options{ScanTag: "InspectorScan"})
	if _, err := m.Capture(t.Context(), at, "scan-1", instance("vol-a")); err != nil {
		t.Fatal(err)
	}
	w.kept = nil // the database is lost
	w.now = w.now.Add(time.Hour)
	if deleted, err := m.Sweep(t.Context(), at, nil, func(_ context.Context, id string) (bool, error) { return id == "scan-1", nil }); err != nil || len(deleted) != 0 {
		t.Errorf("running: got %v, %v", deleted, err)
	}
	if err := m.Release(t.Context(), at, "scan-1", nil); err != nil || len(w.snaps) != 0 {
		t.Errorf("got %v, left %v", err, w.left())
	}
}

// TestShare lets the reader account in, and out again.
func TestShare(t *testing.T) {
	const reader = "444455556666"
	w := newWorld(t, "vol-a")
	m := w.maker().With(ebs.Options{Reader: reader})
	if _, err := m.Capture(t.Context(), at, "scan-1", instance("vol-a")); err != nil {
		t.Fatal(err)
	}
	if err := m.Release(t.Context(), at, "scan-1", slices.Clone(w.kept)); err != nil {
		t.Fatal(err)
	}
	want := []string{"keep vol-a INTENDED", "create i-1", "keep vol-a CREATED", "add snap-1 [" + reader + "]", "remove snap-1 [" + reader + "]", "delete snap-1", "keep vol-a DELETED"}
	if diff := cmp.Diff(want, w.log); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		code      string
		encrypted bool
		want      bool
	}{{"OperationNotPermitted", true, true}, {"InvalidParameter", true, true}, {"OperationNotPermitted", false, false}, {"UnauthorizedOperation", true, false}} {
		w.fails["ModifySnapshotAttribute"] = apiError(tc.code)
		if err := m.Share(t.Context(), at, "snap-9", tc.encrypted); err == nil || errors.Is(err, ebs.ErrNotShareable) != tc.want {
			t.Errorf("%s, encrypted %v: got %v", tc.code, tc.encrypted, err)
		}
	}
}
