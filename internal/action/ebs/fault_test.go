package ebs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"hinomi/internal/action/ebs"
)

const someKey = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

func TestAsKeyError(t *testing.T) {
	const said = "User: arn:aws:sts::111122223333:assumed-role/reader/hinomi is not authorized to perform: %s on resource: " + someKey + " because no resource-based policy allows it"
	for _, tc := range []struct {
		name            string
		err             error
		key             string // that is known
		want, permisson string
	}{
		{"decrypt", &ebstypes.AccessDeniedException{Message: aws.String(fmt.Sprintf(said, "kms:Decrypt")), Reason: ebstypes.AccessDeniedExceptionReasonDependencyAccessDenied}, "", someKey, "kms:Decrypt"},
		{"reason_only", &ebstypes.AccessDeniedException{Message: aws.String("Access to a dependency is denied."), Reason: ebstypes.AccessDeniedExceptionReasonDependencyAccessDenied}, someKey, someKey, ""},
		{"key_deleted", &ebstypes.ResourceNotFoundException{Reason: ebstypes.ResourceNotFoundExceptionReasonDependencyResourceNotFound}, someKey, someKey, ""},
		{"grant", &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: fmt.Sprintf(said, "kms:CreateGrant")}, "", someKey, "kms:CreateGrant"},
		{"describe_wrapped", fmt.Errorf("create snapshots: %w", &smithy.GenericAPIError{Code: "AccessDenied", Message: fmt.Sprintf(said, "kms:DescribeKey")}), "other", someKey, "kms:DescribeKey"},
		{"state", &smithy.GenericAPIError{Code: "InvalidKMSKey.InvalidState", Message: "disabled"}, someKey, someKey, ""},
		{"in_china", &smithy.GenericAPIError{Code: "X", Message: "kms:Decrypt arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b"}, "", "arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b", "kms:Decrypt"},
		{"another_account", &ebstypes.AccessDeniedException{Reason: ebstypes.AccessDeniedExceptionReasonUnauthorizedAccount}, someKey, "", ""},
		{"no_right_to_ec2", &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "not authorized to perform: ec2:CreateSnapshots"}, someKey, "", ""},
		{"none", nil, someKey, "", ""},
	} {
		got := ebs.AsKeyError(tc.err, tc.key)
		if (tc.want == "") != (got == nil) {
			t.Errorf("%s: got %v", tc.name, got)
			continue
		}
		if got != nil && (got.Key != tc.want || got.Permission != tc.permisson || !errors.Is(got, tc.err)) {
			t.Errorf("%s: got %q and %q (%v), want %q and %q", tc.name, got.Key, got.Permission, got, tc.want, tc.permisson)
		}
	}
}

// TestRefusedSnapshots names what AWS refuses a snapshot for.
func TestRefusedSnapshots(t *testing.T) {
	for code, want := range map[string]error{
		"InvalidVolume.NotFound": ebs.ErrVolumeGone, "InvalidInstanceID.NotFound": ebs.ErrInstanceGone,
		"SnapshotCreationPerVolumeRateExceeded": ebs.ErrSnapshotRate, "ConcurrentSnapshotLimitExceeded": ebs.ErrSnapshotQuota,
		"ResourceLimitExceeded": ebs.ErrSnapshotQuota, "SnapshotLimitExceeded": ebs.ErrSnapshotQuota, "PendingSnapshotLimitExceeded": ebs.ErrSnapshotQuota,
	} {
		w := newWorld(t, "vol-a")
		w.fails["refuse"] = apiError(code)
		_, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a"))
		var api smithy.APIError
		if !errors.Is(err, want) || !errors.As(err, &api) || api.ErrorCode() != code {
			t.Errorf("%s: got %v", code, err)
		}
	}
	w := newWorld(t, "vol-a")
	w.fails["refuse"] = &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "kms:CreateGrant on " + someKey}
	var key *ebs.KeyError
	if _, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a")); !errors.As(err, &key) || key.Key != someKey || key.Permission != "kms:CreateGrant" {
		t.Errorf("key: got %v", err)
	}
	// A key that was disabled ends the copy, not the call.
	w = newWorld(t, "vol-a")
	w.newState, w.message, w.key = types.SnapshotStateError, "Given key ID is not accessible", someKey
	if _, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a")); !errors.As(err, &key) || key.Key != someKey {
		t.Errorf("copy failed: got %v", err)
	}
	// The key of a snapshot that is complete is told.
	w = newWorld(t, "vol-a")
	w.key = someKey
	if made, err := w.maker().Capture(t.Context(), at, "scan-1", instance("vol-a")); err != nil || made[0].KeyARN != someKey {
		t.Errorf("got %+v, %v", made, err)
	}
}
