package target_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/app/core"
	"hinomi/internal/app/target"
	"hinomi/internal/inventory"
)

// TestOwned lists what the distribution's packages brought, with its owner, where that is asked for: of a folder in this process, of a disk in the
// child. Otherwise a note says how much was not opened.
func TestOwned(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	const site = "usr/lib/python3/dist-packages/"
	for name, text := range map[string]string{
		"etc/os-release":                                 "ID=debian\nVERSION_ID=\"12\"\n",
		"var/lib/dpkg/status":                            "Package: python3-six\nStatus: install ok installed\nVersion: 1.16.0-4\nArchitecture: all\nMaintainer: Debian <x@debian.org>\n",
		"var/lib/dpkg/info/python3-six.list":             "/.\n/usr\n/" + site + "six-1.16.0.dist-info\n/" + site + "six-1.16.0.dist-info/METADATA\n",
		site + "six-1.16.0.dist-info/METADATA":           "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n",
		"opt/app/site-packages/own-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: own\nVersion: 1\n",
	} {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, name), []byte(text))
	}
	targets := map[string]string{"folder": tree}
	if !t.Run("image", func(t *testing.T) {
		imageNeeds(t, "mke2fs")
		image := write(t, filepath.Join(dir, "disk.img"), make([]byte, 8<<20))
		imageRun(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, image)
		targets["image"] = image
	}) {
		t.FailNow()
	}
	for kind, name := range targets {
		for _, owned := range []bool{false, true} {
			s, err := target.Read(context.Background(), core.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}, name, target.Options{Owned: owned})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, p := range s.Inventory.Packages {
				if p.Ecosystem == inventory.PyPI {
					got[p.Name] = p.OwnedBy
				}
			}
			noted := slices.ContainsFunc(s.Inventory.Notes, func(n string) bool { return strings.Contains(n, "were not opened") })
			if _, six := got["six"]; six != owned || noted == owned || owned && got["six"] != "python3-six" {
				t.Errorf("%s, owned %v: got %v, notes %q", kind, owned, got, s.Inventory.Notes)
			}
			if by, ok := got["own"]; !ok || by != "" {
				t.Errorf("%s, owned %v: got %v, want what nobody owns", kind, owned, got)
			}
		}
	}
}
