package ebs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ebs"
	"hinomi/internal/run"
)

func TestCapture(t *testing.T) {
	for _, tc := range []struct {
		name     string
		read     []string // volumes as the instance was read
		attached []string // and as they are
		change   func(*world)
		made     []string // volume and device
		states   string
		fault    string
	}{
		{"two_volumes", []string{"vol-a", "vol-b"}, []string{"vol-a", "vol-b"}, nil, []string{"vol-a /dev/xvda", "vol-b /dev/xvdb"}, "vol-a CREATED, vol-b CREATED", ""},
		{"pending_for_an_hour", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.done = time.Hour }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", ""},
		{"detached_meanwhile", []string{"vol-a", "vol-b"}, []string{"vol-a"}, nil, []string{"vol-a /dev/xvda"}, "vol-a CREATED, vol-b DELETED", ""},
		{"attached_meanwhile", []string{"vol-a"}, []string{"vol-a", "vol-c"}, nil, []string{"vol-a /dev/xvda", "vol-c "}, "vol-a CREATED, vol-c CREATED", ""},
		{"all_detached", []string{"vol-a"}, nil, nil, nil, "vol-a DELETED", "no EBS volumes any more"},
		{"no_volumes", nil, []string{"vol-a"}, nil, nil, "", "no EBS volumes"},
		{"not_seen_at_first", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.hidden["snap-1"] = w.now.Add(time.Minute) }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", ""},
		{"never_seen", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.hidden["snap-1"] = w.now.Add(time.Hour) }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", "InvalidSnapshot.NotFound"},
		{"error_state", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.newState = types.SnapshotStateError }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", "snap-1 of vol-a failed: the state's message"},
		{"never_complete", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.done = 1000 * time.Hour }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", "1 of 1 snapshots not complete after 6h0m0s"},
		{"refused", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.fails["refuse"] = apiError("UnauthorizedOperation") }, nil, "vol-a INTENDED", "create snapshots of i-1"},
		{"answer_lost", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.fails["lose"] = errLost }, nil, "vol-a INTENDED", "connection reset"},
		{"describe_refused", []string{"vol-a"}, []string{"vol-a"}, func(w *world) { w.fails["DescribeSnapshots"] = apiError("UnauthorizedOperation") }, []string{"vol-a /dev/xvda"}, "vol-a CREATED", "describe snapshots [snap-1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.attached...)
			begun := w.now
			if tc.change != nil {
				tc.change(w)
			}
			got, err := w.maker().Capture(t.Context(), at, "scan-1", instance(tc.read...))
			if (tc.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("got %v, want %q", err, tc.fault)
			}
			var made []string
			for _, c := range got {
				made = append(made, c.Resource.Of+" "+c.Device)
				if c.Resource.ID == "" || c.SizeGiB != 8 || c.Resource.Connector != at.Connector || c.Resource.Account != at.Account || c.Resource.Region != at.Region {
					t.Errorf("got %+v", c)
				}
			}
			if diff := cmp.Diff(tc.made, made); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
			if w.states() != tc.states {
				t.Errorf("kept %q, want %q", w.states(), tc.states)
			}
			if took := w.now.Sub(begun); took > 6*time.Hour+time.Minute {
				t.Errorf("it waited for %s", took)
			}
			// Whatever happened, releasing leaves nothing, now or, where nothing was seen yet, by a sweep later.
			resources := slices.Clone(w.kept)
			if tc.name == "describe_refused" {
				delete(w.fails, "DescribeSnapshots")
			}
			if err := w.maker().Release(t.Context(), at, "scan-1", resources); err != nil {
				t.Errorf("release: %v", err)
			}
			w.now = w.now.Add(2 * time.Hour)
			if _, err := w.maker().Sweep(t.Context(), at, slices.Clone(w.kept), nobody); err != nil {
				t.Errorf("sweep: %v", err)
			}
			if len(w.snaps) != 0 || strings.Contains(w.states(), "CREATED") || strings.Contains(w.states(), "INTENDED") {
				t.Errorf("left %v and kept %q", w.left(), w.states())
			}
		})
	}
}

func nobody(context.Context, string) (bool, error) { return false, nil }

// TestIntentFirst keeps every intent before the call, and does not call if one cannot be kept.
func TestIntentFirst(t *testing.T) {
	w := newWorld(t, "vol-a", "vol-b")
	if _, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a", "vol-b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"keep vol-a INTENDED", "keep vol-b INTENDED", "create i-1", "keep vol-a CREATED", "keep vol-b CREATED"}, w.log); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, s := range w.snaps {
		tags := map[string]string{}
		for _, tag := range s.Tags {
			tags[*tag.Key] = *tag.Value
		}
		if diff := cmp.Diff(map[string]string{run.TagInstallation: mine, run.TagScan: "scan-1", "Name": "hinomi scan of i-1"}, tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	}
	w = newWorld(t, "vol-a")
	w.keepErr = errors.New("disk full")
	if _, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a")); !errors.Is(err, w.keepErr) || len(w.snaps) != 0 {
		t.Errorf("got %v and %v, want no call without the intent kept", err, w.left())
	}
	if _, err := ebs.New(w, w, ebs.Clock{}, ""); err == nil {
		t.Error("without an installation ID: got no error")
	}
}

// TestCaptureStopped stops waiting when the context ends.
func TestCaptureStopped(t *testing.T) {
	w := newWorld(t, "vol-a")
	w.done = time.Hour
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := w.maker().Capture(ctx, at, "scan-1", instance("vol-a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
