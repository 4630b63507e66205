package ssm_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/action/ssm"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
)

// TestSamples replays the samples of the AWS CLI through Look: they are somebody else's things, so all of ours is to be made.
func TestSamples(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	for action, file := range map[string]string{"ListAssociations": "list-associations.json", "ListResourceDataSync": "list-resource-data-sync.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		w.aws.Before("ssm", action, func(*awstest.Call) *awstest.Reply {
			return &awstest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: b}
		})
	}
	m := w.manager(mine)
	s, err := m.Look(t.Context())
	if err != nil || s.Sync != nil || len(s.Associations) != 0 {
		t.Fatalf("got %+v, %v", s, err)
	}
	p, err := m.Plan(s, everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.Deed != ssm.Make || s.Reason == "" || strings.Contains(s.Name, "Inspector") {
			t.Errorf("step %+v", s)
		}
	}
	if len(p.Steps) != 12 {
		t.Errorf("%d steps, want 12", len(p.Steps))
	}
}

// TestRights makes, repairs and removes everything under the actions that the policy names, and no other.
func TestRights(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	w.aws.Allow(w.account, "hinomi",
		"ssm:DescribeAssociation", "ssm:DescribeAssociationExecutionTargets", "ssm:DescribeAssociationExecutions", "ssm:DescribeDocument", "ssm:ListAssociations",
		"ssm:ListDocumentVersions", "ssm:ListResourceDataSync", "ssm:ListTagsForResource", "ssm:CreateAssociation", "ssm:CreateDocument", "ssm:DeleteAssociation",
		"ssm:DeleteDocument", "ssm:UpdateAssociation", "ssm:UpdateDocument", "ssm:UpdateDocumentDefaultVersion", "ssm:CreateResourceDataSync", "ssm:DeleteResourceDataSync",
		"s3:*", // the stand-in does not know the actions of S3's calls
	)
	m, want := w.manager(mine), everything(t)
	w.must(m, want)
	want.Package = pack(t, "2.0.0")
	w.must(m, want)
	w.must(m, ssm.Want{})
}
