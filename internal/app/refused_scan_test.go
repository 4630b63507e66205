package app_test

import (
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/coverage"
	"hinomi/internal/run"
)

// wrongToken answers as AWS does to a block's token that has expired.
func wrongToken(c *awstest.Call) *awstest.Reply {
	return c.Error(400, "ValidationException", "The block token is not valid or has expired.", "Reason", "INVALID_BLOCK_TOKEN")
}

// TestScanCredentials: credentials that end in the middle of a scan are renewed once; where that helps not, the instance's status says what to check.
func TestScanCredentials(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name, service, action string
		hook                  awstest.Hook
		reason                coverage.Reason // "": it is scanned
		words                 string
	}{
		{"ended_before_the_snapshots", "ec2", "CreateSnapshots", awstest.Times(1, awstest.Expire()), "", ""},
		{"ended_before_a_list", "ebs", "ListSnapshotBlocks", awstest.Times(1, awstest.Expire()), "", ""},
		{"ended_before_a_block", "ebs", "GetSnapshotBlock", awstest.Times(1, awstest.Expire()), "", ""},
		{"token_of_a_block_ended", "ebs", "GetSnapshotBlock", awstest.Times(1, wrongToken), "", ""},
		{"ended_for_snapshots", "ec2", "CreateSnapshots", awstest.Expire(), coverage.AccessDenied, "check the connector's credentials"},
		{"ended_for_lists", "ebs", "ListSnapshotBlocks", awstest.Expire(), coverage.AccessDenied, "check the connector's credentials"},
		{"ended_for_blocks", "ebs", "GetSnapshotBlock", awstest.Expire(), coverage.AccessDenied, "check the connector's credentials"},
		{"role_gone", "sts", "AssumeRole", awstest.Deny(), coverage.AccessDenied, "check that the role exists"},
		{"no_right_to_blocks", "ebs", "GetSnapshotBlock", awstest.Deny(), coverage.AccessDenied, "add ebs:GetSnapshotBlock to the role"},
		{"tokens_of_no_use", "ebs", "GetSnapshotBlock", wrongToken, coverage.InternalError, "block token is not valid"},
		{"terminated", "ec2", "CreateSnapshots", awstest.Fail(400, "InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist"), coverage.ResourceTerminated, "the instance is gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			w.copyTo(t, dir)
			a := w.open(t, func(c *app.Config) { *c = order{Dir: dir, Endpoint: w.URL(), Key: w.base}.config(); c.Attempts = 2 })
			defer a.Close() //nolint:errcheck // a test's
			remove := w.Before(tc.service, tc.action, tc.hook)
			defer remove()
			s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
			c := w.packages(t, a)
			switch {
			case tc.reason == "":
				if err != nil || s.State != run.Finished || c.Reason != coverage.Successful && c.Reason != coverage.NotFullyAssessed {
					t.Errorf("got %+v, %v, %+v, want it scanned", s, err, c)
				}
			case err != nil || s.State != run.Failed || !strings.Contains(s.Reason, tc.words) || c.Reason != tc.reason || !strings.Contains(c.Detail, tc.words):
				t.Errorf("got %+v, %v, %+v, want %s with %q", s, err, c, tc.reason, tc.words)
			case (c.Status == coverage.Inactive) != (tc.reason == coverage.ResourceTerminated):
				t.Errorf("got %s for %s", c.Status, c.Reason)
			}
			w.nothingLeft(t)
		})
	}
}

// TestScanCredentialsEndForGood: when nothing can be asked any more after the snapshots were made, they are known to be there, and go as soon as
// the account lets hinomi in again. What an earlier scan told stays in the coverage.
func TestScanCredentialsEndForGood(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, func(c *app.Config) { c.Attempts = 1 })
	defer a.Close() //nolint:errcheck // a test's
	if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
		t.Fatalf("got %+v, %v", s, err)
	}
	first := w.packages(t, a)
	var over atomic.Bool
	w.After("ec2", "CreateSnapshots", func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply { over.Store(true); return r })
	w.Before("*", "*", func(c *awstest.Call) *awstest.Reply {
		if !over.Load() || c.Service == "sts" {
			return nil
		}
		return awstest.Expire()(c)
	})
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Failed || !strings.Contains(s.Reason, "check the connector's credentials") {
		t.Errorf("got %+v, %v, want it failed for its credentials", s, err)
	}
	for _, r := range s.Resources {
		if r.State != run.Stuck || !strings.Contains(r.Detail, "RequestExpired") {
			t.Errorf("got %+v, want it stuck with its reason", r)
		}
	}
	if c := w.packages(t, a); c.Reason != coverage.AccessDenied || !c.LastScanned.Equal(first.LastScanned) || c.InventoryHash != first.InventoryHash || c.LastScanned.IsZero() {
		t.Errorf("got coverage %+v, want denied, and when it was scanned as before in %+v", c, first)
	}
	over.Store(false)
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Open) != 0 || len(out.Deleted) != 2 {
		t.Errorf("got %+v, %v, want both deleted", out, err)
	}
	w.nothingLeft(t)
}

// TestVolumeChanged: volumes come and go while their instance is scanned. What is attached is read, and a note names what is not.
func TestVolumeChanged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		moment string // of what call of a service: "" is before the scan
		change func(w *scanWorld)
		state  run.State
		reason coverage.Reason // of a scan that failed
		words  string          // of a note, or of the reason
		made   int             // snapshots
	}{
		{"data_detached_before", "", func(w *scanWorld) { w.detach(1) }, run.Finished, "", "is not attached any more", 1},
		{"data_detached_after", "ebs", func(w *scanWorld) { w.detach(1) }, run.Finished, "", "", 2},
		{"data_deleted_after", "ebs", func(w *scanWorld) {
			w.detach(1)
			w.EC2(w.account, region, "DeleteVolume", url.Values{"VolumeId": {w.volumes[1]}})
		}, run.Finished, "", "", 2},
		{"root_detached_after", "ebs", func(w *scanWorld) { w.detach(0) }, run.Finished, "", "", 2},
		{"root_detached_before", "", func(w *scanWorld) { w.detach(0) }, run.Failed, coverage.NoInventory, "its root volume was detached", 1},
		{"attached_before", "", func(w *scanWorld) { w.attach() }, run.Finished, "", "was attached since the account was read", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.open(t, nil)
			defer a.Close() //nolint:errcheck // a test's
			if tc.moment == "" {
				tc.change(w)
			} else {
				w.Before(tc.moment, "*", awstest.Times(1, func(*awstest.Call) *awstest.Reply { tc.change(w); return nil }))
			}
			s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
			if err != nil || s.State != tc.state {
				t.Fatalf("got %+v, %v, want %s", s, err, tc.state)
			}
			made := 0
			for _, r := range s.Resources {
				if r.State != run.Deleted {
					t.Errorf("got %+v, want it deleted", r)
				}
				if r.ID != "" {
					made++
				}
			}
			if made != tc.made {
				t.Errorf("got %d snapshots of %+v, want %d", made, s.Resources, tc.made)
			}
			w.nothingLeft(t)
			c := w.packages(t, a)
			if tc.state == run.Failed {
				if c.Reason != tc.reason || !strings.Contains(c.Detail, tc.words) || !strings.Contains(c.Detail, w.volumes[0]) {
					t.Errorf("got %+v, want %s with %q and the volume", c, tc.reason, tc.words)
				}
				return
			}
			_, inv, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
			if err != nil || len(inv.Packages) == 0 {
				t.Fatalf("got no packages, %v", err)
			}
			link, _, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
			if tc.words != "" && (err != nil || !slices.ContainsFunc(link.Notes, func(n string) bool { return strings.Contains(n, tc.words) && strings.Contains(n, "vol-") })) {
				t.Errorf("got notes %q, %v, want %q of a volume", link.Notes, err, tc.words)
			}
		})
	}
}

func (w *scanWorld) detach(n int) {
	w.EC2(w.account, region, "DetachVolume", url.Values{"VolumeId": {w.volumes[n]}, "InstanceId": {w.ref.ID}})
}

func (w *scanWorld) attach() {
	v := w.EC2(w.account, region, "CreateVolume", url.Values{"Size": {"1"}, "AvailabilityZone": {region + "a"}})
	w.EC2(w.account, region, "AttachVolume", url.Values{"VolumeId": {v.Path("volumeId")}, "InstanceId": {w.ref.ID}, "Device": {"/dev/sdz"}})
}

// TestSnapshotFails: a copy that AWS gives up is the instance's status, with AWS's words; that of a key that was disabled names the key.
func TestSnapshotFails(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	for name, tc := range map[string]struct {
		message, key string
		reason       coverage.Reason
		words        string
	}{
		"copy":         {"An internal error occurred", "", coverage.InternalError, "An internal error occurred"},
		"key_disabled": {"Given key ID is not accessible", key, coverage.AccessDeniedToKey, key},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.open(t, nil)
			defer a.Close() //nolint:errcheck // a test's
			var made atomic.Bool
			w.After("ec2", "CreateSnapshots", func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply { made.Store(true); return r })
			w.After("ec2", "DescribeSnapshots", awstest.EditXML(func(_ *awstest.Call, root *model.Node) {
				if set := root.Child("snapshotSet"); set != nil && made.Load() {
					for _, n := range set.Children {
						n.Set("status", "error")
						n.Set("statusMessage", tc.message)
						if tc.key != "" {
							n.Set("kmsKeyId", tc.key)
							n.Set("encrypted", "true")
						}
					}
				}
			}))
			s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
			if err != nil || s.State != run.Failed || !strings.Contains(s.Reason, tc.words) {
				t.Errorf("got %+v, %v, want it failed with %q", s, err, tc.words)
			}
			if c := w.packages(t, a); c.Reason != tc.reason || c.Next != (time.Time{}) {
				t.Errorf("got %+v, want %s", c, tc.reason)
			}
			w.nothingLeft(t)
		})
	}
}
