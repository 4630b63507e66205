package disk_test

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"hinomi/internal/source/disk"
)

// ntfsSeed fills a partition with the seed of the NTFS reader, which has a Windows folder.
func ntfsSeed(t testing.TB, image string) {
	t.Helper()
	f, err := os.Open("ntfs/testdata/seed.img.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = out.WriteAt(raw, 0)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestWindowsRoot mounts a disk as Windows lays it out: a reserved partition, and the root in NTFS.
func TestWindowsRoot(t *testing.T) {
	d := openDisk(t, makeDisk(t, "gpt", 65536,
		part{2048, 2048, ", type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE", nil},
		part{8192, 8192, ", type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", ntfsSeed},
	), disk.Options{})
	if err := d.Volumes[0].Err; !errors.Is(err, disk.ErrNoFiles) {
		t.Errorf("reserved partition: got %v, want disk.ErrNoFiles", err)
	}
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	if root.Volume != d.Volumes[1] || root.Volume.Type != "ntfs" {
		t.Errorf("got root %+v", root.Volume)
	}
	for _, name := range []string{"Windows/System32/config/SOFTWARE", "windows/system32/CONFIG/software", "link"} {
		if data, err := fs.ReadFile(root, name); string(data) != "hive" || err != nil {
			t.Errorf("%s: got %q, %v", name, data, err)
		}
	}
	for _, u := range root.Unmounted {
		if !errors.Is(u.Err, disk.ErrNoFiles) {
			t.Errorf("not mounted: %+v", u)
		}
	}
}
