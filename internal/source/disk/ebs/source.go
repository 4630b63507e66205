package ebs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"golang.org/x/sync/singleflight"
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
	changes  *Changes // their tokens serve as well; nil if there are none

	flight singleflight.Group // one listing of a stretch, however many wait for it

	mu        sync.Mutex
	pages     map[int64]*page // by index of the first block / stride
	order     []int64         // of listing, oldest first
	holesFrom int64           // no block from this index on was ever written: a snapshot does not change, so this stays true
}

// page is the tokens of a stretch. Blocks of the stretch without a token were never written.
type page struct {
	tokens  map[int64]string
	expires time.Time
}

// open returns the volume's size in bytes: from the baseline's changes, or by listing the first stretch.
func (s *source) open(ctx context.Context, b *Baseline) (size int64, err error) {
	s.pages, s.holesFrom = map[int64]*page{}, math.MaxInt64
	if b != nil {
		if err := b.check(s.snapshot); err != nil {
			return 0, err
		}
		s.changes = b.Changes
		return b.Changes.SizeGiB << 30, nil
	}
	out, err := s.list(ctx, 0)
	if err != nil {
		return 0, err
	}
	if aws.ToInt32(out.BlockSize) != BlockSize {
		return 0, fmt.Errorf("blocks of %d bytes, want %d", aws.ToInt32(out.BlockSize), BlockSize)
	}
	gib, err := volumeSize(out.VolumeSize)
	return gib << 30, err
}

// list asks for the stretch that begins at block number n·stride, and keeps its tokens.
func (s *source) list(ctx context.Context, n int64) (*ebs.ListSnapshotBlocksOutput, error) {
	s.device.lists.Add(1)
	in := &ebs.ListSnapshotBlocksInput{SnapshotId: &s.snapshot, MaxResults: aws.Int32(pageBlocks)}
	if n > 0 {
		in.StartingBlockIndex = aws.Int32(int32(n * stride))
	}
	first, err := s.api.ListSnapshotBlocks(ctx, in, s.opts.Call...)
	if err != nil {
		return nil, fmt.Errorf("list blocks from %d: %w", n*stride, err)
	}
	p := &page{tokens: make(map[int64]string, min(len(first.Blocks), stride)), expires: aws.ToTime(first.ExpiryTime)}
	last := n*stride - 1
	for out, pages := first, 1; ; pages++ { // a page may be shorter than asked for: go on to the stretch's end
		for _, b := range out.Blocks {
			i := int64(aws.ToInt32(b.BlockIndex))
			if i >= n*stride && i < (n+1)*stride {
				p.tokens[i] = aws.ToString(b.BlockToken)
			}
			last = max(last, i)
		}
		if aws.ToString(out.NextToken) == "" {
			s.endsAt(last + 1)
			break
		}
		if last >= (n+1)*stride-1 {
			break
		}
		if pages == stride { // each page has a block at least
			return nil, fmt.Errorf("list blocks from %d: %d pages and no end", n*stride, pages)
		}
		s.device.lists.Add(1)
		out, err = s.api.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{
			SnapshotId: &s.snapshot, MaxResults: aws.Int32(pageBlocks), NextToken: out.NextToken,
		}, s.opts.Call...)
		if err != nil {
			return nil, fmt.Errorf("list blocks from %d, further page: %w", n*stride, err)
		}
	}
	s.keep(n, p)
	return first, nil
}

// endsAt notes that a listing came to the snapshot's end.
func (s *source) endsAt(index int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holesFrom = min(s.holesFrom, index)
}

// keep puts a stretch's tokens among those kept; the one listed longest ago makes room.
func (s *source) keep(n int64, p *page) {
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
}

// kept returns a stretch's tokens if they are of use: not about to expire, and not those of which one was refused.
func (s *source) kept(n, index int64, refused string) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pages[n]
	if index >= s.holesFrom {
		return &page{}
	}
	if p == nil || refused != "" && p.tokens[index] == refused || !p.expires.IsZero() && s.opts.Now().After(p.expires.Add(-expiryMargin)) {
		return nil
	}
	return p
}

// token returns a block's token, or "" for a block that the snapshot does not hold. refused is a token of it that AWS does not take any more.
func (s *source) token(ctx context.Context, index int64, refused string) (string, error) {
	n := index / stride
	if s.changes != nil && refused == "" {
		if _, token, expires := s.changes.Tokens(index); token != "" && s.opts.Now().Before(expires.Add(-expiryMargin)) {
			return token, nil
		}
	}
	if p := s.kept(n, index, refused); p != nil {
		return p.tokens[index], nil
	}
	v, err, _ := s.flight.Do(strconv.FormatInt(n, 10), func() (any, error) {
		if p := s.kept(n, index, refused); p != nil {
			return p, nil
		}
		if _, err := s.list(ctx, n); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pages[n], nil
	})
	if err != nil {
		return "", err
	}
	return v.(*page).tokens[index], nil
}

// block fetches and verifies one block; nil is a block of zeros. A token that AWS refuses is renewed once, a damaged block is fetched once more.
func (s *source) block(ctx context.Context, index int64) ([]byte, error) {
	token, err := s.token(ctx, index, "")
	if err != nil || token == "" {
		return nil, err
	}
	b, err := s.get(ctx, index, token)
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, ErrBlock):
	case refusedToken(err):
		if token, err = s.token(ctx, index, token); err != nil || token == "" {
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
