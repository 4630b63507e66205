package ebs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/ebs"
	"hinomi/internal/source/disk/ebs/kept"
	"hinomi/internal/source/extract"
)

// TestScan reads the inventory of a real Debian from an 8 GiB volume whose every request takes 20 ms: first whole, then again unchanged,
// then after an upgrade of ten packages. Time is that of a bubble: it counts what requests wait for each other, and not this machine's load.
func TestScan(t *testing.T) {
	root := debian(t)
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), kind+".img")
			makeImage(t, kind, name, root)
			upgraded := filepath.Join(t.TempDir(), "upgraded.img")
			command(t, "cp", "--sparse=auto", name, upgraded)
			upgrade(t, upgraded)
			then, now := openDistant(t, name), openDistant(t, upgraded)
			then.before, now.before = then, then
			synctest.Test(t, func(t *testing.T) { threeScans(t, then, now) })
		})
	}
}

func threeScans(t *testing.T, then, now *distant) {
	dir := t.TempDir()
	whole := then.scan(t, "snap-1", dir, nil)
	t.Logf("first: %s", whole)
	if whole.cost.Again != 0 || whole.cost.Blocks != int64(then.unique()) || whole.cost.Blocks*4 > int64(len(then.listed)) {
		t.Errorf("first scan: got %s of %d, want at most a quarter, none twice", whole, len(then.listed))
	}
	if whole.took > 2*time.Second {
		t.Errorf("first scan: it took %s", whole.took)
	}
	if len(whole.inventory.Packages) < 100 || len(whole.inventory.Gaps) > 0 {
		t.Errorf("first scan: got %d packages, gaps %v", len(whole.inventory.Packages), whole.inventory.Gaps)
	}
	same := then.scan(t, "snap-2", dir, then.changes(t, dir, "snap-1", "snap-2"))
	t.Logf("unchanged: %s", same)
	if same.cost.Blocks != 0 || same.cost.Lists != 0 {
		t.Errorf("unchanged: got %s, want no block", same)
	}
	if diff := cmp.Diff(whole.inventory, same.inventory); diff != "" {
		t.Errorf("unchanged: inventory (-first +second):\n%s", diff)
	}
	b := now.changes(t, dir, "snap-2", "snap-3")
	after := now.scan(t, "snap-3", dir, b)
	t.Logf("upgraded: %s, %d blocks changed", after, b.Changes.Len())
	fresh := now.scan(t, "snap-3", t.TempDir(), nil)
	if diff := cmp.Diff(fresh.inventory, after.inventory); diff != "" {
		t.Errorf("upgraded: inventory (-whole read +with what was kept):\n%s", diff)
	}
	if newer := strings.Count(fmt.Sprint(after.inventory.Packages), "+hinomi1"); newer < 10 {
		t.Errorf("upgraded: got %d new versions, want 10", newer)
	}
	if most := int64(b.Changes.Len()); after.cost.Blocks > most || after.cost.Blocks == 0 || after.cost.Again != 0 {
		t.Errorf("upgraded: got %s, want at most the %d that changed", after, most)
	}
}

// outcome is a scan's.
type outcome struct {
	cost      ebs.Counters
	took      time.Duration
	inventory *inventory.Inventory
}

func (o outcome) String() string {
	return fmt.Sprintf("%d blocks in %s, %d again, %d lists, %d MiB held", o.cost.Blocks, o.took, o.cost.Again, o.cost.Lists, o.cost.HeldBytes>>20)
}

// scan reads the whole inventory as an agentless scan does, and keeps what it read.
func (m *distant) scan(t *testing.T, snapshot, dir string, b *ebs.Baseline) (o outcome) {
	t.Helper()
	m.reset()
	begun := time.Now()
	w, err := kept.Create(dir, kept.Header{Snapshot: snapshot, Volume: "vol-1", SizeGiB: 8, Made: begun}, 0)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := ebs.Open(t.Context(), m, snapshot, ebs.Options{Now: time.Now, Baseline: b, Record: w})
	if err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(dev, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	var warm sync.WaitGroup
	warm.Go(func() { root.Warm(t.Context(), 32) })
	o.inventory, _, err = extract.Extract(t.Context(), root, extract.Options{Method: inventory.Agentless, Source: "test", Workers: 32})
	if err != nil {
		t.Fatal(err)
	}
	warm.Wait()
	o.took, o.cost = time.Since(begun), dev.Counters()
	dev.Record()
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	if len(dev.Notes()) > 0 {
		t.Errorf("notes %q", dev.Notes())
	}
	if b != nil {
		if err := b.Kept.Close(); err != nil {
			t.Error(err)
		}
	}
	return o
}

// distant is the EBS direct APIs over an image, 20 ms away. TestBaseline holds the same reader against AWS's published model.
type distant struct {
	file   *os.File
	listed []int32
	sums   map[int32][32]byte
	before *distant // what was on the volume when the snapshot before was made

	mu  sync.Mutex
	got map[int32]int
}

const away = 20 * time.Millisecond

func openDistant(t *testing.T, name string) *distant {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	m := &distant{file: f, sums: map[int32][32]byte{}}
	buf, zero := make([]byte, block), make([]byte, block)
	for at := int64(0); ; {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // holes to the end
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		i := data / block
		if _, err := f.ReadAt(buf, i*block); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf, zero) {
			m.listed = append(m.listed, int32(i))
			m.sums[int32(i)] = sha256.Sum256(buf)
		}
		at = (i + 1) * block
	}
}

func (m *distant) reset() { m.got = map[int32]int{} }

func (m *distant) unique() int { return len(m.got) }

func (m *distant) changes(t *testing.T, dir, first, second string) *ebs.Baseline {
	t.Helper()
	f, err := kept.Open(dir, "vol-1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ebs.Changed(t.Context(), m, first, second)
	if err != nil {
		t.Fatal(err)
	}
	return &ebs.Baseline{Kept: f, Changes: c}
}

// ListSnapshotBlocks implements ebs.API.
func (m *distant) ListSnapshotBlocks(_ context.Context, in *sdk.ListSnapshotBlocksInput, _ ...func(*sdk.Options)) (*sdk.ListSnapshotBlocksOutput, error) {
	time.Sleep(away)
	out := &sdk.ListSnapshotBlocksOutput{BlockSize: aws.Int32(block), VolumeSize: aws.Int64(8), ExpiryTime: aws.Time(time.Now().Add(time.Hour))}
	for _, i := range m.listed {
		if i >= aws.ToInt32(in.StartingBlockIndex) { // 8 GiB have fewer than a page holds in these tests
			out.Blocks = append(out.Blocks, types.Block{BlockIndex: aws.Int32(i), BlockToken: aws.String("token")})
		}
	}
	return out, nil
}

// ListChangedBlocks implements ebs.ChangesAPI.
func (m *distant) ListChangedBlocks(context.Context, *sdk.ListChangedBlocksInput, ...func(*sdk.Options)) (*sdk.ListChangedBlocksOutput, error) {
	time.Sleep(away)
	out := &sdk.ListChangedBlocksOutput{BlockSize: aws.Int32(block), VolumeSize: aws.Int64(8), ExpiryTime: aws.Time(time.Now().Add(time.Hour))}
	for i := int32(0); i < 8<<30/block; i++ {
		if m.sums[i] != m.before.sums[i] {
			out.ChangedBlocks = append(out.ChangedBlocks, types.ChangedBlock{BlockIndex: aws.Int32(i), SecondBlockToken: aws.String("token")})
		}
	}
	return out, nil
}

// GetSnapshotBlock implements ebs.API.
func (m *distant) GetSnapshotBlock(_ context.Context, in *sdk.GetSnapshotBlockInput, _ ...func(*sdk.Options)) (*sdk.GetSnapshotBlockOutput, error) {
	time.Sleep(away)
	m.mu.Lock()
	m.got[*in.BlockIndex]++
	m.mu.Unlock()
	b := make([]byte, block)
	if _, err := m.file.ReadAt(b, int64(*in.BlockIndex)*block); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return &sdk.GetSnapshotBlockOutput{
		BlockData: io.NopCloser(bytes.NewReader(b)), Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
	}, nil
}

// missing skips a test that needs what is not here, or fails it where everything must be.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf(format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// debian is the root that the tests of source/extract make by debootstrap and keep.
func debian(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds disk images")
	}
	if os.Geteuid() != 0 {
		missing(t, "only root can mount images")
	}
	for _, tool := range []string{"mke2fs", "mkfs.xfs", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "%s is not installed", tool)
		}
	}
	cache := os.Getenv("HINOMI_TEST_CACHE")
	if cache == "" {
		cache = filepath.Join(os.TempDir(), "hinomi-test-cache")
	}
	root := filepath.Join(cache, "extract-debian12")
	if _, err := os.Stat(filepath.Join(root, ".complete")); err != nil {
		missing(t, "no Debian root in HINOMI_TEST_CACHE: run the tests of source/extract as root, they make it")
	}
	return root
}

func makeImage(t *testing.T, kind, name, root string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(8 << 30); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if kind == "ext4" {
		command(t, "mke2fs", "-q", "-t", "ext4", name)
	} else {
		command(t, "mkfs.xfs", "-q", name)
	}
	mounted(t, name, func(dir string) { command(t, "cp", "-a", root+"/.", dir) })
}

// mounted mounts an image by the kernel while use runs.
func mounted(t *testing.T, name string, use func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop,noatime", name, dir).CombinedOutput(); err != nil {
		missing(t, "the kernel does not mount %s: %v\n%s", name, err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v\n%s", dir, err, out)
			_ = exec.Command("umount", "-l", dir).Run() // said above
		}
	}()
	use(dir)
}

// upgrade does to an image what dpkg does when it upgrades ten packages: programs and lists are written anew and renamed, then the database.
func upgrade(t *testing.T, name string) {
	t.Helper()
	mounted(t, name, func(dir string) {
		status := filepath.Join(dir, "var/lib/dpkg/status")
		text, err := os.ReadFile(status)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), "\n\n")
		for i := range 10 {
			lines := strings.Split(parts[i*3], "\n")
			for n, line := range lines {
				if strings.HasPrefix(line, "Version: ") {
					lines[n] += "+hinomi1"
				}
			}
			parts[i*3] = strings.Join(lines, "\n")
		}
		programs, err := filepath.Glob(filepath.Join(dir, "usr/bin/[b-d]*"))
		if err != nil || len(programs) < 20 {
			t.Fatalf("%d programs, %v", len(programs), err)
		}
		for _, p := range programs[:20] {
			if b, err := os.ReadFile(p); err == nil {
				replace(t, p, b)
			}
		}
		replace(t, status, []byte(strings.Join(parts, "\n\n")))
	})
}

// replace writes a file beside its place and renames it.
func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := os.Create(name + ".dpkg-new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		t.Fatal(err)
	}
}
