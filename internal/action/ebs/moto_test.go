package ebs_test

import (
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/action/ebs"
	"hinomi/internal/awstest"
	"hinomi/internal/run"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

// TestAgainstAWS makes, releases and sweeps snapshots with the true client against the stand-in, under the rights that the policy asks for.
func TestAgainstAWS(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{Quiet: true, PageLimit: 5})
	account := a.Account(1)
	key := a.AddKey(account, "scanner")
	a.Allow(account, "scanner", "ec2:CreateSnapshots", "ec2:CreateTags", "ec2:DescribeSnapshots", "ec2:DeleteSnapshot")
	s := a.SeedInstance(account, at.Region, 1)
	foreign := url.Values{
		"VolumeId": {s.Volumes[0]}, "TagSpecification.1.ResourceType": {"snapshot"},
		"TagSpecification.1.Tag.1.Key": {run.TagInstallation}, "TagSpecification.1.Tag.1.Value": {other},
	}
	for range 7 { // more than a page
		a.EC2(account, at.Region, "CreateSnapshot", foreign)
	}
	left := func() []string {
		var ids []string
		for _, n := range a.EC2(account, at.Region, "DescribeSnapshots", url.Values{"Owner.1": {"self"}}).Child("snapshotSet").Children {
			ids = append(ids, n.Path("snapshotId"))
		}
		slices.Sort(ids)
		return ids
	}
	crowd := left()
	w := newWorld(t)
	place := at
	place.Account = account
	client := ec2.NewFromConfig(a.Config(at.Region, key), func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
	m, err := ebs.New(client, w, ebs.Clock{Now: func() time.Time { return w.now }}, mine)
	if err != nil {
		t.Fatal(err)
	}
	i := instance(s.Volumes...)
	i.ID = s.ID
	made, err := m.Capture(t.Context(), place, "scan-1", i)
	if err != nil || len(made) != 2 || len(left()) != len(crowd)+2 {
		t.Fatalf("got %+v, %v", made, err)
	}
	if _, err := m.Capture(t.Context(), place, "scan-2", i); err != nil {
		t.Fatal(err)
	}
	if err := m.Release(t.Context(), place, "scan-1", slices.Clone(w.kept[:2])); err != nil {
		t.Fatal(err)
	}
	if got := len(left()); got != len(crowd)+2 {
		t.Errorf("got %d left, want the other scan's two beside %d", got, len(crowd))
	}
	gone, err := m.Sweep(t.Context(), place, nil, nobody)
	if err != nil || len(gone) != 2 || gone[0].ScanID != "scan-2" {
		t.Errorf("got %+v, %v, want the other scan's two swept", gone, err)
	}
	if diff := cmp.Diff(crowd, left()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	for _, r := range w.kept {
		if r.State != run.Deleted {
			t.Errorf("kept %+v", r)
		}
	}
}
