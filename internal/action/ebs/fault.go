package ebs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// What AWS refuses to snapshot, and why (EC2 API reference, "Error codes").
var (
	// ErrVolumeGone marks a volume that was deleted or detached since the instance was read.
	ErrVolumeGone = errors.New("a volume is gone")
	// ErrInstanceGone marks an instance that was terminated since it was read.
	ErrInstanceGone = errors.New("the instance is gone")
	// ErrSnapshotRate marks a volume of which a snapshot was made too short a time ago: wait and try again.
	ErrSnapshotRate = errors.New("snapshots of the volume are made too often")
	// ErrSnapshotQuota marks an account that has, or is making, as many snapshots as it may.
	ErrSnapshotQuota = errors.New("the account's quota of snapshots is used up")
	// ErrNotShareable marks a snapshot that cannot be shared, because the key of AWS that it is encrypted with cannot.
	ErrNotShareable = errors.New("a snapshot encrypted with the account's default key cannot be shared: encrypt the volume with a key of your own, or let the account read it itself")
)

// faultOf is what an error code of EC2's says.
var faultOf = map[string]error{
	"InvalidVolume.NotFound":                ErrVolumeGone,
	"InvalidInstanceID.NotFound":            ErrInstanceGone,
	"SnapshotCreationPerVolumeRateExceeded": ErrSnapshotRate,
	"SnapshotLimitExceeded":                 ErrSnapshotQuota,
	"ConcurrentSnapshotLimitExceeded":       ErrSnapshotQuota,
	"PendingSnapshotLimitExceeded":          ErrSnapshotQuota,
	"ResourceLimitExceeded":                 ErrSnapshotQuota,
}

// KeyError is the refusal of the KMS key that a volume is encrypted with.
type KeyError struct {
	Key        string // ARN; "" if neither AWS nor the caller says
	Permission string // the one that is missing, as "kms:Decrypt"; "" if AWS does not say
	Err        error
}

// Error implements error.
func (e *KeyError) Error() string {
	key, missing := e.Key, "does not let the reader use it"
	if key == "" {
		key = "of the volume"
	}
	if e.Permission != "" {
		missing = "does not allow " + e.Permission
	}
	return fmt.Sprintf("KMS key %s %s: %v", key, missing, e.Err)
}

// Unwrap returns what AWS said.
func (e *KeyError) Unwrap() error { return e.Err }

var (
	keyARN        = regexp.MustCompile(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]+`)
	keyPermission = regexp.MustCompile(`\bkms:[A-Z][A-Za-z]+`)
	keyMessage    = regexp.MustCompile(`(?i)given key id is not accessible|kms key .*(?:not accessible|disabled|pending deletion)`)
)

// AsKeyError returns err as the refusal of a KMS key, or nil if it is none: of the EBS direct APIs by the exception's reason, of EC2 by the code or
// by what the message names. key is the ARN of the key that the snapshot or its volume is encrypted with, "" if that is not known; what AWS
// names counts more.
func AsKeyError(err error, key string) *KeyError {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*KeyError](err); ok {
		return known
	}
	text := err.Error()
	refused := keyMessage.MatchString(text)
	if d, ok := errors.AsType[*ebstypes.AccessDeniedException](err); ok {
		refused = refused || d.Reason == ebstypes.AccessDeniedExceptionReasonDependencyAccessDenied
	}
	if n, ok := errors.AsType[*ebstypes.ResourceNotFoundException](err); ok {
		refused = refused || n.Reason == ebstypes.ResourceNotFoundExceptionReasonDependencyResourceNotFound
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		refused = refused || strings.Contains(e.ErrorCode(), "KMSKey") || keyPermission.MatchString(e.ErrorMessage())
	}
	if !refused {
		return nil
	}
	if named := keyARN.FindString(text); named != "" {
		key = named
	}
	return &KeyError{Key: key, Permission: keyPermission.FindString(text), Err: err}
}

// classify adds to an error of EC2's what it means for a scan.
func classify(err error) error {
	if k := AsKeyError(err, ""); k != nil {
		return k
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		if meaning := faultOf[e.ErrorCode()]; meaning != nil {
			return fmt.Errorf("%w: %w", meaning, err)
		}
	}
	return err
}

// failed is the error of a snapshot that will never be complete.
func failed(s types.Snapshot) error {
	err := fmt.Errorf("snapshot %s of %s failed: %s", aws.ToString(s.SnapshotId), aws.ToString(s.VolumeId), aws.ToString(s.StateMessage))
	if k := AsKeyError(err, aws.ToString(s.KmsKeyId)); k != nil {
		return k
	}
	return err
}
