package extract_test

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// cache is where roots that take long to make are kept between runs.
func cache(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HINOMI_TEST_CACHE")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "hinomi-test-cache")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mirror is the Debian mirror that this machine installs from.
func mirror(t *testing.T) string {
	t.Helper()
	names, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, name := range append(names, "/etc/apt/sources.list") {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) >= 2 && (words[0] == "URIs:" || words[0] == "deb") {
				if u := words[1]; strings.HasPrefix(u, "http") && strings.HasSuffix(strings.TrimSuffix(u, "/"), "/debian") {
					return u
				}
			}
		}
	}
	missing(t, "no Debian mirror is configured")
	return ""
}

// debianRoot is a real minimal Debian 12, made by debootstrap.
func debianRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(cache(t), "extract-debian12")
	if _, err := os.Stat(filepath.Join(root, ".complete")); err == nil {
		return root
	}
	need(t, "debootstrap", "dpkg-query")
	if os.Geteuid() != 0 {
		missing(t, "debootstrap needs root")
	}
	made, err := os.MkdirTemp(filepath.Dir(root), "making-debian12-*") //nolint:usetesting // beside the place that it is renamed to
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(made) }) // after a fault, or where another test was first; renamed, it is not there
	out, err := exec.CommandContext(t.Context(), "debootstrap", "--variant=minbase", "--include=python3-yaml", "bookworm", made, mirror(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(made, ".complete"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(made, root); err != nil { // another package's test made the same meanwhile: keep ours for this test
		return made
	}
	return root
}

// TestDebianEqualsDpkgQuery holds the package list of a real root against dpkg's own.
func TestDebianEqualsDpkgQuery(t *testing.T) {
	root := debianRoot(t)
	need(t, "dpkg-query")
	const format = "${db:Status-Abbrev}|${Package}|${Version}|${Architecture}|${source:Package}|${source:Version}\n"
	text, err := exec.CommandContext(t.Context(), "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-W", "-f", format).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "ii |"); ok {
			want = append(want, rest)
		}
	}
	inv := run(t, os.DirFS(root), extract.Options{})
	var got []string
	for _, p := range inv.Packages {
		if p.FoundBy == "dpkg" {
			version := p.SourceVersion
			if version == "" {
				version = p.Version
			}
			got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.SourceName, version}, "|"))
			if p.Ecosystem != inventory.Debian || !strings.HasPrefix(p.PURL, "pkg:deb/debian/") || !strings.HasSuffix(p.PURL, "?arch="+p.Arch+"&distro=debian-12") {
				t.Errorf("got %+v", p)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 80 {
		t.Errorf("%d packages: %s", len(want), diff)
	}
	if len(inv.Gaps) != 0 || inv.OS.Arch == "" || len(inv.Repos) == 0 {
		t.Errorf("got OS %+v, repositories %v, gaps %q", inv.OS, inv.Repos, reasons(inv))
	}
	i := slices.IndexFunc(inv.Packages, func(p inventory.Package) bool { return p.Ecosystem == inventory.PyPI && p.Name == "pyyaml" })
	if i >= 0 || !strings.Contains(strings.Join(inv.Notes, "\n"), "belong to packages of the distribution and were not opened") {
		t.Errorf("got %q, notes %q, want pyyaml, which is python3-yaml's, not to be opened, and a note that says so", short(inv), inv.Notes)
	}
	t.Logf("%d packages equal dpkg-query's", len(want))
}

func TestDpkgStates(t *testing.T) {
	status := func(name, state string) string {
		return "Package: " + name + "\nStatus: " + state + "\nArchitecture: amd64\nVersion: 1\nDescription: x\n more: text\n\n"
	}
	inv := run(t, files(map[string]string{
		"etc/os-release": debian12,
		"var/lib/dpkg/status": status("in", "install ok installed") + status("held", "hold ok installed") + status("half", "install ok half-configured") +
			status("trig", "install ok triggers-pending") + status("conf", "deinstall ok config-files") + status("gone", "purge ok not-installed") +
			"Package: old\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\nPackage: old\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n",
		// dpkg was killed while it ran: its journal says more than its status.
		"var/lib/dpkg/updates/0000":  "Package: old\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 2\n",
		"var/lib/dpkg/updates/0001":  "Package: old\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n",
		"var/lib/dpkg/updates/tmp.i": "Package: no\nStatus: install ok installed\nArchitecture: amd64\nVersion: 9\n",
		// distroless
		"var/lib/dpkg/status.d/base":         "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
		"var/lib/dpkg/status.d/base.md5sums": "0 x\n",
	}), extract.Options{})
	var got []string
	for _, p := range inv.Packages {
		got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.Status}, "|"))
	}
	want := []string{
		"base-files|12.4|amd64|", "half|1|amd64|install ok half-configured", "held|1|amd64|hold ok installed", "in|1|amd64|", "old|1|i386|", "old|2|amd64|",
		"trig|1|amd64|install ok triggers-pending",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(inv.Gaps) != 0 || !strings.Contains(strings.Join(inv.Notes, ""), "2 updates") {
		t.Errorf("got gaps %q, notes %q", reasons(inv), inv.Notes)
	}
}

func TestDpkgDamage(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no_version", "Package: x\nStatus: install ok installed\n\n" + oneDpkg, "without a name or a version"},
		{"no_name", "Status: install ok installed\nVersion: 1\n\n" + oneDpkg, "without a name or a version"},
		{"binary", "\x00\x01\x02\n\n" + oneDpkg, "a line that is no field"},
		{"long_field", "Package: x\nVersion: " + strings.Repeat("1", 100_000) + "\nStatus: install ok installed\n\n" + oneDpkg, "longer than 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := run(t, files(map[string]string{"etc/os-release": debian12, "var/lib/dpkg/status": c.text}), extract.Options{})
			wantGap(t, inv, "/var/lib/dpkg/status", c.want)
			if !slices.Contains(short(inv), "dpkg a 1:2-3") {
				t.Errorf("got %q, want the whole record too", short(inv))
			}
		})
	}
}

// longFS is a dpkg status with one line of a gigabyte, which is made as it is read.
type longFS struct {
	fstest.MapFS
	head, tail string
	line       int64
}

func (l longFS) Open(name string) (fs.File, error) {
	f, err := l.MapFS.Open(name)
	if err != nil || name != "var/lib/dpkg/status" {
		return f, err
	}
	return longFile{f, l}, nil
}

type longFile struct {
	fs.File
	longFS
}

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

func (l longFile) size() int64 { return int64(len(l.head)) + l.line + int64(len(l.tail)) }

func (l longFile) Stat() (fs.FileInfo, error) {
	info, err := l.File.Stat()
	return sized{info, l.size()}, err
}

func (l longFile) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		switch at := off + int64(i); {
		case at < int64(len(l.head)):
			p[i] = l.head[at]
		case at < int64(len(l.head))+l.line:
			p[i] = 'x'
		case at < l.size():
			p[i] = l.tail[at-int64(len(l.head))-l.line]
		default:
			return i, io.EOF
		}
	}
	return len(p), nil
}

func TestDpkgGigabyteLine(t *testing.T) {
	m := files(map[string]string{"etc/os-release": debian12, "var/lib/dpkg/status": "x"})
	start := time.Now()
	inv, peak := measured(t, longFS{m, oneDpkg + "\nPackage: b\nDescription: ", "\nVersion: 5\nStatus: install ok installed\n", 1 << 30}, extract.Options{})
	wantGap(t, inv, "/var/lib/dpkg/status", "over the limit", "1073741")
	if !slices.Contains(short(inv), "dpkg a 1:2-3") || peak > 32<<20 {
		t.Errorf("got %q with %d MiB", short(inv), peak>>20)
	}
	inv, peak = measured(t, longFS{m, oneDpkg + "\nPackage: b\nDescription: ", "\nVersion: 5\nStatus: install ok installed\n", 1 << 30}, extract.Options{MaxFileBytes: 2 << 30})
	if diff := cmp.Diff([]string{"dpkg a 1:2-3", "dpkg b 5"}, short(inv)); diff != "" || peak > 32<<20 || len(inv.Gaps) != 0 {
		t.Errorf("got %d MiB, gaps %q, %s", peak>>20, reasons(inv), diff)
	}
	t.Logf("a line of 1 GiB twice: %v, peak %d MiB", time.Since(start).Round(time.Millisecond), peak>>20)
}

// TestOwned holds apart what the distribution patches and what not.
func TestOwned(t *testing.T) {
	meta := func(n string) string { return "Name: " + n + "\nVersion: 1\n" }
	own := "Package: python3-x\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nMaintainer: A <a@lists.debian.org>\n\n"
	third := "Package: vendor-x\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nMaintainer: B <b@example.com>\n\n"
	gone := "Package: gone-x\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\nMaintainer: A <a@debian.org>\n"
	root := files(map[string]string{
		"etc/os-release": debian12, "var/lib/dpkg/status": own + third + gone,
		"usr/lib/python3/dist-packages/own.dist-info/METADATA":    meta("own"),
		"usr/lib/python3/dist-packages/merged.dist-info/METADATA": meta("merged"),
		"usr/lib/vendor/third.dist-info/METADATA":                 meta("third"),
		"usr/lib/gone.dist-info/METADATA":                         meta("gone"),
		"usr/local/lib/pip.dist-info/METADATA":                    meta("pip"),
		"var/lib/dpkg/info/python3-x.list":                        "/.\n/usr/lib/python3/dist-packages/own.dist-info/METADATA\n/lib/python3/dist-packages/merged.dist-info/METADATA\n",
		"var/lib/dpkg/info/vendor-x:amd64.list":                   "/usr/lib/vendor/third.dist-info/METADATA\n",
		"var/lib/dpkg/info/gone-x.list":                           "/usr/lib/gone.dist-info/METADATA\n",
	})
	for owned, want := range map[bool]map[string]string{
		false: {"third": "", "gone": "", "pip": ""},
		true:  {"own": "python3-x", "merged": "python3-x", "third": "", "gone": "", "pip": ""},
	} {
		inv := run(t, root, extract.Options{Owned: owned})
		got := map[string]string{}
		for _, p := range inv.Packages {
			if p.FoundBy == "python" {
				got[p.Name] = p.OwnedBy
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("owned %v: %s", owned, diff)
		}
		if said := slices.ContainsFunc(inv.Notes, func(n string) bool { return strings.HasPrefix(n, "2 files of software belong to") }); said == owned {
			t.Errorf("owned %v: got notes %q", owned, inv.Notes)
		}
	}
}
