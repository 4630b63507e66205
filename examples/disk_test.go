package examples_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	diskFile = "disk/shop-web-01.img.gz"
	diskSize = 36 << 20
	maxFile  = 3 << 20 // no committed file of the example is larger
)

// need skips the test, loudly, if a tool is missing; where everything is
// required it fails.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is missing and HINOMI_TEST_REQUIRE=all", tool)
		}
		t.Skipf("SKIPPED: %s is missing, so the disk's files were not compared", tool)
	}
}

func rawDisk(t *testing.T) []byte {
	t.Helper()
	f, err := os.Open(diskFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, diskSize+1))
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) != diskSize {
		t.Fatalf("got a disk of %d bytes, want %d", len(raw), diskSize)
	}
	return raw
}

// rootPartition returns the bytes of the partition named root, by the GPT
// (UEFI 2.10, 5.3.2 and 5.3.3).
func rootPartition(t *testing.T, disk []byte) []byte {
	t.Helper()
	head := disk[512:1024]
	if string(head[:8]) != "EFI PART" {
		t.Fatal("no GPT")
	}
	entries := binary.LittleEndian.Uint64(head[72:]) * 512
	count, size := binary.LittleEndian.Uint32(head[80:]), binary.LittleEndian.Uint32(head[84:])
	for i := range count {
		e := disk[entries+uint64(i*size):]
		if name := strings.TrimRight(string(bytes.ReplaceAll(e[56:128], []byte{0}, nil)), " "); name == "root" {
			first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
			return disk[first*512 : (last+1)*512]
		}
	}
	t.Fatal("no partition named root")
	return nil
}

func TestDiskIsAnInstances(t *testing.T) {
	raw, err := os.ReadFile("disks.json")
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Disks []struct{ Account, Region, InstanceID, VolumeID, Device, File string }
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Disks) != 1 || index.Disks[0].File != diskFile {
		t.Fatalf("got %+v, want one disk, %s", index.Disks, diskFile)
	}
	d := index.Disks[0]
	files := load(t)[place{d.Account, d.Region}]
	for _, i := range instances(files) {
		if i["InstanceId"] != d.InstanceID {
			continue
		}
		root := i["BlockDeviceMappings"].([]any)[0].(object)
		if got := root["Ebs"].(object)["VolumeId"]; got != d.VolumeID || root["DeviceName"] != d.Device || i["RootDeviceName"] != d.Device {
			t.Errorf("root is %v on %v, want %s on %s", got, root["DeviceName"], d.VolumeID, d.Device)
		}
		for _, image := range list(files, "Images") {
			if image["ImageId"] == i["ImageId"] && !strings.HasPrefix(image["Name"].(string), "AlmaLinux OS 10.") {
				t.Errorf("its image is %v, the disk's system is AlmaLinux 10", image["Name"])
			}
		}
		return
	}
	t.Fatalf("no instance %s in %s %s", d.InstanceID, d.Account, d.Region)
}

func TestDiskLayout(t *testing.T) {
	root := rootPartition(t, rawDisk(t))
	if len(root) != 32<<20 {
		t.Errorf("got a root partition of %d bytes, want 32 MiB", len(root))
	}
	if magic := binary.LittleEndian.Uint16(root[1024+56:]); magic != 0xEF53 { // ext4 documentation, "The Super Block", s_magic
		t.Errorf("got magic %#x, want ext4", magic)
	}
}

// TestDiskHoldsOrigin wants exactly the files of disk/ORIGIN.tsv on the disk.
func TestDiskHoldsOrigin(t *testing.T) {
	need(t, "debugfs")
	dir := t.TempDir()
	image := filepath.Join(dir, "root.ext4")
	if err := os.WriteFile(image, rootPartition(t, rawDisk(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "root")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("debugfs", "-R", "rdump / "+out, image).CombinedOutput(); err != nil {
		t.Fatalf("debugfs: %v\n%s", err, msg)
	}
	want := origins(t)
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(name)
		rel, rerr := filepath.Rel(out, name)
		sum := sha256.Sum256(raw)
		if got := hex.EncodeToString(sum[:]); got != want[rel] {
			t.Errorf("%s: SHA-256 %s, want %s", rel, got, want[rel])
		}
		delete(want, rel)
		return errors.Join(err, rerr)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is not on the disk", name)
	}
}

// origins returns the SHA-256 of each file that disk/ORIGIN.tsv names, and
// wants an origin and a licence for each.
func origins(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("disk/ORIGIN.tsv")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 5 || f[2] == "" || f[4] == "" || f[4] == "?" {
			t.Fatalf("line %q: want five columns", line)
		}
		sums[f[1]] = f[0]
	}
	if len(sums) < 25 {
		t.Fatalf("only %d origins", len(sums))
	}
	return sums
}

// TestTreeIsOrigin holds the committed text files to the same list.
func TestTreeIsOrigin(t *testing.T) {
	want := origins(t)
	err := filepath.WalkDir("disk/tree", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(name)
		sum := fmt.Sprintf("%x", sha256.Sum256(raw))
		if rel, _ := filepath.Rel("disk/tree", name); want[rel] != sum {
			t.Errorf("%s: SHA-256 %s, want %s", rel, sum, want[rel])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPackageDatabase wants rpm to find in the committed database exactly the
// packages of packages.tsv: epoch, version, release, architecture and source.
func TestPackageDatabase(t *testing.T) {
	need(t, "rpm")
	dir := t.TempDir() // rpm writes beside its database
	raw, err := os.ReadFile("disk/tree/usr/lib/sysimage/rpm/rpmdb.sqlite")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rpmdb.sqlite"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	const form = `%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n`
	got, err := exec.Command("rpm", "--dbpath", dir, "--define", "_db_backend sqlite", "-qa", "--qf", form).Output()
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("disk/packages.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(strings.Lines(string(list)))[1:] // the first is the comment
	if diff := cmp.Diff(want, slices.Sorted(strings.Lines(string(got)))); diff != "" || len(want) != 164 {
		t.Errorf("%d packages (-list +rpm):\n%s", len(want), diff)
	}
}

func TestFilesAreSmall(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > maxFile {
			t.Errorf("%s has %d bytes, at most %d", name, info.Size(), maxFile)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
