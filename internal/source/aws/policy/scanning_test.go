package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/connector"
	"hinomi/internal/source/aws/policy"
)

const reader = "444455556666"

func statement(t *testing.T, d policy.Document, sid string) policy.Statement {
	t.Helper()
	i := slices.IndexFunc(d.Statements, func(s policy.Statement) bool { return s.Sid == sid })
	if i < 0 {
		t.Fatalf("no statement %s in %+v", sid, d.Statements)
	}
	return d.Statements[i]
}

// TestSharedWithReader: an account whose snapshots another one reads shares them with that one alone, and can neither read nor decrypt them itself.
func TestSharedWithReader(t *testing.T) {
	c := &connector.Connector{
		Type: connector.Commercial, Account: "111122223333", Regions: []string{"eu-west-1"}, Verbs: []connector.Verb{connector.SnapshotVolumes}, Reader: reader, KeepBaseline: true,
	}
	d, err := policy.Role(policy.NeedOf(c, false, "i-7f3a"))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Statement{
		Sid: "ShareOurs", Actions: []string{"ec2:ModifySnapshotAttribute"}, Resources: []string{"arn:aws:ec2:*:*:snapshot/*"},
		Conditions: []policy.Condition{
			{Operator: "StringEquals", Key: "aws:ResourceTag/HinomiInstallation", Values: []string{"i-7f3a"}},
			{Operator: "StringEqualsIfExists", Key: "ec2:Add/userId", Values: []string{reader}},
			{Operator: "Null", Key: "ec2:Add/group", Values: []string{"true"}},
		},
	}
	got := statement(t, d, "ShareOurs")
	got.Reason = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, a := range d.Actions() {
		if strings.HasPrefix(a, "ebs:") || a == "kms:Decrypt" {
			t.Errorf("%s is allowed, which only the reader needs", a)
		}
	}
	c.Reader = c.Account // as if there were none
	if d, err = policy.Role(policy.NeedOf(c, false, "i-7f3a")); err != nil || !slices.Contains(d.Actions(), "ebs:ListChangedBlocks") || slices.Contains(d.Actions(), "ec2:ModifySnapshotAttribute") {
		t.Errorf("read by itself: got %v, %v", d.Actions(), err)
	}
}

// TestReader: the reader's role reads and decrypts, and makes nothing.
func TestReader(t *testing.T) {
	d, err := policy.Role(policy.Need{Type: connector.GovCloud, ReadsOthers: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ebs:GetSnapshotBlock", "ebs:ListChangedBlocks", "ebs:ListSnapshotBlocks", "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "kms:Decrypt", "kms:DescribeKey",
	}
	if diff := cmp.Diff(want, d.Actions()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := statement(t, d, "ReadShared").Resources; !slices.Equal(got, []string{"arn:aws-us-gov:ec2:*:*:snapshot/*"}) {
		t.Errorf("got %v", got)
	}
}

// TestScanTagIsAskedFor: no snapshot can be made without the tag by which a sweep knows its scan, whatever its key.
func TestScanTagIsAskedFor(t *testing.T) {
	for key, want := range map[string]string{"": "aws:RequestTag/HinomiScan", "team:scan": "aws:RequestTag/team:scan"} {
		d, err := policy.Role(policy.Need{Type: connector.Commercial, Scanning: true, Installation: "i-7f3a", ScanTag: key})
		if err != nil {
			t.Fatal(err)
		}
		if got := statement(t, d, "SnapshotTagged").Conditions; !slices.ContainsFunc(got, func(c policy.Condition) bool {
			return c.Operator == "Null" && c.Key == want && slices.Equal(c.Values, []string{"false"})
		}) {
			t.Errorf("%q: got %+v", key, got)
		}
	}
}
