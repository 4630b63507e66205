package ebs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// Share lets the reader account of Options read a snapshot; without one it does nothing. An encrypted snapshot is readable only where its key's policy
// allows the reader too, and one with the account's default key cannot be shared: ErrNotShareable.
func (m *Maker) Share(ctx context.Context, at Place, snapshot string, encrypted bool) error {
	if m.opts.Reader == "" {
		return nil
	}
	err := m.permit(ctx, at, snapshot, types.OperationTypeAdd)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok && encrypted &&
		slices.Contains([]string{"OperationNotPermitted", "InvalidParameter", "InvalidParameterValue", "InvalidParameterCombination"}, e.ErrorCode()) {
		err = fmt.Errorf("%w: %w", ErrNotShareable, err)
	} else {
		err = classify(err)
	}
	return fmt.Errorf("share snapshot %s with %s: %w", snapshot, m.opts.Reader, err)
}

// share lets the reader read what was made. A key that cannot be shared is named in a KeyError.
func (m *Maker) share(ctx context.Context, at Place, made []Captured) error {
	for _, c := range made {
		err := m.Share(ctx, at, c.Resource.ID, c.KeyARN != "")
		if errors.Is(err, ErrNotShareable) {
			return &KeyError{Key: c.KeyARN, Err: err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unshare takes the reader's permission back. A snapshot that is gone is shared with nobody.
func (m *Maker) unshare(ctx context.Context, at Place, snapshot string) error {
	if m.opts.Reader == "" {
		return nil
	}
	if err := m.permit(ctx, at, snapshot, types.OperationTypeRemove); err != nil && !notFound(err) {
		return fmt.Errorf("stop sharing snapshot %s with %s: %w", snapshot, m.opts.Reader, err)
	}
	return nil
}

func (m *Maker) permit(ctx context.Context, at Place, snapshot string, op types.OperationType) error {
	_, err := m.api.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: aws.String(snapshot), Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: op, UserIds: []string{m.opts.Reader},
	}, at.Call...)
	return err
}
