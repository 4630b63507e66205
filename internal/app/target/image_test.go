package target_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/app/core"
	"hinomi/internal/app/target"
	"hinomi/internal/inventory"
)

// readImage reads a disk image as a user does.
func readImage(t *testing.T, path string) *inventory.Inventory {
	t.Helper()
	cfg := core.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}
	start := time.Now()
	s, err := target.Read(t.Context(), cfg, path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != "image" || s.Inventory.Method != inventory.Agentless {
		t.Errorf("got kind %q, method %q", s.Kind, s.Inventory.Method)
	}
	t.Logf("read in %v, notes %q", time.Since(start).Round(time.Millisecond), s.Inventory.Notes)
	return s.Inventory
}

// wantImage holds the packages of one extractor against an independent list, all of them, and the system against what it is.
func wantImage(t *testing.T, inv *inventory.Inventory, foundBy, id, version string, want []string) {
	t.Helper()
	ecosystem, _ := inventory.OS{ID: id}.Ecosystem()
	var got []string
	for _, p := range inv.Packages {
		if p.FoundBy != foundBy {
			continue
		}
		got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch}, "\t"))
		if p.Ecosystem != ecosystem {
			t.Errorf("%s: got ecosystem %q, want %q", p.Name, p.Ecosystem, ecosystem)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("got %d packages, want %d (-want +got):\n%s", len(got), len(want), diff)
	}
	if inv.OS.ID != id || inv.OS.VersionID != version {
		t.Errorf("got OS %+v, want %s %s", inv.OS, id, version)
	}
	if len(inv.Gaps) != 0 {
		t.Errorf("got gaps %+v", inv.Gaps)
	}
	t.Logf("%d of %d packages", len(got), len(want))
}

// dpkgLines is what dpkg itself says is installed in a root.
func dpkgLines(t *testing.T, root string) []string {
	t.Helper()
	const format = `${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n`
	var out []string
	for line := range strings.Lines(imageRun(t, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-W", "-f", format)) {
		if installed, ok := strings.CutSuffix(line, "\tinstalled\n"); ok {
			out = append(out, installed)
		}
	}
	slices.Sort(out)
	return out
}

// imageWays are the ways in which a tree comes into an image.
var imageWays = []struct {
	name string
	make func(t *testing.T, root string) imageDisk
}{
	{"ext4_by_mke2fs", func(t *testing.T, root string) imageDisk { return newImageDisk(t, "ext4", 600, "-d", root) }},
	{"ext4", func(t *testing.T, root string) imageDisk { return newImageDisk(t, "ext4", 600).filled(t, root) }},
	{"xfs", func(t *testing.T, root string) imageDisk { return newImageDisk(t, "xfs", 600).filled(t, root) }},
}

// TestImageDebian holds images of a real Debian against dpkg-query on the root that they were made of.
func TestImageDebian(t *testing.T) {
	root := imageDebian(t)
	want := dpkgLines(t, root)
	if len(want) < 80 {
		t.Fatalf("dpkg-query says %d packages: no Debian", len(want))
	}
	for _, w := range imageWays {
		t.Run(w.name, func(t *testing.T) {
			inv := readImage(t, w.make(t, root).path)
			wantImage(t, inv, "dpkg", "debian", "12", want)
			if inv.OS.Arch == "" || inv.OS.Codename != "bookworm" {
				t.Errorf("got OS %+v", inv.OS)
			}
		})
	}
}

// imageSpec is a source package of n packages, with and without epoch, of every kind of version and of two architectures.
func imageSpec(n int) string {
	var b strings.Builder
	b.WriteString("Name: many\nVersion: 1.0\nRelease: 1.el9\nSummary: x\nLicense: MIT\n%description\nx\n%install\n")
	for i := range n {
		fmt.Fprintf(&b, "mkdir -p %%{buildroot}/opt/p%02d\necho %d > %%{buildroot}/opt/p%02d/file\n", i, i, i)
	}
	for i := range n {
		fmt.Fprintf(&b, "%%package -n p%02d\nSummary: x\nVersion: %s\nRelease: %d.el9_%d\n", i, []string{"1.2", "2.0~rc1", "3^20240101git", "2024a"}[i%4], i, i%5)
		if i%3 != 0 {
			fmt.Fprintf(&b, "Epoch: %d\n", i%3-1) // 0 and 1: an epoch of 0 is no epoch
		}
		if i%2 == 0 {
			b.WriteString("BuildArch: noarch\n")
		}
		fmt.Fprintf(&b, "%%description -n p%02d\nx\n%%files -n p%02d\n/opt/p%02d\n", i, i, i)
	}
	return b.String()
}

// rpmRoot is a root whose packages rpmbuild built and rpm installed, and of which rpm removed some.
func rpmRoot(t *testing.T, n int) string {
	t.Helper()
	imageNeeds(t, "rpm", "rpmbuild")
	if os.Geteuid() != 0 {
		imageMissing(t, "rpm --root needs root")
	}
	top, root := t.TempDir(), t.TempDir()
	imageWrite(t, top, "many.spec", []byte(imageSpec(n)))
	imageRun(t, "rpmbuild", "--quiet", "--define", "_topdir "+top, "-bb", filepath.Join(top, "many.spec"))
	built, err := filepath.Glob(filepath.Join(top, "RPMS/*/*.rpm"))
	if err != nil || len(built) != n {
		t.Fatalf("built %d packages, want %d, %v", len(built), n, err)
	}
	imageWrite(t, root, "etc/os-release", []byte("ID=\"almalinux\"\nVERSION_ID=\"9.4\"\n"))
	rpm := []string{"--root", root, "--dbpath", "/var/lib/rpm", "--nodeps"}
	imageRun(t, "rpm", append(append(slices.Clone(rpm), "-i"), built...)...)
	imageRun(t, "rpm", append(slices.Clone(rpm), "-e", "p01", "p02", "p17")...)
	return root
}

// TestImageRPM holds images of a root that rpm made against rpm -qa on that root.
func TestImageRPM(t *testing.T) {
	const n = 40
	root := rpmRoot(t, n)
	var want []string
	const format = `%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\n`
	for line := range strings.Lines(imageRun(t, "rpm", "--root", root, "--dbpath", "/var/lib/rpm", "-qa", "--qf", format)) {
		want = append(want, strings.Replace(strings.TrimSpace(line), "\t0:", "\t", 1))
	}
	slices.Sort(want)
	if len(want) != n-3 {
		t.Fatalf("rpm -qa says %d packages, want %d", len(want), n-3)
	}
	for _, w := range imageWays {
		t.Run(w.name, func(t *testing.T) {
			wantImage(t, readImage(t, w.make(t, root).path), "rpm", "almalinux", "9.4", want)
		})
	}
}

// TestImageDistributions holds images with real databases of distributions, in each of the three forms, against what independent readers
// found in them. The databases and lists are those of the extractors' tests; their origin is in testdata/README.md there.
func TestImageDistributions(t *testing.T) {
	fixtures := filepath.Join("..", "..", "source", "extract", "testdata", "rpmdb")
	for _, c := range []struct{ name, fixture, path, id, version string }{
		{"berkeley_db", "centos5-plain", "var/lib/rpm/Packages", "centos", "5"},
		{"berkeley_db_one", "libuuid", "var/lib/rpm/Packages", "rhel", "8"},
		{"sqlite", "cbl-mariner-2.0", "var/lib/rpm/rpmdb.sqlite", "mariner", "2.0"},
		{"ndb", "sle15-bci", "usr/lib/sysimage/rpm/Packages.db", "sles", "15.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			imageWrite(t, root, "etc/os-release", []byte("ID="+c.id+"\nVERSION_ID="+c.version+"\n"))
			imageWrite(t, root, c.path, imageUnzip(t, filepath.Join(fixtures, c.fixture+".gz")))
			list, err := os.ReadFile(filepath.Join(fixtures, c.fixture+".list"))
			if err != nil {
				t.Fatal(err)
			}
			inv := readImage(t, newImageDisk(t, "ext4", 64, "-d", root).path)
			wantImage(t, inv, "rpm", c.id, c.version, imageListed(string(list)))
		})
	}
}

// imageListed turns the lines of a list, NAME|EPOCH|VERSION|RELEASE|ARCH|…, into those of wantImage, without public keys.
func imageListed(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(strings.ReplaceAll(line, "(none)", "")), "|")
		if f[0] == "gpg-pubkey" {
			continue
		}
		version := f[2] + "-" + f[3]
		if f[1] != "" && f[1] != "0" {
			version = f[1] + ":" + version
		}
		out = append(out, strings.Join([]string{f[0], version, f[4]}, "\t"))
	}
	slices.Sort(out)
	return out
}

// TestImageLiveUpgrade copies a disk while it is mounted, just after an upgrade of packages: the upgrade stands in the journal alone.
func TestImageLiveUpgrade(t *testing.T) {
	root := imageDebian(t)
	before := dpkgLines(t, root)
	for _, c := range []struct {
		name, kind string
		mkfs       []string
		ignore     string // the mount option by which the kernel passes the journal over
		syncFile   bool   // seal the upgrade by the file, not by its folder
		note       string
	}{
		{"ext4", "ext4", nil, "noload", false, "journal replayed: "},
		{"ext4_fast_commit", "ext4", []string{"-O", "fast_commit"}, "noload", true, "fast commits replayed: "},
		{"xfs", "xfs", nil, "norecovery", false, "journal replayed: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := newImageDisk(t, c.kind, 600, c.mkfs...).filled(t, root)
			var snapshot imageDisk
			upgraded := 0
			disk.mounted(t, map[string]string{"ext4": "noatime,commit=300", "xfs": "noatime"}[c.kind], func(dir string) {
				upgraded = imageUpgrade(t, filepath.Join(dir, "var/lib/dpkg"), c.syncFile)
				snapshot = disk.copied(t)
			})
			inv := readImage(t, snapshot.path)
			snapshot.mounted(t, "ro,"+c.ignore, func(dir string) {
				if diff := cmp.Diff(before, dpkgLines(t, dir)); diff != "" {
					t.Errorf("the upgrade is on the disk without the journal, so this shows nothing:\n%s", diff)
				}
			})
			var after []string
			snapshot.mounted(t, "", func(dir string) { after = dpkgLines(t, dir) }) // the kernel replays the journal
			if n := imageChanged(before, after); n != upgraded || n < 20 {
				t.Fatalf("the kernel sees %d packages upgraded of %d", n, upgraded)
			}
			wantImage(t, inv, "dpkg", "debian", "12", after)
			if !strings.Contains(strings.Join(inv.Notes, "\n"), c.note) {
				t.Errorf("got notes %q, want %q", inv.Notes, c.note)
			}
			clean := readImage(t, snapshot.path)
			if clean.Hash() != inv.Hash() || strings.Contains(strings.Join(clean.Notes, "\n"), "replayed: ") {
				t.Errorf("the disk that the kernel has recovered differs, or has a journal still; notes %q", clean.Notes)
			}
			t.Logf("%d of %d packages upgraded", upgraded, len(after))
		})
	}
}

// imageUpgrade gives every third package a new version, in the steps in which dpkg writes its status, and returns how many.
// dpkg syncs the folder at last, which ext4 seals with a whole transaction; the sync of the file is sealed by a fast commit.
func imageUpgrade(t *testing.T, admin string, syncFile bool) (n int) {
	t.Helper()
	status := filepath.Join(admin, "status")
	old, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	seen := 0
	for line := range strings.Lines(string(old)) {
		if strings.HasPrefix(line, "Version: ") {
			if seen++; seen%3 == 0 {
				n++
				line = strings.TrimSuffix(line, "\n") + "+u99\n"
			}
		}
		b.WriteString(line)
	}
	f, err := os.Create(status + "-new")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(admin)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close() //nolint:errcheck // only read
	seal := dir.Sync
	if syncFile {
		seal = f.Sync
	}
	for _, step := range []func() error{
		func() error { _, err := f.WriteString(b.String()); return err },
		f.Sync,
		func() error { return os.Remove(status + "-old") },
		func() error { return os.Link(status, status+"-old") },
		func() error { return os.Rename(status+"-new", status) },
		seal,
		f.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// imageChanged counts the lines that a list has and another has not.
func imageChanged(before, after []string) (n int) {
	for _, line := range after {
		if _, same := slices.BinarySearch(before, line); !same {
			n++
		}
	}
	return n
}

func imageWrite(t *testing.T, root, name string, data []byte) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func imageUnzip(t *testing.T, name string) []byte {
	t.Helper()
	packed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
