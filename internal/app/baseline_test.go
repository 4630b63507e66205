package app_test

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/run"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// TestKeepBaseline scans an instance again and again with baselines: nothing is read of a volume that did not change, one snapshot of each volume
// stays, and all go when the connector is disabled.
func TestKeepBaseline(t *testing.T) {
	w := newWorld(t)
	var later time.Duration
	a := w.open(t, func(c *app.Config) { c.Now = func() time.Time { return time.Now().Add(later) } })
	defer a.Close() //nolint:errcheck // the test ends
	c, err := a.Store().Connector(t.Context(), auth.Everything(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	c.KeepBaseline = true
	if c, err = a.EditConnector(t.Context(), auth.System(), c, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	blocks := 0
	w.Before("ebs", "GetSnapshotBlock", func(*awstest.Call) *awstest.Reply { blocks++; return nil })
	scan := func() (run.Scan, []byte) {
		t.Helper()
		later += 25 * time.Hour
		blocks = 0
		s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
		if err != nil || s.State != run.Finished {
			t.Fatalf("scan: %+v %v", s, err)
		}
		link, inv, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
		if err != nil || len(inv.Packages) == 0 {
			t.Fatalf("inventory: %+v %v", link, err)
		}
		return s, []byte(link.Hash)
	}
	first, hash := scan()
	if blocks == 0 || first.Bytes == 0 {
		t.Errorf("the first scan read %d blocks, %d bytes", blocks, first.Bytes)
	}
	kept, err := a.Baselines(t.Context(), auth.System())
	if err != nil || len(kept) != len(w.volumes) || kept[0].SizeGiB == 0 || kept[0].MonthlyUSD == nil {
		t.Fatalf("baselines: %+v %v", kept, err)
	}
	second, again := scan()
	if blocks != 0 || second.Bytes != 0 || !bytes.Equal(hash, again) {
		t.Errorf("the second scan of unchanged volumes read %d blocks, %d bytes; the same inventory: %v", blocks, second.Bytes, bytes.Equal(hash, again))
	}
	next, err := a.Baselines(t.Context(), auth.System())
	if err != nil || len(next) != len(w.volumes) || next[0].ID == kept[0].ID {
		t.Errorf("baselines after the second scan: %+v %v", next, err)
	}
	if got := len(w.left(t)) - len(w.foreign); got != len(w.volumes) {
		t.Errorf("%d snapshots of ours are left, want one for each of %d volumes", got, len(w.volumes))
	}
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Deleted) != 0 || len(out.Open) != 0 {
		t.Errorf("a sweep touched live baselines: %+v %v", out, err)
	}

	c.Enabled = false
	if _, err = a.EditConnector(t.Context(), auth.System(), c, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	if out, err := a.Sweep(t.Context(), auth.System()); err != nil || len(out.Deleted) != len(w.volumes) {
		t.Errorf("sweep after the connector was disabled: %+v %v", out, err)
	}
	if !slices.Equal(w.left(t), w.foreign) {
		t.Errorf("left %v, want the foreign ones %v", w.left(t), w.foreign)
	}
}

// TestKeyExclusion leaves out the data volume whose key carries the exclusion tag, says so, and reads the rest; where the key's tags cannot be
// read, nothing is.
func TestKeyExclusion(t *testing.T) {
	w := newWorld(t)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // the test ends
	key := w.kmsKey(t, "InspectorEc2Exclusion")
	out := w.EC2(w.account, region, "CreateVolume", url.Values{"Size": {"1"}, "AvailabilityZone": {region + "a"}, "Encrypted": {"true"}, "KmsKeyId": {key}})
	volume := out.Path("volumeId")
	w.EC2(w.account, region, "AttachVolume", url.Values{"VolumeId": {volume}, "InstanceId": {w.ref.ID}, "Device": {"/dev/sdz"}})
	if s, err := a.SyncNow(t.Context(), auth.System(), "shop"); err != nil || s.State != connector.FinishedSuccess {
		t.Fatalf("sync: %+v %v", s, err)
	}
	s, err := a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Finished {
		t.Fatalf("scan: %+v %v", s, err)
	}
	_, inv, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(inv.Gaps, func(g inventory.Gap) bool {
		return strings.Contains(g.Reason, volume) && strings.Contains(g.Reason, "InspectorEc2Exclusion excludes it")
	}) {
		t.Errorf("no gap names the volume: %+v", inv.Gaps)
	}
	out = w.EC2(w.account, region, "CreateVolume", url.Values{"Size": {"1"}, "AvailabilityZone": {region + "a"}, "Encrypted": {"true"}, "KmsKeyId": {key}})
	later := out.Path("volumeId") // attached after the account was read
	w.EC2(w.account, region, "AttachVolume", url.Values{"VolumeId": {later}, "InstanceId": {w.ref.ID}, "Device": {"/dev/sdy"}})
	remove := w.After("ec2", "DescribeSnapshots", awstest.EditXML(func(_ *awstest.Call, root *model.Node) { // moto keeps the key to itself
		if set := root.Child("snapshotSet"); set != nil {
			for _, n := range set.Children {
				if n.Path("volumeId") == later {
					n.Set("encrypted", "true")
					n.Set("kmsKeyId", key)
				}
			}
		}
	}))
	defer remove()
	w.ResetCalls()
	if s, err = a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
		t.Fatalf("scan: %+v %v", s, err)
	}
	if _, inv, err = a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref); err != nil || !slices.ContainsFunc(inv.Gaps, func(g inventory.Gap) bool { return strings.Contains(g.Reason, later) }) {
		t.Errorf("no gap names the volume that was attached later: %+v %v", inv.Gaps, err)
	}
	for _, r := range s.Resources {
		if r.Of == later && slices.ContainsFunc(w.CallsTo("ebs", "*"), func(c awstest.Call) bool { return c.Param("snapshotId") == r.ID }) {
			t.Errorf("%s was read, which its key excludes", later)
		}
	}
	w.Before("kms", "ListResourceTags", awstest.Deny())
	s, err = a.ScanNow(t.Context(), auth.System(), w.ref)
	if err != nil || s.State != run.Failed || !strings.Contains(s.Reason, "kms:ListResourceTags") || !strings.Contains(s.Reason, key) {
		t.Errorf("scan without the key's tags: %+v %v", s, err)
	}
	rows, _, err := a.Store().Coverage(t.Context(), auth.Everything(), store.CoverageFilter{Scans: []coverage.Scan{coverage.PackageScan}}, "", 10)
	if err != nil || len(rows) != 1 || rows[0].Reason != coverage.AccessDeniedToKey {
		t.Errorf("coverage: %+v %v", rows, err)
	}
	if !slices.Equal(w.left(t), w.foreign) {
		t.Errorf("left %v, want the foreign ones %v", w.left(t), w.foreign)
	}
}

// kmsKey makes a key with a tag in the world's account.
func (w *scanWorld) kmsKey(t *testing.T, tag string) string {
	t.Helper()
	client := kms.NewFromConfig(w.Config(region, w.AddKey(w.account, "keys")))
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String(tag), TagValue: aws.String("")}}})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.KeyMetadata.Arn)
}
