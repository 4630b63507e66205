package extract_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// rpmFixtures are real databases in each of the three forms.
func rpmFixtures() []struct{ name, path, backend, release, ecosystem string } {
	return []struct{ name, path, backend, release, ecosystem string }{
		{"centos5-plain", "var/lib/rpm/Packages", "bdb_ro", "ID=centos\nVERSION_ID=5\n", "CentOS"},
		{"libuuid", "var/lib/rpm/Packages", "bdb_ro", "ID=rhel\nVERSION_ID=8\n", "Red Hat"},
		{"cbl-mariner-2.0", "var/lib/rpm/rpmdb.sqlite", "sqlite", "ID=mariner\nVERSION_ID=2.0\n", "mariner"},
		{"sle15-bci", "usr/lib/sysimage/rpm/Packages.db", "", "ID=sles\nVERSION_ID=15.3\n", "SUSE"},
	}
}

const rpmFormat = `%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{SOURCERPM}|%{VENDOR}\n`

// rpmLines writes an inventory as the lists of independent readers have it: name, epoch:version-release, architecture, source, vendor.
func rpmLines(inv *inventory.Inventory) []string {
	var out []string
	for _, p := range inv.Packages {
		source := p.SourceVersion
		if source == "" {
			if _, source, _ = strings.Cut(p.Version, ":"); source == "" {
				source = p.Version
			}
		}
		out = append(out, strings.Join([]string{p.Name, p.Version, p.Arch, p.SourceName + "-" + source + ".src.rpm", p.Vendor}, "|"))
	}
	slices.Sort(out)
	return out
}

// rpmWant turns lines of rpm's own into the same form, without public keys.
func rpmWant(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if f[0] == "gpg-pubkey" {
			continue
		}
		for i := range f {
			if f[i] == "(none)" {
				f[i] = ""
			}
		}
		evr := f[2] + "-" + f[3]
		if f[1] != "" && f[1] != "0" {
			evr = f[1] + ":" + evr
		}
		out = append(out, strings.Join([]string{f[0], evr, f[4], f[5], f[6]}, "|"))
	}
	slices.Sort(out)
	return out
}

// TestRPMFixtures holds real databases of distributions, in all forms, against what independent readers found in them.
func TestRPMFixtures(t *testing.T) {
	for _, c := range rpmFixtures() {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{"etc/os-release": {Data: []byte(c.release)}, c.path: {Data: unzipped(t, "rpmdb/"+c.name+".gz")}}
			inv := run(t, fsys, extract.Options{})
			list, err := os.ReadFile(filepath.Join("testdata/rpmdb", c.name+".list"))
			if err != nil {
				t.Fatal(err)
			}
			want := rpmWant(string(list))
			if diff := cmp.Diff(want, rpmLines(inv)); diff != "" || len(want) == 0 {
				t.Errorf("%d packages: %s", len(want), diff)
			}
			if len(inv.Gaps) != 0 {
				t.Errorf("got gaps %q", reasons(inv))
			}
			for _, p := range inv.Packages {
				if string(p.Ecosystem) != c.ecosystem || p.Location != "/"+c.path || !strings.HasPrefix(p.PURL, "pkg:rpm/") {
					t.Fatalf("got %+v", p)
				}
			}
			t.Logf("%d packages equal the independent list", len(want))
		})
	}
}

// TestRPMFixturesByTool asks the rpm tool itself for the forms that it can read.
func TestRPMFixturesByTool(t *testing.T) {
	need(t, "rpm")
	for _, c := range rpmFixtures() {
		if c.backend == "" {
			continue // Debian's rpm has no NDB
		}
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(c.path)), unzipped(t, "rpmdb/"+c.name+".gz"), 0o644); err != nil {
				t.Fatal(err)
			}
			text, err := exec.CommandContext(t.Context(), "rpm", "--dbpath", dir, "--define", "_db_backend "+c.backend, "-qa", "--qf", rpmFormat).Output()
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{"etc/os-release": {Data: []byte(c.release)}, c.path: {Data: unzipped(t, "rpmdb/"+c.name+".gz")}}
			if diff := cmp.Diff(rpmWant(string(text)), rpmLines(run(t, fsys, extract.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const specs = `
Name: plain
Version: 1.0
Release: 1%{?dist}
Summary: x
License: MIT
Vendor: AlmaLinux
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/usr/lib/python3.9/site-packages/own-1.0.dist-info
printf 'Metadata-Version: 2.1\nName: own\nVersion: 1.0\n' > %{buildroot}/usr/lib/python3.9/site-packages/own-1.0.dist-info/METADATA
%files
/usr/lib/python3.9/site-packages/own-1.0.dist-info/METADATA
@
Name: epoch
Epoch: 7
Version: 2.3~rc1
Release: 4.el9
Summary: x
License: MIT
Vendor: Somebody Else
%description
x
%package libs
Summary: x
Version: 9.9
%description libs
x
%install
mkdir -p %{buildroot}/opt/third.dist-info
printf 'Name: third\nVersion: 3.0\n' > %{buildroot}/opt/third.dist-info/METADATA
%files
/opt/third.dist-info/METADATA
%files libs
@
Name: zero
Epoch: 0
Version: 5
Release: 6
Summary: x
License: MIT
Vendor: AlmaLinux
%description
x
%files
@
Name: modular
Version: 18.1
Release: 2
Summary: x
License: MIT
Vendor: AlmaLinux
ModularityLabel: nodejs:18:8080020230101:abcdef12
%description
x
%files
`

// TestRealRPMRoot builds packages with rpmbuild, installs them with rpm into a fresh root, and holds the list against rpm -qa.
func TestRealRPMRoot(t *testing.T) {
	need(t, "rpm", "rpmbuild")
	if os.Geteuid() != 0 {
		missing(t, "rpm --root needs root")
	}
	top, root := t.TempDir(), t.TempDir()
	rpm := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
		}
		return string(out)
	}
	for i, spec := range strings.Split(specs, "@") {
		name := filepath.Join(top, string(rune('a'+i))+".spec")
		write(t, top, filepath.Base(name), spec)
		rpm("rpmbuild", "--quiet", "--define", "_topdir "+top, "-bb", name)
	}
	packages, err := filepath.Glob(filepath.Join(top, "RPMS/*/*.rpm"))
	if err != nil || len(packages) != 5 {
		t.Fatalf("built %q, %v", packages, err)
	}
	write(t, root, "etc/os-release", "ID=\"almalinux\"\nVERSION_ID=\"9.4\"\n")
	rpm("rpm", append([]string{"--root", root, "--dbpath", "/var/lib/rpm", "--nodeps", "-i"}, packages...)...)
	inv := run(t, os.DirFS(root), extract.Options{Owned: true})
	var own []inventory.Package
	inv.Packages = slices.DeleteFunc(inv.Packages, func(p inventory.Package) bool {
		if p.FoundBy == "rpm" {
			return false
		}
		own = append(own, p)
		return true
	})
	want := rpmWant(rpm("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "-qa", "--qf", rpmFormat))
	if diff := cmp.Diff(want, rpmLines(inv)); diff != "" || len(want) != 5 || len(inv.Gaps) != 0 {
		t.Errorf("%d packages, gaps %q: %s", len(want), reasons(inv), diff)
	}
	by := map[string]inventory.Package{}
	for _, p := range append(inv.Packages, own...) {
		by[p.Name] = p
	}
	if p := by["epoch"]; p.Version != "7:2.3~rc1-4.el9" || p.PURL != "pkg:rpm/almalinux/epoch@2.3~rc1-4.el9?arch="+p.Arch+"&distro=almalinux-9.4&epoch=7" {
		t.Errorf("got %+v", p)
	}
	if p := by["epoch-libs"]; p.SourceName != "epoch" || p.SourceVersion != "2.3~rc1-4.el9" || p.Version != "7:9.9-4.el9" {
		t.Errorf("got %+v", p)
	}
	if p := by["zero"]; p.Version != "5-6" || strings.Contains(p.PURL, "epoch") {
		t.Errorf("got %+v", p)
	}
	if p := by["modular"]; p.Module != "nodejs:18:8080020230101:abcdef12" {
		t.Errorf("got %+v", p)
	}
	if by["own"].OwnedBy != "plain" || by["third"].OwnedBy != "" {
		t.Errorf("got owners %q and %q, want plain and none: that vendor is not AlmaLinux", by["own"].OwnedBy, by["third"].OwnedBy)
	}
}

func TestRPMDamage(t *testing.T) {
	whole := unzipped(t, "rpmdb/libuuid.gz")
	for _, c := range []struct {
		name, path string
		data       []byte
		want       string
	}{
		{"empty", "var/lib/rpm/Packages", nil, "the file is empty"},
		{"text", "var/lib/rpm/rpmdb.sqlite", []byte(strings.Repeat("x", 5000)), "unknown magic numbers"},
		{"cut", "var/lib/rpm/Packages", whole[:len(whole)/2], "behind the end"},
		{"sqlite_without_table", "var/lib/rpm/rpmdb.sqlite", unzipped(t, "rpmdb/cbl-mariner-2.0.gz")[:4096], "corrupt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := run(t, fstest.MapFS{"etc/os-release": {Data: []byte("ID=rhel\nVERSION_ID=8\n")}, c.path: {Data: c.data}}, extract.Options{})
			wantGap(t, inv, "/"+c.path, c.want)
			wantGap(t, inv, "/"+c.path, "yields no package")
		})
	}
}
