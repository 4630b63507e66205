package ebs_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ebs"
	"hinomi/internal/run"
)

// TestFormerScanTags makes snapshots with another key for the scan's ID, and finds those that were made under the keys from before.
func TestFormerScanTags(t *testing.T) {
	w := newWorld(t, "vol-a")
	m := w.maker().With(ebs.Options{ScanTag: "team:scan", FormerScanTags: []string{"OldScan", "team:scan"}})
	if _, err := m.Capture(t.Context(), at, "scan-1", instance("vol-a")); err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range w.snaps["snap-1"].Tags {
		tags[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{run.TagInstallation: mine, "team:scan": "scan-1", "Name": "hinomi scan of i-1"}, tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	w.add("snap-2", "vol-b", run.TagInstallation, mine, "OldScan", "scan-1")
	w.ours("snap-3", "vol-c", "scan-1") // under the key that is used if nobody sets one
	w.add("snap-4", "vol-b", run.TagInstallation, mine, "OldScan", "scan-2")
	w.ours("snap-5", "vol-c", "scan-2")
	w.add("snap-6", "vol-b", run.TagInstallation, other, "team:scan", "scan-1")
	w.add("snap-7", "vol-d", run.TagInstallation, mine, "OldScan", "scan-running")
	if err := m.Release(t.Context(), at, "scan-1", slices.Clone(w.kept)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"snap-4", "snap-5", "snap-6", "snap-7"}, w.left()); diff != "" {
		t.Errorf("left by the release (-want +got):\n%s", diff)
	}
	deleted, err := m.Sweep(t.Context(), at, nil, func(_ context.Context, scan string) (bool, error) { return scan == "scan-running", nil })
	if err != nil || len(deleted) != 2 || deleted[0].ScanID != "scan-2" || deleted[1].ScanID != "scan-2" {
		t.Errorf("swept %+v, %v, want the two of scan-2", deleted, err)
	}
	if diff := cmp.Diff([]string{"snap-6", "snap-7"}, w.left()); diff != "" {
		t.Errorf("left by the sweep (-want +got):\n%s", diff)
	}
}

// TestKeyOfAWS names the key of a snapshot that cannot be shared with the reader, and deletes it all the same.
func TestKeyOfAWS(t *testing.T) {
	w := newWorld(t, "vol-a")
	w.key, w.fails["ModifySnapshotAttribute"] = someKey, apiError("OperationNotPermitted")
	m := w.maker().With(ebs.Options{Reader: "444455556666"})
	var key *ebs.KeyError
	_, err := m.Capture(t.Context(), at, "scan-1", instance("vol-a"))
	if !errors.As(err, &key) || key.Key != someKey || !errors.Is(err, ebs.ErrNotShareable) {
		t.Errorf("got %v, want the key that cannot be shared", err)
	}
	if err := m.Release(t.Context(), at, "scan-1", slices.Clone(w.kept)); err != nil || len(w.snaps) != 0 {
		t.Errorf("got %v and %v left: what cannot be unshared is deleted all the same", err, w.left())
	}
}
