package awstest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"hinomi/internal/awstest"
)

const blockSize = 512 << 10

// writeImage makes a sparse file with these bytes at the beginning of these blocks.
func writeImage(t *testing.T, path string, size int64, blocks map[int64]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for n, s := range blocks {
		if _, err := f.WriteAt([]byte(s), n*blockSize); err != nil {
			t.Fatal(err)
		}
	}
}

func noRetry(o *ebs.Options) { o.Retryer = aws.NopRetryer{} }

func listBlocks(t *testing.T, c *ebs.Client, snapshot string, size int32) (indexes []int64, tokens map[int64]string, pages int) {
	t.Helper()
	tokens = map[int64]string{}
	for p := ebs.NewListSnapshotBlocksPaginator(c, &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot, MaxResults: &size}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if *out.BlockSize != blockSize {
			t.Errorf("got block size %d, want %d", *out.BlockSize, blockSize)
		}
		for _, b := range out.Blocks {
			indexes = append(indexes, int64(*b.BlockIndex))
			tokens[int64(*b.BlockIndex)] = *b.BlockToken
		}
	}
	return indexes, tokens, pages
}

func get(t *testing.T, c *ebs.Client, snapshot string, index int64, token string) ([]byte, *ebs.GetSnapshotBlockOutput, error) {
	t.Helper()
	out, err := c.GetSnapshotBlock(t.Context(), &ebs.GetSnapshotBlockInput{SnapshotId: &snapshot, BlockIndex: aws.Int32(int32(index)), BlockToken: &token})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = out.BlockData.Close() }()
	b, err := io.ReadAll(out.BlockData)
	return b, out, err
}

func TestBlocks(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account, region := a.Account(1), "us-west-2"
	img := filepath.Join(t.TempDir(), "disk.img")
	// Block 5 is written but zero, and the image ends in the middle of block 9.
	writeImage(t, img, 9*blockSize+100, map[int64]string{0: "first", 3: "third", 5: "\x00\x00", 9: "last"})
	snapshot, _ := a.SeedSnapshot(account, region, img)
	c := ebs.NewFromConfig(a.Config(region, a.AddKey(account, "base")), noRetry)
	indexes, tokens, _ := listBlocks(t, c, snapshot, 100)
	if diff := cmp.Diff([]int64{0, 3, 9}, indexes); diff != "" {
		t.Fatalf("blocks (-want +got):\n%s", diff)
	}
	for n, want := range map[int64]string{0: "first", 3: "third", 9: "last"} {
		b, out, err := get(t, c, snapshot, n, tokens[n])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if len(b) != blockSize || !bytes.HasPrefix(b, []byte(want)) || *out.DataLength != blockSize {
			t.Errorf("block %d: got %d bytes, %q", n, len(b), b[:8])
		}
		if *out.Checksum != base64.StdEncoding.EncodeToString(sum[:]) || out.ChecksumAlgorithm != types.ChecksumAlgorithmChecksumAlgorithmSha256 {
			t.Errorf("block %d: checksum %s is not its SHA-256", n, *out.Checksum)
		}
	}
	if _, _, err := get(t, c, snapshot, 0, tokens[0]); err != nil {
		t.Fatal(err)
	}
	want := awstest.BlockStats{Gets: 4, Unique: 3, Bytes: 4 * blockSize, Lists: 1}
	if diff := cmp.Diff(want, a.BlockStats()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	a.CorruptBlock(snapshot, 3, 1)
	bad, out, err := get(t, c, snapshot, 3, tokens[3])
	if sum := sha256.Sum256(bad); err != nil || *out.Checksum == base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("got %v and a right checksum, want a corrupt block", err)
	}
	good, out, err := get(t, c, snapshot, 3, tokens[3])
	if sum := sha256.Sum256(good); err != nil || *out.Checksum != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("got %v, want the second read right", err)
	}
	t.Run("refusals", func(t *testing.T) {
		for _, tc := range []struct {
			name, snapshot, token string
			index                 int64
			want, reason          string
		}{
			{"token_of_another_block", snapshot, tokens[3], 0, "ValidationException", "INVALID_BLOCK_TOKEN"},
			{"no_token_of_ours", snapshot, "AAAA", 0, "ValidationException", "INVALID_BLOCK_TOKEN"},
			{"beyond_the_volume", snapshot, tokens[0], 1 << 20, "ValidationException", "INVALID_BLOCK"},
			{"no_such_snapshot", "snap-0123456789abcdef0", tokens[0], 0, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND"},
		} {
			_, _, err := get(t, c, tc.snapshot, tc.index, tc.token)
			if got, reason := refusal(t, err); got != tc.want || reason != tc.reason {
				t.Errorf("%s: got %s %s, want %s %s", tc.name, got, reason, tc.want, tc.reason)
			}
		}
		if _, err := c.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot, MaxResults: aws.Int32(99)}); code(t, err) != "ValidationException" {
			t.Errorf("got %v for a page of 99, want ValidationException", err)
		}
		if _, err := c.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot, NextToken: aws.String(tokens[0])}); code(t, err) != "ValidationException" {
			t.Errorf("got %v for a block's token as a page's, want ValidationException", err)
		}
		a.DenyKey(snapshot, "arn:aws:kms:us-west-2:"+a.Account(1)+":key/k")
		_, err := c.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot})
		if got, reason := refusal(t, err); got != "AccessDeniedException" || reason != "DEPENDENCY_ACCESS_DENIED" {
			t.Errorf("got %s %s for a key that refuses", got, reason)
		}
		a.DenyKey(snapshot, "")
	})
}

// refusal is an EBS error's code and reason.
func refusal(t *testing.T, err error) (got, reason string) {
	t.Helper()
	got = code(t, err)
	var v *types.ValidationException
	var d *types.AccessDeniedException
	var n *types.ResourceNotFoundException
	var r *types.RequestThrottledException
	switch {
	case asError(err, &v):
		reason = string(v.Reason)
	case asError(err, &d):
		reason = string(d.Reason)
	case asError(err, &n):
		reason = string(n.Reason)
	case asError(err, &r):
		reason = string(r.Reason)
	}
	return got, reason
}

func TestBlockPages(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	img := filepath.Join(t.TempDir(), "disk.img")
	blocks := map[int64]string{}
	for n := range int64(250) {
		blocks[n*2] = "x"
	}
	writeImage(t, img, 1<<30, blocks)
	snapshot, _ := a.SeedSnapshot(a.Account(1), "us-east-1", img)
	c := ebs.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")), noRetry)
	indexes, _, pages := listBlocks(t, c, snapshot, 100)
	if len(indexes) != 250 || pages != 3 || indexes[249] != 498 {
		t.Errorf("got %d blocks in %d pages, want 250 in 3", len(indexes), pages)
	}
	out, err := c.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot, StartingBlockIndex: aws.Int32(481)})
	if err != nil || len(out.Blocks) != 9 || *out.Blocks[0].BlockIndex != 482 || *out.VolumeSize != 1 {
		t.Errorf("got %+v, %v, want the nine blocks from 482 on of 1 GiB", out, err)
	}
}

func TestTokensExpire(t *testing.T) {
	now := time.Now()
	a := awstest.New(t, moto, awstest.Options{Now: func() time.Time { return now }, TokenLife: time.Hour})
	img := filepath.Join(t.TempDir(), "disk.img")
	writeImage(t, img, blockSize, map[int64]string{0: "x"})
	snapshot, _ := a.SeedSnapshot(a.Account(1), "us-east-1", img)
	c := ebs.NewFromConfig(a.Config("us-east-1", a.AddKey(a.Account(1), "base")), noRetry)
	_, tokens, _ := listBlocks(t, c, snapshot, 100)
	if _, _, err := get(t, c, snapshot, 0, tokens[0]); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	_, _, err := get(t, c, snapshot, 0, tokens[0])
	if got, reason := refusal(t, err); got != "ValidationException" || reason != "INVALID_BLOCK_TOKEN" {
		t.Errorf("got %s %s after an hour, want the token refused", got, reason)
	}
	_, tokens, _ = listBlocks(t, c, snapshot, 100)
	if _, _, err := get(t, c, snapshot, 0, tokens[0]); err != nil {
		t.Errorf("got %v with a new token", err)
	}
}

func TestChangedBlocks(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account := a.Account(1)
	before, after := filepath.Join(t.TempDir(), "before.img"), filepath.Join(t.TempDir(), "after.img")
	writeImage(t, before, 8*blockSize, map[int64]string{0: "same", 1: "old", 2: "wiped"})
	writeImage(t, after, 8*blockSize, map[int64]string{0: "same", 1: "new", 4: "added"})
	first, volume := a.SeedSnapshot(account, "us-east-1", before)
	a.AttachImage(volume, after)
	second := a.SnapshotVolume(account, "us-east-1", volume)
	third := a.SnapshotVolume(account, "us-east-1", volume)
	other, _ := a.SeedSnapshot(account, "us-east-1", after)
	c := ebs.NewFromConfig(a.Config("us-east-1", a.AddKey(account, "base")), noRetry)
	diff := func(x, y string) (*ebs.ListChangedBlocksOutput, error) {
		return c.ListChangedBlocks(t.Context(), &ebs.ListChangedBlocksInput{FirstSnapshotId: &x, SecondSnapshotId: &y})
	}
	out, err := diff(first, second)
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		Index         int32
		First, Second string
	}
	var got []change
	text := func(snapshot string, n int32, token *string) string {
		if token == nil {
			return ""
		}
		b, _, err := get(t, c, snapshot, int64(n), *token)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.TrimRight(b, "\x00"))
	}
	for _, b := range out.ChangedBlocks {
		got = append(got, change{*b.BlockIndex, text(first, *b.BlockIndex, b.FirstBlockToken), text(second, *b.BlockIndex, b.SecondBlockToken)})
	}
	if d := cmp.Diff([]change{{1, "old", "new"}, {2, "wiped", ""}, {4, "", "added"}}, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	if out, err := diff(second, third); err != nil || len(out.ChangedBlocks) != 0 {
		t.Errorf("got %+v, %v, want no change", out, err)
	}
	_, err = diff(second, other)
	if got, reason := refusal(t, err); got != "ValidationException" || reason != "UNRELATED_SNAPSHOTS" {
		t.Errorf("got %s %s, want another volume's snapshot refused", got, reason)
	}
}

// TestScanPath is the way of an agentless scan: snapshots of an instance in a member's account, read there and by nobody else, deleted.
func TestScanPath(t *testing.T) {
	a := awstest.New(t, moto, awstest.Options{})
	account, region := a.Account(2), "eu-west-1"
	img := filepath.Join(t.TempDir(), "disk.img")
	writeImage(t, img, 4*blockSize, map[int64]string{2: "data"})
	s := a.SeedInstance(account, region, 1)
	a.AttachImage(s.Volumes[0], img)
	base := a.AddKey(a.Account(1), "base")
	role := a.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{a.Account(1)}, ExternalID: "x"})
	k, err := assume(t, a, base, role, "x")
	if err != nil {
		t.Fatal(err)
	}
	c := ec2.NewFromConfig(a.Config(region, k))
	set, err := c.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{InstanceSpecification: &ec2types.InstanceSpecification{InstanceId: &s.ID}})
	if err != nil {
		t.Fatal(err)
	}
	inside := ebs.NewFromConfig(a.Config(region, k), noRetry)
	outside := ebs.NewFromConfig(a.Config(region, base), noRetry)
	elsewhere := ebs.NewFromConfig(a.Config("eu-west-2", k), noRetry)
	for _, sn := range set.Snapshots {
		want := []int64(nil) // nothing was ever written to the data volume
		if *sn.VolumeId == s.Volumes[0] {
			want = []int64{2}
		}
		got, _, _ := listBlocks(t, inside, *sn.SnapshotId, 100)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("blocks of %s (-want +got):\n%s", *sn.VolumeId, diff)
		}
		in := &ebs.ListSnapshotBlocksInput{SnapshotId: sn.SnapshotId}
		if _, err := outside.ListSnapshotBlocks(t.Context(), in); code(t, err) != "AccessDeniedException" {
			t.Errorf("got %v for another account, want AccessDeniedException", err)
		}
		if _, err := elsewhere.ListSnapshotBlocks(t.Context(), in); code(t, err) != "ResourceNotFoundException" {
			t.Errorf("got %v in another region, want ResourceNotFoundException", err)
		}
		if _, err := c.ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{
			SnapshotId: sn.SnapshotId, Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission,
			OperationType: ec2types.OperationTypeAdd, UserIds: []string{a.Account(1)},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := outside.ListSnapshotBlocks(t.Context(), in); err != nil {
			t.Errorf("got %v for an account it is shared with", err)
		}
		if _, err := c.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: sn.SnapshotId}); err != nil {
			t.Fatal(err)
		}
		if _, err := inside.ListSnapshotBlocks(t.Context(), in); code(t, err) != "ResourceNotFoundException" {
			t.Errorf("got %v after deletion, want ResourceNotFoundException", err)
		}
	}
	if got := a.Snapshots(); len(got) != 0 {
		t.Errorf("got %v left", got)
	}
}
