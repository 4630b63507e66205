package ebs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"hinomi/internal/awstest"
	"hinomi/internal/source/disk/ebs"
)

const (
	region = "eu-west-1"
	block  = ebs.BlockSize
)

// volume is a snapshot in AWS and the image that it was made of.
type volume struct {
	*awstest.AWS
	snapshot string
	client   *sdk.Client
	image    *os.File
	size     int64 // of the volume; the image may be shorter
}

// newVolume makes a snapshot of an image that holds data in these blocks; each is random, and some bytes of it are zero.
func newVolume(t *testing.T, o awstest.Options, size int64, written ...int64) *volume {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	rnd := rand.NewChaCha8([32]byte{1})
	for _, n := range written {
		b := make([]byte, min(block, size-n*block))
		_, _ = rnd.Read(b[len(b)/3 : max(len(b)/2, len(b)/3+1)])
		b[len(b)-1] = 7
		if _, err := f.WriteAt(b, n*block); err != nil {
			t.Fatal(err)
		}
	}
	v := &volume{AWS: awstest.New(t, moto, o), image: f, size: max(1, (size+1<<30-1)>>30) << 30}
	v.snapshot, _ = v.SeedSnapshot(v.Account(1), region, path)
	v.client = v.newClient()
	return v
}

// newClient returns a client that tries each call once.
func (v *volume) newClient() *sdk.Client {
	return sdk.NewFromConfig(v.Config(region, v.AddKey(v.Account(1), "reader")), func(o *sdk.Options) { o.Retryer = aws.NopRetryer{} })
}

// replace makes a snapshot of other bytes.
func (v *volume) replace(t *testing.T, data []byte) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "other.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	v.image = f
	v.snapshot, _ = v.SeedSnapshot(v.Account(1), region, f.Name())
}

func (v *volume) open(t testing.TB, o ebs.Options) *ebs.Device {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	d, err := ebs.Open(t.Context(), v.client, v.snapshot, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// same reports a difference between the device and the image, which is followed by zeros up to the volume's end.
func (v *volume) same(d *ebs.Device, off, length int64) error {
	got := bytes.Repeat([]byte{0xaa}, int(length)) // what is not written shows
	n, err := d.ReadAt(got, off)
	want := make([]byte, min(length, max(0, v.size-off)))
	if _, err := v.image.ReadAt(want, off); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case n != len(want):
		return fmt.Errorf("read %d at %d: got %d bytes, want %d", length, off, n, len(want))
	case int64(n) < length && !errors.Is(err, io.EOF), int64(n) == length && off+length < v.size && err != nil:
		return fmt.Errorf("read %d at %d: got error %w", length, off, err)
	case !bytes.Equal(got[:n], want):
		return fmt.Errorf("read %d at %d: other bytes than the image's", length, off)
	}
	return nil
}

func TestReadAt(t *testing.T) {
	const size = 40*block + 777 // the image's last block is a part of one
	v := newVolume(t, awstest.Options{}, size, 0, 1, 3, 7, 8, 9, 20, 40)
	d := v.open(t, ebs.Options{})
	if d.Size() != 1<<30 || d.Size() != v.size {
		t.Errorf("got size %d, want 1 GiB", d.Size())
	}
	for _, tc := range []struct {
		name        string
		off, length int64
	}{
		{"nothing", 5, 0},
		{"one_byte", block - 1, 1},
		{"first_block", 0, block},
		{"across_two", block - 10, 20},
		{"written_and_hole", block * 3 / 2, 3 * block},
		{"hole", 4 * block, block},
		{"many", 3, 22 * block},
		{"last_part", 40*block - 5, 2000},
		{"after_the_image", size + 10, block},
		{"up_to_the_end", v.size - block - 1, block + 1},
		{"beyond_the_end", v.size - 10, 100},
	} {
		if err := v.same(d, tc.off, tc.length); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for _, tc := range []struct {
		off int64
		eof bool
	}{{v.size, true}, {v.size + 1, true}, {1 << 62, true}, {-1, false}} {
		if n, err := d.ReadAt(make([]byte, 10), tc.off); n != 0 || err == nil || errors.Is(err, io.EOF) != tc.eof {
			t.Errorf("at %d: got %d, %v", tc.off, n, err)
		}
	}
	got, err := io.ReadAll(io.NewSectionReader(d, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(v.image.Name())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the whole is not the image (%v)", err)
	}
	stats, c := v.BlockStats(), d.Counters()
	if stats.Gets != 8 || stats.Unique != 8 || c.Blocks != 8 || c.Bytes != 8*block || c.Lists != int64(stats.Lists) || c.Lists != 1 {
		t.Errorf("got %+v and %+v, want each of the 8 written blocks fetched once", c, stats)
	}
}

// TestReadAtAnywhere reads at random places of random lengths, of a device that keeps almost nothing, from many goroutines at once.
func TestReadAtAnywhere(t *testing.T) {
	const size = 64*block + 13
	var written []int64
	for n := int64(0); n <= 64; n += 1 + n%3 {
		written = append(written, n)
	}
	v := newVolume(t, awstest.Options{}, size, written...)
	d := v.open(t, ebs.Options{CacheBytes: 1, Parallel: 3})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			for range 60 {
				off, length := rnd.Int64N(size+block), rnd.Int64N(3*block)
				if rnd.IntN(8) == 0 {
					off = v.size - rnd.Int64N(block)
				}
				if err := v.same(d, off, length); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if c := d.Counters(); c.Blocks != int64(v.BlockStats().Gets) || c.Bytes != c.Blocks*block {
		t.Errorf("got %+v, AWS gave out %+v", c, v.BlockStats())
	}
}

// TestHold asks for a block once however many want it, keeps blocks that are used no more compressed, of those used longest ago the pages that
// were read, and all that within its bound. Two blocks fit in as they are, two more compressed if they cannot be made smaller.
func TestHold(t *testing.T) {
	v := newVolume(t, awstest.Options{}, block, 0)
	rnd := rand.NewChaCha8([32]byte{2})
	noise := make([]byte, 12*block) // which nothing makes smaller
	_, _ = rnd.Read(noise)
	v.replace(t, noise)
	d := v.open(t, ebs.Options{CacheBytes: 4 * block})
	touch := func(n, off int64) {
		t.Helper()
		if err := v.same(d, n*block+off, 100); err != nil {
			t.Error(err)
		}
	}
	want := func(blocks, again int64, what string) {
		t.Helper()
		if c := d.Counters(); c.Blocks != blocks || c.Again != again || int64(v.BlockStats().Gets) != blocks {
			t.Errorf("%s: got %+v, want %d requests, %d of them again", what, c, blocks, again)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { touch(0, 0) })
	}
	wg.Wait()
	want(1, 0, "20 readers of one block")
	for n := range int64(12) {
		touch(n, 10)
	}
	want(12, 0, "every block")
	for n := range int64(12) {
		touch(n, 3000)
	}
	want(12, 0, "the same page of every block")
	touch(11, 90_000)
	want(12, 0, "another page of the block used last")
	touch(0, 90_000)
	want(13, 1, "another page of a block used long ago")
	if most := d.Counters().HeldBytes; most > 4*block+2*block { // one comes in before another goes out
		t.Errorf("held %d bytes", most)
	}
}

// TestPages reads a volume whose blocks fill many pages and more than one stretch of listing.
func TestPages(t *testing.T) {
	written := []int64{0, 8191, 8192, 8193, 12000}
	for n := range int64(250) {
		written = append(written, 100+2*n)
	}
	slices.Sort(written)
	v := newVolume(t, awstest.Options{}, 12001*block, written...)
	// AWS may give a page shorter than was asked for.
	v.Before("ebs", "ListSnapshotBlocks", func(c *awstest.Call) *awstest.Reply {
		c.Params.Set("maxResults", "100")
		return nil
	})
	d := v.open(t, ebs.Options{})
	for _, n := range append(slices.Clone(written), 1, 101, 9000, 12002, v.size/block-1) {
		if err := v.same(d, n*block, 64); err != nil {
			t.Error(err)
		}
		if err := v.same(d, (n+1)*block-64, 64); err != nil {
			t.Error(err)
		}
	}
	stats, c := v.BlockStats(), d.Counters()
	if stats.Unique != len(written) || c.Lists != int64(stats.Lists) || c.Lists < 4 || c.Lists > 8 {
		t.Errorf("got %+v and %+v, want %d blocks in few pages", c, stats, len(written))
	}
}

// TestTokensExpire reads on after the tokens have run out: known beforehand, and by AWS's refusal.
func TestTokensExpire(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	for _, tc := range []struct {
		name string
		own  func() time.Time // the device's clock
	}{
		{"known", clock},
		{"refused", time.Now}, // a clock that goes wrong
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := newVolume(t, awstest.Options{Now: clock, TokenLife: time.Hour}, 4*block, 0, 1, 2)
			d := v.open(t, ebs.Options{Now: tc.own})
			if err := v.same(d, 0, 10); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
			defer func() { now = now.Add(-2 * time.Hour) }()
			for _, n := range []int64{1, 2, 0} {
				if err := v.same(d, n*block, block); err != nil {
					t.Error(err)
				}
			}
			c := d.Counters()
			if tc.name == "known" && (c.Lists != 2 || c.Blocks != 3) {
				t.Errorf("got %+v, want the tokens listed anew once and no block refused", c)
			}
			if tc.name == "refused" && (c.Lists != 2 || c.Blocks != 4) {
				t.Errorf("got %+v, want one refusal and one new list", c)
			}
		})
	}
}

func TestDamagedBlock(t *testing.T) {
	v := newVolume(t, awstest.Options{}, 4*block, 0, 1, 2)
	d := v.open(t, ebs.Options{})
	v.CorruptBlock(v.snapshot, 0, 1)
	if err := v.same(d, 0, block); err != nil {
		t.Errorf("damaged once: %v", err)
	}
	v.CorruptBlock(v.snapshot, 1, 2)
	if _, err := d.ReadAt(make([]byte, 10), block); !errors.Is(err, ebs.ErrBlock) || !strings.Contains(err.Error(), "block 1 of "+v.snapshot) {
		t.Errorf("damaged twice: got %v, want ErrBlock", err)
	}
	if err := v.same(d, 0, 4*block); err != nil { // what was damaged is not kept
		t.Errorf("later: %v", err)
	}
	cut := v.After("ebs", "GetSnapshotBlock", func(_ *awstest.Call, r *awstest.Reply) *awstest.Reply {
		r.Header.Set("X-Amz-Checksum-Algorithm", "MD5")
		return r
	})
	fresh := v.open(t, ebs.Options{})
	if _, err := fresh.ReadAt(make([]byte, 3*block), 0); err == nil {
		t.Error("an unknown checksum: got no error")
	}
	cut()
}

// TestRefusals surfaces what AWS says, on opening and later, with its code for whoever classifies it.
func TestRefusals(t *testing.T) {
	v := newVolume(t, awstest.Options{}, 4*block, 0, 1, 2)
	d := v.open(t, ebs.Options{})
	read := func() error { _, err := d.ReadAt(make([]byte, 2*block), 0); return err }
	open := func() error {
		_, err := ebs.Open(t.Context(), v.client, v.snapshot, ebs.Options{Now: time.Now})
		return err
	}
	for _, tc := range []struct {
		name, action string
		hook         awstest.Hook
		do           func() error
		want         any
	}{
		{"list_denied", "ListSnapshotBlocks", awstest.Deny(), open, new(*types.AccessDeniedException)},
		{"get_denied", "GetSnapshotBlock", awstest.Deny(), read, new(*types.AccessDeniedException)},
		{"list_throttled", "ListSnapshotBlocks", awstest.Throttle(), open, new(*types.RequestThrottledException)},
		{"get_throttled", "GetSnapshotBlock", awstest.Throttle(), read, new(*types.RequestThrottledException)},
	} {
		remove := v.Before("ebs", tc.action, tc.hook)
		err := tc.do()
		if err == nil || !errors.As(err, tc.want) || !strings.Contains(err.Error(), v.snapshot) {
			t.Errorf("%s: got %v", tc.name, err)
		}
		remove()
	}
	v.DenyKey(v.snapshot, "arn:aws:kms:"+region+":"+v.Account(1)+":key/k")
	var denied *types.AccessDeniedException
	if err := read(); !errors.As(err, &denied) || denied.Reason != types.AccessDeniedExceptionReasonDependencyAccessDenied {
		t.Errorf("key refuses: got %v", err)
	}
	v.DenyKey(v.snapshot, "")
	if err := v.same(d, 0, 4*block); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
	if _, err := ebs.Open(t.Context(), v.client, "snap-0123456789abcdef0", ebs.Options{Now: time.Now}); !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("no such snapshot: got %v", err)
	}
	if _, err := ebs.Open(t.Context(), v.client, v.snapshot, ebs.Options{}); err == nil {
		t.Error("no clock: got no error")
	}
}
