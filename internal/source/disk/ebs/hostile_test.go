package ebs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"hinomi/internal/source/disk/ebs"
)

// memory is the API over bytes in memory; its fields make it answer what AWS never should.
type memory struct {
	data      []byte
	blockSize int32
	gib       int64
	endless   bool  // every page says that there is another
	odd       int32 // an index that is listed beside the true ones
	short     int   // bytes that a block lacks
	algorithm types.ChecksumAlgorithm
}

func newMemory(data []byte) *memory {
	return &memory{data: data, blockSize: block, gib: 1, algorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256}
}

// ListSnapshotBlocks implements ebs.API.
func (m *memory) ListSnapshotBlocks(_ context.Context, in *sdk.ListSnapshotBlocksInput, _ ...func(*sdk.Options)) (*sdk.ListSnapshotBlocksOutput, error) {
	out := &sdk.ListSnapshotBlocksOutput{BlockSize: &m.blockSize, VolumeSize: &m.gib}
	if m.endless {
		out.NextToken = aws.String("more")
		return out, nil
	}
	for i := int32(0); int(i)*block < len(m.data); i++ {
		if i < aws.ToInt32(in.StartingBlockIndex) || len(bytes.Trim(m.block(i), "\x00")) == 0 {
			continue
		}
		out.Blocks = append(out.Blocks, types.Block{BlockIndex: aws.Int32(i), BlockToken: aws.String("t")})
	}
	if m.odd != 0 {
		out.Blocks = append(out.Blocks, types.Block{BlockIndex: &m.odd, BlockToken: aws.String("t")})
	}
	return out, nil
}

func (m *memory) block(i int32) []byte {
	b := make([]byte, block)
	if i >= 0 && int(i)*block < len(m.data) {
		copy(b, m.data[int(i)*block:])
	}
	return b
}

// GetSnapshotBlock implements ebs.API.
func (m *memory) GetSnapshotBlock(_ context.Context, in *sdk.GetSnapshotBlockInput, _ ...func(*sdk.Options)) (*sdk.GetSnapshotBlockOutput, error) {
	b := m.block(*in.BlockIndex)
	sum := sha256.Sum256(b)
	return &sdk.GetSnapshotBlockOutput{
		BlockData: io.NopCloser(bytes.NewReader(b[m.short:])), Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: m.algorithm,
	}, nil
}

func (m *memory) open(t *testing.T) (*ebs.Device, error) {
	t.Helper()
	return ebs.Open(t.Context(), m, "snap-1", ebs.Options{Now: time.Now})
}

// TestHostileAnswers holds what no true AWS sends: an error each, in bounded time.
func TestHostileAnswers(t *testing.T) {
	data := bytes.Repeat([]byte("hinomi"), block/2)
	for _, tc := range []struct {
		name   string
		change func(*memory)
		opens  bool
		want   error
	}{
		{"block_size", func(m *memory) { m.blockSize = 4096 }, false, nil},
		{"no_size", func(m *memory) { m.gib = 0 }, false, nil},
		{"size_below_zero", func(m *memory) { m.gib = -5 }, false, nil},
		{"size_beyond_any_volume", func(m *memory) { m.gib = 1 << 40 }, false, nil},
		{"pages_without_end", func(m *memory) { m.endless = true }, false, nil},
		{"short_block", func(m *memory) { m.short = 1 }, true, ebs.ErrBlock},
		{"empty_block", func(m *memory) { m.short = block }, true, ebs.ErrBlock},
		{"no_checksum_that_we_know", func(m *memory) { m.algorithm = "MD5" }, true, ebs.ErrBlock},
	} {
		m := newMemory(data)
		tc.change(m)
		d, err := m.open(t)
		if (err == nil) != tc.opens {
			t.Errorf("%s: got %v on opening", tc.name, err)
		}
		if err != nil {
			continue
		}
		if n, err := d.ReadAt(make([]byte, 10), block-5); n != 0 || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %d, %v, want %v", tc.name, n, err, tc.want)
		}
	}
	for _, odd := range []int32{-1, 1 << 30} {
		m := newMemory(data)
		m.odd = odd
		d, err := m.open(t)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(data))
		if _, err := d.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("a block %d in the list: %v", odd, err)
		}
	}
}

// FuzzReadAt reads anywhere of any content: what comes is the content, with zeros after it up to the volume's end.
func FuzzReadAt(f *testing.F) {
	f.Add([]byte("begin"), int64(0), uint32(10))
	f.Add(bytes.Repeat([]byte{0, 0, 1}, block/2), int64(block-1), uint32(2))
	f.Add(bytes.Repeat([]byte{0}, block+7), int64(1<<30-1), uint32(2))
	f.Add([]byte("x"), int64(-1), uint32(5))
	f.Add(append(make([]byte, 2*block), 1), int64(block+9), uint32(2*block))
	f.Fuzz(func(t *testing.T, data []byte, off int64, length uint32) {
		length %= 4 * block
		d, err := newMemory(data).open(t)
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Repeat([]byte{0xaa}, int(length))
		n, err := d.ReadAt(got, off)
		if off < 0 || off >= d.Size() {
			if n != 0 || err == nil {
				t.Fatalf("outside: got %d, %v", n, err)
			}
			return
		}
		want := make([]byte, min(int64(length), d.Size()-off))
		if off < int64(len(data)) {
			copy(want, data[off:])
		}
		if n != len(want) || !bytes.Equal(got[:n], want) {
			t.Fatalf("%d at %d: got %d other bytes", length, off, n)
		}
		if short := n < int(length); short != errors.Is(err, io.EOF) || !short && err != nil {
			t.Fatalf("%d at %d: got %d and %v", length, off, n, err)
		}
	})
}
