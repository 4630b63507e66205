package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/disktest"
	"hinomi/internal/source/extract"
)

// TestDebianOnEveryFileSystem scans a Debian on each file system as a disk, from its bytes to its packages: the inventory is that of the folder.
func TestDebianOnEveryFileSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds disk images")
	}
	disktest.Need(t, "", "mkfs.btrfs", "mkfs.erofs", "mksquashfs", "truncate")
	cache := os.Getenv("HINOMI_TEST_CACHE")
	if cache == "" {
		cache = filepath.Join(os.TempDir(), "hinomi-test-cache")
	}
	source := filepath.Join(cache, "extract-debian12")
	if _, err := os.Stat(filepath.Join(source, ".complete")); err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal("no Debian root in HINOMI_TEST_CACHE: run the tests of source/extract as root, they make it")
		}
		t.Skip("SKIPPED, NOTHING TESTED: no Debian root in HINOMI_TEST_CACHE")
	}
	options := extract.Options{Method: inventory.Agentless, Source: "test"}
	want, _, err := extract.Extract(t.Context(), os.DirFS(source), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Packages) < 80 {
		t.Fatalf("%d packages in the folder", len(want.Packages))
	}
	for _, tt := range []struct {
		kind string
		make func(image string)
	}{
		{"btrfs", func(image string) {
			disktest.Run(t, "truncate", "-s", "1G", image)
			disktest.Run(t, "mkfs.btrfs", "-q", "--rootdir", source, image)
		}},
		{"erofs", func(image string) { disktest.Run(t, "mkfs.erofs", "--quiet", "-zlz4", image, source) }},
		{"squashfs", func(image string) {
			disktest.Run(t, "mksquashfs", source, image, "-quiet", "-no-progress", "-comp", "lz4")
		}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			tt.make(image)
			d, err := disk.Open(disktest.File(t, image), disk.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			root, err := disk.Mount(d)
			if err != nil {
				t.Fatal(err)
			}
			if root.Volume.Type != tt.kind {
				t.Errorf("type %q", root.Volume.Type)
			}
			got, _, err := extract.Extract(t.Context(), root, options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +:\n%.4000s", diff)
			}
			t.Logf("%d packages", len(got.Packages))
		})
	}
}
