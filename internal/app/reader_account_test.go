package app_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/run"
	"hinomi/internal/secret"
)

// readBy has another account read the snapshots of the world's. Both roles may do what hinomi's own policies say, and nothing else.
func (w *scanWorld) readBy(t *testing.T, a *app.App) (reader string) {
	t.Helper()
	reader = w.Account(3)
	added, err := a.AddConnector(t.Context(), auth.System(), connector.Connector{
		Name: "security", Account: reader, Regions: []string{region}, Enabled: true, Credentials: connector.Credentials{RoleARN: roleARN(reader, "reader")},
	}, secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	w.AddRole(awstest.Role{Account: reader, Name: "reader", Trust: []string{w.Account(1)}, ExternalID: added.Connector.Credentials.ExternalID})
	c, err := a.Store().Connector(t.Context(), auth.Everything(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	c.Reader = reader
	if _, err = a.EditConnector(t.Context(), auth.System(), c, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"shop": w.account + "/hinomi", "security": reader + "/reader"} {
		tpl, _, err := a.ConnectorTemplate(t.Context(), auth.System(), name, "arn:aws:iam::"+w.Account(1)+":root", false)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := tpl.Permissions.JSON()
		if err != nil {
			t.Fatal(err)
		}
		account, roleName, _ := strings.Cut(role, "/")
		w.AllowPolicy(account, roleName, string(doc))
	}
	return reader
}

// did lists what was done to snapshots, and by which account, each run of the same calls once.
func (w *scanWorld) did() []string {
	var out []string
	for _, c := range w.Calls() {
		if c.Service != "ebs" && !slices.Contains([]string{"CreateSnapshots", "ModifySnapshotAttribute", "DeleteSnapshot"}, c.Action) {
			continue
		}
		what := strings.TrimSpace(fmt.Sprintf("%s %s", c.Action, c.Param("OperationType")))
		if c.Service == "ebs" {
			what = "read"
		}
		if what = what + " by " + c.Account; len(out) == 0 || out[len(out)-1] != what {
			out = append(out, what)
		}
	}
	return out
}

// TestReaderAccount: the snapshots are shared with a second account, which reads them, unshared, and deleted; the policies of both roles suffice.
func TestReaderAccount(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, func(c *app.Config) { c.Attempts = 2 })
	defer a.Close() //nolint:errcheck // a test's
	reader := w.readBy(t, a)
	w.ResetCalls()
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished || s.Bytes == 0 {
		t.Fatalf("got %+v, %v, want it finished", s, err)
	}
	mine := " by " + w.account
	want := []string{"CreateSnapshots" + mine, "ModifySnapshotAttribute add" + mine, "read by " + reader}
	for range w.volumes {
		want = append(want, "ModifySnapshotAttribute remove"+mine, "DeleteSnapshot"+mine)
	}
	if got := w.did(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if reads := len(w.CallsTo("ebs", "*")); s.Calls < reads+5 {
		t.Errorf("got %d calls, want the %d of the reader among them", s.Calls, reads)
	}
	w.nothingLeft(t)

	refused := func(reason coverage.Reason, words ...string) {
		t.Helper()
		s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
		c := w.packages(t, a)
		if err != nil || s.State != run.Failed || c.Reason != reason {
			t.Errorf("got %+v, %v, %+v, want it failed, %s", s, err, c, reason)
		}
		for _, word := range words {
			if !strings.Contains(c.Detail, word) {
				t.Errorf("got %q, want %q in it", c.Detail, word)
			}
		}
		w.nothingLeft(t)
	}
	remove := w.Before("ec2", "ModifySnapshotAttribute", awstest.Deny())
	refused(coverage.AccessDenied, "add ec2:ModifySnapshotAttribute to the role")
	remove()
	remove = w.Before("ebs", "*", awstest.Deny())
	refused(coverage.AccessDenied, "account "+reader+", which reads the snapshots", "add ebs:ListSnapshotBlocks to the role")
	remove()
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	w.DenyKey(w.volumes[0], key)
	refused(coverage.AccessDeniedToKey, key, "kms:Decrypt")
	w.DenyKey(w.volumes[0], "")

	c, err := a.Store().Connector(t.Context(), auth.Everything(), "security")
	if err != nil {
		t.Fatal(err)
	}
	c.Enabled = false
	if _, err := a.EditConnector(t.Context(), auth.System(), c, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	refused(coverage.AccessDenied, "connector security of account "+reader+" is disabled")
	if err := a.RemoveConnector(t.Context(), auth.System(), "security"); err != nil {
		t.Fatal(err)
	}
	refused(coverage.AccessDenied, "no connector reads account "+reader)
}

// TestDefaultKeyIsNotShared: a snapshot under AWS's own key cannot be shared. The status says which key, and what to do.
func TestDefaultKeyIsNotShared(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	w.readBy(t, a)
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	w.Before("ec2", "ModifySnapshotAttribute", awstest.Fail(400, "OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared"))
	var made atomic.Bool
	w.After("ec2", "CreateSnapshots", func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply { made.Store(true); return r })
	w.After("ec2", "DescribeSnapshots", awstest.EditXML(func(_ *awstest.Call, root *model.Node) {
		if set := root.Child("snapshotSet"); set != nil && made.Load() {
			for _, n := range set.Children {
				n.Set("kmsKeyId", key)
				n.Set("encrypted", "true")
			}
		}
	}))
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Failed {
		t.Errorf("got %+v, %v, want it failed", s, err)
	}
	c := w.packages(t, a)
	for _, word := range []string{key, "default key cannot be shared", "encrypt the volume with a key of your own"} {
		if c.Reason != coverage.AccessDeniedToKey || !strings.Contains(c.Detail, word) {
			t.Errorf("got %+v, want %q", c, word)
		}
	}
	if len(w.CallsTo("ebs", "*")) != 0 {
		t.Error("blocks were read that nobody may read")
	}
	w.nothingLeft(t)
}

// TestKilledSharing kills the process of a scan before and after each call that shares a snapshot or takes that back: nothing of ours is left.
func TestKilledSharing(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	w.readBy(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	queueOne(t, w)
	clean := t.TempDir()
	w.copyTo(t, clean)
	w.ResetCalls()
	finish(t, order{Dir: clean, Endpoint: w.URL(), Key: w.base})
	w.check(t, clean, 1)
	points := map[int]string{}
	for _, c := range w.Calls() {
		if c.Action == "ModifySnapshotAttribute" {
			points[c.Number] = c.Param("OperationType")
		}
	}
	if len(points) != 2*len(w.volumes) {
		t.Fatalf("got calls %v, want each snapshot shared and unshared", points)
	}
	for _, number := range slices.Sorted(maps.Keys(points)) {
		for name, m := range map[string]awstest.Moment{"before": awstest.BeforeCall, "after": awstest.AfterCall} {
			t.Run(fmt.Sprintf("%s_%d_%s", name, number, points[number]), func(t *testing.T) { w.kill(t, number, m) })
		}
	}
}

// TestScanTagSetting: the key of the tag that holds a scan's ID is a setting. Snapshots carry it, the policy asks for it, and a sweep finds those that
// were made under the key from before.
func TestScanTagSetting(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // a test's
	for _, key := range []string{"team:scan", "scan-of"} {
		if err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error { s.SetScanTag(key); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	w.readBy(t, a) // with it, the roles may do only what the policies say
	w.ResetCalls()
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished {
		t.Fatalf("got %+v, %v, want it finished", s, err)
	}
	tags := map[string]string{}
	for _, c := range w.CallsTo("ec2", "CreateSnapshots") {
		for n := 1; c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n)) != ""; n++ {
			tags[c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n))] = c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Value", n))
		}
	}
	if tags["scan-of"] != s.ID || tags["team:scan"] != "" || tags[run.TagScan] != "" || tags[run.TagInstallation] == "" {
		t.Errorf("got tags %v, want scan-of=%s", tags, s.ID)
	}
	w.nothingLeft(t)
	for _, key := range []string{"team:scan", run.TagScan} {
		w.EC2(w.account, region, "CreateSnapshot", url.Values{
			"VolumeId": {w.volumes[0]}, "TagSpecification.1.ResourceType": {"snapshot"},
			"TagSpecification.1.Tag.1.Key": {run.TagInstallation}, "TagSpecification.1.Tag.1.Value": {tags[run.TagInstallation]},
			"TagSpecification.1.Tag.2.Key": {key}, "TagSpecification.1.Tag.2.Value": {"scan-of-" + key},
		})
	}
	out, err := a.Sweep(t.Context(), auth.System())
	var scans []string
	for _, r := range out.Deleted {
		scans = append(scans, r.ScanID)
	}
	slices.Sort(scans)
	if err != nil || len(out.Faults) > 0 || !slices.Equal(scans, []string{"scan-of-" + run.TagScan, "scan-of-team:scan"}) {
		t.Errorf("got %+v, %v, want the strays of both keys swept", out, err)
	}
	w.nothingLeft(t)
	tpl, _, err := a.ConnectorTemplate(t.Context(), auth.System(), "shop", "arn:aws:iam::"+w.Account(1)+":root", false)
	if err != nil {
		t.Fatal(err)
	}
	if doc, err := tpl.Permissions.JSON(); err != nil || !strings.Contains(string(doc), `"aws:RequestTag/scan-of"`) || strings.Contains(string(doc), run.TagScan) {
		t.Errorf("got %s, %v, want the policy to ask for the tag", doc, err)
	}
}
