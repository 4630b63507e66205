package live_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/awstest"
	"hinomi/internal/source/aws/live"
)

func TestKeyTags(t *testing.T) {
	const region = "eu-west-1"
	w := newWorld(t, awstest.Options{})
	s := w.session(t, w.connect(w.Account(3), region))
	want := map[string]string{"InspectorEc2Exclusion": "", "Team": "shop"}
	made, err := s.KMS(region).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []types.Tag{
		{TagKey: aws.String("InspectorEc2Exclusion"), TagValue: aws.String("")}, {TagKey: aws.String("Team"), TagValue: aws.String("shop")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := live.KeyTags(t.Context(), s, region, aws.ToString(made.KeyMetadata.Arn))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if _, err := live.KeyTags(t.Context(), s, region, "arn:aws:kms:eu-west-1:"+w.Account(3)+":key/00000000-0000-0000-0000-000000000000"); err == nil {
		t.Error("a key that does not exist has tags")
	}
}
