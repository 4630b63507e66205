package ebs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

const (
	// pageBlocks is how many blocks one request lists: the largest page the API allows (ListSnapshotBlocks, MaxResults 100–10,000).
	pageBlocks = 10_000
	// stride is the distance between the first blocks of two listings: 4 GiB of volume, which one page always covers.
	stride = 8192
	// keptPages bounds the tokens in memory: 32 pages of 10,000 tokens of about 100 bytes are some 40 MB at the very most.
	keptPages = 32
	// expiryMargin renews tokens before they run out on the way.
	expiryMargin = time.Minute
)

// source lists and fetches the blocks of one snapshot. Tokens are listed by stretches of the volume, as they are needed.
type source struct {
	api      API
	snapshot string
	opts     Options
	device   *Device

	mu    sync.Mutex
	pages map[int64]*page // by index of the first block / stride
	order []int64         // of listing, oldest first
}

// page is the tokens of a stretch. Blocks of the stretch without a token were never written.
type page struct {
	tokens  map[int64]string
	expires time.Time
}

// start lists the first stretch and returns the volume's size in GiB.
func (s *source) start(ctx context.Context) (gib int64, err error) {
	s.pages = map[int64]*page{}
	out, err := s.list(ctx, 0)
	if err != nil {
		return 0, err
	}
	if aws.ToInt32(out.BlockSize) != BlockSize {
		return 0, fmt.Errorf("blocks of %d bytes, want %d", aws.ToInt32(out.BlockSize), BlockSize)
	}
	gib = aws.ToInt64(out.VolumeSize)
	if gib <= 0 || gib > 64<<10 { // EBS User Guide, "Amazon EBS volume types": 64 TiB is the largest
		return 0, fmt.Errorf("volume of %d GiB", gib)
	}
	return gib, nil
}

// list asks for the stretch that begins at block number n·stride, and keeps its tokens.
func (s *source) list(ctx context.Context, n int64) (*ebs.ListSnapshotBlocksOutput, error) {
	s.device.lists.Add(1)
	in := &ebs.ListSnapshotBlocksInput{SnapshotId: &s.snapshot, MaxResults: aws.Int32(pageBlocks)}
	if n > 0 {
		in.StartingBlockIndex = aws.Int32(int32(n * stride))
	}
	out, err := s.api.ListSnapshotBlocks(ctx, in, s.opts.Call...)
	if err != nil {
		return nil, fmt.Errorf("list blocks from %d: %w", n*stride, err)
	}
	p := &page{tokens: make(map[int64]string, min(len(out.Blocks), stride)), expires: aws.ToTime(out.ExpiryTime)}
	for _, b := range out.Blocks {
		if i := int64(aws.ToInt32(b.BlockIndex)); i >= n*stride && i < (n+1)*stride {
			p.tokens[i] = aws.ToString(b.BlockToken)
		}
	}
	complete := out.NextToken == nil || len(out.Blocks) > 0 && int64(aws.ToInt32(out.Blocks[len(out.Blocks)-1].BlockIndex)) >= (n+1)*stride-1
	for token := out.NextToken; !complete && token != nil; { // a page shorter than asked for: go on to the stretch's end
		s.device.lists.Add(1)
		more, err := s.api.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: &s.snapshot, MaxResults: aws.Int32(pageBlocks), NextToken: token}, s.opts.Call...)
		if err != nil {
			return nil, fmt.Errorf("list blocks from %d, further page: %w", n*stride, err)
		}
		for _, b := range more.Blocks {
			i := int64(aws.ToInt32(b.BlockIndex))
			if i < (n+1)*stride {
				p.tokens[i] = aws.ToString(b.BlockToken)
			}
			complete = complete || i >= (n+1)*stride-1
		}
		token = more.NextToken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.pages[n]; !known {
		if len(s.order) >= keptPages {
			delete(s.pages, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, n)
	}
	s.pages[n] = p
	return out, nil
}

// token returns a block's token, or "" for a block that the snapshot does not hold.
func (s *source) token(ctx context.Context, index int64, renew bool) (string, error) {
	n := index / stride
	s.mu.Lock()
	p := s.pages[n]
	s.mu.Unlock()
	if p == nil || renew || !p.expires.IsZero() && s.opts.Now().After(p.expires.Add(-expiryMargin)) {
		if _, err := s.list(ctx, n); err != nil {
			return "", err
		}
		s.mu.Lock()
		p = s.pages[n]
		s.mu.Unlock()
	}
	return p.tokens[index], nil
}

// block fetches and verifies one block; nil is a block of zeros. A token that AWS refuses is renewed once, a damaged block is fetched once more.
func (s *source) block(ctx context.Context, index int64) ([]byte, error) {
	token, err := s.token(ctx, index, false)
	if err != nil || token == "" {
		return nil, err
	}
	b, err := s.get(ctx, index, token)
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, ErrBlock):
	case refusedToken(err):
		if token, err = s.token(ctx, index, true); err != nil || token == "" {
			return nil, err
		}
	default:
		return nil, err
	}
	return s.get(ctx, index, token)
}

// refusedToken reports whether AWS says that a block's token is of no use any more (EBS direct API, ValidationException reasons).
func refusedToken(err error) bool {
	var v *types.ValidationException
	return errors.As(err, &v) && (v.Reason == types.ValidationExceptionReasonInvalidBlockToken || v.Reason == types.ValidationExceptionReasonInvalidPageToken)
}

func (s *source) get(ctx context.Context, index int64, token string) ([]byte, error) {
	s.device.blocks.Add(1)
	out, err := s.api.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
		SnapshotId: &s.snapshot, BlockIndex: aws.Int32(int32(index)), BlockToken: &token,
	}, s.opts.Call...)
	if err != nil {
		return nil, fmt.Errorf("get block %d of %s: %w", index, s.snapshot, err)
	}
	defer out.BlockData.Close() //nolint:errcheck // read to the end below
	b := make([]byte, BlockSize)
	n, err := io.ReadFull(out.BlockData, b)
	s.device.bytes.Add(int64(n))
	if err != nil {
		return nil, fmt.Errorf("block %d of %s: %d of %d bytes came (%w): %w", index, s.snapshot, n, BlockSize, err, ErrBlock)
	}
	if out.ChecksumAlgorithm != types.ChecksumAlgorithmChecksumAlgorithmSha256 {
		return nil, fmt.Errorf("block %d of %s: checksum algorithm %q: %w", index, s.snapshot, out.ChecksumAlgorithm, ErrBlock)
	}
	sum := sha256.Sum256(b)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != aws.ToString(out.Checksum) {
		return nil, fmt.Errorf("block %d of %s: SHA-256 is %s, AWS says %s: %w", index, s.snapshot, got, aws.ToString(out.Checksum), ErrBlock)
	}
	return b, nil
}
