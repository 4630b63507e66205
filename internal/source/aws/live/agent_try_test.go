package live_test

import (
	"strings"
	"testing"

	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/connector"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/aws/policy"
)

// TestChecksOfManageSSM holds that every action of the policy is tried or said to be untestable, and that one that is missing is told.
func TestChecksOfManageSSM(t *testing.T) {
	w := newWorld(t, awstest.Options{Quiet: true})
	ssmtest.Serve(t, w.AWS, ssmtest.Options{})
	w.whatMotoLacks()
	acc := "270000000009"
	c := w.connect(acc, "eu-west-1")
	c.Verbs = []connector.Verb{connector.ManageSSM}
	need := policy.Need{Type: c.Type, ManageSSM: true, Installation: installation}
	role, err := policy.Role(need)
	if err != nil {
		t.Fatal(err)
	}
	w.Allow(acc, roleName, role.Actions()...)
	checks, err := live.Test(t.Context(), c, w.session(t, c), installation, options)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(checks)
	for _, a := range role.Actions() {
		_, name, _ := strings.Cut(a, ":")
		want := live.CannotTest
		if strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Describe") || name == "GetServiceSetting" {
			want = live.Allowed
		}
		if a == "s3:ListBucket" {
			want = live.CannotTest
		}
		if got[a] != want {
			t.Errorf("%s: got %q, want %q", a, got[a], want)
		}
	}
	w.AllowAll(acc, roleName)
	w.Allow(acc, roleName, "ec2:*")
	checks, err = live.Test(t.Context(), c, w.session(t, c), installation, options)
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(checks); got["ssm:ListAssociations"] != live.NotAllowed || got["ssm:ListInventoryEntries"] != live.NotAllowed || live.OK(checks) {
		t.Errorf("without the rights: %q, %q", got["ssm:ListAssociations"], got["ssm:ListInventoryEntries"])
	}
}
