package ebs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

// ChangesAPI is the part of the EBS direct APIs that comparing two snapshots needs; *ebs.Client is one.
type ChangesAPI interface {
	ListChangedBlocks(context.Context, *ebs.ListChangedBlocksInput, ...func(*ebs.Options)) (*ebs.ListChangedBlocksOutput, error)
}

// The refusals of a comparison after which everything is read.
var (
	// ErrUnrelated marks two snapshots that are not of one volume, or of which one is gone: they cannot be compared.
	ErrUnrelated = errors.New("snapshots cannot be compared")
	// ErrBaseline marks a baseline that is not one of the snapshot that is opened.
	ErrBaseline = errors.New("kept pages are of something else")
)

// Changes are the blocks in which a snapshot may differ from an earlier one of the same volume.
type Changes struct {
	First, Second string // snapshots, the earlier one first
	SizeGiB       int64  // of the second's volume
	Lists         int64  // requests it took

	blocks  map[int64]change
	expires time.Time // of the tokens
}

// change is a block's tokens in the two snapshots; "" where AWS gave none.
type change struct{ first, second string }

// Has says whether a block may differ.
func (c *Changes) Has(index int64) bool {
	_, changed := c.blocks[index]
	return changed
}

// Len is how many blocks may differ.
func (c *Changes) Len() int { return len(c.blocks) }

// Tokens returns a block's tokens in the first and in the second snapshot, "" where there is none, and when they expire.
func (c *Changes) Tokens(index int64) (first, second string, expires time.Time) {
	b := c.blocks[index]
	return b.first, b.second, c.expires
}

// maxEmpty bounds the pages without blocks of one list.
const maxEmpty = 1000

// maxChanged bounds the changed blocks that are kept in memory, some 200 bytes each. Where there are more, reading everything is as good.
const maxChanged = 1 << 20

// Changed lists the blocks in which the snapshot second may differ from first, the earlier snapshot of the same volume. The error wraps
// ErrUnrelated where AWS says that the two cannot be compared, or that there are too many changes to be of use.
func Changed(ctx context.Context, api ChangesAPI, first, second string, call ...func(*ebs.Options)) (*Changes, error) {
	c := &Changes{First: first, Second: second, blocks: map[int64]change{}}
	in := &ebs.ListChangedBlocksInput{FirstSnapshotId: &first, SecondSnapshotId: &second, MaxResults: aws.Int32(pageBlocks)}
	for last, empty := int64(-1), 0; ; {
		c.Lists++
		out, err := api.ListChangedBlocks(ctx, in, call...)
		if err != nil {
			if unrelated(err) {
				err = fmt.Errorf("%w: %w", ErrUnrelated, err)
			}
			return nil, fmt.Errorf("list changed blocks from %s to %s: %w", first, second, err)
		}
		before := last
		if last, err = c.add(out, last); err != nil {
			return nil, fmt.Errorf("list changed blocks from %s to %s: %w", first, second, err)
		}
		if last == before {
			empty++ // AWS may give a page without blocks that is not the last
		}
		switch {
		case aws.ToString(out.NextToken) == "":
			return c, nil
		case empty > maxEmpty:
			return nil, fmt.Errorf("list changed blocks from %s to %s: %d pages without blocks, and no end", first, second, empty)
		}
		in.NextToken = out.NextToken
	}
}

// add takes one page, whose blocks follow last, and returns its last block.
func (c *Changes) add(out *ebs.ListChangedBlocksOutput, last int64) (int64, error) {
	if size := aws.ToInt32(out.BlockSize); size != BlockSize {
		return 0, fmt.Errorf("blocks of %d bytes, want %d", size, BlockSize)
	}
	gib, err := volumeSize(out.VolumeSize)
	if err != nil {
		return 0, err
	}
	c.SizeGiB = gib
	if e := aws.ToTime(out.ExpiryTime); c.expires.IsZero() || e.Before(c.expires) {
		c.expires = e
	}
	for _, b := range out.ChangedBlocks {
		i := int64(aws.ToInt32(b.BlockIndex))
		if b.BlockIndex == nil || i <= last {
			return 0, fmt.Errorf("block %d follows block %d", i, last)
		}
		last = i
		if len(c.blocks) >= maxChanged {
			return 0, fmt.Errorf("more than %d blocks changed: %w", maxChanged, ErrUnrelated)
		}
		c.blocks[i] = change{aws.ToString(b.FirstBlockToken), aws.ToString(b.SecondBlockToken)}
	}
	return last, nil
}

// unrelated says whether AWS refuses to compare, or does not know one of the two (EBS direct API, reasons of the exceptions).
func unrelated(err error) bool {
	var v *types.ValidationException
	if errors.As(err, &v) {
		return v.Reason == types.ValidationExceptionReasonUnrelatedSnapshots || v.Reason == types.ValidationExceptionReasonInvalidSnapshotId ||
			v.Reason == types.ValidationExceptionReasonInvalidParameterValue
	}
	var n *types.ResourceNotFoundException
	return errors.As(err, &n)
}

// volumeSize checks a volume's size in GiB.
func volumeSize(gib *int64) (int64, error) {
	n := aws.ToInt64(gib)
	if n <= 0 || n > 64<<10 { // EBS User Guide, "Amazon EBS volume types": 64 TiB is the largest
		return 0, fmt.Errorf("volume of %d GiB", n)
	}
	return n, nil
}

// check says whether a baseline is one of a snapshot.
func (b *Baseline) check(snapshot string) error {
	switch h := b.Kept.Header(); {
	case b.Changes.Second != snapshot:
		return fmt.Errorf("changes up to %s: %w", b.Changes.Second, ErrBaseline)
	case b.Changes.First != h.Snapshot:
		return fmt.Errorf("pages of %s, changes from %s: %w", h.Snapshot, b.Changes.First, ErrBaseline)
	case b.Changes.SizeGiB != h.SizeGiB:
		return fmt.Errorf("pages of a volume of %d GiB, which has %d GiB now: %w", h.SizeGiB, b.Changes.SizeGiB, ErrBaseline)
	}
	return nil
}
